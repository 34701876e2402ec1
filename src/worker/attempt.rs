//! One attempt at a job, from claim to folder.

use super::ending::{self, classify};
use super::{Sight, Worker, collect, lease, pictures, solo, store};
use crate::blobs;
use crate::discussion::{self, Brief, Stop, plan};
use crate::domain::cost::MicroUsd;
use crate::domain::job::{Change, Job, JobError, PictureSource, Progress, State, StateName};
use crate::domain::result::{JobResult, Picture};
use crate::domain::seed::Seed;
use crate::domain::spec::{PictureLimits, Spec};
use crate::failpoint;
use crate::imaging;
use crate::journal::{self, GaveUp, Headway, patiently};
use crate::ledger::{Chore, Filter, NewBlock, decide, is_over};
use crate::provider;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// How long an attempt's last word on its progress may hold up its end.
const LAST_WORD_MAX: Duration = Duration::from_secs(1);

/// A job being worked on, as its lease and the watchers see it.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) token: String,
    job: String,
    source: String,
    started: Instant,
    pub(super) headway: Headway,
    pub(super) hold: journal::Hold,
    /// It got no further for too long.
    pub(super) overrun: CancellationToken,
    /// Somebody cancelled the job.
    pub(super) cancelled: CancellationToken,
}

impl Running {
    /// A job that was claimed just now.
    fn of(job: &Job, lease: Duration) -> Option<Self> {
        let started = Instant::now();
        let headway = Headway::default();
        headway.set(job.progress.clone(), job.cost);
        Some(Self {
            token: job.lease()?.token.clone(),
            job: job.id.clone(),
            source: job.source.clone(),
            started,
            headway,
            hold: journal::Hold::new(started, lease),
            overrun: CancellationToken::new(),
            cancelled: CancellationToken::new(),
        })
    }

    pub(super) fn progress(&self) -> (Progress, MicroUsd) {
        self.headway.get()
    }

    pub(super) fn sight(&self) -> Sight {
        Sight {
            job: self.job.clone(),
            source: self.source.clone(),
            progress: self.progress().0,
            started: self.started,
        }
    }
}

/// What a finished job leaves in the blobs.
#[derive(Debug, Serialize, Deserialize)]
pub struct Finished {
    pub result: JobResult,
    /// Shared calls whose answers it used without asking: telemetry.
    pub shared: Vec<journal::SharedUse>,
}

/// Runs one attempt to its end and tells the ledger. Nothing comes out: every ending is a change.
///
/// Every log line on the way carries batch and job.
pub(super) async fn attempt(worker: &Arc<Worker>, job: Job) {
    let span = tracing::error_span!("job", batch = %job.batch, job = %job.id);
    hold_to_the_end(worker, job).instrument(span).await;
}

async fn hold_to_the_end(worker: &Arc<Worker>, job: Job) {
    let number = job.history.last().map_or(0, |attempt| attempt.attempt);
    tracing::info!(index = job.index, source = %job.source, attempt = number, "begun");
    let Some(running) = Running::of(&job, worker.options.lease).map(Arc::new) else { return };
    worker.lock_running().insert(job.id.clone(), Arc::clone(&running));
    let change = match &worker.options.solo {
        Some(solo) if job.suspect => solo::apart(worker, solo, &job, &running).await,
        Some(_) | None => within(worker, &job, &running).await,
    };
    worker.lock_running().remove(&job.id);
    if let Some(change) = change {
        finish(worker, &job, change).await;
    }
}

