//! Jobs on their way in.

use super::threads::Step;
use super::{int, jobs};
use crate::domain::job::{Job, StateName};
use crate::ledger::{Added, Addition, Batch, Error, NewJob, Rejected, Result, codec, decide};
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

/// Creates the batch if it is new and adds what is missing.
pub(super) fn add(step: &Step<'_>, batch: &Batch, addition: Addition) -> Result<Added> {
    let mut place = open_batch(step, batch)?;
    let first = place.next_index;
    let mut added = Added::default();
    for new in addition.jobs {
        let keys = Keys::of(place.batch, &new);
        if is_known(step.db, place.batch, &new, &keys)? {
            continue;
        }
        let original = if addition.again { None } else { original(step.db, &new.job, &keys)? };
        if let Some(original) = original {
            insert_alias(step.db, &mut place, &new, &keys, original)?;
            added.duplicates += 1;
        } else {
            added.queued.push(new.job.id.clone());
            insert_job(step, &mut place, &batch.name, new, &keys)?;
        }
    }
    let rejected = reject(step.db, place.batch, &addition.rejected)?;
    if place.next_index > first || rejected > 0 {
        count_in(step.db, &place, &added, rejected)?;
    }
    Ok(added)
}

/// The inputs that were refused, in the order in which they first were.
pub(super) fn rejected(db: &Connection, batch: &str) -> Result<Vec<Rejected>> {
    let mut statement = db.prepare_cached(
        "SELECT r.source, r.external_id, r.code, r.reason FROM rejected r
         JOIN batches b ON b.id = r.batch WHERE b.name = ?1 ORDER BY r.seq",
    )?;
    let rows = statement.query_map([batch], |row| {
        Ok(Rejected {
            source: row.get(0)?,
            external_id: row.get(1)?,
            code: row.get(2)?,
            reason: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Where the next row goes.
struct Place {
    batch: i64,
    next_index: u32,
}

fn open_batch(step: &Step<'_>, batch: &Batch) -> Result<Place> {
    let known = step
        .db
        .prepare_cached("SELECT id, next_index, doc FROM batches WHERE name = ?1")?
        .query_row([&batch.name], |row| {
            Ok((Place { batch: row.get(0)?, next_index: row.get(1)? }, row.get::<_, Vec<u8>>(2)?))
        })
        .optional()?;
    let Some((place, doc)) = known else { return create_batch(step, batch) };
    let stored: Batch = codec::decode(&doc)?;
    if stored.spec != batch.spec {
        return Err(Error::OtherSpec { batch: batch.name.clone() });
    }
    if stored != *batch {
        step.db
            .prepare_cached("UPDATE batches SET doc = ?2 WHERE id = ?1")?
            .execute(params![place.batch, codec::encode(batch)?])?;
    }
    Ok(place)
}

fn create_batch(step: &Step<'_>, batch: &Batch) -> Result<Place> {
    step.db
        .prepare_cached("INSERT INTO batches (name, doc, created_at) VALUES (?1, ?2, ?3)")?
        .execute(params![batch.name, codec::encode(batch)?, step.now])?;
    Ok(Place { batch: step.db.last_insert_rowid(), next_index: 1 })
}

/// The short keys a row is found by: that of a job, and that of an alias. Columns decide, so two
/// rows may share one.
struct Keys {
    fingerprint: i64,
    row: i64,
}

impl Keys {
    fn of(batch: i64, new: &NewJob) -> Self {
        let Job { source, external_id, fingerprint, .. } = &new.job;
        let fingerprint = fingerprint.as_bytes();
        let (batch, occurrence) = (batch.to_le_bytes(), new.occurrence.to_le_bytes());
        let row = [&batch[..], &occurrence, fingerprint, source.as_bytes(), external_id.as_bytes()];
        Self { fingerprint: short_digest(&[fingerprint]), row: short_digest(&row) }
    }
}

fn short_digest(parts: &[&[u8]]) -> i64 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    let first = digest.first_chunk().expect("a SHA-256 has 32 bytes");
    i32::from_le_bytes(*first).into()
}

/// Whether an earlier addition brought this very row.
fn is_known(db: &Connection, batch: i64, new: &NewJob, keys: &Keys) -> Result<bool> {
    let Job { source, external_id, fingerprint, .. } = &new.job;
    Ok(db
        .prepare_cached(
            "SELECT 1 FROM jobs INDEXED BY jobs_key
             WHERE key IN (?1, ?2) AND batch = ?3 AND occurrence = ?4 AND fingerprint = ?5
               AND source = ?6 AND external_id = ?7",
        )?
        .exists(params![
            keys.fingerprint,
            keys.row,
            batch,
            new.occurrence,
            fingerprint,
            source,
            external_id
        ])?)
}

/// The oldest job of the same fingerprint that has a result or may still get one.
fn original(db: &Connection, job: &Job, keys: &Keys) -> Result<Option<i64>> {
    Ok(db
        .prepare_cached(
            "SELECT seq FROM jobs INDEXED BY jobs_key
             WHERE key = ?1 AND alias = 0 AND fingerprint = ?2
               AND state NOT IN ('dead', 'cancelled')
             ORDER BY seq LIMIT 1",
        )?
        .query_row(params![keys.fingerprint, job.fingerprint], |row| row.get(0))
        .optional()?)
}

fn insert_alias(
    db: &Connection,
    place: &mut Place,
    new: &NewJob,
    keys: &Keys,
    original: i64,
) -> Result<()> {
    let Job { id, source, external_id, fingerprint, .. } = &new.job;
    db.prepare_cached(
        "INSERT INTO jobs (id, batch, idx, alias, ready, original, key, occurrence, fingerprint,
                           source, external_id)
         VALUES (?1, ?2, ?3, 1, 0, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        id,
        place.batch,
        place.next_index,
        original,
        keys.row,
        new.occurrence,
        fingerprint,
        source,
        external_id
    ])?;
    place.next_index += 1;
    Ok(())
}

fn insert_job(
    step: &Step<'_>,
    place: &mut Place,
    batch: &str,
    new: NewJob,
    keys: &Keys,
) -> Result<()> {
    let job = decide::fresh(new.job, batch, place.next_index);
    step.db
        .prepare_cached(
            "INSERT INTO jobs (id, batch, idx, alias, state, priority, ready, key, occurrence,
                               fingerprint, source, external_id, doc)
             VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(params![
            job.id,
            place.batch,
            job.index,
            job.state.name().as_str(),
            decide::rank(job.priority),
            job.is_due(step.now),
            keys.fingerprint,
            new.occurrence,
            job.fingerprint,
            job.source,
            job.external_id,
            codec::encode(&job)?
        ])?;
    place.next_index += 1;
    Ok(())
}

/// Keeps each refused input once; what was said last about it counts. Returns how many are new.
fn reject(db: &Connection, batch: i64, rejected: &[Rejected]) -> Result<u64> {
    let mut new = 0;
    for Rejected { source, external_id, code, reason } in rejected {
        let updated = db
            .prepare_cached(
                "UPDATE rejected SET code = ?4, reason = ?5
                 WHERE batch = ?1 AND source = ?2 AND external_id = ?3",
            )?
            .execute(params![batch, source, external_id, code, reason])?;
        if updated == 0 {
            db.prepare_cached(
                "INSERT INTO rejected (batch, source, external_id, code, reason)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![batch, source, external_id, code, reason])?;
            new += 1;
        }
    }
    Ok(new)
}

fn count_in(db: &Connection, place: &Place, added: &Added, rejected: u64) -> Result<()> {
    db.prepare_cached(
        "UPDATE batches SET next_index = ?2, duplicates = duplicates + ?3, rejected = rejected + ?4,
             collected_at = NULL
         WHERE id = ?1",
    )?
    .execute(params![place.batch, place.next_index, int(added.duplicates), int(rejected)])?;
    jobs::count(db, place.batch, None, Some(StateName::Queued), int(added.queued.len() as u64))
}
