//! The files under `.deploy` say nothing that the program does not know.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use tableround::cli::args;
use tableround::config;

/// How long running calls may go on after the first signal.
const GRACE: Duration = Duration::from_secs(8);

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(".deploy").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[track_caller]
fn understood(words: &[&str]) {
    let parsed = args::command().try_get_matches_from(words);
    assert!(parsed.is_ok(), "{words:?}: {}", parsed.unwrap_err());
}

/// A list of words in brackets, over one line or several.
fn list(text: &str) -> Vec<String> {
    let end = text.find(']').expect("a list ends");
    serde_json::from_str(text.get(..=end).unwrap()).unwrap()
}

fn words(list: &[String]) -> Vec<&str> {
    list.iter().map(String::as_str).collect()
}

#[test]
fn a_container_starts_what_exists() {
    let image = file("Dockerfile");
    let after = |keyword: &str| list(image.split_once(keyword).expect(keyword).1);
    let (entry, health) = (after("ENTRYPOINT "), after(" CMD "));
    let command = after("\nCMD ");
    understood(&words(&[entry.clone(), command].concat()));
    understood(&words(&health));
    let compose = file("compose.yaml");
    let (_, worker) = compose.split_once("  worker:\n").unwrap();
    let command = list(worker.split_once("command: ").unwrap().1);
    assert_eq!(command[0], "worker");
    understood(&words(&[entry, command].concat()));
    for line in compose.lines().filter_map(|line| line.strip_prefix("#   tableround ")) {
        let typed: Vec<&str> = std::iter::once("tableround").chain(line.split(' ')).collect();
        understood(&typed);
    }
}

#[test]
fn a_unit_starts_what_exists() {
    let unit = file("tableround-worker@.service");
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    understood(&line.split(' ').collect::<Vec<_>>());
}

#[test]
fn a_stop_leaves_time_for_running_calls() {
    let seconds = |text: String, key: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(key)).unwrap().to_owned();
        Duration::from_secs(line.trim().trim_end_matches('s').parse().unwrap())
    };
    assert!(seconds(file("compose.yaml"), "stop_grace_period:") > GRACE);
    assert!(seconds(file("tableround-worker@.service"), "TimeoutStopSec=") > GRACE);
}

#[test]
fn every_variable_named_is_one_of_ours() {
    let known: BTreeSet<String> =
        config::variables(&args::command()).into_iter().map(|(name, _)| name).collect();
    let mut found = 0;
    for name in ["Dockerfile", "compose.yaml", "worker.env.example", "tableround-worker@.service"] {
        let text = file(name);
        let is_part = |c: char| c.is_ascii_uppercase() || c == '_';
        for word in text.split(|c| !is_part(c)).filter(|word| word.starts_with("TABLEROUND_")) {
            assert!(known.contains(word), "{name}: {word}");
            found += 1;
        }
    }
    assert!(found > 5, "{found}");
}

#[test]
fn an_image_is_built_from_all_that_the_program_includes() {
    let ignored = file("Dockerfile.dockerignore");
    let kept: BTreeSet<&str> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in &kept {
        assert!(root.join(name).exists(), "{name}");
    }
    for needed in ["Cargo.toml", "Cargo.lock", "src", "jobs", "prompts", "tests/tools"] {
        assert!(kept.contains(needed), "{needed}");
    }
}
