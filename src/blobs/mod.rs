//! Big bytes by their digest: prepared pictures, frozen specs, results, generated images.

mod atomic;
mod dir;
mod objects;
mod redis;
mod room;
mod sweep;

pub use self::redis::{CAP_BYTES, Redis};
pub use atomic::{create_folders, write_atomic};
pub use dir::Dir;
pub use objects::{AddressError, Objects, PATIENCE, Trouble};
pub use room::{Limit, Room};
pub use sweep::{Hold, Listed, Sweep};

use crate::redis_server::Server;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

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
    #[error("somebody has been putting blobs for half a minute; try again when they are done")]
    Busy,
    #[error("`{place}` is no home for pictures")]
    Address { place: String, source: AddressError },
    #[error("cannot {doing} a blob in {place}: {trouble}")]
    Objects {
        /// What was being done, e.g. `write`.
        doing: &'static str,
        place: String,
        trouble: Trouble,
        #[source]
        source: Box<::object_store::Error>,
    },
    #[error("pictures of {bytes} bytes do not fit: {room}")]
    Full {
        /// What was to be kept: the blob, or the pictures counted until it was clear.
        bytes: u64,
        room: Room,
    },
}

impl Error {
    /// What a person can do about it; empty where nothing can be said.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotADigest(_) | Self::Missing(_) | Self::Torn { .. } | Self::Busy => "",
            Self::Io { .. } => "check the disk and the rights on the folder, then try again",
            Self::Server { .. } => "`tableround doctor` says what is wrong; then try again",
            Self::Address { .. } => {
                "s3://bucket/prefix with AWS_ENDPOINT for any service that speaks S3, \
                 file:///mnt/share for a folder that all machines see, or redis"
            }
            Self::Objects { trouble, .. } => trouble.hint(),
            Self::Full { room, .. } => room.hint(),
        }
    }

    /// Whether the same call may succeed later: a server that is away, a disk or a home that is
    /// full.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Server { .. } | Self::Full { .. } | Self::Busy => true,
            Self::Io { source, .. } => {
                matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            }
            Self::Objects { trouble, .. } => trouble.may_pass(),
            Self::NotADigest(_) | Self::Missing(_) | Self::Torn { .. } | Self::Address { .. } => {
                false
            }
        }
    }
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
    /// A bucket, or a part of one.
    Objects(Arc<Objects>),
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

    /// Blobs in an object store; see [`Objects::new`].
    pub fn objects(url: &str, variables: &[(String, String)], patience: Duration) -> Result<Self> {
        Objects::new(url, variables, patience).map(|objects| Self::Objects(Arc::new(objects)))
    }

    /// How many bytes more may be put; none where only a disk sets a limit. What is to be queued
    /// is measured against it before.
    pub fn room(&self) -> Result<Option<Room>> {
        match self {
            Self::Dir(_) | Self::Objects(_) => Ok(None),
            Self::Redis(redis) => redis.room().map(Some),
        }
    }

    /// Keeps the bytes and returns their name, the SHA-256 in hex. Durable when it returns;
    /// putting the same bytes again changes nothing, or heals a damaged file.
    pub fn put(&self, bytes: &[u8]) -> Result<String> {
        match self {
            Self::Dir(dir) => dir.put(bytes),
            Self::Redis(redis) => redis.put(bytes),
            Self::Objects(objects) => objects.put(bytes),
        }
    }

    /// The bytes of that name, checked against it.
    pub fn get(&self, digest: &str) -> Result<Bytes> {
        match self {
            Self::Dir(dir) => dir.get(digest),
            Self::Redis(redis) => redis.get(digest),
            Self::Objects(objects) => objects.get(digest),
        }
    }

    /// Whether a blob of that name is there. Its bytes are not read.
    pub fn has(&self, digest: &str) -> Result<bool> {
        match self {
            Self::Dir(dir) => dir.has(digest),
            Self::Redis(redis) => redis.has(digest),
            Self::Objects(objects) => objects.has(digest),
        }
    }

    /// Removes a blob; one that is not there is no error.
    pub fn remove(&self, digest: &str) -> Result<()> {
        match self {
            Self::Dir(dir) => dir.remove(digest),
            Self::Redis(redis) => redis.remove(digest),
            Self::Objects(objects) => objects.remove(digest),
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
