//! The next job for a free slot.

use super::commit::Commit;
use super::jobs::{self, whole};
use super::link::{Link, Now, at_once};
use crate::domain::job::{Change, Job, State};
use crate::ledger::{Batch, Block, Error, Result, codec, decide, token};
use std::collections::HashMap;

/// The most waiting jobs that one look makes ready.
const RIPEN_MAX: isize = 200;
/// How far from the head of the line somebody looks who came too late again and again: the
/// others are taking the jobs before.
const SPREAD_MAX: usize = 16;
/// Claims that came too late in a row, after which something else must be wrong.
const CONFLICTS_MAX: u32 = 1000;

/// Who asks for a job, and for which.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker<'a> {
    pub(super) worker: &'a str,
    pub(super) can_serve: &'a [String],
    pub(super) only: Option<&'a str>,
    pub(super) lease_ms: u32,
}

/// Claims the best due job, if there is one.
pub(super) async fn claim_next(link: &Link, asker: &Asker<'_>) -> Result<Option<Job>> {
    for conflicts in 0..CONFLICTS_MAX {
        let Some(line) = best_line(link, asker).await? else { return Ok(None) };
        let (now, job) = jobs::load(link, line.pick(conflicts)).await?;
        let Some(job) = job else { continue };
        let claim = Change::Claim {
            token: token::random()?,
            worker: asker.worker.to_owned(),
            lease_ms: asker.lease_ms,
        };
        // A refusal is somebody else's claim in between.
        if let Ok((job, commit)) = jobs::changed(&link.keys, now, &job, claim)?
            && link.commit(&commit).await?
        {
            return Ok(Some(job));
        }
    }
    Err(Error::Corrupt("the jobs marked as ready cannot be claimed".to_owned()))
}

/// The first ready jobs of the batch whose turn it is, all of one priority.
struct Line {
    jobs: Vec<String>,
}

impl Line {
    fn pick(&self, conflicts: u32) -> &str {
        let width = self.jobs.len().min(SPREAD_MAX).min(1 + 2 * conflicts as usize);
        let random = getrandom::u32().unwrap_or_default() as usize;
        &self.jobs[random % width]
    }
}

/// A batch with something to do, and the head of its line.
struct Candidate {
    rank: u8,
    running: i64,
    number: i64,
    line: Line,
}

/// Priority first, then the batch with the fewest running jobs (the older of equals), then index.
async fn best_line(link: &Link, asker: &Asker<'_>) -> Result<Option<Line>> {
    let (blocks, open) = ripe(link).await?;
    let mine = |name: &String| asker.only.is_none_or(|only| only == name);
    let open: Vec<String> = open.into_iter().filter(mine).collect();
    let mut candidates = Vec::new();
    for (name, found) in open.iter().zip(look(link, &open).await?) {
        if found.is_over {
            close(link, name).await?;
            continue;
        }
        let Some((batch, candidate)) = found.batch.zip(found.candidate) else { continue };
        if decide::may_claim(&batch, asker.can_serve, |resource| blocks.contains(resource)) {
            candidates.push(candidate);
        }
    }
    let turn = |candidate: &Candidate| (candidate.rank, candidate.running, candidate.number);
    Ok(candidates.into_iter().min_by_key(turn).map(|candidate| candidate.line))
}

/// The resources that cannot be used now.
struct Blocks(HashMap<String, Block>, Now);

impl Blocks {
    fn contains(&self, resource: &str) -> bool {
        let Self(blocks, now) = self;
        blocks.get(resource).is_some_and(|block| block.until.is_none_or(|until| until > now.ms))
    }
}

