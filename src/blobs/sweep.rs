//! Removing what nobody refers to, while others put and refer.
//!
//! ```text
//! producer  ── hold ── put (new, or touched) ── refer to it in the ledger ── release ──►
//! sweep     ── wait for the holds there are: T ── read who refers to what ── remove ──►
//! ```
//!
//! Whoever puts something and then refers to it holds on meanwhile. A sweep waits at its beginning
//! until everything put before is referred to, then looks; and it never removes what was put
//! after its beginning, however old the blob. So one that is both old and put again right now stays.

use super::dir::DirSweep;
use super::redis::RedisSweep;
use super::{Blobs, Result, dir, redis};
use std::time::Duration;

/// While it lives, and until [`Hold::release`], no sweep begins.
#[derive(Debug)]
#[must_use = "what is put is not held without it"]
pub enum Hold {
    Dir(dir::Lock),
    Redis(redis::Holding),
    /// A bucket, which is never swept.
    Bucket,
}

impl Hold {
    /// Says that all that was put is referred to. One that is dropped instead is let go of, too: at
    /// once, or in Redis after ten minutes.
    pub fn release(self) {
        match self {
            Self::Dir(lock) => drop(lock),
            Self::Redis(holding) => holding.release(),
            Self::Bucket => {}
        }
    }
}

/// A blob and its size.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    pub name: String,
    pub bytes: u64,
}

/// A removal that has begun: everything put before is referred to by now, if it ever is.
#[derive(Debug)]
pub struct Sweep(Home);

#[derive(Debug)]
enum Home {
    Dir(DirSweep),
    Redis(RedisSweep),
    /// A bucket knows no locks, and does not say when somebody put the same again: nothing in it is
    /// known to be quiet. Its own rules about age can make room.
    Bucket,
}

impl Sweep {
    /// All blobs that can be removed, by name.
    pub fn list(&self) -> Result<Vec<Listed>> {
        let mut listed = match &self.0 {
            Home::Dir(sweep) => sweep.list(),
            Home::Redis(sweep) => sweep.list(),
            Home::Bucket => Ok(Vec::new()),
        }?;
        listed.sort();
        Ok(listed)
    }

    /// Whether nobody has put the blob since the sweep began, nor for so long before.
    pub fn is_quiet(&self, name: &str, quiet: Duration) -> Result<bool> {
        match &self.0 {
            Home::Dir(sweep) => sweep.is_quiet(name, quiet),
            Home::Redis(sweep) => sweep.is_quiet(name, quiet),
            Home::Bucket => Ok(false),
        }
    }

    /// Removes a blob that is quiet; true if it is gone now.
    pub fn remove(&self, name: &str, quiet: Duration) -> Result<bool> {
        match &self.0 {
            Home::Dir(sweep) => sweep.remove(name, quiet),
            Home::Redis(sweep) => sweep.remove(name, quiet),
            Home::Bucket => Ok(false),
        }
    }
}

impl Blobs {
    /// To be taken before a put that the ledger is to refer to, and released after it does.
    pub fn hold(&self) -> Result<Hold> {
        match self {
            Self::Dir(dir) => dir.hold().map(Hold::Dir),
            Self::Redis(redis) => redis.hold().map(Hold::Redis),
            Self::Objects(_) => Ok(Hold::Bucket),
        }
    }

    /// Waits for the holds there are and begins a removal. Who refers to what is to be read after.
    pub fn begin_sweep(&self) -> Result<Sweep> {
        Ok(Sweep(match self {
            Self::Dir(dir) => Home::Dir(dir.begin_sweep()?),
            Self::Redis(redis) => Home::Redis(redis.begin_sweep()?),
            Self::Objects(_) => Home::Bucket,
        }))
    }
}
