//! Ranked pairs (Tideman, 1987): duels between all pairs, the clearest first.
//!
//! For each pair, the ballots that place one before the other are set against those that do the
//! reverse; a ballot that may not rank one of the two, or ranks neither, has no say. Pairs with a
//! majority are taken in turn and locked, unless they would close a circle with those locked
//! before:
//!
//! 1. the greater margin first,
//! 2. then the one with more ballots on the winning side,
//! 3. then by the stated tie-break between the winners. Two duels with one winner never stand in each
//!    other's way, so that nothing depends on their order.
//!
//! The score is the number of candidates locked below a candidate, directly or through others. A
//! Condorcet winner has all of them below. Two candidates with no path between them may have equal
//! scores; the stated tie-break then decides.

use std::cmp::{Ordering, Reverse};

use crate::domain::tally::{poll::Poll, tie_break::TieBreaker};

pub(super) fn scores(poll: &Poll<'_>, tie_breaker: &TieBreaker<'_>) -> Vec<usize> {
    let mut victories = victories(poll);
    victories.sort_by(|a, b| a.clearest_first(b, tie_breaker));

    let mut locked = Locked::new(poll.candidates.len());
    for Victory { winner, loser, .. } in victories {
        locked.lock_unless_circular(winner, loser);
    }
    (0..poll.candidates.len()).map(|candidate| locked.below(candidate)).collect()
}

struct Victory {
    winner: usize,
    loser: usize,
    votes_for: usize,
    votes_against: usize,
}

impl Victory {
    fn clearest_first(&self, other: &Self, tie_breaker: &TieBreaker<'_>) -> Ordering {
        let margin = |victory: &Self| Reverse(victory.votes_for - victory.votes_against);
        margin(self)
            .cmp(&margin(other))
            .then_with(|| Reverse(self.votes_for).cmp(&Reverse(other.votes_for)))
            .then_with(|| tie_breaker.compare(self.winner, other.winner))
    }
}

fn victories(poll: &Poll<'_>) -> Vec<Victory> {
    let votes = |a: usize, b: usize| poll.papers.iter().filter(|paper| paper.prefers(a, b)).count();
    let candidates = 0..poll.candidates.len();
    candidates
        .clone()
        .flat_map(|winner| candidates.clone().map(move |loser| (winner, loser)))
        .map(|(winner, loser)| Victory {
            winner,
            loser,
            votes_for: votes(winner, loser),
            votes_against: votes(loser, winner),
        })
        .filter(|victory| victory.votes_for > victory.votes_against)
        .collect()
}

/// The locked victories: `above[a][b]` when a path leads from `a` down to `b`.
struct Locked {
    above: Vec<Vec<bool>>,
}

impl Locked {
    fn new(candidates: usize) -> Self {
        Self { above: vec![vec![false; candidates]; candidates] }
    }

    fn lock_unless_circular(&mut self, winner: usize, loser: usize) {
        if self.above[loser][winner] {
            return;
        }
        let mut newly_below = self.above[loser].clone();
        newly_below[loser] = true;
        for (candidate, below) in self.above.iter_mut().enumerate() {
            if candidate == winner || below[winner] {
                for (known, new) in below.iter_mut().zip(&newly_below) {
                    *known |= new;
                }
            }
        }
    }

    fn below(&self, candidate: usize) -> usize {
        self.above[candidate].iter().filter(|below| **below).count()
    }
}
