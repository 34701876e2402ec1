//! What was collected, and what may go.
//!
//! A batch goes in one step that takes it out of every index; the keys of its jobs, which nobody
//! finds any more, follow many at a time from a list that stays until they are gone. So a crash on
//! the way leaves a list, and the next one who forgets a batch goes on with it.

use super::commit::{Commit, NOTHING};
use super::fold;
use super::jobs;
use super::link::{Link, Now, at_once};
use super::{add, events, summary};
use crate::domain::job::StateName;
use crate::ledger::chore::{is_as_seen, is_over};
use crate::ledger::decide::{Alias, batch_resource};
use crate::ledger::fold::Archive;
use crate::ledger::{BatchSummary, Result, codec, token};
use std::collections::{BTreeSet, HashSet};

/// Jobs looked at, or removed, at once.
const PAGE: isize = 500;

/// Marks a batch as collected, if it is still what was seen. The first time counts.
pub(super) async fn mark_collected(
    link: &Link,
    seen: &BatchSummary,
) -> Result<Option<Vec<String>>> {
    let name = &seen.batch.name;
    let (mut commit, now) = as_it_is(link, name).await?;
    let batch = summary::summary(link, Some(name)).await?.batches.pop();
    if batch.is_none_or(|batch| !is_as_seen(seen, &batch)) {
        return Ok(None);
    }
    commit.write("HSETNX", link.keys.batch(name), (jobs::COLLECTED, now.ms));
    Ok(link.commit(&commit).await?.then(Vec::new))
}

/// A step that happens only if the batch's counters stay what they are.
async fn as_it_is(link: &Link, name: &str) -> Result<(Commit, Now)> {
    let key = link.keys.batch(name);
    let states = StateName::ALL.map(StateName::as_str);
    let counters: Vec<&str> =
        states.into_iter().chain(["rows", "rejected", jobs::COLLECTED]).collect();
    let mut pipeline = at_once();
    pipeline.cmd("HMGET").arg(&key).arg(&counters);
    let (now, found): (Now, Vec<Option<String>>) = link.ask(&pipeline).await?;
    let mut commit = Commit::default();
    for (counter, value) in counters.into_iter().zip(found) {
        commit.expect(value.unwrap_or_default().as_bytes(), "HGET", key.clone(), counter);
    }
    Ok((commit, now))
}

/// Removes a batch with all that is its own. Shared questions stay: others may have their answers.
pub(super) async fn forget(
    link: &Link,
    name: &str,
    uncollected: bool,
) -> Result<Option<Vec<String>>> {
    let mut objects = go_on(link).await?;
    let (commit, _) = as_it_is(link, name).await?;
    let Some(batch) = summary::summary(link, Some(name)).await?.batches.pop() else {
        return Ok(None);
    };
    let may_go = is_over(&batch) && (uncollected || batch.collected_at.is_some());
    if !may_go || is_shared(link, name).await? {
        return Ok(None);
    }
    forget_fingerprints(link, name).await?;
    // From here on no new row can stand for one of its jobs.
    if !take_out(link, name, commit).await? {
        return Ok(None);
    }
    forget_events(link, name).await?;
    objects.extend(go_on(link).await?);
    Ok(Some(objects))
}

/// Takes the batch out of every index and leaves the list of its rows behind.
async fn take_out(link: &Link, name: &str, mut commit: Commit) -> Result<bool> {
    let keys = &link.keys;
    let mut pipeline = redis::pipe();
    pipeline.cmd("GET").arg(keys.additions());
    pipeline.cmd("LLEN").arg(keys.rows(name));
    let (additions, rows): (Option<String>, u64) = link.ask(&pipeline).await?;
    if is_shared(link, name).await? {
        return Ok(false);
    }
    let additions = additions.unwrap_or_default();
    commit.expect(additions.as_bytes(), "GET", keys.additions(), NOTHING);
    if rows > 0 {
        let gone = token::random()?;
        commit.write("SADD", keys.going(), &gone);
        commit.write("RENAME", keys.rows(name), keys.gone(&gone));
    }
    let states = StateName::ALL.map(|state| keys.state(name, state));
    let own = [
        keys.known(name),
        keys.rejected(name),
        keys.ready(name),
        keys.aliases(name),
        keys.askers(name),
        keys.batch(name),
    ];
    for key in states.into_iter().chain(own) {
        commit.write("UNLINK", key, NOTHING);
    }
    commit.write("ZREM", keys.batches(), name);
    commit.write("SREM", keys.open_batches(), name);
    commit.write("HDEL", keys.blocks(), batch_resource(name));
    link.commit(&commit).await
}

