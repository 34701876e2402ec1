//! The result of a job: a pure function of the spec and the answers.

use super::ballot::{Ballot, Candidate, Rule};
use super::keyword::Clustering;
use super::panel::RoleSwitch;
use super::tally::Tally;
use super::transcript::Transcript;
use serde::{Deserialize, Serialize};

/// The prepared picture, as the vision model saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// SHA-256 of the prepared bytes, hex.
    pub sha256: String,
    /// Pixels.
    pub width: u32,
    pub height: u32,
    /// `image/jpeg` or `image/png`.
    pub mime: String,
    pub bytes: u64,
}

/// A keyword as one seat said it, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeywordRow {
    pub stage: String,
    pub seat: String,
    pub keyword: String,
    pub normalised: String,
    /// The title of its cluster; none before or outside any cluster.
    pub cluster: Option<String>,
    /// Approvals of the candidate it was merged into; none if it did not stand for election.
    pub votes: Option<u32>,
    pub kept: bool,
}

/// One vote of the table: what stood for election, who voted how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Poll {
    /// `keywords` or `cards`.
    pub ballot: String,
    pub rule: Rule,
    pub candidates: Vec<Candidate>,
    pub ballots: Vec<Ballot>,
}

/// A poll's count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PollTally {
    /// The poll's name.
    pub ballot: String,
    #[serde(flatten)]
    pub tally: Tally,
}

/// One seat's design.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    pub seat: String,
    pub role: String,
    pub card_id: String,
    pub form: String,
    pub elements: String,
    pub function: String,
    pub users: String,
    pub meaning: String,
    pub image_prompt: String,
    /// From 1; none without a decided vote.
    pub place: Option<u32>,
}

/// A generated image and what it was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generated {
    /// SHA-256 of the bytes, hex.
    pub sha256: String,
    pub mime: String,
    pub prompt: String,
    /// The model asked.
    pub model: String,
    pub seed: u64,
}

/// Something that was expected and is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    pub stage: String,
    /// Empty where the stage asks once for the table.
    pub seat: String,
    pub reason: String,
}

/// What was obtained of what was expected, in answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completeness {
    pub expected: u32,
    pub obtained: u32,
    pub missing: Vec<Missing>,
}

/// Everything a finished discussion left behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobResult {
    pub picture: Picture,
    pub description: String,
    pub stages: Transcript,
    pub keywords: Vec<KeywordRow>,
    /// None where the agenda has no cluster stage or nothing was obtained.
    pub clusters: Option<Clustering>,
    pub ballots: Vec<Poll>,
    pub tallies: Vec<PollTally>,
    pub switch: Vec<RoleSwitch>,
    pub cards: Vec<Card>,
    /// The seat and id of the winning card, when the vote decided.
    pub winner: Option<Winner>,
    pub generated: Vec<Generated>,
    /// The short record, in the language of the discussion.
    pub minutes: String,
    pub completeness: Completeness,
}

/// The card that won.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Winner {
    pub seat: String,
    pub card_id: String,
}
