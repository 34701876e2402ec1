//! Pictures, a provider that is the witness, a ledger, and machines that work for it.

use crate::support::folders::differences;
use crate::support::process::{self, Process};
use crate::support::program::{Said, paint, table, tableround};
use crate::support::provider_server::{Manner, ProviderServer};
use crate::support::redis::RedisServer;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tableround::domain::job::{Job, StateName};
use tableround::ledger::{Filter, Ledger, Redis, Sqlite};
use tableround::redis_server::Server;
use tempfile::TempDir;

/// The one batch of a night.
pub(super) const BATCH: &str = "night";
/// Far more than anything here takes on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(150);

/// Where the ledger is.
pub(super) enum Place {
    /// One file, shared by all.
    File,
    Server(RedisServer),
}

impl Place {
    /// A Redis of this test's own, where there is one.
    pub(super) fn server() -> Option<Self> {
        RedisServer::start().map(Self::Server)
    }

    /// Every kind of ledger that there is here.
    pub(super) fn all() -> Vec<Self> {
        [Some(Self::File), Self::server()].into_iter().flatten().collect()
    }
}

pub(super) struct Night {
    pub(super) folder: TempDir,
    pub(super) provider: ProviderServer,
    pub(super) place: Place,
    pictures: Vec<String>,
    runtime: tokio::runtime::Runtime,
}

