//! What happens by itself: heartbeats, expired leases, blocks.

use super::commit::Commit;
use super::link::{Link, Now, at_once};
use super::{events, jobs};
use crate::domain::event::EventKind;
use crate::domain::job::{Change, Job};
use crate::ledger::steadiness::Steadiness;
use crate::ledger::{Beat, Block, NewBlock, Result, WorkerRow, codec, decide};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

/// Expired leases looked at in one sweep; the next one takes the rest.
const EXPIRED_MAX: isize = 1000;

/// Workers and events are kept so long after the last heartbeat: nothing is lost with them.
const WORKING_SECONDS: u32 = 7 * 24 * 60 * 60;

/// A worker as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    row: WorkerRow,
    /// It was told that nobody hears of it any more.
    lost: bool,
}

/// What a sweep looks at.
struct View {
    now: Now,
    workers: HashMap<String, Vec<u8>>,
    blocks: HashMap<String, Vec<u8>>,
    /// Jobs whose lease may have run out, the oldest first.
    leases: Vec<String>,
}

/// Records a heartbeat and gives expired leases back to the queue.
pub(super) async fn sweep(
    link: &Link,
    steadiness: &Mutex<Steadiness>,
    beat: &Beat,
    lease_ms: u32,
) -> Result<Vec<Job>> {
    let lease_ms = i64::from(lease_ms);
    let view = record_and_look(link, beat).await?;
    lift_expired_blocks(link, &view).await?;
    if beat.last {
        return free_orphans(link, &beat.worker).await;
    }
    let is_steady = {
        let mut steadiness = steadiness.lock().unwrap_or_else(PoisonError::into_inner);
        steadiness.answered(view.now.ms, lease_ms)
    };
    if !is_steady {
        return Ok(Vec::new());
    }
    let alive_since = view.now.ms - lease_ms;
    report_lost_workers(link, &view, alive_since).await?;
    expire_leases(link, &view, alive_since).await
}

async fn record_and_look(link: &Link, beat: &Beat) -> Result<View> {
    let keys = &link.keys;
    let mut pipeline = at_once();
    pipeline.cmd("GET").arg(keys.schema());
    let (now, schema): (Now, Option<u32>) = link.ask(&pipeline).await?;
    link.accept_schema(schema.unwrap_or(0))?;
    let mut pipeline = redis::pipe();
    if beat.last {
        pipeline.cmd("HDEL").arg(keys.workers()).arg(&beat.worker).ignore();
    } else {
        let row = WorkerRow { beat: beat.clone(), last_beat: now.ms };
        let doc = codec::encode(&Known { row, lost: false })?;
        pipeline.cmd("HSET").arg(keys.workers()).arg(&beat.worker).arg(doc).ignore();
    }
    // What only accompanies the work goes with it; every heartbeat renews it.
    for key in [keys.workers(), keys.events()] {
        pipeline.cmd("EXPIRE").arg(key).arg(WORKING_SECONDS).ignore();
    }
    pipeline.cmd("HGETALL").arg(keys.workers());
    pipeline.cmd("HGETALL").arg(keys.blocks());
    pipeline.cmd("ZRANGEBYSCORE").arg(keys.leases()).arg("-inf").arg(now.ms);
    pipeline.arg("LIMIT").arg(0).arg(EXPIRED_MAX);
    let (workers, blocks, leases) = link.tell(&pipeline).await?;
    Ok(View { now, workers, blocks, leases })
}

/// The workers in these documents, by name.
pub(super) fn rows(docs: &[Vec<u8>]) -> Result<Vec<WorkerRow>> {
    let rows = docs.iter().map(|doc| Ok(codec::decode::<Known>(doc)?.row));
    let mut rows = rows.collect::<Result<Vec<_>>>()?;
    rows.sort_by(|a, b| a.beat.worker.cmp(&b.beat.worker));
    Ok(rows)
}

