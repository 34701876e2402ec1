//! Facts emitted while the work goes on: everything a watcher may be told.

use serde::{Deserialize, Serialize};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    JobStarted,
    StageStarted,
    /// A piece of an answer as it streams; never stored, only shown.
    Delta,
    Turn,
    Ballot,
    StageFinished,
    JobWaiting,
    JobCompleted,
    JobDead,
    JobCancelled,
    Block,
    Unblock,
    WorkerLost,
}

/// One fact. Empty strings and zeros where a field does not apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The ledger's number; 0 before it has one.
    pub seq: u64,
    /// Milliseconds since 1970.
    pub at: i64,
    pub batch: String,
    pub job: String,
    pub event: EventKind,
    pub stage: String,
    pub round: u32,
    pub seat: String,
    /// For `delta`: where in the answer the text begins, in characters (Unicode scalar values). 0
    /// again: the question was asked anew.
    pub offset: u64,
    pub text: String,
}
