//! The one way to a paid call: seen before → its answer; else open, ask, settle.
//!
//! Implements [`Ask`] for one attempt at a job. What was answered once is never asked again, by
//! whomever and however late the answer came; what may have left and never came back is `lost`
//! and asked under a new number.

mod delivery;
mod desk;
mod headway;
mod hold;
mod patience;
mod settling;
mod spool;

pub use self::delivery::{Emptied, Undelivered};
pub use self::desk::{Desk, Flights, Reached, budget_message};
pub use self::headway::Headway;
pub use self::hold::Hold;
pub use self::patience::{GaveUp, Passing, patiently};
pub use self::spool::{Parcel, Spool};

use self::patience::random;
use self::settling::{Ending, settle_of};
use crate::discussion::{Answer, Ask, Asked, ModelKind, Question, Stop};
use crate::domain::call::{self, Call, Next, Open, Outcome, Record, Settle};
use crate::domain::cost::MicroUsd;
use crate::domain::event::{Event, EventKind};
use crate::domain::job::{Job, JobError, Progress};
use crate::domain::models::ModelRef;
use crate::domain::retry;
use crate::domain::spec::Spec;
use crate::failpoint;
use crate::ledger::{Opened, Scope, Settled};
use crate::prompt::reading::Unreadable;
use crate::provider;
use crate::provider::error::{Remedy, remedy};
use crate::provider::price::Prices;
use bytes::Bytes;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// How often somebody who waits for a model asks whether it may be asked again: the pause may be
/// over early.
const HELD_POLL: Duration = Duration::from_secs(1);
/// How often to look whether a call that another worker asks has come back.
const FLIGHT_POLL: Duration = Duration::from_millis(250);

/// A shared call whose answer this job used without asking.
pub type SharedUse = Call;

/// What an attempt starts from.
#[derive(Debug)]
pub struct Start<'a> {
    pub job: &'a Job,
    pub spec: &'a Spec,
    /// What the whole batch may cost.
    pub max_cost: Option<MicroUsd>,
    /// What its calls cost.
    pub prices: Arc<Prices>,
    /// The lease token.
    pub token: String,
    /// Answers that the discussion needs.
    pub expected: u32,
    /// Ends the attempt: shutdown, lost lease, cancel.
    pub stop: CancellationToken,
    /// What says that the lease is still ours.
    pub hold: &'a Hold,
    /// Where the attempt tells how far it has come.
    pub headway: &'a Headway,
}

/// The journal for one attempt.
#[derive(Debug)]
pub struct Attempt<'a> {
    desk: &'a Desk,
    job: &'a Job,
    spec: &'a Spec,
    max_cost: Option<MicroUsd>,
    prices: Arc<Prices>,
    /// The lease token.
    token: String,
    /// Ends the attempt: shutdown, lost lease, cancel.
    stop: CancellationToken,
    hold: &'a Hold,
    headway: &'a Headway,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The job's own records, by question.
    known: HashMap<Call, Vec<Record>>,
    /// Questions this attempt has written about: their records are read anew.
    dirty: HashSet<Call>,
    shared: Vec<SharedUse>,
}

impl<'a> Attempt<'a> {
    /// Reads what the journal knows of the job.
    pub async fn resume(desk: &'a Desk, start: Start<'a>) -> Result<Self, Stop> {
        let Start { job, spec, max_cost, prices, token, expected, stop, hold, headway } = start;
        let records = patiently(&stop, || desk.ledger.journal(Scope::Job(&job.id))).await?;
        let mut state = State::default();
        let mut cost = MicroUsd(0);
        for record in records {
            let settle = record.settle.as_ref();
            cost += settle.and_then(|settle| settle.cost).unwrap_or_default();
            if !record.open.call.is_shared() {
                state.known.entry(record.open.call.clone()).or_default().push(record);
            }
        }
        headway.set(Progress { expected, ..Progress::default() }, cost);
        let state = Mutex::new(state);
        Ok(Self { desk, job, spec, max_cost, prices, token, stop, hold, headway, state })
    }

