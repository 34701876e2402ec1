#![expect(clippy::disallowed_methods, reason = "half a file hurts nobody in a test")]

use super::*;
use clap::{Arg, ArgAction, value_parser};
use std::fs;
use std::path::PathBuf;

/// A small command line with what `load` looks for.
fn command() -> Command {
    let global = |name: &'static str| Arg::new(name).long(name).global(true);
    let run = Command::new("run")
        .arg(Arg::new("rounds").long("rounds").value_parser(value_parser!(u32).range(1..=20)))
        .arg(Arg::new("lang").long("lang").value_parser(["en", "zh"]))
        .arg(
            Arg::new("max_calls")
                .long("max-calls")
                .default_value("32")
                .value_parser(value_parser!(u32)),
        )
        .arg(Arg::new("output").long("output").value_parser(value_parser!(PathBuf)));
    name_variables(
        Command::new("t")
            .arg(global("data").default_value("data").value_parser(value_parser!(PathBuf)))
            .arg(global("redis").value_parser(values::secret))
            .arg(global("queue").default_value("tableround"))
            .arg(global("blobs"))
            .arg(global("config").value_parser(value_parser!(PathBuf)))
            .arg(global("json").action(ArgAction::SetTrue))
            .arg(global("color").default_value("auto").value_parser(value_parser!(ColorChoice)))
            .subcommand(run)
            .subcommand(Command::new("status")),
    )
}

fn load_in(directory: &Path, environment: &Environment, typed: &str) -> Result<Loaded, Error> {
    load(Sources {
        command: command(),
        typed: std::iter::once("t").chain(typed.split_whitespace()).map(Into::into).collect(),
        environment,
        directory,
        tty: Tty::default(),
    })
}

/// Loads beside a `tableround.toml` with this text.
fn with_file(text: &str, environment: &Environment, typed: &str) -> Result<Loaded, Error> {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join(FILE_NAME), text).unwrap();
    let before = fs::read_dir(directory.path()).unwrap().count();
    let loaded = load_in(directory.path(), environment, typed);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), before, "nothing is created");
    loaded
}

#[test]
fn the_strongest_place_wins_and_is_known() {
    let none = Environment::default();
    let variable = Environment::of([("TABLEROUND_MAX_CALLS", "3")]);
    let check = |text: &str, environment: &Environment, typed: &str, value: u32, origin: &str| {
        let loaded = with_file(text, environment, typed).unwrap();
        let run = loaded.matches().subcommand_matches("run").unwrap();
        assert_eq!(run.get_one::<u32>("max_calls"), Some(&value), "{text} {typed}");
        assert_eq!(loaded.origin("max_calls").to_string(), origin, "{text} {typed}");
    };
    check("", &none, "run", 32, "default");
    check("\nmax_calls = 2", &none, "run", 2, "tableround.toml:2");
    check("max_calls = 2", &variable, "run", 3, "TABLEROUND_MAX_CALLS");
    check("", &variable, "run", 3, "TABLEROUND_MAX_CALLS");
    check("max_calls = 2", &variable, "run --max-calls 4", 4, "--max-calls");
    check("max_calls = 2", &none, "run --max-calls 32", 32, "--max-calls");
}

#[test]
fn global_flags_are_layered_too_wherever_they_stand() {
    let none = Environment::default();
    let check = |text: &str, environment: &Environment, typed: &str, expected: &str| {
        let loaded = with_file(text, environment, typed).unwrap();
        let place = loaded.config.places.ledger_line();
        assert_eq!(place, expected, "{typed}");
    };
    let variable = Environment::of([("TABLEROUND_DATA", "env")]);
    check("data = 'file'", &none, "run", "ledger: file/tableround.db (default)");
    check("data = 'file'", &variable, "", "ledger: env/tableround.db (default)");
    check("data = 'file'", &variable, "--data flag run", "ledger: flag/tableround.db (default)");
    check("data = 'file'", &variable, "run --data flag", "ledger: flag/tableround.db (default)");
    let url = "ledger: redis://h:6379/0";
    check("redis = 'redis://h'", &none, "status", &format!("{url} (tableround.toml:1)"));
    check("", &none, "--redis redis://h", &format!("{url} (--redis)"));
    let variable = Environment::of([("TABLEROUND_REDIS", "redis://:hush@h")]);
    check("", &variable, "status", "ledger: redis://:***@h:6379/0 (TABLEROUND_REDIS)");
    assert!(!format!("{:?}", with_file("", &variable, "status")).contains("hush"));
    let loaded = with_file("json = true", &none, "status").unwrap();
    assert!(loaded.config.terminal.json);
    let no = Environment::of([("TABLEROUND_JSON", "no")]);
    assert!(!with_file("json = true", &no, "status").unwrap().config.terminal.json);
}

