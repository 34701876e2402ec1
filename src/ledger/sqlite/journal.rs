//! The journal: what left, and how it came back.

use super::threads::Step;
use super::{fold, int, sweep};
use crate::domain::call::{Call, Open, Record, Settle};
use crate::domain::cost::MicroUsd;
use crate::ledger::decide::{self, Passage, Settling};
use crate::ledger::fold::{Entry, in_order};
use crate::ledger::{Opened, Result, Settled, codec};
use rusqlite::{Connection, Params, params};

/// What became of a write to a scope.
pub(super) enum Write<T> {
    Done(T),
    /// Nothing was written: the scope is folded into this object.
    Folded(String),
}

/// Records that a request is about to leave, if it may.
pub(super) fn open(step: &Step<'_>, open: &Open) -> Result<Write<Opened>> {
    if let Some(object) = fold::object_of(step.db, &open.call.scope)? {
        return Ok(Write::Folded(object));
    }
    Ok(Write::Done(match sweep::passage(step, &open.provider, &open.model_asked)? {
        Passage::Held { for_ms } => Opened::Held { for_ms },
        Passage::Free if record(step, open)? => Opened::First,
        Passage::Probe(block) if record(step, open)? => {
            sweep::probe(step, &block)?;
            Opened::Probe
        }
        Passage::Free | Passage::Probe(_) => Opened::Taken,
    }))
}

/// Whether it was the first to record this try.
fn record(step: &Step<'_>, open: &Open) -> Result<bool> {
    let known = of_call(step.db, &open.call)?;
    if known.iter().any(|record| record.open.r#try == open.r#try) {
        return Ok(false);
    }
    let row = Row { seq: next_seq(step.db)?, beside: 0, opened_at: step.now, duplicate: false };
    insert(step.db, &row, open, None)?;
    let reserved = micros(open.reserved);
    book(step.db, &open.batch, &Booking { calls: 1, reserved, spent: 0 })?;
    Ok(true)
}

/// A row's place, and what is not in its documents.
struct Row {
    seq: i64,
    beside: i64,
    opened_at: i64,
    duplicate: bool,
}

/// Numbers grow for ever, whatever is folded away: they are the order of all records.
fn next_seq(db: &Connection) -> Result<i64> {
    Ok(db
        .prepare_cached("UPDATE meta SET value = value + 1 WHERE key = 'journal' RETURNING value")?
        .query_row([], |row| row.get(0))?)
}

fn insert(db: &Connection, row: &Row, open: &Open, settle: Option<&Settle>) -> Result<()> {
    let Call { scope, stage, round, seat, ask } = &open.call;
    db.prepare_cached(
        "INSERT INTO journal (seq, scope, stage, round, seat, ask, try, beside, batch, job,
                              opened_at, duplicate, open, settle)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?
    .execute(params![
        row.seq,
        scope,
        stage,
        round,
        seat,
        ask,
        open.r#try,
        row.beside,
        open.batch,
        open.job,
        row.opened_at,
        row.duplicate,
        codec::encode(open)?,
        settle.map(codec::encode).transpose()?
    ])?;
    Ok(())
}

