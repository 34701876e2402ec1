//! What every store decides in the same way, as pure functions: a store only reads and writes.

use super::{Batch, Block, Error, NewBlock, Original, Result, Row, Settled};
use crate::domain::call::{Record, Settle};
use crate::domain::cost::MicroUsd;
use crate::domain::event::{Event, EventKind};
use crate::domain::job::{Job, JobError, Priority, Progress, State, StateName};
use crate::provider::services::KEY;
use serde::{Deserialize, Serialize};

/// What the resource of a batch begins with.
const BATCH: &str = "batch:";

/// What the resource of a service begins with.
const PROVIDER: &str = "provider:";
/// What the resource of one model of one service begins with.
const LANE: &str = "lane:";
/// How long the others wait for the one request that tries whether a model answers again. After
/// that, the next one tries: it may just be slow.
const PROBE_MS: i64 = 10_000;
/// How long after its end a lane's block is remembered: whoever asks next within this time asks
/// alone.
const LANE_KEPT_MS: i64 = 60 * 60 * 1000;

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

/// The resource that stands for a service.
pub fn provider_resource(provider: &str) -> String {
    format!("{PROVIDER}{provider}")
}

/// Whether a block holds up the jobs of a batch: one on the batch itself, or on what it needs.
pub fn holds_up(block: &Block, batch: &Batch) -> bool {
    block.resource == batch_resource(&batch.name) || batch.resources.contains(&block.resource)
}

/// The resource that stands for one model of one service: a block on it holds up requests, on
/// whatever machine, and no job.
pub fn lane_resource(provider: &str, model: &str) -> String {
    format!("{LANE}{provider}/{model}")
}

/// Whether the resource is a model of a service that is given as `provider:NAME`.
pub fn is_lane_of(resource: &str, provider: &str) -> bool {
    let name = provider.strip_prefix(PROVIDER);
    let lane = resource.strip_prefix(LANE);
    let rest = name.zip(lane).and_then(|(name, lane)| lane.strip_prefix(name));
    rest.is_some_and(|rest| rest.starts_with('/'))
}

/// The block that begins at this ledger time.
pub fn begun(resource: &str, new: NewBlock, now: i64) -> Block {
    let NewBlock { reason, for_ms } = new;
    let until = for_ms.map(|wait| now.saturating_add_unsigned(wait));
    Block { resource: resource.to_owned(), reason, until }
}

/// Whether a block need not be kept any longer.
pub fn is_spent(block: &Block, now: i64) -> bool {
    let kept = if block.resource.starts_with(LANE) { LANE_KEPT_MS } else { 0 };
    block.until.is_some_and(|until| until.saturating_add(kept) <= now)
}

/// Whether a request may leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passage {
    Free,
    Held {
        for_ms: u64,
    },
    /// It goes alone; this block holds the others meanwhile.
    Probe(Block),
}

/// Decides about a request from what is known about its lane.
pub fn passage(lane: Option<Block>, now: i64) -> Passage {
    let Some(lane) = lane else { return Passage::Free };
    match lane.until {
        None => Passage::Held { for_ms: u64::MAX },
        Some(until) if until > now => Passage::Held { for_ms: until.abs_diff(now) },
        Some(_) => Passage::Probe(Block { until: Some(now.saturating_add(PROBE_MS)), ..lane }),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_pause_one_request_goes_and_the_others_wait_for_it() {
        let pause = NewBlock { reason: "busy".into(), for_ms: Some(5000) };
        let block = begun("lane:p/m", pause, 1000);
        assert_eq!(passage(None, 1000), Passage::Free);
        assert_eq!(passage(Some(block.clone()), 1200), Passage::Held { for_ms: 4800 });
        let Passage::Probe(probing) = passage(Some(block), 6000) else { panic!("nobody tries") };
        assert_eq!(passage(Some(probing.clone()), 6000), Passage::Held { for_ms: 10_000 });
        let next = passage(Some(probing), 16_000);
        assert!(matches!(next, Passage::Probe(_)), "a lost probe is followed by another: {next:?}");
    }

    #[test]
    fn a_block_without_an_end_ends_only_when_somebody_lifts_it() {
        let block = begun("batch:b", NewBlock { reason: "paused".into(), for_ms: None }, 1000);
        assert!(!is_spent(&block, i64::MAX));
        assert_eq!(passage(Some(block), 1001), Passage::Held { for_ms: u64::MAX });
    }

    #[test]
    fn a_lane_is_remembered_when_its_pause_is_over_and_nothing_else_is() {
        let new = || NewBlock { reason: "r".into(), for_ms: Some(10) };
        assert!(is_spent(&begun("provider:p", new(), 0), 10));
        let lane = begun(&lane_resource("p", "m"), new(), 0);
        assert!(!is_spent(&lane, 10));
        assert!(is_spent(&lane, 10 + LANE_KEPT_MS));
    }

    #[test]
    fn a_lane_belongs_to_its_provider_and_to_no_other_with_a_longer_name() {
        let lane = lane_resource("open", "org/model");
        assert!(is_lane_of(&lane, "provider:open"));
        for other in ["provider:openai", "provider:op", "key:open", "batch:open"] {
            assert!(!is_lane_of(&lane, other), "{other}");
        }
    }
}
