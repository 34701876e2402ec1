//! A batch at one moment, as far as a person watching wants to know it.

use super::words::Spoken;
use crate::domain::cost::MicroUsd;
use crate::domain::job::{Attempt, Job, JobError, Progress, State, StateName};
use crate::ledger::{BatchSummary, Block};
use crate::worker::LEASE;
use std::time::Duration;

/// A batch at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sight {
    pub batch: String,
    pub rehearsal: bool,
    /// All jobs of the batch, duplicates not counted.
    pub total: u64,
    /// Completed.
    pub done: u64,
    pub dead: u64,
    pub cancelled: u64,
    /// Waiting for a retry.
    pub waiting: u64,
    /// Calls in flight, as far as this process knows.
    pub calls_out: usize,
    /// Calls that may be in flight at once; with it, an ETA knows whether the gate is the limit.
    pub calls_max: Option<usize>,
    pub cost: MicroUsd,
    /// Some calls have no known price, so the cost is at least `cost`.
    pub cost_unknown: bool,
    /// The jobs being worked on, by index.
    pub running: Vec<RunningJob>,
    /// Slots that are free for jobs of the batch now, as far as this process knows.
    pub slots_free: u64,
    /// What keeps jobs from running.
    pub holds: Vec<Hold>,
    /// The newest words spoken.
    pub spoken: Option<Spoken>,
}

impl Sight {
    /// What the ledger knows of a batch. Calls, costs without a price, running jobs and holds are
    /// the caller's to add.
    pub fn of(summary: &BatchSummary) -> Self {
        let jobs = |state| summary.states.get(&state).copied().unwrap_or(0);
        Self {
            batch: summary.batch.name.clone(),
            rehearsal: summary.batch.rehearsal,
            total: summary.states.values().sum(),
            done: jobs(StateName::Completed),
            dead: jobs(StateName::Dead),
            cancelled: jobs(StateName::Cancelled),
            waiting: jobs(StateName::Waiting),
            cost: summary.spent,
            ..Self::default()
        }
    }

    /// Several batches as one.
    pub fn of_all(batches: &[BatchSummary]) -> Self {
        if let [one] = batches {
            return Self::of(one);
        }
        let batch = format!("{} batches", batches.len());
        batches.iter().map(Self::of).fold(Self { batch, ..Self::default() }, |sum, one| Self {
            rehearsal: sum.rehearsal || one.rehearsal,
            total: sum.total + one.total,
            done: sum.done + one.done,
            dead: sum.dead + one.dead,
            cancelled: sum.cancelled + one.cancelled,
            waiting: sum.waiting + one.waiting,
            cost: MicroUsd(sum.cost.0.saturating_add(one.cost.0)),
            ..sum
        })
    }

    /// Jobs to which nothing more happens.
    pub fn ended(&self) -> u64 {
        self.done + self.dead + self.cancelled
    }

    /// Whether something may still happen to one of its jobs.
    pub fn is_open(&self) -> bool {
        self.ended() < self.total
    }

    /// Jobs that are neither ended nor being worked on.
    pub fn pending(&self) -> u64 {
        self.total.saturating_sub(self.ended() + self.running.len() as u64)
    }
}

/// A job being worked on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunningJob {
    /// The job's id: never shown.
    pub job: String,
    /// The picture's file name.
    pub name: String,
    pub progress: Progress,
    /// Since this attempt began.
    pub elapsed: Duration,
    /// How old the news of its progress is: another process hears of it only now and then.
    pub stale: Duration,
    /// What earlier attempts took. Their answers count, so their time does.
    pub before: Duration,
    /// The worker that holds it; empty: this process.
    pub worker: String,
}