/// Puts a record back where it was before it was folded; its sums were never taken away.
pub(super) fn put_back(db: &Connection, entry: &Entry) -> Result<()> {
    let Entry { at, record } = entry;
    let Record { open, opened_at, settle, duplicate } = record;
    let of_try = of_call(db, &open.call)?.into_iter().filter(|r| r.open.r#try == open.r#try);
    let row = Row {
        seq: *at,
        beside: int(of_try.count() as u64),
        opened_at: *opened_at,
        duplicate: *duplicate,
    };
    insert(db, &row, open, settle.as_ref())
}

/// Records how a try ended.
pub(super) fn settle(
    step: &Step<'_>,
    call: &Call,
    r#try: u32,
    settle: &Settle,
) -> Result<Write<Settled>> {
    if let Some(object) = fold::object_of(step.db, &call.scope)? {
        return Ok(Write::Folded(object));
    }
    let records = of_call(step.db, call)?;
    let decided = decide::settle(&records, r#try, settle)?;
    let mut of_try = records.iter().filter(|record| record.open.r#try == r#try);
    match (decided, of_try.next()) {
        (Settling::Repeated(answer), _) => Ok(Write::Done(answer)),
        (Settling::Close { duplicate, answer }, Some(record)) => {
            close(step.db, &record.open, settle, duplicate)?;
            Ok(Write::Done(answer))
        }
        (Settling::Beside { duplicate, answer }, Some(record)) => {
            let beside = int(of_try.count() as u64) + 1;
            let (seq, opened_at) = (next_seq(step.db)?, record.opened_at);
            let row = Row { seq, beside, opened_at, duplicate };
            insert(step.db, &row, &record.open, Some(settle))?;
            let spent = micros(settle.cost);
            let booking = Booking { calls: 0, reserved: 0, spent };
            book(step.db, &record.open.batch, &booking)?;
            Ok(Write::Done(answer))
        }
        (Settling::Close { .. } | Settling::Beside { .. }, None) => {
            unreachable!("`decide::settle` refuses a try that was never opened")
        }
    }
}

fn close(db: &Connection, open: &Open, settle: &Settle, duplicate: bool) -> Result<()> {
    let Call { scope, stage, round, seat, ask } = &open.call;
    db.prepare_cached(
        "UPDATE journal SET settle = ?7, duplicate = ?8
         WHERE scope = ?1 AND stage = ?2 AND round = ?3 AND seat = ?4 AND ask = ?5 AND try = ?6
           AND beside = 0",
    )?
    .execute(params![
        scope,
        stage,
        round,
        seat,
        ask,
        open.r#try,
        codec::encode(settle)?,
        duplicate
    ])?;
    let booking =
        Booking { calls: 0, reserved: -micros(open.reserved), spent: micros(settle.cost) };
    book(db, &open.batch, &booking)
}

/// What a record changes in its batch's sums; money in micro-dollars.
struct Booking {
    calls: i64,
    reserved: i64,
    spent: i64,
}

fn book(db: &Connection, batch: &str, booking: &Booking) -> Result<()> {
    db.prepare_cached(
        "UPDATE batches SET calls = calls + ?2, reserved = reserved + ?3, spent = spent + ?4
         WHERE name = ?1",
    )?
    .execute(params![batch, booking.calls, booking.reserved, booking.spent])?;
    Ok(())
}

fn micros(amount: Option<MicroUsd>) -> i64 {
    int(amount.unwrap_or_default().0)
}

fn of_call(db: &Connection, call: &Call) -> Result<Vec<Record>> {
    Ok(in_order(entries_of_call(db, call)?))
}

/// All tries of one question, unless its scope is folded.
pub(super) fn entries_of_call(db: &Connection, call: &Call) -> Result<Vec<Entry>> {
    let Call { scope, stage, round, seat, ask } = call;
    let place = "scope = ?1 AND stage = ?2 AND round = ?3 AND seat = ?4 AND ask = ?5";
    entries(db, place, params![scope, stage, round, seat, ask])
}

/// The records in a place, without those that are folded, in the order in which they were opened.
pub(super) fn entries(db: &Connection, place: &str, of: impl Params) -> Result<Vec<Entry>> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT seq, open, settle, opened_at, duplicate FROM journal WHERE {place} ORDER BY seq"
    ))?;
    let mut rows = statement.query(of)?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let open: Vec<u8> = row.get(1)?;
        let settle: Option<Vec<u8>> = row.get(2)?;
        let record = Record {
            open: codec::decode(&open)?,
            opened_at: row.get(3)?,
            settle: settle.map(|bytes| codec::decode(&bytes)).transpose()?,
            duplicate: row.get(4)?,
        };
        entries.push(Entry { at: row.get(0)?, record });
    }
    Ok(entries)
}
