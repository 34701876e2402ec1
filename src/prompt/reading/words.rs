//! Lists written as text: separators, list markers, and what is left of an item without markup.

use std::collections::BTreeSet;

use super::{KEYWORD_CHARS_MAX, KEYWORDS_MAX, Leniency, Notes, fold};

/// Markup and quotation marks that may stand around an item.
const AROUND: [char; 20] = [
    '*', '_', '`', '"', '\'', '“', '”', '‘', '’', '「', '」', '『', '』', '《', '》', '[', ']',
    '【', '】', '~',
];

/// What models write when they have no keyword to give.
const PLACEHOLDERS: [&str; 4] = ["none", "n/a", "无", "没有"];

/// Whether the line opens or closes a code block.
pub(super) fn is_fence(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("```") || line.starts_with("~~~")
}

/// Splits a line where lists are split in English and Chinese.
pub(super) fn split(line: &str, notes: &mut Notes) -> Vec<String> {
    notes.note_if(line.contains(['，', '；']), Leniency::FullWidthComma);
    notes.note_if(line.contains([';', '|', '｜', '•']), Leniency::OtherSeparator);
    let parts: Vec<&str> =
        line.split(is_separator).map(str::trim).filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        [only] if is_spaced_chinese(only) => {
            notes.note(Leniency::OtherSeparator);
            only.split_whitespace().map(str::to_owned).collect()
        }
        several => several.iter().map(|&part| part.to_owned()).collect(),
    }
}

pub(super) fn is_separator(c: char) -> bool {
    matches!(c, ',' | '，' | '、' | ';' | '；' | '|' | '｜' | '•' | '\n')
}

/// Chinese has no spaces inside a word, so there they can only stand between words.
fn is_spaced_chinese(text: &str) -> bool {
    text.contains(char::is_whitespace)
        && text.chars().all(|c| c.is_whitespace() || ('\u{4e00}'..='\u{9fff}').contains(&c))
}

/// What follows the marker of a list item: `- a`, `• a`, `1. a`, `2) a`, `（3）a`, `4、a`.
pub(super) fn list_item(line: &str) -> Option<&str> {
    let line = line.trim();
    if let Some(item) = line.strip_prefix(['*', '+']) {
        return item.starts_with(char::is_whitespace).then(|| item.trim());
    }
    if let Some(item) = line.strip_prefix(['-', '–', '—', '•', '·', '‣']) {
        return Some(item.trim());
    }
    let (_, behind) = numbered_item(line)?;
    Some(behind)
}

/// The number and the text of a numbered list item.
pub(super) fn numbered_item(line: &str) -> Option<(u32, &str)> {
    let opened = line.trim().trim_start_matches(['(', '（']);
    let behind = opened.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = opened.strip_suffix(behind)?;
    let item = behind.strip_prefix(['.', ')', '）', '、', '．'])?;
    // `1.5 mm` is not the first item of a list.
    if item.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    Some((digits.parse().ok()?, item.trim()))
}

/// An item without markup, quotation marks, a final full stop, or doubled space.
pub(super) fn clean(item: &str, notes: &mut Notes) -> String {
    let plain = item.trim().trim_end_matches(['.', '。']).trim_end();
    let bare = plain
        .trim_start_matches('#')
        .trim_matches(|c: char| AROUND.contains(&c) || c.is_whitespace())
        .trim_end_matches(['.', '。']);
    notes.note_if(bare.len() < plain.len(), Leniency::MarkupStripped);
    bare.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The keywords worth keeping: clean, each once, within the limits.
pub(super) fn keep_keywords(items: Vec<String>, notes: &mut Notes) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    let mut seen = BTreeSet::new();
    for item in items {
        let unmarked = list_item(&item);
        notes.note_if(unmarked.is_some(), Leniency::MarkupStripped);
        let keyword = clean(unmarked.unwrap_or(&item), notes);
        if !keyword.contains(char::is_alphanumeric) {
            notes.note(Leniency::EmptyDropped);
        } else if keyword.contains(['{', '}']) {
            notes.note(Leniency::UnknownDropped);
        } else if keyword.chars().count() > KEYWORD_CHARS_MAX {
            notes.note(Leniency::TooLongDropped);
        } else if !seen.insert(fold(&keyword)) {
            notes.note(Leniency::DuplicateDropped);
        } else if kept.len() == KEYWORDS_MAX {
            notes.note(Leniency::TooManyCut);
        } else {
            kept.push(keyword);
        }
    }
    match kept.as_slice() {
        [only] if PLACEHOLDERS.contains(&fold(only).as_str()) => Vec::new(),
        _ => kept,
    }
}