impl RunningJob {
    /// The job, if it is running. `now` is ledger time in milliseconds since 1970.
    pub fn of(job: &Job, now: i64) -> Option<Self> {
        match &job.state {
            State::Running { lease } => {
                let elapsed = last_attempt(job, now);
                // A renewal tells the progress and sets the lease's end.
                let told = lease.until.saturating_sub_unsigned(millis(LEASE));
                Some(Self {
                    job: job.id.clone(),
                    name: file_name(&job.source).to_owned(),
                    progress: job.progress.clone(),
                    elapsed,
                    stale: between(told, now).min(elapsed),
                    before: worked(job, now).saturating_sub(elapsed),
                    worker: lease.worker.clone(),
                })
            }
            State::Queued
            | State::Waiting { .. }
            | State::Completed { .. }
            | State::Dead { .. }
            | State::Cancelled => None,
        }
    }
}

/// A job that left the table, for good or for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Departure {
    /// The picture's file name.
    pub name: String,
    /// Answers obtained, of those expected.
    pub progress: Progress,
    /// How long the last attempt took.
    pub took: Duration,
    pub fate: Fate,
}

/// What became of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    Completed,
    /// It failed and will be tried again.
    Waits {
        again_in: Duration,
        error: JobError,
    },
    Dead(JobError),
    Cancelled,
}

impl Departure {
    /// What to say about a job that is no longer running; nothing if it merely went back to the
    /// queue. `now` is ledger time in milliseconds since 1970.
    pub fn of(job: &Job, now: i64) -> Option<Self> {
        let fate = match &job.state {
            State::Completed { .. } => Fate::Completed,
            State::Waiting { until, error } => {
                Fate::Waits { again_in: between(now, *until), error: error.clone() }
            }
            State::Dead { error } => Fate::Dead(error.clone()),
            State::Cancelled => Fate::Cancelled,
            State::Queued | State::Running { .. } => return None,
        };
        Some(Self {
            name: file_name(&job.source).to_owned(),
            progress: job.progress.clone(),
            took: last_attempt(job, now),
            fate,
        })
    }
}

/// Something that keeps jobs from running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// `provider:NAME` or `batch:NAME`.
    pub resource: String,
    pub reason: String,
    /// Until it ends by itself; none: somebody must lift it.
    pub left: Option<Duration>,
}

impl Hold {
    /// A block of the ledger. `now` is ledger time in milliseconds since 1970.
    pub fn of(block: &Block, now: i64) -> Self {
        Self {
            resource: block.resource.clone(),
            reason: block.reason.clone(),
            left: block.until.map(|until| between(now, until)),
        }
    }
}

/// The last part of a path, whichever way its slashes lean.
pub fn file_name(source: &str) -> &str {
    source.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next().unwrap_or(source)
}

/// How long a job was worked on in all its attempts. `now` is ledger time.
pub(super) fn worked(job: &Job, now: i64) -> Duration {
    let took = |attempt: &Attempt| between(attempt.started_at, attempt.ended_at.unwrap_or(now));
    job.history.iter().map(took).sum()
}

fn last_attempt(job: &Job, now: i64) -> Duration {
    job.history.last().map_or(Duration::ZERO, |attempt| {
        between(attempt.started_at, attempt.ended_at.unwrap_or(now))
    })
}

