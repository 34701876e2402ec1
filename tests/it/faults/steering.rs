//! Somebody else says stop: pause, cancel, limits, at each stage.

use super::scene::{BATCH, PATIENCE, Scene, Store, ended};
use super::{Line, wait_until};
use crate::support::program::told;
use crate::support::provider_server::Manner;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tableround::domain::cost::MicroUsd;
use tableround::domain::job::StateName;

/// The stages of a glance that ask somebody, and the calls before each.
const STAGES: [(&str, u64); 4] = [("describe", 0), ("discuss", 1), ("cluster", 4), ("vote", 5)];
/// A running call of a cancelled job is hung up on within this time.
const HANG_UP_MAX: Duration = Duration::from_secs(2);

/// Waits until a call of this stage is on its way.
fn wait_for_stage(scene: &Scene, stage: &str) {
    wait_until(stage, PATIENCE, || {
        let asked = |record: &tableround::domain::call::Record| {
            record.open.call.stage == stage && record.settle.is_none()
        };
        scene.server.out() > 0 && scene.journal().iter().any(asked)
    });
}

pub(super) fn f23_a_cancelled_job_is_hung_up_on_within_two_seconds_at_each_stage(store: Store) {
    let mut worst = Duration::ZERO;
    for (stage, before) in STAGES {
        let scene = Scene::new(store, 1, Manner::after(4000, 1));
        scene.server.hurry(before);
        scene.enqueue();
        let worker = scene.hire(None);
        wait_for_stage(&scene, stage);
        let cancelled = Instant::now();
        let output = scene.command(&["cancel", BATCH]).output().unwrap();
        assert!(output.status.success(), "{}", told(&output));
        wait_until("the call is hung up on", PATIENCE, || !scene.server.hung_up().is_empty());
        let hung_up = scene.server.hung_up()[0].saturating_duration_since(cancelled);
        worst = worst.max(hung_up);
        ended(worker, PATIENCE);
        assert_eq!(scene.jobs(&[StateName::Cancelled]).len(), 1, "{stage}");
        scene.collect();
        let rows = std::fs::read_to_string(scene.exports().join("jobs.csv")).unwrap();
        assert!(!rows.contains("completed"), "{stage}: {rows}");
        let asked = scene.server.seen().len();
        std::thread::park_timeout(Duration::from_millis(200));
        assert_eq!(scene.server.seen().len(), asked, "{stage}: nothing more is asked");
    }
    println!(
        "F23 cancel at {} stages, {store}: 0 lost, 0 doubled, hung up after at most {:.2} s",
        STAGES.len(),
        worst.as_secs_f64()
    );
    assert!(worst <= HANG_UP_MAX, "{worst:?}");
}

pub(super) fn f22_a_paused_batch_finishes_what_runs_starts_nothing_and_goes_on_where_it_was(
    store: Store,
) {
    let mut line = Line::default();
    for (stage, before) in STAGES {
        let scene = Scene::new(store, 3, Manner::after(300, 100));
        let calm = scene.calm();
        scene.server.hurry(before);
        scene.enqueue();
        let worker = scene.worker(&["--concurrency", "1", "--max-calls", "4"]);
        let worker = scene.spawn(worker);
        wait_for_stage(&scene, stage);
        let output = scene.command(&["pause", BATCH]).output().unwrap();
        assert!(output.status.success(), "{}", told(&output));
        wait_until("what runs is done", PATIENCE, || scene.jobs(&[StateName::Running]).is_empty());
        let (seen, left) = (scene.server.seen().len(), scene.jobs(&[StateName::Queued]).len());
        assert_eq!(left, 2, "{stage}: one was running, and is completed");
        std::thread::park_timeout(Duration::from_millis(1500));
        assert_eq!(scene.server.seen().len(), seen, "{stage}: nothing starts in a pause");
        let status = scene.command(&["status"]).output().unwrap();
        assert!(String::from_utf8_lossy(&status.stdout).contains("paused"), "{}", told(&status));
        let output = scene.command(&["resume", BATCH]).output().unwrap();
        assert!(output.status.success(), "{}", told(&output));
        wait_until("all are done", PATIENCE, || scene.jobs(&[StateName::Completed]).len() == 3);
        super::scene::signal(&worker, rustix::process::Signal::TERM);
        ended(worker, PATIENCE);
        scene.settle(&calm, &mut line);
    }
    line.print(store, "F22 pause and resume at each stage");
    assert_eq!(line.repeated, 0);
}

