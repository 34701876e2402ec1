//! The ledger in Redis: workers on many machines.
//!
//! ```text
//! read what a decision needs, with the server's time ──► decide in Rust ──► commit
//!     ▲                                                                       │
//!     └──────────── somebody changed what was read: once more ◄───────────────┘
//! ```
//!
//! [`mod@commit`] is the only script: guards and writes, no rule. [`crate::domain`] and
//! [`super::decide`] say what a step does. The time is the server's; no clock of a worker matters.

mod add;
mod claim;
mod commit;
mod events;
mod fold;
mod forget;
mod health;
mod jobs;
mod journal;
mod keys;
mod link;
mod list;
mod summary;
mod sweep;

pub use health::Health;

use super::fold::Archive;
use super::steadiness::Steadiness;
use super::{
    Added, Addition, Batch, Beat, Chore, Error, Filter, Ledger, NewBlock, Opened, Rejected, Result,
    Row, Scope, Settled, Summary,
};
use crate::blobs::Blobs;
use crate::domain::call::{Call, Open, Record, Settle};
use crate::domain::event::Event;
use crate::domain::job::{Change, Job, Refusal};
use crate::domain::retry;
use crate::redis_server::Server;
use async_trait::async_trait;
use futures_util::Stream;
use keys::Keys;
use link::Link;
use std::sync::Mutex;

/// A ledger in a Redis, one of the queues there.
///
/// It reconnects by itself for as long as it is used. Until then every call is [`Error::Away`],
/// and what became of a call that the break met is only known by asking again.
#[derive(Debug)]
pub struct Redis {
    link: Link,
    /// Additions and long lists: a heartbeat never waits behind them.
    bulk: Link,
    steadiness: Mutex<Steadiness>,
    /// Claims of one process take turns: they would only take the same job from each other.
    turn: tokio::sync::Mutex<()>,
    archive: Archive,
}

impl Redis {
    /// Connects to the ledger of this queue, or begins it.
    ///
    /// A server that does not answer or is older than Redis 7 is [`Error::Unreachable`]; a ledger
    /// of a newer schema is [`Error::Newer`].
    pub async fn open(server: &Server, queue: &str) -> Result<Self> {
        let redis = Self::connect(server, queue).await?;
        redis.link.check_schema().await?;
        Ok(redis)
    }

    /// The same, but a server that is there and not ready is waited for: one that reads its data,
    /// follows another or is full. One that is not there at all may be a wrong address.
    pub async fn open_when_ready(server: &Server, queue: &str) -> Result<Self> {
        let redis = Self::connect(server, queue).await?;
        let mut failures = 0;
        while let Err(error) = redis.link.check_schema().await {
            let Error::Away { .. } = error else { return Err(error) };
            failures += 1;
            let random = getrandom::u32().unwrap_or_default();
            tokio::time::sleep(retry::ledger_delay(failures, random)).await;
        }
        Ok(redis)
    }

    async fn connect(server: &Server, queue: &str) -> Result<Self> {
        check_name(server, queue)?;
        let link = Link::open(server, queue).await?;
        let bulk = link.second(server).await?;
        Ok(Self {
            link,
            bulk,
            steadiness: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            archive: Archive::default(),
        })
    }

    /// With the blobs in which the journals of finished jobs are folded away. Without them nothing
    /// is folded, and what is folded cannot be read.
    #[must_use]
    pub fn with_blobs(self, blobs: Blobs) -> Self {
        Self { archive: Archive::within(blobs), ..self }
    }

    /// What the server says about itself, for a diagnosis.
    pub async fn health(&self) -> Result<Health> {
        health::ask(&self.link).await
    }
}

/// A brace would end the hash tag early, and the keys would scatter over a cluster.
fn check_name(server: &Server, queue: &str) -> Result<()> {
    let is_odd = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '{' | '}');
    if queue.is_empty() || queue.chars().any(is_odd) {
        let why = format!("`{queue}` is no name for a queue: no spaces and no braces, please");
        return Err(Error::Unreachable { place: server.place().to_owned(), source: why.into() });
    }
    Ok(())
}

