//! What is voted on, and what each seat voted. How votes are counted is [`crate::domain::tally`].

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::domain::share::Share;

/// How ballots are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Every candidate a ballot approves of gets one vote.
    Approval,
    /// Every ballot gives one vote, to the candidate it ranks first.
    Plurality,
    /// Candidates earn the share of comparisons with others that they win.
    Borda,
    /// The weakest candidate leaves and its ballots move on, until one has a majority.
    InstantRunoff,
    /// Duels between all pairs, the clearest first.
    RankedPairs,
}

impl Rule {
    /// Every rule there is.
    pub const ALL: [Self; 5] =
        [Self::Approval, Self::Plurality, Self::Borda, Self::InstantRunoff, Self::RankedPairs];

    /// The rule's name in files and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Approval => "approval",
            Self::Plurality => "plurality",
            Self::Borda => "borda",
            Self::InstantRunoff => "instant_runoff",
            Self::RankedPairs => "ranked_pairs",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no [`Rule`]'s.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a voting rule; there are approval, plurality, borda, instant_runoff and \
     ranked_pairs"
)]
pub struct UnknownRule(pub String);

impl FromStr for Rule {
    type Err = UnknownRule;

    fn from_str(name: &str) -> Result<Self, UnknownRule> {
        Self::ALL
            .into_iter()
            .find(|rule| rule.name() == name)
            .ok_or_else(|| UnknownRule(name.to_owned()))
    }
}

/// Something that can be voted for: a keyword or a design card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Unique in its vote.
    pub id: String,
    /// What people see.
    pub label: String,
    /// The seats whose own card this is. Whatever they say about it is not counted.
    pub own_seats: Vec<String>,
}

impl Candidate {
    /// Whether `seat` would be voting for itself here.
    pub fn is_own_of(&self, seat: &str) -> bool {
        self.own_seats.iter().any(|own| own == seat)
    }
}

/// What became of a seat's vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BallotStatus {
    /// Valid at once.
    Valid,
    /// Valid after it was asked for a second time.
    Reasked,
    /// No valid vote was obtained. It counts for nobody, and never as if it had been filled in.
    Abstained,
}

impl BallotStatus {
    /// Whether the ballot is counted.
    pub const fn is_counted(self) -> bool {
        match self {
            Self::Valid | Self::Reasked => true,
            Self::Abstained => false,
        }
    }

    /// The status' name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Reasked => "reasked",
            Self::Abstained => "abstained",
        }
    }
}

impl fmt::Display for BallotStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One seat's vote. Every seat that was asked has one, if only to say that it abstained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ballot {
    /// Who votes.
    pub seat: String,
    /// The role in which the seat votes.
    pub role: String,
    /// What became of it.
    pub status: BallotStatus,
    /// Ids of the candidates, in the order in which this seat saw them.
    pub shown: Vec<String>,
    /// Ids approved of, in any order.
    pub approved: Vec<String>,
    /// Ids from best to worst. Those left out are equally good, and worse than those named.
    pub ranking: Vec<String>,
}

/// What a vote must reach, and how many it keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// The share of the seats that must have voted, rounded up.
    pub quorum: Share,
    /// The share of the counted ballots that must approve of a candidate, rounded up. Only
    /// [`Rule::Approval`] has a threshold; without one, a single approval is enough.
    pub threshold: Option<Share>,
    /// How many candidates are kept at most: 1 where one winner is looked for.
    pub keep_max: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_has_one_name_in_text_and_in_files() {
        for rule in Rule::ALL {
            assert_eq!(rule.to_string().parse(), Ok(rule));
            assert_eq!(serde_json::to_value(rule).unwrap(), rule.to_string());
        }
        let refusal = "random".parse::<Rule>().unwrap_err().to_string();
        for rule in Rule::ALL {
            assert!(refusal.contains(rule.name()), "{refusal}");
        }
    }

    #[test]
    fn a_status_has_one_name_in_text_and_in_files() {
        for status in [BallotStatus::Valid, BallotStatus::Reasked, BallotStatus::Abstained] {
            assert_eq!(serde_json::to_value(status).unwrap(), status.to_string());
        }
    }
}
