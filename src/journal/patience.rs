//! Waiting for what is away: a ledger, a home of blobs, room on a disk.
//!
//! An outage is nobody's fault. Whoever works stands still where it is, and goes on there.

use crate::discussion::Stop;
use crate::domain::job::JobError;
use crate::domain::retry;
use crate::{blobs, ledger};
use std::fmt::Display;
use tokio_util::sync::CancellationToken;

/// A failure that may be over by itself.
pub trait Passing: Display {
    fn may_pass(&self) -> bool;

    /// Whether a person has been told of it by whoever met it.
    fn is_told(&self) -> bool {
        false
    }
}

impl Passing for ledger::Error {
    fn may_pass(&self) -> bool {
        ledger::Error::may_pass(self)
    }

    fn is_told(&self) -> bool {
        matches!(self, ledger::Error::Away { .. })
    }
}

impl Passing for blobs::Error {
    fn may_pass(&self) -> bool {
        blobs::Error::may_pass(self)
    }
}

/// Why nobody waits any longer.
#[derive(Debug)]
pub enum GaveUp<E> {
    /// It was told to stop.
    Stopped,
    /// Waiting does not mend this.
    For(E),
}

/// Does a step, again and again while what it needs is away, until it is told to stop.
pub async fn patiently<T, E, F>(
    stop: &CancellationToken,
    step: impl Fn() -> F,
) -> Result<T, GaveUp<E>>
where
    E: Passing,
    F: Future<Output = Result<T, E>>,
{
    let waiting = async {
        let mut failures = 0;
        loop {
            match step().await {
                Err(error) if error.may_pass() => {
                    if failures == 0 && !error.is_told() {
                        tracing::warn!(%error, "waiting until this is over");
                    }
                    failures += 1;
                    tokio::time::sleep(retry::ledger_delay(failures, random())).await;
                }
                outcome => return outcome.map_err(GaveUp::For),
            }
        }
    };
    tokio::select! {
        biased;
        outcome = waiting => outcome,
        () = stop.cancelled() => Err(GaveUp::Stopped),
    }
}

impl From<GaveUp<ledger::Error>> for Stop {
    fn from(gave_up: GaveUp<ledger::Error>) -> Self {
        match gave_up {
            GaveUp::Stopped => Self::Interrupted,
            GaveUp::For(error) => unusable(&error),
        }
    }
}

/// The ledger answered, and no waiting mends what it said. Another attempt may find it mended.
pub(super) fn unusable(error: &ledger::Error) -> Stop {
    Stop::Retry(JobError {
        code: "internal".to_owned(),
        message: error.to_string(),
        hint: "`tableround doctor` looks at the ledger; then `tableround jobs retry`".to_owned(),
    })
}

/// Random bits for jitter.
pub(super) fn random() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn away() -> blobs::Error {
        blobs::Error::Server { doing: "write", place: "redis".into(), source: "away".into() }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_away_is_waited_for() {
        let asked = AtomicU32::new(0);
        let step = || async {
            match asked.fetch_add(1, Ordering::Relaxed) {
                0..50 => Err(away()),
                count => Ok(count),
            }
        };
        let count = patiently(&CancellationToken::new(), step).await.unwrap();
        assert_eq!(count, 50);
    }

    #[tokio::test(start_paused = true)]
    async fn what_waiting_does_not_mend_is_told_at_once() {
        let step = || async { Err::<(), _>(blobs::Error::Missing("x".into())) };
        let gave_up = patiently(&CancellationToken::new(), step).await;
        assert!(matches!(gave_up, Err(GaveUp::For(blobs::Error::Missing(_)))));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_who_is_told_to_stop() {
        let stop = CancellationToken::new();
        let step = || async {
            stop.cancel();
            Err::<(), _>(away())
        };
        assert!(matches!(patiently(&stop, step).await, Err(GaveUp::Stopped)));
    }
}
