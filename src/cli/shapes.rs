//! The JSON objects of the contract. Fields may be added, never renamed.

use super::estimate::Estimate;
use crate::domain::call::{Outcome, Record};
use crate::domain::cost::MicroUsd;
use crate::domain::event::{Event, EventKind};
use crate::domain::job::{ATTEMPTS_MAX, CRASHES_MAX, Job, JobError, State, StateName};
use crate::domain::retry;
use crate::domain::spec::Spec;
use crate::ledger::decide::batch_resource;
use crate::ledger::{BatchSummary, Block, Rejected, Row, WorkerRow};
use crate::watch::{BatchGlance, RunningJob};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// An object with its schema and type.
#[derive(Debug, Serialize)]
pub struct Typed<T> {
    schema: u32,
    r#type: &'static str,
    #[serde(flatten)]
    body: T,
}

/// One line of JSON.
pub fn line<T: Serialize>(r#type: &'static str, body: T) -> String {
    let typed = Typed { schema: 1, r#type, body };
    serde_json::to_string(&typed).expect("our own shapes have string keys")
}

/// Milliseconds since 1970 as RFC 3339 in UTC.
pub fn time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms)
        .map_or_else(|_| String::new(), |time| format!("{time:.3}"))
}

/// `enqueued` and `estimate`.
#[derive(Debug, Serialize)]
pub struct Enqueued<'a> {
    pub batch: &'a str,
    pub given: u64,
    pub queued: u64,
    pub duplicates: u64,
    pub rejected: Vec<Refused<'a>>,
    pub rehearsal: bool,
    pub estimate: &'a Estimate,
}

#[derive(Debug, Serialize)]
pub struct Refused<'a> {
    path: &'a str,
    code: &'a str,
    reason: &'a str,
}

impl<'a> From<&'a Rejected> for Refused<'a> {
    fn from(rejected: &'a Rejected) -> Self {
        Self { path: &rejected.source, code: &rejected.code, reason: &rejected.reason }
    }
}

/// The end of a `run` or a `wait`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Summary {
    pub batch: String,
    pub jobs: u64,
    pub completed: u64,
    pub dead: u64,
    pub cancelled: u64,
    pub waiting: u64,
    pub queued: u64,
    pub duplicates: u64,
    pub rejected: u64,
    /// Answers that were expected and not obtained.
    pub not_obtained: u64,
    pub calls: u64,
    pub calls_lost: u64,
    pub tokens_in: u64,
    pub tokens_out: u64,
    pub cost_usd: MicroUsd,
    pub cost_unknown_calls: u64,
    pub wall_ms: u64,
    pub exports: String,
    pub rehearsal: bool,
    pub exit: u8,
}

impl Summary {
    /// Adds the journal's books.
    pub fn book(&mut self, records: &[Record]) {
        for record in records {
            self.calls += 1;
            let Some(settle) = &record.settle else {
                self.calls_lost += 1;
                self.cost_unknown_calls += 1;
                continue;
            };
            self.tokens_in += settle.usage.tokens_in.unwrap_or_default();
            self.tokens_out += settle.usage.tokens_out.unwrap_or_default();
            match settle.cost {
                Some(cost) => self.cost_usd += cost,
                None => self.cost_unknown_calls += 1,
            }
        }
    }

    /// Adds the states of a batch.
    pub fn count(&mut self, batch: &BatchSummary) {
        let of = |state| batch.states.get(&state).copied().unwrap_or_default();
        self.completed = of(StateName::Completed);
        self.dead = of(StateName::Dead);
        self.cancelled = of(StateName::Cancelled);
        self.waiting = of(StateName::Waiting);
        self.queued = of(StateName::Queued) + of(StateName::Running);
        self.jobs = batch.states.values().sum::<u64>() + batch.duplicates;
        self.duplicates = batch.duplicates;
        self.rejected = batch.rejected;
        self.rehearsal = batch.batch.rehearsal;
    }
}

/// `status`.
#[derive(Debug, Serialize)]
pub struct Status {
    pub ledger: String,
    pub batches: Vec<StatusBatch>,
    pub workers: Vec<StatusWorker>,
    pub blocks: Vec<StatusBlock>,
}

#[derive(Debug, Serialize)]
pub struct StatusBatch {
    pub batch: String,
    pub paused: bool,
    pub rehearsal: bool,
    pub created_at: String,
    pub states: BTreeMap<StateName, u64>,
    pub cost: StatusCost,
    /// Null: nobody can know yet, or something holds the batch.
    pub eta_ms: Option<u64>,
    pub last_error: Option<String>,
    pub jobs_per_minute: Option<f64>,
    /// Why the jobs that do not run do not.
    pub why: Vec<StatusReason>,
    pub running: Vec<StatusJob>,
}

