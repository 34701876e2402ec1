//! Replies that should be a list of keywords and nothing else.

use super::keywords_list::{KeywordsList, json_items, split_all, unfence};
use super::{Leniency, Notes, Read, Unreadable, Why, opening, words};

/// Fewest items that make an unmarked line a list rather than a sentence.
const BARE_ITEMS_MIN: usize = 3;
/// Longest item of an unmarked list, in words and in characters.
const BARE_ITEM_WORDS_MAX: usize = 5;
const BARE_ITEM_CHARS_MAX: usize = 30;

/// Reads a reply that should be a keywords line only; a JSON array or a bare list will do.
///
/// A sentence is not a list: its parts between commas are nobody's keywords.
pub fn keywords(reply: &str) -> Result<Read<Vec<String>>, Unreadable> {
    let (text, mut notes) = opening::open(reply)?;
    let lines = unfence(text.lines().collect(), &mut notes);
    let items = items(&lines, &mut notes)?;
    let keywords = words::keep_keywords(items, &mut notes);
    if keywords.is_empty() {
        return Err(Why::NoKeywords.into());
    }
    Ok(notes.read(keywords))
}

fn items(lines: &[&str], notes: &mut Notes) -> Result<Vec<String>, Why> {
    let text = lines.join("\n");
    let begins_as_json = text.trim_start().starts_with(['[', '{', '"']);
    // In JSON, a line that begins with "keywords" is no heading; in prose, brackets are no list.
    if begins_as_json && let Some(items) = json_items(&text, notes)? {
        return Ok(items);
    }
    if let Some(list) = KeywordsList::find(lines, notes) {
        let other_text = list.other_text(notes);
        notes.note_if(!other_text.is_empty(), Leniency::ProseAround);
        return list.items;
    }
    if let Some(items) = json_items(&text, notes)? {
        return Ok(items);
    }
    bare_items(lines, notes).ok_or(Why::NoKeywords)
}

/// A list without a heading: marked lines, or words that cannot be a sentence.
fn bare_items(lines: &[&str], notes: &mut Notes) -> Option<Vec<String>> {
    let (introduction, rest): (Vec<&str>, Vec<&str>) = lines
        .iter()
        .copied()
        .filter(|line| !line.trim().is_empty())
        .partition(|line| line.trim_end().ends_with([':', '：']));
    notes.note_if(!introduction.is_empty(), Leniency::ProseAround);
    let marked: Option<Vec<&str>> = rest.iter().map(|line| words::list_item(line)).collect();
    if let Some(marked) = marked.filter(|items| !items.is_empty()) {
        notes.note(Leniency::ListForLine);
        return Some(split_all(&marked, notes));
    }
    let items = split_all(&rest, notes);
    notes.note_if(rest.len() > 1, Leniency::ListForLine);
    let is_list = items.len() >= BARE_ITEMS_MIN && items.iter().all(|item| is_bare_item(item));
    is_list.then_some(items)
}

fn is_bare_item(item: &str) -> bool {
    item.split_whitespace().count() <= BARE_ITEM_WORDS_MAX
        && item.chars().count() <= BARE_ITEM_CHARS_MAX
        && !item.contains(['.', '!', '?', '。', '！', '？', ':', '：'])
}
