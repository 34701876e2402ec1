//! What a ledger in Redis depends on.

use super::check::Check;
use crate::cli::errors::CliError;
use crate::cli::setting::Setting;
use crate::config::BlobsChoice;
use crate::ledger::{Health, Redis, Summary};
use jiff::Timestamp;
use std::time::Instant;

/// Bytes that jobs and journals need beside everything else, or nothing can be finished.
const MEMORY_FREE_MIN: u64 = 16 << 20;
/// What a finished job may keep in Redis, in bytes.
const JOB_BYTES: u64 = 2 << 10;
/// Clocks this far apart, in milliseconds, make log lines of two machines hard to compare.
const CLOCK_MS_WARN: u64 = 2_000;

/// Asks the server about itself. One that cannot be worked with cannot be opened at all.
pub(super) async fn ask(setting: &Setting) -> Vec<Check> {
    let started = Instant::now();
    let answered = async {
        let server = setting.server()?.ok_or_else(|| CliError::internal("no Redis was chosen"))?;
        let redis = Redis::open(&server, &setting.places.queue).await?;
        let health = redis.health().await?;
        Ok::<_, CliError>((health, crate::ledger::Ledger::summary(&redis, None).await?))
    };
    match answered.await {
        Err(error) => {
            let message = super::whole(&error);
            let fix = "start it, or name another with --redis";
            vec![Check::fail("redis", message, fix).since(started)]
        }
        Ok((health, summary)) => {
            let version = format!("version {}, answers in {:?}", health.version, health.latency);
            vec![
                Check::ok("redis", version).since(started),
                append_only(&health),
                durability(&health),
                eviction(&health),
                memory(setting, &health, open_jobs(&summary)),
                clock(health.now, Timestamp::now().as_millisecond()),
            ]
        }
    }
}

fn append_only(health: &Health) -> Check {
    if health.append_only {
        let fsync = &health.append_fsync;
        Check::ok("redis-aof", format!("every write goes to disk, appendfsync {fsync}"))
    } else {
        let fix = "CONFIG SET appendonly yes, and in redis.conf";
        Check::fail("redis-aof", "nothing is kept over a restart", fix)
    }
}

/// What the acknowledgement of an enqueue is worth.
fn durability(health: &Health) -> Check {
    let name = "redis-durability";
    let Health { append_only, append_fsync, confirms_durability, .. } = health;
    let fix = "CONFIG SET appendfsync always, or Redis 7.2 and Valkey, which have WAITAOF";
    match (append_only, confirms_durability, append_fsync.as_str()) {
        (false, _, _) => {
            Check::warn(name, "an acknowledged enqueue is in memory only", "see redis-aof")
        }
        (true, true, _) => Check::ok(name, "an acknowledged enqueue is on disk (WAITAOF)"),
        (true, false, "always") => {
            Check::ok(name, "an acknowledged enqueue is on disk (appendfsync always)")
        }
        (true, false, "everysec") => Check::warn(
            name,
            "the last second before a crash of Redis may be lost: it has no WAITAOF, and \
             appendfsync is everysec; repeat an enqueue with the same --batch after such a crash",
            fix,
        ),
        (true, false, _) => Check::warn(
            name,
            "what a crash of Redis loses is for its operating system to decide: it has no WAITAOF, \
             and does not say appendfsync always",
            fix,
        ),
    }
}

fn eviction(health: &Health) -> Check {
    if health.eviction == "noeviction" {
        Check::ok("redis-eviction", "nothing is evicted")
    } else {
        let message = format!("{} throws jobs away when memory is full", health.eviction);
        let fix = "CONFIG SET maxmemory-policy noeviction, and in redis.conf";
        Check::fail("redis-eviction", message, fix)
    }
}

/// Whether the open jobs, and the pictures that may come, fit.
fn memory(setting: &Setting, health: &Health, open_jobs: u64) -> Check {
    let name = "redis-memory";
    let used = health.memory_used_bytes;
    let Some(max) = health.memory_bytes_max else {
        return Check::ok(name, format!("{} MiB used, no maxmemory", used >> 20));
    };
    let free = max.saturating_sub(used);
    let message = format!("{} of {} MiB are free (maxmemory)", free >> 20, max >> 20);
    let needed = MEMORY_FREE_MIN.max(open_jobs.saturating_mul(JOB_BYTES));
    let pictures = match setting.places.blobs {
        BlobsChoice::Redis => setting.redis_bytes_max,
        BlobsChoice::Dir(_) | BlobsChoice::Url(_) => 0,
    };
    if free < needed {
        let message = format!("{message}; {open_jobs} open jobs need {} MiB", needed >> 20);
        Check::fail(name, message, "raise maxmemory, or prune finished batches")
    } else if free < pictures {
        let message = format!("{message}; pictures may want {} MiB", pictures >> 20);
        let fix = "raise maxmemory, lower --redis-bytes-max, or keep pictures elsewhere (--blobs)";
        Check::warn(name, message, fix)
    } else {
        Check::ok(name, message)
    }
}

fn open_jobs(summary: &Summary) -> u64 {
    let batches = summary.batches.iter().flat_map(|batch| &batch.states);
    batches.filter(|(state, _)| !state.is_final()).map(|(_, count)| count).sum()
}

/// Leases go by the server's clock alone; a difference matters to people only.
fn clock(server_ms: i64, here_ms: i64) -> Check {
    let apart = server_ms.abs_diff(here_ms);
    let message = format!("this clock and Redis's are {apart} ms apart");
    if apart > CLOCK_MS_WARN {
        let message = format!("{message}: no job minds, but times in logs will not match");
        Check::warn("clock", message, "set the clocks, e.g. with timedatectl set-ntp true")
    } else {
        Check::ok("clock", message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::commands::doctor::check::Verdict;
    use std::time::Duration;

    fn health() -> Health {
        Health {
            version: "7.0.15".to_owned(),
            latency: Duration::ZERO,
            now: 0,
            append_only: true,
            append_fsync: "everysec".to_owned(),
            eviction: "noeviction".to_owned(),
            memory_used_bytes: 0,
            memory_bytes_max: None,
            confirms_durability: false,
        }
    }

    #[test]
    fn the_worth_of_an_acknowledgement_follows_from_what_the_server_can_do() {
        assert_eq!(durability(&health()).status, Verdict::Warn);
        let always = Health { append_fsync: "always".to_owned(), ..health() };
        assert_eq!(durability(&always).status, Verdict::Ok);
        let silent = Health { append_fsync: String::new(), ..health() };
        assert_eq!(durability(&silent).status, Verdict::Warn);
        let newer = Health { confirms_durability: true, ..health() };
        assert!(durability(&newer).message.contains("WAITAOF"));
        let forgetful = Health { append_only: false, ..newer };
        assert_eq!(durability(&forgetful).status, Verdict::Warn);
    }

    #[test]
    fn clocks_apart_are_a_warning_in_either_direction() {
        assert_eq!(clock(10_000, 10_500).status, Verdict::Ok);
        assert_eq!(clock(10_000, 3_610_000).status, Verdict::Warn);
        assert_eq!(clock(3_610_000, 10_000).status, Verdict::Warn);
    }
}