/// Why jobs are not running, and the way out.
#[derive(Debug, Serialize)]
pub struct StatusReason {
    pub reason: String,
    pub until: Option<String>,
}

/// A job that runs.
#[derive(Debug, Serialize)]
pub struct StatusJob {
    pub job: String,
    pub picture: String,
    pub worker: String,
    pub stage: String,
    pub seat: String,
    /// Answers obtained, of those expected; 0 of 0 before the discussion is planned.
    pub obtained: u32,
    pub expected: u32,
    /// Since this attempt began.
    pub elapsed_ms: u64,
}

#[derive(Debug, Serialize)]
pub struct StatusCost {
    pub spent_usd: MicroUsd,
    pub reserved_usd: MicroUsd,
    pub lost_usd: MicroUsd,
    pub max_usd: Option<MicroUsd>,
    /// What all of it will have cost, at the pace so far.
    pub projected_usd: Option<MicroUsd>,
    /// Models whose price nobody knows: what is spent is at least what is said.
    pub unknown_prices: Vec<String>,
}

#[derive(Debug, Serialize)]
pub struct StatusWorker {
    pub name: String,
    pub host: String,
    pub pid: u32,
    pub version: String,
    pub slots: u32,
    pub busy: u32,
    pub last_beat_ms: u64,
}

#[derive(Debug, Serialize)]
pub struct StatusBlock {
    pub resource: String,
    pub reason: String,
    pub until: Option<String>,
}

impl StatusBatch {
    pub fn new(summary: &BatchSummary, glance: &BatchGlance, blocks: &[Block]) -> Self {
        let own = batch_resource(&summary.batch.name);
        let why = glance.why.iter().map(|reason| StatusReason {
            reason: reason.what.clone(),
            until: reason.until.map(time),
        });
        Self {
            batch: summary.batch.name.clone(),
            paused: blocks.iter().any(|block| block.resource == own),
            rehearsal: summary.batch.rehearsal,
            created_at: time(summary.created_at),
            states: StateName::ALL
                .into_iter()
                .map(|state| (state, summary.states.get(&state).copied().unwrap_or_default()))
                .collect(),
            cost: StatusCost {
                spent_usd: summary.spent,
                reserved_usd: summary.reserved,
                lost_usd: MicroUsd(0),
                max_usd: summary.batch.max_cost,
                projected_usd: glance.projected.filter(|_| glance.unpriced.is_empty()),
                unknown_prices: glance.unpriced.clone(),
            },
            eta_ms: glance.eta.map(ms),
            last_error: summary.last_error.clone(),
            jobs_per_minute: glance.per_minute.map(|rate| (rate * 1000.0).round() / 1000.0),
            why: why.collect(),
            running: glance.sight.running.iter().map(StatusJob::from).collect(),
        }
    }
}

impl From<&RunningJob> for StatusJob {
    fn from(running: &RunningJob) -> Self {
        Self {
            job: running.job.clone(),
            picture: running.name.clone(),
            worker: running.worker.clone(),
            stage: running.progress.stage.clone(),
            seat: running.progress.seat.clone(),
            obtained: running.progress.done,
            expected: running.progress.expected,
            elapsed_ms: ms(running.elapsed),
        }
    }
}

/// A duration as JSON has it.
fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl StatusWorker {
    pub fn new(row: &WorkerRow, now: i64) -> Self {
        Self {
            name: row.beat.worker.clone(),
            host: row.beat.host.clone(),
            pid: row.beat.pid,
            version: row.beat.version.clone(),
            slots: row.beat.slots,
            busy: row.beat.busy,
            last_beat_ms: u64::try_from(now - row.last_beat).unwrap_or_default(),
        }
    }
}

impl From<&Block> for StatusBlock {
    fn from(block: &Block) -> Self {
        Self {
            resource: block.resource.clone(),
            reason: block.reason.clone(),
            until: block.until.map(time),
        }
    }
}

/// A row of `jobs list`.
#[derive(Debug, Serialize)]
pub struct JobLine {
    pub job: String,
    pub batch: String,
    pub index: u32,
    pub source: String,
    pub external_id: String,
    pub topic: String,
    pub state: StateName,
    /// Why it is not running, where there is a reason.
    pub reason: Option<String>,
    pub until: Option<String>,
    pub stage: String,
    pub seat: String,
    pub worker: Option<String>,
    pub attempts: u32,
    pub interruptions: u32,
    pub crashes: u32,
    pub cost_usd: MicroUsd,
    pub duplicate_of: Option<String>,
    pub error: Option<JobError>,
}

