//! What a server says about itself.

use super::link::{Link, Now, at_once};
use crate::ledger::Result;
use crate::redis_server;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Facts for a diagnosis; none of them is judged here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// E.g. `7.0.15`.
    pub version: String,
    /// From question to answer.
    pub latency: Duration,
    /// The server's time in the middle of the question, milliseconds since 1970.
    pub now: i64,
    /// Every write goes into an append-only file.
    pub append_only: bool,
    /// E.g. `everysec`; empty where the server does not tell.
    pub append_fsync: String,
    /// E.g. `noeviction`: anything else may throw jobs away.
    pub eviction: String,
    pub memory_used_bytes: u64,
    /// None: no limit.
    pub memory_bytes_max: Option<u64>,
    /// Whether an addition waits until it is in the append-only file (Redis 7.2).
    pub confirms_durability: bool,
}

pub(super) async fn ask(link: &Link) -> Result<Health> {
    let began = Instant::now();
    let (now,): (Now,) = link.ask(&at_once()).await?;
    let latency = began.elapsed();
    let mut pipeline = redis::pipe();
    pipeline.cmd("INFO").arg("everything");
    let (info,): (String,) = link.ask(&pipeline).await?;
    let facts = redis_server::facts(&info);
    let text = |name: &str| facts.get(name).copied().unwrap_or_default().to_owned();
    let number = |name: &str| facts.get(name).and_then(|text| text.parse::<u64>().ok());
    let version = text("redis_version");
    Ok(Health {
        latency,
        now: now.ms,
        append_only: text("aof_enabled") == "1",
        append_fsync: append_fsync(link).await,
        eviction: text("maxmemory_policy"),
        memory_used_bytes: number("used_memory").unwrap_or(0),
        memory_bytes_max: number("maxmemory").filter(|max| *max > 0),
        confirms_durability: has_waitaof(&version),
        version,
    })
}

/// Managed servers refuse this question.
async fn append_fsync(link: &Link) -> String {
    let mut pipeline = redis::pipe();
    pipeline.cmd("CONFIG").arg("GET").arg("appendfsync");
    let answer = link.ask::<(HashMap<String, String>,)>(&pipeline).await;
    answer.ok().and_then(|(mut facts,)| facts.remove("appendfsync")).unwrap_or_default()
}

/// `WAITAOF` came with 7.2.
fn has_waitaof(version: &str) -> bool {
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    version >= (7, 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durability_is_confirmed_since_seven_two() {
        let check = |version: &str, has: bool| assert_eq!(has_waitaof(version), has, "{version}");
        check("7.0.15", false);
        check("7.2.0", true);
        check("7.10.1", true);
        check("8.0.2", true);
        check("6.2.6", false);
        check("", false);
    }
}
