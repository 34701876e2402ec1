//! What is put in: files that are no pictures, twice, interrupted, and a great many.

use super::scene::{BATCH, PATIENCE, Scene, Store, ended, paint, signal};
use super::{Dice, Line, is_long, seeds, wait_until};
use crate::support::program::told;
use crate::support::provider_server::Manner;
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tableround::blobs::write_atomic;

/// A PNG that says it has 100 million pixels and holds none.
fn bomb() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 40_000, 2_500);
    encoder.set_color(png::ColorType::Rgba);
    let writer = encoder.write_header().unwrap();
    drop(writer);
    bytes
}

pub(super) fn f14_inputs_that_are_no_pictures_are_refused_by_name_and_reason_and_the_rest_goes_in(
    store: Store,
) {
    let scene = Scene::new(store, 2, Manner::after(0, 1));
    let here = scene.folder.path();
    write_atomic(&here.join("empty.jpg"), b"").unwrap();
    write_atomic(&here.join("words.jpg"), b"this is a letter, not a picture").unwrap();
    write_atomic(&here.join("bomb.png"), &bomb()).unwrap();
    std::os::unix::fs::symlink("loop.jpg", here.join("loop.jpg")).unwrap();
    let odd = OsStr::from_bytes(b"caf\xe9.png");
    paint(&here.join(odd), 77);
    paint(&here.join("two\nlines.png"), 78);
    let mut command = scene.enqueuing(&["--json"]);
    command.args(["empty.jpg", "words.jpg", "bomb.png", "loop.jpg", "two\nlines.png"]).arg(odd);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", told(&output));
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    // Two of ours, and two whose names are odd and whose pixels are not.
    assert_eq!(said["queued"], 4, "{said}");
    let refused: BTreeMap<&str, &str> = said["rejected"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["path"].as_str().unwrap(), row["code"].as_str().unwrap()))
        .collect();
    let expected = ["bomb.png", "empty.jpg", "loop.jpg", "words.jpg"];
    assert_eq!(refused.keys().copied().collect::<Vec<_>>(), expected, "{said}");
    assert!(refused.values().all(|code| code.starts_with("input.")), "{said}");
    let worker = scene.hire(None);
    assert!(ended(worker, PATIENCE).success(), "{}", scene.words());
    scene.collect();
    let rows = std::fs::read_to_string(scene.exports().join("rejected.csv")).unwrap();
    assert_eq!(csv::Reader::from_reader(rows.as_bytes()).records().count(), 4, "{rows}");
    let jobs = csv::Reader::from_path(scene.exports().join("jobs.csv")).unwrap().into_records();
    assert_eq!(jobs.count(), 4);
    Line { schedules: 1, ..Line::default() }.print(store, "F14 poison inputs");
}

