//! Borda: a candidate's score is the share of its comparisons with others that it wins.
//!
//! A ballot that may rank `m` candidates compares each of them with `m - 1` others. Being placed
//! before another is a comparison won (1), after it one lost (0), and two candidates the ballot
//! does not rank share theirs (½ each). So the candidate at position `p` of a ballot's ranking wins
//! `m - p`, which are Borda's points, and `u` unranked candidates win `(u - 1) / 2` each.
//!
//! ```text
//! score = sum of comparisons won / sum of (m - 1), over the ballots that may rank the candidate
//! ```
//!
//! Dividing by the comparisons that were possible makes it neutral that a seat does not rank its
//! own card: that ballot is missing above and below the line. Where all ballots may rank
//! everything, the score is Borda's sum divided by a constant. A candidate no ballot compares with
//! anything has 0.
//!
//! Borda presented the method in 1781 for full rankings; the halves for unranked candidates are the
//! usual average of the points they would share.

use crate::domain::tally::{
    poll::{Paper, Poll},
    score::Ratio,
};

pub(super) fn scores(poll: &Poll<'_>) -> Vec<Ratio> {
    (0..poll.candidates.len()).map(|candidate| score(poll, candidate)).collect()
}

fn score(poll: &Poll<'_>, candidate: usize) -> Ratio {
    let (won, of) = poll
        .papers
        .iter()
        .filter(|paper| paper.may_rank.contains(&candidate))
        .map(|paper| (half_points(paper, candidate), 2 * (paper.may_rank.len() - 1)))
        .fold((0, 0), |(won, of), (points, possible)| (won + points, of + possible));
    Ratio::new(won, of)
}

/// Comparisons won on one ballot, in halves.
fn half_points(paper: &Paper, candidate: usize) -> usize {
    let ranked = paper.ranking.iter().position(|&other| other == candidate);
    let eligible = paper.may_rank.len();
    match ranked {
        Some(above) => 2 * (eligible - 1 - above),
        None => eligible - paper.ranking.len() - 1,
    }
}