impl JobLine {
    /// A row, with the block that holds it, if any.
    pub fn new(row: &Row, block: Option<&Block>) -> Self {
        let job = &row.job;
        let (reason, until, error) = match &job.state {
            State::Queued => match block {
                Some(block) => (Some(block.reason.clone()), block.until, None),
                None => (Some("waits for a free slot".to_owned()), None, None),
            },
            State::Waiting { until, error } => {
                (Some(format!("tries again after {}", error.code)), Some(*until), Some(error))
            }
            State::Dead { error } => (None, None, Some(error)),
            State::Running { .. } | State::Completed { .. } | State::Cancelled => {
                (None, None, None)
            }
        };
        Self {
            job: job.id.clone(),
            batch: job.batch.clone(),
            index: job.index,
            source: job.source.clone(),
            external_id: job.external_id.clone(),
            topic: job.topic.clone(),
            state: job.state.name(),
            reason,
            until: until.map(time),
            stage: job.progress.stage.clone(),
            seat: job.progress.seat.clone(),
            worker: job.lease().map(|lease| lease.worker.clone()),
            attempts: job.attempts,
            interruptions: job.interruptions,
            crashes: job.crashes,
            cost_usd: job.cost,
            duplicate_of: row.duplicate_of.as_ref().map(|original| original.job.clone()),
            error: error.cloned(),
        }
    }
}

/// `jobs show`.
#[derive(Debug, Serialize)]
pub struct JobDetail<'a> {
    #[serde(flatten)]
    pub job: JobLine,
    pub spec: &'a Spec,
    pub calls: Vec<CallLine>,
    pub events: Vec<EventLine>,
    pub retry: RetryPolicy,
}

/// What a failed attempt leads to; the counters it is about are the job's own.
#[derive(Debug, Serialize)]
pub struct RetryPolicy {
    /// Failed attempts after which the job is dead.
    pub attempts_max: u32,
    /// Solo crashes after which it is dead.
    pub crashes_max: u32,
    pub delay_base_ms: u64,
    pub delay_max_ms: u64,
    /// The longest wait after the next failure; none: it would be the last.
    pub next_delay_max_ms: Option<u64>,
}

impl RetryPolicy {
    pub fn of(job: &Job) -> Self {
        let next = job.attempts + 1;
        let goes_on = !job.state.name().is_final() && next < ATTEMPTS_MAX;
        Self {
            attempts_max: ATTEMPTS_MAX,
            crashes_max: CRASHES_MAX,
            delay_base_ms: ms(retry::ATTEMPT_DELAY_BASE),
            delay_max_ms: ms(retry::ATTEMPT_DELAY_MAX),
            next_delay_max_ms: goes_on.then(|| ms(retry::attempt_delay_max(next))),
        }
    }
}

/// A call of a job.
#[derive(Debug, Serialize)]
pub struct CallLine {
    pub call: String,
    pub stage: String,
    pub round: u32,
    pub seat: String,
    pub ask: u32,
    pub outcome: &'static str,
    pub provider: String,
    pub model_asked: String,
    pub model_used: Option<String>,
    pub tokens_in: Option<u64>,
    pub tokens_out: Option<u64>,
    pub cost_usd: Option<MicroUsd>,
    pub ms: Option<u64>,
    /// SHA-256 of the request.
    pub request_sha256: String,
}

impl From<&Record> for CallLine {
    fn from(record: &Record) -> Self {
        let (open, settle) = (&record.open, record.settle.as_ref());
        Self {
            call: format!("{}/{}", open.call.path(), open.r#try),
            stage: open.call.stage.clone(),
            round: open.call.round,
            seat: open.call.seat.clone(),
            ask: open.call.ask,
            outcome: outcome(record),
            provider: open.provider.clone(),
            model_asked: open.model_asked.clone(),
            model_used: settle.and_then(|settle| settle.model_used.clone()),
            tokens_in: settle.and_then(|settle| settle.usage.tokens_in),
            tokens_out: settle.and_then(|settle| settle.usage.tokens_out),
            cost_usd: settle.and_then(|settle| settle.cost),
            ms: settle.map(|settle| settle.ms),
            request_sha256: open.request_sha256.clone(),
        }
    }
}

/// The outcome's name in files.
pub fn outcome(record: &Record) -> &'static str {
    match &record.settle {
        None => "lost",
        Some(_) if record.duplicate => "duplicate_paid",
        Some(settle) => match settle.outcome {
            Outcome::Answered => "answered",
            Outcome::Declined { .. } => "declined",
            Outcome::Unreadable { .. } => "unreadable",
            Outcome::Failed { .. } => "failed",
        },
    }
}

/// An event as `watch --json` shows it.
#[derive(Debug, Serialize)]
pub struct EventLine {
    seq: u64,
    at: String,
    batch: String,
    job: String,
    event: EventKind,
    stage: String,
    round: u32,
    seat: String,
    offset: u64,
    text: String,
}

impl From<Event> for EventLine {
    fn from(event: Event) -> Self {
        let Event { seq, at, batch, job, event, stage, round, seat, offset, text } = event;
        Self { seq, at: time(at), batch, job, event, stage, round, seat, offset, text }
    }
}
