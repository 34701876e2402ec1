//! `watch`: looks on from any process.

use crate::cli::errors::CliError;
use crate::cli::session::Home;
use crate::cli::setting::Setting;
use crate::cli::{shapes, stdout};
use crate::domain::event::{Event, EventKind};
use crate::domain::job::{Job, StateName};
use crate::ledger::{BatchSummary, Filter, Summary};
use crate::watch::{Departure, Hold, RunningJob, Sight};
use std::time::{Duration, Instant};

/// How often the ledger is asked: an event is seen within 300 ms.
const POLL: Duration = Duration::from_millis(200);

/// What is watched.
#[derive(Debug, Clone, Default)]
pub struct Watching {
    /// A batch or a job; none: everything.
    pub name: Option<String>,
    pub text: bool,
    pub until_done: bool,
}

/// Watches until the end, or for ever.
pub async fn run(setting: &Setting, home: &Home, watching: &Watching) -> Result<(), CliError> {
    let first = home.ledger.summary(None).await?;
    let target = Target::find(home, &first, watching.name.as_deref()).await?;
    // Words are shown from the start; a live view begins with what is new.
    let mut since = if setting.json || watching.text { 0 } else { first.last_event };
    let mut view = (!setting.json && !watching.text).then(|| setting.view_on_stdout());
    let started = Instant::now();
    loop {
        let events = home.ledger.events(vec![], Some(since)).await?;
        for event in &events {
            since = event.seq;
            if target.concerns(event) {
                show(setting, watching, event)?;
                if let Some(view) = &mut view
                    && let Some((_, departure)) = departure(home, event).await?
                {
                    view.departed(&departure).map_err(|_| CliError::broken_pipe())?;
                }
            }
        }
        let summary = home.ledger.summary(target.batch.as_deref()).await?;
        if let Some(view) = &mut view {
            let sight = sight(home, &target, &summary).await?;
            view.update(&sight, started.elapsed()).map_err(|_| CliError::broken_pipe())?;
        }
        if watching.until_done && events.is_empty() && target.is_done(home, &summary).await? {
            break;
        }
        tokio::time::sleep(POLL).await;
    }
    if let Some(view) = view {
        view.finish().map_err(|_| CliError::broken_pipe())?;
    }
    Ok(())
}

/// What the name on the command line means.
#[derive(Debug, Default)]
struct Target {
    batch: Option<String>,
    job: Option<String>,
}

impl Target {
    async fn find(home: &Home, summary: &Summary, name: Option<&str>) -> Result<Self, CliError> {
        let Some(name) = name else { return Ok(Self::default()) };
        if summary.batches.iter().any(|row| row.batch.name == name) {
            return Ok(Self { batch: Some(name.to_owned()), job: None });
        }
        let filter = Filter { job: Some(name.to_owned()), limit: 1, ..Filter::default() };
        let rows = home.ledger.jobs(&filter).await?;
        let row = rows.first().ok_or_else(|| CliError::no_such("batch or job", name))?;
        Ok(Self { batch: Some(row.job.batch.clone()), job: Some(row.job.id.clone()) })
    }

    fn concerns(&self, event: &Event) -> bool {
        let batch = self.batch.as_ref();
        let everybodys = event.batch.is_empty() && self.job.is_none();
        match &self.job {
            Some(job) => event.job == *job,
            None => everybodys || batch.is_none_or(|batch| event.batch == *batch),
        }
    }

    async fn is_done(&self, home: &Home, summary: &Summary) -> Result<bool, CliError> {
        if let Some(job) = &self.job {
            let filter = Filter { job: Some(job.clone()), limit: 1, ..Filter::default() };
            let rows = home.ledger.jobs(&filter).await?;
            return Ok(rows.iter().all(|row| row.job.state.name().is_final()));
        }
        let pending = |row: &BatchSummary| {
            row.states.iter().any(|(state, count)| !state.is_final() && *count > 0)
        };
        Ok(!summary.batches.iter().any(pending))
    }
}

fn show(setting: &Setting, watching: &Watching, event: &Event) -> Result<(), CliError> {
    if setting.json {
        return stdout::line(&shapes::line("event", shapes::EventLine::from(event.clone())));
    }
    if watching.text
        && matches!(event.event, EventKind::Turn | EventKind::Delta)
        && !event.text.is_empty()
    {
        let who = if event.seat.is_empty() { &event.stage } else { &event.seat };
        return stdout::line(&format!("[{}] {who}: {}\n", event.stage, event.text));
    }
    Ok(())
}

/// What an event says about a job that left the table.
pub async fn departure(home: &Home, event: &Event) -> Result<Option<(Job, Departure)>, CliError> {
    let left = matches!(
        event.event,
        EventKind::JobCompleted
            | EventKind::JobDead
            | EventKind::JobCancelled
            | EventKind::JobWaiting
    );
    if !left {
        return Ok(None);
    }
    let filter = Filter { job: Some(event.job.clone()), limit: 1, ..Filter::default() };
    let rows = home.ledger.jobs(&filter).await?;
    Ok(rows.into_iter().next().and_then(|row| {
        let departure = Departure::of(&row.job, event.at)?;
        Some((row.job, departure))
    }))
}

/// The batches in view as one.
async fn sight(home: &Home, target: &Target, summary: &Summary) -> Result<Sight, CliError> {
    let mut sight = Sight::of_all(&summary.batches);
    let running = Filter {
        batch: target.batch.clone(),
        states: vec![StateName::Running],
        limit: 100,
        ..Filter::default()
    };
    let rows = home.ledger.jobs(&running).await?;
    sight.running = rows.iter().filter_map(|row| RunningJob::of(&row.job, summary.now)).collect();
    sight.holds = summary.blocks.iter().map(|block| Hold::of(block, summary.now)).collect();
    Ok(sight)
}
