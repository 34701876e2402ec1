//! `watch`: looks on from any process, for as long as somebody wants to look.

mod feed;
mod screen;
mod stream;

use self::feed::Feed;
use crate::cli::errors::CliError;
use crate::cli::exit::ExitCode;
use crate::cli::session::Home;
use crate::cli::setting::Setting;
use crate::domain::event::{Event, EventKind};
use crate::domain::job::Job;
use crate::ledger::{self, Filter, Summary, is_over};
use crate::watch::Departure;

/// What is watched.
#[derive(Debug, Clone, Default)]
pub struct Watching {
    /// A batch or a job; none: everything.
    pub name: Option<String>,
    pub text: bool,
    pub until_done: bool,
}

/// Watches until the end, or until somebody has seen enough.
pub async fn run(
    setting: &Setting,
    home: &Home,
    watching: &Watching,
) -> Result<ExitCode, CliError> {
    let first = home.ledger.summary(None).await?;
    let target = Target::find(home, &first, watching.name.as_deref()).await?;
    // Words are shown from the start; a live view begins with what is new.
    let since = if setting.json || watching.text { 0 } else { first.last_event };
    let feed = Feed::start(setting, home, &target, since);
    if setting.json {
        stream::json(setting, feed, watching).await
    } else if watching.text {
        stream::text(setting, feed, watching).await
    } else if setting.may_draw_on_stdout() {
        screen::run(setting, feed, watching).await
    } else {
        stream::lines(setting, home, feed, watching).await
    }
}

/// What the name on the command line means.
#[derive(Debug, Clone, Default)]
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
        let filter = Filter::one(name);
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

    async fn is_done(&self, home: &Home, summary: &Summary) -> ledger::Result<bool> {
        if let Some(job) = &self.job {
            let filter = Filter::one(job);
            let rows = home.ledger.jobs(&filter).await?;
            return Ok(rows.iter().all(|row| row.job.state.name().is_final()));
        }
        Ok(summary.batches.iter().all(is_over))
    }
}

/// What an event says about a job that left the table.
pub async fn departure(home: &Home, event: &Event) -> ledger::Result<Option<(Job, Departure)>> {
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
    let filter = Filter::one(&event.job);
    let rows = home.ledger.jobs(&filter).await?;
    Ok(rows.into_iter().next().and_then(|row| {
        let departure = Departure::of(&row.job, event.at)?;
        Some((row.job, departure))
    }))
}
