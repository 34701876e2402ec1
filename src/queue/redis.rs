//! Tickets between machines, carried by apalis-redis.
//!
//! It is trusted with nothing but hints. Any error ends an apalis worker, so workers are restarted
//! for ever under fresh names; what they leave in Redis has no end of its own, so it is tidied up
//! here; tickets that are damaged are burnt and issued anew. Its clocks are the workers', so its
//! own recovery is as good as switched off: the ledger's leases do that work.

mod bell;
mod supervision;

pub use bell::Bell;

use super::{Hands, Ticket};
use crate::redis_server::Server;
use ::redis::aio::ConnectionManager;
use ::redis::{RedisResult, Script, ScriptInvocation};
use apalis::prelude::{
    BackendExt, BoxDynError, Monitor, TaskBuilder, WorkerBuilder, WorkerBuilderExt,
};
use apalis_redis::{Config, RedisStorage};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use supervision::{Begin, Restarts, TicketCodec, Waking};
use tokio::sync::Notify;

/// The queue names a key of apalis without prefix in its scripts; in a cluster all keys must be
/// where that one is.
const TAG: &str = "{core:apalis:queues:list}";
/// Tickets of few slots may be taken by others, so some more are on their way.
const OUTSTANDING_MIN: usize = 32;
/// Above this, apalis's scripts begin to take long.
const OUTSTANDING_MAX: usize = 1000;
/// Finished tickets removed at once: a few milliseconds of the server's time.
const TIDY_MAX: usize = 200;
const HEARTBEAT: Duration = Duration::from_secs(5);
/// A worker that says nothing for half a day is gone, whatever the clocks say; before a day is
/// over apalis would come to the same end by its own, worse means.
const GONE_AFTER: Duration = Duration::from_hours(12);
const HEARTBEATS_MISSED_MAX: usize = 17_280;
/// The net under the bell.
const POLL: Duration = Duration::from_secs(1);
/// How long stopping may wait for Redis; what is left over is tidied up later.
const STOP_MAX: Duration = Duration::from_secs(5);
static TIDY: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("redis/tidy.lua")));
static LEAVE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("redis/leave.lua")));
static BURN: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("redis/burn.lua")));

/// The receiving end.
#[derive(Clone)]
pub struct Tickets {
    connection: ConnectionManager,
    config: Config,
    /// Rung when tickets were pushed.
    pushed: Arc<Notify>,
}

impl std::fmt::Debug for Tickets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tickets").field("config", &self.config).finish_non_exhaustive()
    }
}

/// A pair of ends for a worker with so many slots. `bell` is the channel on which the ledger tells
/// that there is work.
pub async fn tickets(
    server: &Server,
    queue: &str,
    bell: String,
    slots: usize,
) -> RedisResult<(Bell, Tickets)> {
    let tickets = Tickets {
        connection: server.connect().await?,
        config: Config::default()
            .queue(format!("{TAG}:{queue}"))
            .batch_size(1)
            .lock_tasks(false)
            .persist_results(true)
            .emit_events(false)
            .heartbeat_interval(HEARTBEAT)
            .missed_heartbeats(HEARTBEATS_MISSED_MAX),
        pushed: Arc::default(),
    };
    let outstanding = slots.saturating_mul(2).clamp(OUTSTANDING_MIN, OUTSTANDING_MAX);
    Ok((Bell::hang(server.clone(), bell, tickets.clone(), outstanding), tickets))
}

impl Tickets {
    async fn push(&self, count: usize, outstanding: usize) -> Result<(), apalis_redis::Error> {
        let mut connection = self.connection.clone();
        let mut waiting = ::redis::pipe();
        waiting.cmd("LLEN").arg(self.config.active_jobs_list());
        waiting.cmd("ZCARD").arg(self.config.scheduled_jobs_set());
        let (active, scheduled): (usize, usize) = waiting.query_async(&mut connection).await?;
        let room = outstanding.saturating_sub(active + scheduled);
        let tickets: Vec<_> = (0..count.min(room))
            .map(|_| TaskBuilder::new(TicketCodec::BYTES.to_vec()).build())
            .collect();
        if !tickets.is_empty() {
            apalis_redis::queries::push_tasks(&mut connection, &self.config, &tickets).await?;
        }
        let mut tidy = self.with_keys(&TIDY);
        tidy.key(format!("{}:metadata", self.config.workers_set()));
        tidy.arg(TIDY_MAX).arg(GONE_AFTER.as_secs());
        tidy.invoke_async::<()>(&mut connection).await?;
        Ok(())
    }

