//! Jobs on their way in.

mod known;

use super::commit::{Commit, NOTHING};
use super::jobs;
use super::link::Link;
use crate::domain::job::Job;
use crate::ledger::decide::{self, Alias};
use crate::ledger::{Added, Addition, Batch, Error, NewJob, Rejected, Result, codec};
use known::Known;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Rows in one atomic step: a few milliseconds of the server's time.
const CHUNK: usize = 1000;
/// 128 bits tell any number of rows apart.
const DIGEST_BYTES: usize = 16;

pub(super) type Key = [u8; DIGEST_BYTES];

/// Creates the batch if it is new and adds what is missing, a thousand rows a step; an
/// addition that was cut off between two steps is completed by the same one again.
pub(super) async fn add(link: &Link, batch: &Batch, addition: Addition) -> Result<Added> {
    let Addition { jobs, rejected, again } = addition;
    let steps = jobs.len().max(rejected.len()).div_ceil(CHUNK).max(1);
    let (mut jobs, mut rejected) = (jobs.into_iter(), rejected.into_iter());
    let mut added = Added::default();
    for _ in 0..steps {
        let chunk = Chunk::new(
            batch,
            jobs.by_ref().take(CHUNK).collect(),
            rejected.by_ref().take(CHUNK).collect(),
            again,
        );
        let of_chunk = add_chunk(link, &chunk).await?;
        added.queued.extend(of_chunk.queued);
        added.duplicates += of_chunk.duplicates;
    }
    link.wait_until_durable().await?;
    Ok(added)
}

/// The inputs that were refused, in the order in which they first were.
pub(super) async fn rejected(link: &Link, batch: &str) -> Result<Vec<Rejected>> {
    let mut pipeline = redis::pipe();
    pipeline.cmd("HVALS").arg(link.keys.rejected(batch));
    let (values,): (Vec<Vec<u8>>,) = link.ask(&pipeline).await?;
    let numbered = values.iter().map(|doc| codec::decode::<(u64, Rejected)>(doc));
    let mut numbered = numbered.collect::<Result<Vec<_>>>()?;
    numbered.sort_by_key(|(number, _)| *number);
    Ok(numbered.into_iter().map(|(_, rejected)| rejected).collect())
}

/// Rows that go in together.
struct Chunk<'a> {
    batch: &'a Batch,
    rows: Vec<GivenRow>,
    rejected: Vec<(Key, Rejected)>,
    again: bool,
}

struct GivenRow {
    new: NewJob,
    /// What makes it the same row when it is given again.
    identity: Key,
    fingerprint: Key,
}

impl<'a> Chunk<'a> {
    fn new(batch: &'a Batch, jobs: Vec<NewJob>, rejected: Vec<Rejected>, again: bool) -> Self {
        let refused = |rejected: Rejected| {
            let Rejected { source, external_id, .. } = &rejected;
            (digest(&[source.as_bytes(), external_id.as_bytes()]), rejected)
        };
        let rejected = rejected.into_iter().map(refused).collect();
        Self { batch, rows: jobs.into_iter().map(GivenRow::new).collect(), rejected, again }
    }
}

impl GivenRow {
    fn new(new: NewJob) -> Self {
        let Job { source, external_id, fingerprint, .. } = &new.job;
        let fingerprint_key = fingerprint_key(fingerprint);
        let occurrence = new.occurrence.to_le_bytes();
        let parts = [source.as_bytes(), external_id.as_bytes(), &fingerprint_key, &occurrence];
        Self { identity: digest(&parts), fingerprint: fingerprint_key, new }
    }
}

/// The field of a fingerprint among all.
pub(super) fn fingerprint_key(fingerprint: &str) -> Key {
    digest(&[fingerprint.as_bytes()])
}

fn digest(parts: &[&[u8]]) -> Key {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    *digest.first_chunk().expect("a SHA-256 has 32 bytes")
}

async fn add_chunk(link: &Link, chunk: &Chunk<'_>) -> Result<Added> {
    loop {
        let known = Known::read(link, chunk).await?;
        let (added, commit) = Step::new(link, chunk, known).finish()?;
        if commit.is_empty() || link.commit(&commit).await? {
            return Ok(added);
        }
    }
}

/// A chunk being turned into writes.
struct Step<'a> {
    link: &'a Link,
    chunk: &'a Chunk<'a>,
    known: Known,
    added: Added,
    /// Values of the batch's sets and lists, written many at a time.
    rows: Vec<String>,
    identities: Vec<Key>,
    ready: Vec<(i64, String)>,
    aliases: Vec<(u32, String)>,
    fingerprints: BTreeMap<Key, String>,
    commit: Commit,
}

impl<'a> Step<'a> {
    fn new(link: &'a Link, chunk: &'a Chunk<'a>, known: Known) -> Self {
        Self {
            link,
            chunk,
            known,
            added: Added::default(),
            rows: Vec::new(),
            identities: Vec::new(),
            ready: Vec::new(),
            aliases: Vec::new(),
            fingerprints: BTreeMap::new(),
            commit: Commit::default(),
        }
    }

