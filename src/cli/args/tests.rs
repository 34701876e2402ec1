use super::*;
use crate::config::{Environment, Loaded, Sources, Tty, load};
use clap::{FromArgMatches, Parser};
use std::time::Duration;

fn parse(words: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("tableround").chain(words.split_whitespace()))
}

fn walk(command: &clap::Command, see: &mut impl FnMut(&clap::Command, &clap::Arg)) {
    command.get_arguments().for_each(|arg| see(command, arg));
    command.get_subcommands().for_each(|sub| walk(sub, see));
}

#[test]
fn the_command_line_is_put_together_rightly() {
    command().debug_assert();
}

#[test]
fn every_flag_names_its_variable_in_its_help() {
    let mut flags = 0;
    walk(&command(), &mut |command, arg| {
        let Some(long) = arg.get_long() else { return };
        let variable = format!("TABLEROUND_{}", long.to_uppercase().replace('-', "_"));
        let help = arg.get_long_help().map(ToString::to_string).unwrap_or_default();
        assert!(help.ends_with(&format!("[env: {variable}]")), "{} --{long}", command.get_name());
        flags += 1;
    });
    assert!(flags > 60, "{flags}");
}

#[test]
fn every_flag_has_one_variable_in_the_help_topic() {
    let variables = crate::config::variables(&Cli::command());
    walk(&Cli::command(), &mut |_, arg| {
        let Some(long) = arg.get_long() else { return };
        let variable = format!("TABLEROUND_{}", long.to_uppercase().replace('-', "_"));
        assert_eq!(variables.iter().filter(|(name, _)| *name == variable).count(), 1, "{long}");
    });
}

#[test]
fn every_command_has_two_examples_that_can_be_typed() {
    let check = |command: &clap::Command| {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let examples: Vec<&str> =
            help.lines().filter_map(|line| line.strip_prefix("  tableround")).take(2).collect();
        assert_eq!(examples.len(), 2, "{}", command.get_name());
        for example in examples {
            for part in example.split("&&").map(|part| part.trim_start_matches(" tableround")) {
                let typed = part.split(['|', '>']).next().unwrap_or_default();
                let typed = typed.replace("\"A lamp for a small room\"", "lamp");
                assert!(parse(&typed).is_ok(), "{typed}");
            }
        }
    };
    fn all(command: &clap::Command, check: &impl Fn(&clap::Command)) {
        check(command);
        command.get_subcommands().for_each(|sub| all(sub, check));
    }
    all(&Cli::command(), &check);
}

#[test]
fn a_whole_command_line_arrives_as_values() {
    let cli = parse(
        "run a.jpg b.jpg --topic lamp --lang zh --order parallel --rounds 3 -n --max-fails 5% \
         --max-cost 12.50 --priority high --concurrency 4 -o out --json -vv --data d",
    )
    .unwrap();
    assert!(cli.global.json);
    assert_eq!((cli.global.verbose, cli.global.data.to_str()), (2, Some("d")));
    let Some(Command::Run(run)) = cli.command else { panic!("not run") };
    assert_eq!(run.input.inputs.len(), 2);
    assert_eq!(run.spec.topic.as_deref(), Some("lamp"));
    assert_eq!(run.spec.lang, Some(crate::domain::spec::Language::Zh));
    assert_eq!(run.spec.order, Some(crate::domain::spec::Order::Parallel));
    assert_eq!((run.spec.rounds, run.spec.job.as_str()), (Some(3), "roundtable"));
    assert!(run.limits.dry_run);
    assert_eq!(run.limits.max_fails.map(|m| m.to_string()).as_deref(), Some("5%"));
    assert_eq!(run.limits.max_cost.map(|m| m.0), Some(12_500_000));
    assert_eq!(run.limits.confirm_above_usd.0, 5_000_000);
    assert_eq!(run.limits.priority, crate::domain::job::Priority::High);
    assert_eq!((run.work.concurrency, run.work.max_calls), (4, 32));
    assert_eq!(run.output.as_deref(), Some(std::path::Path::new("out")));
}

#[test]
fn defaults_are_those_of_the_contract() {
    let Some(Command::Worker(worker)) = parse("worker").unwrap().command else { panic!() };
    assert_eq!((worker.work.concurrency, worker.work.max_calls), (16, 32));
    assert_eq!(worker.max_wait, Duration::from_mins(10));
    let Some(Command::Compress(compress)) = parse("compress a -o b").unwrap().command else {
        panic!()
    };
    assert_eq!((compress.max_width, compress.max_height), (800, 800));
    assert_eq!((compress.quality, compress.max_bytes), (85, 1_572_864));
    assert!(parse("").unwrap().command.is_none());
    let Some(Command::Jobs(jobs)) = parse("jobs list --state dead,waiting").unwrap().command else {
        panic!()
    };
    let JobsCommand::List(list) = jobs.command else { panic!() };
    assert_eq!(list.state.len(), 2);
}

#[test]
fn nonsense_is_refused_with_exit_code_2() {
    for wrong in [
        "run a -q -v",
        "run a --rounds 0",
        "run a --rounds 21",
        "run a --max-cost -1",
        "run a --max-fails 0%",
        "run a --order sometimes",
        "run a --batch ../up",
        "run a --base-url ftp://x",
        "run a --resume autumn",
        "run a --sample 0",
        "worker --max-wait 10",
        "wait",
        "jobs retry",
        "jobs list --state asleep",
        "compress a -o b --quality 101",
        "compress a -o b -j 0",
        "sing",
    ] {
        let error = parse(wrong).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{wrong}");
    }
}

