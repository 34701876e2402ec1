//! What a terminal, a shell and a pipe see.

use crate::support::program::{Said, folder_with, listing, put, say, tableround};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

#[test]
fn five_mistakes_are_five_lines_with_file_and_line_and_nothing_is_created() {
    let folder = folder_with(&["teapot.jpg"]);
    let text = "max_cals = 1\nconcurrency = 0\ndata = \"\"\n\n[providers.x]\nstructured = \"yaml\"\n\n\
                [prices.m]\ninput = -1\noutput = 2\n";
    put(folder.path().join("tableround.toml"), text);
    let before = listing(folder.path());
    let said = say(folder.path(), &["run", "teapot.jpg", "--rehearse"]).ends(2);
    let places: Vec<&str> =
        said.err.lines().filter_map(|line| line.split_once(": ")).map(|(place, _)| place).collect();
    let expected = [1, 2, 3, 6, 9].map(|line| format!("tableround.toml:{line}"));
    assert_eq!(places[1..], expected, "{said:#?}");
    assert_eq!(said.out, "");
    assert_eq!(listing(folder.path()), before);
}

#[test]
fn every_setting_says_where_it_comes_from() {
    let folder = folder_with(&[]);
    put(folder.path().join("tableround.toml"), "\nconcurrency = 3\nlang = \"zh\"\n");
    put(folder.path().join(".env"), "TABLEROUND_SEED=7\n");
    let mut command = tableround(folder.path());
    command.args(["config", "show", "--origin", "--data", "elsewhere"]);
    command.env("TABLEROUND_LANG", "en").env("OPENROUTER_API_KEY", "sk-secret");
    let said = Said::from(command.output().unwrap()).ends(0);
    let check = |line: &str| assert!(said.out.lines().any(|l| l == line), "{line}: {said:#?}");
    check("data = elsewhere  (--data)");
    check("concurrency = 3  (tableround.toml:2)");
    check("lang = en  (TABLEROUND_LANG)");
    check("max_calls = 32  (default)");
    check("seed = 7  (TABLEROUND_SEED)");
    assert!(!said.out.contains("sk-secret"), "a key is never shown");
    assert_eq!(listing(folder.path()), [".env", "tableround.toml"]);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = folder_with(&["teapot.jpg"]);
    let here = folder.path();
    say(here, &["enqueue", "teapot.jpg", "--rehearse", "--job", "glance", "--batch", "b"]).ends(0);
    say(here, &["cancel", "b"]).ends(0);
    for command in [
        "config show",
        "help environment",
        "man",
        "completions bash",
        "jobs list",
        "watch b --json --until-done",
    ] {
        let script =
            format!("\"$0\" {command} 2>err | head -c 1 >/dev/null; echo ${{PIPESTATUS[0]}}");
        let program = env!("CARGO_BIN_EXE_tableround");
        let mut shell = Command::new("bash");
        shell.args(["-c", &script, program]).current_dir(here).stdin(Stdio::null());
        // The tests' own variables would be told as strange ones.
        shell.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", here);
        let said = Said::from(shell.output().unwrap());
        assert_eq!(said.out, "0\n", "{command}");
        assert_eq!(std::fs::read_to_string(here.join("err")).unwrap(), "", "{command}");
    }
}

#[test]
fn colours_are_for_those_who_want_them() {
    let folder = folder_with(&["teapot.jpg"]);
    let mut number = 0;
    let mut run = |variables: &[(&str, &str)], more: &[&str]| {
        number += 1;
        let mut command = tableround(folder.path());
        command.args(["run", "teapot.jpg", "--rehearse", "--job", "glance", "--again"]);
        command.args(["--batch", &format!("b{number}")]).args(more);
        command.envs(variables.iter().copied());
        let said = Said::from(command.output().unwrap()).ends(0);
        assert!(!said.out.contains('\u{1b}'), "{said:#?}");
        said.err.contains('\u{1b}')
    };
    assert!(!run(&[], &[]));
    assert!(run(&[("FORCE_COLOR", "1")], &[]));
    assert!(!run(&[("FORCE_COLOR", "1"), ("NO_COLOR", "1")], &[]));
    assert!(run(&[("NO_COLOR", "1")], &["--color", "always"]));
    assert!(!run(&[("FORCE_COLOR", "1")], &["--color", "never"]));
}

