//! How jobs run: claim → prepare picture → run discussion → commit result → write folder.
//!
//! apalis runs the ticket handlers; a ticket only says that a free slot may ask. The handler spawns
//! a task that asks the ledger for the best job and holds it to its end, so that nothing that
//! happens to the queue can cut a running discussion off. It always answers `Ok`: retries are the ledger's.

pub mod attempt;
pub mod collect;
mod ending;
mod heart;
mod lease;
pub mod pictures;
mod shutdown;
pub mod solo;
pub mod store;

pub use self::shutdown::Shutdown;

use self::attempt::Running;
use self::store::Frozen;
use crate::discussion::Stop;
use crate::domain::job::Job;
use crate::journal::{Desk, GaveUp, patiently};
use crate::ledger::{BatchSummary, Beat, Block, Error, Summary, decide, is_over};
use crate::provider::services;
use crate::queue::{Bell, Hands, Tickets, local};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, Semaphore};
use tokio::task::block_in_place;
use tokio_util::task::TaskTracker;

/// How long a lease lasts without renewal.
pub const LEASE: Duration = Duration::from_secs(10);
/// How often an idle worker asks on its own: the net under the bell.
const POLL: Duration = Duration::from_secs(1);

/// How long the ledger may take to hear a worker's goodbye.
const GOODBYE_MAX: Duration = Duration::from_secs(2);

/// How a worker works.
#[derive(Debug, Clone)]
pub struct Options {
    /// Discussions held at once.
    pub slots: usize,
    /// Work on this batch only.
    pub only: Option<String>,
    /// End when nothing is left.
    pub drain: bool,
    /// With `drain`: end too when all that is left is blocked or waiting longer than this.
    pub max_wait: Duration,
    /// End after so many jobs.
    pub max_jobs: Option<u64>,
    /// Where finished jobs' folders are written; none: they are not.
    pub exports: Option<PathBuf>,
    pub lease: Duration,
    /// An attempt that gets no further for so long is given up, and runs solo next.
    pub deadline: Duration,
    /// How a suspect is run apart from everything else; none: this process is apart already.
    pub solo: Option<solo::Solo>,
}

/// Why a worker ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Nothing is left to do.
    Drained,
    /// All that is left is held up for too long; the blocks that do it.
    Blocked(Vec<Block>),
    /// So many jobs were asked for, and so many were done.
    MaxJobs,
    /// A signal.
    Stopped,
}

/// One worker process.
#[derive(Debug)]
pub struct Worker {
    pub desk: Desk,
    options: Options,
    beat: Beat,
    slots: Arc<Semaphore>,
    attempts: TaskTracker,
    running: Mutex<BTreeMap<String, Arc<Running>>>,
    shutdown: Shutdown,
    heart: heart::Heart,
    /// The batches worked on.
    batches: tokio::sync::Mutex<BTreeMap<String, Arc<Frozen>>>,
    /// Rung when a slot became free or jobs were added.
    changed: Notify,
    claimed: std::sync::atomic::AtomicU64,
    bell: Bell,
    tickets: Tickets,
}

impl Worker {
    /// A worker that is ready to run, with tickets inside this process.
    pub fn new(desk: Desk, options: Options, beat: Beat, shutdown: Shutdown) -> Arc<Self> {
        let (bell, tickets) = local::tickets(options.slots.saturating_mul(2));
        let carrier = (Bell::Local(bell), Tickets::Local(tickets));
        Self::with_tickets(desk, options, beat, shutdown, carrier)
    }

    /// The same with tickets that somebody else carries.
    pub fn with_tickets(
        desk: Desk,
        options: Options,
        beat: Beat,
        shutdown: Shutdown,
        (bell, tickets): (Bell, Tickets),
    ) -> Arc<Self> {
        Arc::new(Self {
            slots: Arc::new(Semaphore::new(options.slots)),
            desk,
            options,
            beat,
            attempts: TaskTracker::new(),
            running: Mutex::default(),
            shutdown,
            heart: heart::Heart::start(),
            batches: tokio::sync::Mutex::default(),
            changed: Notify::new(),
            claimed: std::sync::atomic::AtomicU64::new(0),
            bell,
            tickets,
        })
    }

    /// Works until there is nothing left (with `drain`) or a signal comes.
    pub async fn run(self: Arc<Self>) -> Result<Ended, Error> {
        if self.open_up().await?.is_break() {
            return Ok(Ended::Stopped);
        }
        let heart = self.heart.spawn(lease::beat(Arc::clone(&self)));
        let ear = self.heart.spawn(lease::heed_cancels(Arc::clone(&self)));
        let monitor = tokio::spawn(self.tickets.clone().serve(self.hands()));
        let ended = self.oversee().await;
        self.shutdown.stop.cancel();
        self.attempts.close();
        self.attempts.wait().await;
        if let Err(error) = monitor.await {
            tracing::error!(%error, "the queue's monitor failed");
        }
        heart.abort();
        ear.abort();
        self.say_goodbye().await;
        Ok(ended)
    }

