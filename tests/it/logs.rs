//! What stands in `data/logs`, and what never does.

use crate::support::program::{Said, folder_with, listing, say, table, tableround};
use crate::support::provider_server::{Fault, Manner, ProviderServer};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tableround::cli::logs::rolling::{Limits, Rolling};

const SECRET: &str = "sk-secret-7f3a91c2";
const TOPIC: &str = "a lamp for the zyqxwv reading corner";
/// What a service says with an error, quoting what it was given.
const SAID: &str = r#"{"error":{"message":"zyqxwv overloaded, said the service","code":"x"}}"#;

/// Every log of a folder as one text.
fn logs(folder: &Path) -> String {
    let files = fs::read_dir(folder.join("data/logs")).unwrap();
    files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect()
}

/// A run of a glance as batch `b`, asking the server.
fn run(folder: &Path, server: &ProviderServer, pictures: &[&str], more: &[&str]) -> Said {
    let mut command = tableround(folder);
    command.arg("run").args(pictures).args(["--topic", TOPIC, "--job", "glance", "--batch", "b"]);
    command.args(["--provider", "openai", "--base-url", &server.base_url, "--yes"]);
    command.args(["--vision-model", "eye", "--chat-model", "mouth", "--image-model", "none"]);
    command.env("OPENAI_API_KEY", SECRET).args(more).output().unwrap().into()
}

#[test]
fn no_key_prompt_or_reply_is_ever_logged_however_talkative_the_log() {
    let folder = folder_with(&["teapot.jpg", "lantern.png"]);
    let here = folder.path();
    let server = ProviderServer::start(here, Manner::after(0, 0));
    let talkative = |format| ["--log-level", "trace", "--log-format", format];
    server.suffer(vec![Fault::to("Daniel Okafor", 400, SAID)]);
    run(here, &server, &["teapot.jpg"], &talkative("text")).ends(1);
    server.suffer(vec![]);
    say(here, &["jobs", "retry", "--batch", "b", "--state", "dead", "--yes"]).ends(0);
    run(here, &server, &["teapot.jpg"], &talkative("text")).ends(0);
    run(here, &server, &["lantern.png"], &talkative("json")).ends(0);
    let logs = logs(here);
    assert!(logs.contains("answered") && logs.contains("teapot.jpg"), "{logs}");
    for told in [SECRET, "zyqxwv", "Bearer", "base64"] {
        assert!(!logs.to_lowercase().contains(&told.to_lowercase()), "{told} stands in the log");
    }
    let turns = table(&here.join("data/exports/b/turns.csv"));
    let spoken: Vec<&String> = turns.iter().map(|turn| &turn["text"]).collect();
    assert!(spoken.iter().any(|text| text.len() > 40), "{turns:#?}");
    for text in spoken.into_iter().filter(|text| text.chars().count() > 12) {
        let part: String = text.chars().take(24).collect();
        assert!(!logs.contains(&part), "a reply stands in the log: {part}");
    }
}

#[test]
fn every_line_about_a_job_names_its_batch_and_job_and_every_call_its_call() {
    let folder = folder_with(&["teapot.jpg", "lantern.png"]);
    let here = folder.path();
    let server = ProviderServer::start(here, Manner::after(0, 0));
    run(here, &server, &["teapot.jpg", "lantern.png"], &["--log-format", "json"]).ends(0);
    let lines = |area: &str| -> Vec<Value> {
        let text = fs::read_to_string(here.join(format!("data/logs/{area}.log"))).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let calls = lines("calls");
    assert_eq!(calls.len(), 16, "a glance is eight calls: {calls:#?}");
    for line in &calls {
        assert_eq!(line["batch"], "b", "{line}");
        assert!(
            line["job"].is_string() && line["call"].is_string() && line["ms"].is_u64(),
            "{line}"
        );
    }
    let worker = lines("worker");
    let said = |words: &str| worker.iter().filter(|line| line["message"] == words).count();
    assert_eq!((said("taken in"), said("begun"), said("completed")), (1, 2, 2), "{worker:#?}");
    for line in worker.iter().filter(|line| line["message"] != "taken in") {
        assert!(line["batch"] == "b" && line["job"].is_string(), "{line}");
    }
}

#[test]
fn a_command_that_only_looks_on_or_tries_out_writes_no_log() {
    let folder = folder_with(&["teapot.jpg"]);
    say(folder.path(), &["run", "teapot.jpg", "--rehearse", "-n"]).ends(0);
    assert!(!folder.path().join("data").exists());
    say(folder.path(), &["enqueue", "teapot.jpg", "--rehearse", "--log-level", "error"]).ends(0);
    say(folder.path(), &["status", "--log-level", "trace"]).ends(0);
    say(folder.path(), &["jobs", "list", "-vvv"]).ends(0);
    let all = listing(folder.path());
    assert!(!all.iter().any(|file| file.starts_with("data/logs")), "{all:#?}");
}

#[test]
fn a_full_disk_under_the_logs_stops_no_work() {
    let folder = folder_with(&["teapot.jpg"]);
    let logs = folder.path().join("data/logs");
    fs::create_dir_all(&logs).unwrap();
    for area in ["worker", "calls", "ledger"] {
        // Every write to this device fails as on a full disk.
        std::os::unix::fs::symlink("/dev/full", logs.join(format!("{area}.log"))).unwrap();
    }
    let run = say(folder.path(), &["run", "teapot.jpg", "--rehearse", "--job", "glance"]);
    run.ends(0);
    assert_eq!(listing(&logs), ["calls.log", "ledger.log", "worker.log"], "as they were");
}

const LINES: usize = 3000;
const CHILD: &str = "TABLEROUND_TEST_LOG_WRITER";

/// Not a test of its own: one of the two processes of the next one.
#[test]
fn a_process_that_writes_lines_when_it_is_asked_to() {
    #[expect(clippy::disallowed_methods, reason = "the parent tells its child who it is")]
    let Ok(told) = std::env::var(CHILD) else { return };
    let (name, folder) = told.split_once(' ').unwrap();
    let mut rolling = Rolling::new(Path::new(folder), "a.log", limits());
    for number in 0..LINES {
        let filler = "x".repeat(number % 90);
        rolling.append(format!("{name} {number} {filler} end\n").as_bytes()).unwrap();
    }
}

/// Small enough for many changes of the file, and enough of them to keep every line.
fn limits() -> Limits {
    Limits { bytes_max: 8_000, files_max: 100 }
}

#[test]
fn two_processes_share_a_log_without_a_torn_or_a_lost_line() {
    let folder = tempfile::tempdir().unwrap();
    let writers: Vec<_> = ["one", "two"]
        .map(|name| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "logs::a_process_that_writes_lines_when_it_is_asked_to"])
                .env(CHILD, format!("{name} {}", folder.path().display()))
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .into();
    for mut writer in writers {
        assert!(writer.wait().unwrap().success());
    }
    let files: Vec<PathBuf> =
        fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() > 20, "the file was changed often: {}", files.len());
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for file in files.iter().filter(|file| !file.ends_with(".a.log.lock")) {
        assert!(fs::metadata(file).unwrap().len() < 8_000 + 1_000, "{}", file.display());
        for line in fs::read_to_string(file).unwrap().lines() {
            assert!(line.ends_with(" end"), "torn: {line}");
            let words: Vec<&str> = line.split(' ').take(2).collect();
            *seen.entry(words.join(" ")).or_default() += 1;
        }
    }
    assert_eq!(seen.len(), 2 * LINES, "every line is there");
    assert!(seen.values().all(|times| *times == 1), "and once");
}
