//! Everything at once, in an order that the seed decides; clocks that are wrong; other versions.

use super::night::{Night, last};
use super::scene::{CALLS, DRAINING, PATIENCE, Process, Scene, Store, ended, signal};
use super::{Dice, Line, is_long, seeds, wait_until};
use crate::support::program::put;
use crate::support::provider_server::Manner;
use crate::support::proxy::{Proxy, Weather};
use rustix::process::Signal;
use std::fs::DirEntry;
use std::path::{Path, PathBuf};

/// Workers of a mixed night; each has a way of its own.
const CREW: usize = 3;

/// Something to break.
#[derive(Debug, Clone, Copy)]
enum Blow {
    Kill,
    Terminate,
    Freeze,
    Reset,
    Cut,
    Restart,
    ReadOnly,
    Hang,
}

const BLOWS: [Blow; 8] = [
    Blow::Kill,
    Blow::Terminate,
    Blow::Freeze,
    Blow::Reset,
    Blow::Cut,
    Blow::Restart,
    Blow::ReadOnly,
    Blow::Hang,
];

impl Blow {
    /// Hits one member of the crew, or all of them at the Redis.
    fn hit(self, night: &mut Night, member: usize) {
        match self {
            Self::Kill => {
                night.crew[member].kill().unwrap();
                night.crew[member].wait().unwrap();
                night.crew[member] = night.hire(member);
            }
            Self::Terminate => {
                signal(&night.crew[member], Signal::TERM);
                let successor = night.hire(member);
                ended(std::mem::replace(&mut night.crew[member], successor), PATIENCE);
            }
            Self::Freeze => {
                signal(&night.crew[member], Signal::STOP);
                last(3.0);
                signal(&night.crew[member], Signal::CONT);
            }
            Self::Reset => night.ways.iter().for_each(Proxy::reset),
            Self::Cut => {
                night.ways[member].turn(Weather::SILENT);
                last(4.0);
                night.ways[member].turn(Weather::FAIR);
            }
            Self::Restart => night.scene.redis_mut().restart(),
            Self::ReadOnly => {
                night.scene.redis_mut().tell(&["REPLICAOF", "127.0.0.1", "1"]);
                last(1.0);
                night.scene.redis_mut().tell(&["REPLICAOF", "NO", "ONE"]);
            }
            Self::Hang => {
                night.scene.redis_mut().signal(Signal::STOP);
                last(2.0);
                night.scene.redis_mut().signal(Signal::CONT);
            }
        }
    }
}

/// The first member of the crew that holds a job.
fn at_work(night: &Night) -> usize {
    let holds_one = |member: &Process| !night.scene.held_by(member).is_empty();
    night.crew.iter().position(holds_one).expect("calls are out, so somebody is at work")
}

pub(super) fn f24_whatever_happens_in_whatever_order_nothing_is_lost(store: Store) {
    let mut line = Line::default();
    for seed in seeds() {
        let mut dice = Dice::new(seed);
        let mut night = Night::of(seed, CREW, CREW);
        for nth in 0..if is_long() { 10 } else { 4 } {
            let drawn = BLOWS[usize::try_from(dice.below(8)).unwrap()];
            let member = usize::try_from(dice.below(3)).unwrap();
            // A night in which nobody dies at work would prove less.
            let (blow, member) =
                if nth == 0 { (Blow::Kill, at_work(&night)) } else { (drawn, member) };
            if night.crew[member].try_wait().unwrap().is_none() {
                night.strike(&mut line, |night| blow.hit(night, member));
            }
        }
        night.end(&mut line);
    }
    line.print(store, "F24 a mixed night");
    assert!(line.repeated <= line.strikes * CALLS, "{line:?}");
}

/// The library that gives a process a wall clock of its own.
fn faketime() -> Option<PathBuf> {
    let machines = std::fs::read_dir("/usr/lib").ok()?.filter_map(Result::ok);
    let library = |machine: DirEntry| machine.path().join("faketime/libfaketimeMT.so.1");
    machines.map(library).find(|path| path.exists())
}

/// A clock that can be set while somebody looks at it. The time that passes is the true one.
struct Clock<'a> {
    library: &'a Path,
    setting: PathBuf,
}

impl<'a> Clock<'a> {
    fn new(library: &'a Path, scene: &Scene, name: &str, shift: &str) -> Self {
        let clock = Self { library, setting: scene.folder.path().join(name) };
        clock.set(shift);
        clock
    }

    fn set(&self, shift: &str) {
        put(&self.setting, shift);
    }

    /// A worker that lives by this clock.
    fn hire(&self, scene: &Scene) -> Process {
        let mut worker = scene.worker(&DRAINING);
        worker.env("LD_PRELOAD", self.library).env("FAKETIME_TIMESTAMP_FILE", &self.setting);
        worker.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        scene.spawn(worker)
    }
}

pub(super) fn f12_workers_whose_clocks_are_an_hour_off_lose_and_double_nothing(store: Store) {
    let Some(library) = faketime() else {
        println!("F12 clocks an hour off: not run (needs faketime)");
        return;
    };
    let mut line = Line::default();
    for _ in seeds() {
        let scene = Scene::new(store, 12, Manner::after(200, 400));
        let calm = scene.calm();
        scene.enqueue();
        let [early, late, jumping] = [("early", "-1h"), ("late", "+1h"), ("jumping", "+0")]
            .map(|(name, shift)| Clock::new(&library, &scene, name, shift));
        let (first, mut second, third) =
            (early.hire(&scene), late.hire(&scene), jumping.hire(&scene));
        wait_until("all are at work", PATIENCE, || {
            [&first, &second, &third].iter().all(|worker| !scene.held_by(worker).is_empty())
        });
        jumping.set("-1h");
        scene.wait_for_calls(8);
        // One of them dies too: what it held is found by the server's clock.
        second.kill().unwrap();
        second.wait().unwrap();
        line.strikes += 1;
        let again = late.hire(&scene);
        scene.wait_for_calls(2);
        jumping.set("+1h");
        for worker in [first, third, again] {
            assert!(ended(worker, PATIENCE).success(), "{}", scene.words());
        }
        scene.settle(&calm, &mut line);
    }
    line.print(store, "F12 clocks an hour off either way and jumping, one killed");
    assert!(line.repeated <= line.strikes * CALLS, "{line:?}");
}

pub(super) fn f21_a_worker_older_than_the_ledger_refuses_and_touches_nothing(store: Store) {
    let mut line = Line { strikes: 1, ..Line::default() };
    let mut scene = Scene::new(store, 3, Manner::after(5, 10));
    let calm = scene.calm();
    scene.enqueue();
    let schema = "{tableround}:schema";
    scene.redis_mut().tell(&["SET", schema, "99"]);
    let output = scene.worker(&DRAINING).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("upgrade this tableround"), "{said}");
    assert!(scene.server.seen().is_empty(), "it has asked nobody");
    scene.redis_mut().tell(&["SET", schema, "1"]);
    assert!(ended(scene.hire(None), PATIENCE).success(), "{}", scene.words());
    scene.settle(&calm, &mut line);
    line.print(store, "F21 a worker older than the ledger");
    assert_eq!(line.repeated, 0);
}