#[test]
fn five_mistakes_are_five_lines_and_nothing_is_created() {
    let text = "\
max_cals = 8
rounds = 99
lang = \"fr\"
data = true

[providers.mine]
base_url = \"models.example\"
";
    let error = with_file(text, &Environment::default(), "run").unwrap_err();
    assert_eq!(
        error.to_string(),
        "tableround.toml:1: unknown key `max_cals` (did you mean `max_calls`?)\n\
         tableround.toml:2: `rounds`: 99 is not in 1..=20\n\
         tableround.toml:3: `lang`: `fr` is not one of en, zh\n\
         tableround.toml:4: `data` must be a text in quotes\n\
         tableround.toml:7: `base_url` cannot be this: `models.example` is not a URL"
    );
}

#[test]
fn help_is_given_whatever_the_file_says() {
    let error = with_file("colour = 1", &Environment::default(), "run --help").unwrap_err();
    let Error::CommandLine(error) = error else { panic!("{error}") };
    assert_eq!(error.kind(), ErrorKind::DisplayHelp);
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("mine.toml"), "max_calls = 5\n").unwrap();
    let none = Environment::default();
    let check = |environment: &Environment, typed: &str, origin: &str| {
        let loaded = load_in(directory.path(), environment, typed).unwrap();
        assert_eq!(loaded.origin("max_calls").to_string(), origin, "{typed}");
    };
    check(&none, "run", "default");
    check(&none, "--config mine.toml run", "mine.toml:1");
    check(&none, "run --config=mine.toml", "mine.toml:1");
    check(&Environment::of([("TABLEROUND_CONFIG", "mine.toml")]), "run", "mine.toml:1");
    let error = load_in(directory.path(), &none, "--config other.toml run").unwrap_err();
    assert_eq!(error.to_string(), "the configuration file other.toml cannot be read");
}

#[test]
fn a_wrong_word_on_the_command_line_is_told_when_the_rest_is_right() {
    let error = with_file("", &Environment::default(), "run --rounds 0").unwrap_err();
    assert!(matches!(error, Error::CommandLine(_)), "{error}");
    let error = with_file("", &Environment::default(), "--redis http://:pw@h status").unwrap_err();
    assert_eq!(
        error.to_string(),
        "--redis: it does not begin with redis:// or rediss:// and a host"
    );
}

#[test]
fn every_setting_is_shown_with_its_origin_and_without_secrets() {
    let text = "rounds = 3\n[providers.mine]\nbase_url = 'http://h/v1'\nchat_model = 'm'\n\
                [prices.m]\ninput = 0.5\noutput = 2\n";
    let environment = Environment::of([
        ("TABLEROUND_LANG", "zh"),
        ("REDIS_URL", "redis://:hush@h/1"),
        ("OPENROUTER_API_KEY", "sk-hush"),
    ]);
    let loaded = with_file(text, &environment, "status --json").unwrap();
    let rows = show(&loaded, &environment, &["OPENROUTER_API_KEY", "OPENAI_API_KEY"]);
    let shown: Vec<String> =
        rows.iter().map(|row| format!("{} = {} ({})", row.key, row.value, row.origin)).collect();
    assert_eq!(
        shown,
        [
            "redis = redis://:***@h:6379/1 (REDIS_URL)",
            "data = data (default)",
            "queue = tableround (default)",
            "blobs =  (default)",
            "config =  (default)",
            "json = true (--json)",
            "color = auto (default)",
            "rounds = 3 (tableround.toml:1)",
            "lang = zh (TABLEROUND_LANG)",
            "max_calls = 32 (default)",
            "output =  (default)",
            "providers.mine = http://h/v1 m (tableround.toml:2)",
            "prices.\"m\" = input 0.5, output 2 (tableround.toml:5)",
            "OPENROUTER_API_KEY = *** (OPENROUTER_API_KEY)",
        ]
    );
    assert!(!format!("{loaded:?}").contains("hush"));
}
