//! The way to the server: questions, steps, and what its failures are called.

use super::commit::{Commit, NOTHING};
use super::keys::Keys;
use crate::ledger::outage::Outage;
use crate::ledger::{Absence, Error, Result, SCHEMA, token};
use crate::redis_server::Server;
use redis::aio::ConnectionManager;
use redis::{FromRedisValue, Pipeline, RedisError, RedisResult};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The oldest server that has what is used here: stream entries numbered by the server.
const SERVER_MIN: u32 = 7;

/// What a server answers that cannot do its work now, and what that is.
const NOT_NOW: [(&str, Absence); 9] = [
    ("LOADING", Absence::NotReady),
    ("MASTERDOWN", Absence::NotReady),
    ("BUSY", Absence::NotReady),
    ("CLUSTERDOWN", Absence::NotReady),
    ("TRYAGAIN", Absence::NotReady),
    ("READONLY", Absence::Follower),
    ("NOREPLICAS", Absence::DiskFailing),
    ("MISCONF", Absence::DiskFailing),
    ("OOM", Absence::Full),
];

/// How long a call begins anew after a broken connection. A lease is longer, and whoever holds one
/// must hear of an outage in time.
const PATIENCE: Duration = Duration::from_secs(3);

/// Since when something is tried.
struct Patience(Instant);

impl Patience {
    fn begin() -> Self {
        Self(Instant::now())
    }

    /// Whether this outcome is a broken connection that the next one may mend.
    fn covers<T>(&self, outcome: &RedisResult<T>) -> bool {
        outcome.as_ref().is_err_and(is_broken) && self.0.elapsed() < PATIENCE
    }
}

/// A connection and the names of a queue's keys. Clones share both.
#[derive(Clone)]
pub(super) struct Link {
    connection: ConnectionManager,
    pub(super) keys: Arc<Keys>,
    place: Arc<str>,
    outage: Arc<Outage>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("place", &self.place).finish_non_exhaustive()
    }
}

/// The server's time, read together with what a decision is made on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Now {
    /// Milliseconds since 1970.
    pub(super) ms: i64,
    /// Microseconds since 1970.
    pub(super) us: i64,
}

impl FromRedisValue for Now {
    fn from_redis_value(value: redis::Value) -> std::result::Result<Self, redis::ParsingError> {
        let (seconds, micros) = <(i64, i64)>::from_redis_value(value)?;
        let us = seconds.saturating_mul(1_000_000).saturating_add(micros);
        Ok(Self { ms: us / 1000, us })
    }
}

/// A pipeline that reads the time first.
pub(super) fn at_once() -> Pipeline {
    let mut pipeline = redis::pipe();
    pipeline.cmd("TIME");
    pipeline
}

impl Link {
    /// Connects, and refuses a server that this program cannot work with.
    pub(super) async fn open(server: &Server, queue: &str) -> Result<Self> {
        let unreachable = |source: Box<dyn std::error::Error + Send + Sync>| Error::Unreachable {
            place: server.place().to_owned(),
            source,
        };
        let connection = server.connect().await.map_err(|error| unreachable(error.into()))?;
        let link = Self {
            connection,
            keys: Arc::new(Keys::of(queue)),
            place: Arc::from(server.place()),
            outage: Arc::default(),
        };
        link.check_server().await.map_err(unreachable)?;
        Ok(link)
    }

    /// A connection of its own beside this one.
    pub(super) async fn second(&self, server: &Server) -> Result<Self> {
        let connection = server.connect().await.map_err(|error| self.failure(error))?;
        Ok(Self { connection, ..self.clone() })
    }

