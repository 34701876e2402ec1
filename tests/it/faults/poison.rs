//! A job that takes its process along, in the middle of fifteen innocents.

use super::checker::{self, Verdict};
use super::scene::{PATIENCE, Scene, Store};
use super::{Line, wait_until};
use crate::support::folders::results;
use crate::support::provider_server::Manner;
use std::collections::BTreeSet;
use std::process::Stdio;
use tableround::domain::job::{Ending, State, StateName};

/// Holds a night with one poisoned job, restarting the worker as a supervisor would.
fn check(store: Store, how: &str, code: &str, words: &[&str]) {
    let mut pictures: Vec<String> =
        (1..16).map(|number| format!("innocent-{number:02}.png")).collect();
    pictures.insert(7, "poison.png".to_owned());
    let scene = Scene::with(store, pictures, Manner::after(5, 20));
    let calm = scene.calm();
    scene.enqueue();
    let start = || {
        let mut worker = scene.worker(&["--drain", "--concurrency", "16", "--max-calls", "16"]);
        worker.args(words).env("TABLEROUND_POISON", format!("poison.png:{how}@discuss"));
        worker.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let mut line = Line { schedules: 1, ..Line::default() };
    let mut worker = start();
    wait_until("the night ends", PATIENCE, || match worker.try_wait().unwrap() {
        None => false,
        Some(status) if status.code().is_none() => {
            line.strikes += 1;
            worker = start();
            false
        }
        Some(_) => true,
    });
    scene.collect();
    let all: BTreeSet<String> = scene.pictures.iter().cloned().collect();
    let verdict = checker::check(&all, &all, &scene.exports());
    let good = Verdict { attempts: 16, acked: 16, ok: 16, ..Verdict::default() };
    assert_eq!(verdict, good, "{how}");
    let jobs = scene.jobs(&[]);
    let poison = jobs.iter().find(|job| job.source == "poison.png").unwrap();
    let State::Dead { error } = &poison.state else { panic!("{how}: {poison:?}") };
    assert_eq!(error.code, code, "{how}: {error:?}");
    assert!(error.message.contains("discuss"), "the stage is told: {error:?}");
    assert_eq!(poison.crashes, 3, "{how}: {poison:?}");
    let crashed = poison.history.iter().filter(|a| a.ending == Some(Ending::Crashed)).count();
    assert!(crashed <= 4, "{how}: {:?}", poison.history);
    assert!(line.strikes <= 1, "{how}: only its first crash may take others along");
    let innocents = jobs.iter().filter(|job| job.state.name() == StateName::Completed);
    assert_eq!(innocents.clone().count(), 15, "{how}");
    assert!(innocents.clone().all(|job| job.attempts == 0 && job.crashes == 0), "{how}");
    let folder = |scene: &Scene| {
        let mut files = results(&scene.exports());
        files.retain(|name, _| name.contains("innocent-"));
        files
    };
    let (mine, theirs) = (folder(&scene), folder(&calm));
    assert!(mine.len() >= 45, "{how}: {} files", mine.len());
    assert!(mine == theirs, "{how}: the innocents' results differ");
    line.repeated = scene.server.repeated();
    line.print(store, &format!("F13 poison: {how}"));
    assert!(line.repeated <= (line.strikes + 4) * 16, "{line:?}");
}

pub(super) fn f13_a_job_that_panics_is_dead_after_three_times_and_hurts_nobody(store: Store) {
    check(store, "panic", "job.crashed", &[]);
}

pub(super) fn f13_a_job_that_aborts_is_dead_after_three_times_alone_and_hurts_nobody(store: Store) {
    check(store, "abort", "job.crashed", &[]);
}

pub(super) fn f13_a_job_that_overflows_the_stack_is_dead_after_three_times_alone(store: Store) {
    check(store, "stack", "job.crashed", &[]);
}

pub(super) fn f13_a_job_that_eats_memory_is_dead_after_three_times_alone(store: Store) {
    check(store, "memory", "job.crashed", &[]);
}

pub(super) fn f13_a_job_that_never_ends_is_dead_after_three_deadlines_alone(store: Store) {
    check(store, "loop", "job.deadline", &["--deadline", "7s"]);
}
