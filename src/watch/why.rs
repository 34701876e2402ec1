//! Why jobs are not running, and the way out of it.

use super::sight::between;
use super::text::{clock, count};
use crate::domain::job::StateName;
use crate::ledger::{BatchSummary, Block, Summary, WorkerRow, decide};
use crate::provider::services::KEY;
use crate::worker::LEASE;
use std::time::Duration;

/// One reason why jobs of a batch are not running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// What keeps them, and what a person can do about it.
    pub what: String,
    /// When it ends by itself: ledger time, milliseconds since 1970.
    pub until: Option<i64>,
    /// No job of the batch begins before it is over.
    pub holds_all: bool,
}

/// Why the jobs of a batch that do not run do not: what holds all of them first. `retry_at`: when
/// the next failed job is tried again, in ledger time.
pub(super) fn reasons(
    batch: &BatchSummary,
    summary: &Summary,
    retry_at: Option<i64>,
) -> Vec<Reason> {
    let of = |state| batch.states.get(&state).copied().unwrap_or_default();
    let (queued, waiting) = (of(StateName::Queued), of(StateName::Waiting));
    if queued + waiting == 0 {
        return vec![];
    }
    let mut reasons: Vec<Reason> = blocks(batch, summary).map(held).collect();
    let live = live_workers(summary);
    if live.is_empty() {
        reasons.push(nobody(batch, summary));
    } else {
        reasons.extend(missing_keys(batch, &live));
    }
    if waiting > 0 {
        reasons.push(retrying(waiting, retry_at, summary.now));
    }
    if queued > 0 && reasons.iter().all(|reason| !reason.holds_all) {
        reasons.push(no_slot(queued, &live));
    }
    reasons
}

/// Workers that were heard of within a lease.
pub(super) fn live_workers(summary: &Summary) -> Vec<&WorkerRow> {
    summary.workers.iter().filter(|row| !is_lost(row, summary.now)).collect()
}

/// Whether a worker has been silent for so long that its jobs are taken from it.
pub(super) fn is_lost(row: &WorkerRow, now: i64) -> bool {
    silence(row, now) > LEASE
}

/// Since a worker was heard of last.
pub(super) fn silence(row: &WorkerRow, now: i64) -> Duration {
    between(row.last_beat, now)
}

fn blocks<'a>(batch: &BatchSummary, summary: &'a Summary) -> impl Iterator<Item = &'a Block> {
    let own = decide::batch_resource(&batch.batch.name);
    let mut blocks: Vec<&Block> =
        summary.blocks.iter().filter(|block| decide::holds_up(block, &batch.batch)).collect();
    // What a person did to this batch comes before what befell its services.
    blocks.sort_by_key(|block| block.resource != own);
    blocks.into_iter()
}

/// A block's own words name the way out.
fn held(block: &Block) -> Reason {
    Reason { what: format!("held up: {}", block.reason), until: block.until, holds_all: true }
}

fn nobody(batch: &BatchSummary, summary: &Summary) -> Reason {
    let heard = summary.workers.iter().map(|row| silence(row, summary.now)).min();
    let heard = heard.map(|ago| format!(" (the last was heard {} ago)", clock(ago)));
    let what = format!(
        "no worker is alive{}: `tableround worker` or `tableround run --resume {}` goes on",
        heard.unwrap_or_default(),
        batch.batch.name
    );
    Reason { what, until: None, holds_all: true }
}

/// A batch needs every one of its keys in one worker.
fn missing_keys(batch: &BatchSummary, live: &[&WorkerRow]) -> Option<Reason> {
    let needed: Vec<&String> =
        batch.batch.resources.iter().filter(|resource| resource.starts_with(KEY)).collect();
    let missing = |row: &&&WorkerRow| -> Vec<&str> {
        let lacks = needed.iter().filter(|key| !row.beat.keys.contains(key));
        lacks.map(|key| key.trim_start_matches(KEY)).collect()
    };
    // The worker that lacks least is the nearest way out.
    let nearest = live.iter().min_by_key(|row| missing(row).len())?;
    let names = missing(&nearest);
    if names.is_empty() {
        return None;
    }
    let what = format!(
        "no live worker has {}: set it where a worker runs, in the environment or in .env, and \
         start that worker again",
        names.join(" and ")
    );
    Some(Reason { what, until: None, holds_all: true })
}

fn retrying(waiting: u64, retry_at: Option<i64>, now: i64) -> Reason {
    let next = retry_at.map(|at| {
        let left = Duration::from_millis(at.saturating_sub(now).try_into().unwrap_or(0));
        format!(", the next in {}", clock(left))
    });
    let verb = if waiting == 1 { "waits" } else { "wait" };
    let what = format!(
        "{} {verb} for the delay of a retry{}",
        count(waiting, "job"),
        next.unwrap_or_default()
    );
    Reason { what, until: retry_at, holds_all: false }
}

