//! `pause`, `resume`, `cancel`, `jobs retry`, `jobs cancel`, `workers`.

use super::run::Limits;
use crate::cli::errors::CliError;
use crate::cli::estimate::without_price;
use crate::cli::session::Home;
use crate::cli::setting::Setting;
use crate::cli::shapes::{self, StatusWorker};
use crate::cli::stdout;
use crate::cli::words::counted;
use crate::domain::job::{Change, StateName};
use crate::domain::spec::Spec;
use crate::ledger::decide::batch_resource;
use crate::ledger::{Addition, Batch, Filter, NewBlock, decide};
use crate::worker::store;
use tokio::task::block_in_place;

/// Rows read at a time.
const PAGE: u32 = 1000;

/// Holds a batch: what runs goes on, nothing new starts.
pub async fn pause(home: &Home, batch: &str) -> Result<(), CliError> {
    super::summary::batch_of(home, batch).await?;
    let resource = batch_resource(batch);
    let reason = format!("paused (`tableround resume {batch}` goes on)");
    let block = NewBlock { reason, for_ms: None };
    home.ledger.block(&resource, Some(block)).await?;
    stdout::line(&format!("batch {batch}: paused"))
}

/// Lifts what holds a batch up, its services' blocks included.
pub async fn resume(home: &Home, batch: &str) -> Result<(), CliError> {
    lift_all(home, batch).await?;
    stdout::line(&format!("batch {batch}: goes on"))
}

/// Lifts every block that may hold this batch up: its own, those of the services it needs, and
/// those of their models.
pub async fn lift_all(home: &Home, batch: &str) -> Result<(), CliError> {
    let summary = home.ledger.summary(Some(batch)).await?;
    let Some(row) = summary.batches.first() else { return Err(CliError::no_such("batch", batch)) };
    let needed = &row.batch.resources;
    let is_lane = |resource: &str| needed.iter().any(|need| decide::is_lane_of(resource, need));
    let lanes = summary.blocks.iter().map(|block| &block.resource).filter(|name| is_lane(name));
    for resource in needed.iter().chain([&batch_resource(batch)]).chain(lanes) {
        home.ledger.block(resource, None).await?;
    }
    Ok(())
}

/// Gives a known batch new limits, and the prices that are set here; what is not said stays. What
/// the old ones had stopped is to be lifted afterwards.
pub async fn limit(
    setting: &Setting,
    home: &Home,
    batch: Batch,
    limits: Limits,
) -> Result<(), CliError> {
    let encoded = block_in_place(|| home.blobs.get(&batch.spec))?;
    let models = store::decode::<Spec>(&encoded)?.models;
    let mut prices = batch.prices;
    prices.extend(setting.prices.set_for(&models));
    let unknown = without_price(&models, &setting.prices.after(&prices));
    if limits.max_cost.is_some() && !unknown.is_empty() {
        return Err(CliError::unknown_prices(&unknown));
    }
    let wanted = Batch {
        max_cost: limits.max_cost.or(batch.max_cost),
        max_fails: limits.max_fails.or(batch.max_fails),
        prices,
        ..batch
    };
    home.ledger.add(&wanted, Addition::default()).await?;
    Ok(())
}

/// Lifts the block that a batch's old limits had set.
pub async fn lift_budget(home: &Home, batch: &str) -> Result<(), CliError> {
    let own = batch_resource(batch);
    let blocks = home.ledger.summary(Some("")).await?.blocks;
    if blocks.iter().any(|block| block.resource == own && block.reason.starts_with("budget.")) {
        home.ledger.block(&own, None).await?;
    }
    Ok(())
}

/// Cancels what is left of a batch.
pub async fn cancel(home: &Home, batch: &str) -> Result<(), CliError> {
    super::summary::batch_of(home, batch).await?;
    // Nothing new starts while the jobs are gone through.
    let resource = batch_resource(batch);
    let block = NewBlock { reason: "cancelled".to_owned(), for_ms: None };
    home.ledger.block(&resource, Some(block)).await?;
    let open = Filter {
        batch: Some(batch.to_owned()),
        states: vec![StateName::Queued, StateName::Running, StateName::Waiting],
        ..Filter::default()
    };
    let count = change_all(home, open, &Change::Cancel).await?;
    home.ledger.block(&resource, None).await?;
    stdout::line(&format!("batch {batch}: {} cancelled", counted(count, "job")))
}

/// Which jobs a command means.
#[derive(Debug, Default)]
pub struct Selection {
    pub ids: Vec<String>,
    pub batch: Option<String>,
    pub states: Vec<StateName>,
    pub yes: bool,
}

/// Applies one change to the chosen jobs and prints how many took it.
pub async fn change(
    setting: &Setting,
    home: &Home,
    selection: &Selection,
    change: &Change,
    done: &str,
) -> Result<(), CliError> {
    let mut count = 0;
    for id in &selection.ids {
        match home.ledger.apply(id, change.clone()).await? {
            Ok(_) => count += 1,
            Err(refusal) => setting.say(&format!("{id}: {refusal}")),
        }
    }
    if selection.ids.is_empty() {
        if !selection.yes && !setting.confirmed("this may change many jobs; go on?") {
            return Err(CliError::config("nobody said yes").hint("say --yes"));
        }
        let filter = Filter {
            batch: selection.batch.clone(),
            states: selection.states.clone(),
            ..Filter::default()
        };
        count += change_all(home, filter, change).await?;
    }
    stdout::line(&format!("{} {done}", counted(count, "job")))
}

/// Applies one change to every job that a filter finds; refusals are passed over.
async fn change_all(home: &Home, mut filter: Filter, change: &Change) -> Result<u64, CliError> {
    let mut count = 0;
    filter.limit = PAGE;
    loop {
        let rows = home.ledger.jobs(&filter).await?;
        let Some(last) = rows.last() else { return Ok(count) };
        filter.after = Some(last.job.id.clone());
        for row in rows.iter().filter(|row| row.duplicate_of.is_none()) {
            count += u64::from(home.ledger.apply(&row.job.id, change.clone()).await?.is_ok());
        }
    }
}

/// Prints who is working.
pub async fn workers(home: &Home, json: bool) -> Result<(), CliError> {
    let summary = home.ledger.summary(Some("")).await?;
    for row in &summary.workers {
        let worker = StatusWorker::new(row, summary.now);
        let line = if json {
            shapes::line("worker", worker)
        } else {
            format!(
                "{}  {} of {} slots busy  heard {:.1} s ago  version {}",
                worker.name,
                worker.busy,
                worker.slots,
                std::time::Duration::from_millis(worker.last_beat_ms).as_secs_f64(),
                worker.version
            )
        };
        stdout::line(&line)?;
    }
    Ok(())
}
