//! The truth's store: jobs, leases, journal, blocks, events.
//!
//! A store applies what the pure functions of [`crate::domain`] decide, atomically; it holds no
//! rules of its own. One conformance suite runs against every store.

pub mod codec;
pub mod decide;
mod chore;
mod fold;
mod outage;
mod redis;
mod sqlite;
mod steadiness;
mod token;

pub use self::redis::{Health, Redis, bell, live};
pub use chore::{Chore, is_over};
pub use sqlite::{Reading, Sqlite, Ticks};

use crate::domain::call::{Call, Open, Record, Settle};
use crate::domain::cost::{MicroUsd, ModelPrice};
use crate::domain::event::Event;
use crate::domain::job::{Change, Job, Refusal, StateName};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of everything a ledger stores. A newer one is refused.
pub const SCHEMA: u32 = 2;

/// A batch as it is known to the ledger. The spec itself is a blob.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    pub name: String,
    /// SHA-256 of the frozen spec, hex: the name of its blob.
    pub spec: String,
    pub rehearsal: bool,
    /// What its jobs need: `provider:NAME` for every service, which a block may hold up, and
    /// `key:NAME` for every key, which a worker must have.
    pub resources: Vec<String>,
    pub max_cost: Option<MicroUsd>,
    /// Dead jobs, or per cent of all, after which the batch stops.
    pub max_fails: Option<String>,
    /// The prices that were set where it was queued, by model: whoever works for the batch counts
    /// its budget by them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub prices: BTreeMap<String, ModelPrice>,
}

/// A job on its way into the ledger, which gives it its index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewJob {
    /// A fresh job: `index`, `batch`, `version` and counters are set by the ledger.
    pub job: Job,
    /// The how-manieth time the same source, external id and fingerprint stand in this command,
    /// from 1: what an interrupted enqueue is completed by.
    pub occurrence: u32,
}

/// An input that was refused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rejected {
    pub source: String,
    pub external_id: String,
    /// E.g. `input.truncated`.
    pub code: String,
    pub reason: String,
}

/// Inputs for one batch; a large enqueue sends several.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addition {
    pub jobs: Vec<NewJob>,
    pub rejected: Vec<Rejected>,
    /// `--again`: a known fingerprint is a job of its own, not an alias.
    pub again: bool,
}

/// What [`Ledger::add`] did. A job that was there already counts nowhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Added {
    /// Ids of the jobs queued, in order.
    pub queued: Vec<String>,
    /// Alias rows made for known fingerprints.
    pub duplicates: u64,
}

/// The job that an alias row stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Original {
    pub job: String,
    pub batch: String,
    pub index: u32,
}

/// A row of a batch: a job, or an alias that shares the result of another. An alias keeps its own
/// id, index, source and external id; state and error are its original's, counters and cost zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    pub job: Job,
    pub duplicate_of: Option<Original>,
}

/// What became of an `open`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// It is recorded; the request may leave.
    First,
    /// As `First`, and the only one for now: after a pause that the model's service had asked for,
    /// one request finds out whether it answers again. Who gets an answer lifts the block.
    Probe,
    /// Somebody recorded this try before; nothing was written. The caller reads the journal again.
    Taken,
    /// The model is to be left alone for so long; nothing was written, and no request may leave.
    Held { for_ms: u64 },
}

/// What became of a `settle`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    First,
    /// The question had been closed before; this answer is kept as a duplicate and the record
    /// given here is the one that counts.
    Duplicate(Box<Record>),
}

/// Which records of the journal to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope<'a> {
    /// All tries of one question.
    Call(&'a Call),
    /// Everything asked on behalf of a job, shared calls that it asked itself included.
    Job(&'a str),
    /// Everything asked on behalf of a batch.
    Batch(&'a str),
}

/// A resource that cannot be used for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// `provider:NAME` or `batch:NAME`, which hold up jobs; or `lane:PROVIDER/MODEL`, which holds up
    /// requests.
    pub resource: String,
    pub reason: String,
    /// Ledger time, milliseconds since 1970; none: until somebody lifts it.
    pub until: Option<i64>,
}

/// A block that is to begin now, by the ledger's clock and nobody else's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBlock {
    pub reason: String,
    /// None: until somebody lifts it.
    pub for_ms: Option<u64>,
}

