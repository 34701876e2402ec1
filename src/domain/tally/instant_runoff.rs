//! Instant run-off: the weakest candidate leaves and its ballots move on.
//!
//! In each round every ballot votes for the first candidate of its ranking that is still in; a
//! ballot whose ranked candidates are all out is exhausted and votes no more. A candidate with more
//! than half of the votes cast in a round wins, and the count stops. Otherwise the one with the
//! fewest votes leaves; of several, the one the stated tie-break places last. One leaves at a time.
//!
//! The score is the number of votes in a candidate's last round. A remaining candidate never loses
//! votes, so whoever leaves later has at least as many, and equal scores mean a tie that was
//! broken.

use std::cmp::Reverse;

use crate::domain::tally::{poll::Poll, tie_break::TieBreaker};

pub(super) fn scores(poll: &Poll<'_>, tie_breaker: &TieBreaker<'_>) -> Vec<usize> {
    let mut scores = vec![0; poll.candidates.len()];
    let mut remaining: Vec<usize> = (0..poll.candidates.len()).collect();
    loop {
        let votes = votes(poll, &remaining);
        for &candidate in &remaining {
            scores[candidate] = votes[candidate];
        }
        let cast: usize = votes.iter().sum();
        if remaining.iter().any(|&candidate| 2 * votes[candidate] > cast) {
            return scores;
        }
        let weakest = remaining.iter().copied().max_by(|&a, &b| {
            Reverse(votes[a]).cmp(&Reverse(votes[b])).then_with(|| tie_breaker.compare(a, b))
        });
        match weakest {
            Some(weakest) => remaining.retain(|&candidate| candidate != weakest),
            None => return scores,
        }
    }
}

/// Votes of one round, by candidate.
fn votes(poll: &Poll<'_>, remaining: &[usize]) -> Vec<usize> {
    let mut votes = vec![0; poll.candidates.len()];
    for paper in &poll.papers {
        if let Some(&choice) = paper.ranking.iter().find(|choice| remaining.contains(choice)) {
            votes[choice] += 1;
        }
    }
    votes
}