impl Night {
    pub(super) fn new(place: Place, pictures: usize, manner: Manner) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pictures: Vec<String> = (1..=pictures).map(|n| format!("picture-{n:03}.png")).collect();
        for (number, name) in pictures.iter().enumerate() {
            paint(&folder.path().join(name), number);
        }
        let provider = ProviderServer::start(folder.path(), manner);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        Self { folder, provider, place, pictures, runtime }
    }

    pub(super) fn redis(&mut self) -> &mut RedisServer {
        match &mut self.place {
            Place::Server(server) => server,
            Place::File => panic!("this night has no Redis"),
        }
    }

    /// A machine's own data folder; the embedded ledger has one machine.
    pub(super) fn data(&self, machine: &str) -> PathBuf {
        match self.place {
            Place::File => self.folder.path().join("data"),
            Place::Server(_) => self.folder.path().join(machine),
        }
    }

    pub(super) fn spooled(&self, machine: &str) -> usize {
        let entries = std::fs::read_dir(self.data(machine).join("spool"));
        let names = entries.into_iter().flatten().map(|entry| entry.unwrap().path());
        names.filter(|path| path.extension().is_some_and(|end| end == "answer")).count()
    }

    /// A command on a machine.
    pub(super) fn on(&self, machine: &str, words: &[&str]) -> Command {
        self.equipped(tableround(self.folder.path()), machine, words)
    }

    fn equipped(&self, mut command: Command, machine: &str, words: &[&str]) -> Command {
        command.args(words).arg("--data").arg(self.data(machine));
        if let Place::Server(server) = &self.place {
            command.args(["--redis", &server.url()]);
        }
        command
    }

    /// The same on a machine whose wall clock is wrong; none where no clock can be faked.
    pub(super) fn on_with_clock(
        &self,
        offset: &str,
        machine: &str,
        words: &[&str],
    ) -> Option<Command> {
        Command::new("faketime").arg("--version").output().ok()?;
        let real = tableround(self.folder.path());
        let mut command = Command::new("faketime");
        command.args(["--exclude-monotonic", "-f", offset]).arg(real.get_program());
        let variables = real.get_envs().filter_map(|(name, value)| Some((name, value?)));
        command.current_dir(self.folder.path()).env_clear().envs(variables);
        Some(self.equipped(command, machine, words))
    }

    pub(super) fn enqueuing(&self, words: &[&str]) -> Command {
        let mut command = self.on("producer", &["enqueue", "--batch", BATCH, "--job", "glance"]);
        command.args(["--yes", "--provider", "openai", "--base-url", &self.provider.base_url]);
        // One model for all: what is said about it concerns every request.
        command.args(["--vision-model", "m", "--chat-model", "m", "--image-model", "none"]);
        command.args(words).args(&self.pictures);
        command
    }

    pub(super) fn enqueue(&self) {
        said(self.enqueuing(&[])).ends(0);
    }

    /// A worker on a machine, that ends when nothing is left.
    pub(super) fn hire(&self, machine: &str, words: &[&str]) -> Process {
        self.start(self.on(machine, &["worker", "--drain", "--concurrency", "4"]), machine, words)
    }

    pub(super) fn start(&self, mut command: Command, machine: &str, words: &[&str]) -> Process {
        let log = std::fs::File::options().create(true).append(true).open(self.log_of(machine));
        command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log.unwrap());
        command.spawn().unwrap().into()
    }

    fn log_of(&self, machine: &str) -> PathBuf {
        self.folder.path().join(format!("{machine}.log"))
    }

    /// What the workers of a machine said.
    pub(super) fn words(&self, machine: &str) -> String {
        std::fs::read_to_string(self.log_of(machine)).unwrap_or_default()
    }

    /// Asks the ledger itself.
    pub(super) fn ask<T>(&self, question: impl AsyncFnOnce(Arc<dyn Ledger>) -> T) -> T {
        self.runtime.block_on(async {
            let ledger: Arc<dyn Ledger> = match &self.place {
                Place::File => {
                    Arc::new(Sqlite::open(&self.data("any").join("tableround.db")).unwrap())
                }
                Place::Server(server) => {
                    let server = Server::at(&server.url()).unwrap();
                    Arc::new(Redis::open(&server, "tableround").await.unwrap())
                }
            };
            question(ledger).await
        })
    }

    pub(super) fn jobs(&self, states: &[StateName]) -> Vec<Job> {
        let filter = Filter { states: states.to_vec(), ..Filter::default() };
        let rows = self.ask(async |ledger| ledger.jobs(&filter).await.unwrap());
        rows.into_iter().map(|row| row.job).collect()
    }

    /// Waits until so many calls are out at once.
    pub(super) fn wait_for_calls(&self, count: u64) {
        wait_until("calls are in flight", || self.provider.out() >= count);
    }

    /// Everything came out once, as it does in a calm night, and nobody was charged for anything.
    pub(super) fn assert_all_is_well(&self, machine: &str) {
        let jobs = self.jobs(&[]);
        assert_eq!(jobs.len(), self.pictures.len());
        for job in &jobs {
            assert_eq!(job.state.name(), StateName::Completed, "{job:?}\n{}", self.words(machine));
            assert_eq!((job.attempts, job.crashes), (0, 0), "{job:?}");
        }
        let exported = self.folder.path().join("all");
        said(self.on(machine, &["export", BATCH, "-o", exported.to_str().unwrap()])).ends(0);
        let rows = table(&exported.join(BATCH).join("jobs.csv"));
        let mut sources: Vec<_> = rows.iter().map(|row| row["source"].clone()).collect();
        sources.sort();
        assert_eq!(sources, self.pictures, "none is lost and none is doubled");
        let calm = self.calm();
        let differ =
            differences(&calm.path().join("data/exports").join(BATCH), &exported.join(BATCH));
        assert!(differ.is_empty(), "{differ:?} differ");
    }

    /// The same pictures, worked on without any fault.
    fn calm(&self) -> TempDir {
        let calm = Self::new(Place::File, self.pictures.len(), Manner::after(0, 1));
        calm.enqueue();
        let worker = calm.hire("calm", &["--max-calls", "16"]);
        assert!(ended(worker).success(), "{}", calm.words("calm"));
        said(calm.on("calm", &["export", BATCH])).ends(0);
        calm.folder
    }
}

pub(super) fn said(mut command: Command) -> Said {
    command.output().unwrap().into()
}

/// Waits for a process to end, and tells how.
pub(super) fn ended(process: Process) -> ExitStatus {
    process::ended(process, PATIENCE)
}

/// Waits for something that another process does; fails when it takes too long.
pub(super) fn wait_until(what: &str, is_so: impl FnMut() -> bool) {
    process::wait_until(what, PATIENCE, is_so);
}