/// An attempt in this process.
async fn within(worker: &Arc<Worker>, job: &Job, running: &Arc<Running>) -> Option<Change> {
    let stop = worker.shutdown.stop.child_token();
    let renewal =
        lease::renew(Arc::clone(worker), job.id.clone(), Arc::clone(running), stop.clone());
    let renewal = worker.heart.spawn(renewal.in_current_span());
    // A task of its own, so that one that never lets go of its thread can be left behind.
    let mut holding = tokio::spawn({
        let (worker, job, running) = (Arc::clone(worker), job.clone(), Arc::clone(running));
        async move { hold(&worker, &job, &running, stop).await }.in_current_span()
    });
    let ended = tokio::select! {
        ended = &mut holding => ended,
        () = running.overrun.cancelled() => {
            holding.abort();
            tracing::error!(job = %job.id, "the attempt got no further for too long; given up");
            return Some(Change::Suspect { token: running.token.clone() });
        }
        () = running.cancelled.cancelled() => {
            // Nobody wants the answers any more: running calls are hung up on.
            holding.abort();
            renewal.abort();
            return None;
        }
    };
    renewal.abort();
    // The last word on how far it came; a refusal is told by the change that follows.
    let last_word = lease::renew_once(worker, &job.id, running);
    tokio::time::timeout(LAST_WORD_MAX, last_word).await.ok();
    let (progress, cost) = running.progress();
    let token = running.token.clone();
    let Ok(ended) = ended else { return Some(ending::panicked(token, &progress.stage)) };
    let random = getrandom::u32().unwrap_or(0);
    let ending = classify(ended, job, token, cost, random);
    if let Some((resource, reason, for_ms)) = ending.block {
        block(worker, &resource, reason.clone(), for_ms).await;
        if resource == decide::batch_resource(&job.batch) {
            lift_if_raised(worker, &job.batch, &reason).await;
        }
    }
    Some(ending.change)
}

/// Whoever raised the budget while this worker found the old one used up has lifted its block
/// before it was set: it goes again.
async fn lift_if_raised(worker: &Worker, batch: &str, reason: &str) {
    let ledger = &worker.desk.ledger;
    let Ok(summary) = ledger.summary(Some(batch)).await else { return };
    let Some(row) = summary.batches.first() else { return };
    let is_weighed_by = |max: MicroUsd| reason.contains(&journal::budget_message(max));
    // A pause stays, and so does whatever else stands there.
    let is_ours = summary.blocks.iter().any(|block| block.reason == reason);
    if !is_ours || row.batch.max_cost.is_some_and(is_weighed_by) {
        return;
    }
    if let Err(error) = ledger.block(&decide::batch_resource(batch), None).await {
        tracing::warn!(%error, batch, "the block of an older budget could not be lifted");
    }
}

/// The pipeline: spec, picture, discussion, result. Gives the result's blob.
async fn hold(
    worker: &Worker,
    job: &Job,
    running: &Running,
    stop: CancellationToken,
) -> Result<String, Stop> {
    let desk = &worker.desk;
    let frozen = worker.batch(&job.batch).await?;
    let spec = &frozen.spec;
    let (picture, facts) = picture(worker, job, &spec.picture, &stop).await?;
    let expected = plan::expected(&spec.agenda, spec.models.image.is_some());
    let start = journal::Start {
        job,
        spec,
        max_cost: frozen.batch.max_cost,
        prices: Arc::new(desk.services.prices.after(&frozen.batch.prices)),
        token: running.token.clone(),
        expected,
        stop: stop.clone(),
        hold: &running.hold,
        headway: &running.headway,
    };
    let attempt = journal::Attempt::resume(desk, start).await?;
    let brief = Brief {
        spec,
        pack: &frozen.pack,
        topic: &job.topic,
        keywords: &job.keywords,
        design_prompt: &job.design_prompt,
        picture,
        facts,
        seed: seed(job, spec),
    };
    let result = discussion::hold(&attempt, &brief).await?;
    let finished = Finished { result, shared: attempt.shared() };
    failpoint::reach("before_result");
    let bytes = store::encode(&finished).map_err(Stop::internal)?;
    let digest = desk.keep_patiently(bytes, &stop).await.map_err(unwritten)?;
    failpoint::reach("after_result");
    Ok(digest)
}

/// Everything left to chance follows from the picture, the topic and the spec's seed; not from
/// where the models are asked, so that a discussion can be repeated elsewhere.
fn seed(job: &Job, spec: &Spec) -> Seed {
    let text = format!("{}\n{}\n{}", job.picture_sha256, job.topic, spec.seed);
    Seed::from_bytes(text.as_bytes())
}