/// From one ledger time to another; nothing if it is past.
pub(super) fn between(from: i64, to: i64) -> Duration {
    Duration::from_millis(to.saturating_sub(from).try_into().unwrap_or(0))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::job::{Ending, Lease, PictureSource, Priority};
    use crate::ledger::Batch;

    fn job(state: State, ended_at: Option<i64>) -> Job {
        let attempt = Attempt {
            attempt: 1,
            worker: "w".into(),
            started_at: 10_000,
            ended_at,
            ending: ended_at.map(|_| Ending::Completed),
            stage: "story".into(),
        };
        Job {
            id: "01J".into(),
            batch: "night".into(),
            index: 1,
            source: "photos/2024/moon.gif".into(),
            external_id: String::new(),
            topic: String::new(),
            picture_sha256: String::new(),
            picture: PictureSource::Path("moon.gif".into()),
            keywords: vec![],
            design_prompt: String::new(),
            fingerprint: String::new(),
            priority: Priority::Normal,
            state,
            version: 1,
            attempts: 0,
            interruptions: 0,
            crashes: 0,
            suspect: false,
            progress: Progress { done: 7, expected: 38, ..Progress::default() },
            cost: MicroUsd(0),
            history: vec![attempt],
        }
    }

    fn error() -> JobError {
        JobError { code: "internal".into(), message: "m".into(), hint: "h".into() }
    }

    fn running() -> State {
        State::Running { lease: Lease { token: "t".into(), worker: "w".into(), until: 99_000 } }
    }

    #[test]
    fn a_running_job_is_known_by_its_pictures_name_and_its_age() {
        let seen = RunningJob::of(&job(running(), None), 33_000).unwrap();
        assert_eq!((seen.name.as_str(), seen.elapsed), ("moon.gif", Duration::from_secs(23)));
        assert_eq!(RunningJob::of(&job(State::Queued, None), 33_000), None);
        assert_eq!(Departure::of(&job(running(), None), 33_000), None);
    }

    #[test]
    fn news_of_a_running_job_are_as_old_as_its_last_renewal() {
        let mut resumed = job(running(), None);
        resumed.history.insert(0, Attempt { ended_at: Some(7_000), ..resumed.history[0].clone() });
        resumed.history[0].started_at = 2_000;
        let seen = RunningJob::of(&resumed, 91_000).unwrap();
        assert_eq!(seen.stale, Duration::from_secs(2), "the lease ends at 99 s");
        assert_eq!(seen.before, Duration::from_secs(5));
        assert_eq!(seen.elapsed, Duration::from_secs(81));
        assert_eq!(seen.worker, "w");
    }

    #[test]
    fn a_departure_tells_how_long_the_last_attempt_took() {
        let check = |state, fate: Option<Fate>| {
            let departure = Departure::of(&job(state, Some(22_500)), 30_000);
            assert_eq!(departure.as_ref().map(|left| &left.fate), fate.as_ref());
            assert!(departure.is_none_or(|left| left.took == Duration::from_millis(12_500)));
        };
        let waits = |again_in| Some(Fate::Waits { again_in, error: error() });
        check(State::Completed { result: "r".into() }, Some(Fate::Completed));
        check(State::Dead { error: error() }, Some(Fate::Dead(error())));
        check(State::Cancelled, Some(Fate::Cancelled));
        check(State::Waiting { until: 35_000, error: error() }, waits(Duration::from_secs(5)));
        check(State::Waiting { until: 1, error: error() }, waits(Duration::ZERO));
        check(State::Queued, None);
    }

    #[test]
    fn a_sight_of_a_batch_counts_every_state_once() {
        let states = StateName::ALL.into_iter().zip([1, 2, 3, 4, 5, 6]).collect();
        let batch = Batch {
            name: "night".into(),
            spec: String::new(),
            rehearsal: true,
            resources: vec![],
            max_cost: None,
            max_fails: None,
            prices: std::collections::BTreeMap::default(),
        };
        let sight = Sight::of(&BatchSummary {
            batch,
            created_at: 0,
            states,
            duplicates: 9,
            rejected: 9,
            spent: MicroUsd(5),
            reserved: MicroUsd(9),
            calls: 9,
            last_error: None,
            collected_at: None,
        });
        assert_eq!((sight.total, sight.ended(), sight.waiting), (21, 4 + 5 + 6, 3));
        assert_eq!(sight.pending(), 6, "nobody said yet which jobs are running");
    }

    #[test]
    fn the_name_of_a_file_is_the_last_part_of_its_path() {
        let check = |path, name| assert_eq!(file_name(path), name);
        check("moon.gif", "moon.gif");
        check("a/b/moon.gif", "moon.gif");
        check(r"C:\pictures\moon.gif", "moon.gif");
        check("a/b/", "b");
        check("", "");
    }
}
