//! The clocks of a request. A service that keeps the line busy with comments or blank lines has
//! not begun to answer, so only data winds them up again.

use super::error::Happened;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

pub use super::error::Clock;

/// How long to wait once the model has said that it is done: for usage and end mark only.
const AFTER_FINISH: Duration = Duration::from_secs(5);

/// How long each part of a request may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Name, TCP and TLS; given to [`super::http::client`].
    pub connect: Duration,
    /// From sending to the first data.
    pub first_data: Duration,
    /// Between two pieces of data.
    pub between_data: Duration,
    /// The whole request.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_data: Duration::from_mins(2),
            between_data: Duration::from_mins(1),
            total: Duration::from_mins(10),
        }
    }
}

/// The running clocks.
#[derive(Debug)]
pub(super) struct Clocks {
    timeouts: Timeouts,
    total: Instant,
    data: Instant,
    waiting_for: Clock,
}

impl Clocks {
    pub(super) fn start(timeouts: Timeouts) -> Self {
        let now = Instant::now();
        Self {
            timeouts,
            total: now + timeouts.total,
            data: now + timeouts.first_data,
            waiting_for: Clock::FirstData,
        }
    }

    /// Waits for something until the next clock runs out.
    pub(super) async fn wait<F: Future>(&self, future: F) -> Result<F::Output, Happened> {
        let (deadline, clock) = if self.total < self.data {
            (self.total, Clock::Total)
        } else {
            (self.data, self.waiting_for)
        };
        timeout_at(deadline, future).await.map_err(|_| Happened::TimedOut(clock))
    }

    /// Waits for something that has limits of its own, within the total.
    pub(super) async fn wait_total<F: Future>(&self, future: F) -> Result<F::Output, Happened> {
        timeout_at(self.total, future).await.map_err(|_| Happened::TimedOut(Clock::Total))
    }

    /// Data has arrived.
    pub(super) fn data(&mut self) {
        self.data = Instant::now() + self.timeouts.between_data;
        self.waiting_for = Clock::BetweenData;
    }

    /// The answer is complete; what may still come is welcome but not worth long waiting.
    pub(super) fn finished(&mut self) {
        self.data = Instant::now() + self.timeouts.between_data.min(AFTER_FINISH);
    }
}
