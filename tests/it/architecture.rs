//! The laws of the house: floors, and what is deliberately absent.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The modules in reading order, as `lib.rs` lists them.
fn floors() -> Vec<String> {
    let lib = read(Path::new("src/lib.rs"));
    lib.lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .map(str::to_owned)
        .collect()
}

fn read(path: &Path) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn sources(floor: &str) -> Vec<PathBuf> {
    fn walk(path: &Path, files: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, files);
            } else if path.extension().is_some_and(|end| end == "rs") {
                files.push(path);
            }
        }
    }
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&src.join(floor), &mut files);
    let single = src.join(format!("{floor}.rs"));
    files.extend(single.exists().then_some(single));
    files
}

/// The floors that a source text names through `crate::`, in whatever spelling.
fn imported(text: &str) -> BTreeSet<String> {
    let code: String = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n");
    let name = |text: &str| -> String {
        text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    let mut found = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        let Some(group) = rest.trim_start().strip_prefix('{') else {
            found.insert(name(rest));
            continue;
        };
        let mut depth = 0;
        let mut start = true;
        let mut chars = group.chars();
        while let Some(c) = chars.next() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => start = true,
                c if c.is_whitespace() => {}
                _ if start => {
                    found.insert(name(&format!("{c}{}", chars.as_str())));
                    start = false;
                }
                _ => {}
            }
        }
    }
    found
}

#[test]
fn a_module_imports_only_modules_listed_above_it() {
    let floors = floors();
    assert!(floors.len() > 10, "lib.rs lists the floors");
    let mut wrong = Vec::new();
    for (height, floor) in floors.iter().enumerate() {
        for file in sources(floor) {
            for import in imported(&std::fs::read_to_string(&file).unwrap()) {
                let above = floors.iter().position(|other| *other == import);
                if above.is_some_and(|other| other > height) {
                    wrong.push(format!("{}: `{floor}` imports `{import}`", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_checker_sees_every_spelling() {
    let check = |text: &str, expected: &[&str]| {
        let expected: BTreeSet<String> = expected.iter().map(|&name| name.to_owned()).collect();
        assert_eq!(imported(text), expected, "{text}");
    };
    check("use crate::worker;", &["worker"]);
    check("use crate::worker::lease::renew;", &["worker"]);
    check("use crate::{cli, worker::{a, b}, domain};", &["cli", "domain", "worker"]);
    check("use crate::{\n    domain::job,\n    worker,\n};", &["domain", "worker"]);
    check("fn f() { crate::worker::run() }", &["worker"]);
    check("// crate::worker", &[]);
}

/// Words that must not occur on a floor.
#[test]
fn what_is_absent_is_absent() {
    let rows: &[(&str, &[&str])] = &[
        (
            "domain",
            &["tokio", "reqwest", "apalis", "image::", "std::fs", "SystemTime", "getrandom"],
        ),
        ("imaging", &["tokio", "reqwest", "std::fs", "std::net"]),
        ("prompt", &["tokio", "reqwest", "crate::provider"]),
        ("provider", &["crate::discussion", "crate::ledger", "apalis"]),
        (
            "discussion",
            &["apalis", "reqwest", "redis::", "sleep(", "crate::queue", "crate::ledger"],
        ),
        ("queue", &["crate::discussion"]),
        ("export", &["SystemTime", "Timestamp::now", "Instant::"]),
    ];
    let mut wrong = Vec::new();
    for (floor, words) in rows {
        for file in sources(floor) {
            let text = std::fs::read_to_string(&file).unwrap();
            let code: Vec<&str> = text
                .lines()
                .take_while(|line| !line.contains("#[cfg(test)]"))
                .filter(|line| !line.trim_start().starts_with("//"))
                .collect();
            for word in *words {
                if code.iter().any(|line| line.contains(word)) {
                    wrong.push(format!("{}: `{floor}` uses `{word}`", file.display()));
                }
            }
        }
    }
    let outside_queue = floors().into_iter().filter(|floor| floor != "queue" && floor != "worker");
    for floor in outside_queue {
        for file in sources(&floor) {
            if std::fs::read_to_string(&file).unwrap().contains("apalis::") {
                wrong.push(format!("{}: names apalis", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The files that a source file declares as its modules, and theirs.
fn declared(file: &Path, found: &mut BTreeSet<PathBuf>) {
    if !found.insert(file.to_owned()) {
        return;
    }
    let folder = file.parent().unwrap();
    let stem = file.file_stem().unwrap();
    let is_root = ["lib", "main", "mod"].iter().any(|root| stem == *root);
    let inner = if is_root { folder.to_owned() } else { folder.join(stem) };
    for line in std::fs::read_to_string(file).unwrap().lines() {
        let line = line.trim_start();
        let line = line
            .strip_prefix("pub")
            .map_or(line, |rest| rest.split_once(' ').map_or(rest, |(_, declaration)| declaration));
        let name = line.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';'));
        let Some(name) = name else { continue };
        let places = [inner.join(format!("{name}.rs")), inner.join(name).join("mod.rs")];
        if let Some(module) = places.iter().find(|place| place.exists()) {
            declared(module, found);
        }
    }
}

#[test]
fn every_source_file_is_a_module_of_the_program() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeSet::from([src.join("main.rs")]);
    declared(&src.join("lib.rs"), &mut found);
    let all: BTreeSet<PathBuf> = floors().iter().flat_map(|floor| sources(floor)).collect();
    assert!(all.len() > 100, "the sources are found");
    let strays: Vec<_> = all.difference(&found).collect();
    assert!(strays.is_empty(), "compiled by nobody: {strays:?}");
}
