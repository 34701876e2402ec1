//! The ledger at a glance, from counters: nothing here looks at a job.

use super::link::{Link, Now, at_once};
use super::{events, sweep};
use crate::domain::cost::MicroUsd;
use crate::domain::job::StateName;
use crate::ledger::{BatchSummary, Block, Error, Result, Summary, codec};
use std::collections::HashMap;

/// Batches (all, or the one named), workers and blocks.
pub(super) async fn summary(link: &Link, batch: Option<&str>) -> Result<Summary> {
    let keys = &link.keys;
    let mut pipeline = at_once();
    pipeline.cmd("ZRANGE").arg(keys.batches()).arg(0).arg(-1).arg("REV");
    pipeline.cmd("HVALS").arg(keys.workers());
    pipeline.cmd("HVALS").arg(keys.blocks());
    pipeline.cmd("XREVRANGE").arg(keys.events()).arg("+").arg("-").arg("COUNT").arg(1);
    type Newest = Vec<(String, redis::Value)>;
    type Answers = (Now, Vec<String>, Vec<Vec<u8>>, Vec<Vec<u8>>, Newest);
    let (now, names, workers, blocks, newest): Answers = link.ask(&pipeline).await?;
    let is_wanted = |name: &String| batch.is_none_or(|batch| batch == name);
    Ok(Summary {
        now: now.ms,
        batches: batches(link, names.into_iter().filter(is_wanted).collect()).await?,
        workers: sweep::rows(&workers)?,
        blocks: current(&blocks, now)?,
        last_event: newest.first().map_or(Ok(0), |(id, _)| events::number(id))?,
    })
}

fn current(blocks: &[Vec<u8>], now: Now) -> Result<Vec<Block>> {
    let blocks = blocks.iter().map(|doc| codec::decode(doc));
    let mut blocks = blocks.collect::<Result<Vec<Block>>>()?;
    blocks.retain(|block| block.until.is_none_or(|until| until > now.ms));
    blocks.sort_by(|a, b| a.resource.cmp(&b.resource));
    Ok(blocks)
}

async fn batches(link: &Link, names: Vec<String>) -> Result<Vec<BatchSummary>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut pipeline = redis::pipe();
    for name in &names {
        pipeline.cmd("HGETALL").arg(link.keys.batch(name));
    }
    let batches: Vec<HashMap<String, Vec<u8>>> = link.ask(&pipeline).await?;
    batches.iter().map(batch_summary).collect()
}

fn batch_summary(fields: &HashMap<String, Vec<u8>>) -> Result<BatchSummary> {
    let text =
        |name: &str| fields.get(name).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let number = |name: &str| -> Result<i64> {
        let Some(text) = text(name) else { return Ok(0) };
        text.parse().map_err(|_| Error::Corrupt(format!("a batch's `{name}` is `{text}`")))
    };
    let count = |name: &str| -> Result<u64> { Ok(u64::try_from(number(name)?).unwrap_or(0)) };
    let doc = fields.get("doc").map(Vec::as_slice).unwrap_or_default();
    let states = StateName::ALL.into_iter();
    Ok(BatchSummary {
        batch: codec::decode(doc)?,
        created_at: number("created_at")?,
        states: states.map(|state| Ok((state, count(state.as_str())?))).collect::<Result<_>>()?,
        duplicates: count("duplicates")?,
        rejected: count("rejected")?,
        spent: MicroUsd(count("spent")?),
        reserved: MicroUsd(count("reserved")?),
        calls: count("calls")?,
        last_error: text("last_error"),
        collected_at: fields.get("collected_at").map(|_| number("collected_at")).transpose()?,
    })
}
