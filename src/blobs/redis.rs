//! Blobs in Redis: pictures that travel with the queue, up to a cap.
//!
//! A blob is a list of pieces. It is uploaded under a name of its own, which expires, and renamed
//! when it is whole: a blob that is there is complete.

use super::{Error, Limit, Listed, Result, Room, check_digest, digest};
use crate::redis_server::Server;
use ::redis::{Commands, Connection, RedisError, RedisResult, Script};
use bytes::{Bytes, BytesMut};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Larger values would hold up the server's other clients.
const PIECE_BYTES: usize = 512 * 1024;
/// What one queue may hold, unless said otherwise: Redis keeps all of it in memory.
pub const CAP_BYTES: u64 = 1024 * 1024 * 1024;
/// An upload that stopped half-way is gone after so long.
const UPLOAD_SECONDS: u32 = 3600;
/// How long a call waits for a server that is away: a picture is no reason to fail an attempt.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(250);
/// A hold that is not released by then belonged to a process that was killed.
const HOLD_MS_MAX: i64 = 10 * 60 * 1000;
/// Connections kept for later.
const IDLE_MAX: usize = 4;

static FINISH: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("redis/finish.lua")));
static TOUCH: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("redis/touch.lua")));
static SIZE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("redis/size.lua")));
static REMOVE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("redis/remove.lua")));

/// The blobs of one queue.
pub struct Redis {
    server: Server,
    prefix: String,
    cap_bytes: u64,
    idle: Mutex<Vec<Connection>>,
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { server, prefix, cap_bytes, .. } = self;
        f.debug_struct("Redis")
            .field("server", server)
            .field("prefix", prefix)
            .field("cap_bytes", cap_bytes)
            .finish_non_exhaustive()
    }
}

impl Redis {
    /// Nothing is connected before the first call.
    pub fn new(server: Server, queue: &str, cap_bytes: u64) -> Self {
        Self { server, prefix: format!("{{{queue}}}:"), cap_bytes, idle: Mutex::default() }
    }

    pub(super) fn put(&self, bytes: &[u8]) -> Result<String> {
        let name = digest(bytes);
        let is_there = self.call("look for", |connection| {
            TOUCH.key(self.blob(&name)).key(self.touched()).arg(&name).invoke::<bool>(connection)
        })?;
        if is_there {
            return Ok(name);
        }
        let upload = format!("{}upload:{}", self.prefix, self.random("write")?);
        let length = bytes.len() as u64;
        let outcome = self.call("write", |connection| {
            send(connection, &upload, bytes)?;
            let mut finish = FINISH.key(&upload);
            finish.key(self.blob(&name)).key(self.sum()).key(self.touched());
            finish.arg(length).arg(self.cap_bytes).arg(&name);
            finish.invoke::<String>(connection)
        })?;
        match outcome.as_str() {
            "kept" => Ok(name),
            "full" => Err(Error::Full { bytes: length, room: self.room()? }),
            _ => Err(self.failure("write", "the upload expired half-way".into())),
        }
    }

    pub(super) fn get(&self, name: &str) -> Result<Bytes> {
        check_digest(name)?;
        let key = self.blob(name);
        let whole = self.call("read", |connection| {
            let pieces: isize = ::redis::cmd("LLEN").arg(&key).query(connection)?;
            let mut whole = BytesMut::new();
            for piece in 0..pieces {
                let piece: Vec<u8> =
                    ::redis::cmd("LINDEX").arg(&key).arg(piece).query(connection)?;
                whole.extend_from_slice(&piece);
            }
            Ok((pieces > 0).then(|| whole.freeze()))
        })?;
        let whole = whole.ok_or_else(|| Error::Missing(name.to_owned()))?;
        let found = digest(&whole);
        if found == name { Ok(whole) } else { Err(Error::Torn { path: PathBuf::from(key), found }) }
    }

    pub(super) fn has(&self, name: &str) -> Result<bool> {
        check_digest(name)?;
        self.call("look for", |connection| {
            ::redis::cmd("EXISTS").arg(self.blob(name)).query(connection)
        })
    }

