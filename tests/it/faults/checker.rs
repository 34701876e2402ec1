//! The checker of a queue, after Jepsen's total-queue: what went in against what came out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What became of everything that was put in.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Inputs that somebody tried to put in.
    pub(super) attempts: usize,
    /// Of these, those whose intake was acknowledged.
    pub(super) acked: usize,
    /// Came out, once.
    pub(super) ok: usize,
    /// Acknowledged, and never came out.
    pub(super) lost: usize,
    /// Came out, and nobody put it in.
    pub(super) unexpected: usize,
    /// Came out again.
    pub(super) duplicated: usize,
    /// Not acknowledged, and came out nevertheless: allowed.
    pub(super) recovered: usize,
}

/// Compares inputs with the rows of a batch's `jobs.csv`. A row comes out when its job is over.
pub(super) fn check(
    attempted: &BTreeSet<String>,
    acked: &BTreeSet<String>,
    exports: &Path,
) -> Verdict {
    let mut out: BTreeMap<String, usize> = BTreeMap::new();
    let mut rows = csv::Reader::from_path(exports.join("jobs.csv")).unwrap();
    for row in rows.deserialize() {
        let row: BTreeMap<String, String> = row.unwrap();
        if ["completed", "dead", "cancelled"].contains(&row["state"].as_str()) {
            *out.entry(row["source"].clone()).or_default() += 1;
        }
    }
    Verdict {
        attempts: attempted.len(),
        acked: acked.len(),
        ok: out.keys().filter(|source| attempted.contains(*source)).count(),
        lost: acked.iter().filter(|source| !out.contains_key(*source)).count(),
        unexpected: out.keys().filter(|source| !attempted.contains(*source)).count(),
        duplicated: out.values().map(|count| count - 1).sum(),
        recovered: out
            .keys()
            .filter(|source| attempted.contains(*source) && !acked.contains(*source))
            .count(),
    }
}

#[test]
fn the_checker_finds_what_is_lost_doubled_and_nobodys() {
    let folder = tempfile::tempdir().unwrap();
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    let rows = "source,state\na,completed\na,completed\nc,dead\nd,queued\nx,completed\n";
    tableround::blobs::write_atomic(&folder.path().join("jobs.csv"), rows.as_bytes()).unwrap();
    let verdict = check(&names(&["a", "b", "c", "d"]), &names(&["a", "b", "d"]), folder.path());
    let expected = Verdict {
        attempts: 4,
        acked: 3,
        ok: 2,
        lost: 2,
        unexpected: 1,
        duplicated: 1,
        recovered: 1,
    };
    assert_eq!(verdict, expected);
}
