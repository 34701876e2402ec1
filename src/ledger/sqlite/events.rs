//! Events in the order in which they happened.

use super::threads::Step;
use super::{count, int};
use crate::domain::event::{Event, EventKind};
use crate::domain::job::Job;
use crate::ledger::{Result, codec, decide};
use rusqlite::{Connection, params};

/// The newest events that are kept.
const KEPT_MAX: i64 = 100_000;
/// The most that one reading returns.
const PAGE_MAX: u32 = 1000;

/// Appends events, dated by the ledger. Deltas are shown, never stored.
pub(super) fn append(step: &Step<'_>, new: Vec<Event>) -> Result<()> {
    for event in new.into_iter().filter(|event| event.event != EventKind::Delta) {
        write(step, &Event { seq: 0, at: step.now, ..event })?;
    }
    Ok(())
}

/// Appends what happened to a job.
pub(super) fn about_job(step: &Step<'_>, job: &Job, event: EventKind, text: String) -> Result<()> {
    write(step, &decide::event_about_job(step.now, job, event, text))
}

/// Appends what happened to a resource or a worker; `batch` may be empty.
pub(super) fn about(step: &Step<'_>, batch: &str, event: EventKind, text: String) -> Result<()> {
    write(step, &decide::event_about(step.now, batch, event, text))
}

fn write(step: &Step<'_>, event: &Event) -> Result<()> {
    step.db
        .prepare_cached("INSERT INTO events (doc) VALUES (?1)")?
        .execute([codec::encode(event)?])?;
    step.db
        .prepare_cached("DELETE FROM events WHERE seq <= ?1")?
        .execute([step.db.last_insert_rowid() - KEPT_MAX])?;
    Ok(())
}

/// Those after a number, in order.
pub(super) fn after(db: &Connection, since: u64) -> Result<Vec<Event>> {
    let mut statement =
        db.prepare_cached("SELECT seq, doc FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2")?;
    let rows = statement.query_map(params![int(since), PAGE_MAX], |row| {
        Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?))
    })?;
    rows.map(|row| {
        let (seq, doc) = row?;
        Ok(Event { seq: count(seq), ..codec::decode(&doc)? })
    })
    .collect()
}

/// The newest event's number.
pub(super) fn last(db: &Connection) -> Result<u64> {
    let mut statement = db.prepare_cached("SELECT coalesce(max(seq), 0) FROM events")?;
    Ok(count(statement.query_row([], |row| row.get(0))?))
}
