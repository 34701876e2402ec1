//! The command line: what can be typed, and nothing of what it means.
//!
//! Only what was typed, with its types checked; `config` adds environment and file beneath it.

mod commands;
mod help;
mod shared;

pub use commands::{
    AttemptArgs, Cancelling, Command, CompletionArgs, CompressArgs, ConfigArgs, ConfigCommand,
    EnqueueArgs, ExportArgs, JobsArgs, JobsCommand, JobsListArgs, JobsShowArgs, OneBatch,
    PruneArgs, Retrying, RunArgs, ShowArgs, StatsArgs, StatusArgs, WaitArgs, WatchArgs, WorkerArgs,
};
pub use shared::{GlobalArgs, InputArgs, LimitArgs, SpecArgs, WorkArgs};

use clap::{CommandFactory, Parser};

/// Round-table discussions about pictures, held as a batch
///
/// A panel of models looks at each picture, discusses it, votes on keywords and designs something.
/// Without a command, the status is shown.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "tableround",
    version,
    disable_help_subcommand = false,
    subcommand_value_name = "COMMAND",
    after_help = help::ROOT,
)]
pub struct Cli {
    /// Without one: `status`.
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub global: GlobalArgs,
}

/// The whole command line with its help topics, and every flag's variable in its help.
pub fn command() -> clap::Command {
    help::with_topics(crate::config::name_variables(Cli::command()))
}

#[cfg(test)]
mod tests;
