//! `doctor`: everything that must be right, and how to mend what is not.

mod check;
mod machine;
mod redis;

use crate::blobs::{self, Blobs};
use crate::cli::errors::CliError;
use crate::cli::exit::ExitCode;
use crate::cli::session::Home;
use crate::cli::setting::Setting;
use crate::cli::{shapes, stdout};
use crate::config::{BlobsChoice, LedgerChoice};
use crate::ledger::{Summary, WorkerRow};
use check::{Check, Verdict};
use serde::Serialize;
use std::time::Instant;

/// An answer of the ledger that takes longer, in milliseconds, makes every step slow.
const LEDGER_MS_WARN: u64 = 100;
/// A worker that has not beaten for so long, in milliseconds, is not at work any more.
const LIVE_MS: i64 = 30_000;

#[derive(Debug, Serialize)]
struct Report {
    ok: bool,
    checks: Vec<Check>,
}

/// Runs every check, prints them, and says by the exit code whether all is well.
pub async fn run(setting: &Setting) -> Result<ExitCode, CliError> {
    let mut checks = Vec::new();
    if let LedgerChoice::Redis { .. } = &setting.places.ledger {
        checks.extend(redis::ask(setting).await);
    }
    checks.extend(homes(setting).await);
    checks.push(machine::disk(&setting.places.data));
    checks.push(machine::open_files());
    checks.push(keys(setting));
    let ok = checks.iter().all(|check| check.status != Verdict::Fail);
    print(setting, Report { ok, checks })?;
    Ok(if ok { ExitCode::AllDone } else { ExitCode::SomeDead })
}

/// The ledger answers, and how fast; the blobs take and give; who is at work.
async fn homes(setting: &Setting) -> Vec<Check> {
    let started = Instant::now();
    let place = setting.places.ledger.to_string();
    if let LedgerChoice::Embedded { path } = &setting.places.ledger
        && !path.exists()
    {
        let message = format!("{place} is not there yet; the first `run` or `enqueue` makes it");
        return vec![Check::ok("ledger", message), blobs(setting, None).await];
    }
    let answered = async {
        let home = setting.existing_home().await?;
        let summary = home.ledger.summary(None).await?;
        Ok::<_, CliError>((home, summary))
    };
    match answered.await {
        Err(error) => {
            let fix = match &setting.places.ledger {
                LedgerChoice::Redis { .. } => "see redis",
                LedgerChoice::Embedded { .. } => {
                    "look at the folder and its rights, or name another with --data"
                }
            };
            vec![Check::fail("ledger", whole(&error), fix).since(started)]
        }
        Ok((home, summary)) => {
            let message = format!("{place} answers; {} batches", summary.batches.len());
            let ledger = slow(Check::ok("ledger", message).since(started));
            vec![ledger, blobs(setting, Some(home)).await, workers(&summary)]
        }
    }
}

/// What answers, but takes its time.
fn slow(check: Check) -> Check {
    if check.ms <= LEDGER_MS_WARN {
        return check;
    }
    let fix = "put the ledger nearer: a local disk, or a Redis in the same network";
    Check { ms: check.ms, ..Check::warn(check.name, check.message, fix) }
}

/// Pictures can be kept and found again: a probe is written, read and removed.
async fn blobs(setting: &Setting, home: Option<Home>) -> Check {
    let (started, place) = (Instant::now(), setting.places.blobs.to_string());
    if let BlobsChoice::Dir(folder) = &setting.places.blobs
        && !folder.exists()
    {
        let message = format!("{place} is not there yet; the first picture makes it");
        return Check::ok("blobs", message);
    }
    let blobs = match home {
        Some(home) => Ok(home.blobs),
        None => setting.blobs(None),
    };
    let blobs = match blobs {
        Err(error) => return Check::fail("blobs", whole(&error), error.hint).since(started),
        Ok(blobs) => blobs,
    };
    let probed = tokio::task::spawn_blocking(move || probe(&blobs)).await;
    match probed.expect("a probe does not panic") {
        Ok(()) => Check::ok("blobs", format!("{place} keeps and gives back")).since(started),
        Err(error) => {
            let error = CliError::from(error);
            Check::fail("blobs", whole(&error), error.hint).since(started)
        }
    }
}

/// Nobody else has the same bytes, so nobody else's blob is removed.
fn probe(blobs: &Blobs) -> blobs::Result<()> {
    let probe = format!("a probe of tableround doctor, {}", ulid::Ulid::generate());
    let name = blobs.put(probe.as_bytes())?;
    let read = blobs.get(&name);
    blobs.remove(&name)?;
    read.map(drop)
}

/// Whether all who are at work speak as this program does.
fn workers(summary: &Summary) -> Check {
    let version = env!("CARGO_PKG_VERSION");
    let is_live = |worker: &&WorkerRow| summary.now - worker.last_beat < LIVE_MS;
    let live: Vec<&WorkerRow> = summary.workers.iter().filter(is_live).collect();
    let others: Vec<String> = live
        .iter()
        .filter(|worker| worker.beat.version != version)
        .map(|worker| format!("{} ({})", worker.beat.worker, worker.beat.version))
        .collect();
    if others.is_empty() {
        return Check::ok("workers", format!("{} at work, version {version}", live.len()));
    }
    let message =
        format!("this is version {version}, and others are at work: {}", others.join(", "));
    Check::warn("workers", message, "install one version on all machines and restart the workers")
}

/// Which model services could be asked.
fn keys(setting: &Setting) -> Check {
    if setting.keys.is_empty() {
        let fix = "set one, e.g. OPENROUTER_API_KEY, in the environment or in .env; --rehearse \
                   needs none";
        return Check::warn("keys", "no key of a model service is set", fix);
    }
    let names: Vec<&str> = setting.keys.keys().map(String::as_str).collect();
    Check::ok("keys", format!("set: {}", names.join(", ")))
}

/// An error with its causes, in one line.
fn whole(error: &CliError) -> String {
    let causes = error.causes.iter().map(String::as_str);
    std::iter::once(error.message.as_str()).chain(causes).collect::<Vec<_>>().join(": ")
}

fn print(setting: &Setting, report: Report) -> Result<(), CliError> {
    if setting.json {
        return stdout::line(&shapes::line("doctor", report));
    }
    for check in &report.checks {
        let word = check.status.word();
        stdout::line(&format!("{word:<5} {:<17} {}", check.name, check.message))?;
        if !check.fix.is_empty() {
            stdout::line(&format!("      {:<17} → {}", "", check.fix))?;
        }
    }
    Ok(())
}
