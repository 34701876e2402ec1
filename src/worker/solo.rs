//! Suspects run apart: each in a child process that can die without harm to anybody else.
//!
//! The child is told its lease on standard input, works through the same ledger and ends the job
//! itself. The parent keeps the lease alive and watches: a death that the parent lived to see is
//! a crash of the job, one that took the parent along proves nothing.

use super::attempt::Running;
use super::{Worker, lease};
use crate::domain::job::{Change, Job, JobError, State};
use crate::domain::retry;
use crate::ledger::{Filter, Scope};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, setrlimit};
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, Command};

/// Address space of a solo attempt in bytes: room for the largest picture and all threads, and far
/// less than would bring a machine down.
const MEMORY_MAX: u64 = 4 << 30;
/// How long a child that was told to hang up may take.
const LEAVING_MAX: Duration = Duration::from_secs(3);

/// The exit code of a child that did not reach the ledger.
const LEDGER_AWAY: i32 = 5;

/// How a child process is started; the job's id is appended.
#[derive(Debug, Clone)]
pub struct Solo {
    pub program: PathBuf,
    pub arguments: Vec<OsString>,
    /// Settings of the parent that the child shares. Addresses with passwords are among them, so
    /// they are not arguments.
    pub variables: Vec<(String, OsString)>,
}

impl Solo {
    /// Starts the child and tells it its lease. It lives no longer than its input stays open.
    async fn start(&self, job: &Job, token: &str) -> std::io::Result<(Child, ChildStdin)> {
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .arg(&job.id)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            // Not reached by the terminal's Ctrl-C: the parent passes on what it was told.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let mut input = child.stdin.take().expect("it was asked for");
        input.write_all(format!("{token}\n").as_bytes()).await?;
        input.flush().await?;
        Ok((child, input))
    }
}

/// What the child does first: nothing it holds later may exceed the limit.
pub fn limit_memory() -> std::io::Result<()> {
    let limit = Some(MEMORY_MAX);
    Ok(setrlimit(Resource::As, Rlimit { current: limit, maximum: limit })?)
}

/// How a child ended.
enum Ended {
    Left(ExitStatus),
    /// Killed by its parent: it got no further for too long.
    Overran,
    /// Killed by its parent: it was told to leave, and did not or could not.
    Stayed,
    /// Killed by its parent: the job was taken away.
    Lost,
}

/// An attempt in a child process. `None`: the child has told the ledger itself.
pub(super) async fn apart(
    worker: &Arc<Worker>,
    solo: &Solo,
    job: &Job,
    running: &Running,
) -> Option<Change> {
    let token = running.token.clone();
    let ended = match solo.start(job, &token).await {
        Ok((mut child, _input)) => watch(worker, job, running, &mut child).await,
        Err(error) => Err(error),
    };
    match ended {
        Err(error) => Some(fail(job, running, &format!("it could not be started: {error}"))),
        Ok(Ended::Lost) => None,
        Ok(Ended::Stayed) => Some(Change::Release { token }),
        Ok(Ended::Overran) => {
            let stage = stage(worker, job).await;
            Some(overran(token, worker.options.deadline, &stage))
        }
        Ok(Ended::Left(status)) => match (status.code(), status.signal()) {
            // A child that left in order has told the ledger.
            (Some(0), _) => None,
            // It could not even look at the job.
            (Some(LEDGER_AWAY), _) => Some(Change::Release { token }),
            (Some(code), _) => Some(fail(job, running, &format!("it ended with code {code}"))),
            (None, signal) => {
                let stage = stage(worker, job).await;
                Some(crashed(token, signal.unwrap_or_default(), &stage))
            }
        },
    }
}

