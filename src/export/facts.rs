//! Small questions about a job's result that several files ask.

use super::JobInput;
use crate::domain::keyword::normalise;
use crate::domain::result::{Card, JobResult};
use crate::domain::tally::Tally;
use crate::domain::transcript::{Turn, TurnStatus};
use std::collections::BTreeSet;

/// The vote on the keywords, by its name in files.
pub(super) const KEYWORD_VOTE: &str = "keywords";
/// The choice among the cards, by its name in files.
pub(super) const CARD_VOTE: &str = "cards";

/// A turn's status as it stands in files.
pub(super) fn status_word(status: TurnStatus) -> &'static str {
    match status {
        TurnStatus::Spoken => "spoken",
        TurnStatus::NotObtained => "not_obtained",
        TurnStatus::Blocked => "blocked",
        TurnStatus::Truncated => "truncated",
    }
}

/// The count of one of a job's votes.
pub(super) fn tally<'r>(result: &'r JobResult, ballot: &str) -> Option<&'r Tally> {
    result.tallies.iter().find(|poll| poll.ballot == ballot).map(|poll| &poll.tally)
}

/// The keywords the table went on with: the user's, else those marked as kept, by their place in
/// the vote where there was one.
pub(super) fn kept_keywords<'a>(job: &JobInput<'a>) -> Vec<&'a str> {
    let Some(result) = job.result else { return Vec::new() };
    if !job.row.job.keywords.is_empty() {
        return job.row.job.keywords.iter().map(String::as_str).collect();
    }
    let mut unplaced = BTreeSet::new();
    let kept = result.keywords.iter().filter(|row| row.kept);
    let named: Vec<_> = kept.filter(|row| unplaced.insert(row.normalised.as_str())).collect();
    let standings = tally(result, KEYWORD_VOTE).map_or(&[][..], |tally| &tally.standings);
    let voted = standings.iter().filter_map(|standing| {
        let normalised = normalise(&standing.label)?;
        unplaced.take(normalised.as_str()).map(|_| standing.label.as_str())
    });
    let mut kept: Vec<&str> = voted.collect();
    let rest = named.iter().filter(|row| unplaced.contains(row.normalised.as_str()));
    kept.extend(rest.map(|row| row.keyword.as_str()));
    kept
}

/// The card that was chosen.
pub(super) fn winning_card(result: &JobResult) -> Option<&Card> {
    let winner = result.winner.as_ref()?;
    result.cards.iter().find(|card| card.card_id == winner.card_id)
}

/// Every turn with its stage, round and position (from 1), in speaking order.
pub(super) fn turns(result: &JobResult) -> impl Iterator<Item = (&str, u32, usize, &Turn)> {
    result.stages.stages.iter().flat_map(|stage| {
        stage.rounds.iter().flat_map(|round| {
            let turns = round.turns.iter().enumerate();
            turns.map(|(before, turn)| (stage.stage.as_str(), round.round, before + 1, turn))
        })
    })
}

/// Turns in which the others heard something.
pub(super) fn statements(result: &JobResult) -> usize {
    turns(result).filter(|(_, _, _, turn)| turn.was_heard()).count()
}