    fn finish(mut self) -> Result<(Added, Commit)> {
        let keys = &self.link.keys;
        self.commit.expect(self.known.additions.as_bytes(), "GET", keys.additions(), NOTHING);
        self.write_batch()?;
        for row in &self.chunk.rows {
            if self.known.identities.insert(row.identity) {
                self.add_row(row)?;
            }
        }
        self.reject()?;
        self.write_indexes();
        if !self.commit.is_empty() {
            self.commit.write("INCR", keys.additions(), NOTHING);
        }
        Ok((self.added, self.commit))
    }

    fn write_batch(&mut self) -> Result<()> {
        let (keys, batch) = (&self.link.keys, self.chunk.batch);
        let key = keys.batch(&batch.name);
        match &self.known.batch {
            Some(known) if known.spec != batch.spec => {
                return Err(Error::OtherSpec { batch: batch.name.clone() });
            }
            Some(known) if known == batch => {}
            Some(_) => self.commit.write("HSET", key, ("doc", codec::encode(batch)?)),
            None => {
                let number: u64 = self.known.additions.parse().unwrap_or(0);
                let facts = (
                    ("doc", codec::encode(batch)?),
                    ("number", number),
                    ("created_at", self.known.now.ms),
                    ("queued", 0, "waiting", 0),
                );
                self.commit.write("HSET", key, facts);
                self.commit.write("ZADD", keys.batches(), (number, &batch.name));
            }
        }
        Ok(())
    }

    fn add_row(&mut self, row: &GivenRow) -> Result<()> {
        let index = self.next_index();
        let job = &row.new.job;
        self.rows.push(job.id.clone());
        self.identities.push(row.identity);
        let original = self.known.originals.get(&row.fingerprint).filter(|_| !self.chunk.again);
        if let Some(original) = original.cloned() {
            self.aliases.push((index, job.id.clone()));
            self.added.duplicates += 1;
            return self.write_alias(job, index, &original);
        }
        let job = decide::fresh(job.clone(), &self.chunk.batch.name, index);
        self.commit.write("SET", self.link.keys.job(&job.id), jobs::encode(&job)?);
        self.ready.push((jobs::ready_score(&job), job.id.clone()));
        self.remember_fingerprint(row.fingerprint, &job.id);
        self.added.queued.push(job.id);
        Ok(())
    }

    fn next_index(&self) -> u32 {
        let new = u32::try_from(self.rows.len()).expect("a chunk is small");
        self.known.rows + new + 1
    }

    fn write_alias(&mut self, job: &Job, index: u32, original: &str) -> Result<()> {
        let alias = Alias {
            id: job.id.clone(),
            batch: self.chunk.batch.name.clone(),
            index,
            source: job.source.clone(),
            external_id: job.external_id.clone(),
        };
        let doc = codec::encode(&(alias, original))?;
        self.commit.write("SET", self.link.keys.alias(&job.id), doc);
        Ok(())
    }

    fn remember_fingerprint(&mut self, fingerprint: Key, id: &str) {
        let ids = self.known.by_fingerprint.entry(fingerprint).or_default();
        if !ids.is_empty() {
            ids.push(' ');
        }
        ids.push_str(id);
        self.fingerprints.insert(fingerprint, ids.clone());
        self.known.originals.entry(fingerprint).or_insert_with(|| id.to_owned());
    }

    /// Keeps each refused input once; what was said last about it counts.
    fn reject(&mut self) -> Result<()> {
        let before = self.known.rejected;
        for (key, rejected) in &self.chunk.rejected {
            let number = *self.known.refused.entry(*key).or_insert_with(|| {
                self.known.rejected += 1;
                self.known.rejected
            });
            let doc = codec::encode(&(number, rejected))?;
            let all = self.link.keys.rejected(&self.chunk.batch.name);
            self.commit.write("HSET", all, (key.as_slice(), doc));
        }
        if self.known.rejected > before {
            let key = self.link.keys.batch(&self.chunk.batch.name);
            self.commit.write("HDEL", key.clone(), jobs::COLLECTED);
            self.commit.write("HSET", key, ("rejected", self.known.rejected));
        }
        Ok(())
    }

    fn write_indexes(&mut self) {
        let (keys, name) = (&self.link.keys, self.chunk.batch.name.as_str());
        let commit = &mut self.commit;
        commit.write_all("RPUSH", &keys.rows(name), &self.rows);
        let identities: Vec<&[u8]> = self.identities.iter().map(Key::as_slice).collect();
        commit.write_all("SADD", &keys.known(name), &identities);
        commit.write_all("ZADD", &keys.ready(name), &self.ready);
        commit.write_all("ZADD", &keys.aliases(name), &self.aliases);
        let fingerprints: Vec<(&[u8], &String)> =
            self.fingerprints.iter().map(|(key, ids)| (key.as_slice(), ids)).collect();
        commit.write_all("HSET", &keys.fingerprints(), &fingerprints);
        if !self.rows.is_empty() {
            commit.write("HDEL", keys.batch(name), jobs::COLLECTED);
            let (queued, rows) = (self.added.queued.len(), self.rows.len());
            for (field, delta) in
                [("rows", rows), ("queued", queued), ("duplicates", rows - queued)]
            {
                commit.write("HINCRBY", keys.batch(name), (field, delta));
            }
        }
        if !self.added.queued.is_empty() {
            commit.write("SADD", keys.open_batches(), name);
            commit.write("PUBLISH", keys.bell(), jobs::WORK);
        }
    }
}
