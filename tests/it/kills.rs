//! Killed at any moment, a run goes on where it stopped and pays for nothing twice.
//!
//! Real processes, a real HTTP server with its own log, seeded schedules. What was answered and
//! settled before a kill is never asked again; what the files say is what an undisturbed run says.

use crate::support::folders::differences;
use crate::support::program::{samples, tableround, told};
use crate::support::provider_server::{Manner, ProviderServer};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tableround::blobs::Blobs;
use tableround::domain::call::Record;
use tableround::ledger::{Ledger, Scope, Sqlite};

/// Kills of one test run.
const KILLS: usize = 36;
/// Calls in flight at most: what a kill may cost.
const CALLS: usize = 8;
/// Failpoints, in turn with kills at random times.
const POINTS: [&str; 7] = [
    "after_open",
    "after_answer",
    "after_settle",
    "before_result",
    "after_result",
    "after_commit",
    "between_files",
];
/// A run that is not killed must end; this is far more than one takes.
const PATIENCE: Duration = Duration::from_mins(2);

/// A run over the first pictures of the samples.
fn run(folder: &Path, server: &ProviderServer, batch: &str, concurrency: usize) -> Command {
    let mut command = tableround(folder);
    command.arg("run");
    command.args(samples().into_iter().take(3));
    command.args(["--topic", "What could be made from this?", "--batch", batch, "--yes"]);
    command.args(["--provider", "openai", "--base-url", &server.base_url]);
    command.args(["--vision-model", "eye", "--chat-model", "mouth", "--image-model", "hand"]);
    command.args(["--concurrency", &concurrency.to_string(), "--max-calls", &CALLS.to_string()]);
    command
}

fn resume(folder: &Path, batch: &str, concurrency: usize) -> Command {
    let mut command = tableround(folder);
    command.args(["run", "--resume", batch]);
    command.args(["--concurrency", &concurrency.to_string(), "--max-calls", &CALLS.to_string()]);
    command
}

/// A pseudo-random number, the same for the same step of the schedule.
fn drawn(step: usize, salt: u64, below: u64) -> u64 {
    let mut x = (step as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ salt;
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (x ^ (x >> 31)) % below
}

fn journal(folder: &Path, batch: &str) -> Vec<Record> {
    let path = folder.join("data/tableround.db");
    if !path.exists() {
        return vec![];
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let images = Blobs::dir(&folder.join("data/images"));
        let ledger = Sqlite::open(&path).unwrap().with_blobs(images);
        ledger.journal(Scope::Batch(batch)).await.unwrap()
    })
}

/// Requests whose answer is in the journal for good.
fn closed(records: &[Record]) -> BTreeSet<String> {
    records
        .iter()
        .filter(|record| record.settle.as_ref().is_some_and(|end| end.outcome.is_final()))
        .map(|record| record.open.request_sha256.clone())
        .collect()
}

/// Waits for the end; true if the process died of a signal.
fn died(mut child: Child, kill_after: Option<Duration>) -> bool {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().is_none();
        }
        if kill_after.is_some_and(|after| started.elapsed() >= after) {
            child.kill().unwrap();
            return child.wait().unwrap().code().is_none();
        }
        assert!(started.elapsed() < PATIENCE, "the run neither ended nor died");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

#[test]
fn a_run_killed_at_any_moment_pays_for_nothing_twice_and_says_the_same() {
    let calm = tempfile::tempdir().unwrap();
    let wild = tempfile::tempdir().unwrap();
    let calm_server = ProviderServer::start(calm.path(), Manner::after(0, 3));
    let wild_server = ProviderServer::start(wild.path(), Manner::after(2, 40));

    let (mut kills, mut step, mut night, mut repeated) = (0, 0, 0, 0);
    while kills < KILLS {
        night += 1;
        let batch = format!("night-{night}");
        let undisturbed =
            run(calm.path(), &calm_server, &batch, 3).arg("--again").output().unwrap();
        assert!(undisturbed.status.success(), "{}", told(&undisturbed));

        let mut begun = false;
        let seen_before = wild_server.seen().len();
        loop {
            step += 1;
            let mut command = if begun {
                resume(wild.path(), &batch, 2)
            } else {
                let mut command = run(wild.path(), &wild_server, &batch, 2);
                command.arg("--again");
                command
            };
            let point = POINTS[step % POINTS.len()];
            let kill_after = if step % 3 == 0 {
                Some(Duration::from_millis(40 + drawn(step, 1, 700)))
            } else {
                // Resumed jobs run one to a process, which reaches its end only once.
                let reached = match point {
                    "after_open" | "after_answer" | "after_settle" => 12,
                    "between_files" => 3,
                    _ if begun => 1,
                    _ => 3,
                };
                let count = 1 + drawn(step, 2, reached);
                command.env("TABLEROUND_FAILPOINT", format!("{point}:{count}"));
                None
            };
            let before = closed(&journal(wild.path(), &batch));
            let position = wild_server.seen().len();
            let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            let killed = died(child, kill_after);
            for seen in wild_server.seen().iter().skip(position) {
                assert!(
                    !before.contains(&seen.request),
                    "step {step}: a call answered and settled before was asked again"
                );
            }
            begun |= !journal(wild.path(), &batch).is_empty();
            if !killed {
                break;
            }
            kills += 1;
        }
        let last = resume(wild.path(), &batch, 2).output().unwrap();
        assert!(last.status.success(), "{}", told(&last));

        let requests: Vec<String> =
            wild_server.seen().into_iter().skip(seen_before).map(|seen| seen.request).collect();
        let different: BTreeSet<&String> = requests.iter().collect();
        repeated += requests.len() - different.len();

        let (a, b) = (calm.path().join("data/exports"), wild.path().join("data/exports"));
        let differ = differences(&a.join(&batch), &b.join(&batch));
        assert!(differ.is_empty(), "{batch}: {differ:?} differ");
    }
    assert!(
        repeated <= kills * CALLS,
        "{repeated} calls were repeated over {kills} kills of at most {CALLS} calls in flight"
    );
    println!("{kills} kills over {night} nights: {repeated} calls repeated");
}
