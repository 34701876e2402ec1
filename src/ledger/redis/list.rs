//! Rows of batches, a page at a time.

use super::jobs::{self, rank_score, whole};
use super::link::Link;
use crate::domain::job::{Priority, StateName};
use crate::ledger::decide::{self, Alias};
use crate::ledger::{Error, Filter, Result, Row, codec};
use std::collections::HashMap;

/// Rows read at once.
const PAGE: usize = 500;

/// Rows by batch and index.
pub(super) async fn list(link: &Link, filter: &Filter) -> Result<Vec<Row>> {
    if let Some(id) = &filter.job {
        let rows = rows(link, std::slice::from_ref(id)).await?;
        return Ok(rows.into_iter().filter(|row| is_wanted(row, filter)).collect());
    }
    let after = match &filter.after {
        Some(id) => Some(position(link, id).await?),
        None => None,
    };
    let limit = if filter.limit == 0 { usize::MAX } else { filter.limit as usize };
    let mut found = Vec::new();
    for name in batches(link, filter).await? {
        let after_index = match &after {
            Some((batch, _)) if name < *batch => continue,
            Some((batch, index)) if name == *batch => *index,
            Some(_) | None => 0,
        };
        let room = limit - found.len();
        if room == 0 {
            break;
        }
        found.extend(of_batch(link, &name, filter, after_index, room).await?);
    }
    Ok(found)
}

fn is_wanted(row: &Row, filter: &Filter) -> bool {
    filter.batch.as_ref().is_none_or(|batch| *batch == row.job.batch)
        && (filter.states.is_empty() || filter.states.contains(&row.job.state.name()))
}

async fn position(link: &Link, id: &str) -> Result<(String, u32)> {
    let row = rows(link, &[id.to_owned()]).await?.pop();
    row.map(|row| (row.job.batch, row.job.index)).ok_or_else(|| Error::NoSuchJob(id.to_owned()))
}

/// The names of the wanted batches, in order.
async fn batches(link: &Link, filter: &Filter) -> Result<Vec<String>> {
    if let Some(name) = &filter.batch {
        return Ok(vec![name.clone()]);
    }
    let mut pipeline = redis::pipe();
    pipeline.cmd("ZRANGE").arg(link.keys.batches()).arg(0).arg(-1);
    let (mut names,): (Vec<String>,) = link.ask(&pipeline).await?;
    names.sort();
    Ok(names)
}

async fn of_batch(
    link: &Link,
    batch: &str,
    filter: &Filter,
    mut after: u32,
    room: usize,
) -> Result<Vec<Row>> {
    let mut found: Vec<Row> = Vec::new();
    while found.len() < room {
        let ids = if filter.states.is_empty() {
            page(link, batch, after).await?
        } else {
            page_by_state(link, batch, &filter.states, after).await?
        };
        let Some((last, _)) = ids.last() else { break };
        after = *last;
        let ids: Vec<String> = ids.into_iter().map(|(_, id)| id).collect();
        let wanted = rows(link, &ids).await?.into_iter().filter(|row| is_wanted(row, filter));
        found.extend(wanted.take(room - found.len()));
    }
    Ok(found)
}

/// The next ids of a batch with their indexes: its list has no gaps.
async fn page(link: &Link, batch: &str, after: u32) -> Result<Vec<(u32, String)>> {
    let mut pipeline = redis::pipe();
    pipeline.cmd("LRANGE").arg(link.keys.rows(batch)).arg(after).arg(after as usize + PAGE - 1);
    let (ids,): (Vec<String>,) = link.ask(&pipeline).await?;
    Ok((after + 1..).zip(ids).collect())
}

/// The next ids of rows that may be in one of the states: a page of running jobs never walks over
/// those that wait. Aliases have their original's state, so all of them may.
async fn page_by_state(
    link: &Link,
    batch: &str,
    states: &[StateName],
    after: u32,
) -> Result<Vec<(u32, String)>> {
    let mut ranges = vec![(link.keys.aliases(batch), 0)];
    for state in states {
        match state {
            StateName::Queued => ranges.extend(
                [Priority::High, Priority::Normal]
                    .map(|p| (link.keys.ready(batch), rank_score(decide::rank(p)))),
            ),
            StateName::Running
            | StateName::Waiting
            | StateName::Completed
            | StateName::Dead
            | StateName::Cancelled => ranges.push((link.keys.state(batch, *state), 0)),
        }
    }
    let mut pipeline = redis::pipe();
    for (key, base) in &ranges {
        let from = format!("({}", base + i64::from(after));
        let to = base + i64::from(u32::MAX);
        pipeline.cmd("ZRANGEBYSCORE").arg(key).arg(from).arg(to).arg("WITHSCORES");
        pipeline.arg("LIMIT").arg(0).arg(PAGE);
    }
    let answers: Vec<Vec<(String, f64)>> = link.ask(&pipeline).await?;
    let index = |base: i64, score: f64| u32::try_from(whole(score) - base).unwrap_or(u32::MAX);
    let mut ids: Vec<(u32, String)> = ranges
        .iter()
        .zip(answers)
        .flat_map(|((_, base), ids)| ids.into_iter().map(|(id, at)| (index(*base, at), id)))
        .collect();
    ids.sort();
    ids.dedup();
    ids.truncate(PAGE);
    Ok(ids)
}

/// The rows of these ids, without those that are nobody's.
async fn rows(link: &Link, ids: &[String]) -> Result<Vec<Row>> {
    let jobs = jobs::load_all(link, ids).await?;
    let others: Vec<String> =
        ids.iter().zip(&jobs).filter(|(_, job)| job.is_none()).map(|(id, _)| id.clone()).collect();
    let mut aliases = aliases(link, &others).await?;
    let rows = ids.iter().zip(jobs).filter_map(|(id, job)| match job {
        Some(job) => Some(Row { job, duplicate_of: None }),
        None => aliases.remove(id),
    });
    Ok(rows.collect())
}

async fn aliases(link: &Link, ids: &[String]) -> Result<HashMap<String, Row>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let mut pipeline = redis::pipe();
    pipeline.cmd("MGET");
    for id in ids {
        pipeline.arg(link.keys.alias(id));
    }
    let (docs,): (Vec<Option<Vec<u8>>>,) = link.ask(&pipeline).await?;
    let found = docs.iter().flatten().map(|doc| codec::decode::<(Alias, String)>(doc));
    let found = found.collect::<Result<Vec<_>>>()?;
    let originals: Vec<String> = found.iter().map(|(_, original)| original.clone()).collect();
    let originals = jobs::load_all(link, &originals).await?;
    let rows = found.into_iter().zip(originals).map(|((alias, id), original)| {
        let original = original
            .ok_or_else(|| Error::Corrupt(format!("the original {id} of {} is gone", alias.id)))?;
        Ok((alias.id.clone(), decide::alias_row(alias, original)))
    });
    rows.collect()
}
