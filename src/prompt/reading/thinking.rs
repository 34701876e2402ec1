//! Thinking aloud before the answer, as reasoning models leave it in the text.
//!
//! Only a *leading* block goes. The opening tag may be missing, because some chat templates put
//! it into the prompt, and the closing one may be missing, because the budget ran out. A tag that
//! is talked about later in the text stays.

/// Opening and closing tags, in lower case.
const TAGS: [(&str, &str); 3] =
    [("<think>", "</think>"), ("<thinking>", "</thinking>"), ("<thought>", "</thought>")];

/// The text behind the leading thinking, or `None` if it does not begin with any.
///
/// Thinking that never ends leaves nothing.
pub(super) fn strip_leading(text: &str) -> Option<&str> {
    // ASCII lower case keeps every byte's place, so positions hold for both.
    let lower = text.to_ascii_lowercase();
    let mut end = block_end(text, &lower, 0).or_else(|| unopened_end(text, &lower))?;
    while let Some(next) = block_end(text, &lower, end) {
        end = next;
    }
    Some(text.split_at(end).1)
}

/// Where the block ends that begins at `from`, space aside.
fn block_end(text: &str, lower: &str, from: usize) -> Option<usize> {
    let rest = lower.split_at(from).1.trim_start();
    let (_, close) = TAGS.iter().find(|(open, _)| rest.starts_with(open))?;
    let start = lower.len() - rest.len();
    let (text, lower) = (text.split_at(start).1, rest);
    let close_at = ends(text, lower, close).next().or_else(|| lower.find(close));
    Some(start + close_at.map_or(text.len(), |at| at + close.len()))
}

/// Where thinking ends that a prompt template began.
fn unopened_end(text: &str, lower: &str) -> Option<usize> {
    TAGS.iter().find_map(|(open, close)| {
        let close_at = ends(text, lower, close).next()?;
        let opened = lower.find(open).is_some_and(|at| at < close_at);
        (!opened).then_some(close_at + close.len())
    })
}

/// Where closing tags stand that end something, rather than being talked about.
fn ends<'t>(text: &'t str, lower: &'t str, close: &'t str) -> impl Iterator<Item = usize> {
    lower.match_indices(close).map(|(at, _)| at).filter(move |&at| !is_mention(text, at, close))
}

/// A tag in the middle of a line with space or quotes on both sides is a word of a sentence.
fn is_mention(text: &str, at: usize, close: &str) -> bool {
    let (before, from) = text.split_at(at);
    let after = from.split_at(close.len()).1;
    let sets_apart =
        |c: char| matches!(c, ' ' | '`' | '"' | '\'' | '“' | '”' | '‘' | '’' | '「' | '」');
    let left = before.chars().next_back().is_some_and(sets_apart);
    let right =
        after.chars().next().is_some_and(|c| sets_apart(c) || matches!(c, ',' | '.' | '，' | '。'));
    left && right
}