/// Removes the keys of jobs whose batch has gone; the objects they were folded into.
async fn go_on(link: &Link) -> Result<Vec<String>> {
    let keys = &link.keys;
    let mut objects = Vec::new();
    for list in link.members(&keys.going()).await? {
        let key = keys.gone(&list);
        loop {
            let mut pipeline = redis::pipe();
            pipeline.cmd("LRANGE").arg(&key).arg(-PAGE).arg(-1);
            let (ids,): (Vec<String>,) = link.ask(&pipeline).await?;
            if ids.is_empty() {
                break;
            }
            objects.extend(fold::objects_of(link, &ids).await?);
            let mut strays = BTreeSet::new();
            let mut removal = redis::pipe();
            for id in &ids {
                strays.extend(fold::scopes_elsewhere(link, id).await?);
                removal.cmd("UNLINK").arg(keys.job(id)).arg(keys.alias(id)).arg(keys.calls(id));
                removal.arg(keys.asked_elsewhere(id)).ignore();
            }
            let mut before = redis::pipe();
            for stray in strays {
                before.cmd("SADD").arg(keys.strays()).arg(stray).ignore();
            }
            if !before.is_empty() {
                link.ask::<()>(&before).await?;
            }
            link.ask::<()>(&removal).await?;
            // The one page that was read, if nobody else has cut it off.
            let mut commit = Commit::default();
            let last = ids.last().map(String::as_str).unwrap_or_default();
            commit.expect(last.as_bytes(), "LINDEX", key.clone(), -1);
            commit.write(
                "LTRIM",
                key.clone(),
                (0, -1 - isize::try_from(ids.len()).unwrap_or(PAGE)),
            );
            link.commit(&commit).await?;
        }
        let mut pipeline = redis::pipe();
        pipeline.cmd("SREM").arg(keys.going()).arg(&list).ignore();
        link.ask::<()>(&pipeline).await?;
    }
    Ok(objects)
}

/// Ids of a batch's rows, a page at a time.
async fn page(link: &Link, name: &str, from: isize) -> Result<Vec<String>> {
    let mut pipeline = redis::pipe();
    pipeline.cmd("LRANGE").arg(link.keys.rows(name)).arg(from).arg(from + PAGE - 1);
    let (ids,): (Vec<String>,) = link.ask(&pipeline).await?;
    Ok(ids)
}

/// Whether a row of another batch stands for a job of this one.
async fn is_shared(link: &Link, name: &str) -> Result<bool> {
    let mut own = HashSet::new();
    loop {
        let ids = page(link, name, isize::try_from(own.len()).unwrap_or(isize::MAX)).await?;
        if ids.is_empty() {
            break;
        }
        own.extend(ids);
    }
    let mut pipeline = redis::pipe();
    pipeline.cmd("ZRANGE").arg(link.keys.batches()).arg(0).arg(-1);
    let (names,): (Vec<String>,) = link.ask(&pipeline).await?;
    for other in names.iter().filter(|other| *other != name) {
        let mut pipeline = redis::pipe();
        pipeline.cmd("ZRANGE").arg(link.keys.aliases(other)).arg(0).arg(-1);
        let (aliases,): (Vec<String>,) = link.ask(&pipeline).await?;
        for ids in aliases.chunks(PAGE.unsigned_abs()) {
            let mut pipeline = redis::pipe();
            pipeline.cmd("MGET");
            for id in ids {
                pipeline.arg(link.keys.alias(id));
            }
            let (docs,): (Vec<Option<Vec<u8>>>,) = link.ask(&pipeline).await?;
            for doc in docs.iter().flatten() {
                let (_, original): (Alias, String) = codec::decode(doc)?;
                if own.contains(&original) {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

/// Takes the batch's jobs out of the index that finds originals.
async fn forget_fingerprints(link: &Link, name: &str) -> Result<()> {
    let mut seen: isize = 0;
    loop {
        let ids = page(link, name, seen).await?;
        if ids.is_empty() {
            return Ok(());
        }
        seen += PAGE;
        for job in jobs::load_all(link, &ids).await?.into_iter().flatten() {
            let field = add::fingerprint_key(&job.fingerprint);
            let key = link.keys.fingerprints();
            let mut pipeline = redis::pipe();
            pipeline.cmd("HGET").arg(&key).arg(field.as_slice());
            let (known,): (Option<String>,) = link.ask(&pipeline).await?;
            let Some(known) = known else { continue };
            let left: Vec<&str> = known.split(' ').filter(|id| *id != job.id).collect();
            let mut commit = Commit::default();
            commit.expect(known.as_bytes(), "HGET", key.clone(), field.as_slice());
            if left.is_empty() {
                commit.write("HDEL", key, field.as_slice());
            } else {
                commit.write("HSET", key, (field.as_slice(), left.join(" ")));
            }
            link.commit(&commit).await?;
        }
    }
}

async fn forget_events(link: &Link, name: &str) -> Result<()> {
    let mut since = 0;
    loop {
        let page = events::after(link, since).await?;
        let Some(last) = page.last() else { return Ok(()) };
        since = last.seq;
        let mut pipeline = redis::pipe();
        for event in page.iter().filter(|event| event.batch == name) {
            pipeline.cmd("XDEL").arg(link.keys.events()).arg(format!("0-{}", event.seq)).ignore();
        }
        if !pipeline.is_empty() {
            link.ask::<()>(&pipeline).await?;
        }
    }
}

/// Removes shared questions that only forgotten jobs have asked.
pub(super) async fn remove_strays(
    link: &Link,
    archive: &Archive,
    spared: &BTreeSet<String>,
) -> Result<Option<Vec<String>>> {
    let keys = &link.keys;
    let strays = link.members(&keys.strays()).await?;
    let mut removed = None;
    for scope in strays.iter().filter(|scope| !spared.contains(*scope)) {
        let mut pipeline = redis::pipe();
        if fold::is_stray(link, archive, scope).await? {
            let objects: &mut Vec<String> = removed.get_or_insert_default();
            objects.extend(fold::objects_of(link, std::slice::from_ref(scope)).await?);
            pipeline.cmd("UNLINK").arg(keys.calls(scope)).ignore();
        }
        pipeline.cmd("SREM").arg(keys.strays()).arg(scope).ignore();
        link.ask::<()>(&pipeline).await?;
    }
    Ok(removed)
}
