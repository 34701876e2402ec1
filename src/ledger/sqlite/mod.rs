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
mod fold;
mod forget;
mod jobs;
mod journal;
mod schema;
mod summary;
mod sweep;
mod threads;

pub use clock::{Reading, Ticks};

use super::fold::{Archive, Entry, in_order};
use super::{
    Added, Addition, Batch, Beat, Chore, Error, Filter, Ledger, NewBlock, Opened, Rejected, Result,
    Row, Scope, Settled, Summary, decide,
};
use crate::blobs::Blobs;
use crate::domain::call::{Call, Open, Record, Settle};
use crate::domain::event::Event;
use crate::domain::job::{Change, Job, Refusal};
use crate::failpoint;
use async_trait::async_trait;
use clock::Clock;
use journal::Write;
use std::path::Path;
use threads::{Reader, Step, View, Writer};

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
    archive: Archive,
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
            archive: Archive::default(),
        })
    }

    /// With the blobs in which the journals of finished jobs are folded away. Without them nothing
    /// is folded, and what is folded cannot be read.
    #[must_use]
    pub fn with_blobs(self, blobs: Blobs) -> Self {
        Self { archive: Archive::within(blobs), ..self }
    }

    /// Runs a write to a scope, which is put back into its table first if it is folded.
    async fn write_to<T: Send + 'static>(
        &self,
        scope: &str,
        work: impl Fn(&mut Step<'_>) -> Result<Write<T>> + Clone + Send + 'static,
    ) -> Result<T> {
        loop {
            match self.writer.run(work.clone()).await? {
                Write::Done(outcome) => return Ok(outcome),
                Write::Folded(object) => {
                    let entries = self.archive.get(vec![object.clone()]).await?;
                    let scope = scope.to_owned();
                    let unfold =
                        move |step: &mut Step<'_>| fold::unfold(step, &scope, &object, &entries);
                    self.writer.run(unfold).await?;
                }
            }
        }
    }

    /// Records of the table and those of these objects that are `wanted`.
    async fn records(
        &self,
        (mut entries, objects): (Vec<Entry>, Vec<String>),
        wanted: impl Fn(&Open) -> bool,
    ) -> Result<Vec<Record>> {
        let folded = self.archive.get(objects).await?;
        entries.extend(folded.into_iter().filter(|entry| wanted(&entry.record.open)));
        Ok(in_order(entries))
    }

    async fn fold(&self, job: &str) -> Result<Option<Vec<String>>> {
        if !self.archive.is_there() {
            return Ok(None);
        }
        let job = job.to_owned();
        let mut folded = Vec::new();
        for scope in self.lister.run(move |view| fold::foldable(view, &job)).await? {
            let object = self.archive.put(&scope.entries).await?;
            failpoint::reach("between_fold_and_drop");
            let name = object.clone();
            if self.writer.run(move |step| fold::fold(step, &scope, &object)).await? {
                folded.push(name);
            }
        }
        Ok((!folded.is_empty()).then_some(folded))
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
        let scope = open.call.scope.clone();
        self.write_to(&scope, move |step| journal::open(step, &open)).await
    }

    async fn settle(&self, call: &Call, r#try: u32, settle: Settle) -> Result<Settled> {
        let asked = call.clone();
        let work = move |step: &mut Step<'_>| journal::settle(step, &asked, r#try, &settle);
        self.write_to(&call.scope, work).await
    }

    async fn journal(&self, scope: Scope<'_>) -> Result<Vec<Record>> {
        match scope {
            Scope::Call(call) => {
                let asked = call.clone();
                let read = move |view: &View<'_>| {
                    let entries = journal::entries_of_call(view.db, &asked)?;
                    Ok((entries, fold::object_of(view.db, &asked.scope)?.into_iter().collect()))
                };
                self.records(self.reader.run(read).await?, |open| open.call == *call).await
            }
            Scope::Job(job) => {
                let id = job.to_owned();
                let read = move |view: &View<'_>| {
                    let entries = journal::entries(view.db, "job = ?1", [&id])?;
                    Ok((entries, fold::objects_of_job(view.db, &id)?))
                };
                self.records(self.lister.run(read).await?, |open| open.job == job).await
            }
            Scope::Batch(batch) => {
                let name = batch.to_owned();
                let read = move |view: &View<'_>| {
                    let entries = journal::entries(view.db, "batch = ?1", [&name])?;
                    Ok((entries, fold::objects_of_batch(view.db, &name)?))
                };
                self.records(self.lister.run(read).await?, |open| open.batch == batch).await
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

    async fn tidy(&self, chore: Chore<'_>) -> Result<Option<Vec<String>>> {
        match chore {
            Chore::Fold { job } => self.fold(job).await,
            Chore::Collected { seen } => {
                let seen = seen.clone();
                self.writer.run(move |step| forget::mark_collected(step, &seen)).await
            }
            Chore::Forget { batch, uncollected } => {
                let batch = batch.to_owned();
                self.writer.run(move |step| forget::forget(step, &batch, uncollected)).await
            }
            Chore::Strays { spared } => {
                let spared = spared.clone();
                self.writer.run(move |step| forget::remove_strays(step, &spared)).await
            }
            Chore::Objects { of } => {
                let of = of.map(str::to_owned);
                let read = move |view: &View<'_>| fold::objects_in_use(view.db, of.as_deref());
                self.lister.run(read).await.map(Some)
            }
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