pub(super) fn f16_the_same_pictures_twice_at_once_or_interrupted_are_one_batch(store: Store) {
    let mut line = Line::default();
    for seed in seeds() {
        let mut dice = Dice::new(seed);
        let scene = Scene::new(store, 200, Manner::after(0, 1));
        let count = |scene: &Scene| scene.jobs(&[]).len();
        // Interrupted, again and again, by Ctrl-C and by kill.
        for round in 0..4 {
            let child =
                scene.enqueuing(&["-q"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
            let mut child = child.unwrap();
            std::thread::park_timeout(Duration::from_millis(30 + dice.below(500)));
            if child.try_wait().unwrap().is_none() {
                signal(&child, if round % 2 == 0 { Signal::INT } else { Signal::KILL });
                line.strikes += 1;
            }
            ended(child, PATIENCE);
        }
        // Two at once, then once more.
        let start = || scene.enqueuing(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let (one, two) = (start().unwrap(), start().unwrap());
        assert!(ended(one, PATIENCE).success());
        assert!(ended(two, PATIENCE).success());
        assert_eq!(count(&scene), 200, "each is in, and none twice");
        let again = scene.enqueuing(&[]).output().unwrap();
        let said = String::from_utf8_lossy(&again.stdout).into_owned();
        assert!(said.contains("0 queued, 0 duplicate, 0 rejected"), "{}", told(&again));
        let mut sources: Vec<String> = scene.jobs(&[]).into_iter().map(|job| job.source).collect();
        sources.sort();
        sources.dedup();
        assert_eq!(sources.len(), 200);
        // Another batch over the same pictures: rows of their own, and nothing to do.
        let mut other = scene.command(&["enqueue", "--batch", "other", "--job", "glance", "--yes"]);
        other.args(["--provider", "openai", "--base-url", &scene.server.base_url]);
        other.args(["--vision-model", "eye", "--chat-model", "mouth", "--image-model", "none"]);
        let other = other.args(&scene.pictures).output().unwrap();
        let said = String::from_utf8_lossy(&other.stdout).into_owned();
        assert!(said.contains("0 queued, 200 duplicate"), "{}", told(&other));
        line.schedules += 1;
    }
    line.print(store, "F16 enqueue twice, at once, interrupted");
}

pub(super) fn f17_thousands_of_jobs_go_in_at_a_steady_pace_and_status_stays_quick(store: Store) {
    let jobs = if is_long() { 100_000 } else { 8_001 };
    let scene = Scene::new(store, 1, Manner::after(0, 1));
    let here = scene.folder.path();
    let bytes = std::fs::read(here.join(&scene.pictures[0])).unwrap();
    let mut list = String::new();
    std::fs::create_dir(here.join("many")).unwrap();
    for number in 0..jobs {
        let name = format!("many/{number:06}.png");
        // Whatever follows a picture's end is no part of it, and makes each file different.
        let mut file =
            std::fs::File::options().create_new(true).write(true).open(here.join(&name)).unwrap();
        std::io::Write::write_all(&mut file, &bytes).unwrap();
        std::io::Write::write_all(&mut file, name.as_bytes()).unwrap();
        list.push_str(&name);
        list.push('\n');
    }
    write_atomic(&here.join("list.txt"), list.as_bytes()).unwrap();
    let mut command = scene.command(&["enqueue", "--batch", BATCH, "--job", "glance", "--yes"]);
    command.args(["--provider", "openai", "--base-url", &scene.server.base_url]);
    command.args(["--vision-model", "eye", "--chat-model", "mouth", "--image-model", "none"]);
    command.args(["--by-path", "--files-from", "list.txt"]);
    let started = Instant::now();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut marks = Vec::new();
    let queued = |scene: &Scene| {
        let batches = if scene.has_begun() { scene.summary().batches } else { vec![] };
        batches.first().map_or(0, |row| row.states.values().sum::<u64>())
    };
    wait_until("all are in", Duration::from_mins(30), || {
        marks.push((started.elapsed(), queued(&scene)));
        child.try_wait().unwrap().is_some()
    });
    assert!(child.wait().unwrap().success());
    assert_eq!(queued(&scene), jobs, "each is in once");
    let reached = |share: u64| {
        let mark = marks.iter().find(|(_, count)| *count * 100 >= jobs * share);
        mark.map_or(started.elapsed(), |(at, _)| *at)
    };
    let first = reached(30).saturating_sub(reached(10));
    let last = reached(90).saturating_sub(reached(70));
    let per_second = f64::from(u32::try_from(jobs).unwrap()) / reached(100).as_secs_f64();
    let asked = Instant::now();
    let status = scene.command(&["status", "--json"]).output().unwrap();
    assert!(status.status.success(), "{}", told(&status));
    let answered = asked.elapsed();
    println!(
        "F17 {jobs} jobs before any worker, {store}: 0 lost, {per_second:.0} rows/s, a fifth took {:.2} s near \
         the beginning and {:.2} s near the end, status {:.2} s",
        first.as_secs_f64(),
        last.as_secs_f64(),
        answered.as_secs_f64()
    );
    // The machine is shared with other tests: what is not flat grows with the square.
    assert!(last < first * 3 + Duration::from_millis(500), "{first:?} {last:?}");
    assert!(answered < Duration::from_secs(3), "{answered:?}");
}
