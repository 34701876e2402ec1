//! Jobs as rows: found, changed by the domain, stored, listed.

use super::events;
use super::threads::Step;
use crate::domain::job::{self, Change, Job, Refusal, State, StateName};
use crate::ledger::decide::{self, Alias};
use crate::ledger::{Error, Filter, Result, Row, codec};
use rusqlite::{Connection, OptionalExtension, params};
use std::fmt::Write;

/// A job and where it is stored.
pub(super) struct Stored {
    seq: i64,
    batch: i64,
    job: Job,
}

/// One change of the state machine.
pub(super) fn apply(
    step: &Step<'_>,
    id: &str,
    change: Change,
) -> Result<std::result::Result<Job, Refusal>> {
    let stored = step
        .db
        .prepare_cached("SELECT seq, batch, doc FROM jobs WHERE id = ?1 AND alias = 0")?
        .query_row([id], stored_columns)
        .optional()?
        .ok_or_else(|| Error::NoSuchJob(id.to_owned()))?;
    change_stored(step, decoded(stored)?, change)
}

/// The job of that row.
pub(super) fn load(db: &Connection, seq: i64) -> Result<Stored> {
    let stored = db
        .prepare_cached("SELECT seq, batch, doc FROM jobs WHERE seq = ?1 AND alias = 0")?
        .query_row([seq], stored_columns)?;
    decoded(stored)
}

impl Stored {
    pub(super) fn job(&self) -> &Job {
        &self.job
    }
}