/// Runs a checker over a text, if it is installed; true: it was.
fn checked(folder: &Path, program: &str, arguments: &[&str], file: &str, text: &str) -> bool {
    put(folder.join(file), text);
    let output = Command::new(program).args(arguments).arg(file).current_dir(folder).output();
    let Ok(output) = output else { return false };
    let said = Said::from(output).ends(0);
    assert_eq!(said.err, "", "{program} {file}");
    true
}

#[test]
fn completions_are_scripts_that_their_shells_can_read() {
    let folder = folder_with(&[]);
    for (shell, arguments) in [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")] {
        let script = say(folder.path(), &["completions", shell]).ends(0).out;
        for word in ["enqueue", "completions", "rehearse", "vision-model"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
        let was = checked(folder.path(), shell, &[arguments], "script", &script);
        assert!(was || shell != "bash", "there is no bash to check with");
    }
}

#[test]
fn the_manual_page_renders_without_a_complaint() {
    let folder = folder_with(&[]);
    let page = say(folder.path(), &["man"]).ends(0).out;
    assert!(page.contains(".TH tableround 1"), "{page}");
    for section in [".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION", ".SH OPTIONS"] {
        assert!(page.contains(section), "{section}");
    }
    checked(folder.path(), "groff", &["-Kutf8", "-man", "-Tutf8", "-ww"], "tableround.1", &page);
}

#[test]
fn a_ledger_of_a_newer_version_is_refused_with_one_sentence() {
    let folder = folder_with(&["teapot.jpg"]);
    let here = folder.path();
    say(here, &["enqueue", "teapot.jpg", "--rehearse", "--job", "glance"]).ends(0);
    let db = rusqlite::Connection::open(here.join("data/tableround.db")).unwrap();
    db.pragma_update(None, "user_version", 9999).unwrap();
    drop(db);
    for arguments in [&["status"][..], &["jobs", "list"], &["export"], &["worker", "--drain", "-q"]]
    {
        let said = say(here, arguments).ends(2);
        let error: Vec<&str> =
            said.err.lines().filter(|line| !line.starts_with("ledger: ")).collect();
        assert!(matches!(error[..], [line] if line.contains("newer")), "{said:#?}");
    }
}

fn signal(child: &Child, name: &str) {
    let mut kill = Command::new("kill");
    kill.args([&format!("-{name}"), &child.id().to_string()]);
    Said::from(kill.output().unwrap()).ends(0);
}

#[test]
fn a_signal_makes_a_worker_say_what_it_is_doing_and_it_goes_on() {
    let folder = folder_with(&[]);
    let mut command = tableround(folder.path());
    command.arg("worker").stdin(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (sender, lines) = channel();
    let err = BufReader::new(child.stderr.take().unwrap());
    std::thread::spawn(move || err.lines().map_while(Result::ok).all(|l| sender.send(l).is_ok()));
    assert_eq!(lines.recv().unwrap(), "ledger: data/tableround.db (default)");
    let started = Instant::now();
    // The first ones may come before there is anything to tell.
    let head = loop {
        assert!(started.elapsed() < Duration::from_mins(1), "no snapshot came");
        signal(&child, "USR1");
        if let Ok(line) = lines.recv_timeout(Duration::from_millis(300)) {
            break line;
        }
    };
    assert!(head.starts_with("snapshot of "), "{head}");
    let busy = lines.recv().unwrap();
    assert_eq!(busy, "  0 of 16 slots busy, 0 calls in flight, 0 waiting for their turn");
    assert!(lines.recv().unwrap().starts_with("  the ledger answers in "));
    signal(&child, "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(130), "it was still at work");
}
