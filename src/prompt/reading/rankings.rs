//! Rankings, best first.

use super::candidates::{Candidates, name_of, names_in, plain_list};
use super::fields::{self, Key};
use super::json::{Json, Object};
use super::{Leniency, Notes, Read, Unreadable, Why, opening, search};

const RANKING: Key =
    Key { name: "ranking", aliases: &["ranks", "rankings", "order", "排名", "排序"] };
const RANK: Key = Key { name: "rank", aliases: &["place", "position", "排名", "名次"] };

/// Reads a ranking of `ids`, best first. Ids it does not name stay unranked; it must name at
/// least half of them.
pub fn ranking(reply: &str, ids: &[String]) -> Result<Read<Vec<String>>, Unreadable> {
    let (text, mut notes) = opening::open(reply)?;
    let candidates = Candidates(ids.iter().map(|id| (id.as_str(), None)).collect());
    let named = match search::find(&text, &mut notes) {
        Ok(json) => ranked_in(json, &candidates, &mut notes)?,
        Err(Why::NoJson) => {
            plain_list(&text, RANKING, &candidates, &mut notes).ok_or(Why::NoJson)?
        }
        Err(why) => return Err(why.into()),
    };
    let ranked = candidates.resolve_all(named, &mut notes);
    if ranked.is_empty() {
        return Err(Why::NoCandidate.into());
    }
    if ranked.len() * 2 < ids.len() {
        return Err(Why::TooFewRanked.into());
    }
    Ok(notes.read(ranked))
}

fn ranked_in(
    json: Json,
    candidates: &Candidates<'_>,
    notes: &mut Notes,
) -> Result<Vec<String>, Why> {
    match fields::unwrap_layer(json, &[RANKING], notes) {
        Json::Object(mut fields) => match RANKING.take(&mut fields, notes) {
            Some(answer) => {
                notes.note_if(!fields.is_empty(), Leniency::UnknownDropped);
                order_in(answer, candidates, notes)
            }
            None => order_of_map(fields, candidates, notes),
        },
        list => {
            notes.note(Leniency::BareList);
            order_in(list, candidates, notes)
        }
    }
}

fn order_in(
    answer: Json,
    candidates: &Candidates<'_>,
    notes: &mut Notes,
) -> Result<Vec<String>, Why> {
    match answer {
        Json::Object(fields) => order_of_map(fields, candidates, notes),
        Json::List(items) if items.iter().any(has_rank) => order_of_entries(items, notes),
        Json::Text(line) => {
            notes.note(Leniency::ScalarForList);
            plain_list(&line, RANKING, candidates, notes).ok_or(Why::WrongShape)
        }
        other => names_in(other, candidates, notes),
    }
}

fn has_rank(item: &Json) -> bool {
    match item {
        Json::Object(fields) => {
            let mut fields = fields.clone();
            RANK.take(&mut fields, &mut Notes::default()).is_some()
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::List(_) => false,
    }
}

/// `{"c1": 1, "c2": 2}`, or ranks as keys: `{"1": "c1", "2": "c2"}`.
fn order_of_map(
    fields: Object,
    candidates: &Candidates<'_>,
    notes: &mut Notes,
) -> Result<Vec<String>, Why> {
    notes.note(Leniency::MapForList);
    let any_candidate = fields.iter().any(|(name, _)| candidates.has(name));
    let mut ranks = Vec::new();
    for (name, value) in fields {
        if candidates.has(&name) {
            ranks.push((name, value));
        } else if !any_candidate && name.trim().parse::<u32>().is_ok() {
            notes.note(Leniency::RanksAsKeys);
            ranks.push((name_of(value, notes), Json::Text(name)));
        } else {
            notes.note(Leniency::UnknownDropped);
        }
    }
    let keys_are_numbers = notes.0.contains(&Leniency::RanksAsKeys);
    if ranks.is_empty() {
        return Err(Why::NoCandidate);
    }
    let mut forgiven = Notes::default();
    let order = order_by_rank(ranks, &mut forgiven);
    if keys_are_numbers {
        // A key is text in any JSON; nothing was forgiven there.
        forgiven.0.remove(&Leniency::NumberAsString);
    }
    notes.extend(forgiven);
    order
}

/// `[{"id": "c1", "rank": 1}, …]`.
fn order_of_entries(items: Vec<Json>, notes: &mut Notes) -> Result<Vec<String>, Why> {
    let mut ranks = Vec::new();
    for item in items {
        let Json::Object(mut fields) = item else {
            return Err(Why::WrongShape);
        };
        let rank = RANK.take(&mut fields, notes).unwrap_or(Json::Null);
        ranks.push((name_of(Json::Object(fields), notes), rank));
    }
    order_by_rank(ranks, notes)
}

/// Who has no rank (null) is left out; who shares one makes the ballot unreadable.
fn order_by_rank(ranks: Vec<(String, Json)>, notes: &mut Notes) -> Result<Vec<String>, Why> {
    let mut ranked: Vec<(f64, String)> = Vec::new();
    for (name, rank) in ranks {
        if rank == Json::Null {
            notes.note(Leniency::UnknownDropped);
            continue;
        }
        let rank = rank.as_number(notes).ok_or(Why::RankNotANumber)?;
        ranked.push((rank, name));
    }
    ranked.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let mut expected = 1.0;
    for (index, (rank, _)) in ranked.iter().enumerate() {
        let next = ranked.get(index + 1).map(|(next, _)| *next);
        if next.is_some_and(|next| next.total_cmp(rank).is_eq()) {
            return Err(Why::EqualRanks);
        }
        notes.note_if(rank.total_cmp(&expected).is_ne(), Leniency::GapInRanks);
        expected += 1.0;
    }
    Ok(ranked.into_iter().map(|(_, name)| name).collect())
}