/// The prepared picture: out of the blobs, or prepared here from its path.
async fn picture(
    worker: &Worker,
    job: &Job,
    limits: &PictureLimits,
    stop: &CancellationToken,
) -> Result<(provider::Picture, Picture), Stop> {
    let (bytes, facts) = match &job.picture {
        PictureSource::Prepared(facts) => {
            let fetched = worker.desk.fetch_patiently(&facts.sha256, stop).await;
            (fetched.map_err(unkept)?, facts.clone())
        }
        PictureSource::Path(path) => {
            let (bytes, facts) = prepare(path.clone(), job, limits).await?;
            // The result shows it, wherever and whenever it is exported.
            worker.desk.keep_patiently(bytes.to_vec(), stop).await.map_err(unwritten)?;
            (bytes, facts)
        }
    };
    let (sha256, mime) = (facts.sha256.clone(), facts.mime.clone());
    let picture = provider::Picture { sha256, mime, bytes };
    Ok((picture, facts))
}

fn unkept(gave_up: GaveUp<blobs::Error>) -> Stop {
    let GaveUp::For(error) = gave_up else { return Stop::Interrupted };
    Stop::Die(JobError {
        code: "input.unreadable".to_owned(),
        message: format!("the prepared picture is not in the blobs: {error}"),
        hint: "enqueue the picture again with --again".to_owned(),
    })
}

fn unwritten(gave_up: GaveUp<blobs::Error>) -> Stop {
    let GaveUp::For(error) = gave_up else { return Stop::Interrupted };
    Stop::Retry(JobError {
        code: "internal".to_owned(),
        message: format!("a picture or a result could not be kept: {error}"),
        hint: "make room under the data folder, then `tableround jobs retry`".to_owned(),
    })
}

async fn prepare(
    path: String,
    job: &Job,
    limits: &PictureLimits,
) -> Result<(Bytes, Picture), Stop> {
    let limits = pictures::limits(limits);
    let digest = job.picture_sha256.clone();
    let work = move || {
        let input = std::fs::read(&path).map_err(|error| {
            ("input.unreadable".to_owned(), format!("{path} cannot be read: {error}"))
        })?;
        if blobs::digest(&input) != digest {
            return Err((
                "input.unreadable".to_owned(),
                format!("{path} has changed since it was enqueued"),
            ));
        }
        let prepared = imaging::prepare(&input, &limits)
            .map_err(|error| (error.code().to_owned(), format!("{path}: {error}")))?;
        Ok(pictures::facts(prepared))
    };
    let prepared = tokio::task::spawn_blocking(move || rayon::scope(|_| work())).await;
    prepared.map_err(Stop::internal)?.map_err(|(code, message)| {
        let hint = "mend the file, then enqueue it again".to_owned();
        Stop::Die(JobError { code, message, hint })
    })
}

async fn block(worker: &Worker, resource: &str, reason: String, for_ms: Option<u64>) {
    let block = NewBlock { reason, for_ms };
    let (desk, hang_up) = (&worker.desk, &worker.shutdown.hang_up);
    let blocking = patiently(hang_up, || desk.ledger.block(resource, Some(block.clone())));
    match blocking.await {
        Ok(()) | Err(GaveUp::Stopped) => {}
        Err(GaveUp::For(error)) => tracing::error!(%error, resource, "a block could not be set"),
    }
}

/// Tells the ledger how it ended, then writes the folder: commit first, files after.
async fn finish(worker: &Worker, job: &Job, change: Change) {
    let Some(after) = commit(worker, job, change).await else { return };
    tell_end(&after);
    match after.state.name() {
        StateName::Completed => failpoint::reach("after_commit"),
        StateName::Dead => watch_fails(worker, job).await,
        StateName::Queued | StateName::Running | StateName::Waiting | StateName::Cancelled => {}
    }
    if let (true, Some(exports)) = (after.state.name().is_final(), &worker.options.exports)
        && let Err(error) = write_files(worker, &after, exports).await
    {
        // The collector heals it; the job is done.
        tracing::warn!(job = %job.id, %error, "the job's files could not be written");
    }
    if after.state.name().is_final()
        && let Err(error) = worker.desk.ledger.tidy(Chore::Fold { job: &job.id }).await
    {
        // It is read as it is; the collector tries again.
        tracing::warn!(%error, "the journal could not be folded");
    }
}

