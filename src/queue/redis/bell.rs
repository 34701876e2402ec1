//! Ringing: tickets for those who are idle, here and elsewhere.

use super::supervision::jittered;
use super::{POLL, Tickets};
use crate::redis_server::Server;
use futures_util::StreamExt;
use std::sync::Arc;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

/// The sending end. Its tasks end with it.
#[derive(Debug)]
pub struct Bell {
    wanted: watch::Sender<usize>,
    heard: Arc<Heard>,
    _tasks: JoinSet<()>,
}

/// What the ledger's bell has said.
#[derive(Debug, Default)]
struct Heard {
    work: Notify,
    cancelled: Notify,
}

impl Bell {
    pub(super) fn hang(
        server: Server,
        channel: String,
        tickets: Tickets,
        outstanding: usize,
    ) -> Self {
        let (wanted, wishes) = watch::channel(0);
        let heard = Arc::<Heard>::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(feed(tickets, wishes, outstanding));
        tasks.spawn(listen(server, channel, Arc::clone(&heard)));
        Self { wanted, heard, _tasks: tasks }
    }

    /// Pushes so many tickets, as far as there is room for them.
    pub fn ring(&self, count: usize) {
        self.wanted.send_replace(count);
    }

    /// Waits until the ledger says that there is work.
    pub async fn rung(&self) {
        self.heard.work.notified().await;
    }

    /// Waits until a job is cancelled.
    pub async fn cancelled(&self) {
        self.heard.cancelled.notified().await;
    }
}

/// Pushes the tickets that are wanted. A failure is not repeated: the next ring follows soon.
async fn feed(tickets: Tickets, mut wishes: watch::Receiver<usize>, outstanding: usize) {
    while wishes.changed().await.is_ok() {
        let count = *wishes.borrow_and_update();
        if let Err(error) = tickets.push(count, outstanding).await {
            tracing::debug!(%error, "no tickets were pushed");
        }
        tickets.pushed.notify_one();
    }
}

/// Hears the ledger's bell, and rings after every silence in which it might have missed one.
async fn listen(server: Server, channel: String, heard: Arc<Heard>) {
    loop {
        match server.listen(&channel).await {
            Ok(mut listener) => {
                heard.work.notify_one();
                heard.cancelled.notify_waiters();
                let mut rings = listener.on_message();
                while let Some(ring) = rings.next().await {
                    match ring.get_payload_bytes() {
                        [] => heard.work.notify_one(),
                        [..] => heard.cancelled.notify_waiters(),
                    }
                }
            }
            Err(error) => tracing::debug!(%error, "the bell cannot be heard"),
        }
        tokio::time::sleep(jittered(POLL)).await;
    }
}
