//! The commands, each with its own arguments.

use super::help;
use super::shared::{InputArgs, LimitArgs, SpecArgs, WorkArgs};
use crate::config::values::duration;
use crate::domain::job::StateName;
use clap::{Args, Subcommand};
use clap_complete::Shell;
use std::path::PathBuf;
use std::time::Duration;

/// What to do.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Discuss pictures now and write the results
    #[command(after_help = help::RUN)]
    Run(Box<RunArgs>),
    /// Queue pictures for workers
    #[command(after_help = help::ENQUEUE)]
    Enqueue(Box<EnqueueArgs>),
    /// Work on what is queued
    #[command(after_help = help::WORKER)]
    Worker(WorkerArgs),
    /// Batches, workers, blocks, and why anything is not running
    #[command(after_help = help::STATUS)]
    Status(StatusArgs),
    /// Look on while it happens
    #[command(after_help = help::WATCH)]
    Watch(WatchArgs),
    /// Wait until batches are done
    #[command(after_help = help::WAIT)]
    Wait(WaitArgs),
    /// List, show, retry or cancel single jobs
    #[command(after_help = help::JOBS, subcommand_value_name = "COMMAND")]
    Jobs(JobsArgs),
    /// Hold a batch: running jobs finish, no other starts
    #[command(after_help = help::PAUSE)]
    Pause(OneBatch),
    /// Let a held batch go on
    #[command(after_help = help::RESUME)]
    Resume(OneBatch),
    /// Give up what is left of a batch
    #[command(after_help = help::CANCEL)]
    Cancel(OneBatch),
    /// Write the result files, from the ledger alone
    #[command(after_help = help::EXPORT)]
    Export(ExportArgs),
    /// How calls went: how many, how long, what failed, what it cost
    #[command(after_help = help::STATS)]
    Stats(StatsArgs),
    /// Remove what is done and collected, and make room
    #[command(after_help = help::PRUNE)]
    Prune(PruneArgs),
    /// Make pictures fit to be sent, as files
    #[command(after_help = help::COMPRESS)]
    Compress(CompressArgs),
    /// Who is working
    #[command(after_help = help::WORKERS)]
    Workers,
    /// Check everything that must be right, and say how to mend what is not
    #[command(after_help = help::DOCTOR)]
    Doctor,
    /// The settings in force
    #[command(after_help = help::CONFIG, subcommand_value_name = "COMMAND")]
    Config(ConfigArgs),
    /// Completions for a shell, on standard output
    #[command(after_help = help::COMPLETIONS)]
    Completions(CompletionArgs),
    /// The manual page, on standard output
    #[command(after_help = help::MAN)]
    Man,
    /// One job in a process of its own, for a worker that suspects it
    #[command(after_help = help::ATTEMPT, hide = true)]
    Attempt(AttemptArgs),
}

/// `run`
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub input: InputArgs,
    #[command(flatten)]
    pub spec: SpecArgs,
    #[command(flatten)]
    pub limits: LimitArgs,
    #[command(flatten)]
    pub work: WorkArgs,
    /// Go on with a batch that was interrupted
    #[arg(long, value_name = "BATCH", help_heading = "WORK", conflicts_with = "inputs")]
    pub resume: Option<String>,
    /// Where the results go [default: DATA/exports]
    #[arg(long, short, value_name = "DIR", help_heading = "OUTPUT")]
    pub output: Option<PathBuf>,
}

/// `enqueue`
#[derive(Debug, Clone, Args)]
pub struct EnqueueArgs {
    #[command(flatten)]
    pub input: InputArgs,
    #[command(flatten)]
    pub spec: SpecArgs,
    #[command(flatten)]
    pub limits: LimitArgs,
    /// Wait until workers have finished the batch
    #[arg(long, help_heading = "WORK")]
    pub wait: bool,
}

/// `worker`
#[derive(Debug, Clone, Args)]
pub struct WorkerArgs {
    #[command(flatten)]
    pub work: WorkArgs,
    /// End when nothing is left, instead of waiting for more
    #[arg(long, help_heading = "WORK")]
    pub drain: bool,
    /// With --drain: end when all that is left is blocked for longer than this
    #[arg(long, value_name = "DUR", default_value = "10m", value_parser = duration, help_heading = "WORK")]
    pub max_wait: Duration,
    /// End after N jobs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "WORK")]
    pub max_jobs: Option<u64>,
    /// Write no result files; `export` does it later
    #[arg(long, help_heading = "OUTPUT")]
    pub no_export: bool,
}

