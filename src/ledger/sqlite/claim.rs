//! The next job for a free slot.

use super::jobs;
use super::threads::Step;
use crate::domain::job::{Change, Job, Priority};
use crate::ledger::{Batch, Error, Result, codec, decide, token};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeSet;

/// Who asks for a job, and for which.
pub(super) struct Asker {
    pub(super) worker: String,
    pub(super) can_serve: Vec<String>,
    pub(super) only: Option<String>,
    pub(super) lease_ms: u32,
}

/// Claims the best due job, if there is one.
pub(super) fn claim_next(step: &Step<'_>, asker: &Asker) -> Result<Option<Job>> {
    ripen(step)?;
    let Some(seq) = best(step, asker)? else { return Ok(None) };
    let claim = Change::Claim {
        token: token::random()?,
        worker: asker.worker.clone(),
        lease_ms: asker.lease_ms,
    };
    let claimed = jobs::change_stored(step, jobs::load(step.db, seq)?, claim)?;
    claimed.map(Some).map_err(|refusal| {
        Error::Corrupt(format!("a job marked as ready could not be claimed: {refusal}"))
    })
}

/// Marks the jobs whose delay has passed since the last time somebody asked.
fn ripen(step: &Step<'_>) -> Result<()> {
    step.db
        .prepare_cached(
            "UPDATE jobs SET ready = 1 WHERE state = 'waiting' AND ready = 0 AND due <= ?1",
        )?
        .execute([step.now])?;
    Ok(())
}

/// Priority first, then the batch with the fewest running jobs (the older of equals), then index.
fn best(step: &Step<'_>, asker: &Asker) -> Result<Option<i64>> {
    let batches = claimable_batches(step, asker)?;
    for priority in [Priority::High, Priority::Normal] {
        for batch in &batches {
            let first = step
                .db
                .prepare_cached(
                    "SELECT seq FROM jobs INDEXED BY jobs_ready
                     WHERE ready = 1 AND batch = ?1 AND priority = ?2 ORDER BY idx LIMIT 1",
                )?
                .query_row(params![batch, decide::rank(priority)], |row| row.get(0))
                .optional()?;
            if first.is_some() {
                return Ok(first);
            }
        }
    }
    Ok(None)
}

/// Batches with something to do that this worker may do, the one with the fewest running first.
fn claimable_batches(step: &Step<'_>, asker: &Asker) -> Result<Vec<i64>> {
    let blocked = blocked(step.db, step.now)?;
    let mut statement = step.db.prepare_cached(
        "SELECT id, doc FROM batches WHERE queued + waiting > 0 AND (?1 IS NULL OR name = ?1)
         ORDER BY running, id",
    )?;
    let rows = statement.query_map([&asker.only], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut claimable = Vec::new();
    for row in rows {
        let (id, doc): (i64, Vec<u8>) = row?;
        let batch: Batch = codec::decode(&doc)?;
        if decide::may_claim(&batch, &asker.can_serve, |resource| blocked.contains(resource)) {
            claimable.push(id);
        }
    }
    Ok(claimable)
}

/// The resources that cannot be used now.
fn blocked(db: &Connection, now: i64) -> Result<BTreeSet<String>> {
    let mut statement =
        db.prepare_cached("SELECT resource FROM blocks WHERE until IS NULL OR until > ?1")?;
    let rows = statement.query_map([now], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
