//! What the attempts of one worker share: ledger, blobs, services, gate, flights, watchers.

use crate::blobs::{self, Blobs};
use crate::discussion::Stop;
use crate::domain::call::{Call, Open, Record, Settle};
use crate::domain::cost::MicroUsd;
use crate::domain::event::{Event, EventKind};
use crate::domain::job::{Job, JobError};
use crate::ledger::{self, Filter, Ledger, Opened, Settled};
use crate::provider::gate::Gate;
use crate::provider::services::Services;
use bytes::Bytes;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

/// How often a settle is written again while the ledger does not answer.
const SETTLE_PAUSE: Duration = Duration::from_millis(500);

/// The writing desk of one worker.
#[derive(Debug)]
pub struct Desk {
    pub ledger: Arc<dyn Ledger>,
    pub blobs: Blobs,
    pub services: Services,
    pub gate: Arc<Gate>,
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

    pub(super) fn tell(&self, event: Event) {
        // Nobody listening is no reason to stop working.
        self.events.send(event).ok();
    }

    /// A piece of an answer as it streams.
    pub(super) fn delta(&self, job: &Job, call: &Call, text: &str) {
        self.tell(Event {
            seq: 0,
            at: 0,
            batch: job.batch.clone(),
            job: job.id.clone(),
            event: EventKind::Delta,
            stage: call.stage.clone(),
            round: call.round,
            seat: call.seat.clone(),
            offset: 0,
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
        max_cost: Option<MicroUsd>,
    ) -> Result<Opened, Stop> {
        let Some(max) = max_cost else {
            return self.ledger.open(open.clone()).await.map_err(|error| away(&error));
        };
        // One at a time: what one call reserves, the next one sees.
        let _turn = self.budget.lock().await;
        let summary = self.ledger.summary(Some(&open.batch)).await.map_err(|error| away(&error))?;
        let used = summary.batches.first().map_or(0, |row| row.spent.0 + row.reserved.0);
        if used + open.reserved.unwrap_or_default().0 > max.0 {
            return Err(Stop::Blocked {
                resource: format!("batch:{}", open.batch),
                error: JobError {
                    code: "budget.reached".to_owned(),
                    message: format!("another call could cost more than the budget of {max} USD"),
                    hint: format!(
                        "enqueue the rest with a larger --max-cost; batch {} keeps what it has",
                        open.batch
                    ),
                },
                for_ms: None,
            });
        }
        self.ledger.open(open.clone()).await.map_err(|error| away(&error))
    }

    /// Writes a settle, whatever it takes: an answer is paid for.
    pub(super) async fn settle(
        &self,
        call: &Call,
        number: u32,
        settle: &Settle,
    ) -> Result<Settled, Stop> {
        loop {
            match self.ledger.settle(call, number, settle.clone()).await {
                Ok(settled) => return Ok(settled),
                Err(error) => {
                    tracing::warn!(call = %call.path(), %error, "the ledger did not take an answer");
                    tokio::select! {
                        () = tokio::time::sleep(SETTLE_PAUSE) => {}
                        () = self.hang_up.cancelled() => return Err(away(&error)),
                    }
                }
            }
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
    ) -> Result<BTreeSet<String>, Stop> {
        let mut alive = BTreeSet::new();
        if !call.is_shared() {
            return Ok(alive);
        }
        let elsewhere = |record: &&Record| record.settle.is_none() && record.open.attempt != token;
        for Record { open, .. } in records.iter().filter(elsewhere) {
            let filter = Filter { job: Some(open.job.clone()), limit: 1, ..Filter::default() };
            let rows = self.ledger.jobs(&filter).await.map_err(|error| away(&error))?;
            let lease = rows.first().and_then(|row| row.job.lease());
            if lease.is_some_and(|lease| lease.token == open.attempt) {
                alive.insert(open.attempt.clone());
            }
        }
        Ok(alive)
    }
}

/// The ledger did not answer: the attempt is given back, charged to nobody.
pub(super) fn away(error: &ledger::Error) -> Stop {
    tracing::error!(%error, "the ledger is away");
    Stop::Interrupted
}

/// An answer could not be kept: a full disk, say. Another attempt may do better.
pub(super) fn lost(error: &blobs::Error) -> Stop {
    Stop::Retry(JobError {
        code: "internal".to_owned(),
        message: format!("an image could not be kept: {error}"),
        hint: "make room under the data folder, then `tableround jobs retry`".to_owned(),
    })
}

/// Random bits for jitter.
pub(super) fn random() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX / 2)
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
