//! Folding: records out of the table once they lie in the blobs, and back when they change.

use super::threads::{Step, View};
use super::{count, journal};
use crate::domain::job::StateName;
use crate::ledger::Result;
use crate::ledger::fold::Entry;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeSet;

/// A scope that can be folded, as it was read.
pub(super) struct Foldable {
    scope: String,
    pub(super) entries: Vec<Entry>,
}

/// What is to be folded of a job: nothing before it is over.
pub(super) fn foldable(view: &View<'_>, job: &str) -> Result<Vec<Foldable>> {
    if !is_over(view.db, job)? {
        return Ok(Vec::new());
    }
    let scopes: Vec<String> = view
        .db
        .prepare_cached("SELECT DISTINCT scope FROM journal WHERE job = ?1")?
        .query_map([job], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut foldable = Vec::new();
    for scope in scopes {
        let entries = journal::entries(view.db, "scope = ?1", [&scope])?;
        let askers: BTreeSet<&str> =
            entries.iter().map(|entry| entry.record.open.job.as_str()).collect();
        let mut are_over = true;
        for asker in askers {
            are_over &= is_over(view.db, asker)?;
        }
        if are_over {
            foldable.push(Foldable { scope, entries });
        }
    }
    Ok(foldable)
}

/// Whether nothing more is asked on behalf of a job. One that was forgotten is over.
fn is_over(db: &Connection, job: &str) -> Result<bool> {
    let state: Option<String> = db
        .prepare_cached("SELECT state FROM jobs WHERE id = ?1 AND alias = 0")?
        .query_row([job], |row| row.get(0))
        .optional()?;
    Ok(state.and_then(|state| state.parse().ok()).is_none_or(StateName::is_final))
}

/// Puts the object's name in the place of the records, if they are still what lies in it: rows
/// are only ever added, and an open one is settled once.
pub(super) fn fold(step: &Step<'_>, foldable: &Foldable, object: &str) -> Result<bool> {
    let Foldable { scope, entries } = foldable;
    let (records, settled): (i64, i64) = step
        .db
        .prepare_cached("SELECT count(*), count(settle) FROM journal WHERE scope = ?1")?
        .query_row([scope], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let was_settled = entries.iter().filter(|entry| entry.record.settle.is_some()).count();
    if (count(records), count(settled)) != (entries.len() as u64, was_settled as u64) {
        return Ok(false);
    }
    step.db.prepare_cached("DELETE FROM journal WHERE scope = ?1")?.execute([scope])?;
    for Entry { record, .. } in entries {
        step.db
            .prepare_cached(
                "INSERT OR IGNORE INTO folds (scope, job, batch, object) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![scope, record.open.job, record.open.batch, object])?;
    }
    Ok(true)
}

/// The object that holds a scope, if it is folded.
pub(super) fn object_of(db: &Connection, scope: &str) -> Result<Option<String>> {
    Ok(db
        .prepare_cached("SELECT object FROM folds WHERE scope = ?1 LIMIT 1")?
        .query_row([scope], |row| row.get(0))
        .optional()?)
}

/// The objects that hold records of a job.
pub(super) fn objects_of_job(db: &Connection, job: &str) -> Result<Vec<String>> {
    objects(db, "SELECT DISTINCT object FROM folds WHERE job = ?1", job)
}

/// The objects that hold records of a batch.
pub(super) fn objects_of_batch(db: &Connection, batch: &str) -> Result<Vec<String>> {
    objects(db, "SELECT DISTINCT object FROM folds WHERE batch = ?1", batch)
}

/// The objects that hold what the jobs of a batch asked for themselves, or all there are.
pub(super) fn objects_in_use(db: &Connection, batch: Option<&str>) -> Result<Vec<String>> {
    match batch {
        Some(batch) => {
            objects(db, "SELECT DISTINCT object FROM folds WHERE batch = ?1 AND scope = job", batch)
        }
        None => objects(db, "SELECT DISTINCT object FROM folds WHERE ?1 = ''", ""),
    }
}

/// The objects that a query finds.
pub(super) fn objects(db: &Connection, query: &str, of: &str) -> Result<Vec<String>> {
    let mut statement = db.prepare_cached(query)?;
    let rows = statement.query_map([of], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Puts a scope's records back into the table, unless somebody has done so.
pub(super) fn unfold(step: &Step<'_>, scope: &str, object: &str, entries: &[Entry]) -> Result<()> {
    let gone = step
        .db
        .prepare_cached("DELETE FROM folds WHERE scope = ?1 AND object = ?2")?
        .execute([scope, object])?;
    if gone > 0 {
        entries.iter().try_for_each(|entry| journal::put_back(step.db, entry))?;
    }
    Ok(())
}
