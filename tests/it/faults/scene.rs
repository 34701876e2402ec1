//! A folder with pictures, a ledger, a provider, and processes that work on it.

use super::checker::{self, Verdict};
use super::{Line, wait_until};
use crate::support::folders::differences;
use crate::support::program::{tableround, told};
use crate::support::provider_server::{Manner, ProviderServer};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tableround::domain::call::Record;
use tableround::domain::job::{Job, StateName};
use tableround::ledger::{Filter, Ledger, Scope, Sqlite, Summary};
use tempfile::TempDir;

/// The one batch of a scene.
pub(super) const BATCH: &str = "night";
/// Calls in flight of one worker.
pub(super) const CALLS: usize = 4;
/// Far more than anything here takes on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(150);

/// The stage of a night.
pub(super) struct Scene {
    pub(super) folder: TempDir,
    pub(super) server: ProviderServer,
    pub(super) pictures: Vec<String>,
    runtime: tokio::runtime::Runtime,
}

impl Scene {
    pub(super) fn new(pictures: usize, manner: Manner) -> Self {
        let names = (1..=pictures).map(|number| format!("picture-{number:03}.png"));
        Self::with(names.collect(), manner)
    }

    /// A scene with pictures of these names, each different.
    pub(super) fn with(pictures: Vec<String>, manner: Manner) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (number, name) in pictures.iter().enumerate() {
            paint(&folder.path().join(name), number);
        }
        let server = ProviderServer::start(folder.path(), manner);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        Self { folder, server, pictures, runtime }
    }

    /// The same pictures, worked on without any fault.
    pub(super) fn calm(&self) -> Self {
        let calm = Self::with(self.pictures.clone(), Manner::after(0, 1));
        calm.enqueue();
        let mut worker = calm.worker(&["--drain", "--concurrency", "16", "--max-calls", "16"]);
        let output = worker.output().unwrap();
        assert!(output.status.success(), "{}", told(&output));
        calm.collect();
        assert_eq!(calm.server.repeated(), 0, "no two questions of these pictures are the same");
        calm
    }

    pub(super) fn command(&self, words: &[&str]) -> Command {
        let mut command = tableround(self.folder.path());
        command.args(words);
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
    }

    pub(super) fn worker(&self, words: &[&str]) -> Command {
        let mut command = self.command(&["worker"]);
        command.args(words);
        command
    }

    /// A worker that runs until everything is done.
    pub(super) fn hire(&self, failpoint: Option<&str>) -> Child {
        let calls = CALLS.to_string();
        let mut worker = self.worker(&["--drain", "--concurrency", "4", "--max-calls", &calls]);
        if let Some(failpoint) = failpoint {
            worker.env("TABLEROUND_FAILPOINT", failpoint);
        }
        worker.stdout(Stdio::null()).stderr(self.log()).spawn().unwrap()
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
        let output = self.command(&["export", BATCH]).output().unwrap();
        assert!(output.status.success(), "{}", told(&output));
    }

    pub(super) fn exports(&self) -> PathBuf {
        self.folder.path().join("data/exports").join(BATCH)
    }

    /// The same, created if nothing was ever written there.
    pub(super) fn exports_or_nothing(&self) -> PathBuf {
        // On a full disk not even this succeeds, and the folder above it is as empty.
        match std::fs::create_dir_all(self.exports()) {
            Ok(()) => self.exports(),
            Err(_) => self.folder.path().join("data"),
        }
    }

    /// Asks the ledger itself.
    fn ask<T>(&self, question: impl AsyncFnOnce(&Sqlite) -> T) -> T {
        let ledger = Sqlite::open(&self.folder.path().join("data/tableround.db")).unwrap();
        self.runtime.block_on(question(&ledger))
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

/// A small picture, different for every number.
pub(super) fn paint(path: &Path, number: usize) {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 48, 32);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    let shade = |place: usize| u8::try_from((place * (number + 3) + number * 37) % 256).unwrap();
    let pixels: Vec<u8> = (0..48 * 32 * 3).map(shade).collect();
    writer.write_image_data(&pixels).unwrap();
    writer.finish().unwrap();
    tableround::blobs::write_atomic(path, &bytes).unwrap();
}

/// Waits for a process to end, and tells how.
pub(super) fn ended(mut child: Child, patience: Duration) -> std::process::ExitStatus {
    wait_until("the process ends", patience, || child.try_wait().unwrap().is_some());
    child.wait().unwrap()
}

/// Sends a signal.
pub(super) fn signal(child: &Child, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}
