//! What comes before any reading: limits, invisible characters, thinking, and replies that are
//! not a model's words at all.

use super::{Leniency, Notes, REPLY_BYTES_MAX, Why, fold, thinking};

/// Longest text taken for an error message, in characters; a longer one is somebody's speech.
const ERROR_CHARS_MAX: usize = 300;

/// How error messages of services and gateways begin, folded.
///
/// A speech that begins like this is refused with them: asking again costs one call, an error
/// kept as a speech is a false result.
const ERROR_OPENINGS: [&str; 16] = [
    "error:",
    "error code",
    "[error",
    "api error",
    "upstream error",
    "upstream connect error",
    "internal server error",
    "bad gateway",
    "service unavailable",
    "too many requests",
    "rate limit exceeded",
    "错误:",
    "系统错误",
    "服务器错误",
    "生成失败",
    "请求失败",
];

/// Marks of the end of a turn that local servers leave in the text.
const END_TOKENS: [&str; 6] =
    ["</s>", "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end|>", "<end_of_turn>"];

/// The reply's visible words: no thinking, no invisible characters, line feeds only, trimmed.
pub(super) fn open(reply: &str) -> Result<(String, Notes), Why> {
    if reply.len() > REPLY_BYTES_MAX {
        return Err(Why::TooLong);
    }
    let mut notes = Notes::default();
    let visible = visible(reply, &mut notes);
    let ended = without_end_tokens(visible.trim(), &mut notes);
    let spoken = match thinking::strip_leading(ended) {
        Some(rest) => {
            notes.note(Leniency::ThinkingStripped);
            rest.trim()
        }
        None => ended,
    };
    if spoken.is_empty() {
        let thought = notes.0.contains(&Leniency::ThinkingStripped);
        return Err(if thought { Why::OnlyThinking } else { Why::Empty });
    }
    refuse_foreign(spoken)?;
    Ok((spoken.to_owned(), notes))
}

fn visible(reply: &str, notes: &mut Notes) -> String {
    let marked = reply.trim_start();
    let unmarked = marked.trim_start_matches('\u{feff}');
    notes.note_if(unmarked.len() < marked.len(), Leniency::ByteOrderMark);
    notes.note_if(unmarked.contains('\r'), Leniency::LineEndings);
    let lines = unmarked.replace("\r\n", "\n").replace('\r', "\n");
    let is_visible = |c: &char| !c.is_control() || matches!(c, '\n' | '\t');
    notes.note_if(!lines.chars().all(|c| is_visible(&c)), Leniency::ControlCharacters);
    lines.chars().filter(is_visible).collect()
}

fn without_end_tokens<'t>(text: &'t str, notes: &mut Notes) -> &'t str {
    let mut rest = text;
    while let Some(before) = END_TOKENS.iter().find_map(|token| rest.strip_suffix(token)) {
        notes.note(Leniency::EndTokenStripped);
        rest = before.trim_end();
    }
    rest
}

/// Refuses what a proxy or a client library said in the model's place.
fn refuse_foreign(text: &str) -> Result<(), Why> {
    let opening: String = text.chars().take(ERROR_CHARS_MAX).collect();
    let opening = fold(&opening);
    if opening.starts_with("<!doctype html") || opening.starts_with("<html") {
        return Err(Why::HtmlPage);
    }
    let short = text.chars().count() <= ERROR_CHARS_MAX;
    if short && ERROR_OPENINGS.iter().any(|e| opening.starts_with(e)) {
        return Err(Why::ErrorMessage);
    }
    Ok(())
}
