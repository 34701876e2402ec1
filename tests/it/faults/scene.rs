//! A folder with pictures, a ledger, a provider, and processes that work on it.

use super::checker::{self, Verdict};
use super::{Line, wait_until};
use crate::support::folders::differences;
pub(super) use crate::support::process::{Process, ended};
pub(super) use crate::support::program::paint;
use crate::support::program::{tableround, told};
use crate::support::provider_server::{Manner, ProviderServer};
use crate::support::redis::RedisServer;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tableround::blobs::{Blobs, CAP_BYTES};
use tableround::domain::call::Record;
use tableround::domain::job::{Job, StateName};
use tableround::ledger::{Filter, Ledger, Redis, Scope, Sqlite, Summary};
use tableround::redis_server::Server;
use tempfile::TempDir;

/// The one batch of a scene.
pub(super) const BATCH: &str = "night";
/// Calls in flight of one worker.
pub(super) const CALLS: usize = 4;
/// How a worker works that is hired for a night.
pub(super) const DRAINING: [&str; 5] = ["--drain", "--concurrency", "4", "--max-calls", "4"];
/// A service that is not on the same machine wants a key, and this one looks at none.
const KEY: (&str, &str) = ("OPENAI_API_KEY", "nobody-looks-at-it");
/// The machine on which results are collected.
pub(super) const COLLECTOR: &str = "collector";
/// The queue that is used when none is named.
const QUEUE: &str = "tableround";
/// Far more than anything here takes on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(150);

/// Where the truth of a night is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Store {
    /// In a file of one machine, where every process works in one folder.
    Embedded,
    /// In a Redis of the test's own; every worker has a working, data and temp directory of its
    /// own, and the pictures are gone once they are enqueued.
    Redis,
}

impl std::fmt::Display for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Embedded => "one machine",
            Self::Redis => "Redis",
        })
    }
}

/// The stage of a night.
pub(super) struct Scene {
    /// Where the pictures are given in; with the embedded ledger, where everything is.
    pub(super) folder: TempDir,
    pub(super) server: ProviderServer,
    pub(super) redis: Option<RedisServer>,
    pub(super) pictures: Vec<String>,
    machines: AtomicUsize,
    runtime: tokio::runtime::Runtime,
}

impl Scene {
    pub(super) fn new(store: Store, pictures: usize, manner: Manner) -> Self {
        let names = (1..=pictures).map(|number| format!("picture-{number:03}.png"));
        Self::with(store, names.collect(), manner)
    }

    /// A scene with pictures of these names, each different.
    pub(super) fn with(store: Store, pictures: Vec<String>, manner: Manner) -> Self {
        let redis = match store {
            Store::Embedded => None,
            Store::Redis => Some(RedisServer::start().expect("it has started here before")),
        };
        Self::around(redis, pictures, |folder| ProviderServer::start(folder, manner))
    }

    /// The same around a Redis that runs already, with a provider of one's own.
    pub(super) fn around(
        redis: Option<RedisServer>,
        pictures: Vec<String>,
        provider: impl FnOnce(&Path) -> ProviderServer,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (number, name) in pictures.iter().enumerate() {
            paint(&folder.path().join(name), number);
        }
        let server = provider(folder.path());
        let runtime = tokio::runtime::Runtime::new().unwrap();
        Self { folder, server, redis, pictures, machines: AtomicUsize::new(0), runtime }
    }

    /// The same pictures, worked on by one machine without any fault.
    pub(super) fn calm(&self) -> Self {
        let calm = Self::with(Store::Embedded, self.pictures.clone(), Manner::after(0, 1));
        calm.pass();
        calm
    }

    /// Works on everything, in peace.
    pub(super) fn pass(&self) {
        self.enqueue();
        let mut worker = self.worker(&["--drain", "--concurrency", "16", "--max-calls", "16"]);
        let output = worker.output().unwrap();
        assert!(output.status.success(), "{}", told(&output));
        self.collect();
        assert_eq!(self.server.repeated(), 0, "no two questions of these pictures are the same");
    }

    /// The Redis of a night that has one.
    pub(super) fn redis_mut(&mut self) -> &mut RedisServer {
        self.redis.as_mut().expect("this fault is one of Redis")
    }

