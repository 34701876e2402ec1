//! The ledger in one SQLite file: several processes on one machine.
//!
//! ```text
//! callers ──► writer thread: drain, BEGIN IMMEDIATE, a savepoint each, one fsync, answers
//!        ├──► reading thread: one question, a summary, events
//!        └──► listing thread: rows, whole journals: never in the way of the others
//! ```
//!
//! SQL finds and stores rows; [`crate::domain`] and [`super::decide`] say what they become.

mod add;
mod claim;
mod clock;
mod events;
mod files;
mod jobs;
mod journal;
mod schema;
mod summary;
mod sweep;
mod threads;

pub use clock::{Reading, Ticks};

use super::{
    Added, Addition, Batch, Beat, Error, Filter, Ledger, NewBlock, Opened, Rejected, Result, Row,
    Scope, Settled, Summary, decide,
};
use crate::domain::call::{Call, Open, Record, Settle};
use crate::domain::event::Event;
use crate::domain::job::{Change, Job, Refusal};
use async_trait::async_trait;
use clock::Clock;
use std::path::Path;
use threads::{Reader, Writer};

/// A ledger in a file. Every clone of the file's handle in every process sees the same truth.
///
/// Dropping it waits for the writes that are under way.
#[derive(Debug)]
pub struct Sqlite {
    // Readers first: the connection that closes last tidies the write-ahead log, and only the
    // writer's may write.
    reader: Reader,
    lister: Reader,
    writer: Writer,
}

impl Sqlite {
    /// Opens the ledger at this path, or creates it with the folders above it.
    ///
    /// A file of a newer schema is [`Error::Newer`]; a network file system, where SQLite's locks
    /// cannot be trusted, and a file of another program are [`Error::Unreachable`].
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_with_clock(path, &clock::machine())
    }

    /// The same with the time given from outside: for tests, which never wait.
    pub fn open_with_clock(path: &Path, ticks: &Ticks) -> Result<Self> {
        let place = path.display().to_string();
        files::prepare(path)?;
        let db = schema::open_writer(path, &place)?;
        let unreachable = |source| Error::Unreachable { place: place.clone(), source };
        let reader = || -> Result<Reader> {
            let db = schema::open_reader(path).map_err(|error| unreachable(error.into()))?;
            Reader::start(db, Clock::new(ticks.clone())).map_err(|error| unreachable(error.into()))
        };
        let writer = Writer::start(db, Clock::new(ticks.clone()));
        Ok(Self {
            reader: reader()?,
            lister: reader()?,
            writer: writer.map_err(|error| unreachable(error.into()))?,
        })
    }
}

#[async_trait]
impl Ledger for Sqlite {
    async fn add(&self, batch: &Batch, addition: Addition) -> Result<Added> {
        let batch = batch.clone();
        self.writer.run(move |step| add::add(step, &batch, addition)).await
    }

    async fn claim_next(
        &self,
        worker: &str,
        can_serve: &[String],
        only: Option<&str>,
        lease_ms: u32,
    ) -> Result<Option<Job>> {
        let asker = claim::Asker {
            worker: worker.to_owned(),
            can_serve: can_serve.to_vec(),
            only: only.map(str::to_owned),
            lease_ms,
        };
        self.writer.run(move |step| claim::claim_next(step, &asker)).await
    }

    async fn apply(&self, job: &str, change: Change) -> Result<std::result::Result<Job, Refusal>> {
        let job = job.to_owned();
        self.writer.run(move |step| jobs::apply(step, &job, change)).await
    }

    async fn open(&self, open: Open) -> Result<Opened> {
        self.writer.run(move |step| journal::open(step, &open)).await
    }

    async fn settle(&self, call: &Call, r#try: u32, settle: Settle) -> Result<Settled> {
        let call = call.clone();
        self.writer.run(move |step| journal::settle(step, &call, r#try, &settle)).await
    }

    async fn journal(&self, scope: Scope<'_>) -> Result<Vec<Record>> {
        match scope {
            Scope::Call(call) => {
                let call = call.clone();
                self.reader.run(move |view| journal::of_call(view.db, &call)).await
            }
            Scope::Job(job) => {
                let job = job.to_owned();
                self.lister.run(move |view| journal::of_job(view.db, &job)).await
            }
            Scope::Batch(batch) => {
                let batch = batch.to_owned();
                self.lister.run(move |view| journal::of_batch(view.db, &batch)).await
            }
        }
    }

    async fn block(&self, resource: &str, block: Option<NewBlock>) -> Result<()> {
        let resource = resource.to_owned();
        self.writer
            .run(move |step| match block {
                Some(block) => sweep::block(step, &decide::begun(&resource, block, step.now)),
                None => sweep::unblock(step, &resource),
            })
            .await
    }

    async fn sweep(&self, beat: &Beat, lease_ms: u32) -> Result<Vec<Job>> {
        let beat = beat.clone();
        self.writer.run(move |step| sweep::sweep(step, &beat, lease_ms)).await
    }

    async fn summary(&self, batch: Option<&str>) -> Result<Summary> {
        let batch = batch.map(str::to_owned);
        self.reader.run(move |view| summary::summary(view, batch.as_deref())).await
    }

    async fn jobs(&self, filter: &Filter) -> Result<Vec<Row>> {
        let filter = filter.clone();
        self.lister.run(move |view| jobs::list(view.db, &filter)).await
    }

    async fn rejected(&self, batch: &str) -> Result<Vec<Rejected>> {
        let batch = batch.to_owned();
        self.lister.run(move |view| add::rejected(view.db, &batch)).await
    }

    async fn events(&self, new: Vec<Event>, since: Option<u64>) -> Result<Vec<Event>> {
        if !new.is_empty() {
            self.writer.run(move |step| events::append(step, new)).await?;
        }
        match since {
            Some(since) => self.reader.run(move |view| events::after(view.db, since)).await,
            None => Ok(Vec::new()),
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(Box::new(error))
    }
}

/// SQLite's integers are signed; no count of ours comes near the difference.
fn int(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A count read back.
fn count(int: i64) -> u64 {
    u64::try_from(int).unwrap_or(0)
}
