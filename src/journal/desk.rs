//! What the attempts of one worker share: ledger, blobs, services, gate, flights, watchers.

use super::patience::{GaveUp, patiently};
use super::spool::Spool;
use crate::blobs::{self, Blobs};
use crate::discussion::Stop;
use crate::domain::call::{Call, Open, Record};
use crate::domain::cost::MicroUsd;
use crate::domain::event::{Event, EventKind};
use crate::domain::job::{Job, JobError};
use crate::ledger::{Filter, Ledger, NewBlock, Opened, Scope, decide};
use crate::provider;
use crate::provider::gate::Gate;
use crate::provider::services::Services;
use bytes::Bytes;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

/// How long telling the others that a model wants to be left alone may hold up an answer.
const TELL_MAX: Duration = Duration::from_secs(2);

/// The writing desk of one worker.
#[derive(Debug)]
pub struct Desk {
    pub ledger: Arc<dyn Ledger>,
    pub blobs: Blobs,
    /// Where answers wait that the ledger does not take.
    pub spool: Spool,
    pub services: Services,
    pub gate: Arc<Gate>,
    pub reached: Reached,
    /// This worker's name for this start.
    pub worker: String,
    pub flights: Flights,
    /// Held while a call is weighed against its batch's budget.
    pub budget: tokio::sync::Mutex<()>,
    /// Where events go; whoever listens decides what to keep.
    pub events: UnboundedSender<Event>,
    /// Running calls are given up when this is cancelled.
    pub hang_up: CancellationToken,
}

impl Desk {
    /// Keeps bytes in the blobs; durable when it returns. Their name is their digest.
    pub async fn keep(&self, bytes: Vec<u8>) -> Result<String, blobs::Error> {
        let blobs = self.blobs.clone();
        tokio::task::spawn_blocking(move || blobs.put(&bytes))
            .await
            .expect("putting a blob does not panic")
    }

    /// The bytes of that name.
    pub async fn fetch(&self, digest: &str) -> Result<Bytes, blobs::Error> {
        let (blobs, digest) = (self.blobs.clone(), digest.to_owned());
        tokio::task::spawn_blocking(move || blobs.get(&digest))
            .await
            .expect("getting a blob does not panic")
    }

    /// Keeps bytes, and waits while their home is away or full.
    pub async fn keep_patiently(
        &self,
        bytes: Vec<u8>,
        stop: &CancellationToken,
    ) -> Result<String, GaveUp<blobs::Error>> {
        patiently(stop, || self.keep(bytes.clone())).await
    }

    /// The bytes of that name; waits while their home is away.
    pub async fn fetch_patiently(
        &self,
        digest: &str,
        stop: &CancellationToken,
    ) -> Result<Bytes, GaveUp<blobs::Error>> {
        patiently(stop, || self.fetch(digest)).await
    }

    pub(super) fn tell(&self, event: Event) {
        // Nobody listening is no reason to stop working.
        self.events.send(event).ok();
    }

    /// A piece of an answer as it streams; `offset`: characters of the answer before it.
    pub(super) fn delta(&self, job: &Job, call: &Call, offset: u64, text: &str) {
        self.tell(Event {
            seq: 0,
            at: 0,
            batch: job.batch.clone(),
            job: job.id.clone(),
            event: EventKind::Delta,
            stage: call.stage.clone(),
            round: call.round,
            seat: call.seat.clone(),
            offset,
            text: text.to_owned(),
        });
    }

    /// Runs a request to its end and tells how long it took. A request in flight is paid for, so
    /// a stopping attempt waits for it; only hanging up cuts it off.
    pub(super) async fn timed<T>(
        &self,
        stop: &CancellationToken,
        asking: impl Future<Output = T>,
    ) -> Result<(T, u64), Stop> {
        let started = Instant::now();
        let hang_up = async {
            stop.cancelled().await;
            self.hang_up.cancelled().await;
        };
        tokio::select! {
            result = asking => {
                let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
                Ok((result, ms))
            }
            () = hang_up => Err(Stop::Interrupted),
        }
    }

    /// Records that a request is about to leave, unless the batch's money would not last for it.
    pub(super) async fn open(
        &self,
        open: &Open,
        has_budget: bool,
        stop: &CancellationToken,
    ) -> Result<Opened, Stop> {
        if !has_budget {
            return self.record_open(open, stop).await;
        }
        // One at a time: what one call reserves, the next one sees.
        let _turn = self.budget.lock().await;
        let summary = patiently(stop, || self.ledger.summary(Some(&open.batch))).await?;
        let row = summary.batches.first();
        // The ledger's own figure: somebody may have raised it since the attempt began.
        let max = row.and_then(|row| row.batch.max_cost);
        let used = row.map_or(0, |row| row.spent.0 + row.reserved.0);
        match (max, open.reserved) {
            (Some(max), None) => Err(budget_unkept(open, max)),
            (Some(max), Some(most)) if used + most.0 > max.0 => {
                Err(budget_reached(&open.batch, max))
            }
            (Some(_) | None, _) => self.record_open(open, stop).await,
        }
    }

