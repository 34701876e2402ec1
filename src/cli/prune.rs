//! What is behind us: which batches may go, and what in the blobs goes with them.
//!
//! The order is what makes it safe. Batches are forgotten first; then the removal of blobs begins,
//! which waits for everybody who is putting something; then it is read who refers to what; then
//! what nobody refers to is removed, unless it was put again meanwhile. Whatever a crash leaves
//! over is found by the next one.

use crate::blobs::{self, Blobs, Sweep};
use crate::domain::job::{Job, PictureSource, State, StateName};
use crate::ledger::{self, BatchSummary, Chore, Filter, Ledger, Row, Scope, is_over};
use crate::worker::attempt::Finished;
use crate::worker::store;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::task::block_in_place;

/// Rows read at a time.
const PAGE: u32 = 1000;
/// What nobody is known to refer to stays for a day after it was put: an answer that could not be
/// told to the ledger yet may refer to it.
const STRAY_KEPT: Duration = Duration::from_hours(24);
/// What a running attempt has put since it began is told to the ledger at its end. Its beginning is
/// the ledger's time and the blobs have their own, so it counts as begun this much earlier.
const MARGIN: Duration = Duration::from_secs(1);

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// Only batches collected so long ago.
    pub older_than: Duration,
    /// And those that are over so long and were never collected.
    pub uncollected: bool,
    /// Say what would go, and leave it.
    pub dry_run: bool,
}

/// What went, or would go.
#[derive(Debug, Default)]
pub struct Pruned {
    pub batches: Vec<String>,
    /// Batches that stay, and why.
    pub kept: Vec<(String, &'static str)>,
    pub blobs: u64,
    pub bytes: u64,
}

/// Why it stopped. What was removed by then was rightly removed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    #[error(transparent)]
    Blobs(#[from] blobs::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Removes what may go.
pub async fn prune(ledger: &dyn Ledger, blobs: &Blobs, wish: Wish) -> Result<Pruned, Error> {
    let mut pruned = Pruned::default();
    let mut freed = BTreeSet::new();
    let summary = ledger.summary(None).await?;
    for batch in &summary.batches {
        let name = &batch.batch.name;
        if let Some(why) = stays(ledger, batch, summary.now, wish).await? {
            pruned.kept.push((name.clone(), why));
            continue;
        }
        let mut references = References::default();
        references.of_batch(ledger, blobs, batch).await?;
        let chore = if wish.dry_run {
            Chore::Objects { of: Some(name) }
        } else {
            Chore::Forget { batch: name, uncollected: wish.uncollected }
        };
        match ledger.tidy(chore).await? {
            Some(objects) => {
                freed.extend(references.blobs);
                freed.extend(objects);
                pruned.batches.push(name.clone());
            }
            None => pruned.kept.push((name.clone(), "another batch shares its results")),
        }
    }
    sweep(ledger, blobs, wish, freed, &mut pruned).await?;
    Ok(pruned)
}

/// Why a batch stays, if it does.
async fn stays(
    ledger: &dyn Ledger,
    batch: &BatchSummary,
    now: i64,
    wish: Wish,
) -> Result<Option<&'static str>, Error> {
    if !is_over(batch) {
        return Ok(Some("it is not finished"));
    }
    let since = match batch.collected_at {
        Some(collected_at) => collected_at,
        None if wish.uncollected => ended_at(ledger, batch).await?,
        None => return Ok(Some("it was not exported since it finished")),
    };
    let age = Duration::from_millis(u64::try_from(now - since).unwrap_or(0));
    Ok((age < wish.older_than).then_some("it is too young"))
}

/// When the last attempt at a job of the batch ended.
async fn ended_at(ledger: &dyn Ledger, batch: &BatchSummary) -> Result<i64, Error> {
    let mut last = batch.created_at;
    for_each_page(ledger, &batch.batch.name, async |rows| {
        let ends = rows.iter().filter_map(|row| row.job.history.last()?.ended_at);
        last = ends.fold(last, i64::max);
        Ok(())
    })
    .await?;
    Ok(last)
}

async fn for_each_page(
    ledger: &dyn Ledger,
    batch: &str,
    mut see: impl AsyncFnMut(&[Row]) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut filter = Filter { batch: Some(batch.to_owned()), limit: PAGE, ..Filter::default() };
    loop {
        let rows = ledger.jobs(&filter).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        filter.after = Some(last.job.id.clone());
        see(&rows).await?;
    }
}

/// What batches refer to.
#[derive(Debug, Default)]
struct References {
    blobs: BTreeSet<String>,
    /// Shared questions whose answers results used.
    shared: BTreeSet<String>,
    /// A job that has asked something may ask again for what it has an answer to.
    may_replay: bool,
    /// The oldest attempt that runs began then.
    running_since: Option<i64>,
}

impl References {
    async fn of_batch(
        &mut self,
        ledger: &dyn Ledger,
        blobs: &Blobs,
        batch: &BatchSummary,
    ) -> Result<(), Error> {
        self.blobs.insert(batch.batch.spec.clone());
        let name = batch.batch.name.clone();
        for_each_page(ledger, &name, async |rows| {
            for row in rows.iter().filter(|row| row.duplicate_of.is_none()) {
                self.of_job(ledger, blobs, &row.job).await?;
            }
            Ok(())
        })
        .await
    }