    pub(super) fn remove(&self, name: &str) -> Result<()> {
        check_digest(name)?;
        self.call("remove", |connection| {
            let mut remove = REMOVE.key(self.blob(name));
            remove.key(self.sum()).key(self.touched()).arg(PIECE_BYTES).arg(name).arg("");
            remove.invoke::<u64>(connection).map(|_| ())
        })
    }

    /// No sweep begins while it is held.
    pub(super) fn hold(self: &Arc<Self>) -> Result<Holding> {
        let id = self.random("hold")?;
        self.call("hold", |connection| {
            let now = now(connection)?;
            ::redis::cmd("ZADD").arg(self.holds()).arg(now).arg(&id).query::<()>(connection)
        })?;
        Ok(Holding { home: Arc::clone(self), id })
    }

    pub(super) fn begin_sweep(self: &Arc<Self>) -> Result<RedisSweep> {
        let began = self.call("sweep", now)?;
        let waiting = Instant::now();
        loop {
            let holds: u64 = self.call("sweep", |connection| {
                let mut look = ::redis::pipe();
                let forgotten = began - HOLD_MS_MAX;
                look.cmd("ZREMRANGEBYSCORE").arg(self.holds()).arg("-inf").arg(forgotten).ignore();
                look.cmd("ZCOUNT").arg(self.holds()).arg("-inf").arg(began);
                look.query(connection).map(|(holds,): (u64,)| holds)
            })?;
            if holds == 0 {
                return Ok(RedisSweep { home: Arc::clone(self), began });
            }
            if waiting.elapsed() > PATIENCE {
                return Err(Error::Busy);
            }
            #[expect(clippy::disallowed_methods, reason = "a hold that ends gives no signal")]
            std::thread::sleep(PAUSE);
        }
    }

    /// What may still be put, under the cap and under the server's own limit.
    pub(super) fn room(&self) -> Result<Room> {
        let (used, memory) = self.call("measure", |connection| {
            let used: Option<u64> = ::redis::cmd("GET").arg(self.sum()).query(connection)?;
            let memory: String = ::redis::cmd("INFO").arg("memory").query(connection)?;
            Ok((used.unwrap_or(0), memory))
        })?;
        let cap_bytes = self.cap_bytes;
        let of_cap =
            Room { bytes: cap_bytes.saturating_sub(used), limit: Limit::Cap { cap_bytes } };
        Ok(Room::of_memory(&memory).into_iter().fold(of_cap, Room::smaller))
    }

    /// A name that nobody else has.
    fn random(&self, doing: &'static str) -> Result<String> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| self.failure(doing, error.into()))?;
        Ok(hex::encode(random))
    }

    fn blob(&self, name: &str) -> String {
        format!("{}blob:{name}", self.prefix)
    }

    /// Hash: when each blob was last put.
    fn touched(&self) -> String {
        format!("{}blob-touched", self.prefix)
    }

    /// Sorted set of holds by their beginning.
    fn holds(&self) -> String {
        format!("{}blob-holds", self.prefix)
    }

    fn sum(&self) -> String {
        format!("{}blob-bytes", self.prefix)
    }

    /// Runs something over a connection, again and again while the server is away.
    fn call<T>(
        &self,
        doing: &'static str,
        run: impl Fn(&mut Connection) -> RedisResult<T>,
    ) -> Result<T> {
        let began = Instant::now();
        loop {
            let outcome = self.connection().and_then(|mut connection| {
                let outcome = run(&mut connection)?;
                self.keep(connection);
                Ok(outcome)
            });
            match outcome {
                Err(error) if is_away(&error) && began.elapsed() < PATIENCE => {
                    #[expect(
                        clippy::disallowed_methods,
                        reason = "a server that is away gives no signal"
                    )]
                    std::thread::sleep(PAUSE);
                }
                outcome => return outcome.map_err(|error| self.failure(doing, error.into())),
            }
        }
    }

    fn connection(&self) -> RedisResult<Connection> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| self.server.connect_blocking(), Ok)
    }

    fn keep(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX {
            idle.push(connection);
        }
    }

    fn failure(
        &self,
        doing: &'static str,
        source: Box<dyn std::error::Error + Send + Sync>,
    ) -> Error {
        Error::Server { doing, place: self.server.place().to_owned(), source }
    }
}

