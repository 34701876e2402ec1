//! A job and the only function that changes it.
//!
//! ```text
//!            claim                     finish
//! queued ─────────────► running ─────────────────► completed
//!   ▲  ▲                 │ │ │ │ die
//!   │  └── release,expire┘ │ │ └────────────────► dead ──┐
//!   │                      │ └─── cancel ───► cancelled ─┤
//!   │  claim when due      │ fail                        │
//!   └───────────────── waiting                           │
//!   ▲                                        retry       │
//!   └────────────────────────────────────────────────────┘
//! ```

use super::cost::MicroUsd;
use super::result::Picture;
use serde::{Deserialize, Serialize};

/// Failed attempts after which a job is dead.
pub const ATTEMPTS_MAX: u32 = 3;
/// Solo crashes, seen by a parent that lived, after which a job is dead.
pub const CRASHES_MAX: u32 = 3;

/// A lease: the right to work on a job until a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// 128 random bits, hex; compared for equality.
    pub token: String,
    pub worker: String,
    /// Ledger time, milliseconds since 1970.
    pub until: i64,
}

/// Why a job or an attempt ended badly: a code of the contract, and words for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobError {
    /// E.g. `provider.unavailable`.
    pub code: String,
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

/// Where a job is. Each state carries what only it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    Queued,
    Running {
        lease: Lease,
    },
    /// A retry's delay.
    Waiting {
        /// Ledger time, milliseconds since 1970.
        until: i64,
        error: JobError,
    },
    Completed {
        /// The blob that holds the result, SHA-256 hex.
        result: String,
    },
    Dead {
        error: JobError,
    },
    Cancelled,
}

impl State {
    /// The state's name in files and filters.
    pub fn name(&self) -> StateName {
        match self {
            Self::Queued => StateName::Queued,
            Self::Running { .. } => StateName::Running,
            Self::Waiting { .. } => StateName::Waiting,
            Self::Completed { .. } => StateName::Completed,
            Self::Dead { .. } => StateName::Dead,
            Self::Cancelled => StateName::Cancelled,
        }
    }
}

/// The states without what they carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateName {
    Queued,
    Running,
    Waiting,
    Completed,
    Dead,
    Cancelled,
}

impl StateName {
    pub const ALL: [Self; 6] =
        [Self::Queued, Self::Running, Self::Waiting, Self::Completed, Self::Dead, Self::Cancelled];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Completed => "completed",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
        }
    }

    /// Nothing more happens to it by itself.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Dead | Self::Cancelled)
    }
}

impl std::str::FromStr for StateName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = || Self::ALL.map(Self::as_str).join(", ");
        Self::ALL
            .into_iter()
            .find(|s| s.as_str() == text)
            .ok_or_else(|| format!("`{text}` is not a job state; the states are {}", names()))
    }
}

/// Which jobs go first.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    High,
    #[default]
    Normal,
}

/// Where a job's picture is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PictureSource {
    /// Prepared at enqueue and kept in the blobs under its digest.
    Prepared(Picture),
    /// `--by-path`: read and prepared by the worker.
    Path(String),
}

/// Where the work stands, for people watching.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    pub stage: String,
    pub seat: String,
    /// Answers obtained so far, of those expected.
    pub done: u32,
    pub expected: u32,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    Completed,
    Failed,
    Dead,
    /// Given back: shutdown, a block, the ledger away.
    Released,
    /// The lease ran out.
    Expired,
    Crashed,
    /// It got no further for too long.
    Overran,
    Cancelled,
}

impl Ending {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Dead => "dead",
            Self::Released => "released",
            Self::Expired => "expired",
            Self::Crashed => "crashed",
            Self::Overran => "overran",
            Self::Cancelled => "cancelled",
        }
    }
}

/// One attempt, for the telemetry. Times are ledger times in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// From 1.
    pub attempt: u32,
    pub worker: String,
    pub started_at: i64,
    pub ended_at: Option<i64>,
    pub ending: Option<Ending>,
    /// The stage it was in when it ended.
    pub stage: String,
}

/// The newest attempts a job keeps.
pub const HISTORY_MAX: usize = 32;

