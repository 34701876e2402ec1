//! What stays behind: journals are folded, and what is done and collected may go.

use crate::support::folders::results;
use crate::support::program::{Said, folder_with, listing, put, say, table, tableround, told};
use crate::support::provider_server::{Manner, ProviderServer};
use crate::support::redis::RedisServer;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};
use tableround::blobs::Blobs;
use tableround::domain::job::PictureSource;
use tableround::ledger::{Filter, Ledger, Sqlite};

const GLANCE: [&str; 3] = ["--rehearse", "--job", "glance"];

fn glance(folder: &Path, arguments: &[&str]) -> Said {
    say(folder, &[arguments, &GLANCE].concat())
}

fn pruned(folder: &Path, more: &[&str]) -> Value {
    let prune = ["prune", "--older-than", "0s", "--json"];
    say(folder, &[&prune, more].concat()).ends(0).json().remove(0)
}

/// The blobs of a folder, by name.
fn blobs(folder: &Path) -> Vec<String> {
    let all = listing(&folder.join("data/images"));
    all.into_iter().filter(|file| file.len() > 64).collect()
}

#[test]
fn a_collected_batch_goes_with_all_that_is_its_own_and_its_exports_stay() {
    let folder = folder_with(&["teapot.jpg", "lantern.png"]);
    let here = folder.path();
    glance(here, &["run", "teapot.jpg", "lantern.png", "--batch", "old"]).ends(0);
    glance(here, &["enqueue", "lantern.png", "--batch", "new", "--topic", "another"]).ends(0);
    let (before, exported) = (blobs(here), results(&here.join("data/exports")));

    let dry = pruned(here, &["-n"]);
    assert_eq!((&dry["dry_run"], &dry["batches"][0]), (&true.into(), &"old".into()), "{dry:#}");
    assert_eq!(blobs(here), before, "nothing was removed");
    let young = say(here, &["prune", "--yes", "--json"]).ends(0).json().remove(0);
    assert_eq!(young["batches"].as_array().unwrap().len(), 0, "seven days are the default");
    let refused = say(here, &["prune", "--older-than", "0s"]).ends(2);
    assert!(refused.err.contains("--yes"), "{refused:#?}");

    let done = pruned(here, &["--yes"]);
    assert_eq!(done["batches"], serde_json::json!(["old"]));
    // Shared answers are given up only when their last asker is gone: a dry run leaves them out.
    let bytes = |pruned: &Value| pruned["blob_bytes"].as_u64().unwrap();
    assert!(0 < bytes(&dry) && bytes(&dry) <= bytes(&done), "{dry:#} {done:#}");
    assert!(done["blobs"].as_u64().unwrap() >= 6, "pictures, spec, results, journals: {done:#}");
    assert_eq!(blobs(here).len() as u64, before.len() as u64 - done["blobs"].as_u64().unwrap());
    assert_eq!(results(&here.join("data/exports")), exported, "exports are never touched");
    say(here, &["status", "old"]).ends(2);

    // What the other batch needs is there, the picture that both had above all.
    say(here, &["worker", "--drain"]).ends(0);
    let jobs = table(&here.join("data/exports/new.rehearsal/jobs.csv"));
    assert_eq!(jobs.iter().map(|job| job["state"].as_str()).collect::<Vec<_>>(), ["completed"]);
    pruned(here, &["--yes"]);
    assert_eq!(blobs(here), [""; 0], "nobody refers to anything any more");
}

#[test]
fn what_is_unfinished_or_uncollected_stays_unless_it_is_named() {
    let folder = folder_with(&["teapot.jpg"]);
    let here = folder.path();
    glance(here, &["enqueue", "teapot.jpg", "--batch", "b"]).ends(0);
    let kept = |more: &[&str]| {
        let pruned = pruned(here, &[&["--yes"], more].concat());
        assert_eq!(pruned["batches"], serde_json::json!([]), "{pruned:#}");
        pruned["kept"][0]["reason"].as_str().unwrap().to_owned()
    };
    assert_eq!(kept(&["--uncollected"]), "it is not finished");
    say(here, &["worker", "--drain", "--no-export"]).ends(0);
    assert_eq!(kept(&[]), "it was not exported since it finished");
    let there = blobs(here).len();
    assert_eq!(pruned(here, &["--yes", "--uncollected"])["batches"], serde_json::json!(["b"]));
    assert!(there > 0 && blobs(here).is_empty());
}

