//! The journal: what left, and how it came back.

use super::threads::Step;
use super::{int, sweep};
use crate::domain::call::{Call, Open, Record, Settle};
use crate::domain::cost::MicroUsd;
use crate::ledger::decide::{self, Passage, Settling};
use crate::ledger::{Opened, Result, Settled, codec};
use rusqlite::{Connection, Params, params};

/// Records that a request is about to leave, if it may.
pub(super) fn open(step: &Step<'_>, open: &Open) -> Result<Opened> {
    match sweep::passage(step, &open.provider, &open.model_asked)? {
        Passage::Held { for_ms } => Ok(Opened::Held { for_ms }),
        Passage::Free if record(step, open)? => Ok(Opened::First),
        Passage::Probe(block) if record(step, open)? => {
            sweep::probe(step, &block)?;
            Ok(Opened::Probe)
        }
        Passage::Free | Passage::Probe(_) => Ok(Opened::Taken),
    }
}

/// Whether it was the first to record this try.
fn record(step: &Step<'_>, open: &Open) -> Result<bool> {
    let written = step
        .db
        .prepare_cached(
            "INSERT INTO journal (scope, stage, round, seat, ask, try, beside, batch, job,
                                  opened_at, duplicate, open)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?8, ?9, 0, ?10)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            open.call.scope,
            open.call.stage,
            open.call.round,
            open.call.seat,
            open.call.ask,
            open.r#try,
            open.batch,
            open.job,
            step.now,
            codec::encode(open)?
        ])?;
    if written > 0 {
        let reserved = micros(open.reserved);
        book(step.db, &open.batch, &Booking { calls: 1, reserved, spent: 0 })?;
    }
    Ok(written > 0)
}

/// Records how a try ended.
pub(super) fn settle(step: &Step<'_>, call: &Call, r#try: u32, settle: &Settle) -> Result<Settled> {
    let records = of_call(step.db, call)?;
    let decided = decide::settle(&records, r#try, settle)?;
    let mut of_try = records.iter().filter(|record| record.open.r#try == r#try);
    match (decided, of_try.next()) {
        (Settling::Repeated(answer), _) => Ok(answer),
        (Settling::Close { duplicate, answer }, Some(record)) => {
            close(step.db, &record.open, settle, duplicate)?;
            Ok(answer)
        }
        (Settling::Beside { duplicate, answer }, Some(record)) => {
            let number = of_try.count() + 1;
            write_beside(step.db, record, int(number as u64), settle, duplicate)?;
            Ok(answer)
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

fn write_beside(
    db: &Connection,
    record: &Record,
    number: i64,
    settle: &Settle,
    duplicate: bool,
) -> Result<()> {
    let Open { call, r#try, batch, job, .. } = &record.open;
    db.prepare_cached(
        "INSERT INTO journal (scope, stage, round, seat, ask, try, beside, batch, job, opened_at,
                              duplicate, open, settle)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?
    .execute(params![
        call.scope,
        call.stage,
        call.round,
        call.seat,
        call.ask,
        r#try,
        number,
        batch,
        job,
        record.opened_at,
        duplicate,
        codec::encode(&record.open)?,
        codec::encode(settle)?
    ])?;
    book(db, batch, &Booking { calls: 0, reserved: 0, spent: micros(settle.cost) })
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

/// All tries of one question.
pub(super) fn of_call(db: &Connection, call: &Call) -> Result<Vec<Record>> {
    let Call { scope, stage, round, seat, ask } = call;
    let place = "scope = ?1 AND stage = ?2 AND round = ?3 AND seat = ?4 AND ask = ?5";
    records(db, place, params![scope, stage, round, seat, ask])
}

/// Everything asked on behalf of a job.
pub(super) fn of_job(db: &Connection, job: &str) -> Result<Vec<Record>> {
    records(db, "job = ?1", [job])
}

/// Everything asked on behalf of a batch.
pub(super) fn of_batch(db: &Connection, batch: &str) -> Result<Vec<Record>> {
    records(db, "batch = ?1", [batch])
}

fn records(db: &Connection, place: &str, of: impl Params) -> Result<Vec<Record>> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT open, settle, opened_at, duplicate FROM journal WHERE {place} ORDER BY seq"
    ))?;
    let rows = statement.query_map(of, |row| {
        Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Option<Vec<u8>>>(1)?, row.get(2)?, row.get(3)?))
    })?;
    rows.map(|row| {
        let (open, settle, opened_at, duplicate) = row?;
        let settle = settle.map(|bytes| codec::decode(&bytes)).transpose()?;
        Ok(Record { open: codec::decode(&open)?, opened_at, settle, duplicate })
    })
    .collect()
}