/// The job as it is after its ending. While the ledger is away it is told again and again: nobody
/// takes the job before the ledger has answered for one lease time.
async fn commit(worker: &Worker, job: &Job, change: Change) -> Option<Job> {
    let (desk, hang_up) = (&worker.desk, &worker.shutdown.hang_up);
    let telling = patiently(hang_up, || desk.ledger.apply(&job.id, change.clone()));
    match telling.await {
        Ok(Ok(after)) => Some(after),
        Ok(Err(refusal)) => {
            let after = finished(worker, job, &change).await;
            if after.is_none() {
                tracing::warn!(job = %job.id, %refusal, "the ending was refused");
            }
            after
        }
        Err(GaveUp::Stopped) => {
            tracing::warn!(job = %job.id, "it goes back to the queue when its lease runs out");
            None
        }
        Err(GaveUp::For(error)) => {
            tracing::error!(job = %job.id, %error, "the ending could not be written");
            None
        }
    }
}

/// The job, if it has this very result by now: the ledger had taken the ending, and only its answer
/// got lost.
async fn finished(worker: &Worker, job: &Job, change: &Change) -> Option<Job> {
    let Change::Finish { result, .. } = change else { return None };
    let filter = Filter::one(&job.id);
    let rows = worker.desk.ledger.jobs(&filter).await.ok()?;
    let after = rows.into_iter().next()?.job;
    matches!(&after.state, State::Completed { result: kept } if kept == result).then_some(after)
}

/// The end of an attempt in the log: codes and counts, no words of a service.
fn tell_end(job: &Job) {
    let code = decide::error_of(&job.state).map(|error| error.code.as_str());
    let Job { attempts, interruptions, crashes, cost, .. } = job;
    let state = job.state.name().as_str();
    tracing::info!(attempts, interruptions, crashes, cost_usd = %cost, error = code, "{state}");
}

/// The job's folder, and after a batch's last job the files about all of it. Whoever works on one
/// batch alone collects it at the end anyway.
async fn write_files(worker: &Worker, job: &Job, exports: &Path) -> Result<(), Box<dyn Error>> {
    let desk = &worker.desk;
    let frozen = worker.batch(&job.batch).await.map_err(|stop| format!("{stop:?}"))?;
    let summary = desk.ledger.summary(Some(&job.batch)).await?;
    let Some(batch) = summary.batches.first() else { return Ok(()) };
    collect::write_job(&desk.blobs, &frozen, collect::rows_of(batch), job, exports)?;
    if is_over(batch) && worker.options.only.is_none() {
        collect::write_batch(&*desk.ledger, &desk.blobs, batch, exports, false).await?;
    }
    Ok(())
}

/// Stops a batch in which too many jobs have died.
async fn watch_fails(worker: &Worker, job: &Job) {
    let Ok(frozen) = worker.batch(&job.batch).await else { return };
    let Some(limit) = &frozen.batch.max_fails else { return };
    let Ok(summary) = worker.desk.ledger.summary(Some(&job.batch)).await else { return };
    let Some(row) = summary.batches.first() else { return };
    let dead = row.states.get(&StateName::Dead).copied().unwrap_or_default();
    if is_too_many(limit, dead, row.states.values().sum()) {
        let resource = decide::batch_resource(&job.batch);
        let reason = format!(
            "budget.reached: {dead} jobs are dead, as many as --max-fails {limit} lets die \
             (`tableround resume {}` goes on)",
            job.batch
        );
        block(worker, &resource, reason, None).await;
    }
}

/// Whether `dead` of `all` jobs reach a limit such as `5` or `10%`.
fn is_too_many(limit: &str, dead: u64, all: u64) -> bool {
    match limit.strip_suffix('%') {
        // A percentage has at most three decimals: counted in thousandths, without rounding.
        Some(percent) => percent.parse::<f64>().is_ok_and(|percent| {
            let thousandths = MicroUsd::from_usd(percent).map_or(0, |exact| exact.0 / 1000);
            dead > 0 && dead * 100_000 >= thousandths * all
        }),
        None => limit.parse::<u64>().is_ok_and(|limit| dead >= limit),
    }
}
