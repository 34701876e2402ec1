//! From the ledger to files: a finished job's folder, and everything about a batch.
//!
//! Everything is read from ledger and blobs alone, so any machine can do it at any time. Commit
//! first, files after: what a crash between the two left out is healed here.

use super::attempt::Finished;
use super::store::{self, Frozen};
use crate::blobs::Blobs;
use crate::domain::call::{Call, Record};
use crate::domain::job::{Job, State};
use crate::export::collect::{self, BatchWriter};
use crate::export::telemetry::SharedAnswer;
use crate::export::{BatchInput, JobInput, names};
use crate::failpoint;
use crate::ledger::{self, BatchSummary, Chore, Filter, Ledger, Row, Scope, is_over};
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use tokio::task::block_in_place;

/// Rows read from the ledger at a time.
const PAGE: u32 = 500;

/// What keeps files from being written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    #[error("the results cannot be written below {path}")]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// What an export did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exported {
    pub path: PathBuf,
    pub jobs: u64,
    pub files: u64,
    pub bytes: u64,
    /// Result files that were there and had to be written again.
    pub repaired: u64,
    pub not_obtained: u64,
}

/// A batch as the export wants it.
fn input(frozen: &Frozen, rows: u64) -> BatchInput<'_> {
    BatchInput {
        name: &frozen.batch.name,
        spec: &frozen.spec,
        prompts_sha256: &frozen.prompts_sha256,
        pack: &frozen.pack,
        rows: u32::try_from(rows).unwrap_or(u32::MAX),
    }
}

/// The rows of a batch, alias rows included.
pub fn rows_of(batch: &BatchSummary) -> u64 {
    batch.states.values().sum::<u64>() + batch.duplicates
}

/// Writes the folder of a job that has just been finished; `rows` has its batch so far.
pub fn write_job(
    blobs: &Blobs,
    frozen: &Frozen,
    rows: u64,
    job: &Job,
    exports: &Path,
) -> Result<(), Error> {
    block_in_place(|| {
        let Some(finished) = finished(blobs, job)? else { return Ok(()) };
        let batch = input(frozen, rows);
        let dir = exports.join(names::batch_folder(&job.batch, batch.rehearsal()));
        let row = Row { job: job.clone(), duplicate_of: None };
        let job = JobInput { row: &row, result: Some(&finished.result) };
        let written = collect::write_job(&dir, &batch, &job, &images(blobs), &between);
        written.map(|_| ()).map_err(|source| Error::Write { path: dir, source })
    })
}

/// Writes everything about a batch below `exports`.
pub async fn write_batch(
    ledger: &dyn Ledger,
    blobs: &Blobs,
    batch: &BatchSummary,
    exports: &Path,
    bom: bool,
) -> Result<Exported, Error> {
    let name = &batch.batch.name;
    let frozen = block_in_place(|| Frozen::read(batch.batch.clone(), blobs))?;
    let input = input(&frozen, rows_of(batch));
    let dir = exports.join(names::batch_folder(name, input.rehearsal()));
    let failed = |source| Error::Write { path: dir.clone(), source };
    let mut exported = Exported { path: dir.clone(), ..Exported::default() };
    let was_whole = collect::is_whole(&dir);
    let begun = block_in_place(|| BatchWriter::begin(&dir, input, bom, &between));
    let mut writer = begun.map_err(failed)?;
    let mut shared_answers = SharedAnswers::default();
    let mut filter = Filter { batch: Some(name.clone()), limit: PAGE, ..Filter::default() };
    loop {
        let page = ledger.jobs(&filter).await?;
        let Some(last) = page.last() else { break };
        filter.after = Some(last.job.id.clone());
        for row in &page {
            let finished = block_in_place(|| finished(blobs, &row.job))?;
            let (records, shared) = if row.duplicate_of.is_some() {
                (vec![], vec![])
            } else {
                let records = ledger.journal(Scope::Job(&row.job.id)).await?;
                let used = finished.as_ref().map_or(&[][..], |finished| &finished.shared);
                (records, shared_answers.of(ledger, &row.job.id, used).await?)
            };
            let job = JobInput { row, result: finished.as_ref().map(|found| &found.result) };
            block_in_place(|| {
                let folder = collect::write_job(&dir, &input, &job, &images(blobs), &between)?;
                if let Some(folder) = folder {
                    exported.files += folder.files;
                    exported.bytes += folder.bytes;
                    let missing = if was_whole && folder.created { folder.files } else { 0 };
                    exported.repaired += folder.repaired + missing;
                }
                exported.jobs += 1;
                writer.add(&job, &records, &shared)
            })
            .map_err(failed)?;
            if row.job.state.name().is_final() {
                ledger.tidy(Chore::Fold { job: &row.job.id }).await?;
            }
        }
    }
    let rejected = ledger.rejected(name).await?;
    let written = block_in_place(|| writer.finish(&rejected)).map_err(failed)?;
    exported.files += written.files;
    exported.bytes += written.bytes;
    exported.repaired += written.repaired;
    exported.not_obtained = written.totals.not_obtained();
    if is_over(batch) {
        // Every file was flushed when it was placed.
        ledger.tidy(Chore::Collected { seen: batch }).await?;
    }
    Ok(exported)
}

/// What a completed job left in the blobs.
fn finished(blobs: &Blobs, job: &Job) -> Result<Option<Finished>, store::Error> {
    match &job.state {
        State::Completed { result } => Ok(Some(store::decode(&blobs.get(result)?)?)),
        State::Queued
        | State::Running { .. }
        | State::Waiting { .. }
        | State::Dead { .. }
        | State::Cancelled => Ok(None),
    }
}

fn images(blobs: &Blobs) -> impl Fn(&str) -> io::Result<Vec<u8>> {
    |sha256| blobs.get(sha256).map(|bytes| bytes.to_vec()).map_err(io::Error::other)
}

fn between(_: &Path) {
    failpoint::reach("between_files");
}

/// The records behind shared answers, each looked up once.
#[derive(Debug, Default)]
struct SharedAnswers(HashMap<Call, Option<Record>>);

impl SharedAnswers {
    async fn of(
        &mut self,
        ledger: &dyn Ledger,
        job: &str,
        calls: &[Call],
    ) -> Result<Vec<SharedAnswer>, ledger::Error> {
        let mut answers = Vec::new();
        for call in calls {
            if !self.0.contains_key(call) {
                let records = ledger.journal(Scope::Call(call)).await?;
                let closing = records.into_iter().find(|record| {
                    let end = record.settle.as_ref();
                    !record.duplicate && end.is_some_and(|end| end.outcome.is_final())
                });
                self.0.insert(call.clone(), closing);
            }
            let record = self.0.get(call).cloned().flatten();
            answers.extend(record.map(|record| SharedAnswer { job: job.to_owned(), record }));
        }
        Ok(answers)
    }
}