#[test]
fn a_picture_that_is_enqueued_while_its_old_batch_goes_is_never_missing() {
    let pictures = ["teapot.jpg", "lantern.png"];
    let folder = folder_with(&pictures);
    let here = folder.path();
    glance(here, &[&["run"], &pictures[..], &["--batch", "b0"]].concat()).ends(0);
    for round in 1..=5 {
        let name = format!("b{round}");
        let spawn = |arguments: &[&str]| {
            let mut command = tableround(here);
            command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
            command.stderr(Stdio::null()).spawn().unwrap()
        };
        let mut producer =
            spawn(&[&["enqueue"], &pictures[..], &GLANCE, &["--batch", &name, "--again"]].concat());
        let mut pruner = spawn(&["prune", "--older-than", "0s", "--yes", "--uncollected"]);
        assert!(producer.wait().unwrap().success() && pruner.wait().unwrap().success());
        assert_complete(here, round);
        say(here, &["worker", "--drain"]).ends(0);
        let jobs = say(here, &["jobs", "list", "--batch", &name, "--json"]).json();
        assert!(jobs.iter().all(|job| job["state"] == "completed"), "{jobs:#?}");
    }
}

/// Every job's picture and every batch's spec is there.
fn assert_complete(folder: &Path, round: u32) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let images = Blobs::dir(&folder.join("data/images"));
    runtime.block_on(async {
        let ledger = Sqlite::open(&folder.join("data/tableround.db")).unwrap();
        for batch in ledger.summary(None).await.unwrap().batches {
            assert!(images.has(&batch.batch.spec).unwrap(), "round {round}: {batch:?}");
        }
        for row in ledger.jobs(&Filter::default()).await.unwrap() {
            let PictureSource::Prepared(picture) = row.job.picture else { panic!("by path") };
            assert!(images.has(&picture.sha256).unwrap(), "round {round}: {}", row.job.source);
        }
    });
}

#[test]
fn a_crash_between_folding_and_dropping_is_harmless_and_everything_reads_the_same() {
    let folder = folder_with(&["teapot.jpg"]);
    let here = folder.path();
    let server = ProviderServer::start(here, Manner::after(0, 0));
    let run = |arguments: &[&str]| {
        let mut command: Command = tableround(here);
        command.args(arguments).args(["--provider", "openai", "--base-url", &server.base_url]);
        command.args(["--vision-model", "eye", "--chat-model", "mouth", "--image-model", "none"]);
        command
    };
    let first = ["run", "teapot.jpg", "--job", "glance", "--batch", "b", "--yes"];
    let crashed = run(&first).env("TABLEROUND_FAILPOINT", "between_fold_and_drop:1").output();
    let crashed = crashed.unwrap();
    assert_eq!(crashed.status.code(), None, "{}", told(&crashed));
    say(here, &["export"]).ends(0);
    let calls = here.join("data/exports/b/calls.csv");
    let exported = std::fs::read(&calls).unwrap();
    assert_eq!(table(&calls).len(), 8);
    let id = table(&calls)[0]["job"].clone();
    let shown = || say(here, &["jobs", "show", &id, "--journal"]).ends(0).out;
    let told = shown();
    let stats = || say(here, &["stats", "b"]).ends(0).out;
    let counted = stats();
    // Collecting has folded it; another look finds the same.
    say(here, &["export"]).ends(0);
    assert_eq!(std::fs::read(&calls).unwrap(), exported);
    assert_eq!((shown(), stats()), (told, counted));
    let db = rusqlite::Connection::open(here.join("data/tableround.db")).unwrap();
    let left: i64 = db.query_row("SELECT count(*) FROM journal", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0, "the journal's table is empty");
    assert_eq!(server.repeated(), 0);
}

/// Pictures of one colour each, so that nothing is shared but what every job asks.
fn paint(folder: &Path, pictures: usize) -> Vec<String> {
    const SIDE: u32 = 32;
    let pixels = SIDE * SIDE * 3;
    let fields = [54 + pixels, 0, 54, 40, SIDE, SIDE, 1 | 24 << 16, 0, pixels, 0, 0, 0, 0];
    let name = |number| format!("picture-{number}.bmp");
    for number in 0..pictures {
        let mut bytes = b"BM".to_vec();
        bytes.extend(fields.iter().flat_map(|field| field.to_le_bytes()));
        let colour = [u8::try_from(number % 250).unwrap(), 90, 200];
        bytes.extend(colour.iter().cycle().take(pixels as usize));
        put(folder.join(name(number)), bytes);
    }
    (0..pictures).map(name).collect()
}

