//! What a person looking on from any process reads of the ledger: the same few questions however
//! many jobs there are.

use super::estimate::without_price;
use super::session::Home;
use crate::domain::event::EventKind;
use crate::domain::job::{Job, StateName};
use crate::domain::models::Models;
use crate::domain::spec::Spec;
use crate::ledger::{BatchSummary, Filter, Result, Summary, is_over};
use crate::provider::price::Prices;
use crate::watch::Facts;
use crate::worker::store;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::task::block_in_place;

/// Running jobs read of one batch: more than any screen shows.
const RUNNING_MAX: u32 = 256;
/// Waiting jobs read of one batch, to find the one that is tried again first.
const WAITING_MAX: u32 = 100;
/// Finished jobs from which it is told how long one takes.
const FINISHED_MAX: u32 = 32;
/// The newest events, among which jobs that finished are looked for.
const EVENTS_BACK: u64 = 1000;
/// Batches whose prices are looked up: the newest, and those that are not done.
const PRICED_MAX: usize = 32;

/// Looks at a ledger again and again, and remembers what does not change.
#[derive(Debug)]
pub struct Lookout {
    home: Home,
    prices: Arc<Prices>,
    batch: Option<String>,
    /// Models without a price, by the batch that asks them.
    unpriced: BTreeMap<String, Vec<String>>,
    finished: Vec<Job>,
    /// Jobs completed in all batches when `finished` was read.
    completed: u64,
}

impl Lookout {
    /// Looks at one batch, or at all.
    pub fn new(home: &Home, prices: &Arc<Prices>, batch: Option<&str>) -> Self {
        Self {
            home: home.clone(),
            prices: Arc::clone(prices),
            batch: batch.map(str::to_owned),
            unpriced: BTreeMap::new(),
            finished: Vec::new(),
            completed: 0,
        }
    }

    /// One look.
    pub async fn look(&mut self) -> Result<Facts> {
        let summary = self.home.ledger.summary(self.batch.as_deref()).await?;
        let running = self.in_state(&summary, StateName::Running, RUNNING_MAX).await?;
        let waiting = self.in_state(&summary, StateName::Waiting, WAITING_MAX).await?;
        let completed = summary.batches.iter().map(|row| of(row, StateName::Completed)).sum();
        if completed != self.completed {
            self.finished = self.finished(&summary).await?;
            self.completed = completed;
        }
        let unpriced = self.unpriced(&summary);
        Ok(Facts { summary, running, waiting, finished: self.finished.clone(), unpriced })
    }

    /// Jobs in one state, of the batches that have any. An alias is no job.
    async fn in_state(&self, summary: &Summary, state: StateName, limit: u32) -> Result<Vec<Job>> {
        let mut jobs = Vec::new();
        for row in summary.batches.iter().filter(|row| of(row, state) > 0) {
            jobs.extend(self.page(&row.batch.name, state, limit).await?);
        }
        Ok(jobs)
    }

    async fn page(&self, batch: &str, state: StateName, limit: u32) -> Result<Vec<Job>> {
        let filter = Filter {
            batch: Some(batch.to_owned()),
            states: vec![state],
            limit,
            ..Filter::default()
        };
        let rows = self.home.ledger.jobs(&filter).await?.into_iter();
        Ok(rows.filter(|row| row.duplicate_of.is_none()).map(|row| row.job).collect())
    }

    /// The jobs that finished last, as far as the newest events tell; of a batch of which they tell
    /// nothing, the first ones.
    async fn finished(&self, summary: &Summary) -> Result<Vec<Job>> {
        let ledger = &self.home.ledger;
        let since = summary.last_event.saturating_sub(EVENTS_BACK);
        let events = ledger.events(vec![], Some(since)).await?;
        let completed = events.iter().rev().filter(|event| event.event == EventKind::JobCompleted);
        let mut jobs: Vec<Job> = Vec::new();
        for event in completed.take(FINISHED_MAX as usize) {
            let filter = Filter::one(&event.job);
            jobs.extend(ledger.jobs(&filter).await?.into_iter().map(|row| row.job));
        }
        for row in summary.batches.iter().filter(|row| !is_over(row)) {
            let name = &row.batch.name;
            if of(row, StateName::Completed) > 0 && jobs.iter().all(|job| job.batch != *name) {
                jobs.extend(self.page(name, StateName::Completed, FINISHED_MAX).await?);
            }
        }
        Ok(jobs)
    }

    fn unpriced(&mut self, summary: &Summary) -> BTreeMap<String, Vec<String>> {
        let mut unpriced = BTreeMap::new();
        for (place, row) in summary.batches.iter().enumerate() {
            let batch = &row.batch;
            if batch.rehearsal || (place >= PRICED_MAX && is_over(row)) {
                continue;
            }
            if !self.unpriced.contains_key(&batch.name) {
                // A spec that cannot be read now may be there later; nothing is claimed meanwhile.
                let Some(models) = block_in_place(|| self.models(&batch.spec)) else { continue };
                let prices = self.prices.after(&batch.prices);
                self.unpriced.insert(batch.name.clone(), without_price(&models, &prices));
            }
            let models = self.unpriced.get(&batch.name).cloned().unwrap_or_default();
            unpriced.insert(batch.name.clone(), models);
        }
        unpriced
    }

    fn models(&self, spec: &str) -> Option<Models> {
        let bytes = self.home.blobs.get(spec).ok()?;
        store::decode::<Spec>(&bytes).ok().map(|spec| spec.models)
    }
}

fn of(row: &BatchSummary, state: StateName) -> u64 {
    row.states.get(&state).copied().unwrap_or_default()
}
