//! The keywords list in a text: its heading, its items, and the text around it.

use super::fields::Key;
use super::json::Json;
use super::{Leniency, Notes, Why, fold, search, words};

/// How a keywords line may begin, folded. The first two are what we ask for.
const HEADINGS: [&str; 18] = [
    "keywords",
    "关键词",
    "keyword",
    "key words",
    "key-words",
    "my keywords",
    "final keywords",
    "design keywords",
    "关键字",
    "關鍵詞",
    "關鍵字",
    "设计关键词",
    "核心关键词",
    "我的关键词",
    "关键词是",
    "关键词有",
    "关键词如下",
    "the keywords are",
];

/// What may begin the keywords in the middle of a line: only what we ask for, written as we do.
const MARKERS: [&str; 3] = ["KEYWORDS", "Keywords", "关键词"];
/// What the sentence before such a marker ends with.
const SENTENCE_ENDS: [char; 12] = ['.', '!', '?', '。', '！', '？', '…', '"', '”', '」', ')', '）'];

/// Longest beginning of a line that can be a heading, in characters.
const HEADING_CHARS_MAX: usize = 40;

const KEYWORDS: Key = Key { name: "keywords", aliases: &["keyword", "关键词", "key words"] };

type Items = Result<Vec<String>, Why>;

/// The last keywords list of a text, and the lines before and after it.
pub(super) struct KeywordsList<'t> {
    before: Vec<&'t str>,
    /// The items as they are written, or why the JSON they are written in cannot be read.
    pub(super) items: Items,
    pub(super) after: Vec<&'t str>,
}

