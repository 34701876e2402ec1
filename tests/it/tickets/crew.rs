//! A worker without discussions: it claims jobs by tickets and finishes them.

use crate::ledger_conformance::samples::{LONG, can_serve, finish};
use crate::support::redis::RedisServer;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tableround::ledger::{self, Ledger, Redis};
use tableround::queue::{Bell, Hands, Tickets, redis};
use tableround::redis_server::Server;
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::CancellationToken;

const QUEUE: &str = "tableround";
const POLL: Duration = Duration::from_secs(1);

pub(super) struct Crew {
    pub(super) ledger: Arc<dyn Ledger>,
    desk: Arc<Desk>,
    stop: CancellationToken,
    serving: tokio::task::JoinHandle<()>,
    ringing: tokio::task::JoinHandle<()>,
}

struct Desk {
    ledger: Arc<dyn Ledger>,
    slots: Arc<Semaphore>,
    bell: Bell,
    changed: Notify,
    /// Attempts end only while this is true.
    open: watch::Sender<bool>,
    running: watch::Sender<usize>,
    finished: watch::Sender<usize>,
    cut_off: AtomicUsize,
    pulses: watch::Sender<usize>,
}

/// A connection of its own.
pub(super) async fn ledger(server: &RedisServer) -> Arc<dyn Ledger> {
    let server = Server::at(&server.url()).unwrap();
    Arc::new(Redis::open(&server, QUEUE).await.unwrap())
}

impl Crew {
    pub(super) async fn start(server: &RedisServer, slots: usize) -> Self {
        let ledger = ledger(server).await;
        let address = Server::at(&server.url()).unwrap();
        let channel = ledger::bell(QUEUE);
        let (bell, tickets) = redis::tickets(&address, QUEUE, channel, slots).await.unwrap();
        let desk = Arc::new(Desk {
            ledger: Arc::clone(&ledger),
            slots: Arc::new(Semaphore::new(slots)),
            bell: Bell::Redis(bell),
            changed: Notify::new(),
            open: watch::channel(true).0,
            running: watch::channel(0).0,
            finished: watch::channel(0).0,
            cut_off: AtomicUsize::new(0),
            pulses: watch::channel(0).0,
        });
        let stop = CancellationToken::new();
        let takers = Arc::clone(&desk);
        let hands = Hands {
            name: "crew".into(),
            slots,
            stop: stop.clone(),
            take: Arc::new(move || {
                let taking = tokio::spawn(Arc::clone(&takers).take());
                Box::pin(async move { taking.await.unwrap() })
            }),
        };
        let serving = tokio::spawn(Tickets::Redis(tickets).serve(hands));
        let ringing = tokio::spawn(Arc::clone(&desk).ring(slots, stop.clone()));
        Self { ledger, desk, stop, serving, ringing }
    }

    /// Waits until the bell is heard and the first tickets have come back.
    pub(super) async fn settle_in(&self) {
        self.pulse().await;
        self.pulse().await;
    }

    /// Waits until a ticket has come through and found nothing to do, or no free slot.
    pub(super) async fn pulse(&self) {
        let mut pulses = self.desk.pulses.subscribe();
        let waiting = pulses.changed();
        tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("no ticket").unwrap();
    }

    pub(super) async fn finished(&self, jobs: usize, within: Duration) {
        let mut finished = self.desk.finished.subscribe();
        let waiting = finished.wait_for(|count| *count >= jobs);
        let in_time = tokio::time::timeout(within, waiting).await.is_ok();
        assert!(in_time, "{} of {jobs} finished within {within:?}", *self.desk.finished.borrow());
    }

    pub(super) async fn running(&self, jobs: usize, within: Duration) {
        let mut running = self.desk.running.subscribe();
        let waiting = running.wait_for(|count| *count >= jobs);
        tokio::time::timeout(within, waiting).await.expect("too few are running").unwrap();
    }

    /// Attempts run until [`Self::release`].
    pub(super) fn hold(&self) {
        self.desk.open.send_replace(false);
    }

    pub(super) fn release(&self) {
        self.desk.open.send_replace(true);
    }

    /// Attempts that were dropped before their end.
    pub(super) fn cut_off(&self) -> usize {
        self.desk.cut_off.load(Ordering::SeqCst)
    }

    /// Ends when the bell tells of a cancelled job; it listens when this returns.
    pub(super) fn hears_a_cancel(&self) -> tokio::task::JoinHandle<()> {
        let desk = Arc::clone(&self.desk);
        let (ready, is_ready) = std::sync::mpsc::channel();
        let hearing = tokio::spawn(async move {
            let cancelled = desk.bell.cancelled();
            tokio::pin!(cancelled);
            let first = futures_util::poll!(cancelled.as_mut());
            ready.send(()).unwrap();
            if first.is_pending() {
                cancelled.await;
            }
        });
        is_ready.recv().unwrap();
        hearing
    }

    pub(super) async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(20), self.serving).await.unwrap().unwrap();
        self.ringing.await.unwrap();
    }
}

/// Counts an attempt that is dropped while it runs.
struct Alive {
    desk: Arc<Desk>,
    ended: bool,
}

impl Drop for Alive {
    fn drop(&mut self) {
        if !self.ended {
            self.desk.cut_off.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl Desk {
    async fn ring(self: Arc<Self>, slots: usize, stop: CancellationToken) {
        let mut wanted = slots;
        loop {
            self.bell.ring(wanted.min(self.slots.available_permits().max(1)));
            wanted = tokio::select! {
                () = stop.cancelled() => return,
                () = self.changed.notified() => slots,
                () = self.bell.rung() => slots,
                () = tokio::time::sleep(POLL) => 1,
            };
        }
    }

    async fn take(self: Arc<Self>) {
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
            self.pulses.send_modify(|count| *count += 1);
            return;
        };
        // The ledger may be away; the next ticket asks again.
        let claimed = self.ledger.claim_next("crew", &can_serve(), None, LONG).await;
        let Ok(Some(job)) = claimed else {
            self.pulses.send_modify(|count| *count += 1);
            return;
        };
        self.changed.notify_one();
        let mut alive = Alive { desk: Arc::clone(&self), ended: false };
        self.running.send_modify(|count| *count += 1);
        self.open.subscribe().wait_for(|open| *open).await.unwrap();
        while self.ledger.apply(&job.id, finish(&job)).await.is_err() {}
        alive.ended = true;
        self.finished.send_modify(|count| *count += 1);
        drop(slot);
        self.changed.notify_one();
    }
}
