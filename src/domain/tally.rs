//! How ballots are counted.
//!
//! One shape for all rules: a rule gives every candidate **one exact score**, the place follows
//! from the score, and equal scores are told apart by one stated [`TieBreak`]. Nothing here is
//! rounded before it is compared, and neither the order of the ballots nor that of the candidates
//! matters.
//!
//! A ballot has no say about its own seat's card, neither for nor against it: every rule looks only
//! at what a ballot says about the candidates it may rank. Abstentions are counted nowhere.
//!
//! | rule | score | source |
//! |---|---|---|
//! | approval | ballots that approve | Brams and Fishburn, *Approval Voting*, 1978 |
//! | plurality | ballots that rank it first | |
//! | Borda | share of comparisons won, see [`borda`] | Borda, *Mémoire sur les élections au scrutin*, 1781 |
//! | instant run-off | votes in its last round, see [`instant_runoff`] | Ware, about 1870, after Hare, 1857 |
//! | ranked pairs | candidates locked below it, see [`ranked_pairs`] | Tideman, *Independence of Clones as a Criterion for Voting Rules*, 1987 |

mod borda;
mod instant_runoff;
mod poll;
mod ranked_pairs;
mod score;
mod tie_break;

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use crate::domain::{
    ballot::{Ballot, Candidate, Options, Rule},
    seed::Seed,
    tally::{poll::Poll, score::Ratio, tie_break::TieBreaker},
};

pub use crate::domain::tally::{
    score::{Millionths, NotAShare, Score},
    tie_break::TieBreak,
};

/// What came out of a vote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// How the ballots were counted.
    pub rule: Rule,
    /// Seats that were asked, abstentions included.
    pub seats: usize,
    /// Ballots that were counted.
    pub ballots_valid: usize,
    /// Votes a candidate needs to be kept, where the rule and the options set such a number.
    pub threshold: Option<usize>,
    /// Whether enough seats voted.
    pub quorum: bool,
    /// `Decided` exactly when something was kept.
    pub outcome: TallyOutcome,
    /// Every candidate, by place.
    pub standings: Vec<Standing>,
}

/// How a vote ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TallyOutcome {
    /// At least one candidate is kept.
    Decided,
    /// Enough seats voted, but no candidate has the votes it needs (or any vote at all).
    NoneReachedThreshold,
    /// Too few seats voted. Nobody wins, whatever the scores.
    NoQuorum,
}

/// One candidate's result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The candidate's id.
    pub id: String,
    /// The candidate's label.
    pub label: String,
    /// What the rule gave it. The higher, the better, under every rule.
    pub score: Score,
    /// Whether it is among those the vote was held to find.
    pub kept: bool,
    /// From 1; every place is taken once.
    pub place: u32,
    /// How a tie with the place above or below was broken; of two ties, the one that took longer.
    pub tie_break: Option<TieBreak>,
}

impl Tally {
    /// The candidates that are kept, the best first.
    pub fn kept(&self) -> impl Iterator<Item = &Standing> {
        self.standings.iter().filter(|standing| standing.kept)
    }

    /// The best of those that are kept.
    pub fn winner(&self) -> Option<&Standing> {
        self.kept().next()
    }
}

/// Counts `ballots` for `candidates`.
///
/// Total: a second candidate with the same id, a second ballot of the same seat, ids nobody knows
/// and ids named twice are passed over.
///
/// A quorum needs at least one counted ballot and a decision at least one expressed preference,
/// even where the options ask for less: nobody wins a vote in which nobody said anything.
pub fn tally(
    rule: Rule,
    candidates: &[Candidate],
    ballots: &[Ballot],
    options: &Options,
    seed: Seed,
) -> Tally {
    let poll = Poll::new(candidates, ballots);
    let tie_breaker = TieBreaker::new(&poll, seed);
    let scores = scores(rule, &poll, &tie_breaker);
    let by_place = by_place(&scores, &tie_breaker);

    let ballots_valid = poll.papers.len();
    let quorum = ballots_valid >= options.quorum.ceil_of(poll.seats).max(1);
    let threshold = match rule {
        Rule::Approval => options.threshold.map(|share| share.ceil_of(ballots_valid).max(1)),
        Rule::Plurality | Rule::Borda | Rule::InstantRunoff | Rule::RankedPairs => None,
    };
    let has_the_votes = |candidate: usize| match rule {
        Rule::Approval => scores[candidate] >= Ratio::whole(threshold.unwrap_or(1)),
        Rule::Plurality | Rule::Borda | Rule::InstantRunoff | Rule::RankedPairs => {
            poll.papers.iter().any(|paper| !paper.ranking.is_empty())
        }
    };

    let standings: Vec<Standing> = by_place
        .iter()
        .enumerate()
        .map(|(above, &candidate)| Standing {
            id: poll.candidates[candidate].id.clone(),
            label: poll.candidates[candidate].label.clone(),
            score: published(rule, scores[candidate]),
            kept: quorum && above < options.keep_max && has_the_votes(candidate),
            place: u32::try_from(above + 1).unwrap_or(u32::MAX),
            tie_break: tie_break_at(above, &by_place, &scores, &tie_breaker),
        })
        .collect();

    let outcome = if !quorum {
        TallyOutcome::NoQuorum
    } else if standings.iter().any(|standing| standing.kept) {
        TallyOutcome::Decided
    } else {
        TallyOutcome::NoneReachedThreshold
    };
    Tally { rule, seats: poll.seats, ballots_valid, threshold, quorum, outcome, standings }
}

/// One score for each candidate; the higher, the better.
fn scores(rule: Rule, poll: &Poll<'_>, tie_breaker: &TieBreaker<'_>) -> Vec<Ratio> {
    let whole = |scores: Vec<usize>| scores.into_iter().map(Ratio::whole).collect();
    match rule {
        Rule::Approval => whole(poll.approvals()),
        Rule::Plurality => whole(poll.first_places()),
        Rule::Borda => borda::scores(poll),
        Rule::InstantRunoff => whole(instant_runoff::scores(poll, tie_breaker)),
        Rule::RankedPairs => whole(ranked_pairs::scores(poll, tie_breaker)),
    }
}

fn published(rule: Rule, score: Ratio) -> Score {
    match rule {
        Rule::Borda => Score::Share(score.into()),
        Rule::Approval | Rule::Plurality | Rule::InstantRunoff | Rule::RankedPairs => {
            Score::Count(score.won())
        }
    }
}

fn by_place(scores: &[Ratio], tie_breaker: &TieBreaker<'_>) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| {
        Reverse(scores[a]).cmp(&Reverse(scores[b])).then_with(|| tie_breaker.compare(a, b))
    });
    order
}

/// The longer of the tie-breaks that separate the candidate at `index` from its neighbours.
fn tie_break_at(
    index: usize,
    by_place: &[usize],
    scores: &[Ratio],
    tie_breaker: &TieBreaker<'_>,
) -> Option<TieBreak> {
    let candidate = by_place[index];
    let above = index.checked_sub(1).map(|above| by_place[above]);
    let below = by_place.get(index + 1).copied();
    [above, below]
        .into_iter()
        .flatten()
        .filter(|&neighbour| scores[neighbour] == scores[candidate])
        .map(|neighbour| tie_breaker.decides(candidate, neighbour))
        .max()
}

#[cfg(test)]
mod tests;
