//! The votes as matrices, and who saw it otherwise.

use super::{seat_no, shortened};
use crate::domain::ballot::{Ballot, BallotStatus, Candidate, Rule};
use crate::domain::result::{JobResult, Poll};
use crate::domain::tally::{Score, Standing, Tally, TallyOutcome, TieBreak};
use crate::export::words::word;
use crate::export::{BatchInput, facts};
use serde::Serialize;

/// A vote: candidates by place, one column for each seat.
#[derive(Debug, Serialize)]
pub(super) struct PollView {
    ballot: String,
    title: String,
    rule: &'static str,
    is_approval: bool,
    outcome: &'static str,
    ballots_valid: usize,
    seats: usize,
    threshold: Option<usize>,
    voters: Vec<Voter>,
    rows: Vec<CandidateRow>,
}

#[derive(Debug, Serialize)]
struct Voter {
    no: usize,
    label: String,
    status: &'static str,
}

#[derive(Debug, Serialize)]
struct CandidateRow {
    place: u32,
    label: String,
    /// Whose card it is.
    author: Option<String>,
    kept: bool,
    score: String,
    /// Width of its bar, per cent.
    share: u32,
    tie_break: Option<&'static str>,
    cells: Vec<Cell>,
}

/// What a seat said about a candidate.
#[derive(Debug, Serialize)]
#[serde(tag = "says", rename_all = "snake_case")]
enum Cell {
    Yes,
    No,
    Rank { rank: usize },
    Unranked,
    Own,
    Abstained,
}

/// Characters of a candidate in a matrix or a sentence.
const LABEL_CHARS_MAX: usize = 120;

/// All votes that were held.
pub(super) fn polls(batch: &BatchInput<'_>, result: &JobResult) -> Vec<PollView> {
    let counted = result.ballots.iter().filter_map(|poll| {
        let tally = facts::tally(result, &poll.ballot)?;
        Some(poll_view(batch, result, poll, tally))
    });
    counted.collect()
}

fn poll_view(batch: &BatchInput<'_>, result: &JobResult, poll: &Poll, tally: &Tally) -> PollView {
    let stage = if poll.ballot == facts::CARD_VOTE { "choose" } else { "vote" };
    let voter = |ballot: &Ballot| Voter {
        no: seat_no(batch, &ballot.seat),
        label: batch.pack.seat_label(&ballot.seat).to_owned(),
        status: ballot.status.name(),
    };
    PollView {
        ballot: poll.ballot.clone(),
        title: batch.pack.stage_title(stage).to_owned(),
        rule: poll.rule.name(),
        is_approval: poll.rule == Rule::Approval,
        outcome: outcome_word(tally.outcome),
        ballots_valid: tally.ballots_valid,
        seats: tally.seats,
        threshold: tally.threshold,
        voters: poll.ballots.iter().map(voter).collect(),
        rows: tally.standings.iter().map(|it| row(batch, result, poll, tally, it)).collect(),
    }
}

fn outcome_word(outcome: TallyOutcome) -> &'static str {
    match outcome {
        TallyOutcome::Decided => "decided",
        TallyOutcome::NoneReachedThreshold => "none_reached_threshold",
        TallyOutcome::NoQuorum => "no_quorum",
    }
}

fn row(
    batch: &BatchInput<'_>,
    result: &JobResult,
    poll: &Poll,
    tally: &Tally,
    standing: &Standing,
) -> CandidateRow {
    let candidate = poll.candidates.iter().find(|candidate| candidate.id == standing.id);
    let author = result
        .cards
        .iter()
        .find(|card| poll.ballot == facts::CARD_VOTE && card.card_id == standing.id);
    CandidateRow {
        place: standing.place,
        label: shortened(&standing.label, LABEL_CHARS_MAX),
        author: author.map(|card| batch.pack.seat_label(&card.seat).to_owned()),
        kept: standing.kept,
        score: shown_score(standing.score),
        share: share(standing.score, tally.ballots_valid),
        tie_break: standing.tie_break.map(TieBreak::name),
        cells: poll.ballots.iter().map(|ballot| cell(poll.rule, ballot, candidate)).collect(),
    }
}