    async fn record_open(&self, open: &Open, stop: &CancellationToken) -> Result<Opened, Stop> {
        let opened = patiently(stop, || self.ledger.open(open.clone())).await?;
        if opened != Opened::Taken {
            return Ok(opened);
        }
        // The step may have been taken while its answer got lost on the way.
        let records = patiently(stop, || self.ledger.journal(Scope::Call(&open.call))).await?;
        let is_ours = |record: &Record| record.open == *open && record.settle.is_none();
        Ok(if records.iter().any(is_ours) { Opened::First } else { Opened::Taken })
    }

    /// Tells everybody who works for this ledger that a model wants to be left alone.
    pub(super) async fn hold_lane(&self, open: &Open, reason: String, wait: Duration) {
        let for_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        self.tell_of_lane(open, Some(NewBlock { reason, for_ms: Some(for_ms) })).await;
    }

    /// Tells everybody that a model answers again.
    pub(super) async fn free_lane(&self, open: &Open) {
        self.tell_of_lane(open, None).await;
    }

    async fn tell_of_lane(&self, open: &Open, block: Option<NewBlock>) {
        let lane = decide::lane_resource(&open.provider, &open.model_asked);
        let telling = self.ledger.block(&lane, block);
        if !matches!(tokio::time::timeout(TELL_MAX, telling).await, Ok(Ok(()))) {
            tracing::debug!(lane, "the others were not told whether to leave it alone");
        }
    }

    /// The attempts that may still bring an answer to one of these records' questions.
    ///
    /// A job's own calls are asked under its lease, so an unsettled one of another attempt is
    /// lost. A shared call may be in flight in an attempt that still holds its own job.
    pub(super) async fn alive(
        &self,
        call: &Call,
        records: &[Record],
        token: &str,
        stop: &CancellationToken,
    ) -> Result<BTreeSet<String>, Stop> {
        let mut alive = BTreeSet::new();
        if !call.is_shared() {
            return Ok(alive);
        }
        let elsewhere = |record: &&Record| record.settle.is_none() && record.open.attempt != token;
        for Record { open, .. } in records.iter().filter(elsewhere) {
            let filter = Filter::one(&open.job);
            let rows = patiently(stop, || self.ledger.jobs(&filter)).await?;
            let lease = rows.first().and_then(|row| row.job.lease());
            if lease.is_some_and(|lease| lease.token == open.attempt) {
                alive.insert(open.attempt.clone());
            }
        }
        Ok(alive)
    }
}

/// What is said where the money does not last; it names the budget that it was weighed against.
pub fn budget_message(max: MicroUsd) -> String {
    format!("another call could cost more than the budget of {max} USD")
}

fn budget_reached(batch: &str, max: MicroUsd) -> Stop {
    let more = MicroUsd(max.0.saturating_mul(2));
    let hint =
        format!("`tableround run --resume {batch} --max-cost {more}` goes on with twice as much");
    out_of_budget(batch, budget_message(max), hint)
}

/// What cannot be weighed may cost anything.
fn budget_unkept(open: &Open, max: MicroUsd) -> Stop {
    let Open { batch, provider, model_asked, .. } = open;
    let message = format!(
        "the budget of {max} USD cannot be kept: no price is known for {provider}/{model_asked}"
    );
    let hint = format!(
        "set it under [prices.\"{model_asked}\"] in tableround.toml; then \
         `tableround run --resume {batch} --max-cost {max}`"
    );
    out_of_budget(batch, message, hint)
}

fn out_of_budget(batch: &str, message: String, hint: String) -> Stop {
    Stop::Blocked {
        resource: decide::batch_resource(batch),
        error: JobError { code: "budget.reached".to_owned(), message, hint },
        for_ms: None,
    }
}

/// The services that were reached since this process began.
///
/// One that was there and is gone will come back, and nobody's job is charged for the wait. One
/// that was never there may as well be a wrong address, which no patience mends.
#[derive(Debug, Default)]
pub struct Reached(Mutex<BTreeSet<String>>);

impl Reached {
    /// Whether nobody was there for this request, though somebody was before.
    pub(super) fn is_gone<T>(&self, provider: &str, result: &Result<T, provider::Error>) -> bool {
        let mut reached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if result.as_ref().is_err_and(|error| error.unreached) {
            return reached.contains(provider);
        }
        reached.insert(provider.to_owned());
        false
    }
}

/// Single flight: of the attempts in this process that ask one shared question, one at a time.
#[derive(Debug, Default)]
pub struct Flights(Mutex<HashMap<Call, Weak<tokio::sync::Mutex<()>>>>);

impl Flights {
    /// Waits until nobody here asks this question. A job's own calls never wait.
    pub(super) async fn join(&self, call: &Call) -> Option<tokio::sync::OwnedMutexGuard<()>> {
        if !call.is_shared() {
            return None;
        }
        let flight = {
            let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            flights.retain(|_, flight| flight.strong_count() > 0);
            let known = flights.get(call).and_then(Weak::upgrade);
            let flight = known.unwrap_or_default();
            flights.insert(call.clone(), Arc::downgrade(&flight));
            flight
        };
        Some(flight.lock_owned().await)
    }
}