fn no_slot(queued: u64, live: &[&WorkerRow]) -> Reason {
    let slots: u64 = live.iter().map(|row| u64::from(row.beat.slots)).sum();
    let busy: u64 = live.iter().map(|row| u64::from(row.beat.busy)).sum();
    let what = if busy < slots {
        format!("{queued} queued, about to start")
    } else {
        format!(
            "{queued} queued, waiting for one of {} (another `tableround worker` adds more)",
            count(slots, "slot")
        )
    };
    Reason { what, until: None, holds_all: false }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::cost::MicroUsd;
    use crate::ledger::{Batch, Beat};

    const NOW: i64 = 1_000_000;

    pub(in crate::watch) fn batch(queued: u64, waiting: u64) -> BatchSummary {
        let batch = Batch {
            name: "night".into(),
            spec: String::new(),
            rehearsal: false,
            resources: vec!["provider:openrouter".into(), "key:OPENROUTER_API_KEY".into()],
            max_cost: None,
            max_fails: None,
            prices: std::collections::BTreeMap::default(),
        };
        BatchSummary {
            batch,
            created_at: 0,
            collected_at: None,
            states: [(StateName::Queued, queued), (StateName::Waiting, waiting)].into(),
            duplicates: 0,
            rejected: 0,
            spent: MicroUsd(0),
            reserved: MicroUsd(0),
            calls: 0,
            last_error: None,
        }
    }

    pub(in crate::watch) fn worker(
        name: &str,
        busy: u32,
        heard_s: i64,
        keys: &[&str],
    ) -> WorkerRow {
        let beat = Beat {
            worker: name.into(),
            host: "host".into(),
            pid: 7,
            version: "1".into(),
            slots: 4,
            busy,
            keys: keys.iter().map(|&key| key.to_owned()).collect(),
            last: false,
        };
        WorkerRow { beat, last_beat: NOW - heard_s * 1000 }
    }

    fn check(summary: Summary, counts: (u64, u64), expected: &[&str]) {
        let summary = Summary { now: NOW, ..summary };
        let found = reasons(&batch(counts.0, counts.1), &summary, Some(NOW + 20_000));
        let found: Vec<&str> = found.iter().map(|reason| reason.what.as_str()).collect();
        assert_eq!(found, expected);
    }

    const KEYS: &[&str] = &["key:OPENROUTER_API_KEY"];

    #[test]
    fn every_reason_names_the_way_out() {
        let workers = |rows: Vec<WorkerRow>| Summary { workers: rows, ..Summary::default() };
        check(Summary::default(), (0, 0), &[]);
        check(
            Summary::default(),
            (3, 0),
            &["no worker is alive: `tableround worker` or `tableround run --resume night` goes on"],
        );
        check(
            workers(vec![worker("w", 0, 300, KEYS)]),
            (3, 0),
            &["no worker is alive (the last was heard 5m00s ago): `tableround worker` or \
               `tableround run --resume night` goes on"],
        );
        check(
            workers(vec![worker("w", 0, 1, &["key:OTHER"])]),
            (3, 0),
            &["no live worker has OPENROUTER_API_KEY: set it where a worker runs, in the \
               environment or in .env, and start that worker again"],
        );
        check(
            workers(vec![worker("v", 0, 1, &[]), worker("w", 4, 1, KEYS)]),
            (3, 0),
            &["3 queued, about to start"],
        );
        check(
            workers(vec![worker("w", 4, 1, KEYS)]),
            (3, 1),
            &[
                "1 job waits for the delay of a retry, the next in 20s",
                "3 queued, waiting for one of 4 slots (another `tableround worker` adds more)",
            ],
        );
    }

    #[test]
    fn what_holds_everything_comes_first_and_hides_that_slots_are_busy() {
        let block = |resource: &str, reason: &str, until| Block {
            resource: resource.into(),
            reason: reason.into(),
            until,
        };
        let summary = Summary {
            now: NOW,
            workers: vec![worker("w", 4, 1, KEYS)],
            blocks: vec![
                block("batch:night", "paused (`tableround resume night` goes on)", None),
                block("batch:other", "paused", None),
                block("provider:openrouter", "provider.quota: used up (wait)", Some(NOW + 9)),
            ],
            ..Summary::default()
        };
        let found = reasons(&batch(3, 0), &summary, None);
        let found: Vec<_> = found.iter().map(|reason| (&*reason.what, reason.until)).collect();
        assert_eq!(
            found,
            [
                ("held up: paused (`tableround resume night` goes on)", None),
                ("held up: provider.quota: used up (wait)", Some(NOW + 9)),
            ]
        );
    }
}
