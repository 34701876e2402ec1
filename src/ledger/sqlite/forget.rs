//! What was collected, and what may go.

use super::threads::Step;
use super::{fold, summary};
use crate::domain::event::Event;
use crate::ledger::chore::{is_as_seen, is_over};
use crate::ledger::decide::batch_resource;
use crate::ledger::{BatchSummary, Result, codec};
use rusqlite::{Connection, params};
use std::collections::BTreeSet;

/// Marks a batch as collected, if it is still what was seen. The first time counts.
pub(super) fn mark_collected(step: &Step<'_>, seen: &BatchSummary) -> Result<Option<Vec<String>>> {
    let name = &seen.batch.name;
    let now = summary::batches(step.db, Some(name))?.pop();
    if now.is_none_or(|now| !is_as_seen(seen, &now)) {
        return Ok(None);
    }
    step.db
        .prepare_cached(
            "UPDATE batches SET collected_at = coalesce(collected_at, ?2) WHERE name = ?1",
        )?
        .execute(params![name, step.now])?;
    Ok(Some(Vec::new()))
}

/// Removes a batch with all that is its own. Shared questions stay: others may have their answers.
pub(super) fn forget(
    step: &Step<'_>,
    name: &str,
    uncollected: bool,
) -> Result<Option<Vec<String>>> {
    let Some(batch) = summary::batches(step.db, Some(name))?.pop() else { return Ok(None) };
    let may_go = is_over(&batch) && (uncollected || batch.collected_at.is_some());
    if !may_go || is_shared(step.db, name)? {
        return Ok(None);
    }
    let own = "SELECT j.id FROM jobs j JOIN batches b ON b.id = j.batch WHERE b.name = ?1";
    let query = format!("SELECT DISTINCT object FROM folds WHERE scope IN ({own})");
    let objects = fold::objects(step.db, &query, name)?;
    for table in ["journal", "folds"] {
        step.db.execute(&format!("DELETE FROM {table} WHERE scope IN ({own})"), [name])?;
    }
    let of_batch = "batch = (SELECT id FROM batches WHERE name = ?1)";
    // Aliases first: a job cannot go before the rows that stand for it.
    for rows in ["jobs WHERE alias = 1 AND", "jobs WHERE", "rejected WHERE"] {
        step.db.execute(&format!("DELETE FROM {rows} {of_batch}"), [name])?;
    }
    step.db.execute("DELETE FROM batches WHERE name = ?1", [name])?;
    step.db.execute("DELETE FROM blocks WHERE resource = ?1", [batch_resource(name)])?;
    forget_events(step.db, name)?;
    Ok(Some(objects))
}

/// Whether a row of another batch stands for a job of this one.
fn is_shared(db: &Connection, name: &str) -> Result<bool> {
    Ok(db
        .prepare_cached(
            "SELECT 1 FROM batches b JOIN jobs o ON o.batch = b.id JOIN jobs a ON a.original = o.seq
             WHERE b.name = ?1 AND a.batch <> b.id LIMIT 1",
        )?
        .exists([name])?)
}

fn forget_events(db: &Connection, batch: &str) -> Result<()> {
    let mut statement = db.prepare_cached("SELECT seq, doc FROM events")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let doc: Vec<u8> = row.get(1)?;
        if codec::decode::<Event>(&doc)?.batch == batch {
            db.prepare_cached("DELETE FROM events WHERE seq = ?1")?
                .execute([row.get::<_, i64>(0)?])?;
        }
    }
    Ok(())
}

/// Removes shared questions that only forgotten jobs have asked.
pub(super) fn remove_strays(
    step: &Step<'_>,
    spared: &BTreeSet<String>,
) -> Result<Option<Vec<String>>> {
    let mut strays: BTreeSet<String> = BTreeSet::new();
    for table in ["journal", "folds"] {
        let mut statement = step.db.prepare_cached(&format!(
            "SELECT scope FROM {table} GROUP BY scope
             HAVING sum(job IN (SELECT id FROM jobs)) = 0"
        ))?;
        let scopes = statement.query_map([], |row| row.get(0))?;
        strays.extend(scopes.collect::<rusqlite::Result<Vec<String>>>()?);
    }
    strays.retain(|scope| !spared.contains(scope));
    let mut objects = Vec::new();
    for scope in &strays {
        objects.extend(fold::object_of(step.db, scope)?);
        for table in ["journal", "folds"] {
            step.db
                .prepare_cached(&format!("DELETE FROM {table} WHERE scope = ?1"))?
                .execute([scope])?;
        }
    }
    Ok((!strays.is_empty()).then_some(objects))
}
