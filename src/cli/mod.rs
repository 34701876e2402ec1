//! The terminal: arguments, messages, exit codes. Only this floor prints or exits.

pub mod exit;
pub mod errors;
pub mod args;
pub mod inputs;
pub mod freeze;
pub mod estimate;
pub mod intake;
pub mod room;
pub mod pump;
pub mod snapshot;
pub mod prune;
pub mod session;
pub mod failures;
pub mod logs;
pub mod setting;
pub mod lookout;
pub mod shapes;
pub mod words;
pub mod stdout;
pub mod compress;
pub mod commands;

use self::args::{Cli, Command, ConfigCommand, JobsCommand};
use self::commands::batches::{self, Selection};
use self::errors::CliError;
use self::exit::ExitCode;
use self::setting::Setting;
use crate::config::{self, Environment, Loaded, Sources, Tty};
use crate::domain::job::Change;
use crate::ledger::Filter;
use clap::FromArgMatches;
use std::io::{IsTerminal, Write};
use std::path::Path;

/// Runs the program to its exit code.
pub fn main() -> std::process::ExitCode {
    let json = std::env::args_os().any(|word| word == "--json");
    match start(json) {
        Ok(code) => code.into(),
        Err(error) => {
            complain(&error, json);
            error.exit.into()
        }
    }
}

/// Says on stderr what went wrong.
fn complain(error: &CliError, json: bool) {
    if error.is_silent() {
        return;
    }
    let text = if json { format!("{}\n", error.json()) } else { error.text() };
    // Nobody is left to tell if stderr is gone too.
    std::io::stderr().write_all(text.as_bytes()).ok();
}

/// Ends the process at once: the third signal.
#[expect(clippy::exit, reason = "the person asked three times")]
fn leave_now() {
    std::process::exit(i32::from(ExitCode::Interrupted.number()));
}

fn start(json: bool) -> Result<ExitCode, CliError> {
    let here = Path::new(".");
    let environment =
        Environment::of_process(here).map_err(|mistake| CliError::config(mistake.to_string()))?;
    let tty =
        Tty { stdout: std::io::stdout().is_terminal(), stderr: std::io::stderr().is_terminal() };
    let sources = Sources {
        command: args::command(),
        typed: std::env::args_os().collect(),
        environment: &environment,
        directory: here,
        tty,
    };
    let loaded = match config::load(sources) {
        Ok(loaded) => loaded,
        Err(config::Error::CommandLine(usage)) => return show_usage(&usage, json),
        Err(error) => return Err(error.into()),
    };
    let cli = Cli::from_arg_matches(loaded.matches())
        .map_err(|error| CliError::config(error.to_string()))?;
    let setting = Setting::new(&loaded, &environment, &cli.command, &cli.global)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::internal(format!("no runtime: {error}")))?;
    let code = runtime.block_on(dispatch(cli, &setting, &loaded, &environment));
    runtime.shutdown_background();
    code
}

/// Help goes to stdout and is no error; a wrong command line is.
fn show_usage(usage: &clap::Error, json: bool) -> Result<ExitCode, CliError> {
    if json && usage.use_stderr() {
        return Err(CliError::usage(&usage.render().to_string()));
    }
    Ok(match usage.print() {
        Ok(()) if usage.use_stderr() => ExitCode::Usage,
        Ok(()) | Err(_) => ExitCode::AllDone,
    })
}