/// A hold on the blobs of a queue.
#[derive(Debug)]
pub struct Holding {
    home: Arc<Redis>,
    id: String,
}

impl Holding {
    pub(super) fn release(self) {
        let Self { home, id } = self;
        let released = home.call("release", |connection| {
            ::redis::cmd("ZREM").arg(home.holds()).arg(&id).query::<()>(connection)
        });
        if let Err(error) = released {
            tracing::debug!(%error, "a hold on the blobs ends by itself");
        }
    }
}

/// A removal from a queue's blobs.
#[derive(Debug)]
pub(super) struct RedisSweep {
    home: Arc<Redis>,
    /// The server's time in milliseconds since 1970.
    began: i64,
}

impl RedisSweep {
    pub(super) fn list(&self) -> Result<Vec<Listed>> {
        let prefix = self.home.blob("");
        self.home.call("list", |connection| {
            // Names are fixed once they are there: those that stay all the while are all listed.
            let pattern = format!("{}*", prefix.replace(['[', ']', '?', '*', '\\'], "?"));
            let keys: BTreeSet<String> = {
                let keys = connection.scan_match::<_, String>(&pattern)?;
                keys.collect::<RedisResult<_>>()?
            };
            let mut listed = Vec::new();
            for key in keys {
                let Some(name) = key.strip_prefix(&prefix) else { continue };
                let bytes = SIZE.key(&key).arg(PIECE_BYTES).invoke(connection)?;
                listed.push(Listed { name: name.to_owned(), bytes });
            }
            Ok(listed)
        })
    }

    pub(super) fn is_quiet(&self, name: &str, quiet: Duration) -> Result<bool> {
        check_digest(name)?;
        let touched: Option<i64> = self.home.call("look for", |connection| {
            ::redis::cmd("HGET").arg(self.home.touched()).arg(name).query(connection)
        })?;
        // One without a date was put before they were kept.
        Ok(touched.unwrap_or(0) < self.limit(quiet))
    }

    pub(super) fn remove(&self, name: &str, quiet: Duration) -> Result<bool> {
        check_digest(name)?;
        let removed: u64 = self.home.call("remove", |connection| {
            let mut remove = REMOVE.key(self.home.blob(name));
            remove.key(self.home.sum()).key(self.home.touched());
            remove.arg(PIECE_BYTES).arg(name).arg(self.limit(quiet)).invoke(connection)
        })?;
        Ok(removed > 0)
    }

    fn limit(&self, quiet: Duration) -> i64 {
        self.began.saturating_sub(i64::try_from(quiet.as_millis()).unwrap_or(i64::MAX))
    }
}

/// The server's time in milliseconds since 1970.
fn now(connection: &mut Connection) -> RedisResult<i64> {
    let (seconds, micros): (i64, i64) = ::redis::cmd("TIME").query(connection)?;
    Ok(seconds * 1000 + micros / 1000)
}

/// Sends the pieces; what an attempt before may have left of them goes first.
fn send(connection: &mut Connection, upload: &str, bytes: &[u8]) -> RedisResult<()> {
    ::redis::cmd("DEL").arg(upload).query::<()>(connection)?;
    // A blob of no bytes has one piece too.
    let pieces = bytes.chunks(PIECE_BYTES).chain(bytes.is_empty().then_some(&[][..]));
    for piece in pieces {
        let mut push = ::redis::pipe();
        push.cmd("RPUSH").arg(upload).arg(piece).ignore();
        push.cmd("EXPIRE").arg(upload).arg(UPLOAD_SECONDS).ignore();
        push.query::<()>(connection)?;
    }
    Ok(())
}

fn is_away(error: &RedisError) -> bool {
    error.is_io_error() || error.is_connection_dropped() || error.is_timeout()
}
