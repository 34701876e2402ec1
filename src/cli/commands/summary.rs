//! A batch in the end: its numbers, its exit code, its last words.

use crate::cli::errors::CliError;
use crate::cli::exit::{self, ExitCode};
use crate::cli::session::Home;
use crate::cli::setting::Setting;
use crate::cli::shapes::{self, Summary};
use crate::cli::{stdout, words};
use crate::export::names;
use crate::ledger::{BatchSummary, Block, Scope};
use crate::watch::took;
use crate::worker::Ended;
use std::fmt::Write;
use std::time::Duration;

/// The code of a service that does not answer.
const UNAVAILABLE: &str = "provider.unavailable";

/// The batch of that name.
pub async fn batch_of(home: &Home, batch: &str) -> Result<BatchSummary, CliError> {
    let summary = home.ledger.summary(Some(batch)).await?;
    summary.batches.into_iter().next().ok_or_else(|| CliError::no_such("batch", batch))
}

/// A batch's numbers out of the ledger.
pub async fn counted(home: &Home, row: &BatchSummary, wall: Duration) -> Result<Summary, CliError> {
    let name = &row.batch.name;
    let mut summary = Summary { batch: name.clone(), ..Summary::default() };
    summary.count(row);
    summary.book(&home.ledger.journal(Scope::Batch(name)).await?);
    summary.wall_ms = u64::try_from(wall.as_millis()).unwrap_or(u64::MAX);
    Ok(summary)
}

/// Prints a batch's summary without writing files, and gives its exit code.
pub async fn summarise(
    setting: &Setting,
    home: &Home,
    batch: &str,
    wall: Duration,
) -> Result<ExitCode, CliError> {
    let row = batch_of(home, batch).await?;
    let mut summary = counted(home, &row, wall).await?;
    let folder = names::batch_folder(batch, summary.rehearsal);
    summary.exports = setting.places.exports.join(folder).display().to_string();
    let code = code_of(&Ended::Drained, &row, &summary, row.rejected > 0);
    summary.exit = code.number();
    print(setting, &summary)?;
    Ok(code)
}

/// What held jobs up says about how to end.
pub fn code_of_blocks(blocks: &[Block]) -> ExitCode {
    let held = |code: &str| blocks.iter().any(|block| block.reason.starts_with(code));
    if held("auth.") {
        ExitCode::Key
    } else if held(UNAVAILABLE) {
        ExitCode::Unreachable
    } else if held("budget.") {
        ExitCode::LimitReached
    } else {
        ExitCode::Pending
    }
}

/// The first code of the contract's order that applies.
pub fn code_of(ended: &Ended, row: &BatchSummary, summary: &Summary, rejected: bool) -> ExitCode {
    let mut codes = Vec::new();
    match ended {
        Ended::Stopped => codes.push(ExitCode::Interrupted),
        Ended::Blocked(blocks) => codes.push(code_of_blocks(blocks)),
        Ended::Drained | Ended::MaxJobs => {}
    }
    if summary.dead > 0 {
        codes.push(ExitCode::SomeDead);
        if row.last_error.as_ref().is_some_and(|error| error.starts_with(UNAVAILABLE)) {
            codes.push(ExitCode::Unreachable);
        }
    }
    if rejected {
        codes.push(ExitCode::SomeRejected);
    }
    if summary.jobs == 0 && !rejected {
        codes.push(ExitCode::NothingToDo);
    }
    exit::first_of(&codes)
}

/// The last words of a `run`.
pub fn print(setting: &Setting, summary: &Summary) -> Result<(), CliError> {
    if setting.json {
        return stdout::line(&shapes::line("summary", summary));
    }
    let jobs = [
        (summary.completed, "completed"),
        (summary.duplicates, "duplicates"),
        (summary.dead, "dead"),
        (summary.cancelled, "cancelled"),
        (summary.waiting, "waiting"),
        (summary.queued, "queued"),
        (summary.rejected, "rejected"),
        (summary.not_obtained, "answers not obtained"),
    ];
    let mut parts =
        vec![format!("batch {}: {}", summary.batch, words::counted(summary.jobs, "job"))];
    parts.extend(jobs.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")));
    let mut money = format!(
        "{} calls, {} tokens in, {} out, {} USD",
        summary.calls, summary.tokens_in, summary.tokens_out, summary.cost_usd
    );
    if summary.cost_unknown_calls > 0 {
        write!(money, " and {} calls of unknown cost", summary.cost_unknown_calls)
            .expect("a String takes everything");
    }
    if summary.calls_lost > 0 {
        write!(money, ", {} calls lost", summary.calls_lost).expect("a String takes everything");
    }
    let mut lines = Vec::new();
    if summary.rehearsal {
        lines.push("rehearsal: no model was asked".to_owned());
    }
    lines.push(parts.join(", "));
    lines.push(money);
    lines.push(took(Duration::from_millis(summary.wall_ms)));
    lines.push(format!("exports: {}", summary.exports));
    stdout::line(&lines.join("\n"))
}