    async fn check_server(
        &self,
    ) -> std::result::Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let mut connection = self.connection.clone();
        let info: String = redis::cmd("INFO").arg("server").query_async(&mut connection).await?;
        let version = info.lines().find_map(|line| line.strip_prefix("redis_version:"));
        let major = version.and_then(|version| version.split('.').next()?.parse::<u32>().ok());
        match (version, major) {
            (Some(version), Some(major)) if major < SERVER_MIN => {
                Err(format!("it runs Redis {version}; Redis {SERVER_MIN} or newer is needed")
                    .into())
            }
            (Some(_) | None, _) => Ok(()),
        }
    }

    /// Marks a new ledger, or an older one, with this version; refuses a newer one. One that has
    /// this version is only read, so that a server that takes no writes now can be looked at.
    pub(super) async fn check_schema(&self) -> Result<()> {
        let key = self.keys.schema();
        let mut reading = redis::pipe();
        reading.cmd("GET").arg(&key);
        loop {
            let (found,): (Option<u32>,) = self.ask(&reading).await?;
            if let Some(found) = found.filter(|found| *found >= SCHEMA) {
                return self.accept_schema(found);
            }
            // What is there can be read; older workers stop at their next heartbeat.
            let found = found.map(|found| found.to_string()).unwrap_or_default();
            let mut commit = Commit::default();
            commit.expect(found.as_bytes(), "GET", key.clone(), NOTHING);
            commit.write("SET", key.clone(), SCHEMA);
            if self.commit(&commit).await? {
                return Ok(());
            }
        }
    }

    pub(super) fn accept_schema(&self, found: u32) -> Result<()> {
        if found > SCHEMA {
            return Err(Error::Newer { place: self.place.to_string(), found });
        }
        Ok(())
    }

    /// The answers to several questions that travel together. They may travel twice: none of them
    /// changes anything that matters a second time.
    pub(super) async fn ask<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T> {
        let answers = self.query(pipeline).await?;
        tell_back(self.outage.answered());
        Ok(answers)
    }

    /// The same for a pipeline that writes.
    pub(super) async fn tell<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T> {
        let answers = self.query(pipeline).await?;
        tell_back(self.outage.wrote());
        Ok(answers)
    }

    /// The members of a set.
    pub(super) async fn members(&self, key: &str) -> Result<Vec<String>> {
        let mut pipeline = redis::pipe();
        pipeline.cmd("SMEMBERS").arg(key);
        self.ask(&pipeline).await.map(|(members,)| members)
    }

    async fn query<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T> {
        let patience = Patience::begin();
        loop {
            let answers = pipeline.query_async(&mut self.connection.clone()).await;
            if !patience.covers(&answers) {
                return answers.map_err(|error| self.failure(error));
            }
        }
    }

    /// Whether the step's guards held; if not, nothing was written.
    pub(super) async fn commit(&self, commit: &Commit) -> Result<bool> {
        let step = commit.invocation(&self.keys.mark(&token::random()?));
        let patience = Patience::begin();
        loop {
            let outcome = step.invoke_async(&mut self.connection.clone()).await;
            if !patience.covers(&outcome) {
                let happened = outcome.map_err(|error| self.failure(error))?;
                if happened {
                    tell_back(self.outage.wrote());
                }
                return Ok(happened);
            }
        }
    }

    /// Waits until the server has everything written so far in its append-only file. Servers
    /// before 7.2 and those without such a file cannot say: `doctor` tells what that means.
    pub(super) async fn wait_until_durable(&self) -> Result<()> {
        const WAIT_MS_MAX: u32 = 5000;
        // The server waits for what this connection wrote; it may be a new one.
        let mut pipeline = redis::pipe();
        pipeline.cmd("SET").arg(self.keys.mark("last")).arg("").arg("EX").arg(1).ignore();
        pipeline.cmd("WAITAOF").arg(1).arg(0).arg(WAIT_MS_MAX);
        match self.ask::<((u32, u32),)>(&pipeline).await {
            Ok(((0, _),)) => Err(Error::Away {
                how: Absence::DiskFailing,
                place: self.place.to_string(),
                source: "it has not written the addition to its disk in time".into(),
            }),
            Ok(_) | Err(Error::Store(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// A server that is away is told from one that answers with an error.
    pub(super) fn failure(&self, error: RedisError) -> Error {
        let Some(how) = absence(&error) else { return Error::Store(error.into()) };
        if self.outage.begin(how) {
            let place = &self.place;
            tracing::warn!(%error, "reconnecting: the ledger {place} {how}");
        }
        Error::Away { place: self.place.to_string(), how, source: error.into() }
    }
}

fn tell_back(outage: Option<Duration>) {
    if let Some(outage) = outage {
        tracing::warn!("the ledger is back after {:.1} s", outage.as_secs_f64());
    }
}

/// In what way the server is away, if this error means that it is.
fn absence(error: &RedisError) -> Option<Absence> {
    if is_broken(error) {
        return Some(Absence::Silent);
    }
    let said = error.clone().into_server_errors()?;
    said.iter().find_map(|(_, said)| {
        let known = NOT_NOW.iter().find(|(code, _)| *code == said.code());
        // A server with all its connections in use has no code for that.
        let is_crowded =
            said.details().is_some_and(|words| words.contains("max number of clients"));
        known.map(|(_, how)| *how).or(is_crowded.then_some(Absence::NotReady))
    })
}

fn is_broken(error: &RedisError) -> bool {
    error.is_io_error() || error.is_connection_dropped() || error.is_timeout()
}
