//! Disks that are full, and files that are torn.

use super::scene::{BATCH, PATIENCE, Scene, Store, ended};
use super::{Dice, Line, is_long, seeds, wait_until};
use crate::support::folders::differences;
use crate::support::program::told;
use crate::support::provider_server::Manner;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tableround::domain::job::{State, StateName};

/// A small disk, gone when dropped.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    /// `None`: this user may not mount anything.
    fn mount(place: &'a Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(place).unwrap();
        let options = format!("size={size}");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "none"]).arg(place).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(place))
    }

    fn grow(&self) {
        let grown = Command::new("mount").args(["-o", "remount,size=256m"]).arg(self.0).status();
        assert!(grown.unwrap().success());
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        Command::new("umount").arg("--lazy").arg(self.0).status().ok();
    }
}

/// Runs the night on a disk that fills up under `place`, makes room, and goes on.
fn full(store: Store, place: &str, size: &str, fault: &str) {
    let scene = Scene::new(store, 6, Manner::after(5, 20));
    let at = scene.folder.path().join(place);
    let Some(disk) = SmallDisk::mount(&at, size) else {
        println!("{fault}: not run (needs root)");
        return;
    };
    let calm = scene.calm();
    let put_in = scene.enqueuing(&[]).output().unwrap();
    if put_in.status.success() {
        let worker = scene.worker(&["--drain", "--max-wait", "1s", "--concurrency", "4"]);
        let mut worker = { worker }.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut rounds = 0;
        wait_until("it ends, or goes no further", PATIENCE, || {
            rounds += 1;
            worker.try_wait().unwrap().is_some() || rounds > 500
        });
        worker.kill().ok();
        let status = worker.wait().unwrap();
        assert_ne!(status.code(), Some(101), "no panic");
    } else {
        assert_eq!(put_in.status.code(), Some(5), "it says so: {}", told(&put_in));
    }
    let done = differences(&calm.exports(), &scene.exports_or_nothing()).is_empty();
    assert!(!done, "the disk was too large to fill up");
    disk.grow();
    let again = scene.enqueuing(&[]).output().unwrap();
    assert!(again.status.success(), "with room it goes on: {}", told(&again));
    scene.command(&["jobs", "retry", "--state", "dead", "--yes"]).output().unwrap();
    assert!(ended(scene.hire(None), PATIENCE).success(), "{}", scene.words());
    let mut line = Line { strikes: 1, ..Line::default() };
    scene.settle(&calm, &mut line);
    line.print(store, fault);
}

pub(super) fn f15_a_full_disk_under_the_exports_loses_nothing(store: Store) {
    full(store, "data/exports", "40k", "F15 disk full under the exports");
}

pub(super) fn f15_a_full_disk_under_the_ledger_loses_nothing(store: Store) {
    full(store, "data", "600k", "F15 disk full under ledger and blobs");
}

/// Cuts so many bytes off the end.
fn cut(path: &Path, bytes: u64) {
    let file = File::options().write(true).open(path).unwrap();
    let length = file.metadata().unwrap().len();
    file.set_len(length.saturating_sub(bytes)).unwrap();
}

/// Tears so many bytes off the end of what the ledger wrote last.
fn tear(scene: &mut Scene, bytes: u64) {
    let database_log = scene.folder.path().join("data/tableround.db-wal");
    if let Some(redis) = &mut scene.redis {
        redis.stop();
        cut(&redis.append_only_file(), bytes);
        redis.start_again(&[]);
    } else if database_log.exists() {
        cut(&database_log, bytes);
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

pub(super) fn f18_a_ledger_whose_log_was_torn_opens_and_goes_on_where_it_was(store: Store) {
    let mut line = Line::default();
    for seed in seeds() {
        let mut dice = Dice::new(seed);
        for _ in 0..if is_long() { 20 } else { 4 } {
            let mut scene = Scene::new(store, 4, Manner::after(10, 60));
            let calm = scene.calm();
            scene.enqueue();
            let mut worker = scene.hire(None);
            scene.wait_for_calls(2);
            std::thread::park_timeout(std::time::Duration::from_millis(100 + dice.below(600)));
            worker.kill().unwrap();
            worker.wait().unwrap();
            line.strikes += 1;
            tear(&mut scene, 1 + dice.below(4096));
            let status = scene.command(&["status"]).output().unwrap();
            assert!(status.status.success(), "{}", told(&status));
            assert_eq!(scene.jobs(&[]).len(), 4, "what was acknowledged is there");
            assert!(ended(scene.hire(None), PATIENCE).success(), "{}", scene.words());
            scene.settle(&calm, &mut line);
        }
    }
    line.print(store, "F18 ledger log torn at its end");
}

pub(super) fn f18_torn_pictures_and_results_are_said_to_be_damaged_and_torn_exports_are_repaired(
    store: Store,
) {
    let mut line = Line { schedules: 1, ..Line::default() };
    let scene = Scene::new(store, 3, Manner::after(0, 1));
    let calm = scene.calm();
    scene.enqueue();
    let blobs = scene.folder.path().join("data/images");
    // The smallest blob is the spec or a picture: the pictures are the ones with JPEG or PNG heads.
    let pictures: Vec<PathBuf> = files(&blobs)
        .into_iter()
        .filter(|path| tableround::imaging::sniff(&std::fs::read(path).unwrap()).is_some())
        .collect();
    assert_eq!(pictures.len(), 3);
    let whole = std::fs::read(&pictures[1]).unwrap();
    cut(&pictures[1], 30);
    ended(scene.hire(None), PATIENCE);
    let dead = scene.jobs(&[StateName::Dead]);
    assert_eq!(dead.len(), 1, "the others are done");
    let State::Dead { error } = &dead[0].state else { unreachable!() };
    assert!(error.message.contains("damaged"), "{error:?}");
    tableround::blobs::write_atomic(&pictures[1], &whole).unwrap();
    let retried = scene.command(&["jobs", "retry", &dead[0].id]).output().unwrap();
    assert!(retried.status.success(), "{}", told(&retried));
    assert!(ended(scene.hire(None), PATIENCE).success(), "{}", scene.words());
    scene.settle(&calm, &mut line);
    // Files of the export, torn: written again.
    let mut torn = 0;
    for path in files(&scene.exports()) {
        if path.extension().is_some_and(|end| end == "json" || end == "csv") {
            cut(&path, 5);
            torn += 1;
        }
    }
    assert!(torn > 5);
    let output = scene.command(&["export", BATCH, "--json"]).output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    let differ = differences(&calm.exports(), &scene.exports());
    assert!(differ.is_empty(), "{differ:?}");
    // A result, torn: said, by name, and no panic.
    let done = scene.jobs(&[StateName::Completed]);
    let State::Completed { result } = &done[0].state else { unreachable!() };
    cut(&blobs.join(result.get(..2).unwrap()).join(result), 9);
    let output = scene.command(&["export", BATCH]).output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("damaged"), "{}", told(&output));
    line.print(store, "F18 torn pictures, results, exports");
}