/// `status`
#[derive(Debug, Clone, Default, Args)]
pub struct StatusArgs {
    /// Only this batch
    #[arg(value_name = "BATCH")]
    pub name: Option<String>,
}

/// `watch`
#[derive(Debug, Clone, Args)]
pub struct WatchArgs {
    /// Only this batch or job
    #[arg(value_name = "BATCH|JOB")]
    pub name: Option<String>,
    /// Show the words as they are spoken
    #[arg(long, help_heading = "OUTPUT")]
    pub text: bool,
    /// End when everything is done
    #[arg(long, help_heading = "WORK")]
    pub until_done: bool,
}

/// `wait`
#[derive(Debug, Clone, Args)]
pub struct WaitArgs {
    /// The batches to wait for
    #[arg(value_name = "BATCH", required = true)]
    pub names: Vec<String>,
    /// Give up after this long, with exit code 8
    #[arg(long, value_name = "DUR", value_parser = duration, help_heading = "WORK")]
    pub timeout: Option<Duration>,
    /// Stop waiting at the first dead job
    #[arg(long, help_heading = "WORK")]
    pub fail_fast: bool,
}

/// `jobs`
#[derive(Debug, Clone, Args)]
pub struct JobsArgs {
    #[command(subcommand)]
    pub command: JobsCommand,
}

/// What to do with jobs.
#[derive(Debug, Clone, Subcommand)]
pub enum JobsCommand {
    /// One line per job
    #[command(after_help = help::JOBS_LIST)]
    List(JobsListArgs),
    /// Everything about one job
    #[command(after_help = help::JOBS_SHOW)]
    Show(JobsShowArgs),
    /// Try dead or cancelled jobs again; what was answered is not asked again
    #[command(after_help = help::JOBS_RETRY)]
    Retry(Retrying),
    /// Give up jobs
    #[command(after_help = help::JOBS_CANCEL)]
    Cancel(Cancelling),
}

/// `jobs list`
#[derive(Debug, Clone, Args)]
pub struct JobsListArgs {
    /// Only this batch
    #[arg(long, value_name = "NAME", help_heading = "SELECTION")]
    pub batch: Option<String>,
    /// Only jobs in these states: queued, running, waiting, completed, dead, cancelled
    #[arg(long, value_name = "S,…", value_delimiter = ',', help_heading = "SELECTION")]
    pub state: Vec<StateName>,
    /// At most N
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "SELECTION")]
    pub limit: Option<u32>,
    /// Go on behind this job
    #[arg(long, value_name = "ID", help_heading = "SELECTION")]
    pub after: Option<String>,
}

/// `jobs show`
#[derive(Debug, Clone, Args)]
pub struct JobsShowArgs {
    /// The job
    #[arg(value_name = "JOB")]
    pub id: String,
    /// With the prompts in full
    #[arg(long, help_heading = "OUTPUT")]
    pub prompts: bool,
    /// With every call that was made
    #[arg(long, help_heading = "OUTPUT")]
    pub journal: bool,
}

/// Which jobs: by id, or all of a batch or state.
macro_rules! selection {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Args)]
        pub struct $name {
            /// The jobs; none: those that --batch and --state choose
            #[arg(value_name = "JOB", required_unless_present_any = ["batch", "state"])]
            pub ids: Vec<String>,
            /// All of this batch
            #[arg(long, value_name = "NAME", help_heading = "SELECTION")]
            pub batch: Option<String>,
            /// All in these states: queued, running, waiting, completed, dead, cancelled
            #[arg(long, value_name = "S,…", value_delimiter = ',', help_heading = "SELECTION")]
            pub state: Vec<StateName>,
            /// Do not ask
            #[arg(long, help_heading = "LIMITS")]
            pub yes: bool,
        }
    };
}
selection!(
    /// `jobs retry`
    Retrying
);
selection!(
    /// `jobs cancel`
    Cancelling
);

/// `pause`, `resume`, `cancel`
#[derive(Debug, Clone, Args)]
pub struct OneBatch {
    /// The batch
    #[arg(value_name = "BATCH")]
    pub name: String,
}