fn stored_columns(row: &rusqlite::Row<'_>) -> rusqlite::Result<(i64, i64, Vec<u8>)> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

fn decoded((seq, batch, doc): (i64, i64, Vec<u8>)) -> Result<Stored> {
    Ok(Stored { seq, batch, job: codec::decode(&doc)? })
}

/// Lets the domain change a job and stores what it says, counters and event included.
pub(super) fn change_stored(
    step: &Step<'_>,
    stored: Stored,
    change: Change,
) -> Result<std::result::Result<Job, Refusal>> {
    let before = stored.job.state.name();
    let job = match job::apply(stored.job, change, step.now) {
        Ok(job) => job,
        Err(refusal) => return Ok(Err(refusal)),
    };
    step.db
        .prepare_cached(
            "UPDATE jobs SET state = ?2, priority = ?3, ready = ?4, due = ?5, doc = ?6
             WHERE seq = ?1",
        )?
        .execute(params![
            stored.seq,
            job.state.name().as_str(),
            decide::rank(job.priority),
            job.is_due(step.now),
            due(&job.state),
            codec::encode(&job)?
        ])?;
    let after = job.state.name();
    if before != after {
        count(step.db, stored.batch, Some(before), Some(after), 1)?;
    }
    if let Some(error) = decide::error_of(&job.state) {
        step.db
            .prepare_cached("UPDATE batches SET last_error = ?2 WHERE id = ?1")?
            .execute(params![stored.batch, decide::error_line(error)])?;
    }
    if let Some((kind, text)) = decide::event_of(before, &job) {
        events::about_job(step, &job, kind, text)?;
    }
    Ok(Ok(job))
}

/// When something is to be done about a job that nobody asks for.
fn due(state: &State) -> Option<i64> {
    match state {
        State::Running { lease } => Some(lease.until),
        State::Waiting { until, .. } => Some(*until),
        State::Queued | State::Completed { .. } | State::Dead { .. } | State::Cancelled => None,
    }
}

/// Moves so many jobs between two of a batch's counters. Where there is something to do again, what
/// was collected is not all.
pub(super) fn count(
    db: &Connection,
    batch: i64,
    from: Option<StateName>,
    to: Option<StateName>,
    jobs: i64,
) -> Result<()> {
    let delta = |state| i64::from(to == Some(state)) * jobs - i64::from(from == Some(state)) * jobs;
    let [queued, running, waiting, completed, dead, cancelled] = StateName::ALL.map(delta);
    db.prepare_cached(
        "UPDATE batches SET queued = queued + ?2, running = running + ?3, waiting = waiting + ?4,
             completed = completed + ?5, dead = dead + ?6, cancelled = cancelled + ?7,
             collected_at = iif(?8, NULL, collected_at)
         WHERE id = ?1",
    )?
    .execute(params![
        batch,
        queued,
        running,
        waiting,
        completed,
        dead,
        cancelled,
        to.is_some_and(|state| !state.is_final())
    ])?;
    Ok(())
}

/// Rows by batch and index.
pub(super) fn list(db: &Connection, filter: &Filter) -> Result<Vec<Row>> {
    if let Some(id) = &filter.job {
        return Ok(one(db, id)?.filter(|row| is_wanted(row, filter)).into_iter().collect());
    }
    let after = filter.after.as_deref().map(|id| position(db, id)).transpose()?;
    let mut rows = Vec::new();
    for (batch, name) in batches(db, filter)? {
        let after_index = match &after {
            Some(after) if name < after.batch => continue,
            Some(after) if name == after.batch => after.index,
            Some(_) | None => 0,
        };
        let room = match filter.limit {
            0 => i64::MAX,
            limit => i64::from(limit) - i64::try_from(rows.len()).unwrap_or(i64::MAX),
        };
        if room <= 0 {
            break;
        }
        rows.extend(of_batch(db, batch, &filter.states, after_index, room)?);
    }
    Ok(rows)
}

fn is_wanted(row: &Row, filter: &Filter) -> bool {
    filter.batch.as_ref().is_none_or(|batch| *batch == row.job.batch)
        && (filter.states.is_empty() || filter.states.contains(&row.job.state.name()))
}

/// The columns of a row and, for an alias, of its original.
const COLUMNS: &str = "SELECT r.idx, r.doc, o.doc, r.id, b.name, r.source, r.external_id
    FROM jobs r JOIN batches b ON b.id = r.batch LEFT JOIN jobs o ON o.seq = r.original";

fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Result<Row>> {
    if let Some(doc) = row.get::<_, Option<Vec<u8>>>(1)? {
        return Ok(codec::decode(&doc).map(|job| Row { job, duplicate_of: None }));
    }
    let original: Vec<u8> = row.get(2)?;
    let alias = Alias {
        index: row.get(0)?,
        id: row.get(3)?,
        batch: row.get(4)?,
        source: row.get(5)?,
        external_id: row.get(6)?,
    };
    Ok(codec::decode(&original).map(|original| decide::alias_row(alias, original)))
}

fn one(db: &Connection, id: &str) -> Result<Option<Row>> {
    db.prepare_cached(&format!("{COLUMNS} WHERE r.id = ?1"))?
        .query_row([id], row)
        .optional()?
        .transpose()
}

struct Position {
    batch: String,
    index: u32,
}

fn position(db: &Connection, id: &str) -> Result<Position> {
    db.prepare_cached(
        "SELECT b.name, r.idx FROM jobs r JOIN batches b ON b.id = r.batch WHERE r.id = ?1",
    )?
    .query_row([id], |row| Ok(Position { batch: row.get(0)?, index: row.get(1)? }))
    .optional()?
    .ok_or_else(|| Error::NoSuchJob(id.to_owned()))
}

fn batches(db: &Connection, filter: &Filter) -> Result<Vec<(i64, String)>> {
    let mut statement = db.prepare_cached(
        "SELECT id, name FROM batches WHERE ?1 IS NULL OR name = ?1 ORDER BY name",
    )?;
    let rows = statement.query_map([&filter.batch], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn of_batch(
    db: &Connection,
    batch: i64,
    states: &[StateName],
    after: u32,
    room: i64,
) -> Result<Vec<Row>> {
    let mut statement = db.prepare_cached(&page(states))?;
    let rows = statement.query_map(params![batch, after, room], row)?;
    rows.map(|row| row?).collect()
}

/// The query of one page. With states asked for, it is one ordered arm for each of them and one
/// for the aliases, which SQLite merges: a page of running jobs never walks over those that wait.
fn page(states: &[StateName]) -> String {
    let place = "r.batch = ?1 AND r.idx > ?2";
    let mut query = String::new();
    if states.is_empty() {
        query = format!("{COLUMNS} WHERE {place}");
    } else {
        let names: Vec<_> = states.iter().map(|state| format!("'{}'", state.as_str())).collect();
        for name in &names {
            write!(
                query,
                "{COLUMNS} WHERE {place} AND r.alias = 0 AND r.state = {name} UNION ALL "
            )
            .expect("a string takes any text");
        }
        let names = names.join(", ");
        write!(query, "{COLUMNS} WHERE {place} AND r.alias = 1 AND o.state IN ({names})")
            .expect("a string takes any text");
    }
    query + " ORDER BY 1 LIMIT ?3"
}
