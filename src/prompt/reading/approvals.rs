//! Approval ballots.

use super::candidates::{Candidates, names_in, plain_list, yes_in};
use super::fields::{self, Key};
use super::json::Json;
use super::{Leniency, Notes, Read, Unreadable, Why, opening, search};

const APPROVED: Key = Key {
    name: "approved",
    aliases: &["approve", "approvals", "votes", "selected", "赞成", "投票"],
};

/// Reads an approval ballot: the ids of at most `votes_max` of the `candidates`, given as
/// (id, label), in the order of the reply.
pub fn approvals(
    reply: &str,
    candidates: &[(String, String)],
    votes_max: usize,
) -> Result<Read<Vec<String>>, Unreadable> {
    let (text, mut notes) = opening::open(reply)?;
    let candidates = Candidates(
        candidates.iter().map(|(id, label)| (id.as_str(), Some(label.as_str()))).collect(),
    );
    let named = match search::find(&text, &mut notes) {
        Ok(json) => approved_in(json, &candidates, &mut notes)?,
        Err(Why::NoJson) => {
            plain_list(&text, APPROVED, &candidates, &mut notes).ok_or(Why::NoJson)?
        }
        Err(why) => return Err(why.into()),
    };
    let mut approved = candidates.resolve_all(named, &mut notes);
    notes.note_if(approved.len() > votes_max, Leniency::TooManyCut);
    approved.truncate(votes_max);
    if approved.is_empty() {
        return Err(Why::NoCandidate.into());
    }
    Ok(notes.read(approved))
}

fn approved_in(
    json: Json,
    candidates: &Candidates<'_>,
    notes: &mut Notes,
) -> Result<Vec<String>, Why> {
    match fields::unwrap_layer(json, &[APPROVED], notes) {
        Json::Object(mut fields) => match APPROVED.take(&mut fields, notes) {
            Some(answer) => {
                notes.note_if(!fields.is_empty(), Leniency::UnknownDropped);
                names_in(answer, candidates, notes)
            }
            None => yes_in(fields, candidates, notes),
        },
        list => {
            notes.note(Leniency::BareList);
            names_in(list, candidates, notes)
        }
    }
}
