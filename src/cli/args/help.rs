//! Examples below each command's help, and the help topics.

use crate::cli::exit::ExitCode;
use crate::config;

pub(super) const ROOT: &str = "\
EXAMPLES
  tableround run samples/* --rehearse
      a rehearsal: no key, no cost
  tableround run 'photos/**/*.jpg' --topic \"A lamp for a small room\" -n
      what it would cost

MORE HELP
  tableround help COMMAND       a command and all its flags
  tableround help environment   every environment variable
  tableround help exit-codes    what the exit codes mean";

pub(super) const RUN: &str = "\
EXAMPLES
  tableround run samples/* --rehearse
      a rehearsal: no key, no cost
  tableround run 'photos/**/*.jpg' --topic \"A lamp for a small room\" -n
      what it would cost";

pub(super) const ENQUEUE: &str = "\
EXAMPLES
  tableround enqueue photos/*.jpg
      queue them; `tableround worker` does the rest
  tableround enqueue --manifest list.csv --batch autumn --max-cost 20
      never more than 20 dollars";

pub(super) const WORKER: &str = "\
EXAMPLES
  tableround worker
      work until stopped
  tableround worker --drain --concurrency 32
      work until nothing is left

SIGNALS
  INT, TERM   stop: no new call, running calls finish; again: hang up and give the jobs back;
              a third time: leave at once
  USR1        print what is running, how many calls are out and what is held up (also in `run`)";

pub(super) const STATUS: &str = "\
EXAMPLES
  tableround status
      everything at a glance
  tableround status autumn --json
      one batch, for a script";

pub(super) const WATCH: &str = "\
EXAMPLES
  tableround watch
      a screen to leave open: q leaves it, ? shows the other keys
  tableround watch --text
      the words as they are spoken
  tableround watch autumn --until-done --json > events.jsonl
      every event, until the end";

pub(super) const WAIT: &str = "\
EXAMPLES
  tableround wait autumn --timeout 2h
      exit code 8 if it takes longer
  tableround wait autumn winter --fail-fast
      stop at the first dead job";

pub(super) const JOBS: &str = "\
EXAMPLES
  tableround jobs list --batch autumn --state dead
      what went wrong
  tableround jobs retry --batch autumn --state dead
      try those again";

pub(super) const JOBS_LIST: &str = "\
EXAMPLES
  tableround jobs list --state dead,waiting
      all that is in trouble
  tableround jobs list --batch autumn --limit 50 --json
      the first fifty, for a script";

pub(super) const JOBS_SHOW: &str = "\
EXAMPLES
  tableround jobs show 01JABCDEF
      one job in detail
  tableround jobs show 01JABCDEF --journal --prompts
      with every call and its prompt";

pub(super) const JOBS_RETRY: &str = "\
EXAMPLES
  tableround jobs retry 01JABCDEF
      one job
  tableround jobs retry --batch autumn --state dead --yes
      all dead ones, without a question";

pub(super) const JOBS_CANCEL: &str = "\
EXAMPLES
  tableround jobs cancel 01JABCDEF
      one job
  tableround jobs cancel --batch autumn --state queued,waiting
      what has not begun";

pub(super) const PAUSE: &str = "\
EXAMPLES
  tableround pause autumn
      no further job of it starts
  tableround pause autumn && tableround status autumn
      and see what still runs";

pub(super) const RESUME: &str = "\
EXAMPLES
  tableround resume autumn
      let it go on
  tableround resume autumn && tableround watch autumn
      and look on";

pub(super) const CANCEL: &str = "\
EXAMPLES
  tableround cancel autumn
      give up what is not finished
  tableround cancel autumn && tableround export autumn
      and write what is";

pub(super) const EXPORT: &str = "\
EXAMPLES
  tableround export
      all batches, below DATA/exports
  tableround export autumn -o results --bom
      one batch, for Excel";

pub(super) const STATS: &str = "\
Everything comes from the journals in the ledger: calls of a pruned batch are only in the log files,
one line each in DATA/logs/calls.log*. Success is answered calls out of those that ended. A
percentile is by nearest rank: the shortest time that at least so many per cent of the calls that
ended took no longer than. Retries are calls after a question's first.

EXAMPLES
  tableround stats --since 24h
      the last day, by service, model and stage
  tableround stats autumn --json
      one batch, for a script";

pub(super) const PRUNE: &str = "\
A batch goes when all its jobs are over, all its results lie in exported files, and nothing has
happened for as long as --older-than says; with it go its rows, journals and events, and every
picture, result and image that no other batch needs. Exports are never touched. What was prepared
and never used goes a day later.

EXAMPLES
  tableround prune --older-than 30d -n
      what a month's tidying would free
  tableround prune --yes
      what was collected more than seven days ago";

pub(super) const COMPRESS: &str = "\
EXAMPLES
  tableround compress photos/*.jpg -o small
      within 800×800 and 1.5 MB
  tableround compress a.png -o small --max-width 400 --quality 70
      smaller still";

pub(super) const WORKERS: &str = "\
EXAMPLES
  tableround workers
      who is working on what
  tableround workers --json
      for a script";

pub(super) const DOCTOR: &str = "\
EXAMPLES
  tableround doctor
      check this machine
  tableround doctor --json
      for a script; exit code 0 when all is well";

pub(super) const CONFIG: &str = "\
EXAMPLES
  tableround config show
      every setting
  tableround config show --origin
      and where each comes from";

pub(super) const CONFIG_SHOW: &str = "\
EXAMPLES
  tableround config show --origin
      every setting and where it comes from
  tableround config show --json
      for a script";

pub(super) const COMPLETIONS: &str = "\
EXAMPLES
  tableround completions bash > ~/.local/share/bash-completion/completions/tableround
      for bash
  tableround completions fish > ~/.config/fish/completions/tableround.fish
      for fish";

pub(super) const MAN: &str = "\
EXAMPLES
  tableround man | man -l -
      read it
  tableround man > tableround.1
      keep it";

pub(super) const ATTEMPT: &str = "\
EXAMPLES
  tableround attempt 01JD0CQ7Y0000000000000000
      started by a worker, never by hand
  tableround attempt 01JD0CQ7Y0000000000000000 --no-export
      without result files";

/// The command with `help environment` and `help exit-codes`.
///
/// A topic is a hidden command that can only be asked for help.
pub(super) fn with_topics(command: clap::Command) -> clap::Command {
    let environment = environment(&command);
    command
        .subcommand(topic("environment", environment))
        .subcommand(topic("exit-codes", exit_codes()))
}

fn topic(name: &'static str, text: String) -> clap::Command {
    clap::Command::new(name)
        .hide(true)
        .arg_required_else_help(true)
        .disable_help_flag(true)
        .help_template("{about}\n")
        .about(text)
}

const ENVIRONMENT: &str = "\
ENVIRONMENT
Every flag has a variable. A flag on the command line goes before its variable, a variable before
tableround.toml, and that before the default. Variables in a file .env in the working directory
count, unless they are set already. An empty variable is as good as none.

Keys of model services are read from the environment only, from the variable that belongs to the
service, e.g. OPENROUTER_API_KEY; [providers.NAME] key_env names another.

An object store (--blobs s3://bucket/prefix) is reached with AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY and AWS_REGION; AWS_ENDPOINT names one that is not Amazon's.
";

fn environment(command: &clap::Command) -> String {
    let foreign =
        config::FOREIGN_VARIABLES.map(|(name, about)| (name.to_owned(), about.to_owned()));
    let entries = config::variables(command)
        .into_iter()
        .chain(foreign)
        .map(|(variable, about)| format!("\n  {variable}\n      {about}"));
    format!("{ENVIRONMENT}{}", entries.collect::<String>())
}

fn exit_codes() -> String {
    let codes =
        ExitCode::ALL.map(|code| format!("  {:>3}  {}\n", code.number(), code.meaning())).concat();
    let order = ExitCode::PRECEDENCE.map(|code| code.number().to_string()).join(", ");
    format!("EXIT CODES\n{codes}\nWhere several apply, the first of {order}.")
}