/// Bytes of Redis in all keys of the queue but its blobs, and how many keys. The newest events are
/// so many, however many jobs there were; marks of steps are gone within a minute.
fn memory(server: &RedisServer) -> (u64, usize) {
    let mut connection = server.connection();
    let keys: Vec<String> =
        redis::cmd("KEYS").arg("{tableround}:*").query(&mut connection).unwrap();
    let passing = [":blob", ":events", ":step:"];
    let own = |key: &&String| !passing.iter().any(|part| key.contains(part));
    let bytes = |key: &String| -> u64 {
        let mut usage = redis::cmd("MEMORY");
        usage.arg("USAGE").arg(key).arg("SAMPLES").arg(0).query(&mut connection).unwrap_or(0)
    };
    let keys: Vec<&String> = keys.iter().filter(own).collect();
    (keys.iter().copied().map(bytes).sum(), keys.len())
}

/// Runs so many rehearsed jobs and returns bytes a finished job.
fn redis_bytes_a_job(jobs: usize, agenda: &str) -> Option<u64> {
    let server = RedisServer::start()?;
    let folder = tempfile::tempdir().unwrap();
    let pictures = paint(folder.path(), jobs);
    let url = server.url();
    let mut run = vec!["run", "--rehearse", "--job", agenda, "--yes"];
    run.extend(["--redis", &url, "--blobs", "dir"]);
    run.extend(pictures.iter().map(String::as_str));
    say(folder.path(), &run).ends(0);
    let (bytes, keys) = memory(&server);
    println!(
        "{jobs} jobs of {agenda}: {bytes} bytes in {keys} keys, {} a job",
        bytes / jobs as u64
    );
    Some(bytes / jobs as u64)
}

#[test]
fn a_finished_job_takes_no_more_than_two_kib_of_redis() {
    if let Some(bytes) = redis_bytes_a_job(40, "glance") {
        assert!(bytes <= 2048, "{bytes} bytes a job");
    }
}

#[test]
#[ignore = "a figure: minutes"]
fn two_hundred_finished_roundtables_in_redis() {
    if let Some(bytes) = redis_bytes_a_job(200, "roundtable") {
        assert!(bytes <= 2048, "{bytes} bytes a job");
    }
}

#[test]
fn pruning_a_redis_leaves_foreign_keys_and_nothing_of_the_batch() {
    let Some(server) = RedisServer::start() else { return };
    let mut connection = server.connection();
    redis::cmd("SET").arg("{tableround}x").arg("foreign").query::<()>(&mut connection).unwrap();
    redis::cmd("SET").arg("blob:mine").arg("foreign").query::<()>(&mut connection).unwrap();
    let folder = folder_with(&["teapot.jpg"]);
    let url = server.url();
    let here = folder.path();
    glance(here, &["run", "teapot.jpg", "--redis", &url, "--batch", "b"]).ends(0);
    let ttl: i64 = redis::cmd("TTL").arg("{tableround}:events").query(&mut connection).unwrap();
    assert!(ttl > 0, "what accompanies the work goes some time after it");
    let done = pruned(here, &["--redis", &url, "--yes"]);
    assert_eq!(done["batches"], serde_json::json!(["b"]));
    let mut keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
    keys.retain(|key| {
        !key.contains(":step:") && !key.contains("apalis") && !key.contains("tickets")
    });
    keys.sort();
    let queue = |name: &str| format!("{{tableround}}:{name}");
    let expected = ["additions", "blob-bytes", "events", "schema"].map(queue);
    let foreign = ["blob:mine".to_owned(), "{tableround}x".to_owned()];
    keys.retain(|key| !expected.contains(key));
    assert_eq!(keys, foreign);
    let bytes: u64 =
        redis::cmd("GET").arg("{tableround}:blob-bytes").query(&mut connection).unwrap();
    assert_eq!(bytes, 0, "the room is free");
}
