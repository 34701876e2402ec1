//! Calls, tokens, money and time added up: for `timing.json` and for the pages.

use super::{MicroUsd, Record, is_lost, price, time};
use crate::export::{BatchInput, JobInput};
use serde::Serialize;

/// What one job, or a batch, used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Sums {
    /// Requests that left the machine.
    pub calls: u64,
    pub calls_lost: u64,
    pub tokens_in: u64,
    pub tokens_out: u64,
    /// The known part, lost calls at what they may have cost.
    pub cost_usd: MicroUsd,
    /// Calls whose cost is not known.
    pub cost_unknown_calls: u64,
}

impl Sums {
    /// What was asked on behalf of this job.
    pub fn of(job: &JobInput<'_>, records: &[Record]) -> Self {
        let mut sums = Self::default();
        let job = &job.row.job;
        for record in records.iter().filter(|record| record.open.job == job.id) {
            let usage = record.settle.as_ref().map(|settle| settle.usage).unwrap_or_default();
            sums.calls += 1;
            sums.calls_lost += u64::from(is_lost(job, record));
            sums.tokens_in += usage.tokens_in.unwrap_or(0);
            sums.tokens_out += usage.tokens_out.unwrap_or(0);
            match price(job, record).0 {
                Some(cost) => sums.cost_usd += cost,
                None => sums.cost_unknown_calls += 1,
            }
        }
        sums
    }

    fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.calls_lost += other.calls_lost;
        self.tokens_in += other.tokens_in;
        self.tokens_out += other.tokens_out;
        self.cost_usd += other.cost_usd;
        self.cost_unknown_calls += other.cost_unknown_calls;
    }
}

/// `timing.json`, job by job: one line each, the batch's own numbers behind them.
#[derive(Debug, Default)]
pub struct Timing {
    rows: u64,
    total: Sums,
    first: Option<i64>,
    last: Option<i64>,
}

#[derive(Serialize)]
struct JobTiming<'a> {
    index: u32,
    job: &'a str,
    state: &'static str,
    started_at: Option<String>,
    ended_at: Option<String>,
    /// From the first claim to the last ending, pauses included.
    wall_ms: Option<i64>,
    attempts: u32,
    interruptions: u32,
    crashes: u32,
    #[serde(flatten)]
    sums: Sums,
}

impl Timing {
    /// What stands before the first job.
    pub fn head(batch: &BatchInput<'_>) -> Vec<u8> {
        let name = serde_json::to_string(batch.name).expect("a text is JSON");
        format!("{{\n\"schema\": 1,\n\"type\": \"timing\",\n\"batch\": {name},\n\"jobs\": [")
            .into_bytes()
    }

    /// One job.
    pub fn job(&mut self, job: &JobInput<'_>, sums: &Sums) -> Vec<u8> {
        let row = &job.row.job;
        let started = row.history.first().map(|attempt| attempt.started_at);
        let ended = row.history.last().and_then(|attempt| attempt.ended_at);
        self.first = self.first.into_iter().chain(started).min();
        self.last = self.last.max(ended);
        self.total.add(sums);
        let timing = JobTiming {
            index: row.index,
            job: &row.id,
            state: row.state.name().as_str(),
            started_at: started.map(time),
            ended_at: ended.map(time),
            wall_ms: ended.zip(started).map(|(end, start)| end - start),
            attempts: row.attempts,
            interruptions: row.interruptions,
            crashes: row.crashes,
            sums: *sums,
        };
        let line = serde_json::to_string(&timing).expect("numbers and texts are JSON");
        let comma = if self.rows == 0 { "" } else { "," };
        self.rows += 1;
        format!("{comma}\n{line}").into_bytes()
    }

    /// What stands behind the last job.
    pub fn tail(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Tail {
            started_at: Option<String>,
            ended_at: Option<String>,
            wall_ms: Option<i64>,
            #[serde(flatten)]
            sums: Sums,
        }
        let tail = Tail {
            started_at: self.first.map(time),
            ended_at: self.last.map(time),
            wall_ms: self.last.zip(self.first).map(|(last, first)| last - first),
            sums: self.total,
        };
        let total = serde_json::to_string(&tail).expect("numbers and texts are JSON");
        format!("\n],\n\"total\": {total}\n}}\n").into_bytes()
    }

    /// What the jobs so far used together.
    pub fn total(&self) -> &Sums {
        &self.total
    }
}

/// `telemetry.js`: the few numbers that the pages show if they find them, as a script because a
/// page opened from a disk may read nothing else.
#[derive(Debug, Default)]
pub struct TelemetryScript {
    rows: u64,
}

impl TelemetryScript {
    /// What stands before the first job.
    pub fn head() -> Vec<u8> {
        b"window.tableround = {\"jobs\": {".to_vec()
    }

    /// One job.
    pub fn job(&mut self, job: &JobInput<'_>, sums: &Sums) -> Vec<u8> {
        let comma = if self.rows == 0 { "" } else { "," };
        self.rows += 1;
        format!("{comma}\n\"{}\": {}", job.row.job.index, shown(sums)).into_bytes()
    }

    /// What stands behind the last job.
    pub fn tail(total: &Sums) -> Vec<u8> {
        format!("\n}}, \"total\": {}}};\n", shown(total)).into_bytes()
    }
}

/// Calls, USD, calls of unknown cost.
fn shown(sums: &Sums) -> String {
    format!("[{}, \"{}\", {}]", sums.calls, sums.cost_usd, sums.cost_unknown_calls)
}