/// Tells of each worker that was not heard of since `alive_since`, once.
async fn report_lost_workers(link: &Link, view: &View, alive_since: i64) -> Result<()> {
    let keys = &link.keys;
    for (name, doc) in &view.workers {
        let known: Known = codec::decode(doc)?;
        let mut commit = Commit::default();
        // It may speak up in this very moment.
        commit.expect(doc, "HGET", keys.workers(), name);
        if known.lost && known.row.last_beat < view.now.ms - decide::LOST_KEPT_MS {
            commit.write("HDEL", keys.workers(), name);
        } else if !known.lost && known.row.last_beat < alive_since {
            let lost = codec::encode(&Known { lost: true, ..known })?;
            commit.write("HSET", keys.workers(), (name, lost));
            let kind = EventKind::WorkerLost;
            let event = decide::event_about(view.now.ms, "", kind, name.clone());
            events::tell(&mut commit, keys, &event)?;
        }
        if !commit.is_empty() {
            link.commit(&commit).await?;
        }
    }
    Ok(())
}

async fn expire_leases(link: &Link, view: &View, alive_since: i64) -> Result<Vec<Job>> {
    let mut alive = HashSet::new();
    for (name, doc) in &view.workers {
        if codec::decode::<Known>(doc)?.row.last_beat >= alive_since {
            alive.insert(name.as_str());
        }
    }
    let mut given_back = Vec::with_capacity(view.leases.len());
    for job in jobs::load_all(link, &view.leases).await?.into_iter().flatten() {
        let Some(lease) = job.lease() else { continue };
        let crashed = !alive.contains(lease.worker.as_str());
        given_back.extend(jobs::apply(link, &job.id, Change::Expire { crashed }).await?.ok());
    }
    Ok(given_back)
}

/// Frees the jobs that a worker leaves behind; one that stopped in order leaves none.
async fn free_orphans(link: &Link, worker: &str) -> Result<Vec<Job>> {
    let mut pipeline = redis::pipe();
    pipeline.cmd("ZRANGE").arg(link.keys.leases()).arg(0).arg(-1);
    let (running,): (Vec<String>,) = link.ask(&pipeline).await?;
    let mut given_back = Vec::new();
    for job in jobs::load_all(link, &running).await?.into_iter().flatten() {
        if job.lease().is_some_and(|lease| lease.worker == worker) {
            let orphan = Change::Orphan { worker: worker.to_owned() };
            given_back.extend(jobs::apply(link, &job.id, orphan).await?.ok());
        }
    }
    Ok(given_back)
}

/// Sets a block, or replaces the one on the same resource.
pub(super) async fn block(link: &Link, resource: &str, new: NewBlock) -> Result<()> {
    let (now,): (Now,) = link.ask(&at_once()).await?;
    let block = decide::begun(resource, new, now.ms);
    let reason = &block.reason;
    let mut commit = Commit::default();
    commit.write("HSET", link.keys.blocks(), (resource, codec::encode(&block)?));
    let (batch, text) = (decide::batch_of(resource), format!("{resource}: {reason}"));
    let event = decide::event_about(now.ms, batch, EventKind::Block, text);
    events::tell(&mut commit, &link.keys, &event)?;
    link.commit(&commit).await?;
    Ok(())
}

/// Lifts a block, if there is one.
pub(super) async fn unblock(link: &Link, resource: &str) -> Result<()> {
    loop {
        let mut pipeline = at_once();
        pipeline.cmd("HGET").arg(link.keys.blocks()).arg(resource);
        let (now, doc): (Now, Option<Vec<u8>>) = link.ask(&pipeline).await?;
        let Some(doc) = doc else { return Ok(()) };
        if lift(link, now, resource, &doc).await? {
            return Ok(());
        }
    }
}

async fn lift_expired_blocks(link: &Link, view: &View) -> Result<()> {
    for (resource, doc) in &view.blocks {
        let block: Block = codec::decode(doc)?;
        if decide::is_spent(&block, view.now.ms) {
            lift(link, view.now, resource, doc).await?;
        }
    }
    Ok(())
}

/// Whether the block was still this one, and is gone now.
async fn lift(link: &Link, now: Now, resource: &str, doc: &[u8]) -> Result<bool> {
    let keys = &link.keys;
    let mut commit = Commit::default();
    commit.expect(doc, "HGET", keys.blocks(), resource);
    commit.write("HDEL", keys.blocks(), resource);
    commit.write("PUBLISH", keys.bell(), jobs::WORK);
    let batch = decide::batch_of(resource);
    let event = decide::event_about(now.ms, batch, EventKind::Unblock, resource.to_owned());
    events::tell(&mut commit, keys, &event)?;
    link.commit(&commit).await
}
