//! Exact numbers: what is compared, and what is published.

use std::{cmp::Ordering, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A candidate's score as it stands in results: a whole number, or a share as a decimal string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Score {
    /// Votes, or candidates below (ranked pairs).
    Count(usize),
    /// Share of comparisons won (Borda).
    Share(Millionths),
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => count.fmt(f),
            Self::Share(share) => share.fmt(f),
        }
    }
}

/// A number from 0 to 1 with six decimals, rounded half up: `"0.850000"`.
///
/// Six are enough to show any two different Borda scores as different: with 12 seats and 20
/// candidates a denominator is at most 12 × 2 × 19 = 456, and two fractions with such denominators
/// are at least 1 / 456² > 0.000004 apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Millionths(u32);

const MILLION: u32 = 1_000_000;

impl fmt::Display for Millionths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / MILLION, self.0 % MILLION)
    }
}

impl From<Millionths> for String {
    fn from(share: Millionths) -> Self {
        share.to_string()
    }
}

/// A text that is no share with six decimals.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a share from 0 to 1 with six decimals")]
pub struct NotAShare(String);

impl FromStr for Millionths {
    type Err = NotAShare;

    fn from_str(text: &str) -> Result<Self, NotAShare> {
        let share = text.replacen('.', "", 1).parse().ok().filter(|share| *share <= MILLION);
        share
            .map(Self)
            .filter(|share| share.to_string() == text)
            .ok_or_else(|| NotAShare(text.to_owned()))
    }
}

impl TryFrom<String> for Millionths {
    type Error = NotAShare;

    fn try_from(text: String) -> Result<Self, NotAShare> {
        text.parse()
    }
}

/// `won / of`, compared exactly. Nothing won of nothing counts as 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ratio {
    won: usize,
    of: usize,
}

impl Ratio {
    pub(super) fn new(won: usize, of: usize) -> Self {
        Self { won, of: of.max(1) }
    }

    pub(super) fn whole(number: usize) -> Self {
        Self { won: number, of: 1 }
    }

    pub(super) fn won(self) -> usize {
        self.won
    }
}

impl Ord for Ratio {
    fn cmp(&self, other: &Self) -> Ordering {
        let cross = |a: usize, b: usize| a as u128 * b as u128;
        cross(self.won, other.of).cmp(&cross(other.won, self.of))
    }
}

impl PartialOrd for Ratio {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ratio {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ratio {}

impl From<Ratio> for Millionths {
    /// Rounds half up, in whole numbers: `(2 000 000 × won + of) div (2 × of)`.
    fn from(Ratio { won, of }: Ratio) -> Self {
        let (won, of, million) = (won as u128, of as u128, u128::from(MILLION));
        let rounded = (2 * million * won + of) / (2 * of);
        Self(u32::try_from(rounded).map_or(MILLION, |share| share.min(MILLION)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_compare_as_fractions() {
        assert_eq!(Ratio::new(2, 4), Ratio::new(1, 2));
        assert!(Ratio::new(1, 3) < Ratio::new(1, 2));
        assert!(Ratio::new(33_333_333, 100_000_000) < Ratio::new(1, 3));
        assert_eq!(Ratio::new(0, 0), Ratio::whole(0));
    }

    #[test]
    fn shares_are_published_with_six_decimals_rounded_half_up() {
        let check = |won, of, expected: &str| {
            assert_eq!(Millionths::from(Ratio::new(won, of)).to_string(), expected, "{won}/{of}");
        };
        check(0, 0, "0.000000");
        check(1, 1, "1.000000");
        check(34, 40, "0.850000");
        check(2, 3, "0.666667");
        check(1, 3, "0.333333");
        check(1, 128, "0.007813");
        check(1, 640, "0.001563");
    }

    #[test]
    fn a_score_is_read_back_as_it_was_written() {
        let check = |score: Score, json: &str| {
            assert_eq!(serde_json::to_string(&score).unwrap(), json);
            assert_eq!(serde_json::from_str::<Score>(json).unwrap(), score);
        };
        check(Score::Count(4), "4");
        check(Score::Share(Ratio::new(17, 20).into()), r#""0.850000""#);
        check(Score::Share(Ratio::whole(1).into()), r#""1.000000""#);
        for wrong in [r#""0.85""#, r#""1.000001""#, r#""+.850000""#, r#""-1""#, "0.85", r#""""#] {
            assert!(serde_json::from_str::<Score>(wrong).is_err(), "{wrong}");
        }
    }
}
