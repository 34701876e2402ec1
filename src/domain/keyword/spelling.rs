//! When two spellings are one keyword.

use unicode_normalization::UnicodeNormalization;

/// Longest keyword, in characters. What is longer is a sentence.
pub const KEYWORD_CHARS_MAX: usize = 60;

/// Opening brackets and their partners, as NFKC leaves them.
const BRACKETS: [(char, char); 11] = [
    ('(', ')'),
    ('[', ']'),
    ('{', '}'),
    ('<', '>'),
    ('〈', '〉'),
    ('《', '》'),
    ('【', '】'),
    ('〔', '〕'),
    ('〖', '〗'),
    ('「', '」'),
    ('『', '』'),
];

/// Quotes, list marks and punctuation that say nothing at either end of a keyword, as NFKC leaves
/// them. Signs that carry meaning (`c++`, `100%`) are not among them.
const TRIMMINGS: &str = "\"'`´“”„‟‘’‚‛«»‹›〝〞.,;:!?¡¿、。・·•●○◦▪■*_~|/\\-‐–—―=…";

/// The form in which keywords are compared: [`tidy`], in lower case.
///
/// `None` when nothing is left, or more than [`KEYWORD_CHARS_MAX`] characters.
pub fn normalise(text: &str) -> Option<String> {
    let lower: String = tidy(text)?.to_lowercase().nfkc().collect();
    (lower.chars().count() <= KEYWORD_CHARS_MAX).then_some(lower)
}

/// The form in which keywords are shown: compatibility forms unified (NFKC), invisible characters
/// removed, white space folded, and quotes, brackets, list marks and punctuation around it dropped.
///
/// `None` when nothing is left, or more than [`KEYWORD_CHARS_MAX`] characters.
pub fn tidy(text: &str) -> Option<String> {
    let visible: String = text.nfkc().filter(|character| !is_invisible(*character)).collect();
    let words: Vec<&str> = visible
        .split(|character: char| character.is_whitespace() || character.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    let words = words.join(" ");
    let bare = bare(&words);
    let length = bare.chars().count();
    (1..=KEYWORD_CHARS_MAX).contains(&length).then(|| bare.to_owned())
}

/// Zero-width and direction marks that models copy from web pages. Joiners stay: scripts and emoji
/// need them.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2060}' | '\u{FEFF}' | '\u{00AD}')
}

/// `text` without what merely surrounds it.
fn bare(text: &str) -> &str {
    let mut text = text;
    loop {
        let trimmed = without_bracket(text.trim_start_matches('#').trim_matches(is_trimming));
        if trimmed == text {
            return text;
        }
        text = trimmed;
    }
}

fn is_trimming(character: char) -> bool {
    character == ' ' || TRIMMINGS.contains(character)
}

/// Drops brackets around the whole text, and one at an end that has no partner.
fn without_bracket(text: &str) -> &str {
    let first = text.chars().next();
    let last = text.chars().next_back();
    for (open, close) in BRACKETS {
        if first == Some(open) {
            let rest = text.strip_prefix(open).unwrap_or(text);
            match closing_partner(rest.chars(), open, close) {
                Some(0) => return rest.strip_suffix(close).unwrap_or(rest),
                Some(_) => {}
                None => return rest,
            }
        }
        if last == Some(close) {
            let rest = text.strip_suffix(close).unwrap_or(text);
            if closing_partner(rest.chars().rev(), close, open).is_none() {
                return rest;
            }
        }
    }
    text
}

/// How many characters follow the one that closes a bracket opened just before `rest`.
fn closing_partner(mut rest: impl Iterator<Item = char>, open: char, close: char) -> Option<usize> {
    let mut depth = 1_usize;
    while depth > 0 {
        match rest.next()? {
            character if character == open => depth += 1,
            character if character == close => depth -= 1,
            _ => {}
        }
    }
    Some(rest.count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spellings_that_mean_the_same_are_one_keyword() {
        let check = |text: &str, expected: &str| {
            assert_eq!(normalise(text).as_deref(), Some(expected), "{text:?}");
        };
        check("Butterfly", "butterfly");
        check("  paper \t\n cut ", "paper cut");
        check("“Paper Cut”", "paper cut");
        check("**Symmetry**", "symmetry");
        check("- wing,", "wing");
        check("#heritage", "heritage");
        check("[\"light\"]", "light");
        check("【蝴蝶】。", "蝴蝶");
        check("（对称）", "对称");
        check("《蝴蝶》纹样", "《蝴蝶》纹样");
        check("ＤＩＹ\u{3000}ｋｉｔ", "diy kit");
        check("zero\u{200B}width", "zerowidth");
        check("ﬁne lines", "fine lines");
        check("Cafe\u{301}", "café");
        check("STRASSE", "strasse");
        // Only the small letter has a form of its own with the caron.
        check("J\u{30C}", "\u{1F0}");
        check("🦋", "🦋");
    }

    #[test]
    fn what_carries_meaning_is_kept() {
        let check = |text: &str, expected: &str| {
            assert_eq!(tidy(text).as_deref(), Some(expected), "{text:?}");
        };
        check("C++", "C++");
        check("C#", "C#");
        check("100% cotton", "100% cotton");
        check("scale (1:10)", "scale (1:10)");
        check("(re)use (again)", "(re)use (again)");
        check("(whole)", "whole");
        check("((nested))", "nested");
        check("(left over", "left over");
        check("left over)", "left over");
        check("Paper-Cut", "Paper-Cut");
    }

    #[test]
    fn nothing_and_sentences_are_no_keywords() {
        let check = |text: &str| assert_eq!(normalise(text), None, "{text:?}");
        check("");
        check(" \n ");
        check("\"\"");
        check("```");
        check("……");
        check("()");
        check(&"x".repeat(61));
        check(&"蝶".repeat(61));
        assert!(normalise(&"x".repeat(60)).is_some());
        assert!(normalise(&"蝶".repeat(60)).is_some());
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(text in "\\PC{0,30}") {
            if let Some(once) = normalise(&text) {
                prop_assert_eq!(normalise(&once), Some(once.clone()));
                prop_assert_eq!(tidy(&text).and_then(|tidied| normalise(&tidied)), Some(once));
            }
        }

        #[test]
        fn trimming_twice_changes_nothing(text in "[a蝶()【】“”#. ,＋（)]{0,12}") {
            if let Some(once) = tidy(&text) {
                prop_assert_eq!(tidy(&once), Some(once.clone()));
            }
        }
    }
}