async fn dispatch(
    cli: Cli,
    setting: &Setting,
    loaded: &Loaded,
    environment: &Environment,
) -> Result<ExitCode, CliError> {
    let command = cli.command.unwrap_or_else(|| Command::Status(args::StatusArgs::default()));
    let json = setting.json;
    // Whoever asks a process for a snapshot while it still takes pictures in must not end it.
    let _ear = snapshot::ear();
    match command {
        Command::Run(run) => return commands::request::run(setting, environment, *run).await,
        Command::Enqueue(enqueue) => {
            return commands::request::enqueue(setting, environment, *enqueue).await;
        }
        Command::Worker(worker) => return commands::request::worker(setting, &worker).await,
        Command::Status(status) => {
            let home = setting.existing_home().await?;
            commands::status::run(setting, &home, status.name.as_deref()).await?;
        }
        Command::Watch(watch) => {
            let watching = commands::watch::Watching {
                name: watch.name,
                text: watch.text,
                until_done: watch.until_done,
            };
            let home = setting.existing_home().await?;
            return commands::watch::run(setting, &home, &watching).await;
        }
        Command::Wait(wait) => {
            let waiting = commands::wait::Waiting {
                batches: wait.names,
                timeout: wait.timeout,
                fail_fast: wait.fail_fast,
            };
            return commands::wait::run(setting, &setting.existing_home().await?, &waiting).await;
        }
        Command::Jobs(jobs) => jobs_command(setting, jobs.command).await?,
        Command::Pause(batch) => {
            batches::pause(&setting.writing_home().await?, &batch.name).await?;
        }
        Command::Resume(batch) => {
            batches::resume(&setting.writing_home().await?, &batch.name).await?;
        }
        Command::Cancel(batch) => {
            batches::cancel(&setting.writing_home().await?, &batch.name).await?;
        }
        Command::Export(export) => {
            let exports = export.output.unwrap_or_else(|| setting.places.exports.clone());
            let say = |line: &str| setting.say(line);
            let home = setting.writing_home().await?;
            commands::export::run(&home, &export.names, &exports, export.bom, json, say).await?;
        }
        Command::Stats(stats) => {
            let home = setting.existing_home().await?;
            commands::stats::run(&home, stats.name.as_deref(), stats.since, json).await?;
        }
        Command::Prune(args) => {
            let wish = prune::Wish {
                older_than: args.older_than,
                uncollected: args.uncollected,
                dry_run: args.dry_run,
            };
            commands::prune::run(setting, &setting.writing_home().await?, wish, args.yes).await?;
        }
        Command::Workers => batches::workers(&setting.existing_home().await?, json).await?,
        Command::Config(config) => match config.command {
            ConfigCommand::Show(show) => {
                commands::config::show(loaded, environment, show.origin, json)?;
            }
        },
        Command::Completions(completions) => commands::generate::completions(completions.shell)?,
        Command::Man => commands::generate::man()?,
        Command::Attempt(attempt) => return commands::attempt::run(setting, &attempt).await,
        Command::Compress(args) => return commands::compress::run(setting, &args),
        Command::Doctor => return commands::doctor::run(setting).await,
    }
    Ok(ExitCode::AllDone)
}

async fn jobs_command(setting: &Setting, command: JobsCommand) -> Result<(), CliError> {
    match command {
        JobsCommand::List(list) => {
            let filter = Filter {
                batch: list.batch,
                states: list.state,
                job: None,
                after: list.after,
                limit: list.limit.unwrap_or(0),
            };
            commands::jobs::list(&setting.existing_home().await?, filter, setting.json).await
        }
        JobsCommand::Show(show) => {
            let home = setting.existing_home().await?;
            commands::jobs::show(&home, &show.id, show.prompts, show.journal, setting.json).await
        }
        JobsCommand::Retry(chosen) => {
            let args::Retrying { ids, batch, state: states, yes } = chosen;
            let selection = Selection { ids, batch, states, yes };
            let home = setting.writing_home().await?;
            batches::change(setting, &home, &selection, &Change::Retry, "queued again").await
        }
        JobsCommand::Cancel(chosen) => {
            let args::Cancelling { ids, batch, state: states, yes } = chosen;
            let selection = Selection { ids, batch, states, yes };
            let home = setting.writing_home().await?;
            batches::change(setting, &home, &selection, &Change::Cancel, "cancelled").await
        }
    }
}
