//! Speeches, with the keywords line at their end.

use super::json::{self, Json};
use super::keywords_list::{KeywordsList, unfence};
use super::{Leniency, Read, Unreadable, Why, opening, words};

/// What somebody said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prose {
    /// The text without its keywords line; never empty.
    pub text: String,
    /// `None` if the reply names no keyword; never an empty list.
    pub keywords: Option<Vec<String>>,
}

/// Reads a speech which, with `wants_keywords`, should end in a `KEYWORDS:` or `关键词：` line.
///
/// Without `wants_keywords` such a line is words like any others and stays.
pub fn prose(reply: &str, wants_keywords: bool) -> Result<Read<Prose>, Unreadable> {
    let (text, mut notes) = opening::open(reply)?;
    let lines = unfence(text.lines().collect(), &mut notes);
    refuse_json(&lines.join("\n"))?;
    let list = if wants_keywords { KeywordsList::find(&lines, &mut notes) } else { None };
    let Some(list) = list else {
        let text = lines.join("\n").trim().to_owned();
        if text.is_empty() {
            return Err(Why::Empty.into());
        }
        let keywords = None;
        return Ok(notes.read(Prose { text, keywords }));
    };
    notes.note_if(!list.after.is_empty(), Leniency::KeywordsNotLast);
    let text = list.other_text(&mut notes);
    if text.is_empty() {
        return Err(Why::OnlyKeywords.into());
    }
    notes.note_if(list.items.is_err(), Leniency::BrokenKeywordsDropped);
    // The speech is whole, and paid for: keywords in broken JSON are no reason to lose it.
    let keywords = words::keep_keywords(list.items.unwrap_or_default(), &mut notes);
    let keywords = (!keywords.is_empty()).then_some(keywords);
    Ok(notes.read(Prose { text, keywords }))
}

/// JSON where a speech was asked for is an answer to another question, or an error body.
fn refuse_json(text: &str) -> Result<(), Why> {
    match json::whole(text) {
        Some(body) if body.is_error_body() => Err(Why::ErrorMessage),
        Some(Json::Object(_) | Json::List(_)) => Err(Why::JsonForProse),
        Some(Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_)) | None => Ok(()),
    }
}
