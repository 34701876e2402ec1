//! A worker at work in this process: its events, its signals, what is seen of it.

use super::errors::CliError;
use super::exit::ExitCode;
use super::pump::Pump;
use super::snapshot;
use crate::blobs::Blobs;
use crate::domain::event::Event;
use crate::domain::job::Job;
use crate::journal::{Desk, Flights, Reached, Spool};
use crate::ledger::{self, Beat, Error, Ledger};
use crate::provider::gate::Gate;
use crate::provider::services::Services;
use crate::queue::{Bell, Tickets, redis};
use crate::redis_server::Server;
use crate::watch::Words;
use crate::worker::{Ended, Options, Shutdown, Worker};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_util::sync::CancellationToken;

/// How long running calls may go on after the first signal, without and with a person watching.
const GRACE: Duration = Duration::from_secs(8);
const GRACE_WATCHED: Duration = Duration::from_secs(30);

/// Where everything is kept.
#[derive(Debug, Clone)]
pub struct Home {
    pub ledger: Arc<dyn Ledger>,
    pub blobs: Blobs,
    /// Where answers wait while the ledger is away.
    pub spool: Spool,
    /// Where tickets travel between machines: a Redis and the queue's name there.
    pub carrier: Option<(Server, String)>,
}

/// A worker that has not started yet.
#[derive(Debug)]
pub struct Session {
    pub worker: Arc<Worker>,
    pub shutdown: Shutdown,
    /// What is said at its tables.
    pub words: Arc<Words>,
    slots: usize,
    events: UnboundedReceiver<Event>,
    carries_words: bool,
}

/// Makes a worker for this process.
pub async fn session(
    home: &Home,
    services: Services,
    max_calls: usize,
    options: Options,
) -> Result<Session, CliError> {
    let (sender, events) = unbounded_channel();
    let slots = options.slots;
    let shutdown = Shutdown::default();
    let beat = Beat {
        worker: worker_name(),
        host: machine(),
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        slots: u32::try_from(options.slots).unwrap_or(u32::MAX),
        busy: 0,
        keys: services.can_serve(),
        last: false,
    };
    let desk = Desk {
        ledger: Arc::clone(&home.ledger),
        blobs: home.blobs.clone(),
        spool: home.spool.clone(),
        services,
        gate: Arc::new(Gate::new(max_calls)),
        reached: Reached::default(),
        worker: beat.worker.clone(),
        flights: Flights::default(),
        budget: tokio::sync::Mutex::default(),
        events: sender,
        hang_up: shutdown.hang_up.clone(),
    };
    let worker = match &home.carrier {
        None => Worker::new(desk, options, beat, shutdown.clone()),
        Some((server, queue)) => {
            let bell = ledger::bell(queue);
            let ends = redis::tickets(server, queue, bell, options.slots).await;
            let (bell, tickets) = ends.map_err(|error| {
                CliError::of("ledger.unreachable", ExitCode::Unreachable, &error)
            })?;
            let carrier = (Bell::Redis(bell), Tickets::Redis(tickets));
            Worker::with_tickets(desk, options, beat, shutdown.clone(), carrier)
        }
    };
    // Tickets and words travel the same way: through a Redis.
    let carries_words = home.carrier.is_some();
    let words = Arc::default();
    Ok(Session { worker, shutdown, words, slots, events, carries_words })
}

impl Session {
    fn pump(&self) -> Pump {
        Pump {
            ledger: Arc::clone(&self.worker.desk.ledger),
            carries_words: self.carries_words,
            words: Arc::clone(&self.words),
        }
    }

    /// Works on one job that a parent has claimed.
    pub async fn work_on(self, job: Job) -> Result<(), Error> {
        let over = CancellationToken::new();
        let pump = self.pump();
        let pump = tokio::spawn(pump.run(self.events, over.clone()));
        let signals = tokio::spawn(told(self.shutdown));
        let ended = Arc::clone(&self.worker).run_one(job).await;
        signals.abort();
        over.cancel();
        tokio::time::timeout(Duration::from_secs(2), pump).await.ok();
        ended
    }

    /// Works to the end. `say` is for what a person must be told on the way; `watched`: a
    /// terminal is attached, so that running calls get more patience.
    pub async fn work(
        self,
        watched: bool,
        say: impl Fn(&str) + Send + Sync + Clone + 'static,
        leave: impl Fn() + Send + 'static,
    ) -> Result<Ended, Error> {
        let over = CancellationToken::new();
        let pump = self.pump();
        let pump = tokio::spawn(pump.run(self.events, over.clone()));
        let snapshots =
            tokio::spawn(snapshot::answer(Arc::clone(&self.worker), self.slots, say.clone()));
        let signals = tokio::spawn(signals(self.shutdown, watched, say, leave));
        let ended = Arc::clone(&self.worker).run().await;
        signals.abort();
        snapshots.abort();
        // Others may still look at the worker and so hold its end open; what was said is written.
        over.cancel();
        tokio::time::timeout(Duration::from_secs(2), pump).await.ok();
        ended
    }
}

/// First signal: stop softly. Second: hang up. Third: leave. Each says what the next does.
async fn signals(
    shutdown: Shutdown,
    watched: bool,
    say: impl Fn(&str) + Send,
    leave: impl Fn() + Send,
) {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    let mut next = async || {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    next().await;
    let grace = if watched { GRACE_WATCHED } else { GRACE };
    shutdown.stop.cancel();
    say(&format!(
        "stopping: no new call; running calls have {} s. Again: hang up now and give the jobs back",
        grace.as_secs()
    ));
    tokio::select! {
        () = next() => say("hanging up: jobs go back to the queue. Again: leave at once"),
        () = tokio::time::sleep(grace) => {
            say("hanging up: running calls took too long; jobs go back to the queue");
        }
    }
    shutdown.hang_up.cancel();
    next().await;
    leave();
}

/// A parent says it: first no new call, then hang up. Patience is the parent's.
async fn told(shutdown: Shutdown) {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    for step in [shutdown.stop, shutdown.hang_up] {
        terminate.recv().await;
        step.cancel();
    }
}

/// A name that is new for every start, so that nobody takes this process for an older one.
fn worker_name() -> String {
    let random = getrandom::u32().unwrap_or_default();
    format!("{}-{}-{random:08x}", host(), std::process::id())
}

/// The machine, as far as its process numbers mean the same: in a container they are its own.
fn machine() -> String {
    /// The first namespace of a Linux system has always had this number.
    const OUTERMOST: &str = "pid:[4026531836]";
    let space = std::fs::read_link("/proc/self/ns/pid").ok();
    let space = space.and_then(|space| space.into_os_string().into_string().ok());
    match space.filter(|space| space != OUTERMOST) {
        Some(space) => format!("{} {space}", host()),
        None => host(),
    }
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
