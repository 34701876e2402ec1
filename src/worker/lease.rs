//! Staying alive in the ledger's eyes: the worker's heartbeat and each job's lease.

use super::attempt::Running;
use super::{Worker, note};
use crate::domain::event::{Event, EventKind};
use crate::domain::job::{Change, Job, Refusal};
use crate::ledger::{self, Beat};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How soon a cancelled job is noticed.
const CANCEL_POLL: Duration = Duration::from_millis(500);
/// Events the ledger tells at a time.
const EVENTS_PAGE: usize = 1000;

/// Beats three times a lease, and sweeps what others left behind.
pub(super) async fn beat(worker: Arc<Worker>) {
    loop {
        // What a dead neighbour has left in the spool counts before its jobs are free.
        let buried = match worker.desk.empty_spool().await {
            Ok(_) => worker.bury_the_dead().await,
            Err(undelivered) => {
                tracing::debug!(error = %undelivered, "the spool is not empty yet");
                Ok(0)
            }
        };
        match buried {
            Ok(0) => {}
            Ok(freed) => {
                tracing::info!(jobs = freed, "jobs of a dead worker are queued again");
                worker.changed.notify_one();
            }
            Err(error) => note(&error, "the ledger did not tell who works"),
        }
        let busy = worker.options.slots - worker.slots.available_permits();
        let beat = Beat { busy: u32::try_from(busy).unwrap_or(u32::MAX), ..worker.beat.clone() };
        match worker.desk.ledger.sweep(&beat, worker.lease_ms()).await {
            Ok(freed) if !freed.is_empty() => {
                tracing::info!(jobs = freed.len(), "jobs of a lost worker are queued again");
                worker.changed.notify_one();
            }
            Ok(_) => {}
            Err(error) => note(&error, "the ledger did not take the heartbeat"),
        }
        tokio::time::sleep(worker.options.lease / 3).await;
    }
}

/// Stops at once what somebody has cancelled, in whatever process.
pub(super) async fn heed_cancels(worker: Arc<Worker>) {
    let ledger = &worker.desk.ledger;
    let mut since = None;
    loop {
        let seen = match since {
            None => ledger.summary(Some("")).await.map(|summary| (summary.last_event, vec![])),
            Some(seq) => ledger
                .events(vec![], Some(seq))
                .await
                .map(|events| (events.last().map_or(seq, |event| event.seq), events)),
        };
        match seen {
            Ok((seq, events)) => {
                since = Some(seq);
                let cancelled = |event: &&Event| event.event == EventKind::JobCancelled;
                for event in events.iter().filter(cancelled) {
                    if let Some(running) = worker.lock_running().get(&event.job) {
                        running.cancelled.cancel();
                    }
                }
                if events.len() == EVENTS_PAGE {
                    continue;
                }
            }
            // The renewals will tell as well, only later.
            Err(error) => tracing::debug!(%error, "the ledger did not tell what happened"),
        }
        tokio::time::sleep(CANCEL_POLL).await;
    }
}

/// Renews one job's lease until the attempt ends. A lost lease ends the attempt; one that gets no
/// further for too long, while the ledger is there, is given up.
pub(super) async fn renew(
    worker: Arc<Worker>,
    job: String,
    running: Arc<Running>,
    stop: CancellationToken,
) {
    let mut seen = (running.progress().0, Instant::now());
    loop {
        tokio::select! {
            () = tokio::time::sleep(worker.options.lease / 3) => {}
            () = worker.bell.cancelled() => {}
        }
        let progress = running.progress().0;
        if progress != seen.0 {
            seen = (progress, Instant::now());
        } else if seen.1.elapsed() > worker.options.deadline {
            running.overrun.cancel();
            stop.cancel();
            return;
        }
        match renew_once(&worker, &job, &running).await {
            Ok(Ok(_)) => {}
            Ok(Err(refusal)) => {
                tracing::warn!(job = %job, %refusal, "the lease is gone");
                stop.cancel();
                return;
            }
            Err(error) => {
                // It may be ours for as long as the ledger is away: nobody can take it then. Until
                // that is known, `Hold` lets nothing new be asked, and standing still is no fault.
                note(&error, "a lease could not be renewed");
                seen.1 = Instant::now();
            }
        }
    }
}

/// Makes one job's lease longer and tells how far it came.
pub(super) async fn renew_once(
    worker: &Worker,
    job: &str,
    running: &Running,
) -> ledger::Result<Result<Job, Refusal>> {
    let (progress, cost) = running.progress();
    let (token, lease_ms) = (running.token.clone(), worker.lease_ms());
    let asked = Instant::now();
    let renewal = Change::Renew { token, lease_ms, progress, cost };
    let renewed = worker.desk.ledger.apply(job, renewal).await?;
    if renewed.is_ok() {
        running.hold.renewed(asked, worker.options.lease);
    }
    Ok(renewed)
}

/// Whether a process of this machine exists.
pub(super) fn process_lives(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| {
        // No permission to signal it means that it exists.
        !matches!(rustix::process::test_kill_process(pid), Err(rustix::io::Errno::SRCH))
    })
}