/// A worker says that it lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// `host-pid-random`: new for every start.
    pub worker: String,
    pub host: String,
    pub pid: u32,
    pub version: String,
    pub slots: u32,
    pub busy: u32,
    /// `key:NAME` for every key it has.
    #[serde(default)]
    pub keys: Vec<String>,
    /// The worker says goodbye: it is no longer listed.
    pub last: bool,
}

/// A worker as the ledger knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerRow {
    #[serde(flatten)]
    pub beat: Beat,
    /// Ledger time of the last beat, milliseconds since 1970.
    pub last_beat: i64,
}

/// A batch in numbers. Costs the same for ten jobs and a million.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BatchSummary {
    pub batch: Batch,
    /// Ledger time, milliseconds since 1970.
    pub created_at: i64,
    /// Jobs by state, aliases not counted.
    pub states: BTreeMap<StateName, u64>,
    pub duplicates: u64,
    pub rejected: u64,
    /// What came back has cost, duplicates included.
    pub spent: MicroUsd,
    /// Reserved by calls that are out now, or lost.
    pub reserved: MicroUsd,
    /// Requests that left.
    pub calls: u64,
    /// Code, message and hint.
    pub last_error: Option<String>,
    /// When all its results lay in files on a disk that confirmed it, as the ledger's time in
    /// milliseconds since 1970; none: they do not, or something happened since.
    pub collected_at: Option<i64>,
}

/// The ledger at a glance.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Ledger time, milliseconds since 1970.
    pub now: i64,
    /// Newest first.
    pub batches: Vec<BatchSummary>,
    /// By name; those that went without a goodbye are listed for a day.
    pub workers: Vec<WorkerRow>,
    /// By resource; those whose time is over are not listed.
    pub blocks: Vec<Block>,
    /// The newest event's number: where somebody who wants only what is new begins.
    pub last_event: u64,
}

/// Which rows to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub batch: Option<String>,
    /// Empty: all.
    pub states: Vec<StateName>,
    /// One job by its id.
    pub job: Option<String>,
    /// Rows after this one, by batch and index.
    pub after: Option<String>,
    /// At most so many; 0: no limit.
    pub limit: u32,
}

impl Filter {
    /// The one row with this id.
    pub fn one(job: impl Into<String>) -> Self {
        Self { job: Some(job.into()), limit: 1, ..Self::default() }
    }
}

/// What keeps a ledger from answering.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the ledger {place} cannot be opened")]
    Unreachable {
        place: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("the ledger {place} {how}")]
    Away {
        place: String,
        how: Absence,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error(
        "the ledger {place} was written by a newer tableround (schema {found}, this one knows \
         {SCHEMA}): upgrade this tableround"
    )]
    Newer { place: String, found: u32 },
    #[error("there is no job `{0}`")]
    NoSuchJob(String),
    #[error("batch `{batch}` exists with another spec: choose another name with --batch")]
    OtherSpec { batch: String },
    #[error("the ledger failed")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the ledger holds something that cannot be read: {0}")]
    Corrupt(String),
}

impl Error {
    /// Whether the same call may succeed later without anybody changing what it asks for.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Away { .. } | Self::Store(_) => true,
            Self::Newer { .. } | Self::NoSuchJob(_) | Self::OtherSpec { .. } | Self::Corrupt(_) => {
                false
            }
        }
    }
}

/// In what way a ledger is away. All of them pass; nothing that is asked of it meanwhile fails a
/// job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// No connection, a broken one, or no answer in time.
    Silent,
    /// It starts, or has lost the one it follows.
    NotReady,
    /// It follows another server and takes no writes.
    Follower,
    /// Its memory is used up.
    Full,
    /// It cannot write its own files.
    DiskFailing,
}

impl Absence {
    /// Whether it still answers questions.
    fn refuses_writes(self) -> bool {
        match self {
            Self::Silent | Self::NotReady => false,
            Self::Follower | Self::Full | Self::DiskFailing => true,
        }
    }
}

impl std::fmt::Display for Absence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Silent => "does not answer",
            Self::NotReady => "is not ready yet",
            Self::Follower => "takes no writes: it follows another server",
            Self::Full => {
                "is full: nothing new is begun until there is room; raise its maxmemory or prune \
                 finished batches (`tableround doctor` tells how full it is)"
            }
            Self::DiskFailing => {
                "takes no writes: it cannot save to its own disk (`tableround doctor` looks at it)"
            }
        })
    }
}

