//! Several machines: folders that share nothing but a Redis and perhaps a bucket.

use crate::support::folders::differences;
use crate::support::program::{Said, folder_with, put, say, tableround};
use crate::support::redis::RedisServer;
use crate::support::s3_server::S3Server;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tableround::blobs::digest;

const SPEC: [&str; 5] = ["--rehearse", "--job", "glance", "--batch", "b"];
const PICTURES: [&str; 4] = ["teapot.jpg", "lantern.png", "koi-pond.webp", "teapot.jpg"];

/// The program on some machine of several, which all have the same variables.
fn on(folder: &Path, variables: &[(String, String)]) -> Command {
    let mut command = tableround(folder);
    command.envs(variables.iter().map(|(name, value)| (name, value))).stdin(Stdio::null());
    command
}

fn ask(folder: &Path, variables: &[(String, String)], arguments: &[&str]) -> Said {
    on(folder, variables).args(arguments).output().unwrap().into()
}

fn named(name: &str, value: impl Into<String>) -> (String, String) {
    (name.to_owned(), value.into())
}

/// The digests of all pictures, as they were sent, and images in a batch's folders.
fn pictures_in(exports: &Path) -> BTreeSet<String> {
    let files = walkdir::WalkDir::new(exports).into_iter().map(|entry| entry.unwrap().into_path());
    let is_picture = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with("picture.") || name.starts_with("generated-")
    };
    files.filter(is_picture).map(|path| digest(&std::fs::read(path).unwrap())).collect()
}

#[test]
fn pictures_travel_through_a_bucket_and_the_results_are_those_of_one_machine() {
    let (Some(redis), Some(bucket)) = (RedisServer::start(), S3Server::start()) else { return };
    let mut variables = bucket.variables();
    variables.push(named("TABLEROUND_REDIS", redis.url()));
    variables.push(named("TABLEROUND_BLOBS", "s3://pictures/some/where"));
    let alone = folder_with(&PICTURES);
    say(alone.path(), &[&["run"], &PICTURES[..], &SPEC].concat()).ends(0);

    let producer = folder_with(&PICTURES);
    let queued = ask(producer.path(), &variables, &[&["enqueue"], &PICTURES[..], &SPEC].concat());
    assert_eq!(queued.ends(0).out, "batch b: 3 queued, 1 duplicate, 0 rejected\n");
    let before = bucket.listing();
    assert_eq!(before.len(), 4, "three pictures and what is to be done: {before:?}");
    drop(producer);
    let (worker, collector) = (folder_with(&[]), folder_with(&[]));
    ask(worker.path(), &variables, &["worker", "--drain", "--no-export"]).ends(0);
    let collected = ask(collector.path(), &variables, &["export", "b"]).ends(0);
    let exports = collector.path().join(collected.last());
    let there = exports.join("report.html");
    assert!(there.exists(), "{collected:#?}");
    assert_eq!(differences(&exports, &alone.path().join("data/exports/b.rehearsal")), [""; 0]);

    let keys = bucket.listing();
    let pictures = pictures_in(&exports);
    assert!(pictures.len() >= 3, "{pictures:?}");
    for digest in pictures {
        let holders = keys.iter().filter(|key| key.ends_with(&digest)).count();
        assert_eq!(holders, 1, "{digest} in {keys:?}");
    }
    assert!(keys.iter().all(|key| key.starts_with("some/where/")), "{keys:?}");
    let in_redis: Vec<String> =
        redis::cmd("KEYS").arg("*:blob:*").query(&mut redis.connection()).unwrap();
    assert_eq!(in_redis, [""; 0]);
}

/// A picture that no encoder makes small: 600 × 600 pixels without a pattern.
fn noise(seed: u32) -> Vec<u8> {
    const SIDE: u32 = 600;
    let pixels_bytes = SIDE * SIDE * 3;
    let mut file = b"BM".to_vec();
    for number in [54 + pixels_bytes, 0, 54, 40, SIDE, SIDE] {
        file.extend(number.to_le_bytes());
    }
    // One plane, 24 bits a pixel, not compressed.
    file.extend([1, 0, 24, 0].into_iter().chain([0; 24]));
    let mut state = seed + 1;
    file.extend((0..pixels_bytes).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    }));
    file
}

#[test]
fn a_set_that_does_not_fit_into_redis_is_refused_before_anything_is_queued() {
    let Some(redis) = RedisServer::start() else { return };
    let folder = folder_with(&[]);
    for number in 0..4 {
        put(folder.path().join(format!("noise{number}.bmp")), noise(number));
    }
    let url = redis.url();
    let enqueue = |more: &[&str]| {
        let all = [&["enqueue", "noise*.bmp", "--json", "--redis", &url], &SPEC[..], more].concat();
        say(folder.path(), &all)
    };
    let refused = |said: &Said, way_out: &str| {
        let error: Value = serde_json::from_str(said.err.lines().last().unwrap()).unwrap();
        assert_eq!(error["code"], "input.too_large", "{error}");
        let hint = error["hint"].as_str().unwrap();
        for way in ["--blobs s3://", "--blobs file:///mnt/share", "--limit", "prune", way_out] {
            assert!(hint.contains(way), "{way}: {hint}");
        }
        let keys: Vec<String> =
            redis::cmd("KEYS").arg("*:blob*").query(&mut redis.connection()).unwrap();
        assert_eq!(keys, [""; 0]);
        let status = say(folder.path(), &["status", "--json", "--redis", &url]).ends(0);
        assert_eq!(status.json()[0]["batches"], serde_json::json!([]));
    };
    refused(&enqueue(&["--redis-bytes-max", "600000"]).ends(2), "--redis-bytes-max");
    let set = |bytes: u64| {
        let mut set = redis::cmd("CONFIG");
        set.arg("SET").arg("maxmemory").arg(bytes).query::<()>(&mut redis.connection()).unwrap();
    };
    let info: String = redis::cmd("INFO").arg("memory").query(&mut redis.connection()).unwrap();
    let used = info.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap();
    // Enough for a ledger, and for one picture at most.
    set(used.trim().parse::<u64>().unwrap() + 1_000_000);
    let said = enqueue(&[]);
    set(0);
    refused(&said.ends(2), "maxmemory");
    enqueue(&["--redis-bytes-max", "4000000"]).ends(0);
}
