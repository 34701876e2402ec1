//! What was said: stage → round → turn.

use serde::{Deserialize, Serialize};

/// What became of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TurnStatus {
    Spoken,
    /// The model gave no usable answer; the text is empty.
    NotObtained,
    /// A content filter refused; the text is empty.
    Blocked,
    /// The text ends at the token limit.
    Truncated,
}

/// One seat speaking once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    pub seat: String,
    /// The role worn in this turn.
    pub role: String,
    pub status: TurnStatus,
    pub text: String,
}

impl Turn {
    /// Whether others heard something.
    pub fn was_heard(&self) -> bool {
        matches!(self.status, TurnStatus::Spoken | TurnStatus::Truncated)
    }
}

/// Once around the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// From 1.
    pub round: u32,
    /// In speaking order.
    pub turns: Vec<Turn>,
}

/// One stage's rounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    pub stage: String,
    pub rounds: Vec<Round>,
}

/// Every turn verbatim, in the order of the agenda.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Transcript {
    pub stages: Vec<Stage>,
}
