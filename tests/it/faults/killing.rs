//! Processes that die, stop, or are asked to go.

use super::scene::{CALLS, PATIENCE, Process, Scene, Store, ended, signal, under};
use super::{Dice, Line, is_long, seeds, wait_until};
use crate::support::provider_server::Manner;
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};
use tableround::domain::job::{Job, StateName};
use tableround::ledger::Beat;

/// Every orphan runs again within this time.
const RECOVERY_MAX: Duration = Duration::from_secs(15);
const POINTS: [&str; 6] =
    ["after_open", "after_answer", "after_settle", "before_result", "after_result", "after_commit"];

/// Jobs that lost their worker, and when.
#[derive(Default)]
struct Orphans(BTreeMap<String, (String, Instant)>);

impl Orphans {
    fn note(&mut self, jobs: Vec<Job>) {
        for job in jobs {
            let token = job.lease().unwrap().token.clone();
            self.0.insert(job.id, (token, Instant::now()));
        }
    }

    /// Those that run again, or are done, are orphans no more.
    fn look(&mut self, scene: &Scene, worst: &mut Option<Duration>) {
        if self.0.is_empty() {
            return;
        }
        for job in scene.jobs(&[StateName::Running, StateName::Completed, StateName::Dead]) {
            let Some((token, since)) = self.0.get(&job.id) else { continue };
            if job.lease().is_none_or(|lease| lease.token != *token) {
                *worst = (*worst).max(Some(since.elapsed()));
                self.0.remove(&job.id);
            }
        }
    }
}

pub(super) fn f1_killed_workers_lose_nothing_and_their_jobs_run_again_soon(store: Store) {
    let mut line = Line::default();
    for seed in seeds() {
        let mut dice = Dice::new(seed);
        let scene = Scene::new(store, if is_long() { 40 } else { 16 }, Manner::after(150, 300));
        let calm = scene.calm();
        scene.enqueue();
        let mut crew: Vec<Process> = (0..3).map(|_| scene.hire(None)).collect();
        let mut orphans = Orphans::default();
        let mut kills = if is_long() { 12 } else { 5 };
        let mut next = Instant::now() + Duration::from_millis(200 + dice.below(500));
        wait_until("the crew is done", PATIENCE, || {
            orphans.look(&scene, &mut line.worst_recovery);
            for member in &mut crew {
                // One that has died at its failpoint is replaced too.
                let own_death = member.try_wait().unwrap().is_some_and(|end| end.code().is_none());
                let due = kills > 0 && Instant::now() >= next && dice.below(3) == 0;
                if !own_death && !due {
                    continue;
                }
                let held = scene.held_by(member);
                if !own_death {
                    if member.try_wait().unwrap().is_some() {
                        continue;
                    }
                    member.kill().unwrap();
                    member.wait().unwrap();
                }
                let (closed, position) = (scene.closed(), scene.server.seen().len());
                orphans.note(held);
                line.strikes += 1;
                kills = usize::saturating_sub(kills, 1);
                let point = POINTS[usize::try_from(dice.below(6)).unwrap()];
                let wish = format!("{point}:{}", 1 + dice.below(8));
                *member = scene.hire((kills > 0 && dice.below(2) == 0).then_some(&wish));
                next = Instant::now() + Duration::from_millis(200 + dice.below(500));
                scene.assert_not_repeated(&closed, position);
            }
            crew.iter_mut().all(|worker| worker.try_wait().unwrap().is_some())
        });
        scene.settle(&calm, &mut line);
    }
    line.print(store, "F1 kill -9 of one of three workers");
    assert!(line.strikes > 2, "{line:?}");
    assert!(line.repeated <= line.strikes * CALLS, "{line:?}");
    assert!(line.worst_recovery.unwrap_or_default() <= RECOVERY_MAX, "{line:?}");
}