    async fn of_job(&mut self, ledger: &dyn Ledger, blobs: &Blobs, job: &Job) -> Result<(), Error> {
        if let PictureSource::Prepared(picture) = &job.picture {
            self.blobs.insert(picture.sha256.clone());
        }
        match &job.state {
            State::Completed { result } => {
                self.blobs.insert(result.clone());
                block_in_place(|| self.of_result(blobs, result))
            }
            State::Queued if job.history.is_empty() => Ok(()),
            State::Queued
            | State::Running { .. }
            | State::Waiting { .. }
            | State::Dead { .. }
            | State::Cancelled => {
                self.may_replay |= !job.history.is_empty();
                if job.state.name() == StateName::Running {
                    let began = job.history.last().map(|attempt| attempt.started_at);
                    self.running_since = self.running_since.into_iter().chain(began).min();
                }
                for record in ledger.journal(Scope::Job(&job.id)).await? {
                    let images = record.settle.into_iter().flat_map(|settle| settle.images);
                    self.blobs.extend(images.map(|image| image.sha256));
                }
                Ok(())
            }
        }
    }

    fn of_result(&mut self, blobs: &Blobs, result: &str) -> Result<(), Error> {
        let bytes = match blobs.get(result) {
            Ok(bytes) => bytes,
            // It refers to nothing any more; `export` says that it is missing.
            Err(blobs::Error::Missing(_)) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let Finished { result, shared } = store::decode(&bytes)?;
        self.blobs.insert(result.picture.sha256);
        self.blobs.extend(result.generated.into_iter().map(|image| image.sha256));
        self.shared.extend(shared.into_iter().map(|call| call.scope));
        Ok(())
    }
}

/// Removes what nobody refers to: at once what forgotten batches did, after a day what nobody ever
/// told the ledger about.
async fn sweep(
    ledger: &dyn Ledger,
    blobs: &Blobs,
    wish: Wish,
    mut freed: BTreeSet<String>,
    pruned: &mut Pruned,
) -> Result<(), Error> {
    let sweep = block_in_place(|| blobs.begin_sweep())?;
    let summary = ledger.summary(None).await?;
    let mut used = References::default();
    let goes = |batch: &&BatchSummary| !pruned.batches.contains(&batch.batch.name);
    for batch in summary.batches.iter().filter(goes) {
        used.of_batch(ledger, blobs, batch).await?;
    }
    if !wish.dry_run && !used.may_replay {
        let strays = ledger.tidy(Chore::Strays { spared: &used.shared }).await?;
        freed.extend(strays.unwrap_or_default());
    }
    let objects = ledger.tidy(Chore::Objects { of: None }).await?.unwrap_or_default();
    // Of a dry run, what would be given up is still in use.
    used.blobs.extend(objects.into_iter().filter(|object| !freed.contains(object)));
    let running = used.running_since.map_or(Duration::ZERO, |since| {
        Duration::from_millis(u64::try_from(summary.now - since).unwrap_or(0)) + MARGIN
    });
    block_in_place(|| remove(&sweep, wish, &freed, &used.blobs, running, pruned))
}

fn remove(
    sweep: &Sweep,
    wish: Wish,
    freed: &BTreeSet<String>,
    used: &BTreeSet<String>,
    running: Duration,
    pruned: &mut Pruned,
) -> Result<(), Error> {
    for blob in sweep.list()?.into_iter().filter(|blob| !used.contains(&blob.name)) {
        let quiet = if freed.contains(&blob.name) { running } else { running.max(STRAY_KEPT) };
        let gone = if wish.dry_run {
            sweep.is_quiet(&blob.name, quiet)?
        } else {
            sweep.remove(&blob.name, quiet)?
        };
        pruned.blobs += u64::from(gone);
        pruned.bytes += if gone { blob.bytes } else { 0 };
    }
    Ok(())
}