pub(super) fn f22_a_batch_in_which_too_many_die_stops_and_goes_on_when_told(store: Store) {
    let scene = Scene::new(store, 8, Manner::after(5, 10));
    let calm = scene.calm();
    let output = scene.enqueuing(&["--max-fails", "2", "--by-path"]).output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    // The first pictures change under the batch: their jobs cannot be held.
    let bytes = |at: usize| std::fs::read(scene.folder.path().join(&scene.pictures[at])).unwrap();
    let whole = [bytes(0), bytes(1)];
    for name in &scene.pictures[..2] {
        super::scene::paint(&scene.folder.path().join(name), 99);
    }
    let mut worker = scene.worker(&["--drain", "--max-wait", "0s", "--concurrency", "1"]);
    let output = worker.output().unwrap();
    assert_eq!(output.status.code(), Some(6), "{}", told(&output));
    assert_eq!(scene.jobs(&[StateName::Dead]).len(), 2);
    assert_eq!(scene.jobs(&[StateName::Queued]).len(), 6, "it stopped at once");
    for (name, whole) in scene.pictures.iter().zip(whole) {
        tableround::blobs::write_atomic(&scene.folder.path().join(name), &whole).unwrap();
    }
    let retry = ["jobs", "retry", "--batch", BATCH, "--state", "dead", "--yes"];
    assert!(scene.command(&retry).output().unwrap().status.success());
    assert!(scene.command(&["resume", BATCH]).output().unwrap().status.success());
    assert!(ended(scene.hire(None), PATIENCE).success(), "{}", scene.words());
    let mut line = Line::default();
    scene.settle(&calm, &mut line);
    line.print(store, "F22 max-fails");
    assert_eq!(line.repeated, 0);
}

pub(super) fn f22_a_budget_is_never_overspent_and_a_larger_one_goes_on(store: Store) {
    let scene = Scene::new(store, 6, Manner::after(5, 10));
    let calm = scene.calm();
    let prices = "[prices.\"eye\"]\ninput = 1.0\noutput = 4.0\n\n[prices.\"mouth\"]\ninput = 1.0\noutput = 4.0\n";
    tableround::blobs::write_atomic(
        &scene.folder.path().join("tableround.toml"),
        prices.as_bytes(),
    )
    .unwrap();
    // A little more each time, until every stage was one at which the money ended.
    let mut ended_at = BTreeSet::new();
    let mut budget = MicroUsd(1000);
    while ended_at.len() < STAGES.len() {
        let output = scene.enqueuing(&["--max-cost", &budget.to_string()]).output().unwrap();
        assert!(output.status.success(), "{}", told(&output));
        assert!(scene.command(&["resume", BATCH]).output().unwrap().status.success());
        let words = ["--drain", "--max-wait", "0s", "--concurrency", "2", "--max-calls", "8"];
        let output = scene.worker(&words).output().unwrap();
        assert_eq!(output.status.code(), Some(6), "{ended_at:?} {}", told(&output));
        let row = scene.summary().batches.remove(0);
        assert!(row.spent.0 + row.reserved.0 <= budget.0, "{budget} {row:?}");
        let queued = scene.jobs(&[StateName::Queued]);
        ended_at.extend(queued.into_iter().map(|job| job.progress.stage));
        budget.0 += 1500;
    }
    let output = scene.enqueuing(&["--max-cost", "50"]).output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    assert!(scene.command(&["resume", BATCH]).output().unwrap().status.success());
    assert!(ended(scene.hire(None), PATIENCE).success(), "{}", scene.words());
    let mut line = Line::default();
    scene.settle(&calm, &mut line);
    line.print(store, "F22 max-cost at each stage");
    assert_eq!(line.repeated, 0);
}
