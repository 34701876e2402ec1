//! The README says what is true.
//!
//! Its tables are compared with what the program itself says; `TABLEROUND_REWRITE_README=1` puts
//! them in.

use crate::support::program::{folder_with, put, samples, say, tableround};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use tableround::cli::args;
use tableround::cli::exit::ExitCode;
use tableround::discussion::plan;
use tableround::domain::spec::Agenda;
use tableround::export::codebook;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn path() -> PathBuf {
    root().join("README.md")
}

fn readme() -> String {
    std::fs::read_to_string(path()).unwrap()
}

/// `| command | what it does |`, with the commands of commands.
fn commands() -> String {
    let mut table = String::from("| command | what it does |\n|---|---|\n");
    let mut row = |name: &str, command: &clap::Command| {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        writeln!(table, "| `{name}` | {about} |").unwrap();
    };
    let all = args::command();
    // Topics of the help are hidden commands.
    for command in all.get_subcommands().filter(|command| !command.is_hide_set()) {
        let inner: Vec<&clap::Command> =
            command.get_subcommands().filter(|inner| inner.get_name() != "help").collect();
        if inner.is_empty() {
            row(command.get_name(), command);
        }
        for inner in inner {
            row(&format!("{} {}", command.get_name(), inner.get_name()), inner);
        }
    }
    table
}

fn calls() -> String {
    let mut table = String::from("| agenda | calls | of these shared |\n|---|---|---|\n");
    for name in ["glance", "roundtable", "workshop"] {
        let text = std::fs::read_to_string(root().join(format!("jobs/{name}.toml"))).unwrap();
        let agenda: Agenda = toml::from_str(&text).unwrap();
        let all = plan::expected(&agenda, true);
        let shared: u32 = plan::questions(&agenda, true)
            .iter()
            .filter(|stage| stage.shared && stage.stage == "introduce")
            .map(|stage| stage.questions)
            .sum();
        writeln!(table, "| `{name}` | {all} | {shared} |").unwrap();
    }
    table
}

fn exit_codes() -> String {
    let mut table = String::from("| code | meaning |\n|---|---|\n");
    for code in ExitCode::ALL {
        writeln!(table, "| {} | {} |", code.number(), code.meaning()).unwrap();
    }
    let order = ExitCode::PRECEDENCE.map(|code| code.number().to_string()).join(", ");
    writeln!(table, "\nWhere several apply, the first of {order}.").unwrap();
    table
}

/// The codebook one level deeper, as a part of the page.
fn reference() -> String {
    codebook::markdown().replace("\n## ", "\n#### ").replace("# Codebook", "### Codebook")
}

#[test]
fn its_tables_are_what_the_program_says() {
    let parts = [
        ("commands", commands()),
        ("calls", calls()),
        ("exit codes", exit_codes()),
        ("codebook", reference()),
    ];
    let mut text = readme();
    for (name, expected) in &parts {
        let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->"));
        let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("no {begin}"));
        let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("no {end}"));
        text = format!("{before}{begin}\n{}\n\n{end}{after}", expected.trim());
    }
    if std::env::var_os("TABLEROUND_REWRITE_README").is_some() {
        put(path(), &text);
    }
    let (found, expected) = (readme(), text);
    for (found, expected) in found.lines().zip(expected.lines()) {
        assert_eq!(found, expected, "TABLEROUND_REWRITE_README=1 puts it right");
    }
    assert_eq!(found.len(), expected.len());
}

/// Words as a shell would split them: spaces, and quotes of both kinds.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (vec![], None::<String>, None);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// Every command line: in blocks of shell, and in running text between backticks.
fn command_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut in_block = false;
    for line in text.lines() {
        if line.starts_with("```") {
            in_block = !in_block;
        } else if in_block {
            let line = line.replace("cargo run --release -- ", "tableround ");
            lines.extend(line.starts_with("tableround ").then_some(line));
        } else {
            // Every second piece stands between two backticks.
            let spans = line.split('`').skip(1).step_by(2);
            lines.extend(spans.filter(|s| s.starts_with("tableround ")).map(str::to_owned));
        }
    }
    lines
}

#[test]
fn every_command_line_in_it_is_understood() {
    let lines = command_lines(&readme());
    assert!(lines.len() > 15, "{lines:#?}");
    for line in lines {
        if let Err(error) = args::command().try_get_matches_from(words(&line)) {
            assert!(!error.use_stderr(), "{line}\n{error}");
        }
    }
}

#[test]
fn its_first_command_really_runs() {
    let text = readme();
    let line = text.lines().find_map(|line| line.strip_prefix("cargo run --release -- ")).unwrap();
    let folder = folder_with(&[]);
    let mut command = tableround(folder.path());
    for word in words(line) {
        if word == "samples/*" {
            command.args(samples());
        } else {
            command.arg(word);
        }
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let out = String::from_utf8(output.stdout).unwrap();
    let place = out.lines().last().unwrap().strip_prefix("exports: ").unwrap();
    assert!(folder.path().join(place).join("report.html").exists());
    say(folder.path(), &["status"]).ends(0);
}

#[test]
fn the_files_and_pictures_it_names_are_there_and_small() {
    let picture = root().join(".assets/report.png");
    assert!(std::fs::metadata(picture).unwrap().len() <= 300 << 10);
    for file in ["tests/run", "jobs/glance.toml", "LICENSE-MIT", "LICENSE-APACHE", "CHANGELOG.md"] {
        assert!(root().join(file).exists(), "{file}");
    }
}

#[test]
fn its_configuration_is_one_that_can_be_read() {
    let text = readme();
    let (_, rest) = text.split_once("```toml\n").unwrap();
    let (settings, _) = rest.split_once("```").unwrap();
    let folder = folder_with(&[]);
    put(folder.path().join("tableround.toml"), settings);
    let shown = say(folder.path(), &["config", "show", "--origin"]).ends(0);
    assert!(shown.out.contains("concurrency = 32  (tableround.toml:2)"), "{shown:#?}");
}
