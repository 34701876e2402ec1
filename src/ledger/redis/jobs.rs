//! Jobs: read, changed by the domain, stored with all that moves along.

use super::commit::Commit;
use super::events;
use super::keys::Keys;
use super::link::{Link, Now, at_once};
use crate::domain::job::{self, Change, Job, Refusal, State, StateName};
use crate::ledger::{Error, Result, codec, decide};

/// A stored job begins with its version: what a guard looks at without reading the rest.
const VERSION_BYTES: usize = 8;
/// The field of a batch that says when it was collected.
pub(super) const COLLECTED: &str = "collected_at";
/// What the bell says when there is something to claim. Else it says which job was cancelled.
pub(super) const WORK: &str = "";

/// One change of the state machine.
pub(super) async fn apply(
    link: &Link,
    id: &str,
    change: Change,
) -> Result<std::result::Result<Job, Refusal>> {
    loop {
        let (now, stored) = load(link, id).await?;
        let job = stored.ok_or_else(|| Error::NoSuchJob(id.to_owned()))?;
        let (job, commit) = match changed(&link.keys, now, &job, change.clone())? {
            Ok(step) => step,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if link.commit(&commit).await? {
            return Ok(Ok(job));
        }
        if !is_known(link, &job.batch).await? {
            return Err(Error::NoSuchJob(id.to_owned()));
        }
    }
}

/// Whether a batch is there; its jobs are removed after it.
async fn is_known(link: &Link, batch: &str) -> Result<bool> {
    let mut pipeline = redis::pipe();
    pipeline.cmd("HEXISTS").arg(link.keys.batch(batch)).arg("doc");
    let (known,): (bool,) = link.ask(&pipeline).await?;
    Ok(known)
}

/// The time and the job of that id.
pub(super) async fn load(link: &Link, id: &str) -> Result<(Now, Option<Job>)> {
    let mut pipeline = at_once();
    pipeline.cmd("GET").arg(link.keys.job(id));
    let (now, stored): (Now, Option<Vec<u8>>) = link.ask(&pipeline).await?;
    Ok((now, stored.map(|bytes| decode(&bytes)).transpose()?))
}

/// The jobs of these ids; none where an id is nobody's or an alias row's.
pub(super) async fn load_all(link: &Link, ids: &[String]) -> Result<Vec<Option<Job>>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut pipeline = redis::pipe();
    pipeline.cmd("MGET");
    for id in ids {
        pipeline.arg(link.keys.job(id));
    }
    let (stored,): (Vec<Option<Vec<u8>>>,) = link.ask(&pipeline).await?;
    stored.into_iter().map(|bytes| bytes.map(|bytes| decode(&bytes)).transpose()).collect()
}

/// Lets the domain change a job: the job as it then is, and the step that makes it so.
pub(super) fn changed(
    keys: &Keys,
    now: Now,
    before: &Job,
    change: Change,
) -> Result<std::result::Result<(Job, Commit), Refusal>> {
    let job = match job::apply(before.clone(), change, now.ms) {
        Ok(job) => job,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let mut commit = Commit::default();
    expect_unchanged(&mut commit, keys, before);
    commit.write("SET", keys.job(&job.id), encode(&job)?);
    leave(&mut commit, keys, before);
    enter(&mut commit, keys, &job);
    let (from, to) = (before.state.name(), job.state.name());
    if from != to {
        count(&mut commit, keys, &job.batch, from, -1);
        count(&mut commit, keys, &job.batch, to, 1);
    }
    if from.is_final() && !to.is_final() {
        // A batch that is gone does not come back; and what was collected is not all any more.
        commit.expect(b"1", "HEXISTS", keys.batch(&job.batch), "doc");
        commit.write("HDEL", keys.batch(&job.batch), COLLECTED);
    }
    if let Some(error) = decide::error_of(&job.state) {
        let last = ("last_error", decide::error_line(error));
        commit.write("HSET", keys.batch(&job.batch), last);
    }
    if let Some((kind, text)) = decide::event_of(from, &job) {
        let event = decide::event_about_job(now.ms, &job, kind, text);
        events::tell(&mut commit, keys, &event)?;
    }
    Ok(Ok((job, commit)))
}

/// The step happens only if nobody has changed the job since it was read.
pub(super) fn expect_unchanged(commit: &mut Commit, keys: &Keys, job: &Job) {
    let version = job.version.to_be_bytes();
    commit.expect(&version, "GETRANGE", keys.job(&job.id), (0, VERSION_BYTES - 1));
}

fn count(commit: &mut Commit, keys: &Keys, batch: &str, state: StateName, jobs: i64) {
    commit.write("HINCRBY", keys.batch(batch), (state.as_str(), jobs));
}

/// Takes a job out of every index it may be in.
fn leave(commit: &mut Commit, keys: &Keys, job: &Job) {
    for (key, _) in places(keys, job) {
        commit.write("ZREM", key, &job.id);
    }
    if matches!(job.state, State::Waiting { .. }) {
        commit.write("ZREM", keys.ready(&job.batch), &job.id);
    }
}

/// Puts a job into the indexes of its state; the bell tells of those that others wait for.
fn enter(commit: &mut Commit, keys: &Keys, job: &Job) {
    for (key, score) in places(keys, job) {
        commit.write("ZADD", key, (score, &job.id));
    }
    if matches!(job.state, State::Queued | State::Waiting { .. }) {
        commit.write("SADD", keys.open_batches(), &job.batch);
    }
    match &job.state {
        State::Queued => commit.write("PUBLISH", keys.bell(), WORK),
        // Whoever runs it finds out at once.
        State::Cancelled => commit.write("PUBLISH", keys.bell(), &job.id),
        State::Running { .. }
        | State::Waiting { .. }
        | State::Completed { .. }
        | State::Dead { .. } => {}
    }
}

/// The sorted sets a job is in, with its score in each. One that waits is moved to `ready` by the
/// first claim after its time.
fn places(keys: &Keys, job: &Job) -> Vec<(String, i64)> {
    let own = (keys.state(&job.batch, job.state.name()), i64::from(job.index));
    match &job.state {
        State::Queued => vec![(keys.ready(&job.batch), ready_score(job))],
        State::Running { lease } => vec![own, (keys.leases(), lease.until)],
        State::Waiting { until, .. } => vec![own, (keys.waits(), *until)],
        State::Completed { .. } | State::Dead { .. } | State::Cancelled => vec![own],
    }
}

/// Priority first, then index.
pub(super) fn ready_score(job: &Job) -> i64 {
    rank_score(decide::rank(job.priority)) + i64::from(job.index)
}

/// Where a priority begins in `ready`: an index has 32 bits.
pub(super) fn rank_score(rank: u8) -> i64 {
    i64::from(rank) << 32
}

/// A score as the server writes it. Ours are whole and below 2^53.
pub(super) fn whole(score: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "it was an integer when it was written")]
    let whole = score as i64;
    whole
}

/// The bytes of a job. Finished ones lie in memory until their batch goes: few are better.
pub(super) fn encode(job: &Job) -> Result<Vec<u8>> {
    let mut bytes = job.version.to_be_bytes().to_vec();
    bytes.extend(if job.state.name().is_final() {
        codec::encode_tightly(job)?
    } else {
        codec::encode(job)?
    });
    Ok(bytes)
}

fn decode(bytes: &[u8]) -> Result<Job> {
    codec::decode(bytes.get(VERSION_BYTES..).unwrap_or_default())
}
