//! `stats`: how calls went, from the journals of the ledger.

use crate::cli::errors::CliError;
use crate::cli::session::Home;
use crate::cli::{shapes, stdout};
use crate::domain::cost::MicroUsd;
use crate::domain::job::Job;
use crate::domain::stats::{Calls, Lane, Stats};
use crate::ledger::{Filter, Ledger, Scope};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// Jobs listed at a time.
const PAGE: u32 = 1000;
/// Journals read at once.
const JOURNALS: usize = 8;
const PER_CENT: [usize; 3] = [50, 95, 99];

/// Prints the statistics of a batch or of everything, of late or of all time.
pub async fn run(
    home: &Home,
    batch: Option<&str>,
    since: Option<Duration>,
    json: bool,
) -> Result<(), CliError> {
    let summary = home.ledger.summary(batch).await?;
    if let (Some(name), true) = (batch, summary.batches.is_empty()) {
        return Err(CliError::no_such("batch", name));
    }
    let since = since.map(|since| {
        summary.now.saturating_sub(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    });
    let stats = count(&*home.ledger, batch, since.unwrap_or(i64::MIN)).await?;
    if json {
        return stdout::line(&shapes::line("stats", Shape::of(&stats, batch, since)));
    }
    stdout::line(text(&stats, since).trim_end())
}

/// Goes through the journals, a few at once; none is kept.
async fn count(
    ledger: &dyn Ledger,
    batch: Option<&str>,
    since: i64,
) -> Result<Stats, crate::ledger::Error> {
    let mut stats = Stats::default();
    let batch = batch.map(str::to_owned);
    let mut filter = Filter { batch, limit: PAGE, ..Filter::default() };
    loop {
        let rows = ledger.jobs(&filter).await?;
        let Some(last) = rows.last() else { return Ok(stats) };
        filter.after = Some(last.job.id.clone());
        let jobs = rows.iter().filter(|row| row.duplicate_of.is_none()).map(|row| &row.job);
        let journals = stream::iter(jobs.filter(|job| may_have_asked(job, since)))
            .map(|job| ledger.journal(Scope::Job(&job.id)))
            .buffer_unordered(JOURNALS);
        journals
            .try_for_each(|journal| {
                stats.add(&journal, since);
                std::future::ready(Ok(()))
            })
            .await?;
    }
}

/// Whether a job was worked on at or after a time: only then its journal is read.
fn may_have_asked(job: &Job, since: i64) -> bool {
    job.history.last().is_some_and(|attempt| attempt.ended_at.is_none_or(|ended| ended >= since))
}

#[derive(Debug, Serialize)]
struct Shape<'a> {
    batch: Option<&'a str>,
    since: Option<String>,
    #[serde(flatten)]
    total: Numbers,
    lanes: Vec<LaneShape<'a>>,
}

#[derive(Debug, Serialize)]
struct LaneShape<'a> {
    provider: &'a str,
    model: &'a str,
    stage: &'a str,
    #[serde(flatten)]
    numbers: Numbers,
}

#[derive(Debug, Serialize)]
struct Numbers {
    calls: u64,
    retries: u64,
    ended: u64,
    answered: u64,
    /// Answered of ended, from 0 to 1; none where nothing ended.
    success_rate: Option<f64>,
    unreadable: u64,
    errors: BTreeMap<&'static str, u64>,
    open: u64,
    duplicate_paid: u64,
    p50_ms: Option<u64>,
    p95_ms: Option<u64>,
    p99_ms: Option<u64>,
    tokens_in: u64,
    tokens_out: u64,
    cost_usd: MicroUsd,
    cost_unknown_calls: u64,
}

impl<'a> Shape<'a> {
    fn of(stats: &'a Stats, batch: Option<&'a str>, since: Option<i64>) -> Self {
        let lane = |(lane, calls): (&'a Lane, &Calls)| LaneShape {
            provider: &lane.provider,
            model: &lane.model,
            stage: &lane.stage,
            numbers: Numbers::of(calls),
        };
        Self {
            batch,
            since: since.map(shapes::time),
            total: Numbers::of(&stats.total()),
            lanes: stats.0.iter().map(lane).collect(),
        }
    }
}

impl Numbers {
    fn of(calls: &Calls) -> Self {
        let [p50_ms, p95_ms, p99_ms] = calls.percentiles(PER_CENT);
        let share = |per_10_000: u64| u32::try_from(per_10_000).map_or(1.0, f64::from) / 10_000.0;
        Self {
            calls: calls.calls,
            retries: calls.retries,
            ended: calls.ended(),
            answered: calls.answered,
            success_rate: calls.answered_per_10_000().map(share),
            unreadable: calls.unreadable,
            errors: calls.errors.iter().map(|(class, n)| (class.as_str(), *n)).collect(),
            open: calls.open,
            duplicate_paid: calls.duplicates,
            p50_ms,
            p95_ms,
            p99_ms,
            tokens_in: calls.tokens_in,
            tokens_out: calls.tokens_out,
            cost_usd: calls.cost,
            cost_unknown_calls: calls.cost_unknown,
        }
    }
}

const COLUMNS: [&str; 11] = [
    "provider", "model", "stage", "calls", "answered", "p50 ms", "p95 ms", "p99 ms", "retries",
    "tokens", "USD",
];

fn text(stats: &Stats, since: Option<i64>) -> String {
    let mut rows = vec![COLUMNS.map(str::to_owned)];
    rows.extend(stats.0.iter().map(|(lane, calls)| {
        row([lane.provider.as_str(), lane.model.as_str(), lane.stage.as_str()], calls)
    }));
    let total = stats.total();
    rows.push(row(["all", "", ""], &total));
    let widths: [usize; COLUMNS.len()] = std::array::from_fn(|column| {
        rows.iter().map(|row| console::measure_text_width(&row[column])).max().unwrap_or(0)
    });
    let mut text = since.map_or_else(String::new, |ms| format!("since {}\n", shapes::time(ms)));
    for row in &rows {
        let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, width))| {
            let side =
                if column < 3 { console::Alignment::Left } else { console::Alignment::Right };
            console::pad_str(cell, width, side, None).into_owned()
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    let errors: Vec<String> =
        total.errors.iter().map(|(class, n)| format!("{} {n}", class.as_str())).collect();
    let others = [
        ("unreadable", total.unreadable),
        ("without an end", total.open),
        ("paid twice", total.duplicates),
    ];
    let others = others.iter().filter(|(_, n)| *n > 0).map(|(what, n)| format!("{what} {n}"));
    let wrong: Vec<String> = errors.into_iter().chain(others).collect();
    if !wrong.is_empty() {
        writeln!(text, "\n{}", wrong.join(", ")).expect("a String takes everything");
    }
    text
}

fn row(names: [&str; 3], calls: &Calls) -> [String; COLUMNS.len()] {
    let dash = || "-".to_owned();
    let per_cent = |share: u64| format!("{}.{:02} %", share / 100, share % 100);
    let [p50, p95, p99] =
        calls.percentiles(PER_CENT).map(|ms| ms.map_or_else(dash, |ms| ms.to_string()));
    let [provider, model, stage] = names.map(str::to_owned);
    [
        provider,
        model,
        stage,
        calls.calls.to_string(),
        calls.answered_per_10_000().map_or_else(dash, per_cent),
        p50,
        p95,
        p99,
        calls.retries.to_string(),
        (calls.tokens_in + calls.tokens_out).to_string(),
        calls.cost.to_string(),
    ]
}
