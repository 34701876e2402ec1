//! Batches from several processes: queued, worked on, held, given up, collected again.

use crate::support::folders::differences;
use crate::support::program::{Said, folder_with, listing, put, samples, say, tableround};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const SPEC: [&str; 4] = ["--rehearse", "--job", "glance", "--yes"];

fn enqueue(folder: &Path, batch: &str, pictures: &[&str]) -> Said {
    say(folder, &[&["enqueue"], pictures, &SPEC, &["--batch", batch]].concat())
}

/// How many jobs of a batch are in a state.
fn count(folder: &Path, batch: &str, state: &str) -> u64 {
    let status = say(folder, &["status", batch, "--json"]).ends(0).json().remove(0);
    status["batches"][0]["states"][state].as_u64().unwrap()
}

fn ids(folder: &Path, batch: &str) -> Vec<String> {
    let rows = say(folder, &["jobs", "list", "--json", "--batch", batch]).ends(0).json();
    rows.iter().map(|row| row["job"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn enqueue_and_worker_give_the_very_files_that_run_gives() {
    let pictures = ["teapot.jpg", "lantern.png", "koi-pond.webp", "teapot.jpg"];
    let (one, two) = (folder_with(&pictures), folder_with(&pictures));
    let run =
        say(one.path(), &[&["run"], &pictures[..], &SPEC, &["--batch", "b"]].concat()).ends(0);
    assert!(run.err.starts_with("ledger: data/tableround.db (default)\n"), "{run:#?}");
    assert_eq!(run.last(), "exports: data/exports/b.rehearsal");

    let queued = enqueue(two.path(), "b", &pictures).ends(0);
    assert_eq!(queued.out, "batch b: 3 queued, 1 duplicate, 0 rejected\n");
    let worker = say(two.path(), &["worker", "--drain"]).ends(0);
    assert_eq!(worker.out, "", "a worker has nothing to say on stdout");
    let exports = |folder: &Path| folder.join("data/exports/b.rehearsal");
    assert_eq!(differences(&exports(one.path()), &exports(two.path())), [""; 0]);
    let collected = say(two.path(), &["export", "b", "--json"]).ends(0).json().remove(0);
    assert_eq!(collected["repaired"], 0);
}

#[test]
fn two_workers_share_one_ledger_and_no_job_is_done_twice() {
    let pictures = ["butterfly.png", "koi-pond.webp", "lantern.png", "lighthouse.jpg", "quilt.bmp"];
    let folder = folder_with(&pictures);
    enqueue(folder.path(), "b", &pictures).ends(0);
    let worker = || {
        let mut command = tableround(folder.path());
        command.args(["worker", "--drain", "--concurrency", "2"]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    for mut child in [worker(), worker()] {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(count(folder.path(), "b", "completed"), 5);
    let attempts =
        std::fs::read_to_string(folder.path().join("data/exports/b.rehearsal/attempts.csv"));
    assert_eq!(attempts.unwrap().lines().count(), 6, "one attempt a job");
}

#[test]
fn an_enqueue_that_was_killed_adds_exactly_what_is_missing() {
    let folder = folder_with(&[]);
    let here = folder.path();
    let sample = std::fs::read(samples().last().unwrap()).unwrap();
    // The same picture with a comment behind it: 400 different files for little work.
    for number in 0..400 {
        let bytes = [&sample[..], format!("{number}").as_bytes()].concat();
        put(here.join(format!("p{number:03}.jpg")), bytes);
    }
    let arguments =
        ["enqueue", "p*.jpg", "--rehearse", "--job", "glance", "--by-path", "--batch", "b"];
    let mut kills = 0;
    for patience_ms in [5, 20, 60, 120, 180, 240, 300] {
        let mut command = tableround(here);
        command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
        kills +=
            u32::from(was_killed(command.spawn().unwrap(), Duration::from_millis(patience_ms)));
    }
    assert!(kills > 0, "not one of them was interrupted");
    say(here, &arguments).ends(0);
    let rows = say(here, &["jobs", "list", "--json", "--batch", "b"]).ends(0).json();
    let mut sources: Vec<&str> = rows.iter().map(|row| row["source"].as_str().unwrap()).collect();
    assert_eq!(sources.len(), 400);
    sources.sort_unstable();
    sources.dedup();
    assert_eq!(sources.len(), 400, "none twice");
    let indexes: Vec<u64> = rows.iter().map(|row| row["index"].as_u64().unwrap()).collect();
    assert!(indexes.into_iter().eq(1..=400));
    let once_more = say(here, &arguments).ends(0);
    assert_eq!(once_more.out, "batch b: 0 queued, 0 duplicate, 0 rejected\n");
}

fn was_killed(mut child: Child, after: Duration) -> bool {
    let started = Instant::now();
    while started.elapsed() < after {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::park_timeout(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap().code().is_none()
}

#[test]
fn a_paused_batch_waits_and_says_so_until_it_is_resumed() {
    let folder = folder_with(&["teapot.jpg"]);
    let here = folder.path();
    enqueue(here, "b", &["teapot.jpg"]).ends(0);
    assert_eq!(say(here, &["pause", "b"]).ends(0).out, "batch b: paused\n");
    let worker = say(here, &["worker", "--drain", "--max-wait", "1s"]).ends(8);
    assert!(worker.err.contains("paused"), "{worker:#?}");
    assert_eq!(count(here, "b", "queued"), 1);
    let status = say(here, &["status"]).ends(0);
    assert!(status.out.contains("held up: paused (`tableround resume b` goes on)"), "{status:#?}");
    say(here, &["wait", "b", "--timeout", "100ms"]).ends(8);
    assert_eq!(say(here, &["resume", "b"]).ends(0).out, "batch b: goes on\n");
    say(here, &["worker", "--drain"]).ends(0);
    assert_eq!(count(here, "b", "completed"), 1);
    say(here, &["wait", "b"]).ends(0);
}

#[test]
fn cancelled_jobs_are_over_until_somebody_retries_them() {
    let folder = folder_with(&["teapot.jpg", "lantern.png"]);
    let here = folder.path();
    enqueue(here, "b", &["teapot.jpg", "lantern.png"]).ends(0);
    let first = ids(here, "b").remove(0);
    assert_eq!(say(here, &["jobs", "cancel", &first]).ends(0).out, "1 job cancelled\n");
    assert_eq!(say(here, &["cancel", "b"]).ends(0).out, "batch b: 1 job cancelled\n");
    assert_eq!(count(here, "b", "cancelled"), 2);
    say(here, &["worker", "--drain"]).ends(0);
    assert_eq!(count(here, "b", "cancelled"), 2);
    let unasked = say(here, &["jobs", "retry", "--batch", "b"]).ends(2);
    assert!(unasked.err.contains("--yes"), "{unasked:#?}");
    let retried = say(here, &["jobs", "retry", "--batch", "b", "--state", "cancelled", "--yes"]);
    assert_eq!(retried.ends(0).out, "2 jobs queued again\n");
    say(here, &["worker", "--drain"]).ends(0);
    assert_eq!(count(here, "b", "completed"), 2);
    let refused = say(here, &["jobs", "retry", &first]).ends(0);
    assert_eq!(refused.out, "0 jobs queued again\n");
    assert!(refused.err.contains(&first), "{refused:#?}");
}

#[test]
fn an_export_repairs_what_was_deleted_and_what_was_damaged_and_says_so() {
    let folder = folder_with(&["teapot.jpg"]);
    let here = folder.path();
    say(here, &[&["run", "teapot.jpg", "--batch", "b"], &SPEC[..]].concat()).ends(0);
    let exports = here.join("data/exports/b.rehearsal");
    let copy = here.join("copy");
    say(here, &["export", "b", "-o", "copy"]).ends(0);
    assert_eq!(differences(&exports, &copy.join("b.rehearsal")), [""; 0]);

    std::fs::remove_file(exports.join("votes.csv")).unwrap();
    std::fs::remove_file(exports.join("000001-teapot/discussion.json")).unwrap();
    put(exports.join("jobs.csv"), "damaged");
    put(exports.join("000001-teapot/index.html"), "damaged");
    let repaired = say(here, &["export", "b"]).ends(0);
    assert_eq!(repaired.out, "data/exports/b.rehearsal\n");
    assert!(repaired.err.starts_with("ledger: data/tableround.db (default)\n"), "{repaired:#?}");
    assert!(repaired.err.contains("b: repaired 4 files"), "{repaired:#?}");
    assert_eq!(differences(&exports, &copy.join("b.rehearsal")), [""; 0]);
    let again = say(here, &["export", "b"]).ends(0);
    assert!(!again.err.contains("repaired"), "{again:#?}");
}

#[test]
fn quiet_prints_what_was_asked_for_and_nothing_else() {
    let folder = folder_with(&["teapot.jpg", "lantern.png"]);
    let here = folder.path();
    let queued = say(
        here,
        &[&["enqueue", "-q", "teapot.jpg", "lantern.png", "--batch", "b"], &SPEC[..]].concat(),
    )
    .ends(0);
    assert_eq!(queued.out.lines().collect::<Vec<_>>(), ids(here, "b"));
    assert_eq!(queued.err, "");
    let worker = say(here, &["worker", "--drain", "-q"]).ends(0);
    assert_eq!((&*worker.out, &*worker.err), ("", ""));
}

#[test]
fn commands_that_only_read_create_nothing() {
    let folder = folder_with(&[]);
    for arguments in [
        &["status"][..],
        &["jobs", "list"],
        &["watch"],
        &["workers"],
        &["export"],
        &["wait", "b"],
        &["run", "--resume", "b"],
        &["pause", "b"],
    ] {
        let said = say(folder.path(), arguments).ends(2);
        assert!(said.err.contains("there is no ledger at data/tableround.db"), "{said:#?}");
    }
    assert_eq!(listing(folder.path()), [""; 0]);
}