impl<'t> KeywordsList<'t> {
    pub(super) fn find(lines: &[&'t str], notes: &mut Notes) -> Option<Self> {
        let own_line =
            lines.iter().enumerate().rev().find_map(|(at, line)| Some((at, heading(line)?)));
        let Some((at, inline)) = own_line else {
            return Self::in_last_line(lines, notes);
        };
        let (before, from) = lines.split_at(at);
        let (title, below) = from.split_first()?;
        let markup = |c: char| !c.is_alphanumeric() && !c.is_whitespace();
        notes.note_if(title.trim().starts_with(markup), Leniency::MarkupStripped);
        let (items, taken) = if inline.contains(|c: char| c.is_alphanumeric() || c == '[') {
            items_of_line(inline, below, notes)
        } else {
            items_below(below, notes)
        };
        let after = below.iter().skip(taken).copied();
        Some(Self {
            before: before.to_vec(),
            items,
            after: after.filter(|line| !line.trim().is_empty() && !words::is_fence(line)).collect(),
        })
    }

    /// The list behind the last sentence of the last line: `… so I would. KEYWORDS: a, b`.
    fn in_last_line(lines: &[&'t str], notes: &mut Notes) -> Option<Self> {
        let (last, before) = lines.split_last()?;
        let (sentence, inline) = MARKERS.iter().find_map(|marker| {
            let (sentence, inline) = last.rsplit_once(marker)?;
            let sentence = sentence.trim_end_matches([' ', '*', '_', '【']);
            let inline =
                inline.trim_start_matches(['*', '_', '】', ' ']).strip_prefix([':', '：'])?;
            sentence.ends_with(SENTENCE_ENDS).then_some((sentence, inline))
        })?;
        notes.note(Leniency::KeywordsInText);
        let items = items_of(inline, notes);
        let before = before.iter().copied().chain([sentence]).collect();
        Some(Self { before, items, after: Vec::new() })
    }

    /// The text around the list, without fences and rules that set the list apart.
    pub(super) fn other_text(&self, notes: &mut Notes) -> String {
        let mut before = unfence(self.before.clone(), notes);
        while let Some(line) = before.last() {
            let is_rule = line.trim().len() >= 3 && line.trim().chars().all(|c| c == '-');
            if !is_rule && !line.trim().is_empty() {
                break;
            }
            notes.note_if(is_rule, Leniency::MarkupStripped);
            before.pop();
        }
        let before = before.join("\n");
        let parts = [before.trim(), &self.after.join("\n")];
        parts.join("\n\n").trim().to_owned()
    }
}

/// What stands behind the heading, if the line begins with one.
fn heading(line: &str) -> Option<&str> {
    let (head, inline) = line.split_once([':', '：', '】']).unwrap_or((line.trim(), ""));
    if head.chars().count() > HEADING_CHARS_MAX {
        return None;
    }
    let head = fold(head);
    let names: Vec<&str> = head
        .split(['/', '(', ')', '|'])
        .map(|name| name.trim_matches(|c: char| !c.is_alphanumeric()))
        .filter(|name| !name.is_empty())
        .collect();
    let is_heading = !names.is_empty() && names.iter().all(|name| HEADINGS.contains(name));
    is_heading.then_some(inline.trim_start_matches([':', '：', ' ']))
}

/// The items on the heading's own line, and how many of the lines below belong to it: a line
/// that ends in a separator, or an open bracket, goes on below.
fn items_of_line(inline: &str, below: &[&str], notes: &mut Notes) -> (Items, usize) {
    let mut line = inline.to_owned();
    let mut taken = 0;
    let goes_on = |line: &str| {
        let open = line.trim_start().starts_with('[') && !line.contains(']');
        open || line.trim_end().ends_with(words::is_separator)
    };
    while goes_on(&line)
        && let Some(next) = below.get(taken)
        && !words::is_fence(next)
        && !next.trim().is_empty()
    {
        line.push('\n');
        line.push_str(next);
        taken += 1;
    }
    (items_of(&line, notes), taken)
}

/// The items in the lines below a heading, and how many lines they take.
fn items_below(below: &[&str], notes: &mut Notes) -> (Items, usize) {
    let is_blank = |line: &&str| line.trim().is_empty() || words::is_fence(line);
    let start = below.iter().take_while(|line| is_blank(line)).count();
    let lines = below.get(start..).unwrap_or_default();
    let Some(first) = lines.first() else {
        return (Ok(Vec::new()), start);
    };
    if first.trim_start().starts_with(['[', '{']) {
        return (items_of(&lines.join("\n"), notes), below.len());
    }
    if words::list_item(first).is_none() {
        let block: Vec<&str> = lines.iter().copied().take_while(|line| !is_blank(line)).collect();
        notes.note(Leniency::ListForLine);
        return (Ok(split_all(&block, notes)), start + block.len());
    }
    let in_list = |line: &&&str| is_blank(line) || words::list_item(line).is_some();
    let block: Vec<&str> = lines.iter().take_while(in_list).copied().collect();
    notes.note(Leniency::ListForLine);
    let marked: Vec<&str> = block.iter().filter_map(|line| words::list_item(line)).collect();
    (Ok(split_all(&marked, notes)), start + block.len())
}

/// The items of one list, which may be JSON.
fn items_of(line: &str, notes: &mut Notes) -> Items {
    if line.trim_start().starts_with(['[', '{'])
        && let Some(items) = json_items(line, notes)?
    {
        return Ok(items);
    }
    Ok(words::split(line, notes))
}

/// The keywords in a JSON array or in an object that has them, `None` if there is no JSON.
pub(super) fn json_items(text: &str, notes: &mut Notes) -> Result<Option<Vec<String>>, Why> {
    let mut forgiven = Notes::default();
    let found = match search::find(text, &mut forgiven) {
        Ok(found) => found,
        Err(Why::NoJson) => return Ok(None),
        Err(why) => return Err(why),
    };
    let list = match found {
        Json::Object(mut fields) => {
            let list = KEYWORDS.take(&mut fields, &mut forgiven);
            list.ok_or(Why::WrongShape)?
        }
        list => list,
    };
    let items = match list {
        Json::List(items) => texts(items, &mut forgiven),
        Json::Text(line) => words::split(&line, &mut forgiven),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_) => {
            return Err(Why::WrongShape);
        }
    };
    notes.extend(forgiven);
    notes.note(Leniency::ListForLine);
    Ok(Some(items))
}

fn texts(items: Vec<Json>, notes: &mut Notes) -> Vec<String> {
    let mut texts = Vec::new();
    for item in items {
        match item.into_text(notes) {
            Some(text) => texts.push(text),
            None => notes.note(Leniency::UnknownDropped),
        }
    }
    texts
}

pub(super) fn split_all(lines: &[&str], notes: &mut Notes) -> Vec<String> {
    lines.iter().flat_map(|line| words::split(line, notes)).collect()
}

/// Drops the fences of a text that is one code block, and a fence left over at either end.
pub(super) fn unfence<'t>(mut lines: Vec<&'t str>, notes: &mut Notes) -> Vec<&'t str> {
    let fences = lines.iter().filter(|line| words::is_fence(line)).count();
    let first = lines.first().is_some_and(|line| words::is_fence(line));
    let last = lines.len() > 1 && lines.last().is_some_and(|line| words::is_fence(line));
    let all = first && last && fences == 2;
    let odd = fences % 2 == 1;
    if all || (odd && last) {
        lines.pop();
        notes.note(Leniency::FenceStripped);
    }
    if all || (odd && first && !last) {
        lines.remove(0);
        notes.note(Leniency::FenceStripped);
    }
    lines
}