    /// A command where the pictures are.
    pub(super) fn command(&self, words: &[&str]) -> Command {
        let mut command = tableround(self.folder.path());
        command.env(KEY.0, KEY.1);
        if let Some(redis) = &self.redis {
            command.env("TABLEROUND_REDIS", redis.url());
        }
        command.args(words);
        command
    }

    /// A command on the machine of this name, which shares nothing but the Redis behind this URL.
    pub(super) fn elsewhere(&self, machine: &str, url: &str) -> Command {
        let folder = self.folder.path().join(machine);
        std::fs::create_dir_all(folder.join("tmp")).unwrap();
        let mut command = tableround(&folder);
        command.env(KEY.0, KEY.1);
        command.env("TMPDIR", folder.join("tmp")).env("TABLEROUND_REDIS", url);
        command
    }

    /// `enqueue` over all pictures, with more words.
    pub(super) fn enqueuing(&self, words: &[&str]) -> Command {
        let mut command = self.command(&["enqueue", "--batch", BATCH, "--job", "glance", "--yes"]);
        command.args(["--provider", "openai", "--base-url", &self.server.base_url]);
        command.args(["--vision-model", "eye", "--chat-model", "mouth", "--image-model", "none"]);
        command.args(words).args(&self.pictures);
        command
    }

    /// Puts everything in; acknowledged when this returns.
    pub(super) fn enqueue(&self) {
        let output = self.enqueuing(&[]).output().unwrap();
        assert!(output.status.success(), "{}", told(&output));
        if self.redis.is_some() {
            self.delete_originals();
        }
    }

    /// Nobody may need the files of the producer any more.
    pub(super) fn delete_originals(&self) {
        for picture in &self.pictures {
            std::fs::remove_file(self.folder.path().join(picture)).unwrap();
        }
    }

    /// A worker; with Redis, on a machine that was not there before.
    pub(super) fn worker(&self, words: &[&str]) -> Command {
        match &self.redis {
            None => {
                let mut command = self.command(&["worker"]);
                command.args(words);
                command
            }
            Some(redis) => self.worker_over(&redis.url(), words),
        }
    }

    /// A worker on a new machine that reaches the Redis by this URL.
    pub(super) fn worker_over(&self, url: &str, words: &[&str]) -> Command {
        let number = self.machines.fetch_add(1, Ordering::SeqCst);
        let mut command = self.elsewhere(&format!("machine-{number}"), url);
        command.arg("worker").args(words);
        command
    }

    /// A worker that runs until everything is done.
    pub(super) fn hire(&self, failpoint: Option<&str>) -> Process {
        let mut worker = self.worker(&DRAINING);
        if let Some(failpoint) = failpoint {
            worker.env("TABLEROUND_FAILPOINT", failpoint);
        }
        self.spawn(worker)
    }

    /// The same over another way to the Redis.
    pub(super) fn hire_over(&self, url: &str) -> Process {
        self.spawn(self.worker_over(url, &DRAINING))
    }

    /// Starts a worker; what it says is kept.
    pub(super) fn spawn(&self, mut worker: Command) -> Process {
        worker.stdout(Stdio::null()).stderr(self.log()).spawn().unwrap().into()
    }

    fn log(&self) -> Stdio {
        let path = self.folder.path().join("workers.log");
        std::fs::File::options().create(true).append(true).open(path).unwrap().into()
    }

