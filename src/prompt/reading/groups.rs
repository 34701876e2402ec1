//! Grouped keywords, as the KJ method asks for them.

use std::collections::BTreeSet;

use super::fields::{self, Key};
use super::json::{Json, Object};
use super::{
    FIELD_CHARS_MAX, Leniency, Notes, Read, Unreadable, Why, fold, opening, search, words,
};

const CORE_CONCEPT: Key =
    Key { name: "core_concept", aliases: &["core", "concept", "核心概念"] };
const GROUPS: Key =
    Key { name: "groups", aliases: &["clusters", "categories", "分组", "类别"] };
const TITLE: Key = Key { name: "title", aliases: &["name", "group", "标题", "名称"] };
const KEYWORDS: Key = Key { name: "keywords", aliases: &["items", "members", "关键词"] };

/// Groups as the model made them. Whether they hold every keyword exactly once is for the
/// discussion to check, which knows what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupsReply {
    pub core_concept: String,
    /// Title and keywords of each group, in the order of the reply.
    pub groups: Vec<(String, Vec<String>)>,
}

/// Reads `{"core_concept": …, "groups": [{"title": …, "keywords": […]}]}`.
pub fn clusters(reply: &str) -> Result<Read<GroupsReply>, Unreadable> {
    let (text, mut notes) = opening::open(reply)?;
    let found = search::find(&text, &mut notes)?;
    let Json::Object(mut fields) = fields::unwrap_layer(found, &[CORE_CONCEPT, GROUPS], &mut notes)
    else {
        return Err(Why::WrongShape.into());
    };
    let core_concept = line(CORE_CONCEPT, &mut fields, &mut notes)?;
    let groups = match GROUPS.take(&mut fields, &mut notes) {
        Some(groups) => entries(groups, &mut notes)?,
        None => return Err(Why::FieldsMissing(vec![GROUPS.name]).into()),
    };
    notes.note_if(!fields.is_empty(), Leniency::UnknownDropped);
    if groups.is_empty() {
        return Err(Why::NoGroup.into());
    }
    Ok(notes.read(GroupsReply { core_concept, groups }))
}

fn entries(groups: Json, notes: &mut Notes) -> Result<Vec<(String, Vec<String>)>, Why> {
    let titled: Vec<(String, Json)> = match groups {
        Json::List(items) => {
            items.into_iter().map(|item| entry(item, notes)).collect::<Result<_, _>>()?
        }
        Json::Object(fields) => {
            notes.note(Leniency::MapForList);
            fields
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) => {
            return Err(Why::WrongShape);
        }
    };
    let mut entries = Vec::new();
    for (title, keywords) in titled {
        let keywords = members(keywords, notes)?;
        if keywords.is_empty() {
            notes.note(Leniency::EmptyDropped);
        } else {
            entries.push((title.trim().to_owned(), keywords));
        }
    }
    Ok(entries)
}

fn entry(item: Json, notes: &mut Notes) -> Result<(String, Json), Why> {
    let Json::Object(mut fields) = item else {
        return Err(Why::WrongShape);
    };
    let title = line(TITLE, &mut fields, notes)?;
    let keywords = KEYWORDS.take(&mut fields, notes).unwrap_or(Json::Null);
    notes.note_if(!fields.is_empty(), Leniency::UnknownDropped);
    Ok((title, keywords))
}

/// A group's keywords, each once.
fn members(keywords: Json, notes: &mut Notes) -> Result<Vec<String>, Why> {
    let items = match keywords {
        Json::List(items) => items,
        Json::Text(line) => {
            notes.note(Leniency::ScalarForList);
            words::split(&line, notes).into_iter().map(Json::Text).collect()
        }
        Json::Null => Vec::new(),
        Json::Bool(_) | Json::Number(_) | Json::Object(_) => return Err(Why::WrongShape),
    };
    let mut members = Vec::new();
    let mut seen = BTreeSet::new();
    for item in items {
        let text = item.into_text(notes).ok_or(Why::WrongShape)?;
        let keyword = text.trim().to_owned();
        if keyword.is_empty() {
            notes.note(Leniency::EmptyDropped);
        } else if seen.insert(fold(&keyword)) {
            members.push(keyword);
        } else {
            notes.note(Leniency::DuplicateDropped);
        }
    }
    Ok(members)
}

/// The text of a field that must not be empty nor longer than a text field may be.
fn line(key: Key, fields: &mut Object, notes: &mut Notes) -> Result<String, Why> {
    let missing = || Why::FieldsMissing(vec![key.name]);
    let text = match key.take(fields, notes).ok_or_else(missing)? {
        Json::Null => return Err(missing()),
        value => value.into_text(notes).ok_or(Why::FieldNotText(key.name))?,
    };
    let text = text.trim();
    if text.is_empty() {
        return Err(missing());
    }
    if text.chars().count() > FIELD_CHARS_MAX {
        return Err(Why::FieldTooLong(key.name));
    }
    Ok(text.to_owned())
}
