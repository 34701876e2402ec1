//! A guess at tokens, for estimates before anything was asked; what was used, services tell.

use super::ChatRequest;

/// What a picture of at most 800 × 800 pixels counts as: the largest of the usual tilings.
const PICTURE_TOKENS: u64 = 1_600;
/// Role names and separators around each message.
const MESSAGE_TOKENS: u64 = 4;

/// About how many tokens a request sends: one for each letter of a script without spaces, one
/// for every four bytes of anything else.
pub fn tokens_of(request: &ChatRequest) -> u64 {
    let messages: u64 =
        request.messages.iter().map(|(_, text)| MESSAGE_TOKENS + of_text(text)).sum();
    let shape = request.schema.as_ref().map_or(0, |schema| of_text(&schema.schema.to_string()));
    let picture = request.picture.as_ref().map_or(0, |_| PICTURE_TOKENS);
    messages + shape + picture
}

/// The same for any text.
pub fn of_text(text: &str) -> u64 {
    let (dense, other) = text.chars().fold((0_u64, 0_u64), |(dense, other), c| {
        if is_dense(c) { (dense + 1, other) } else { (dense, other + c.len_utf8() as u64) }
    });
    dense + other.div_ceil(4)
}

/// Chinese, Japanese and Korean letters and punctuation.
fn is_dense(c: char) -> bool {
    matches!(u32::from(c), 0x2E80..=0x9FFF | 0xAC00..=0xD7AF | 0xF900..=0xFAFF | 0xFF00..=0xFFEF | 0x20000..=0x3FFFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_count_by_four_bytes_and_chinese_by_the_letter() {
        assert_eq!(of_text(""), 0);
        assert_eq!(of_text("a table round"), 4);
        assert_eq!(of_text("关键词：甲、乙"), 7);
    }
}
