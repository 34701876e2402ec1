//! Golden results: each sample picture, discussed by the rehearsal, gives the very bytes it gave
//! when its digests were written down.
//!
//! `TABLEROUND_REWRITE_GOLDEN=1` writes them down anew; the difference is then for a reviewer.

use crate::support::folders::results;
use crate::support::program::{folder_with, put, samples, say};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// SHA-256 of every result file, by agenda and file.
type Golden = BTreeMap<String, BTreeMap<String, String>>;

fn golden_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden/samples.toml")
}

/// Runs all samples under one agenda, and digests what came of it.
fn digests(agenda: &str) -> BTreeMap<String, String> {
    let names: Vec<String> = samples()
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let folder = folder_with(&names);
    let spec = ["--rehearse", "--job", agenda, "--batch", agenda];
    say(folder.path(), &[&["run"], &names[..], &spec].concat()).ends(0);
    let files = results(&folder.path().join(format!("data/exports/{agenda}.rehearsal")));
    for csv in ["turns.csv", "votes.csv", "jobs.csv"] {
        assert!(files[csv].split(|byte| *byte == b'\n').count() > names.len(), "{csv} has rows");
    }
    files.into_iter().map(|(name, bytes)| (name, hex::encode(Sha256::digest(bytes)))).collect()
}

#[test]
fn every_sample_gives_the_results_that_were_written_down() {
    let found: Golden =
        ["glance", "roundtable"].map(|agenda| (agenda.to_owned(), digests(agenda))).into();
    for (agenda, files) in &found {
        // What two pictures have in common is not their discussion.
        for kind in ["discussion.json", "transcript.md", "index.html"] {
            let of_kind: Vec<&String> = files
                .iter()
                .filter(|(name, _)| name.ends_with(kind))
                .map(|(_, digest)| digest)
                .collect();
            let different: BTreeSet<&&String> = of_kind.iter().collect();
            assert_eq!(of_kind.len(), samples().len(), "{agenda} {kind}");
            assert_eq!(different.len(), of_kind.len(), "{agenda} {kind}: two are the same");
        }
    }
    if std::env::var_os("TABLEROUND_REWRITE_GOLDEN").is_some() {
        std::fs::create_dir_all(golden_file().parent().unwrap()).unwrap();
        put(golden_file(), toml::to_string(&found).unwrap());
    }
    let golden = std::fs::read_to_string(golden_file()).unwrap();
    let golden: Golden = toml::from_str(&golden).unwrap();
    for (agenda, files) in &found {
        let differ: Vec<&String> = files
            .keys()
            .chain(golden[agenda].keys())
            .filter(|name| files.get(*name) != golden[agenda].get(*name))
            .collect();
        assert!(
            differ.is_empty(),
            "{agenda}: {differ:?} differ; if that is meant, run this test once with \
             TABLEROUND_REWRITE_GOLDEN=1"
        );
    }
}
