//! A thread of its own for heartbeats and leases: a job that never lets go of its thread must not
//! make the worker look dead.

use tokio::runtime::{Builder, Handle};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

/// An event loop that carries nothing but signs of life. Ends when dropped.
#[derive(Debug)]
pub(super) struct Heart {
    handle: Handle,
    _stop: DropGuard,
}

impl Heart {
    /// Starts it; where the system has no thread to give, it shares the current event loop.
    pub(super) fn start() -> Self {
        let stop = CancellationToken::new();
        let handle = own_loop(stop.clone()).unwrap_or_else(|error| {
            tracing::warn!(%error, "no thread for heartbeats; a busy worker may look dead");
            Handle::current()
        });
        Self { handle, _stop: stop.drop_guard() }
    }

    pub(super) fn spawn(
        &self,
        beating: impl Future<Output = ()> + Send + 'static,
    ) -> JoinHandle<()> {
        self.handle.spawn(beating)
    }
}

fn own_loop(stop: CancellationToken) -> std::io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    std::thread::Builder::new()
        .name("heart".to_owned())
        .spawn(move || runtime.block_on(stop.cancelled()))?;
    Ok(handle)
}
