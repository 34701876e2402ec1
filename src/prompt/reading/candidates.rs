//! Who can be voted for, and the ways in which a reply names them.
//!
//! A vote counts only if the reply names the candidate. A name that fits two candidates, or an id
//! with another's label, is nobody's.

use super::fields::Key;
use super::json::{Json, Object};
use super::{Leniency, Notes, Why, fold, words};

const ID: Key =
    Key { name: "id", aliases: &["candidate", "candidate_id", "card", "card_id", "候选"] };

/// Longest word that is taken for an id, in characters.
const ID_CHARS_MAX: usize = 8;

/// Those who can be voted for: id and, where voters see one, label.
pub(super) struct Candidates<'a>(pub(super) Vec<(&'a str, Option<&'a str>)>);

impl Candidates<'_> {
    /// The ids that are meant, each once; what is none of ours is dropped and noted.
    pub(super) fn resolve_all(&self, named: Vec<String>, notes: &mut Notes) -> Vec<String> {
        let mut ids: Vec<String> = Vec::new();
        for name in named {
            match self.resolve(&name, notes) {
                None => notes.note(Leniency::UnknownDropped),
                Some(id) if ids.iter().any(|known| known == id) => {
                    notes.note(Leniency::DuplicateDropped);
                }
                Some(id) => ids.push(id.to_owned()),
            }
        }
        ids
    }

    fn resolve(&self, name: &str, notes: &mut Notes) -> Option<&str> {
        let name = name.trim();
        if let Some((id, _)) = self.0.iter().find(|(id, _)| *id == name) {
            return Some(id);
        }
        let folded = fold(name);
        if let Some(id) = self.only(|id, _| fold(id) == folded) {
            notes.note(Leniency::CaseFolded);
            return Some(id);
        }
        let by_label = |_: &str, label: Option<&str>| label.is_some_and(|l| fold(l) == folded);
        let id = self
            .only(by_label)
            .or_else(|| self.only(|id, label| is_id_with_label(&folded, id, label)))?;
        notes.note(Leniency::LabelForId);
        Some(id)
    }

    /// The id of the one candidate that fits; two that fit are none.
    fn only(&self, fits: impl Fn(&str, Option<&str>) -> bool) -> Option<&str> {
        let mut fitting = self.0.iter().filter(|(id, label)| fits(id, *label));
        let (id, _) = fitting.next()?;
        fitting.next().is_none().then_some(*id)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.resolve(name, &mut Notes::default()).is_some()
    }
}

/// `c1: Butterfly`, `c1 - Butterfly` or `c1 (Butterfly)`: the id and its own label, no other's.
fn is_id_with_label(folded: &str, id: &str, label: Option<&str>) -> bool {
    let Some(label) = label else { return false };
    let Some(behind) = folded.strip_prefix(&fold(id)) else {
        return false;
    };
    let between = |c: char| c.is_whitespace() || matches!(c, ':' | '-' | '–' | '(' | ')' | '.');
    behind.starts_with(between) && behind.trim_matches(between) == fold(label)
}

/// `{"c1": true, "c2": false}`: every key a candidate and every value a yes or no.
pub(super) fn yes_in(
    fields: Object,
    candidates: &Candidates<'_>,
    notes: &mut Notes,
) -> Result<Vec<String>, Why> {
    let mut named = Vec::new();
    for (name, value) in fields {
        match value {
            Json::Bool(yes) if candidates.has(&name) => named.extend(yes.then_some(name)),
            Json::Null
            | Json::Bool(_)
            | Json::Number(_)
            | Json::Text(_)
            | Json::List(_)
            | Json::Object(_) => return Err(Why::WrongShape),
        }
    }
    notes.note(Leniency::MapForList);
    Ok(named)
}

/// The names in a list of ids, of objects with an id, or in one line.
pub(super) fn names_in(
    answer: Json,
    candidates: &Candidates<'_>,
    notes: &mut Notes,
) -> Result<Vec<String>, Why> {
    match answer {
        Json::List(items) => Ok(items.into_iter().map(|item| name_of(item, notes)).collect()),
        Json::Text(line) => {
            notes.note(Leniency::ScalarForList);
            let whole = candidates.has(&line);
            Ok(if whole { vec![line] } else { words::split(&line, notes) })
        }
        Json::Object(fields) => yes_in(fields, candidates, notes),
        Json::Null => Ok(Vec::new()),
        Json::Bool(_) | Json::Number(_) => Err(Why::WrongShape),
    }
}

/// The name an item gives; the empty name, which is nobody's, if it gives none.
pub(super) fn name_of(item: Json, notes: &mut Notes) -> String {
    let item = match item {
        Json::Object(mut fields) => {
            notes.note(Leniency::ObjectForId);
            ID.take(&mut fields, notes)
        }
        other => Some(other),
    };
    item.and_then(|item| item.into_text(notes)).unwrap_or_default()
}

/// A list without JSON: `c2, c1`, `c2 > c1`, or a line for each.
///
/// `None` unless every item is a candidate or at least looks like an id: a sentence that
/// mentions candidates is not a ballot.
pub(super) fn plain_list(
    text: &str,
    key: Key,
    candidates: &Candidates<'_>,
    notes: &mut Notes,
) -> Option<Vec<String>> {
    let mut forgiven = Notes::default();
    let lines: Vec<&str> = text.lines().filter(|line| !words::is_fence(line)).collect();
    if !numbers_rise(&lines) {
        return None;
    }
    let mut items = Vec::new();
    for line in lines {
        let line = words::list_item(line).unwrap_or(line);
        let line = without_heading(line, key);
        for part in line.split(['>', '＞']) {
            items.extend(words::split(part, &mut forgiven));
        }
    }
    let items: Vec<String> = items
        .iter()
        .flat_map(|item| ids_apart(item, candidates))
        .map(|item| words::clean(&item, &mut forgiven))
        .filter(|item| !item.is_empty())
        .collect();
    let is_ballot = items.iter().all(|item| candidates.has(item) || looks_like_id(item));
    if items.is_empty() || !is_ballot {
        return None;
    }
    notes.extend(forgiven);
    notes.0.remove(&Leniency::ProseAround);
    notes.note(Leniency::BareList);
    Some(items)
}

/// `c1 c3` is two ids, `Paper cut` one label.
fn ids_apart(item: &str, candidates: &Candidates<'_>) -> Vec<String> {
    let parts: Vec<&str> = item.split_whitespace().collect();
    if !candidates.has(item) && parts.iter().all(|part| candidates.has(part)) {
        return parts.into_iter().map(str::to_owned).collect();
    }
    vec![item.to_owned()]
}

fn without_heading(line: &str, key: Key) -> &str {
    let Some((head, rest)) = line.split_once([':', '：']) else {
        return line;
    };
    let head = fold(head);
    let head = head.trim_matches(|c: char| !c.is_alphanumeric());
    let is_heading = head == key.name || key.aliases.contains(&head);
    if is_heading { rest } else { line }
}

/// Numbered lines whose numbers do not rise say one thing by number and another by order.
fn numbers_rise(lines: &[&str]) -> bool {
    let numbers: Vec<u32> = lines
        .iter()
        .filter_map(|line| words::numbered_item(line).map(|(number, _)| number))
        .collect();
    numbers.is_sorted_by(|a, b| a < b)
}

fn looks_like_id(item: &str) -> bool {
    item.len() <= ID_CHARS_MAX
        && item.chars().all(|c| c.is_ascii_alphanumeric())
        && item.contains(|c: char| c.is_ascii_digit())
}