/// One picture and one topic to discuss.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// ULID.
    pub id: String,
    pub batch: String,
    /// Position in the batch, from 1.
    pub index: u32,
    /// The input as the user named it.
    pub source: String,
    pub external_id: String,
    pub topic: String,
    /// SHA-256 of the input file, hex.
    pub picture_sha256: String,
    pub picture: PictureSource,
    /// Final keywords given by the user instead of the vote's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub design_prompt: String,
    /// SHA-256 over picture, topic, the job's own fields and the frozen spec, hex.
    pub fingerprint: String,
    pub priority: Priority,
    #[serde(flatten)]
    pub state: State,
    /// Grows with every change; a change that names an older one is refused.
    pub version: u64,
    /// Attempts that ended in a retryable failure.
    pub attempts: u32,
    /// Lease lost, shutdown, ledger away: never fatal.
    pub interruptions: u32,
    /// The worker died while this job ran.
    pub crashes: u32,
    /// Ran in a crash: it runs solo until it ends.
    pub suspect: bool,
    pub progress: Progress,
    /// What its calls cost so far, where known.
    pub cost: MicroUsd,
    /// The newest [`HISTORY_MAX`] attempts.
    #[serde(default)]
    pub history: Vec<Attempt>,
}

impl Job {
    /// The lease, while running.
    pub fn lease(&self) -> Option<&Lease> {
        match &self.state {
            State::Running { lease } => Some(lease),
            State::Queued
            | State::Waiting { .. }
            | State::Completed { .. }
            | State::Dead { .. }
            | State::Cancelled => None,
        }
    }

    /// Whether a free slot may take it at this time.
    pub fn is_due(&self, now: i64) -> bool {
        match &self.state {
            State::Queued => true,
            State::Waiting { until, .. } => *until <= now,
            State::Running { .. }
            | State::Completed { .. }
            | State::Dead { .. }
            | State::Cancelled => false,
        }
    }
}

/// Something that happens to a job. Durations are counted from the ledger's time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    Claim {
        token: String,
        worker: String,
        lease_ms: u32,
    },
    /// The holder lives: the lease is longer, the progress newer.
    Renew {
        token: String,
        lease_ms: u32,
        progress: Progress,
        cost: MicroUsd,
    },
    /// The result is in the blobs.
    Finish {
        token: String,
        result: String,
        cost: MicroUsd,
    },
    /// The attempt failed and another may succeed.
    Fail {
        token: String,
        error: JobError,
        delay_ms: u64,
        cost: MicroUsd,
    },
    /// No attempt can succeed.
    Die {
        token: String,
        error: JobError,
        cost: MicroUsd,
    },
    /// The holder gives it back: shutdown, a block, the ledger away. Charged to nobody.
    Release {
        token: String,
    },
    /// The lease ran out. `crashed`: the holder's own heartbeat is gone too.
    Expire {
        crashed: bool,
    },
    /// The worker is known to be gone, whatever its lease says: its process no longer exists.
    Orphan {
        worker: String,
    },
    /// The holder gives it up because it got no further for too long: it runs solo from now on.
    Suspect {
        token: String,
    },
    /// A solo child died under a parent that lived.
    SoloCrash {
        token: String,
        error: JobError,
    },
    Cancel,
    /// Dead or cancelled: once more, with fresh counters.
    Retry,
    Reprioritise {
        priority: Priority,
    },
}

/// Why a change was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    #[error("the lease belongs to somebody else by now")]
    StaleToken,
    #[error("the job is {0}")]
    WrongState(String),
    #[error("the retry's delay is not over")]
    NotDue,
    #[error("the lease has not run out")]
    LeaseAlive,
    #[error("the job was changed by somebody else in between")]
    StaleVersion,
}