/// The channel on which a queue says nothing when there is something to claim, and a job's id when
/// that job was cancelled. A ring that nobody hears costs an idle worker a second.
pub fn bell(queue: &str) -> String {
    bell_channel(&format!("{{{queue}}}:"))
}

/// Pieces of answers as they stream on all machines that work for this queue. It ends when the
/// server goes away: who listens again has missed words, and no event.
pub async fn live(
    server: &Server,
    queue: &str,
) -> std::result::Result<impl Stream<Item = Event> + Send + use<>, redis::RedisError> {
    let listener = server.listen(&Keys::of(queue).live()).await?;
    Ok(events::live(listener))
}

fn bell_channel(prefix: &str) -> String {
    format!("{prefix}bell")
}

#[async_trait]
impl Ledger for Redis {
    async fn add(&self, batch: &Batch, addition: Addition) -> Result<Added> {
        add::add(&self.bulk, batch, addition).await
    }

    async fn claim_next(
        &self,
        worker: &str,
        can_serve: &[String],
        only: Option<&str>,
        lease_ms: u32,
    ) -> Result<Option<Job>> {
        let _turn = self.turn.lock().await;
        claim::claim_next(&self.link, &claim::Asker { worker, can_serve, only, lease_ms }).await
    }

    async fn apply(&self, job: &str, change: Change) -> Result<std::result::Result<Job, Refusal>> {
        jobs::apply(&self.link, job, change).await
    }

    async fn open(&self, open: Open) -> Result<Opened> {
        journal::open(&self.link, &self.archive, &open).await
    }

    async fn settle(&self, call: &Call, r#try: u32, settle: Settle) -> Result<Settled> {
        journal::settle(&self.link, &self.archive, call, r#try, &settle).await
    }

    async fn journal(&self, scope: Scope<'_>) -> Result<Vec<Record>> {
        match scope {
            Scope::Call(call) => journal::of_call(&self.link, &self.archive, call).await,
            Scope::Job(job) => journal::of_job(&self.bulk, &self.archive, job).await,
            Scope::Batch(batch) => journal::of_batch(&self.bulk, &self.archive, batch).await,
        }
    }

    async fn block(&self, resource: &str, block: Option<NewBlock>) -> Result<()> {
        match block {
            Some(block) => sweep::block(&self.link, resource, block).await,
            None => sweep::unblock(&self.link, resource).await,
        }
    }

    async fn sweep(&self, beat: &Beat, lease_ms: u32) -> Result<Vec<Job>> {
        sweep::sweep(&self.link, &self.steadiness, beat, lease_ms).await
    }

    async fn summary(&self, batch: Option<&str>) -> Result<Summary> {
        summary::summary(&self.link, batch).await
    }

    async fn jobs(&self, filter: &Filter) -> Result<Vec<Row>> {
        list::list(&self.bulk, filter).await
    }

    async fn rejected(&self, batch: &str) -> Result<Vec<Rejected>> {
        add::rejected(&self.bulk, batch).await
    }

    async fn events(&self, new: Vec<Event>, since: Option<u64>) -> Result<Vec<Event>> {
        if !new.is_empty() {
            events::append(&self.link, new).await?;
        }
        match since {
            Some(since) => events::after(&self.link, since).await,
            None => Ok(Vec::new()),
        }
    }

    async fn tidy(&self, chore: Chore<'_>) -> Result<Option<Vec<String>>> {
        let (link, archive) = (&self.bulk, &self.archive);
        match chore {
            Chore::Fold { job } => fold::fold(link, archive, job).await,
            Chore::Collected { seen } => forget::mark_collected(link, seen).await,
            Chore::Forget { batch, uncollected } => forget::forget(link, batch, uncollected).await,
            Chore::Strays { spared } => forget::remove_strays(link, archive, spared).await,
            Chore::Objects { of: Some(batch) } => {
                fold::objects_of_batch(link, batch).await.map(Some)
            }
            Chore::Objects { of: None } => fold::objects_in_use(link).await.map(Some),
        }
    }
}
