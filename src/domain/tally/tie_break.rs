//! The one tie-break of all rules.

use std::{cmp::Ordering, fmt};

use serde::{Deserialize, Serialize};

use crate::domain::{
    seed::Seed,
    tally::{borda, poll::Poll, score::Ratio},
};

/// What told two candidates with the same score apart. Tried in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TieBreak {
    /// More ballots rank it first.
    FirstPlaces,
    /// It stands higher on the average ballot. Ballots may rank different numbers of candidates, so
    /// that the position is taken as the share of the others it is placed before: the Borda score.
    AveragePosition,
    /// Nothing the voters said: the seeded rank of the candidate's label.
    SeededDraw,
}

impl TieBreak {
    /// The tie-break's name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FirstPlaces => "first_places",
            Self::AveragePosition => "average_position",
            Self::SeededDraw => "seeded_draw",
        }
    }
}

impl fmt::Display for TieBreak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Orders candidates that a rule holds to be equal. Total and strict: no two are equal here.
pub(super) struct TieBreaker<'a>(Vec<Merit<'a>>);

struct Merit<'a> {
    first_places: usize,
    average_position: Ratio,
    /// The lower, the better. The id is asked only between candidates with one label.
    draw: ([u8; 32], &'a str),
}

impl<'a> TieBreaker<'a> {
    pub(super) fn new(poll: &Poll<'a>, seed: Seed) -> Self {
        let draws = poll
            .candidates
            .iter()
            .map(|candidate| (seed.rank("tie_break", &candidate.label), candidate.id.as_str()));
        let merits = poll
            .first_places()
            .into_iter()
            .zip(borda::scores(poll))
            .zip(draws)
            .map(|((first_places, average_position), draw)| Merit {
                first_places,
                average_position,
                draw,
            })
            .collect();
        Self(merits)
    }

    /// `Less` when `a` is to be placed before `b`.
    pub(super) fn compare(&self, a: usize, b: usize) -> Ordering {
        self.first_difference(a, b).1
    }

    /// Which criterion tells `a` and `b` apart.
    pub(super) fn decides(&self, a: usize, b: usize) -> TieBreak {
        self.first_difference(a, b).0
    }

    fn first_difference(&self, a: usize, b: usize) -> (TieBreak, Ordering) {
        let (a, b) = (&self.0[a], &self.0[b]);
        let first_places = b.first_places.cmp(&a.first_places);
        let average_position = b.average_position.cmp(&a.average_position);
        if first_places.is_ne() {
            (TieBreak::FirstPlaces, first_places)
        } else if average_position.is_ne() {
            (TieBreak::AveragePosition, average_position)
        } else {
            (TieBreak::SeededDraw, a.draw.cmp(&b.draw))
        }
    }
}
