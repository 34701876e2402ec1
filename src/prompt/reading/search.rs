//! Finding the one JSON answer in a reply.

use super::json::{Json, parse};
use super::mend::mend;
use super::{Leniency, Notes, Why, words};

/// Most brackets in a reply that are tried as the beginning of JSON.
const STARTS_MAX: usize = 64;

/// The one object of the reply or, if it has none, its one list.
pub(super) fn find(text: &str, notes: &mut Notes) -> Result<Json, Why> {
    if let Some(inner) = json_in_string(text) {
        notes.note(Leniency::JsonInString);
        return find_bare(&inner, notes);
    }
    find_bare(text, notes)
}

fn json_in_string(text: &str) -> Option<String> {
    let inner: String = serde_json::from_str(text).ok()?;
    inner.trim_start().starts_with(['{', '[']).then_some(inner)
}

fn find_bare(text: &str, notes: &mut Notes) -> Result<Json, Why> {
    let (found, around) = scan(text, notes)?;
    note_around(&around, notes);
    let any_object = found.iter().any(|json| matches!(json, Json::Object(_)));
    let (mut answers, others): (Vec<Json>, Vec<Json>) =
        found.into_iter().partition(|json| !any_object || matches!(json, Json::Object(_)));
    notes.note_if(!others.is_empty(), Leniency::ProseAround);
    answers.dedup();
    let answer = answers.pop().ok_or(Why::NoJson)?;
    if !answers.is_empty() {
        return Err(Why::SeveralAnswers);
    }
    if answer.is_error_body() {
        return Err(Why::ErrorMessage);
    }
    Ok(answer)
}

/// All values that stand in the text, and the text around them.
fn scan(text: &str, notes: &mut Notes) -> Result<(Vec<Json>, String), Why> {
    let mut found = Vec::new();
    let mut around = String::new();
    let mut rest = text;
    for _ in 0..STARTS_MAX {
        let Some(at) = rest.find(['{', '[']) else {
            break;
        };
        let (before, from) = rest.split_at(at);
        around.push_str(before);
        let mut forgiven = Notes::default();
        let (json, after) = mend(from, &mut forgiven)?;
        match parse(&json, &mut forgiven) {
            Ok(value) => {
                found.push(value);
                notes.extend(forgiven);
                around.push('\n');
                rest = after;
            }
            Err(error) if error.is_eof() => return Err(Why::CutOff),
            // Looking for a smaller value inside a broken one would be guessing.
            Err(_) if begins_like_json(from) => return Err(Why::MalformedJson),
            Err(_) => {
                let (bracket, behind) = from.split_at(1);
                around.push_str(bracket);
                rest = behind;
            }
        }
    }
    around.push_str(rest);
    Ok((found, around))
}

fn begins_like_json(from: &str) -> bool {
    let inside = from.trim_start_matches(['{', '[']).trim_start();
    inside.starts_with(['"', '\'', '“', '”', '{'])
}

fn note_around(around: &str, notes: &mut Notes) {
    for line in around.lines().map(str::trim) {
        if words::is_fence(line) {
            notes.note(Leniency::FenceStripped);
        } else if !line.is_empty() {
            notes.note(Leniency::ProseAround);
        }
    }
}
