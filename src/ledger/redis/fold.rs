//! Folding: a scope's fields out of its hash once they lie in the blobs, and back when they change.

use super::journal::{self, BETWEEN, FOLDED};
use super::link::Link;
use super::{commit::Commit, jobs};
use crate::failpoint;
use crate::ledger::fold::{Archive, Entry};
use crate::ledger::{Result, codec};
use std::collections::{BTreeMap, BTreeSet};

/// Scopes asked about at once.
const PAGE: usize = 500;

/// Folds what was asked on behalf of a job, if it is over.
pub(super) async fn fold(link: &Link, archive: &Archive, job: &str) -> Result<Option<Vec<String>>> {
    if !archive.is_there() || !are_over(link, &[job.to_owned()]).await? {
        return Ok(None);
    }
    let mut scopes = scopes_elsewhere(link, job).await?;
    scopes.insert(job.to_owned());
    let mut folded = Vec::new();
    for scope in scopes {
        folded.extend(fold_scope(link, archive, job, &scope).await?);
    }
    Ok((!folded.is_empty()).then_some(folded))
}

/// The objects that hold these scopes.
pub(super) async fn objects_of(link: &Link, scopes: &[String]) -> Result<Vec<String>> {
    let mut objects = Vec::new();
    for scopes in scopes.chunks(PAGE) {
        let mut pipeline = redis::pipe();
        for scope in scopes {
            pipeline.cmd("HGET").arg(link.keys.calls(scope)).arg(FOLDED);
        }
        let found: Vec<Option<String>> = link.ask(&pipeline).await?;
        objects.extend(found.into_iter().flatten());
    }
    Ok(objects)
}

/// The objects that hold what the jobs of a batch asked for themselves.
pub(super) async fn objects_of_batch(link: &Link, batch: &str) -> Result<Vec<String>> {
    objects_of(link, &link.members(&link.keys.askers(batch)).await?).await
}

/// All objects that hold something: those of jobs, of what they share, and of what was left behind.
pub(super) async fn objects_in_use(link: &Link) -> Result<Vec<String>> {
    let keys = &link.keys;
    let mut pipeline = redis::pipe();
    pipeline.cmd("ZRANGE").arg(keys.batches()).arg(0).arg(-1);
    pipeline.cmd("SMEMBERS").arg(keys.strays());
    let (batches, strays): (Vec<String>, Vec<String>) = link.ask(&pipeline).await?;
    let mut objects = objects_of(link, &strays).await?;
    for batch in batches {
        let askers = link.members(&keys.askers(&batch)).await?;
        let mut scopes = BTreeSet::new();
        for job in &askers {
            scopes.extend(scopes_elsewhere(link, job).await?);
        }
        let scopes: Vec<String> = askers.into_iter().chain(scopes).collect();
        objects.extend(objects_of(link, &scopes).await?);
    }
    Ok(objects)
}

/// The shared scopes in which something was asked on behalf of a job.
pub(super) async fn scopes_elsewhere(link: &Link, job: &str) -> Result<BTreeSet<String>> {
    let places = link.members(&link.keys.asked_elsewhere(job)).await?;
    let scope = |place: String| place.split_once(BETWEEN).map(|(scope, _)| scope.to_owned());
    Ok(places.into_iter().filter_map(scope).collect())
}

/// A scope's hash: fields and what they hold.
async fn fields(link: &Link, scope: &str) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut pipeline = redis::pipe();
    pipeline.cmd("HGETALL").arg(link.keys.calls(scope));
    let (fields,): (BTreeMap<String, Vec<u8>>,) = link.ask(&pipeline).await?;
    Ok(fields)
}

/// The records in a scope that is not folded.
fn entries_in(fields: &BTreeMap<String, Vec<u8>>) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for doc in fields.values() {
        entries.extend(codec::decode::<Vec<Entry>>(doc)?);
    }
    Ok(entries)
}

async fn fold_scope(
    link: &Link,
    archive: &Archive,
    job: &str,
    scope: &str,
) -> Result<Option<String>> {
    let fields = fields(link, scope).await?;
    if fields.is_empty() || fields.contains_key(FOLDED) {
        return Ok(None);
    }
    let entries = entries_in(&fields)?;
    let askers = entries.iter().map(|entry| entry.record.open.job.clone());
    let others: BTreeSet<String> = askers.filter(|asker| asker != job).collect();
    if !are_over(link, &others.into_iter().collect::<Vec<_>>()).await? {
        return Ok(None);
    }
    let object = archive.put(&entries).await?;
    failpoint::reach("between_fold_and_drop");
    let key = link.keys.calls(scope);
    let mut commit = Commit::default();
    for (field, doc) in &fields {
        commit.expect(doc, "HGET", key.clone(), field);
    }
    commit.expect(fields.len().to_string().as_bytes(), "HLEN", key.clone(), &[] as &[&str]);
    commit.write("DEL", key.clone(), &[] as &[&str]);
    commit.write("HSET", key, (FOLDED, &object));
    Ok(link.commit(&commit).await?.then_some(object))
}

/// Whether nothing more is asked on behalf of these jobs. One that was forgotten is over.
async fn are_over(link: &Link, ids: &[String]) -> Result<bool> {
    let jobs = jobs::load_all(link, ids).await?;
    Ok(jobs.into_iter().flatten().all(|job| job.state.name().is_final()))
}

/// Puts a scope's records back into its hash, unless somebody has done so.
pub(super) async fn unfold(
    link: &Link,
    archive: &Archive,
    scope: &str,
    object: &str,
) -> Result<()> {
    let mut fields: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    for entry in archive.get(vec![object.to_owned()]).await? {
        fields.entry(journal::field(&entry.record.open.call)).or_default().push(entry);
    }
    let key = link.keys.calls(scope);
    let mut commit = Commit::default();
    commit.expect(object.as_bytes(), "HGET", key.clone(), FOLDED);
    commit.write("HDEL", key.clone(), FOLDED);
    for (field, entries) in &fields {
        commit.write("HSET", key.clone(), (field, codec::encode(entries)?));
    }
    link.commit(&commit).await?;
    Ok(())
}

/// Whether every asker of a shared scope is gone from the ledger.
pub(super) async fn is_stray(link: &Link, archive: &Archive, scope: &str) -> Result<bool> {
    let fields = fields(link, scope).await?;
    let entries = match fields.get(FOLDED) {
        Some(object) => archive.get(vec![String::from_utf8_lossy(object).into_owned()]).await?,
        None => entries_in(&fields)?,
    };
    let askers: BTreeSet<String> = entries.into_iter().map(|entry| entry.record.open.job).collect();
    let askers: Vec<String> = askers.into_iter().collect();
    Ok(jobs::load_all(link, &askers).await?.iter().all(Option::is_none))
}