fn cell(rule: Rule, ballot: &Ballot, candidate: Option<&Candidate>) -> Cell {
    let Some(candidate) = candidate else { return Cell::Unranked };
    if ballot.status == BallotStatus::Abstained {
        return Cell::Abstained;
    }
    if candidate.is_own_of(&ballot.seat) {
        return Cell::Own;
    }
    match rule {
        Rule::Approval if ballot.approved.contains(&candidate.id) => Cell::Yes,
        Rule::Approval => Cell::No,
        Rule::Plurality | Rule::Borda | Rule::InstantRunoff | Rule::RankedPairs => {
            let before = ballot.ranking.iter().position(|id| *id == candidate.id);
            before.map_or(Cell::Unranked, |before| Cell::Rank { rank: before + 1 })
        }
    }
}

/// A share in whole per cent is enough for the eye; all six decimals are in `tallies.csv`.
fn shown_score(score: Score) -> String {
    match score {
        Score::Count(count) => count.to_string(),
        Score::Share(share) => format!("{} %", per_cent(&share.to_string())),
    }
}

/// A share with six decimals in whole per cent, rounded half up.
fn per_cent(share: &str) -> usize {
    let digits: String = share.chars().filter(char::is_ascii_digit).collect();
    let millionths: usize = digits.parse().expect("a share is digits and a point");
    (millionths + 5_000) / 10_000
}

/// Per cent of what the rule could give at most.
fn share(score: Score, most: usize) -> u32 {
    let per_cent = match score {
        Score::Count(count) => count * 100 / most.max(1),
        Score::Share(share) => per_cent(&share.to_string()),
    };
    u32::try_from(per_cent.min(100)).unwrap_or(100)
}

/// Why nothing was chosen, where there was a choice: a word's key, valid ballots, seats.
pub(super) fn no_winner(result: &JobResult) -> Option<(String, usize, usize)> {
    if result.winner.is_some() {
        return None;
    }
    let Some(tally) = facts::tally(result, facts::CARD_VOTE) else {
        return (!result.cards.is_empty()).then(|| ("no_winner".to_owned(), 0, 0));
    };
    let key = match tally.outcome {
        TallyOutcome::NoQuorum => "no_winner_quorum",
        TallyOutcome::NoneReachedThreshold => "no_winner_votes",
        TallyOutcome::Decided => "no_winner",
    };
    Some((key.to_owned(), tally.ballots_valid, tally.seats))
}

/// One sentence for everybody who put another card first, or approved of no kept keyword.
pub(super) fn differed(batch: &BatchInput<'_>, result: &JobResult) -> Vec<String> {
    let poll = |name| result.ballots.iter().find(|poll: &&Poll| poll.ballot == name);
    let cards = poll(facts::CARD_VOTE).map(|poll| other_firsts(batch, result, poll));
    let keywords = poll(facts::KEYWORD_VOTE).map(|poll| no_kept_keyword(batch, result, poll));
    cards.into_iter().chain(keywords).flatten().collect()
}

fn other_firsts(batch: &BatchInput<'_>, result: &JobResult, poll: &Poll) -> Vec<String> {
    let Some(won) = facts::winning_card(result) else { return Vec::new() };
    let counted = poll.ballots.iter().filter(|ballot| ballot.status.is_counted());
    counted
        .filter(|ballot| ballot.seat != won.seat)
        .filter_map(|ballot| {
            let first = ballot.ranking.first().filter(|first| **first != won.card_id)?;
            let chosen = result.cards.iter().find(|card| card.card_id == *first)?;
            let rank = ballot.ranking.iter().position(|id| *id == won.card_id);
            let key = if rank.is_some() { "differed_first" } else { "differed_first_unranked" };
            let rank = rank.map(|before| (before + 1).to_string()).unwrap_or_default();
            let sentence = word(batch, key)
                .replace("{n}", &rank)
                .replace("{id}", &chosen.card_id)
                .replace("{other}", batch.pack.seat_label(&chosen.seat))
                .replace("{label}", batch.pack.seat_label(&ballot.seat));
            Some(sentence)
        })
        .collect()
}

fn no_kept_keyword(batch: &BatchInput<'_>, result: &JobResult, poll: &Poll) -> Vec<String> {
    let Some(tally) = facts::tally(result, &poll.ballot) else { return Vec::new() };
    let kept: Vec<&String> = tally.kept().map(|standing| &standing.id).collect();
    if kept.is_empty() {
        return Vec::new();
    }
    let counted = poll.ballots.iter().filter(|ballot| ballot.status.is_counted());
    counted
        .filter(|ballot| !kept.iter().any(|id| ballot.approved.contains(id)))
        .map(|ballot| {
            word(batch, "differed_keywords").replace("{label}", batch.pack.seat_label(&ballot.seat))
        })
        .collect()
}
