//! `doctor`: everything that must be right, and how to mend what is not.

use crate::cli::errors::CliError;
use crate::cli::exit::ExitCode;
use crate::cli::setting::Setting;
use crate::cli::{shapes, stdout};
use crate::config::LedgerChoice;
use crate::ledger::Redis;
use crate::redis_server::Server;
use secrecy::ExposeSecret;
use serde::Serialize;
use std::path::Path;
use std::time::Instant;

/// Free bytes below which a night's work may not fit.
const DISK_FREE_WARN: u64 = 1 << 30;
/// Free bytes below which hardly anything fits.
const DISK_FREE_FAIL: u64 = 100 << 20;
/// Open files a worker with its connections needs.
const FILES_MIN: u64 = 1024;
/// An answer of the ledger that takes longer, in milliseconds, makes every step slow.
const LEDGER_MS_WARN: u64 = 100;

/// How one check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    status: Verdict,
    ms: u64,
    message: String,
    /// What to do; empty where nothing is to be done.
    fix: String,
}

#[derive(Debug, Serialize)]
struct Report {
    ok: bool,
    checks: Vec<Check>,
}

impl Check {
    fn new(name: &'static str, started: Instant, verdict: Verdict, message: String) -> Self {
        let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Self { name, status: verdict, ms, message, fix: String::new() }
    }

    fn fix(self, fix: impl Into<String>) -> Self {
        Self { fix: fix.into(), ..self }
    }
}

/// Runs every check, prints them, and says by the exit code whether all is well.
pub async fn run(setting: &Setting) -> Result<ExitCode, CliError> {
    let mut checks = Vec::new();
    if let LedgerChoice::Redis { url } = &setting.places.ledger {
        checks.extend(redis(setting, url.expose_secret()).await);
    }
    checks.push(ledger(setting).await);
    checks.push(disk(&setting.places.data));
    checks.push(open_files());
    checks.push(keys(setting));
    let ok = checks.iter().all(|check| check.status != Verdict::Fail);
    print(setting, Report { ok, checks })?;
    Ok(if ok { ExitCode::AllDone } else { ExitCode::SomeDead })
}

/// The ledger answers, and how fast.
async fn ledger(setting: &Setting) -> Check {
    let started = Instant::now();
    let place = setting.places.ledger.to_string();
    if let LedgerChoice::Embedded { path } = &setting.places.ledger
        && !path.exists()
    {
        let message = format!("{place} is not there yet; the first `run` or `enqueue` makes it");
        return Check::new("ledger", started, Verdict::Ok, message);
    }
    let answered = async {
        let home = setting.existing_home().await?;
        Ok::<_, CliError>(home.ledger.summary(None).await?)
    };
    match answered.await {
        Err(error) => Check::new("ledger", started, Verdict::Fail, error.message).fix(error.hint),
        Ok(summary) => {
            let batches = summary.batches.len();
            let message = format!("{place} answers; {batches} batches");
            let check = Check::new("ledger", started, Verdict::Ok, message);
            if check.ms > LEDGER_MS_WARN {
                return Check { status: Verdict::Warn, ..check }
                    .fix("put the ledger nearer: a local disk, or a Redis in the same network");
            }
            check
        }
    }
}

/// What a ledger in Redis depends on. A server too old to work with cannot be opened at all.
async fn redis(setting: &Setting, url: &str) -> Vec<Check> {
    let started = Instant::now();
    let health = match Server::at(url) {
        Err(error) => Err(error.to_string()),
        Ok(server) => match Redis::open(&server, &setting.places.queue).await {
            Err(error) => Err(CliError::from(error).message),
            Ok(redis) => redis.health().await.map_err(|error| error.to_string()),
        },
    };
    let health = match health {
        Ok(health) => health,
        Err(message) => {
            let check = Check::new("redis", started, Verdict::Fail, message);
            return vec![check.fix("start it, or name another with --redis")];
        }
    };
    let version = format!("version {}, answers in {:?}", health.version, health.latency);
    let append_only = if health.append_only {
        let worth = if health.confirms_durability {
            "an acknowledged enqueue is on its disk"
        } else {
            "an acknowledged enqueue survives a restart, but for the last second where \
             appendfsync is everysec"
        };
        let message = format!("appendfsync {}: {worth}", health.append_fsync);
        Check::new("redis-aof", started, Verdict::Ok, message)
    } else {
        let message = "nothing is kept over a restart".to_owned();
        Check::new("redis-aof", started, Verdict::Fail, message)
            .fix("CONFIG SET appendonly yes, and in redis.conf")
    };
    let eviction = if health.eviction == "noeviction" {
        Check::new("redis-eviction", started, Verdict::Ok, "nothing is evicted".to_owned())
    } else {
        let message = format!("{} throws jobs away when memory is full", health.eviction);
        Check::new("redis-eviction", started, Verdict::Fail, message)
            .fix("CONFIG SET maxmemory-policy noeviction, and in redis.conf")
    };
    vec![Check::new("redis", started, Verdict::Ok, version), append_only, eviction]
}

/// Room for pictures, results and logs.
fn disk(data: &Path) -> Check {
    let started = Instant::now();
    let nearest = data.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    let nearest = if nearest.as_os_str().is_empty() { Path::new(".") } else { nearest };
    match rustix::fs::statvfs(nearest) {
        Err(error) => {
            let message = format!("{} cannot be looked at: {error}", nearest.display());
            Check::new("disk", started, Verdict::Fail, message)
                .fix("name another folder with --data")
        }
        Ok(room) => {
            let free = room.f_bavail.saturating_mul(room.f_frsize);
            let verdict = match free {
                0..DISK_FREE_FAIL => Verdict::Fail,
                DISK_FREE_FAIL..DISK_FREE_WARN => Verdict::Warn,
                DISK_FREE_WARN.. => Verdict::Ok,
            };
            let message = format!("{} MiB free under {}", free >> 20, nearest.display());
            let check = Check::new("disk", started, verdict, message);
            if verdict == Verdict::Ok { check } else { check.fix("make room, or use --data") }
        }
    }
}

fn open_files() -> Check {
    let started = Instant::now();
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    match limit {
        Some(limit) if limit < FILES_MIN => {
            let message = format!("only {limit} files may be open at once");
            Check::new("files", started, Verdict::Warn, message).fix("ulimit -n 4096")
        }
        Some(limit) => {
            let message = format!("{limit} files may be open at once");
            Check::new("files", started, Verdict::Ok, message)
        }
        None => Check::new("files", started, Verdict::Ok, "no limit on open files".to_owned()),
    }
}

/// Which model services could be asked.
fn keys(setting: &Setting) -> Check {
    let started = Instant::now();
    if setting.keys.is_empty() {
        let message = "no key of a model service is set".to_owned();
        return Check::new("keys", started, Verdict::Warn, message)
            .fix("set one, e.g. OPENROUTER_API_KEY, in the environment or in .env; --rehearse needs none");
    }
    let names: Vec<&str> = setting.keys.keys().map(String::as_str).collect();
    Check::new("keys", started, Verdict::Ok, format!("set: {}", names.join(", ")))
}

fn print(setting: &Setting, report: Report) -> Result<(), CliError> {
    if setting.json {
        return stdout::line(&shapes::line("doctor", report));
    }
    for check in &report.checks {
        let word = match check.status {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Fail => "fail",
        };
        stdout::line(&format!("{word:<5} {:<15} {}", check.name, check.message))?;
        if !check.fix.is_empty() {
            stdout::line(&format!("      {:<15} → {}", "", check.fix))?;
        }
    }
    Ok(())
}
