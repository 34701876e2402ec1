//! The ledger at a glance, from counters: nothing here looks at a job.

use super::threads::View;
use super::{count, events, sweep};
use crate::domain::cost::MicroUsd;
use crate::domain::job::StateName;
use crate::ledger::{BatchSummary, Block, Result, Summary, WorkerRow, codec};
use rusqlite::Connection;

/// Batches (all, or the one named), workers and blocks.
pub(super) fn summary(view: &View<'_>, batch: Option<&str>) -> Result<Summary> {
    Ok(Summary {
        now: view.now,
        batches: batches(view.db, batch)?,
        workers: workers(view.db)?,
        blocks: blocks(view)?,
        last_event: events::last(view.db)?,
    })
}

pub(super) fn batches(db: &Connection, batch: Option<&str>) -> Result<Vec<BatchSummary>> {
    let mut statement = db.prepare_cached(
        "SELECT queued, running, waiting, completed, dead, cancelled, doc, created_at, duplicates,
                rejected, spent, reserved, calls, last_error, collected_at
         FROM batches WHERE ?1 IS NULL OR name = ?1 ORDER BY id DESC",
    )?;
    let rows = statement.query_map([batch], |row| Ok(batch_summary(row)))?;
    rows.map(|row| row?).collect()
}

/// The states' columns come first, in the order of [`StateName::ALL`].
fn batch_summary(row: &rusqlite::Row<'_>) -> Result<BatchSummary> {
    let states = StateName::ALL.into_iter().enumerate();
    let number = |column: usize| -> Result<u64> { Ok(count(row.get(column)?)) };
    Ok(BatchSummary {
        states: states.map(|(at, state)| Ok((state, number(at)?))).collect::<Result<_>>()?,
        batch: codec::decode(&row.get::<_, Vec<u8>>(6)?)?,
        created_at: row.get(7)?,
        duplicates: number(8)?,
        rejected: number(9)?,
        spent: MicroUsd(number(10)?),
        reserved: MicroUsd(number(11)?),
        calls: number(12)?,
        last_error: row.get(13)?,
        collected_at: row.get(14)?,
    })
}

fn workers(db: &Connection) -> Result<Vec<WorkerRow>> {
    let mut statement = db.prepare_cached("SELECT doc, last_beat FROM workers ORDER BY worker")?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get(1)?)))?;
    rows.map(|row| {
        let (doc, last_beat) = row?;
        Ok(WorkerRow { beat: codec::decode(&doc)?, last_beat })
    })
    .collect()
}

fn blocks(view: &View<'_>) -> Result<Vec<Block>> {
    let mut statement = view.db.prepare_cached(
        "SELECT resource, reason, until FROM blocks WHERE until IS NULL OR until > ?1
         ORDER BY resource",
    )?;
    let rows = statement.query_map([view.now], sweep::block_of)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
