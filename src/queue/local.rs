//! Tickets inside one process: an apalis backend over a tokio channel.
//!
//! apalis's own `MemoryStorage` is not used: with a task that pushes while the worker runs it
//! loses its waker and stops delivering.

use super::{Hands, Ticket};
use apalis::prelude::{
    BoxDynError, Monitor, RandomId, Task, TaskBuilder, TaskId, WorkerBuilder, WorkerBuilderExt,
};
use apalis_core::backend::finalize::Ephemeral;
use apalis_core::backend::{Backend, BackendConfig};
use apalis_core::layers::Identity;
use apalis_core::worker::context::WorkerContext;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::sync::mpsc::{Receiver, Sender, channel, error::TrySendError};

/// The receiving end, an apalis backend. Clones share it, so that a restarted worker goes on
/// where the last one stopped.
#[derive(Debug, Clone)]
pub struct Tickets(Arc<Mutex<Receiver<Ticket>>>);

/// The sending end.
#[derive(Debug, Clone)]
pub struct Bell(Sender<Ticket>);

/// A pair of ends with room for `outstanding` tickets.
pub fn tickets(outstanding: usize) -> (Bell, Tickets) {
    let (sender, receiver) = channel(outstanding.max(1));
    (Bell(sender), Tickets(Arc::new(Mutex::new(receiver))))
}

impl Bell {
    /// Puts tickets into the channel until it is full: a full one already wakes every slot.
    pub fn ring(&self, count: usize) {
        for _ in 0..count {
            match self.0.try_send(Ticket) {
                Ok(()) => {}
                Err(TrySendError::Full(_) | TrySendError::Closed(_)) => return,
            }
        }
    }
}

impl Tickets {
    /// A monitored worker over the tickets, restarted for ever.
    pub(super) async fn serve(self, hands: Hands) {
        let Hands { name, slots, stop, take } = hands;
        let monitor = Monitor::new()
            .register(move |restart| {
                let take = Arc::clone(&take);
                WorkerBuilder::new(format!("{name}-{restart}"))
                    .backend(self.clone())
                    .catch_panic()
                    .enable_tracing()
                    .concurrency(slots)
                    .build(move |_: Ticket| {
                        let taking = take();
                        async move {
                            taking.await;
                            Ok::<(), BoxDynError>(())
                        }
                    })
            })
            .should_restart(|_, _| true);
        let stopped = async move {
            stop.cancelled().await;
            Ok(())
        };
        if let Err(error) = monitor.run_with_signal(stopped).await {
            tracing::error!(%error, "the queue's monitor ended");
        }
    }
}

impl Backend for Tickets {
    type Task = Task<Ticket>;
    type Error = Infallible;

    fn poll_ready(
        &mut self,
        _: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Option<Result<Self::Task, Self::Error>>> {
        let mut receiver = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        receiver.poll_recv(cx).map(|ticket| {
            let id = TaskId::from_string(RandomId::default());
            ticket.map(|ticket| Ok(TaskBuilder::new(ticket).task_id(id).build()))
        })
    }

    fn poll_close(
        &mut self,
        _: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }
}

impl BackendConfig for Tickets {
    type Args = Ticket;
    type Id = RandomId;
    type Kind = Ephemeral;
    type Config = ();
    type Layer = Identity;

    fn config(&self) -> &Self::Config {
        &()
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> Self::Layer {
        Identity::new()
    }
}