pub(super) fn f2_asked_once_a_worker_repeats_nothing_and_asked_twice_it_gives_back_at_once(
    store: Store,
) {
    let mut line = Line::default();
    for seed in seeds() {
        let mut dice = Dice::new(seed);
        for twice in [false, true] {
            let scene = Scene::new(store, 6, Manner::after(400, 600));
            let calm = scene.calm();
            scene.enqueue();
            let worker = scene.hire(None);
            scene.wait_for_calls(2);
            std::thread::park_timeout(Duration::from_millis(dice.below(800)));
            signal(&worker, Signal::TERM);
            let out = usize::try_from(scene.server.out()).unwrap();
            if twice {
                std::thread::park_timeout(Duration::from_millis(50));
                signal(&worker, Signal::TERM);
            }
            let limit = Duration::from_secs(if twice { 5 } else { 10 });
            assert_eq!(ended(worker, limit).code(), Some(130), "{}", scene.words());
            let left = scene.jobs(&[StateName::Running]);
            assert!(left.is_empty(), "leases are given back: {left:?}");
            assert!(scene.summary().workers.is_empty(), "it says goodbye");
            assert!(ended(scene.hire(None), PATIENCE).success());
            scene.settle(&calm, &mut line);
            let repeated = scene.server.repeated();
            assert!(repeated <= if twice { out.max(CALLS) } else { 0 }, "{repeated} repeated");
        }
    }
    line.print(store, "F2 SIGTERM once and twice");
}

pub(super) fn f3_a_new_worker_with_the_number_of_a_dead_one_is_not_taken_for_it(store: Store) {
    let unshare = |scene: &Scene| {
        let program = scene.worker(&["--drain", "--concurrency", "4"]);
        under(&["unshare", "--pid", "--fork", "--kill-child=KILL"], &program)
    };
    let allowed = Command::new("unshare").args(["--pid", "--fork", "true"]).output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        println!("F3 same host and pid again: not run (needs root)");
        return;
    }
    let mut line = Line::default();
    for _ in seeds() {
        let scene = Scene::new(store, 6, Manner::after(200, 300));
        let calm = scene.calm();
        scene.enqueue();
        let mut first = scene.spawn(unshare(&scene));
        scene.wait_for_calls(2);
        wait_until("it is listed", PATIENCE, || !scene.summary().workers.is_empty());
        let dead = scene.summary().workers.remove(0).beat;
        let mut orphans = Orphans::default();
        orphans.note(scene.jobs(&[StateName::Running]));
        first.kill().unwrap();
        first.wait().unwrap();
        line.strikes += 1;
        let second = scene.spawn(unshare(&scene));
        wait_until("the orphans are back", PATIENCE, || {
            orphans.look(&scene, &mut line.worst_recovery);
            orphans.0.is_empty()
        });
        let workers = scene.summary().workers;
        let is_like = |beat: &Beat| beat.pid == dead.pid && beat.worker != dead.worker;
        assert!(workers.iter().any(|row| is_like(&row.beat)), "the same number: {workers:?}");
        assert!(ended(second, PATIENCE).success());
        scene.settle(&calm, &mut line);
    }
    line.print(store, "F3 same host and pid again");
    assert!(line.repeated <= line.strikes * CALLS, "{line:?}");
    assert!(line.worst_recovery.unwrap_or_default() <= RECOVERY_MAX, "{line:?}");
}

pub(super) fn f4_a_worker_that_wakes_up_late_doubles_nothing(store: Store) {
    let mut line = Line::default();
    for _ in seeds() {
        let scene = Scene::new(store, 4, Manner::after(300, 500));
        let calm = scene.calm();
        scene.enqueue();
        let sleeper = scene.hire(None);
        scene.wait_for_calls(3);
        let mut orphans = Orphans::default();
        signal(&sleeper, Signal::STOP);
        orphans.note(scene.held_by(&sleeper));
        line.strikes += 1;
        let other = scene.hire(None);
        wait_until("the other has taken over", PATIENCE, || {
            orphans.look(&scene, &mut line.worst_recovery);
            orphans.0.is_empty()
        });
        signal(&sleeper, Signal::CONT);
        assert!(ended(sleeper, PATIENCE).success(), "{}", scene.words());
        assert!(ended(other, PATIENCE).success(), "{}", scene.words());
        scene.settle(&calm, &mut line);
    }
    line.print(store, "F4 SIGSTOP past the lease and SIGCONT");
    let slept = line.worst_recovery.unwrap_or_default();
    assert!(slept > Duration::from_secs(5) && slept <= RECOVERY_MAX, "past the lease: {line:?}");
    assert!(line.repeated <= line.strikes * CALLS, "{line:?}");
}