async fn watch(
    worker: &Worker,
    job: &Job,
    running: &Running,
    child: &mut Child,
) -> std::io::Result<Ended> {
    let mut seen = (running.progress().0, Instant::now());
    let (mut stopping, mut leaving) = (false, None::<Instant>);
    loop {
        let stayed =
            leaving.map_or(Duration::MAX, |since| LEAVING_MAX.saturating_sub(since.elapsed()));
        tokio::select! {
            status = child.wait() => {
                let status = status?;
                // One that had not begun to listen dies of being told: nothing that the job did.
                let was_told = stopping && status.signal() == Some(Signal::TERM.as_raw());
                return Ok(if was_told { Ended::Stayed } else { Ended::Left(status) });
            }
            () = running.cancelled.cancelled() => {
                child.kill().await?;
                return Ok(Ended::Lost);
            }
            () = worker.shutdown.stop.cancelled(), if !stopping => {
                stopping = true;
                tell(child);
            }
            () = worker.shutdown.hang_up.cancelled(), if stopping && leaving.is_none() => {
                leaving = Some(Instant::now());
                tell(child);
            }
            () = tokio::time::sleep(stayed.min(worker.options.lease / 3)) => {
                if leaving.is_some_and(|since| since.elapsed() >= LEAVING_MAX) {
                    child.kill().await?;
                    return Ok(Ended::Stayed);
                }
                if !look(worker, job, running).await {
                    child.kill().await?;
                    return Ok(Ended::Lost);
                }
                let progress = running.progress().0;
                if progress != seen.0 {
                    seen = (progress, Instant::now());
                } else if seen.1.elapsed() > worker.options.deadline {
                    child.kill().await?;
                    return Ok(Ended::Overran);
                }
            }
        }
    }
}

/// First: no new call. Second: hang up.
fn tell(child: &Child) {
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // One that has just ended needs no telling.
        kill_process(pid, Signal::TERM).ok();
    }
}

/// Takes over how far the child came and keeps its lease; false: the job was taken away.
async fn look(worker: &Worker, job: &Job, running: &Running) -> bool {
    let filter = Filter::one(&job.id);
    let Ok(rows) = worker.desk.ledger.jobs(&filter).await else { return true };
    let Some(now) = rows.into_iter().next().map(|row| row.job) else { return false };
    if now.lease().is_none_or(|lease| lease.token != running.token) {
        // Finished by the child, which is about to leave, or cancelled.
        return now.state.name().is_final() && !matches!(now.state, State::Cancelled);
    }
    running.headway.set(now.progress, now.cost);
    !matches!(lease::renew_once(worker, &job.id, running).await, Ok(Err(_)))
}

/// The stage of the last question that was asked: written down before it was.
async fn stage(worker: &Worker, job: &Job) -> String {
    let records = worker.desk.ledger.journal(Scope::Job(&job.id)).await.unwrap_or_default();
    records.last().map_or("prepare".to_owned(), |record| record.open.call.stage.clone())
}

fn crashed(token: String, signal: i32, stage: &str) -> Change {
    let error = JobError {
        code: "job.crashed".to_owned(),
        message: format!("its own process died of signal {signal} in stage `{stage}`"),
        hint: "look at this picture by itself; `tableround jobs retry` tries again".to_owned(),
    };
    Change::SoloCrash { token, error }
}

fn overran(token: String, deadline: Duration, stage: &str) -> Change {
    let error = JobError {
        code: "job.deadline".to_owned(),
        message: format!("it got no further for {} s in stage `{stage}`", deadline.as_secs()),
        hint: "raise --deadline if the model is that slow, then `tableround jobs retry`".to_owned(),
    };
    Change::SoloCrash { token, error }
}

/// The child could not work: nothing that the job did.
fn fail(job: &Job, running: &Running, why: &str) -> Change {
    let delay = retry::attempt_delay(job.attempts + 1, getrandom::u32().unwrap_or(0));
    Change::Fail {
        token: running.token.clone(),
        error: JobError {
            code: "internal".to_owned(),
            message: format!("the job's own process failed: {why}"),
            hint: "its own words are in the log; `tableround jobs retry` tries again".to_owned(),
        },
        delay_ms: u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
        cost: running.progress().1,
    }
}
