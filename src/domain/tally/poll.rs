//! Ballots reduced to what may be counted. Every exclusion happens here, so that no rule can forget
//! one.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::ballot::{Ballot, Candidate};

/// The candidates, and the ballots that count. Candidates are spoken of by their index.
pub(super) struct Poll<'a> {
    pub(super) candidates: Vec<&'a Candidate>,
    pub(super) papers: Vec<Paper>,
    /// Seats with a ballot, abstentions included.
    pub(super) seats: usize,
}

/// What one counted ballot says about the candidates it may rank.
pub(super) struct Paper {
    /// The candidates that are not this seat's own.
    pub(super) may_rank: Vec<usize>,
    pub(super) approved: BTreeSet<usize>,
    /// The best first.
    pub(super) ranking: Vec<usize>,
}

impl<'a> Poll<'a> {
    pub(super) fn new(candidates: &'a [Candidate], ballots: &[Ballot]) -> Self {
        let mut ids = BTreeSet::new();
        let candidates: Vec<&Candidate> =
            candidates.iter().filter(|candidate| ids.insert(candidate.id.as_str())).collect();
        let mut seats = BTreeSet::new();
        let papers = ballots
            .iter()
            .filter(|ballot| seats.insert(ballot.seat.as_str()))
            .filter(|ballot| ballot.status.is_counted())
            .map(|ballot| Paper::new(&candidates, ballot))
            .collect();
        Self { candidates, papers, seats: seats.len() }
    }

    /// How many ballots approve of each candidate.
    pub(super) fn approvals(&self) -> Vec<usize> {
        self.counted(|paper, candidate| paper.approved.contains(&candidate))
    }

    /// How many ballots rank each candidate first.
    pub(super) fn first_places(&self) -> Vec<usize> {
        self.counted(|paper, candidate| paper.ranking.first() == Some(&candidate))
    }

    fn counted(&self, says_yes: impl Fn(&Paper, usize) -> bool) -> Vec<usize> {
        (0..self.candidates.len())
            .map(|candidate| self.papers.iter().filter(|paper| says_yes(paper, candidate)).count())
            .collect()
    }
}

impl Paper {
    fn new(candidates: &[&Candidate], ballot: &Ballot) -> Self {
        let votable: BTreeMap<&str, usize> = candidates
            .iter()
            .enumerate()
            .filter(|(_, candidate)| !candidate.is_own_of(&ballot.seat))
            .map(|(index, candidate)| (candidate.id.as_str(), index))
            .collect();
        let known = |ids: &[String]| -> Vec<usize> {
            ids.iter().filter_map(|id| votable.get(id.as_str()).copied()).collect()
        };
        let mut ranked = BTreeSet::new();
        let mut ranking = known(&ballot.ranking);
        ranking.retain(|candidate| ranked.insert(*candidate));
        Self {
            may_rank: votable.values().copied().collect(),
            approved: known(&ballot.approved).into_iter().collect(),
            ranking,
        }
    }

    /// Whether this ballot places `a` before `b`; a ranked candidate is before all unranked ones.
    pub(super) fn prefers(&self, a: usize, b: usize) -> bool {
        let named = self.ranking.iter().find(|&&candidate| candidate == a || candidate == b);
        named == Some(&a) && self.may_rank.contains(&b)
    }
}
