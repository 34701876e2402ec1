//! What keeps an apalis worker going: pauses between starts, and reasons to look for tickets.

use super::{POLL, Tickets};
use crate::queue::Ticket;
use apalis::prelude::{Codec, PollSnapshot, PollStrategy};
use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// Words of the errors that a damaged ticket causes, again and again, for all who fetch it.
const DAMAGE: [&str; 4] = ["Invalid job data", "Missing ", "Metadata", "WRONGTYPE"];

/// How the starts of a worker went.
#[derive(Debug, Default)]
pub(super) struct Restarts(Mutex<History>);

#[derive(Debug, Default)]
struct History {
    count: usize,
    /// Starts in a row that came to nothing.
    failures: u32,
    /// The one that runs has handed out a ticket.
    worked: bool,
    damaged: bool,
}

impl Restarts {
    fn history(&self) -> std::sync::MutexGuard<'_, History> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many there were.
    pub(super) fn count(&self) -> usize {
        self.history().count
    }

    /// A ticket came through.
    pub(super) fn worked(&self) {
        self.history().worked = true;
    }

    /// A worker ended with this error.
    pub(super) fn ended(&self, error: &str) {
        let mut history = self.history();
        history.count += 1;
        let worked = std::mem::take(&mut history.worked);
        history.failures = if worked { 1 } else { history.failures.saturating_add(1) };
        history.damaged |= DAMAGE.iter().any(|words| error.contains(words));
    }

    /// How long to wait before the next start: none before the first.
    fn pause(&self) -> Duration {
        match self.history().failures.checked_sub(1) {
            None => Duration::ZERO,
            Some(doublings) => {
                jittered(PAUSE_MIN.saturating_mul(1 << doublings.min(10)).min(PAUSE_MAX))
            }
        }
    }

    /// Whether tickets are damaged; asked once for each damage.
    fn take_damage(&self) -> bool {
        std::mem::take(&mut self.history().damaged)
    }
}

/// Between half of a pause and all of it, so that many workers do not come back at once.
pub(super) fn jittered(pause: Duration) -> Duration {
    let random = f64::from(getrandom::u32().unwrap_or(u32::MAX)) / f64::from(u32::MAX);
    pause.mul_f64(0.5 + random / 2.0)
}

/// What happens before a worker starts.
#[derive(Debug, Clone)]
pub(super) struct Begin {
    pub(super) tickets: Tickets,
    pub(super) restarts: Arc<Restarts>,
    /// The name of the start before.
    pub(super) before: Option<String>,
    pub(super) stop: CancellationToken,
}

impl Begin {
    pub(super) async fn run(self) -> Result<(), apalis_redis::Error> {
        tokio::select! {
            () = tokio::time::sleep(self.restarts.pause()) => {}
            () = self.stop.cancelled() => return Ok(()),
        }
        if self.restarts.take_damage() {
            self.tickets.burn().await;
        }
        if let Some(before) = &self.before {
            self.tickets.leave(before).await;
        }
        Ok(())
    }
}

/// Looks for tickets when some were pushed, and once a second.
pub(super) struct Waking {
    pushed: Arc<Notify>,
    next: Mutex<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Waking {
    pub(super) fn new(pushed: Arc<Notify>) -> Self {
        let next = Mutex::new(Self::next(Arc::clone(&pushed)));
        Self { pushed, next }
    }

    fn next(pushed: Arc<Notify>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            tokio::select! {
                () = pushed.notified() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        })
    }
}

impl fmt::Debug for Waking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waking").finish_non_exhaustive()
    }
}

impl PollStrategy for Waking {
    fn poll_drive(&mut self, cx: &mut Context<'_>, _: &PollSnapshot) -> Poll<Option<()>> {
        let next = self.next.get_mut().unwrap_or_else(PoisonError::into_inner);
        let mut woken = Poll::Pending;
        // Until the waker is registered for the time after.
        while next.as_mut().poll(cx).is_ready() {
            woken = Poll::Ready(Some(()));
            *next = Self::next(Arc::clone(&self.pushed));
        }
        woken
    }
}

/// Whatever the bytes are, they are a ticket: a foreign or broken one kills no worker.
#[derive(Debug, Clone, Copy)]
pub(super) struct TicketCodec;

impl TicketCodec {
    pub(super) const BYTES: &[u8] = b"ticket";
}

impl Codec<Ticket> for TicketCodec {
    type Error = Infallible;
    type Compact = Vec<u8>;

    fn encode(&self, _: &Ticket) -> Result<Vec<u8>, Infallible> {
        Ok(Self::BYTES.to_vec())
    }

    fn decode(&self, _: &Vec<u8>) -> Result<Ticket, Infallible> {
        Ok(Ticket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_with_failures_in_a_row_up_to_ten_seconds() {
        let restarts = Restarts::default();
        assert_eq!(restarts.pause(), Duration::ZERO);
        let mut longest = PAUSE_MIN;
        for _ in 0..30 {
            restarts.ended("broken pipe");
            let pause = restarts.pause();
            assert!(pause <= longest && pause >= longest / 2, "{pause:?}");
            longest = (longest * 2).min(PAUSE_MAX);
        }
        assert_eq!(longest, PAUSE_MAX);
        restarts.worked();
        restarts.ended("broken pipe");
        assert!(restarts.pause() <= PAUSE_MIN, "a worker that worked begins anew");
        assert_eq!(restarts.count(), 31);
    }

    #[test]
    fn damage_is_told_from_a_broken_connection_and_mended_once() {
        let check = |error: &str, damaged: bool| {
            let restarts = Restarts::default();
            restarts.ended(error);
            assert_eq!(restarts.take_damage(), damaged, "{error}");
            assert!(!restarts.take_damage());
        };
        check("Failed to poll backend: Invalid job data format", true);
        check("Failed to poll backend: Missing attempts in metadata", true);
        check("Failed to poll backend: broken pipe", false);
        check("Failed to poll backend: Cant fetch next: worker not registered", false);
    }
}
