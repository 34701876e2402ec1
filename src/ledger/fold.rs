//! Journals of jobs that are over: out of the store, into the blobs.
//!
//! A *scope* is folded whole: what a job asked for itself, or one shared question. Its records
//! become one object, and the store keeps the object's name in their place. The object is durable
//! before the records go, so that a crash in between costs a blob that nobody refers to and nothing
//! else. A write to a folded scope, such as an answer that comes late, puts the records back first.

use super::{Error, Result, codec};
use crate::blobs::{self, Blobs};
use crate::domain::call::Record;
use serde::{Deserialize, Serialize};

/// A record with its place in the order in which all of them were opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) at: i64,
    pub(super) record: Record,
}

/// The records in the order in which they were opened.
pub(super) fn in_order(mut entries: Vec<Entry>) -> Vec<Record> {
    entries.sort_by_key(|entry| entry.at);
    entries.into_iter().map(|entry| entry.record).collect()
}

/// Where folded scopes are. A ledger without blobs folds nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct Archive(Option<Blobs>);

impl Archive {
    pub(super) fn within(blobs: Blobs) -> Self {
        Self(Some(blobs))
    }

    pub(super) fn is_there(&self) -> bool {
        self.0.is_some()
    }

    /// Keeps a scope's records; durable when it returns the object's name.
    pub(super) async fn put(&self, entries: &[Entry]) -> Result<String> {
        let bytes = codec::encode(&entries)?;
        self.run(move |blobs| blobs.put(&bytes).map_err(failure)).await
    }

    /// The records of these objects.
    pub(super) async fn get(&self, objects: Vec<String>) -> Result<Vec<Entry>> {
        if objects.is_empty() {
            return Ok(Vec::new());
        }
        self.run(move |blobs| {
            let mut entries = Vec::new();
            for object in objects {
                entries.extend(codec::decode::<Vec<Entry>>(&blobs.get(&object).map_err(failure)?)?);
            }
            Ok(entries)
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Blobs) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let Some(blobs) = self.0.clone() else {
            return Err(Error::Store(
                "a folded journal is in the blobs, which are not here".into(),
            ));
        };
        let outcome = tokio::task::spawn_blocking(move || work(&blobs)).await;
        outcome.map_err(|error| Error::Store(error.into()))?
    }
}

fn failure(error: blobs::Error) -> Error {
    Error::Store(error.into())
}
