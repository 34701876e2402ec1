//! `jobs list` and `jobs show`.

use crate::cli::errors::CliError;
use crate::cli::session::Home;
use crate::cli::shapes::{self, CallLine, EventLine, JobDetail, JobLine, RetryPolicy};
use crate::cli::stdout;
use crate::domain::call::Record;
use crate::domain::job::{ATTEMPTS_MAX, CRASHES_MAX, Job, State};
use crate::domain::retry::{self, ATTEMPT_DELAY_BASE, ATTEMPT_DELAY_MAX};
use crate::domain::spec::Spec;
use crate::ledger::{Block, Filter, Row, Scope, Summary, decide};
use crate::worker::store;
use std::fmt::Write;

/// Rows fetched at a time while listing without a limit.
const PAGE: u32 = 1000;

/// Prints the jobs that match, in the order of their batches.
pub async fn list(home: &Home, mut filter: Filter, json: bool) -> Result<(), CliError> {
    let summary = home.ledger.summary(filter.batch.as_deref()).await?;
    if let (Some(name), true) = (&filter.batch, summary.batches.is_empty()) {
        return Err(CliError::no_such("batch", name));
    }
    let mut left = if filter.limit == 0 { u32::MAX } else { filter.limit };
    while left > 0 {
        filter.limit = left.min(PAGE);
        let rows = home.ledger.jobs(&filter).await?;
        let Some(last) = rows.last() else { break };
        filter.after = Some(last.job.id.clone());
        left = left.saturating_sub(u32::try_from(rows.len()).unwrap_or(u32::MAX));
        for row in &rows {
            let job = JobLine::new(row, block_of(row, &summary));
            let line = if json { shapes::line("job", job) } else { text_line(&job) };
            stdout::line(&line)?;
        }
    }
    Ok(())
}

/// The block that holds a row up, if any.
fn block_of<'a>(row: &Row, summary: &'a Summary) -> Option<&'a Block> {
    let batch = summary.batches.iter().find(|batch| batch.batch.name == row.job.batch)?;
    summary.blocks.iter().find(|block| decide::holds_up(block, &batch.batch))
}

fn text_line(job: &JobLine) -> String {
    let more = match (&job.error, &job.reason, &job.duplicate_of) {
        (_, _, Some(original)) => format!("  same as {original}"),
        (Some(error), _, _) => format!("  {}: {}", error.code, error.message),
        (None, Some(reason), _) => format!("  {reason}"),
        (None, None, None) => String::new(),
    };
    let place = if job.stage.is_empty() { "-" } else { job.stage.as_str() };
    format!(
        "{}  {:>6}  {:<9}  {:<10}  {}{more}",
        job.job,
        job.index,
        job.state.as_str(),
        place,
        job.source
    )
}

/// Prints everything about one job.
pub async fn show(
    home: &Home,
    job: &str,
    prompts: bool,
    journal: bool,
    json: bool,
) -> Result<(), CliError> {
    let filter = Filter::one(job);
    let rows = home.ledger.jobs(&filter).await?;
    let row = rows.first().ok_or_else(|| CliError::no_such("job", job))?;
    let summary = home.ledger.summary(Some(&row.job.batch)).await?;
    let batch =
        summary.batches.first().ok_or_else(|| CliError::no_such("batch", &row.job.batch))?;
    let bytes = home.blobs.get(&batch.batch.spec)?;
    let spec: Spec = store::decode(&bytes)?;
    let records = home.ledger.journal(Scope::Job(&row.job.id)).await?;
    let line = JobLine::new(row, block_of(row, &summary));
    if json {
        let events = home.ledger.events(vec![], Some(0)).await?;
        let detail = JobDetail {
            job: line,
            retry: RetryPolicy::of(&row.job),
            spec: &spec,
            calls: records.iter().map(CallLine::from).collect(),
            events: events
                .into_iter()
                .filter(|event| event.job == row.job.id)
                .map(EventLine::from)
                .collect(),
        };
        return stdout::line(&shapes::line("job_detail", detail));
    }
    let mut text = detail(row, &line, &spec);
    if journal {
        text.push_str("\ncalls\n");
        for record in &records {
            writeln!(text, "  {}", call_line(record)).expect("a String takes everything");
        }
    }
    if prompts {
        for (name, prompt) in &spec.prompts {
            write!(text, "\n--- {name}\n{prompt}").expect("a String takes everything");
        }
    }
    stdout::line(text.trim_end())
}

fn detail(row: &Row, line: &JobLine, spec: &Spec) -> String {
    let job = &row.job;
    let mut text = format!(
        "{}\n  {} of batch {}, {} agenda, {}\n  picture {}\n  topic {}\n",
        job.id,
        job.index,
        job.batch,
        spec.agenda.name,
        line.state.as_str(),
        job.source,
        job.topic
    );
    let mut add = |line: String| writeln!(text, "  {line}").expect("a String takes everything");
    if let Some(original) = &row.duplicate_of {
        add(format!("same as job {} ({} of {})", original.job, original.index, original.batch));
    }
    if let State::Dead { error } | State::Waiting { error, .. } = &job.state {
        add(format!("{}: {}", error.code, error.message));
        add(format!("hint: {}", error.hint));
    }
    add(format!(
        "attempts {} of {ATTEMPTS_MAX}, interruptions {} (no limit), crashes {} of {CRASHES_MAX}",
        job.attempts, job.interruptions, job.crashes
    ));
    add(retry_line(job));
    add(format!("answers {} of {}, {} USD", job.progress.done, job.progress.expected, job.cost));
    for attempt in &job.history {
        let ending = attempt.ending.map_or("running", crate::domain::job::Ending::as_str);
        add(format!(
            "attempt {}  {}  {}  {ending} {}",
            attempt.attempt,
            shapes::time(attempt.started_at),
            attempt.worker,
            attempt.stage
        ));
    }
    text
}

/// What the retry policy does next.
fn retry_line(job: &Job) -> String {
    let policy = format!(
        "a random part of {} s, doubled with every failure up to {} s",
        ATTEMPT_DELAY_BASE.as_secs(),
        ATTEMPT_DELAY_MAX.as_secs()
    );
    let next = retry::attempt_delay_max(job.attempts + 1).as_secs();
    match &job.state {
        State::Waiting { until, .. } => {
            format!("tries again at {} ({policy})", shapes::time(*until))
        }
        State::Completed { .. } => "no retry: it is completed".to_owned(),
        State::Dead { .. } | State::Cancelled => {
            "no retry by itself; `tableround jobs retry` begins with fresh counters".to_owned()
        }
        State::Queued | State::Running { .. } if job.attempts + 1 >= ATTEMPTS_MAX => {
            "next failure: it is dead, the limit is reached".to_owned()
        }
        State::Queued | State::Running { .. } => {
            format!("next failure: waits at most {next} s ({policy})")
        }
    }
}

fn call_line(record: &Record) -> String {
    let line = CallLine::from(record);
    let cost =
        line.cost_usd.map_or_else(|| "cost unknown".to_owned(), |cost| format!("{cost} USD"));
    let ms = line.ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms"));
    format!("{:<36}  {:<14}  {:>9}  {cost}  {}", line.call, line.outcome, ms, line.model_asked)
}