/// The result of a ledger call.
pub type Result<T> = std::result::Result<T, Error>;

/// The store. Every method is one atomic, durable step; time is the ledger's.
#[async_trait]
pub trait Ledger: Send + Sync + std::fmt::Debug {
    /// Creates the batch if it is new and adds what is missing. Acknowledged when durable.
    ///
    /// A row is the same when source, external id, fingerprint and occurrence are. A fingerprint
    /// that any batch knows from a job which is neither dead nor cancelled becomes an alias of the
    /// oldest such job. A refused input is kept once, with the latest reason. A known batch keeps
    /// its spec ([`Error::OtherSpec`]) and takes everything else from the call, limits above all.
    ///
    /// One addition is one step that nobody else's write can interrupt: send a large enqueue in
    /// some thousand rows at a time.
    async fn add(&self, batch: &Batch, addition: Addition) -> Result<Added>;

    /// The best due job whose resources `can_serve` covers and nobody blocks, claimed: priority,
    /// then fair between batches (fewest running first, the older of equals), then index. `only`
    /// names one batch. Of a batch's resources those that begin with `key:` must be in `can_serve`;
    /// any of them, or `batch:NAME`, may be blocked.
    async fn claim_next(
        &self,
        worker: &str,
        can_serve: &[String],
        only: Option<&str>,
        lease_ms: u32,
    ) -> Result<Option<Job>>;

    /// One change of the state machine: the job as it is now, or the machine's refusal, which
    /// changes nothing. An alias is no job: [`Error::NoSuchJob`].
    async fn apply(&self, job: &str, change: Change) -> Result<std::result::Result<Job, Refusal>>;

    /// Records that a request is about to leave, unless its model is to be left alone (a block on
    /// `lane:PROVIDER/MODEL`). First writer wins.
    async fn open(&self, open: Open) -> Result<Opened>;

    /// Records how a try ended; never fenced. First final outcome of a question wins.
    ///
    /// The same settle again is answered as before. Another one for the same try goes into a
    /// record beside the first, and counts if nothing has closed the question yet. A try that was
    /// never opened is [`Error::Corrupt`].
    async fn settle(&self, call: &Call, r#try: u32, settle: Settle) -> Result<Settled>;

    /// Records in the order they were opened.
    async fn journal(&self, scope: Scope<'_>) -> Result<Vec<Record>>;

    /// Sets a block, or lifts it with `None`.
    async fn block(&self, resource: &str, block: Option<NewBlock>) -> Result<()>;

    /// A worker's heartbeat; expired leases go back to the queue, and the jobs that did are
    /// returned. Nothing expires before the ledger answered the sweeps of this connection for one
    /// lease time without a gap longer than that. A holder that has not beaten for a lease time has
    /// crashed.
    ///
    /// A last beat, which may be said on behalf of a worker whose process is gone, gives back what
    /// that worker still holds, and nothing else, at once.
    async fn sweep(&self, beat: &Beat, lease_ms: u32) -> Result<Vec<Job>>;

    /// Batches (all, or the one named), workers and blocks.
    async fn summary(&self, batch: Option<&str>) -> Result<Summary>;

    /// Rows by batch name and index. An unknown `after` is [`Error::NoSuchJob`]; nothing else that
    /// is unknown is an error.
    async fn jobs(&self, filter: &Filter) -> Result<Vec<Row>>;

    /// The inputs that were refused, in the order in which they first were.
    async fn rejected(&self, batch: &str) -> Result<Vec<Rejected>>;

    /// Appends `new` events, numbered and dated by the ledger, and returns those after `since`, at
    /// most 1000; none for `None`. Deltas are not stored. The newest 100 000 are kept.
    ///
    /// What happens to jobs, blocks and workers is told by the ledger itself, in the same step.
    async fn events(&self, new: Vec<Event>, since: Option<u64>) -> Result<Vec<Event>>;

    /// Housekeeping, in one method because nothing depends on when it is done, or whether. `None`:
    /// there was nothing to do, or it may not be done now. Else the names of the objects in the
    /// blobs that it was about: those made, given up, or in use.
    ///
    /// Every reading and every write works on folded journals as on others.
    async fn tidy(&self, chore: Chore<'_>) -> Result<Option<Vec<String>>>;
}
