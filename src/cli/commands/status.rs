//! `status`: batches, workers, blocks, and why anything is not running.

use crate::cli::errors::CliError;
use crate::cli::lookout::Lookout;
use crate::cli::session::Home;
use crate::cli::setting::Setting;
use crate::cli::shapes::{self, Status, StatusBatch, StatusBlock, StatusWorker};
use crate::cli::stdout;
use crate::cli::words::counted;
use crate::domain::job::StateName;
use crate::ledger::{BatchSummary, Summary};
use crate::watch::{self, BatchGlance, Glance, RunningJob, WorkerGlance, clock, one_line};
use std::fmt::Write;

/// Running jobs listed of one batch.
const RUNNING_SHOWN: usize = 16;

/// Prints the ledger at a glance.
pub async fn run(setting: &Setting, home: &Home, batch: Option<&str>) -> Result<(), CliError> {
    let facts = Lookout::new(home, &setting.prices, batch).look().await?;
    let summary = &facts.summary;
    if let (Some(name), true) = (batch, summary.batches.is_empty()) {
        return Err(CliError::no_such("batch", name));
    }
    let glance = Glance::of(&facts);
    let place = setting.places.ledger.to_string();
    if setting.json {
        return stdout::line(&shapes::line("status", shape(summary, &glance, place)));
    }
    stdout::line(text(summary, &glance, &place).trim_end())
}

fn shape(summary: &Summary, glance: &Glance, place: String) -> Status {
    let batches = summary.batches.iter().zip(&glance.batches);
    let workers = summary.workers.iter();
    Status {
        ledger: place,
        batches: batches
            .map(|(row, glance)| StatusBatch::new(row, glance, &summary.blocks))
            .collect(),
        workers: workers.map(|row| StatusWorker::new(row, summary.now)).collect(),
        blocks: summary.blocks.iter().map(StatusBlock::from).collect(),
    }
}

fn text(summary: &Summary, glance: &Glance, place: &str) -> String {
    let mut text = format!("ledger {place}\n");
    if summary.batches.is_empty() {
        text.push_str("\nno batches yet; `tableround run PICTURE… --rehearse` makes one\n");
    }
    for (batch, seen) in summary.batches.iter().zip(&glance.batches) {
        describe(&mut text, batch, seen);
    }
    if !glance.workers.is_empty() {
        text.push_str("\nworkers\n");
    }
    for worker in &glance.workers {
        writeln!(text, "  {}", worker_line(worker)).expect("a String takes everything");
    }
    text
}

fn worker_line(worker: &WorkerGlance) -> String {
    let WorkerGlance { name: _, host, pid, slots, busy, silence, lost } = worker;
    let heard = silence.as_secs();
    if *lost {
        format!("{host}  pid {pid}  LOST: heard {} ago; its jobs go to others", clock(*silence))
    } else {
        format!("{host}  pid {pid}  {busy} of {slots} slots busy  heard {heard} s ago")
    }
}

fn describe(text: &mut String, batch: &BatchSummary, seen: &BatchGlance) {
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
    line(format!("  {}, {}", counted(batch.calls, "call"), watch::spending(seen)));
    if let Some(ahead) = ahead(seen) {
        line(format!("  {ahead}"));
    }
    for job in seen.sight.running.iter().take(RUNNING_SHOWN) {
        line(format!("  {}", running_line(job)));
    }
    if let more @ 1.. = seen.sight.running.len().saturating_sub(RUNNING_SHOWN) {
        line(format!("  and {more} more running"));
    }
    if let Some(error) = &batch.last_error {
        line(format!("  last error: {error}"));
    }
    for reason in &seen.why {
        let until = reason.until.map(shapes::time);
        let until = until.map_or_else(String::new, |until| format!(", until {until}"));
        line(format!("  {}{until}", reason.what));
    }
}

/// `3.1 jobs/min, eta 2m10s`; nothing once all is done.
fn ahead(seen: &BatchGlance) -> Option<String> {
    if !seen.sight.is_open() {
        return None;
    }
    let rate = seen.per_minute.map(watch::pace);
    // What is held ends when somebody lifts it; why is told below.
    let eta = match seen.eta {
        Some(left) => Some(format!("eta {}", clock(left))),
        None if seen.is_held() => None,
        None => Some("eta not known yet".to_owned()),
    };
    let parts: Vec<String> = rate.into_iter().chain(eta).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// `teapot.jpg: discuss, craftsman, 21/38, 1m02s, on host-7-abc`
fn running_line(job: &RunningJob) -> String {
    let progress = &job.progress;
    let stage = if progress.stage.is_empty() { "preparing" } else { &progress.stage };
    let mut parts = vec![stage.to_owned()];
    if !progress.seat.is_empty() {
        parts.push(progress.seat.clone());
    }
    if progress.expected > 0 {
        parts.push(format!("{}/{}", progress.done, progress.expected));
    }
    parts.push(clock(job.elapsed));
    parts.push(format!("on {}", job.worker));
    format!("{}: {}", one_line(&job.name), parts.join(", "))
}
