//! Every way an attempt can end, and what each does to the job.

use crate::discussion::Stop;
use crate::domain::cost::MicroUsd;
use crate::domain::job::{Change, Job, JobError};
use crate::domain::retry;
use std::time::Duration;

/// What a job's ending asks of the ledger.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) change: Change,
    /// A resource to block: its name, why, for how long.
    pub(super) block: Option<(String, String, Option<u64>)>,
}

/// The one place where an ending becomes a change.
pub(super) fn classify(
    ended: Result<String, Stop>,
    job: &Job,
    token: String,
    cost: MicroUsd,
    random: u32,
) -> Ending {
    let just = |change| Ending { change, block: None };
    match ended {
        Ok(result) => just(Change::Finish { token, result, cost }),
        Err(Stop::Die(error)) => just(Change::Die { token, error, cost }),
        Err(Stop::Retry(error)) => {
            let delay = retry::attempt_delay(job.attempts + 1, random);
            just(Change::Fail { token, error, delay_ms: millis(delay), cost })
        }
        Err(Stop::Interrupted) => just(Change::Release { token }),
        Err(Stop::Blocked { resource, error, for_ms }) => Ending {
            change: Change::Release { token },
            block: Some((resource, reason(&error), for_ms)),
        },
    }
}

/// A block's reason: code, message and hint in one line.
fn reason(error: &JobError) -> String {
    format!("{}: {} ({})", error.code, error.message, error.hint)
}

/// A panic is a crash that its parent lived to see.
pub(super) fn panicked(token: String, stage: &str) -> Change {
    let error = JobError {
        code: "job.crashed".to_owned(),
        message: format!("the worker panicked in stage `{stage}`"),
        hint: "see the log for the place; `tableround jobs retry` tries again".to_owned(),
    };
    Change::SoloCrash { token, error }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
