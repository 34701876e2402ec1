//! The telemetry: calls, attempts, money and time. True, and different from run to run, which is
//! why none of it is in a result.

mod sums;

pub use sums::{Sums, TelemetryScript, Timing};

use super::codebook::{ATTEMPTS, CALLS};
use super::sheet::Sheet;
use super::tables::start;
use super::{BatchInput, JobInput};
use crate::domain::call::{Call, Outcome, PriceSource, Record};
use crate::domain::cost::{MicroUsd, Usage};
use crate::domain::job::Job;
use jiff::Timestamp;

/// An answer that a job used and another had asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedAnswer {
    /// The job that used it.
    pub job: String,
    /// The record that counted when it was used.
    pub record: Record,
}

/// The job's rows of `calls.csv`: what was asked on its behalf, in the order it was opened, then
/// what it used without asking.
pub fn calls(
    batch: &BatchInput<'_>,
    job: &JobInput<'_>,
    records: &[Record],
    shared: &[SharedAnswer],
) -> Vec<u8> {
    let mut sheet = Sheet::of(&CALLS);
    for record in records.iter().filter(|record| record.open.job == job.row.job.id) {
        start_call(&mut sheet, batch, job, record);
        call(&mut sheet, &job.row.job, record);
    }
    for SharedAnswer { job: _, record } in shared.iter().filter(|used| used.job == job.row.job.id) {
        start_call(&mut sheet, batch, job, record);
        let settle = record.settle.as_ref();
        sheet
            .value("shared")
            .text(&record.open.provider)
            .text(&record.open.model_asked)
            .text(settle.and_then(|settle| settle.model_used.as_deref()).unwrap_or_default())
            .text(settle.and_then(|settle| settle.request_id.as_deref()).unwrap_or_default())
            .empty(4)
            .value(MicroUsd(0))
            .empty(2)
            .value(time(record.opened_at))
            .empty(1)
            .end();
    }
    sheet.into_bytes()
}

fn start_call(sheet: &mut Sheet, batch: &BatchInput<'_>, job: &JobInput<'_>, record: &Record) {
    let call = &record.open.call;
    start(sheet, batch, job)
        .value(&job.row.job.id)
        .value(call_name(call))
        .text(&call.stage)
        .value(call.round)
        .text(&call.seat)
        .value(call.ask)
        .value(record.open.r#try);
}

/// The columns from `outcome` on.
fn call(sheet: &mut Sheet, job: &Job, record: &Record) {
    let settle = record.settle.as_ref();
    let Usage { tokens_in, tokens_cached, tokens_out, tokens_reasoning } =
        settle.map(|settle| settle.usage).unwrap_or_default();
    let (cost, source) = price(job, record);
    sheet
        .maybe(outcome_word(job, record))
        .text(&record.open.provider)
        .text(&record.open.model_asked)
        .text(settle.and_then(|settle| settle.model_used.as_deref()).unwrap_or_default())
        .text(settle.and_then(|settle| settle.request_id.as_deref()).unwrap_or_default())
        .maybe(tokens_in)
        .maybe(tokens_cached)
        .maybe(tokens_out)
        .maybe(tokens_reasoning)
        .maybe(cost)
        .maybe(source)
        .maybe(settle.map(|settle| settle.ms))
        .value(time(record.opened_at))
        .maybe(attempt_of(job, record))
        .end();
}

/// A question's name; with the digest in front where jobs share it, so that their rows meet.
fn call_name(call: &Call) -> String {
    if call.is_shared() { format!("{}/{}", call.scope, call.path()) } else { call.path() }
}

/// How a try ended; none while it is out.
fn outcome_word(job: &Job, record: &Record) -> Option<&'static str> {
    if record.duplicate {
        return Some("duplicate_paid");
    }
    match &record.settle {
        Some(settle) => Some(match settle.outcome {
            Outcome::Answered => "answered",
            Outcome::Declined { .. } => "declined",
            Outcome::Unreadable { .. } => "unreadable",
            Outcome::Failed { .. } => "failed",
        }),
        None => is_lost(job, record).then_some("lost"),
    }
}

/// Nobody will bring this answer: the attempt that asked no longer holds the job.
fn is_lost(job: &Job, record: &Record) -> bool {
    let asker = job.lease().map(|lease| lease.token.as_str());
    record.settle.is_none() && asker != Some(record.open.attempt.as_str())
}

/// What a try cost and how that is known. A lost one is counted at what it may have cost.
fn price(job: &Job, record: &Record) -> (Option<MicroUsd>, Option<&'static str>) {
    match &record.settle {
        Some(settle) => (settle.cost, settle.price_source.map(price_word)),
        None if is_lost(job, record) => {
            (record.open.reserved, record.open.reserved.map(|_| "reserved"))
        }
        None => (None, None),
    }
}

fn price_word(source: PriceSource) -> &'static str {
    match source {
        PriceSource::Reply => "reply",
        PriceSource::Config => "config",
        PriceSource::Table => "table",
        PriceSource::Rehearsal => "rehearsal",
    }
}

/// The number of the attempt that asked: the worker's last one begun before the request left.
fn attempt_of(job: &Job, record: &Record) -> Option<u32> {
    let begun = job.history.iter().rev().filter(|attempt| attempt.started_at <= record.opened_at);
    begun
        .filter(|attempt| attempt.worker == record.open.worker)
        .map(|attempt| attempt.attempt)
        .next()
}

/// The job's rows of `attempts.csv`. An alias made none.
pub fn attempts(batch: &BatchInput<'_>, job: &JobInput<'_>) -> Vec<u8> {
    let mut sheet = Sheet::of(&ATTEMPTS);
    if job.row.duplicate_of.is_some() {
        return sheet.into_bytes();
    }
    for attempt in &job.row.job.history {
        start(&mut sheet, batch, job)
            .value(&job.row.job.id)
            .value(attempt.attempt)
            .text(&attempt.worker)
            .value(time(attempt.started_at))
            .maybe(attempt.ended_at.map(time))
            .maybe(attempt.ending.map(crate::domain::job::Ending::as_str))
            .text(&attempt.stage)
            .end();
    }
    sheet.into_bytes()
}

/// RFC 3339 in UTC; milliseconds since 1970 that no calendar has stay what they are.
fn time(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |time| time.to_string())
}
