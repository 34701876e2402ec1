//! `run`: enqueue, work and collect in one process.

use super::enqueue::{self, Load, Taken};
use super::{batches, summary, watch};
use crate::cli::errors::CliError;
use crate::cli::exit::ExitCode;
use crate::cli::leave_now;
use crate::cli::session::{self, Home, Session};
use crate::cli::setting::Setting;
use crate::domain::cost::MicroUsd;
use crate::ledger::Summary;
use crate::provider::rehearsal::Rehearsal;
use crate::watch::{Departure, Hold, RunningJob, Sight, file_name};
use crate::worker::{Ended, Options, Worker, collect};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often a batch at work is looked at.
const TICK: Duration = Duration::from_millis(100);

/// How it is worked on.
#[derive(Debug, Clone)]
pub struct Work {
    pub slots: usize,
    pub max_calls: usize,
    pub max_wait: Duration,
    /// An attempt that gets no further for so long is given up.
    pub deadline: Duration,
    pub exports: PathBuf,
}

impl Work {
    /// Calls in flight of one job that runs apart: together they keep to what was asked for.
    pub fn calls_of_one(&self) -> usize {
        (self.max_calls / self.slots.max(1)).max(1)
    }
}

/// New limits for a batch that is there; none: as they were.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    pub max_cost: Option<MicroUsd>,
    pub max_fails: Option<String>,
}

/// `run` over new inputs.
pub async fn run(setting: &Setting, load: Load, work: &Work) -> Result<ExitCode, CliError> {
    let started = Instant::now();
    let queued = match enqueue::take_in(setting, load, work).await? {
        Taken::In(queued) => queued,
        Taken::Estimated(code) => return Ok(code),
    };
    let rejected = !queued.intake.rejected.is_empty();
    let ended = hold(setting, &queued.home, &queued.batch, queued.rehearsal, work).await?;
    finish(setting, &queued.home, &queued.batch, &ended, rejected, work, started).await
}

/// `run --resume`: goes on with a batch that is there.
pub async fn resume(
    setting: &Setting,
    batch: &str,
    limits: Limits,
    work: &Work,
) -> Result<ExitCode, CliError> {
    let started = Instant::now();
    let home = setting.writing_home().await?;
    let summary = summary::batch_of(&home, batch).await?;
    if limits.max_cost.is_some() || limits.max_fails.is_some() {
        batches::limit(setting, &home, summary.batch.clone(), limits).await?;
    }
    // Whoever resumes has mended what held it up; if not, it is blocked again at once.
    batches::lift_all(&home, batch).await?;
    let ended = hold(setting, &home, batch, summary.batch.rehearsal, work).await?;
    finish(setting, &home, batch, &ended, summary.rejected > 0, work, started).await
}

/// Works on one batch until nothing of it is left, and shows it.
async fn hold(
    setting: &Setting,
    home: &Home,
    batch: &str,
    rehearsal: bool,
    work: &Work,
) -> Result<Ended, CliError> {
    let service = if rehearsal {
        let started = Rehearsal::start().await;
        Some(started.map_err(|error| CliError::internal(format!("no rehearsal: {error}")))?)
    } else {
        None
    };
    let options = Options {
        slots: work.slots,
        only: Some(batch.to_owned()),
        drain: true,
        max_wait: work.max_wait,
        max_jobs: None,
        exports: Some(work.exports.clone()),
        lease: setting.lease,
        deadline: work.deadline,
        solo: Some(setting.solo(Some(&work.exports), work.calls_of_one())?),
    };
    let services = setting.services(service.as_ref())?;
    let session = session::session(home, services, work.max_calls, options).await?;
    show(setting, home, Some(batch), work.max_calls, session).await
}

/// Runs a session and shows it on the way: one batch, or whatever it works on.
pub async fn show(
    setting: &Setting,
    home: &Home,
    batch: Option<&str>,
    calls_max: usize,
    session: Session,
) -> Result<Ended, CliError> {
    let worker = Arc::clone(&session.worker);
    let words = Arc::clone(&session.words);
    let screen = setting.screen.clone();
    let say = move |line: &str| drop(screen.print(line));
    let screen = setting.screen.clone();
    let leave = move || {
        drop(screen.clear());
        leave_now();
    };
    let working = session.work(setting.progress, say, leave);
    tokio::pin!(working);
    let mut view = setting.view();
    let started = Instant::now();
    let mut tick = tokio::time::interval(TICK);
    let mut since = home.ledger.summary(Some("")).await?.last_event;
    let ended = loop {
        let ended = tokio::select! {
            ended = &mut working => Some(ended),
            _ = tick.tick() => None,
        };
        // A ledger that is away is the worker's business: it says so, and works on.
        if let Ok(summary) = home.ledger.summary(batch).await
            && !summary.batches.is_empty()
        {
            for departure in departures(home, &worker.desk.worker, &mut since).await {
                view.departed(&departure).ok();
            }
            let sight = sight_of(&summary, &worker, calls_max);
            let sight = Sight { spoken: words.newest(), ..sight };
            view.update(&sight, started.elapsed()).ok();
        }
        if let Some(ended) = ended {
            break ended;
        }
    };
    view.finish().ok();
    Ok(ended?)
}

/// The jobs of this worker that left the table since the last look.
async fn departures(home: &Home, worker: &str, since: &mut u64) -> Vec<Departure> {
    let mut left = Vec::new();
    for event in home.ledger.events(vec![], Some(*since)).await.unwrap_or_default() {
        let Ok(departure) = watch::departure(home, &event).await else { break };
        *since = event.seq;
        if let Some((job, departure)) = departure
            && job.history.last().is_some_and(|attempt| attempt.worker == worker)
        {
            left.push(departure);
        }
    }
    left
}

/// The batches in view, and what this worker does.
fn sight_of(summary: &Summary, worker: &Worker, calls_max: usize) -> Sight {
    let running = worker.running().into_iter().map(|job| RunningJob {
        name: file_name(&job.source).to_owned(),
        elapsed: job.started.elapsed(),
        job: job.job,
        progress: job.progress,
        ..RunningJob::default()
    });
    Sight {
        calls_out: worker.desk.gate.in_flight(),
        calls_max: Some(calls_max),
        running: running.collect(),
        holds: summary.blocks.iter().map(|block| Hold::of(block, summary.now)).collect(),
        ..Sight::of_all(&summary.batches)
    }
}

/// Collects the files, prints the summary and finds the exit code.
async fn finish(
    setting: &Setting,
    home: &Home,
    batch: &str,
    ended: &Ended,
    rejected: bool,
    work: &Work,
    started: Instant,
) -> Result<ExitCode, CliError> {
    let row = summary::batch_of(home, batch).await?;
    let exported =
        collect::write_batch(&*home.ledger, &home.blobs, &row, &work.exports, false).await?;
    let mut summary = summary::counted(home, &row, started.elapsed()).await?;
    summary.not_obtained = exported.not_obtained;
    summary.exports = exported.path.display().to_string();
    let code = summary::code_of(ended, &row, &summary, rejected);
    summary.exit = code.number();
    if let Ended::Blocked(blocks) = ended {
        for block in blocks {
            setting.say(&format!("held up: {}", block.reason));
        }
    }
    if matches!(ended, Ended::Blocked(_) | Ended::Stopped) && summary.queued + summary.waiting > 0 {
        setting.say(&format!("go on with: tableround run --resume {batch}"));
    }
    summary::print(setting, &summary)?;
    Ok(code)
}
