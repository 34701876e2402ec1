//! Where tickets travel. A ticket is anonymous: it says that a free slot may ask the ledger.
//!
//! Lost, doubled or late tickets are harmless: order, priority, pause and blocks are the ledger's
//! alone. This floor is the only place that names apalis's backends.

pub mod local;
pub mod redis;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// A hint that there may be work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket;

/// Who takes the tickets of one worker.
#[derive(Clone)]
pub struct Hands {
    /// The worker's name for this start.
    pub name: String,
    /// Tickets taken at once.
    pub slots: usize,
    /// No further ticket is taken when this is cancelled.
    pub stop: CancellationToken,
    /// What a ticket is for. It is never told of an error: retries are the ledger's.
    pub take: Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>,
}

impl fmt::Debug for Hands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, slots, .. } = self;
        f.debug_struct("Hands").field("name", name).field("slots", slots).finish_non_exhaustive()
    }
}

/// The end where tickets come out.
#[derive(Debug, Clone)]
pub enum Tickets {
    /// Inside one process.
    Local(local::Tickets),
    /// Between machines.
    Redis(redis::Tickets),
}

impl Tickets {
    /// Hands tickets out until it is told to stop; a broken carrier is taken up again for ever.
    pub async fn serve(self, hands: Hands) {
        match self {
            Self::Local(tickets) => tickets.serve(hands).await,
            Self::Redis(tickets) => tickets.serve(hands).await,
        }
    }
}

/// The end where tickets go in.
#[derive(Debug)]
pub enum Bell {
    /// Inside one process.
    Local(local::Bell),
    /// Between machines.
    Redis(redis::Bell),
}

impl Bell {
    /// Issues up to so many tickets, as far as there are not enough on their way.
    pub fn ring(&self, count: usize) {
        match self {
            Self::Local(bell) => bell.ring(count),
            Self::Redis(bell) => bell.ring(count),
        }
    }

    /// Waits until somebody elsewhere says that there is work. Inside one process nobody does.
    pub async fn rung(&self) {
        match self {
            Self::Local(_) => std::future::pending().await,
            Self::Redis(bell) => bell.rung().await,
        }
    }

    /// Waits until somebody elsewhere has cancelled a job: who runs one looks at its lease.
    pub async fn cancelled(&self) {
        match self {
            Self::Local(_) => std::future::pending().await,
            Self::Redis(bell) => bell.cancelled().await,
        }
    }
}