/// Applies one change at a ledger time (milliseconds since 1970), or says why not. Every rule
/// about a job's life is here and nowhere else.
pub fn apply(mut job: Job, change: Change, now: i64) -> Result<Job, Refusal> {
    let wrong = |job: &Job| Refusal::WrongState(job.state.name().as_str().to_owned());
    match change {
        Change::Claim { token, worker, lease_ms } => {
            if matches!(job.state, State::Waiting { .. }) && !job.is_due(now) {
                return Err(Refusal::NotDue);
            }
            if !job.is_due(now) {
                return Err(wrong(&job));
            }
            begin_attempt(&mut job, &worker, now);
            let lease = Lease { token, worker, until: now + i64::from(lease_ms) };
            job.state = State::Running { lease };
        }
        Change::Renew { token, lease_ms, progress, cost } => {
            let mut lease = held(&job, &token)?.clone();
            lease.until = lease.until.max(now + i64::from(lease_ms));
            job.state = State::Running { lease };
            job.progress = progress;
            job.cost = cost;
        }
        Change::Finish { token, result, cost } => {
            held(&job, &token)?;
            end_attempt(&mut job, Ending::Completed, now);
            job.state = State::Completed { result };
            job.suspect = false;
            job.cost = cost;
        }
        Change::Fail { token, error, delay_ms, cost } => {
            held(&job, &token)?;
            end_attempt(&mut job, Ending::Failed, now);
            job.attempts += 1;
            job.cost = cost;
            job.state = if job.attempts >= ATTEMPTS_MAX {
                State::Dead { error }
            } else {
                State::Waiting { until: now.saturating_add_unsigned(delay_ms), error }
            };
        }
        Change::Die { token, error, cost } => {
            held(&job, &token)?;
            end_attempt(&mut job, Ending::Dead, now);
            job.cost = cost;
            job.state = State::Dead { error };
        }
        Change::Release { token } => {
            held(&job, &token)?;
            end_attempt(&mut job, Ending::Released, now);
            job.interruptions += 1;
            job.state = State::Queued;
        }
        Change::Expire { crashed } => {
            let Some(lease) = job.lease() else { return Err(wrong(&job)) };
            if lease.until > now {
                return Err(Refusal::LeaseAlive);
            }
            end_attempt(&mut job, Ending::Expired, now);
            job.interruptions += 1;
            job.suspect |= crashed;
            job.state = State::Queued;
        }
        Change::Orphan { worker } => {
            if job.lease().is_none_or(|lease| lease.worker != worker) {
                return Err(wrong(&job));
            }
            end_attempt(&mut job, Ending::Crashed, now);
            job.interruptions += 1;
            job.suspect = true;
            job.state = State::Queued;
        }
        Change::Suspect { token } => {
            held(&job, &token)?;
            end_attempt(&mut job, Ending::Overran, now);
            job.interruptions += 1;
            job.suspect = true;
            job.state = State::Queued;
        }
        Change::SoloCrash { token, error } => {
            held(&job, &token)?;
            end_attempt(&mut job, Ending::Crashed, now);
            job.crashes += 1;
            job.suspect = true;
            job.state =
                if job.crashes >= CRASHES_MAX { State::Dead { error } } else { State::Queued };
        }
        Change::Cancel => {
            if job.state.name().is_final() {
                return Err(wrong(&job));
            }
            end_attempt(&mut job, Ending::Cancelled, now);
            job.state = State::Cancelled;
        }
        Change::Retry => {
            if !matches!(job.state, State::Dead { .. } | State::Cancelled) {
                return Err(wrong(&job));
            }
            (job.attempts, job.crashes, job.suspect) = (0, 0, false);
            job.state = State::Queued;
        }
        Change::Reprioritise { priority } => {
            if job.state.name().is_final() {
                return Err(wrong(&job));
            }
            job.priority = priority;
        }
    }
    job.version += 1;
    Ok(job)
}

fn begin_attempt(job: &mut Job, worker: &str, now: i64) {
    let attempt = job.history.last().map_or(1, |last| last.attempt + 1);
    if job.history.len() == HISTORY_MAX {
        job.history.remove(0);
    }
    job.history.push(Attempt {
        attempt,
        worker: worker.to_owned(),
        started_at: now,
        ended_at: None,
        ending: None,
        stage: String::new(),
    });
}

fn end_attempt(job: &mut Job, ending: Ending, now: i64) {
    if let Some(last) = job.history.last_mut().filter(|last| last.ending.is_none()) {
        last.ended_at = Some(now);
        last.ending = Some(ending);
        last.stage.clone_from(&job.progress.stage);
    }
}