    /// Before anything is claimed: answers that wait in the spool are brought in, so that none of
    /// them is asked for again, and the jobs of the dead are free. Waits while the ledger is away.
    async fn open_up(&self) -> Result<ControlFlow<()>, Error> {
        let stop = &self.shutdown.stop;
        match patiently(stop, || self.desk.empty_spool()).await {
            Ok(emptied) if emptied.foreign > 0 => {
                let folder = self.desk.spool.folder().display();
                let count = emptied.foreign;
                tracing::warn!("{count} answers in {folder} belong to another ledger; left alone");
            }
            Ok(_) => {}
            Err(GaveUp::Stopped) => return Ok(ControlFlow::Break(())),
            Err(GaveUp::For(error)) => tracing::error!(%error, "the spool could not be emptied"),
        }
        match patiently(stop, || self.bury_the_dead()).await {
            Ok(_) => Ok(ControlFlow::Continue(())),
            Err(GaveUp::Stopped) => Ok(ControlFlow::Break(())),
            Err(GaveUp::For(error)) => Err(error),
        }
    }

    async fn say_goodbye(&self) {
        let last = Beat { last: true, ..self.beat.clone() };
        let goodbye = self.desk.ledger.sweep(&last, self.lease_ms());
        match tokio::time::timeout(GOODBYE_MAX, goodbye).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => note(&error, "the ledger did not hear the goodbye"),
            Err(_) => tracing::warn!("the ledger did not hear the goodbye"),
        }
    }

    /// What the queue does with a ticket of this worker.
    fn hands(self: &Arc<Self>) -> Hands {
        let worker = Arc::clone(self);
        Hands {
            name: self.beat.worker.clone(),
            slots: self.options.slots,
            stop: self.shutdown.stop.clone(),
            take: Arc::new(move || {
                // A task of its own: the queue may drop a handler at any moment, in the middle of
                // a claim too.
                let taking = worker.attempts.spawn(Arc::clone(&worker).take());
                Box::pin(async move {
                    if let Err(error) = taking.await {
                        tracing::error!(%error, "an attempt was cut off");
                    }
                })
            }),
        }
    }

    /// One ticket: a free slot asks the ledger for the best job and holds it to its end.
    async fn take(self: Arc<Self>) {
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else { return };
        if self.shutdown.stop.is_cancelled() || self.has_claimed_enough() {
            return;
        }
        let can_serve = self.desk.services.can_serve();
        let only = self.options.only.as_deref();
        let claim =
            self.desk.ledger.claim_next(&self.desk.worker, &can_serve, only, self.lease_ms());
        match claim.await {
            Ok(Some(job)) => {
                self.claimed.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                // Where one job was there may be more.
                self.changed.notify_one();
                attempt::attempt(&self, job).await;
                drop(slot);
                self.changed.notify_one();
            }
            Ok(None) => {}
            Err(error) => note(&error, "the ledger gave no job"),
        }
    }

    /// Rings the bell while there may be work, and decides when to end.
    async fn oversee(&self) -> Ended {
        let mut tickets = self.options.slots;
        loop {
            self.bell.ring(tickets.min(self.slots.available_permits()));
            tickets = tokio::select! {
                () = self.shutdown.stop.cancelled() => return Ended::Stopped,
                () = self.changed.notified() => self.options.slots,
                () = self.bell.rung() => self.options.slots,
                // One slot asks; if it gets a job, the others follow.
                () = tokio::time::sleep(POLL) => 1,
            };
            let idle = self.slots.available_permits() == self.options.slots;
            if idle && self.has_claimed_enough() {
                return Ended::MaxJobs;
            }
            if idle && self.options.drain {
                match self.desk.ledger.summary(self.options.only.as_deref()).await {
                    Ok(summary) => {
                        if let Some(ended) = self.nothing_left(&summary) {
                            return ended;
                        }
                    }
                    Err(error) => note(&error, "what is left cannot be told"),
                }
            }
        }
    }

    fn has_claimed_enough(&self) -> bool {
        let claimed = self.claimed.load(std::sync::atomic::Ordering::Relaxed);
        self.options.max_jobs.is_some_and(|max| claimed >= max)
    }

    /// Whether a draining worker may end: nothing left, or nothing that comes free in time.
    fn nothing_left(&self, summary: &Summary) -> Option<Ended> {
        let pending: Vec<&BatchSummary> =
            summary.batches.iter().filter(|batch| !is_over(batch)).collect();
        if pending.is_empty() {
            return Some(Ended::Drained);
        }
        let patience = i64::try_from(self.options.max_wait.as_millis()).unwrap_or(i64::MAX);
        let too_long = |block: &&Block| {
            block.until.is_none_or(|until| until > summary.now.saturating_add(patience))
        };
        let holding = |batch: &BatchSummary| -> Option<Vec<Block>> {
            let holds = |block: &&Block| decide::holds_up(block, &batch.batch);
            let missing = self.missing_keys(batch);
            let blocks: Vec<Block> = missing
                .chain(summary.blocks.iter().filter(holds).filter(too_long).cloned())
                .collect();
            (!blocks.is_empty()).then_some(blocks)
        };
        let held: Option<Vec<Vec<Block>>> = pending.into_iter().map(holding).collect();
        held.map(|blocks| Ended::Blocked(blocks.concat()))
    }

    /// The keys that a batch needs and this process has not: for this worker, as good as blocks.
    fn missing_keys(&self, batch: &BatchSummary) -> impl Iterator<Item = Block> {
        let has = self.desk.services.can_serve();
        let keys = batch.batch.resources.clone().into_iter();
        keys.filter(move |resource| !has.contains(resource)).filter_map(|resource| {
            let name = resource.strip_prefix(services::KEY)?;
            let reason = format!(
                "auth.key_missing: {name} is not set here (set it in the environment or in .env)"
            );
            Some(Block { resource, reason, until: None })
        })
    }

    /// Works on one job that somebody else has claimed, and on nothing else: a solo attempt.
    pub async fn run_one(self: Arc<Self>, job: Job) -> Result<(), Error> {
        let heart = self.heart.spawn(lease::beat(Arc::clone(&self)));
        attempt::attempt(&self, job).await;
        heart.abort();
        self.say_goodbye().await;
        Ok(())
    }

    /// Workers of this machine whose process is gone will not come back: their jobs are free, and
    /// this is how many.
    async fn bury_the_dead(&self) -> Result<usize, Error> {
        let mut freed = 0;
        let summary = self.desk.ledger.summary(Some("")).await?;
        for row in summary.workers {
            let here = row.beat.host == self.beat.host && row.beat.worker != self.beat.worker;
            if here && !lease::process_lives(row.beat.pid) {
                let last = Beat { last: true, ..row.beat };
                freed += self.desk.ledger.sweep(&last, self.lease_ms()).await?.len();
            }
        }
        Ok(freed)
    }

    /// A batch with its frozen spec, and with its limits as they are now: they may be raised while
    /// it is worked on.
    async fn batch(&self, name: &str) -> Result<Arc<Frozen>, Stop> {
        let stop = &self.shutdown.hang_up;
        let summary = patiently(stop, || self.desk.ledger.summary(Some(name))).await?;
        let row = summary.batches.into_iter().next();
        let row = row.ok_or_else(|| Stop::internal(format!("there is no batch `{name}`")))?;
        let mut batches = self.batches.lock().await;
        if let Some(known) = batches.get(name).filter(|known| known.batch == row.batch) {
            return Ok(Arc::clone(known));
        }
        let reading = patiently(stop, || async {
            block_in_place(|| Frozen::read(row.batch.clone(), &self.desk.blobs))
        });
        let frozen = Arc::new(reading.await.map_err(|gave_up| match gave_up {
            GaveUp::Stopped => Stop::Interrupted,
            GaveUp::For(error) => Stop::internal(error),
        })?);
        batches.insert(name.to_owned(), Arc::clone(&frozen));
        Ok(frozen)
    }

    fn lock_running(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<Running>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lease_ms(&self) -> u32 {
        u32::try_from(self.options.lease.as_millis()).unwrap_or(u32::MAX)
    }

    /// What is running now, for people watching.
    pub fn running(&self) -> Vec<Sight> {
        self.lock_running().values().map(|running| running.sight()).collect()
    }
}

/// Tells of a failure of the ledger. That it is away it has told itself, once.
fn note(error: &Error, what: &str) {
    match error {
        Error::Away { .. } => tracing::debug!(%error, "{what}"),
        Error::Unreachable { .. }
        | Error::Newer { .. }
        | Error::NoSuchJob(_)
        | Error::OtherSpec { .. }
        | Error::Store(_)
        | Error::Corrupt(_) => tracing::warn!(%error, "{what}"),
    }
}

/// A running job as one sees it.
#[derive(Debug, Clone)]
pub struct Sight {
    pub job: String,
    /// The picture's name, as the user gave it.
    pub source: String,
    pub progress: crate::domain::job::Progress,
    pub started: Instant,
}
