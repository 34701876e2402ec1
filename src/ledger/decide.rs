//! What every store decides in the same way, as pure functions: a store only reads and writes.

use super::{Batch, Error, Original, Result, Row, Settled};
use crate::domain::call::{Record, Settle};
use crate::domain::cost::MicroUsd;
use crate::domain::event::{Event, EventKind};
use crate::domain::job::{Job, JobError, Priority, Progress, State, StateName};
use serde::{Deserialize, Serialize};

/// Resources with this prefix must be among those a worker can serve.
const KEY: &str = "key:";

/// What the resource of a batch begins with.
const BATCH: &str = "batch:";

/// Workers that vanished are listed so long.
pub const LOST_KEPT_MS: i64 = 24 * 60 * 60 * 1000;

/// The resource that stands for a whole batch: a block on it is a pause.
pub fn batch_resource(batch: &str) -> String {
    format!("{BATCH}{batch}")
}

/// The batch a resource stands for; empty for any other.
pub fn batch_of(resource: &str) -> &str {
    resource.strip_prefix(BATCH).unwrap_or("")
}

/// Priorities in the order in which they go.
pub fn rank(priority: Priority) -> u8 {
    match priority {
        Priority::High => 0,
        Priority::Normal => 1,
    }
}

/// Whether a worker may take the batch's jobs, as far as resources go.
pub fn may_claim(batch: &Batch, can_serve: &[String], is_blocked: impl Fn(&str) -> bool) -> bool {
    let served = |resource: &String| !resource.starts_with(KEY) || can_serve.contains(resource);
    batch.resources.iter().all(|resource| served(resource) && !is_blocked(resource))
        && !is_blocked(&batch_resource(&batch.name))
}

/// A job as it enters the ledger: whatever the caller filled in, its life begins here.
pub fn fresh(job: Job, batch: &str, index: u32) -> Job {
    Job { batch: batch.to_owned(), index, version: 0, state: State::Queued, ..unused(job) }
}

/// The row of an alias: its own name and place, its original's state, and nothing it spent.
pub fn alias_row(alias: Alias, original: Job) -> Row {
    let duplicate_of =
        Original { job: original.id.clone(), batch: original.batch.clone(), index: original.index };
    let Alias { id, batch, index, source, external_id } = alias;
    let job = Job { id, batch, index, source, external_id, ..unused(original) };
    Row { job, duplicate_of: Some(duplicate_of) }
}

/// What an alias has of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    pub id: String,
    pub batch: String,
    pub index: u32,
    pub source: String,
    pub external_id: String,
}

/// The job without the traces of any attempt; its state is kept.
fn unused(job: Job) -> Job {
    Job {
        attempts: 0,
        interruptions: 0,
        crashes: 0,
        suspect: false,
        progress: Progress::default(),
        cost: MicroUsd(0),
        history: Vec::new(),
        ..job
    }
}

/// The event that tells of a job's new state, and its text.
pub fn event_of(before: StateName, job: &Job) -> Option<(EventKind, String)> {
    if before == job.state.name() {
        return None;
    }
    match &job.state {
        State::Queued => None,
        State::Running { .. } => Some((EventKind::JobStarted, job.source.clone())),
        State::Waiting { error, .. } => Some((EventKind::JobWaiting, error_line(error))),
        State::Completed { .. } => Some((EventKind::JobCompleted, String::new())),
        State::Dead { error } => Some((EventKind::JobDead, error_line(error))),
        State::Cancelled => Some((EventKind::JobCancelled, String::new())),
    }
}

/// The event that tells of a job, at this ledger time.
pub fn event_about_job(at: i64, job: &Job, event: EventKind, text: String) -> Event {
    let (batch, id) = (job.batch.clone(), job.id.clone());
    let stage = job.progress.stage.clone();
    Event { job: id, stage, ..event_about(at, &batch, event, text) }
}

/// The event that tells of a resource or a worker, at this ledger time; `batch` may be empty.
pub fn event_about(at: i64, batch: &str, event: EventKind, text: String) -> Event {
    Event {
        seq: 0,
        at,
        batch: batch.to_owned(),
        job: String::new(),
        event,
        stage: String::new(),
        round: 0,
        seat: String::new(),
        offset: 0,
        text,
    }
}

/// The error a job's new state carries, if any.
pub fn error_of(state: &State) -> Option<&JobError> {
    match state {
        State::Waiting { error, .. } | State::Dead { error } => Some(error),
        State::Queued | State::Running { .. } | State::Completed { .. } | State::Cancelled => None,
    }
}

/// An error in one line: code, message and, where there is one, the hint.
pub fn error_line(error: &JobError) -> String {
    let JobError { code, message, hint } = error;
    if hint.is_empty() {
        format!("{code}: {message}")
    } else {
        format!("{code}: {message}; {hint}")
    }
}

/// What to do with a settle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settling {
    /// The same was recorded before; this is what was answered then.
    Repeated(Settled),
    /// The try is still open: this is how it ended.
    Close { duplicate: bool, answer: Settled },
    /// The try ended otherwise before; this goes into a record beside it.
    Beside { duplicate: bool, answer: Settled },
}

/// Decides about a settle from all records of its call, in the order they were opened.
///
/// The first final outcome of a question wins. A later one is a duplicate; so is anything else
/// that is told about a try which ended before, once the question is closed.
pub fn settle(records: &[Record], r#try: u32, settle: &Settle) -> Result<Settling> {
    let mut of_try = records.iter().filter(|record| record.open.r#try == r#try).peekable();
    let Some(first) = of_try.peek() else {
        let why = format!("try {try} was settled and never opened");
        return Err(Error::Corrupt(why));
    };
    let is_open = first.settle.is_none();
    if let Some(same) = of_try.find(|record| record.settle.as_ref() == Some(settle)) {
        return Ok(Settling::Repeated(answer(records, same.duplicate)));
    }
    let duplicate = closing(records).is_some() && (settle.outcome.is_final() || !is_open);
    let answer = answer(records, duplicate);
    Ok(if is_open {
        Settling::Close { duplicate, answer }
    } else {
        Settling::Beside { duplicate, answer }
    })
}

fn answer(records: &[Record], duplicate: bool) -> Settled {
    match closing(records) {
        Some(record) if duplicate => Settled::Duplicate(Box::new(record.clone())),
        Some(_) | None => Settled::First,
    }
}

/// The record that closed the question.
fn closing(records: &[Record]) -> Option<&Record> {
    let is_final = |settle: &Settle| settle.outcome.is_final();
    records.iter().find(|record| !record.duplicate && record.settle.as_ref().is_some_and(is_final))
}
