//! How many requests are in flight, over all services and per lane (`provider/model`).
//!
//! Over all lanes at most `max_calls`. A lane that is told "too many requests" has its limit
//! halved, once for all requests that were on their way at that moment, and gets one more back
//! after every few good answers. A lane that is told to wait is closed until then, and lets the
//! others pass. Whoever waits longest and may go, goes first.
//!
//! The gate never sends or repeats anything.

use crate::domain::call::Class;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep_until};

/// Good answers in a row of one lane that give it back one request.
const SUCCESSES_PER_STEP: u32 = 4;

/// Where every request asks before it leaves. Clones share one gate.
#[derive(Debug, Clone)]
pub struct Gate {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    max_calls: usize,
    state: Mutex<State>,
    /// Rung when a lane is closed, so that those who wait for it set their alarms.
    closed: Notify,
}

#[derive(Debug, Default)]
struct State {
    in_flight: usize,
    /// Numbers the permits, to tell which requests left before a cut.
    started: u64,
    lanes: BTreeMap<String, Lane>,
    waiting: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Lane {
    limit: usize,
    in_flight: usize,
    successes: u32,
    /// Permits below this number belong to a burst whose cut was already made.
    cut_at: u64,
    closed_until: Option<Instant>,
}

#[derive(Debug)]
struct Waiter {
    lane: String,
    go: oneshot::Sender<Permit>,
}

/// The right to send one request. Ends with [`Permit::report`], or silently when dropped.
#[derive(Debug)]
pub struct Permit {
    shared: Arc<Shared>,
    lane: String,
    number: u64,
}

impl Gate {
    /// At most `max_calls` requests in flight, at least one.
    pub fn new(max_calls: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                max_calls: max_calls.max(1),
                state: Mutex::default(),
                closed: Notify::new(),
            }),
        }
    }

    /// Waits until one more request may go to this lane. Dropping the future gives up the place.
    pub async fn permit(&self, lane: &str) -> Permit {
        let shared = &self.shared;
        let (go, mut gone) = oneshot::channel();
        shared.lock().waiting.push_back(Waiter { lane: lane.to_owned(), go });
        loop {
            let closed = shared.closed.notified();
            shared.admit();
            let opens = shared.lock().opens(lane);
            tokio::select! {
                biased;
                permit = &mut gone => {
                    return permit.expect("a waiter is only removed to be admitted");
                }
                () = closed => {}
                () = until(opens) => {}
            }
        }
    }

    /// Closes a lane for so long: somebody elsewhere was told to wait.
    pub fn close(&self, lane: &str, wait: Duration) {
        let until = Instant::now() + wait;
        self.shared.lock().lane(lane, self.shared.max_calls).close_until(until);
        self.shared.closed.notify_waiters();
    }

    /// Requests under way.
    pub fn in_flight(&self) -> usize {
        self.shared.lock().in_flight
    }

    /// Requests that wait for their turn.
    pub fn waiting(&self) -> usize {
        self.shared.lock().waiting.iter().filter(|waiter| !waiter.go.is_closed()).count()
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

impl Permit {
    /// Tells how the request ended: well, or with an error of this class and how long the
    /// service asked to be left alone.
    pub fn report(self, outcome: Result<(), (Class, Option<Duration>)>) {
        let now = Instant::now();
        let mut state = self.shared.lock();
        let started = state.started;
        let lane = state.lane(&self.lane, self.shared.max_calls);
        match outcome {
            Ok(()) => lane.succeeded(self.shared.max_calls),
            Err((class, wait)) => {
                if class == Class::RateLimited {
                    lane.cut(self.number, started);
                }
                if let Some(wait) = wait {
                    lane.close_until(now + wait);
                    self.shared.closed.notify_waiters();
                }
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.in_flight -= 1;
        state.lane(&self.lane, self.shared.max_calls).in_flight -= 1;
        drop(state);
        self.shared.admit();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here can panic half-way; what a poisoned lock holds is still true.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets in, in order of arrival, everybody who may go now.
    fn admit(self: &Arc<Self>) {
        while let Some(waiter) = self.next_waiter() {
            let Admitted { go, permit } = waiter;
            // Somebody who gave up in this very moment drops the permit, which admits the next.
            drop(go.send(permit));
        }
    }

    fn next_waiter(self: &Arc<Self>) -> Option<Admitted> {
        let mut state = self.lock();
        state.waiting.retain(|waiter| !waiter.go.is_closed());
        if state.in_flight >= self.max_calls {
            return None;
        }
        let now = Instant::now();
        let lanes = &state.lanes;
        let may_go = |waiter: &Waiter| lanes.get(&waiter.lane).is_none_or(|lane| lane.is_open(now));
        let place = state.waiting.iter().position(may_go)?;
        let Waiter { lane, go } = state.waiting.remove(place)?;
        state.in_flight += 1;
        state.started += 1;
        state.lane(&lane, self.max_calls).in_flight += 1;
        let permit = Permit { shared: Arc::clone(self), lane, number: state.started };
        Some(Admitted { go, permit })
    }
}

struct Admitted {
    go: oneshot::Sender<Permit>,
    permit: Permit,
}

impl State {
    /// When a closed lane opens again.
    fn opens(&self, lane: &str) -> Option<Instant> {
        self.lanes.get(lane)?.closed_until.filter(|until| *until > Instant::now())
    }

    fn lane(&mut self, name: &str, limit: usize) -> &mut Lane {
        self.lanes.entry(name.to_owned()).or_insert_with(|| Lane {
            limit,
            in_flight: 0,
            successes: 0,
            cut_at: 0,
            closed_until: None,
        })
    }
}

impl Lane {
    fn is_open(&self, now: Instant) -> bool {
        self.in_flight < self.limit && self.closed_until.is_none_or(|until| until <= now)
    }

    fn succeeded(&mut self, max_calls: usize) {
        self.successes += 1;
        if self.successes >= SUCCESSES_PER_STEP {
            self.successes = 0;
            self.limit = (self.limit + 1).min(max_calls);
        }
    }

    /// Halves what was really in flight. `started` is the number of the youngest permit.
    fn cut(&mut self, number: u64, started: u64) {
        self.successes = 0;
        if number > self.cut_at {
            self.limit = (self.limit.min(self.in_flight) / 2).max(1);
            self.cut_at = started;
        }
    }

    fn close_until(&mut self, moment: Instant) {
        self.closed_until = self.closed_until.max(Some(moment));
    }
}

#[cfg(test)]
mod tests;
