//! `status`: batches, workers, blocks, and why anything is not running.

use crate::cli::errors::CliError;
use crate::cli::session::Home;
use crate::cli::shapes::{self, Status, StatusBatch, StatusBlock, StatusWorker};
use crate::cli::stdout;
use crate::cli::words::counted;
use crate::domain::job::StateName;
use crate::ledger::{BatchSummary, Summary};
use std::fmt::Write;

/// Prints the ledger at a glance.
pub async fn run(
    home: &Home,
    place: &str,
    batch: Option<&str>,
    json: bool,
) -> Result<(), CliError> {
    let summary = home.ledger.summary(batch).await?;
    if let (Some(name), true) = (batch, summary.batches.is_empty()) {
        return Err(CliError::no_such("batch", name));
    }
    if json {
        return stdout::line(&shapes::line("status", shape(&summary, place)));
    }
    stdout::line(text(&summary, place).trim_end())
}

fn shape(summary: &Summary, place: &str) -> Status {
    Status {
        ledger: place.to_owned(),
        batches: summary
            .batches
            .iter()
            .map(|batch| StatusBatch::new(batch, &summary.blocks))
            .collect(),
        workers: summary
            .workers
            .iter()
            .map(|worker| StatusWorker::new(worker, summary.now))
            .collect(),
        blocks: summary.blocks.iter().map(StatusBlock::from).collect(),
    }
}

fn text(summary: &Summary, place: &str) -> String {
    let mut text = format!("ledger {place}\n");
    if summary.batches.is_empty() {
        text.push_str("\nno batches yet; `tableround run PICTURE… --rehearse` makes one\n");
    }
    for batch in &summary.batches {
        describe(&mut text, batch, summary);
    }
    if !summary.workers.is_empty() {
        text.push_str("\nworkers\n");
    }
    for row in &summary.workers {
        let age = (summary.now - row.last_beat) / 1000;
        let beat = &row.beat;
        writeln!(
            text,
            "  {}  pid {}  {} of {} slots busy  heard {age} s ago",
            beat.host, beat.pid, beat.busy, beat.slots
        )
        .expect("a String takes everything");
    }
    text
}

fn describe(text: &mut String, batch: &BatchSummary, summary: &Summary) {
    let name = &batch.batch.name;
    let label = if batch.batch.rehearsal { "  (rehearsal: no model was asked)" } else { "" };
    let of = |state| batch.states.get(&state).copied().unwrap_or_default();
    let total: u64 = batch.states.values().sum();
    let counts: Vec<String> = StateName::ALL
        .into_iter()
        .filter(|state| of(*state) > 0)
        .map(|state| format!("{} {}", of(state), state.as_str()))
        .collect();
    let mut line = |line: String| writeln!(text, "{line}").expect("a String takes everything");
    line(format!("\n{name}{label}"));
    let colon = if counts.is_empty() { "" } else { ": " };
    line(format!("  {}{colon}{}", counted(total, "job"), counts.join(", ")));
    if batch.duplicates + batch.rejected > 0 {
        let duplicates = counted(batch.duplicates, "duplicate");
        line(format!("  {duplicates}, {} rejected", batch.rejected));
    }
    line(format!("  {}, {} USD spent", counted(batch.calls, "call"), batch.spent));
    if let Some(error) = &batch.last_error {
        line(format!("  last error: {error}"));
    }
    if let Some(why) = why_not(batch, summary) {
        line(format!("  {why}"));
    }
}

/// Why the jobs of a batch that are not running are not running.
fn why_not(batch: &BatchSummary, summary: &Summary) -> Option<String> {
    let of = |state| batch.states.get(&state).copied().unwrap_or_default();
    let pending = of(StateName::Queued) + of(StateName::Waiting);
    if pending == 0 {
        return None;
    }
    let own = format!("batch:{}", batch.batch.name);
    let block = summary
        .blocks
        .iter()
        .find(|block| block.resource == own || batch.batch.resources.contains(&block.resource));
    if let Some(block) = block {
        let until = block.until.map(shapes::time);
        let until = until.map_or_else(String::new, |until| format!(", until {until}"));
        return Some(format!("held up: {}{until}", block.reason));
    }
    if summary.workers.is_empty() {
        let name = &batch.batch.name;
        return Some(format!("no worker is running: `tableround run --resume {name}` goes on"));
    }
    match of(StateName::Queued) {
        0 => Some("waiting for the delay of a retry".to_owned()),
        queued => Some(format!("{queued} wait for a free slot")),
    }
}