    /// A script with the keys that `tidy` and `burn` begin with.
    fn with_keys<'a>(&self, script: &'a Script) -> ScriptInvocation<'a> {
        let mut invocation = script.key(self.config.job_data_hash());
        invocation
            .key(self.config.job_meta_hash())
            .key(self.config.done_jobs_set())
            .key(self.config.dead_jobs_set())
            .key(self.config.active_jobs_list())
            .key(self.config.scheduled_jobs_set())
            .key(self.config.workers_set())
            .key(self.config.inflight_jobs_set());
        invocation
    }

    /// Takes an ended worker out of the books.
    async fn leave(&self, name: &str) {
        let mut leave = LEAVE.key(format!("{}:{name}", self.config.inflight_jobs_set()));
        leave.key(self.config.done_jobs_set()).key(self.config.workers_set());
        leave.key(format!("{}:metadata:{name}", self.config.workers_set())).arg(name);
        if let Err(error) = leave.invoke_async::<()>(&mut self.connection.clone()).await {
            tracing::debug!(%error, worker = name, "its tickets are tidied up later");
        }
    }

    async fn burn(&self) {
        let mut burn = self.with_keys(&BURN);
        burn.key(self.config.signal_list());
        match burn.invoke_async::<()>(&mut self.connection.clone()).await {
            Ok(()) => tracing::warn!("damaged tickets were removed; new ones are issued"),
            Err(error) => tracing::debug!(%error, "damaged tickets could not be removed"),
        }
    }

    /// A monitored worker over the tickets, restarted for ever.
    pub(super) async fn serve(self, hands: Hands) {
        let Hands { name, slots, stop, take } = hands;
        let restarts = Arc::new(Restarts::default());
        let (seen, last, stopping) = (Arc::clone(&restarts), Arc::clone(&restarts), stop.clone());
        let (stopped, tickets, base) = (stop.clone(), self.clone(), name.clone());
        let monitor = Monitor::new()
            .register(move |restart| {
                let (take, working) = (Arc::clone(&take), Arc::clone(&restarts));
                let begin = Begin {
                    tickets: tickets.clone(),
                    restarts: Arc::clone(&restarts),
                    before: restart.checked_sub(1).map(|before| name_of(&base, before)),
                    stop: stop.clone(),
                };
                let storage = RedisStorage::<Ticket>::new(tickets.connection.clone())
                    .with_config(tickets.config.clone())
                    .with_codec(TicketCodec)
                    .before_start(move |_| begin.clone().run())
                    .poll_with_strategy(Waking::new(Arc::clone(&tickets.pushed)));
                WorkerBuilder::new(name_of(&base, restart))
                    .backend(storage)
                    .catch_panic()
                    .enable_tracing()
                    .concurrency(slots)
                    .build(move |_: Ticket| {
                        working.worked();
                        let taking = take();
                        async move {
                            taking.await;
                            Ok::<(), BoxDynError>(())
                        }
                    })
            })
            .should_restart(move |worker, error| {
                tracing::debug!(worker = worker.name(), %error, "the tickets' worker ended");
                seen.ended(&error.to_string());
                !stopping.is_cancelled()
            })
            .shutdown_timeout(STOP_MAX);
        let signal = async move {
            stopped.cancelled().await;
            Ok(())
        };
        if let Err(error) = monitor.run_with_signal(signal).await {
            tracing::debug!(%error, "the queue's monitor ended");
        }
        self.leave(&name_of(&name, last.count())).await;
    }
}

/// Fresh for every start: apalis refuses a name that it still takes for alive.
fn name_of(worker: &str, restart: usize) -> String {
    format!("{worker}-{restart}")
}