    /// What the workers said, for a failing test's message.
    pub(super) fn words(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("workers.log")).unwrap_or_default()
    }

    pub(super) fn collect(&self) {
        let mut command = match &self.redis {
            None => self.command(&[]),
            Some(redis) => self.elsewhere(COLLECTOR, &redis.url()),
        };
        let output = command.args(["export", BATCH]).output().unwrap();
        assert!(output.status.success(), "{}", told(&output));
    }

    /// Where a collector leaves the results.
    pub(super) fn exports(&self) -> PathBuf {
        let home = if self.redis.is_some() { COLLECTOR } else { "" };
        self.folder.path().join(home).join("data/exports").join(BATCH)
    }

    /// The same, created if nothing was ever written there.
    pub(super) fn exports_or_nothing(&self) -> PathBuf {
        // On a full disk not even this succeeds, and the folder above it is as empty.
        match std::fs::create_dir_all(self.exports()) {
            Ok(()) => self.exports(),
            Err(_) => self.folder.path().join("data"),
        }
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("data/tableround.db")
    }

    /// Whether there is a ledger to be asked.
    pub(super) fn has_begun(&self) -> bool {
        self.redis.is_some() || self.database().exists()
    }

    /// Asks the ledger itself.
    fn ask<T>(&self, question: impl AsyncFnOnce(&dyn Ledger) -> T) -> T {
        self.runtime.block_on(async {
            match &self.redis {
                None => {
                    let images = Blobs::dir(&self.folder.path().join("data/images"));
                    let ledger = Sqlite::open(&self.database()).unwrap().with_blobs(images);
                    question(&ledger).await
                }
                Some(redis) => {
                    let server = Server::at(&redis.url()).unwrap();
                    let images = Blobs::redis(server.clone(), QUEUE, CAP_BYTES);
                    let ledger = Redis::open(&server, QUEUE).await.unwrap().with_blobs(images);
                    question(&ledger).await
                }
            }
        })
    }

    pub(super) fn jobs(&self, states: &[StateName]) -> Vec<Job> {
        let filter = Filter { states: states.to_vec(), ..Filter::default() };
        let rows = self.ask(async |ledger| ledger.jobs(&filter).await.unwrap());
        rows.into_iter().map(|row| row.job).collect()
    }

    pub(super) fn summary(&self) -> Summary {
        self.ask(async |ledger| ledger.summary(None).await.unwrap())
    }

    pub(super) fn journal(&self) -> Vec<Record> {
        self.ask(async |ledger| ledger.journal(Scope::Batch(BATCH)).await.unwrap())
    }

    /// Requests whose answer is in the journal for good.
    pub(super) fn closed(&self) -> BTreeSet<String> {
        let is_closed = |record: &&Record| {
            record.settle.as_ref().is_some_and(|settle| settle.outcome.is_final())
        };
        self.journal()
            .iter()
            .filter(is_closed)
            .map(|record| record.open.request_sha256.clone())
            .collect()
    }

    /// Fails if a request that was closed then has left again since.
    pub(super) fn assert_not_repeated(&self, closed: &BTreeSet<String>, position: usize) {
        for seen in self.server.seen().iter().skip(position) {
            assert!(!closed.contains(&seen.request), "an answered call was asked again");
        }
    }

    /// The jobs that this process holds.
    pub(super) fn held_by(&self, process: &Child) -> Vec<Job> {
        let mark = format!("-{}-", process.id());
        let mut running = self.jobs(&[StateName::Running]);
        running.retain(|job| job.lease().is_some_and(|lease| lease.worker.contains(&mark)));
        running
    }

    /// Waits until so many calls are out at once.
    pub(super) fn wait_for_calls(&self, count: u64) {
        wait_until("calls are in flight", PATIENCE, || self.server.out() >= count);
    }

    /// Collects, and compares with what went in and with an undisturbed night.
    pub(super) fn settle(&self, calm: &Self, line: &mut Line) {
        self.collect();
        self.compare(calm, line);
    }

    /// Compares what was collected.
    pub(super) fn compare(&self, calm: &Self, line: &mut Line) {
        let all: BTreeSet<String> = self.pictures.iter().cloned().collect();
        let verdict = checker::check(&all, &all, &self.exports());
        let good =
            Verdict { attempts: all.len(), acked: all.len(), ok: all.len(), ..Verdict::default() };
        assert_eq!(verdict, good, "{}", self.words());
        let differ = differences(&calm.exports(), &self.exports());
        assert!(differ.is_empty(), "{differ:?} differ\n{}", self.words());
        line.schedules += 1;
        line.lost += verdict.lost;
        line.doubled += verdict.duplicated;
        line.repeated += self.server.repeated();
    }
}

/// The same program started by another one, which takes it as its last arguments.
pub(super) fn under(starter: &[&str], program: &Command) -> Command {
    let mut command = Command::new(starter[0]);
    command.args(&starter[1..]).arg(program.get_program()).args(program.get_args());
    command.env_clear().envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(program.get_current_dir().expect("the tests give every program a folder"));
    command
}

/// Sends a signal.
pub(super) fn signal(child: &Child, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}
