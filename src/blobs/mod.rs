//! Big bytes by their digest: prepared pictures, frozen specs, results, generated images.

mod atomic;
mod dir;
mod redis;

pub use self::redis::{CAP_BYTES, Redis};
pub use atomic::{create_folders, write_atomic};
pub use dir::Dir;

use crate::redis_server::Server;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What keeps a blob from being written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("`{0}` is not the name of a blob (64 digits, 0-9 a-f)")]
    NotADigest(String),
    #[error("there is no blob {0}")]
    Missing(String),
    #[error("{path} is damaged: its bytes have the digest {found}")]
    Torn { path: PathBuf, found: String },
    #[error("cannot {doing} {path}")]
    Io {
        /// What was being done, e.g. `write`.
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot {doing} a blob in {place}")]
    Server {
        /// What was being done, e.g. `write`.
        doing: &'static str,
        /// The server, without user and password.
        place: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error(
        "{bytes} bytes do not fit into what Redis may hold for this queue ({cap_bytes} bytes): \
         keep pictures in a folder that all machines see (--blobs file:///mnt/share), let workers \
         read them where they are (--by-path), or export finished batches and prune them"
    )]
    Full { bytes: u64, cap_bytes: u64 },
}

/// The result of a blob call.
pub type Result<T> = std::result::Result<T, Error>;

/// A home of blobs. Calls block: on an async task use `spawn_blocking`.
#[derive(Debug, Clone)]
pub enum Blobs {
    /// A folder on this machine.
    Dir(Dir),
    /// A queue's part of a Redis.
    Redis(Arc<Redis>),
}

impl Blobs {
    /// Blobs in a folder, which the first [`Blobs::put`] creates.
    pub fn dir(root: &Path) -> Self {
        Self::Dir(Dir::new(root))
    }

    /// Blobs beside a queue in Redis, at most so many bytes in all; see [`CAP_BYTES`].
    pub fn redis(server: Server, queue: &str, cap_bytes: u64) -> Self {
        Self::Redis(Arc::new(Redis::new(server, queue, cap_bytes)))
    }

    /// How many bytes more may be put; none where only the disk sets a limit. What is to be queued
    /// is measured against it before.
    pub fn room(&self) -> Result<Option<u64>> {
        match self {
            Self::Dir(_) => Ok(None),
            Self::Redis(redis) => redis.room().map(Some),
        }
    }

    /// Keeps the bytes and returns their name, the SHA-256 in hex. Durable when it returns;
    /// putting the same bytes again changes nothing, or heals a damaged file.
    pub fn put(&self, bytes: &[u8]) -> Result<String> {
        match self {
            Self::Dir(dir) => dir.put(bytes),
            Self::Redis(redis) => redis.put(bytes),
        }
    }

    /// The bytes of that name, checked against it.
    pub fn get(&self, digest: &str) -> Result<Bytes> {
        match self {
            Self::Dir(dir) => dir.get(digest),
            Self::Redis(redis) => redis.get(digest),
        }
    }

    /// Whether a blob of that name is there. Its bytes are not read.
    pub fn has(&self, digest: &str) -> Result<bool> {
        match self {
            Self::Dir(dir) => dir.has(digest),
            Self::Redis(redis) => redis.has(digest),
        }
    }

    /// Removes a blob; one that is not there is no error.
    pub fn remove(&self, digest: &str) -> Result<()> {
        match self {
            Self::Dir(dir) => dir.remove(digest),
            Self::Redis(redis) => redis.remove(digest),
        }
    }
}

/// The name of these bytes: their SHA-256 in hex.
pub fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Hex digits in a SHA-256.
const DIGITS: usize = 64;

/// Refuses what is no name of a blob: it could point at something else.
fn check_digest(name: &str) -> Result<()> {
    let is_digit = |c: u8| matches!(c, b'0'..=b'9' | b'a'..=b'f');
    if name.len() == DIGITS && name.bytes().all(is_digit) {
        Ok(())
    } else {
        Err(Error::NotADigest(name.to_owned()))
    }
}