#[test]
fn a_secret_address_is_not_quoted_back() {
    let cli = parse("status --redis nonsense-secret").unwrap();
    assert!(!format!("{cli:?}").contains("nonsense-secret"));
}

#[test]
fn help_topics_are_hidden_and_tell_everything() {
    let topic = |name: &str| {
        let error = command().try_get_matches_from(["tableround", "help", name]).unwrap_err();
        assert_eq!(error.exit_code(), 0, "{name}");
        error.to_string()
    };
    let environment = topic("environment");
    for variable in ["TABLEROUND_MAX_CALLS", "TABLEROUND_REDIS", "REDIS_PASSWORD", "NO_COLOR"] {
        assert!(environment.contains(variable), "{variable}");
    }
    let codes = topic("exit-codes");
    for line in
        ["  0  all done", " 70  a bug", "130  interrupted", "130, 70, 2, 4, 5, 6, 8, 1, 3, 7"]
    {
        assert!(codes.contains(line), "{line}\n{codes}");
    }
}

#[test]
fn the_parsed_command_line_is_read_from_a_layered_one() {
    let matches = command().try_get_matches_from(["tableround", "status", "autumn"]).unwrap();
    let cli = Cli::from_arg_matches(&matches).unwrap();
    assert!(matches!(cli.command, Some(Command::Status(StatusArgs { name: Some(_) }))));
}

#[test]
fn the_help_of_every_command_is_as_it_was() {
    fn all(command: &clap::Command, before: &[&str], see: &mut impl FnMut(&[&str])) {
        see(before);
        for sub in command.get_subcommands() {
            let path: Vec<&str> = before.iter().copied().chain([sub.get_name()]).collect();
            all(sub, &path, see);
        }
    }
    let whole = command().term_width(100);
    all(&whole, &[], &mut |path| {
        let words = ["tableround", "help"].iter().chain(path).copied();
        let help = whole.clone().try_get_matches_from(words).unwrap_err().to_string();
        let name = ["help"].iter().chain(path).copied().collect::<Vec<_>>().join("-");
        insta::assert_snapshot!(name, help);
    });
}

/// The whole command line over these variables and a file with this text.
fn layered(file: &str, environment: &Environment, words: &str) -> (Cli, Loaded) {
    let directory = tempfile::tempdir().unwrap();
    #[expect(clippy::disallowed_methods, reason = "half a file hurts nobody in a test")]
    std::fs::write(directory.path().join("tableround.toml"), file).unwrap();
    let loaded = load(Sources {
        command: command(),
        typed: std::iter::once("tableround").chain(words.split(' ')).map(Into::into).collect(),
        environment,
        directory: directory.path(),
        tty: Tty { stdout: true, stderr: true },
    })
    .unwrap();
    (Cli::from_arg_matches(loaded.matches()).unwrap(), loaded)
}

#[test]
fn file_and_variables_stand_in_for_flags_of_every_kind() {
    let file = "output = 'small'\nstate = ['dead', 'queued']\nmax_cost = 2\n\
                max_fails = '5%'\nrehearse = true\nlang = 'zh'\nthreads = 3\nmax_calls = 4\n";
    let none = Environment::default();
    let (cli, loaded) = layered(file, &none, "run a.jpg");
    let Some(Command::Run(run)) = cli.command else { panic!() };
    assert!(run.spec.rehearse);
    assert_eq!(run.spec.lang, Some(crate::domain::spec::Language::Zh));
    assert_eq!(run.limits.max_cost.map(|m| m.0), Some(2_000_000));
    assert_eq!(run.limits.max_fails.map(|m| m.to_string()).as_deref(), Some("5%"));
    assert_eq!(run.work.max_calls, 4);
    assert_eq!(loaded.config.places.exports, std::path::Path::new("small"));
    assert_eq!(loaded.origin("lang").to_string(), "tableround.toml:6");

    let (cli, _) = layered(file, &none, "compress a.jpg");
    let Some(Command::Compress(compress)) = cli.command else { panic!() };
    assert_eq!(
        compress.output,
        std::path::Path::new("small"),
        "a required flag may be in the file"
    );
    assert_eq!(compress.threads, Some(3));
    let (cli, _) = layered(file, &none, "jobs list");
    let Some(Command::Jobs(JobsArgs { command: JobsCommand::List(list) })) = cli.command else {
        panic!()
    };
    assert_eq!(list.state.len(), 2);
    let (cli, _) = layered(file, &none, "jobs list --state running");
    let Some(Command::Jobs(JobsArgs { command: JobsCommand::List(list) })) = cli.command else {
        panic!()
    };
    assert_eq!(list.state, [crate::domain::job::StateName::Running]);
}

#[test]
fn a_typed_v_is_no_conflict_with_a_quiet_variable() {
    let quiet = Environment::of([("TABLEROUND_QUIET", "1")]);
    let (_, loaded) = layered("", &quiet, "status");
    assert!(loaded.config.terminal.quiet);
    let (_, loaded) = layered("", &quiet, "status -v");
    assert_eq!((loaded.config.terminal.quiet, loaded.config.terminal.verbose), (false, 1));
    let (_, loaded) = layered("verbose = 2", &Environment::default(), "status -q");
    assert_eq!((loaded.config.terminal.quiet, loaded.config.terminal.verbose), (true, 0));
}