    /// The shared calls whose answers were used without asking.
    pub fn shared(&self) -> Vec<SharedUse> {
        self.state().shared.clone()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn model(&self, kind: ModelKind) -> Result<&ModelRef, Stop> {
        let models = &self.spec.models;
        match kind {
            ModelKind::Vision => Ok(&models.vision),
            ModelKind::Chat => Ok(&models.chat),
            ModelKind::Image => {
                models.image.as_ref().ok_or_else(|| Stop::internal("no image model is set"))
            }
        }
    }

    /// The record that closes the question: found or newly made.
    async fn close<R>(
        &self,
        call: &Call,
        question: &Question,
        sha256: &str,
        read: R,
    ) -> Result<Record, Stop>
    where
        R: Fn(&Answer) -> Result<(), Unreadable> + Send + Sync,
    {
        let mut tries = 0;
        loop {
            if self.stop.is_cancelled() {
                return Err(Stop::Interrupted);
            }
            if !self.hold.is_sure() {
                // Somebody else may be asking by now; the next renewal tells.
                self.pause(FLIGHT_POLL).await?;
                continue;
            }
            let records = self.records(call).await?;
            let alive = self.desk.alive(call, &records, &self.token, &self.stop).await?;
            match call::next(&records, sha256, |open| alive.contains(&open.attempt)) {
                Next::Known(record) => return Ok(*record),
                Next::Drift => return Err(Stop::Die(drift(call))),
                Next::InFlight => self.pause(FLIGHT_POLL).await?,
                Next::Try(number) => {
                    tries += 1;
                    match self.attempt(call, number, tries, question, sha256, &read).await? {
                        Ending::Closed(record) => return Ok(*record),
                        Ending::Again(delay) => self.pause(delay).await?,
                        Ending::Held => tries -= 1,
                    }
                }
            }
        }
    }

    /// One request: permit, open, ask, settle.
    async fn attempt<R>(
        &self,
        call: &Call,
        number: u32,
        tries: u32,
        question: &Question,
        sha256: &str,
        read: R,
    ) -> Result<Ending, Stop>
    where
        R: Fn(&Answer) -> Result<(), Unreadable> + Send + Sync,
    {
        let model = self.model(question.model)?;
        let client = self
            .desk
            .services
            .client(&model.endpoint, &self.prices)
            .map_err(|error| settling::stop_of(&error, &model.endpoint.provider, false))?;
        let lane = format!("{}/{}", model.endpoint.provider, model.model);
        let permit = tokio::select! {
            permit = self.desk.gate.permit(&lane) => permit,
            () = self.stop.cancelled() => return Err(Stop::Interrupted),
        };
        let open = self.open_of(call, number, sha256, model, &question.request);
        let opened = self.desk.open(&open, self.max_cost.is_some(), &self.stop).await?;
        match opened {
            Opened::First | Opened::Probe => {}
            Opened::Taken => {
                self.forget(call);
                return Ok(Ending::Again(Duration::ZERO));
            }
            Opened::Held { for_ms } => return self.held(&lane, model, for_ms),
        }
        failpoint::reach("after_open");
        failpoint::poison(&self.job.source, &call.stage);
        let said = AtomicU64::new(0);
        let is_prose = is_prose(&question.request);
        let on_delta = |text: &str| {
            if is_prose {
                let offset = said.fetch_add(text.chars().count() as u64, Ordering::Relaxed);
                self.desk.delta(self.job, call, offset, text);
            }
        };
        let asking = client.ask(&question.request, &on_delta);
        let (result, ms) = self.desk.timed(&self.stop, asking).await?;
        failpoint::reach("after_answer");
        let is_gone = self.desk.reached.is_gone(&open.provider, &result);
        permit
            .report(result.as_ref().map(|_| ()).map_err(|error| (error.class, error.retry_after)));
        let delay = result.as_ref().err().and_then(|error| match remedy(error.class) {
            Remedy::TryAgain | Remedy::Wait => {
                retry::call_delay(tries, random(), error.retry_after)
            }
            Remedy::PerSeat | Remedy::StopJob | Remedy::StopProvider => None,
        });
        // What a reply says about its model concerns everybody who asks it, on whatever machine.
        if let Some((reason, wait)) = settling::pause_of(&result, delay.is_some(), is_gone) {
            self.desk.hold_lane(&open, reason, wait).await;
        } else if opened == Opened::Probe && settling::answers(&result) {
            self.desk.free_lane(&open).await;
        }
        let settle = settle_of(&result, &read, delay.is_some(), ms);
        let record = self.settle(open, settle, settling::images_of(&result)).await?;
        if record.settle.as_ref().is_some_and(|settle| settle.outcome.is_final()) {
            return Ok(Ending::Closed(Box::new(record)));
        }
        match (delay, result) {
            (Some(delay), _) => Ok(Ending::Again(delay)),
            (None, Err(error)) => Err(settling::stop_of(&error, &model.endpoint.provider, is_gone)),
            (None, Ok(_)) => Err(Stop::internal("an answer did not close its question")),
        }
    }

    /// Brings an answer to the ledger; the record that counts.
    async fn settle(&self, open: Open, settle: Settle, images: Vec<Bytes>) -> Result<Record, Stop> {
        let parcel = Parcel { open: open.clone(), settle: settle.clone(), images };
        let settled = self.desk.settle(parcel).await?;
        failpoint::reach("after_settle");
        settling::tell(&open, &settle, &settled);
        self.headway.change(|_, cost| *cost += settle.cost.unwrap_or_default());
        self.forget(&open.call);
        Ok(match settled {
            Settled::First => Record { open, opened_at: 0, settle: Some(settle), duplicate: false },
            Settled::Duplicate(first) => *first,
        })
    }

    /// Somebody was told to leave the model alone: nobody here asks it meanwhile.
    fn held(&self, lane: &str, model: &ModelRef, for_ms: u64) -> Result<Ending, Stop> {
        let wait = Duration::from_millis(for_ms);
        if wait > retry::CALL_WAIT_MAX {
            return Err(settling::held(&model.endpoint.provider, &model.model, wait));
        }
        self.desk.gate.close(lane, wait.min(HELD_POLL));
        Ok(Ending::Held)
    }

    fn open_of(
        &self,
        call: &Call,
        number: u32,
        sha256: &str,
        model: &ModelRef,
        request: &provider::Request,
    ) -> Open {
        let provider = &model.endpoint.provider;
        Open {
            call: call.clone(),
            r#try: number,
            request_sha256: sha256.to_owned(),
            batch: self.job.batch.clone(),
            job: self.job.id.clone(),
            worker: self.desk.worker.clone(),
            attempt: self.token.clone(),
            provider: provider.clone(),
            model_asked: model.model.clone(),
            reserved: self.prices.reserve(provider, request),
        }
    }

    /// The question's records: the job's own are read once an attempt, shared ones every time.
    async fn records(&self, call: &Call) -> Result<Vec<Record>, Stop> {
        {
            let state = self.state();
            if !call.is_shared() && !state.dirty.contains(call) {
                return Ok(state.known.get(call).cloned().unwrap_or_default());
            }
        }
        Ok(patiently(&self.stop, || self.desk.ledger.journal(Scope::Call(call))).await?)
    }

    /// What was known of a question is out of date.
    fn forget(&self, call: &Call) {
        self.state().dirty.insert(call.clone());
    }

    async fn pause(&self, delay: Duration) -> Result<(), Stop> {
        tokio::select! {
            () = tokio::time::sleep(delay) => Ok(()),
            () = self.stop.cancelled() => Err(Stop::Interrupted),
        }
    }

    fn note_progress(&self, question: &Question) {
        self.headway.change(|progress, _| {
            progress.stage.clone_from(&question.stage);
            progress.seat.clone_from(&question.seat);
        });
    }

    fn note_answer(&self, question: &Question, call: &Call, record: &Record) {
        if question.ask == 1 {
            self.headway.change(|progress, _| progress.done += 1);
        }
        if call.is_shared() && record.open.job != self.job.id {
            self.state().shared.push(call.clone());
        }
    }
}

impl Ask for Attempt<'_> {
    async fn ask<T: Send, R>(&self, question: Question, read: R) -> Result<Asked<T>, Stop>
    where
        R: Fn(&Answer) -> Result<T, Unreadable> + Send + Sync,
    {
        self.note_progress(&question);
        let sha256 = question.request.sha256();
        let call = Call {
            scope: if question.shared { format!("shared:{sha256}") } else { self.job.id.clone() },
            stage: question.stage.clone(),
            round: question.round,
            seat: question.seat.clone(),
            ask: question.ask,
        };
        let _flight = self.desk.flights.join(&call).await;
        let readable = |answer: &Answer| read(answer).map(|_| ());
        let span = tracing::error_span!("call", call = %call.path());
        let record = self.close(&call, &question, &sha256, readable).instrument(span).await?;
        self.note_answer(&question, &call, &record);
        let settle = record.settle.ok_or_else(|| Stop::internal("a closed call without an end"))?;
        let answer =
            Answer { text: settle.text, truncated: settle.truncated, images: settle.images };
        Ok(match settle.outcome {
            Outcome::Declined { class, message: _ } => Asked::Declined(class),
            // An answer is read again on every replay: reading is a pure function.
            Outcome::Answered | Outcome::Unreadable { .. } => match read(&answer) {
                Ok(value) => Asked::Answer(value),
                Err(why) => Asked::Unreadable(why),
            },
            Outcome::Failed { .. } => return Err(Stop::internal("a failed call was closed")),
        })
    }

    fn tell(&self, event: EventKind, stage: &str, round: u32, seat: &str, text: &str) {
        self.desk.tell(Event {
            seq: 0,
            at: 0,
            batch: self.job.batch.clone(),
            job: self.job.id.clone(),
            event,
            stage: stage.to_owned(),
            round,
            seat: seat.to_owned(),
            offset: 0,
            text: text.to_owned(),
        });
    }
}

/// Whether the answer is words for people, and not an object for programs.
fn is_prose(request: &provider::Request) -> bool {
    match request {
        provider::Request::Chat(chat) => chat.schema.is_none(),
        provider::Request::Image(_) => false,
    }
}

fn drift(call: &Call) -> JobError {
    JobError {
        code: "job.drift".to_owned(),
        message: format!("call {} would now send another request than it did before", call.path()),
        hint: "the program changed under a running batch: finish it with the version that \
               started it, or enqueue again with --again"
            .to_owned(),
    }
}