/// The lease, if the token is its token.
fn held<'a>(job: &'a Job, token: &str) -> Result<&'a Lease, Refusal> {
    job.lease().filter(|lease| lease.token == token).ok_or(Refusal::StaleToken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn job() -> Job {
        Job {
            id: "01J".into(),
            batch: "b".into(),
            index: 1,
            source: "a.jpg".into(),
            external_id: String::new(),
            topic: "t".into(),
            picture_sha256: "00".into(),
            picture: PictureSource::Path("a.jpg".into()),
            keywords: vec![],
            design_prompt: String::new(),
            fingerprint: "ff".into(),
            priority: Priority::Normal,
            state: State::Queued,
            version: 0,
            attempts: 0,
            interruptions: 0,
            crashes: 0,
            suspect: false,
            progress: Progress::default(),
            cost: MicroUsd(0),
            history: vec![],
        }
    }

    fn error() -> JobError {
        JobError { code: "internal".into(), message: "m".into(), hint: "h".into() }
    }

    fn claim(token: u8) -> Change {
        Change::Claim { token: token.to_string(), worker: "w".into(), lease_ms: 10 }
    }

    fn any_change() -> impl Strategy<Value = Change> {
        let token = || (0..3u8).prop_map(|t| t.to_string());
        let cost = MicroUsd(1);
        prop_oneof![
            (0..3u8).prop_map(claim),
            (0..3u8).prop_map(claim),
            token().prop_map(move |token| Change::Renew {
                token,
                lease_ms: 10,
                progress: Progress::default(),
                cost
            }),
            token().prop_map(move |token| Change::Finish { token, result: "r".into(), cost }),
            (token(), 0..100u64).prop_map(move |(token, delay_ms)| Change::Fail {
                token,
                error: error(),
                delay_ms,
                cost
            }),
            token().prop_map(move |token| Change::Die { token, error: error(), cost }),
            token().prop_map(|token| Change::Release { token }),
            any::<bool>().prop_map(|crashed| Change::Expire { crashed }),
            Just(Change::Orphan { worker: "w".into() }),
            token().prop_map(|token| Change::Suspect { token }),
            token().prop_map(|token| Change::SoloCrash { token, error: error() }),
            Just(Change::Cancel),
            Just(Change::Retry),
            Just(Change::Reprioritise { priority: Priority::High }),
        ]
    }

    proptest! {
        #[test]
        fn no_walk_breaks_a_law(changes in prop::collection::vec((any_change(), 0..30i64), 0..60)) {
            let (mut job, mut now) = (job(), 0);
            for (change, passed) in changes {
                now += passed;
                let before = job.clone();
                let Ok(after) = apply(before.clone(), change.clone(), now) else { continue };
                prop_assert_eq!(after.version, before.version + 1);
                prop_assert!(after.attempts <= ATTEMPTS_MAX && after.crashes <= CRASHES_MAX);
                if before.state.name().is_final() {
                    prop_assert_eq!(change.clone(), Change::Retry);
                    let completed = matches!(before.state, State::Completed { .. });
                    prop_assert!(!completed, "a completed job never changes");
                }
                if let (Some(old), Some(new)) = (before.lease(), after.lease()) {
                    prop_assert_eq!(&old.token, &new.token, "a lease is never taken over");
                    prop_assert!(new.until >= old.until);
                }
                if matches!(
                    change,
                    Change::Release { .. } | Change::Expire { .. } | Change::Suspect { .. }
                ) {
                    prop_assert_eq!(
                        (after.attempts, after.crashes), (before.attempts, before.crashes)
                    );
                }
                job = after;
            }
        }
    }

    #[test]
    fn a_stale_token_changes_nothing() {
        let held = apply(job(), claim(1), 0).unwrap();
        for change in [
            Change::Finish { token: "2".into(), result: "r".into(), cost: MicroUsd(0) },
            Change::Release { token: "2".into() },
            Change::Die { token: "2".into(), error: error(), cost: MicroUsd(0) },
        ] {
            assert_eq!(apply(held.clone(), change, 0), Err(Refusal::StaleToken));
        }
    }

    #[test]
    fn the_third_failed_attempt_is_the_last() {
        let mut job = job();
        for round in 1..=ATTEMPTS_MAX {
            job = apply(job, claim(1), 100).unwrap();
            let fail =
                Change::Fail { token: "1".into(), error: error(), delay_ms: 0, cost: MicroUsd(0) };
            job = apply(job, fail, 100).unwrap();
            let dead = matches!(job.state, State::Dead { .. });
            assert_eq!(dead, round == ATTEMPTS_MAX);
        }
    }

    #[test]
    fn a_waiting_job_is_not_claimed_before_its_time() {
        let mut job = job();
        job.state = State::Waiting { until: 50, error: error() };
        assert_eq!(apply(job.clone(), claim(1), 49), Err(Refusal::NotDue));
        assert!(apply(job, claim(1), 50).is_ok());
    }
}