/// `export`
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// The batches; none: all
    #[arg(value_name = "BATCH")]
    pub names: Vec<String>,
    /// Where the results go [default: DATA/exports]
    #[arg(long, short, value_name = "DIR", help_heading = "OUTPUT")]
    pub output: Option<PathBuf>,
    /// Begin CSV files with a byte order mark, for Excel
    #[arg(long, help_heading = "OUTPUT")]
    pub bom: bool,
}

/// `stats`
#[derive(Debug, Clone, Args)]
pub struct StatsArgs {
    /// Only this batch
    #[arg(value_name = "BATCH")]
    pub name: Option<String>,
    /// Only calls that left so long ago or later
    #[arg(long, value_name = "DUR", value_parser = duration, help_heading = "SELECTION")]
    pub since: Option<Duration>,
}

/// `prune`
#[derive(Debug, Clone, Args)]
pub struct PruneArgs {
    /// Only batches whose results were collected so long ago, and logs as old
    #[arg(long, value_name = "DUR", default_value = "7d", value_parser = duration, help_heading = "SELECTION")]
    pub older_than: Duration,
    /// Also batches that ended so long ago and were never exported: their results are lost
    #[arg(long, help_heading = "SELECTION")]
    pub uncollected: bool,
    /// Say what would be freed and remove nothing
    #[arg(long, short = 'n', help_heading = "LIMITS")]
    pub dry_run: bool,
    /// Do not ask
    #[arg(long, help_heading = "LIMITS")]
    pub yes: bool,
}

/// `compress`
#[derive(Debug, Clone, Args)]
pub struct CompressArgs {
    /// The pictures
    #[arg(value_name = "IN", required = true, help_heading = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// Where the new files go; the old ones are never touched
    #[arg(long, short, value_name = "DIR", help_heading = "OUTPUT")]
    pub output: PathBuf,
    /// Width at most, in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 800, value_parser = clap::value_parser!(u32).range(1..=65_535), help_heading = "LIMITS")]
    pub max_width: u32,
    /// Height at most, in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 800, value_parser = clap::value_parser!(u32).range(1..=65_535), help_heading = "LIMITS")]
    pub max_height: u32,
    /// JPEG quality, from 1 to 100
    #[arg(long, value_name = "N", default_value_t = 85, value_parser = clap::value_parser!(u8).range(1..=100), help_heading = "LIMITS")]
    pub quality: u8,
    /// Bytes at most of a written file
    #[arg(long, value_name = "BYTES", default_value_t = 1_572_864, value_parser = clap::value_parser!(u64).range(1024..), help_heading = "LIMITS")]
    pub max_bytes: u64,
    /// Pictures at once [default: one per core]
    #[arg(long, short = 'j', value_name = "N", value_parser = threads, help_heading = "WORK")]
    pub threads: Option<usize>,
}

/// `config`
#[derive(Debug, Clone, Args)]
pub struct ConfigArgs {
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// What to do with the configuration.
#[derive(Debug, Clone, Subcommand)]
pub enum ConfigCommand {
    /// Every setting and its value
    #[command(after_help = help::CONFIG_SHOW)]
    Show(ShowArgs),
}

/// `config show`
#[derive(Debug, Clone, Args)]
pub struct ShowArgs {
    /// With where each value comes from
    #[arg(long, help_heading = "OUTPUT")]
    pub origin: bool,
}

/// `attempt`: its lease comes in on standard input, and it ends when that does.
#[derive(Debug, Clone, Args)]
pub struct AttemptArgs {
    /// The job
    #[arg(value_name = "JOB")]
    pub id: String,
    /// Calls in flight at once
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=4096), help_heading = "WORK")]
    pub max_calls: u32,
    /// Where the results go [default: DATA/exports]
    #[arg(long, short, value_name = "DIR", help_heading = "OUTPUT")]
    pub output: Option<PathBuf>,
    /// Write no result files; `export` does it later
    #[arg(long, help_heading = "OUTPUT")]
    pub no_export: bool,
}

/// `completions`
#[derive(Debug, Clone, Args)]
pub struct CompletionArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: Shell,
}

/// Threads of the pixel pool. More than a thousand is a slip of the finger.
fn threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count @ 1..=1024) => Ok(count),
        Ok(_) | Err(_) => Err("it must be a whole number from 1 to 1024".to_owned()),
    }
}
