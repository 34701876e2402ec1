//! Several machines: folders that share nothing but a Redis and perhaps a bucket.

use crate::support::folders::differences;
use crate::support::program::{Said, folder_with, put, say, tableround};
use crate::support::redis::RedisServer;
use crate::support::s3_server::S3Server;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
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
    let set = |bytes: usize| redis.configure("maxmemory", &bytes.to_string());
    // Enough for a ledger, and for one picture at most.
    set(redis.memory_used_bytes() + 1_000_000);
    let said = enqueue(&[]);
    set(0);
    refused(&said.ends(2), "maxmemory");
    enqueue(&["--redis-bytes-max", "4000000"]).ends(0);
}

/// A worker that is at work until it is told to stop.
struct Worker(Child);

impl Worker {
    fn stop(mut self) {
        let pid = Pid::from_raw(i32::try_from(self.0.id()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// The lines of the first block of shell in a section of the README.
fn commands_of(section: &str) -> Vec<String> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = std::fs::read_to_string(readme).unwrap();
    let (_, section) = text.split_once(&format!("\n## {section}\n")).unwrap();
    let (_, block) = section.split_once("```sh\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let lines = block.lines().map(|line| line.split('#').next().unwrap().trim_end());
    lines.filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn the_readme_tells_how_several_machines_work_together() {
    let Some(redis) = RedisServer::start() else { return };
    // What a reader has instead of the example's address; and nobody here has a key.
    let variables = [
        named("TABLEROUND_REDIS", redis.url()),
        named("TABLEROUND_REHEARSE", "true"),
        named("TABLEROUND_JOB", "glance"),
    ];
    let producer = folder_with(&[]);
    std::fs::create_dir(producer.path().join("photos")).unwrap();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/teapot.jpg");
    let sample = std::fs::read(sample).unwrap();
    for number in 0..6 {
        let bytes = [&sample[..], format!("{number}").as_bytes()].concat();
        put(producer.path().join(format!("photos/p{number}.jpg")), bytes);
    }
    let machines = [folder_with(&[]), folder_with(&[])];
    let elsewhere = folder_with(&[]);
    let mut workers = Vec::new();
    for line in commands_of("More than one machine") {
        let Some(typed) = line.strip_prefix("tableround ") else {
            assert!(line.starts_with("export TABLEROUND_REDIS="), "{line}");
            continue;
        };
        let typed: Vec<&str> = typed.split_whitespace().collect();
        match typed[0] {
            "worker" => {
                for machine in &machines {
                    let mut command = on(machine.path(), &variables);
                    command.args(&typed).stdout(Stdio::null()).stderr(Stdio::null());
                    workers.push(Worker(command.spawn().unwrap()));
                }
            }
            "enqueue" => {
                let said = ask(producer.path(), &variables, &typed).ends(0);
                assert!(said.out.contains(": 6 queued, 0 duplicate, 0 rejected"), "{said:#?}");
            }
            _ => {
                ask(elsewhere.path(), &variables, &typed).ends(0);
            }
        }
    }
    assert_eq!(workers.len(), 2, "the section starts a worker on each machine");
    workers.into_iter().for_each(Worker::stop);
    let exports = elsewhere.path().join("data/exports/autumn.rehearsal");
    let jobs = crate::support::program::table(&exports.join("jobs.csv"));
    assert_eq!(jobs.iter().filter(|job| job["state"] == "completed").count(), 6);
}