/// Makes ready what has waited long enough; then the blocks and the open batches.
async fn ripe(link: &Link) -> Result<(Blocks, Vec<String>)> {
    loop {
        let mut pipeline = at_once();
        pipeline.cmd("HGETALL").arg(link.keys.blocks());
        pipeline.cmd("SMEMBERS").arg(link.keys.open_batches());
        pipeline.cmd("ZRANGE").arg(link.keys.waits()).arg(0).arg(RIPEN_MAX - 1).arg("WITHSCORES");
        type Answers = (Now, HashMap<String, Vec<u8>>, Vec<String>, Vec<(String, f64)>);
        let (now, blocks, open, waits): Answers = link.ask(&pipeline).await?;
        let over = |&(_, until): &(String, f64)| whole(until) <= now.ms;
        let due: Vec<String> = waits.into_iter().filter(over).map(|(id, _)| id).collect();
        if due.is_empty() {
            let blocks = blocks.into_iter().map(|(name, doc)| Ok((name, codec::decode(&doc)?)));
            return Ok((Blocks(blocks.collect::<Result<_>>()?, now), open));
        }
        ripen(link, now, &due).await?;
    }
}

/// Moves jobs from the waiting ones to the ready ones. If somebody changed one of them in between,
/// nothing moves, and the next look tries again.
async fn ripen(link: &Link, now: Now, due: &[String]) -> Result<()> {
    let mut commit = Commit::default();
    for (id, job) in due.iter().zip(jobs::load_all(link, due).await?) {
        let waits = |job: &Job| matches!(job.state, State::Waiting { .. }) && job.is_due(now.ms);
        if let Some(job) = job.filter(waits) {
            jobs::expect_unchanged(&mut commit, &link.keys, &job);
            commit.write("ZREM", link.keys.waits(), id);
            commit.write("ZADD", link.keys.ready(&job.batch), (jobs::ready_score(&job), id));
        }
    }
    if !commit.is_empty() {
        link.commit(&commit).await?;
    }
    Ok(())
}

/// What a look at an open batch finds.
struct Found {
    batch: Option<Batch>,
    /// Nothing is queued and nothing waits.
    is_over: bool,
    candidate: Option<Candidate>,
}

async fn look(link: &Link, batches: &[String]) -> Result<Vec<Found>> {
    if batches.is_empty() {
        return Ok(Vec::new());
    }
    let mut pipeline = redis::pipe();
    for name in batches {
        pipeline.cmd("HMGET").arg(link.keys.batch(name));
        pipeline.arg("doc").arg("number").arg("running").arg("queued").arg("waiting");
        pipeline.cmd("ZRANGE").arg(link.keys.ready(name)).arg(0).arg(SPREAD_MAX - 1);
        pipeline.arg("WITHSCORES");
    }
    let answers: Vec<redis::Value> = link.ask(&pipeline).await?;
    answers.chunks(2).map(|pair| found(&pair[0], &pair[1])).collect()
}

fn found(batch: &redis::Value, line: &redis::Value) -> Result<Found> {
    type Fields = (Option<Vec<u8>>, Option<i64>, Option<i64>, Option<i64>, Option<i64>);
    let odd = |error: redis::ParsingError| Error::Corrupt(format!("a batch: {error}"));
    let (doc, number, running, queued, waiting): Fields =
        redis::from_redis_value_ref(batch).map_err(odd)?;
    let line: Vec<(String, f64)> = redis::from_redis_value_ref(line).map_err(odd)?;
    let rank = |score: f64| u8::try_from(whole(score) >> 32).unwrap_or(u8::MAX);
    let candidate = line.first().map(|&(_, score)| Candidate {
        rank: rank(score),
        running: running.unwrap_or(0),
        number: number.unwrap_or(0),
        line: Line {
            jobs: line
                .iter()
                .take_while(|&&(_, other)| rank(other) == rank(score))
                .map(|(id, _)| id.clone())
                .collect(),
        },
    });
    Ok(Found {
        batch: doc.map(|doc| codec::decode(&doc)).transpose()?,
        is_over: queued.unwrap_or(0) + waiting.unwrap_or(0) == 0,
        candidate,
    })
}

/// Takes a batch out of the open ones, unless something was added just now.
async fn close(link: &Link, batch: &str) -> Result<()> {
    let mut commit = Commit::default();
    for state in ["queued", "waiting"] {
        commit.expect(b"0", "HGET", link.keys.batch(batch), state);
    }
    commit.write("SREM", link.keys.open_batches(), batch);
    link.commit(&commit).await?;
    Ok(())
}
