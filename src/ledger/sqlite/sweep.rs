//! What happens by itself: heartbeats, expired leases, blocks.

use super::threads::Step;
use super::{events, jobs};
use crate::domain::event::EventKind;
use crate::domain::job::{Change, Job, Lease};
use crate::ledger::decide::{self, Passage, batch_of};
use crate::ledger::{Beat, Block, Error, Result, codec};
use rusqlite::{Connection, OptionalExtension, params};

/// Records a heartbeat and gives expired leases back to the queue.
pub(super) fn sweep(step: &mut Step<'_>, beat: &Beat, lease_ms: u32) -> Result<Vec<Job>> {
    let lease_ms = i64::from(lease_ms);
    record(step, beat)?;
    lift_expired_blocks(step)?;
    if beat.last {
        return free_orphans(step, &beat.worker);
    }
    if !step.steadiness.answered(step.now, lease_ms) {
        return Ok(Vec::new());
    }
    report_lost_workers(step, step.now - lease_ms)?;
    expire_leases(step, step.now - lease_ms)
}

fn record(step: &Step<'_>, beat: &Beat) -> Result<()> {
    if beat.last {
        step.db.prepare_cached("DELETE FROM workers WHERE worker = ?1")?.execute([&beat.worker])?;
        return Ok(());
    }
    step.db
        .prepare_cached(
            "INSERT INTO workers (worker, doc, last_beat, lost) VALUES (?1, ?2, ?3, 0)
             ON CONFLICT (worker) DO UPDATE SET doc = ?2, last_beat = ?3, lost = 0",
        )?
        .execute(params![beat.worker, codec::encode(beat)?, step.now])?;
    Ok(())
}

/// Tells of each worker that was not heard of since `alive_since`, once.
fn report_lost_workers(step: &Step<'_>, alive_since: i64) -> Result<()> {
    let lost: Vec<String> = step
        .db
        .prepare_cached(
            "UPDATE workers SET lost = 1 WHERE lost = 0 AND last_beat < ?1 RETURNING worker",
        )?
        .query_map([alive_since], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for worker in lost {
        events::about(step, "", EventKind::WorkerLost, worker)?;
    }
    step.db
        .prepare_cached("DELETE FROM workers WHERE lost = 1 AND last_beat < ?1")?
        .execute([step.now - decide::LOST_KEPT_MS])?;
    Ok(())
}

fn expire_leases(step: &Step<'_>, alive_since: i64) -> Result<Vec<Job>> {
    let expired: Vec<i64> = step
        .db
        .prepare_cached(
            "SELECT seq FROM jobs WHERE state = 'running' AND due <= ?1 ORDER BY due, seq",
        )?
        .query_map([step.now], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut given_back = Vec::with_capacity(expired.len());
    for seq in expired {
        let stored = jobs::load(step.db, seq)?;
        let crashed = match stored.job().lease() {
            Some(Lease { worker, .. }) => has_crashed(step, worker, alive_since)?,
            None => false,
        };
        let outcome = jobs::change_stored(step, stored, Change::Expire { crashed })?;
        given_back.push(outcome.map_err(|refusal| {
            Error::Corrupt(format!("a lease marked as expired is not: {refusal}"))
        })?);
    }
    Ok(given_back)
}

/// Frees the jobs that a worker leaves behind; one that stopped in order leaves none.
fn free_orphans(step: &Step<'_>, worker: &str) -> Result<Vec<Job>> {
    let running: Vec<i64> = step
        .db
        .prepare_cached("SELECT seq FROM jobs WHERE state = 'running' ORDER BY seq")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut given_back = Vec::new();
    for seq in running {
        let stored = jobs::load(step.db, seq)?;
        if stored.job().lease().is_some_and(|lease| lease.worker == worker) {
            let orphan = Change::Orphan { worker: worker.to_owned() };
            given_back.extend(jobs::change_stored(step, stored, orphan)?.ok());
        }
    }
    Ok(given_back)
}

/// Whether a worker's heart has stopped: it was not heard of since then.
fn has_crashed(step: &Step<'_>, worker: &str, alive_since: i64) -> Result<bool> {
    let is_well = step
        .db
        .prepare_cached("SELECT 1 FROM workers WHERE worker = ?1 AND last_beat >= ?2")?
        .exists(params![worker, alive_since])?;
    Ok(!is_well)
}

/// Sets a block, or replaces the one on the same resource.
pub(super) fn block(step: &Step<'_>, block: &Block) -> Result<()> {
    write_block(step.db, block)?;
    let Block { resource, reason, .. } = block;
    let text = format!("{resource}: {reason}");
    events::about(step, batch_of(resource), EventKind::Block, text)
}

fn write_block(db: &Connection, block: &Block) -> Result<()> {
    let Block { resource, reason, until } = block;
    db.prepare_cached(
        "INSERT INTO blocks (resource, reason, until) VALUES (?1, ?2, ?3)
         ON CONFLICT (resource) DO UPDATE SET reason = ?2, until = ?3",
    )?
    .execute(params![resource, reason, until])?;
    Ok(())
}

/// Whether a request to this model may leave now.
pub(super) fn passage(step: &Step<'_>, provider: &str, model: &str) -> Result<Passage> {
    let resource = decide::lane_resource(provider, model);
    let known = step
        .db
        .prepare_cached("SELECT resource, reason, until FROM blocks WHERE resource = ?1")?
        .query_row([&resource], block_of)
        .optional()?;
    Ok(decide::passage(known, step.now))
}

/// Holds the others while one request finds out.
pub(super) fn probe(step: &Step<'_>, block: &Block) -> Result<()> {
    write_block(step.db, block)
}

pub(super) fn block_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Block> {
    Ok(Block { resource: row.get(0)?, reason: row.get(1)?, until: row.get(2)? })
}

/// Lifts a block, if there is one.
pub(super) fn unblock(step: &Step<'_>, resource: &str) -> Result<()> {
    let lifted: Option<String> = step
        .db
        .prepare_cached("DELETE FROM blocks WHERE resource = ?1 RETURNING resource")?
        .query_row([resource], |row| row.get(0))
        .optional()?;
    lifted.map_or(Ok(()), |resource| tell_unblocked(step, resource))
}

fn lift_expired_blocks(step: &Step<'_>) -> Result<()> {
    let over: Vec<Block> = step
        .db
        .prepare_cached("SELECT resource, reason, until FROM blocks WHERE until <= ?1")?
        .query_map([step.now], block_of)?
        .collect::<rusqlite::Result<_>>()?;
    let spent = over.into_iter().filter(|block| decide::is_spent(block, step.now));
    spent.map(|block| block.resource).try_for_each(|resource| unblock(step, &resource))
}

fn tell_unblocked(step: &Step<'_>, resource: String) -> Result<()> {
    let batch = batch_of(&resource).to_owned();
    events::about(step, &batch, EventKind::Unblock, resource)
}
