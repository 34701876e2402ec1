//! What an addition is decided on.

use super::{Chunk, Key};
use crate::domain::job::StateName;
use crate::ledger::redis::jobs;
use crate::ledger::redis::link::{Link, Now, at_once};
use crate::ledger::{Batch, Rejected, Result, codec};
use std::collections::{HashMap, HashSet};

/// What the ledger knows before a chunk goes in.
pub(super) struct Known {
    pub(super) now: Now,
    /// The number of additions so far: if it moved, somebody else added.
    pub(super) additions: String,
    pub(super) batch: Option<Batch>,
    pub(super) rows: u32,
    pub(super) rejected: u64,
    /// Digests of the chunk's rows that are there.
    pub(super) identities: HashSet<Key>,
    /// By fingerprint, the ids of all jobs that have it.
    pub(super) by_fingerprint: HashMap<Key, String>,
    /// By fingerprint, the oldest job that has a result or may still get one.
    pub(super) originals: HashMap<Key, String>,
    pub(super) refused: HashMap<Key, u64>,
}

impl Known {
    pub(super) async fn read(link: &Link, chunk: &Chunk<'_>) -> Result<Self> {
        let (keys, name) = (&link.keys, chunk.batch.name.as_str());
        let mut pipeline = at_once();
        pipeline.cmd("GET").arg(keys.additions());
        pipeline.cmd("HMGET").arg(keys.batch(name)).arg("doc").arg("rows").arg("rejected");
        // A question about nothing is an error; the empty digest is nobody's.
        let ask = |command: &str, key: String, digests: &mut dyn Iterator<Item = &Key>| {
            let mut cmd = redis::cmd(command);
            cmd.arg(key).arg("");
            digests.for_each(|digest| {
                cmd.arg(digest.as_slice());
            });
            cmd
        };
        let mut identities = chunk.rows.iter().map(|row| &row.identity);
        pipeline.add_command(ask("SMISMEMBER", keys.known(name), &mut identities));
        let mut fingerprints = chunk.rows.iter().map(|row| &row.fingerprint);
        pipeline.add_command(ask("HMGET", keys.fingerprints(), &mut fingerprints));
        let mut refused = chunk.rejected.iter().map(|(key, _)| key);
        pipeline.add_command(ask("HMGET", keys.rejected(name), &mut refused));
        type Doc = Option<Vec<u8>>;
        type Answers = (
            Now,
            Option<String>,
            (Doc, Option<u32>, Option<u64>),
            Vec<bool>,
            Vec<Option<String>>,
            Vec<Doc>,
        );
        let (now, additions, (doc, rows, rejected), is_known, ids, refused): Answers =
            link.ask(&pipeline).await?;
        let given = || chunk.rows.iter();
        let by_fingerprint: HashMap<Key, String> = given()
            .zip(ids.into_iter().skip(1))
            .filter_map(|(row, ids)| Some((row.fingerprint, ids?)))
            .collect();
        let number =
            |doc: Vec<u8>| codec::decode::<(u64, Rejected)>(&doc).map(|(number, _)| number);
        let refused = chunk.rejected.iter().zip(refused.into_iter().skip(1));
        Ok(Self {
            now,
            additions: additions.unwrap_or_default(),
            batch: doc.map(|doc| codec::decode(&doc)).transpose()?,
            rows: rows.unwrap_or(0),
            rejected: rejected.unwrap_or(0),
            identities: given()
                .zip(is_known.into_iter().skip(1))
                .filter_map(|(row, is_known)| is_known.then_some(row.identity))
                .collect(),
            originals: originals(link, &by_fingerprint).await?,
            by_fingerprint,
            refused: refused
                .filter_map(|((key, _), doc)| Some((*key, doc?)))
                .map(|(key, doc)| Ok((key, number(doc)?)))
                .collect::<Result<_>>()?,
        })
    }
}

/// Of the jobs that share a fingerprint, the first that is neither dead nor cancelled.
async fn originals(
    link: &Link,
    by_fingerprint: &HashMap<Key, String>,
) -> Result<HashMap<Key, String>> {
    let wanted: Vec<(Key, String)> = by_fingerprint
        .iter()
        .flat_map(|(key, ids)| ids.split(' ').map(|id| (*key, id.to_owned())))
        .collect();
    let ids: Vec<String> = wanted.iter().map(|(_, id)| id.clone()).collect();
    let mut originals = HashMap::new();
    for ((key, id), job) in wanted.into_iter().zip(jobs::load_all(link, &ids).await?) {
        let state = job.map(|job| job.state.name());
        let lost = matches!(state, None | Some(StateName::Dead | StateName::Cancelled));
        if !lost {
            originals.entry(key).or_insert(id);
        }
    }
    Ok(originals)
}
