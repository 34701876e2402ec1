//! Several machines that share nothing but a Redis: one puts in, two work, a fifth collects.

use super::scene::{
    BATCH, CALLS, COLLECTOR, DRAINING, PATIENCE, Process, Scene, Store, ended, under,
};
use super::{Line, wait_until};
use crate::support::machines::Machines;
use crate::support::program::told;
use crate::support::provider_server::{Manner, ProviderServer};
use crate::support::redis::RedisServer;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tableround::domain::job::StateName;

const PICTURES: usize = 10;
const NAMES: [&str; 5] = ["redis", "producer", "north", "south", COLLECTOR];
const WORKERS: [&str; 2] = ["north", "south"];
/// Longer than a lease and the sweep behind it.
const UNPLUGGED: Duration = Duration::from_secs(14);

/// A Redis, a producer, two workers and a collector, and the scene between them.
pub(super) struct Hosts {
    pub(super) scene: Scene,
    calm: Scene,
    /// None: they are only folders.
    machines: Option<Machines>,
}

impl Hosts {
    /// Hosts that share a network card and no folder.
    pub(super) fn in_folders(pictures: usize, manner: Manner) -> Self {
        let scene = Scene::new(Store::Redis, pictures, manner);
        let calm = scene.calm();
        Self { scene, calm, machines: None }
    }

    /// Hosts with a network card each; none: this user may not.
    pub(super) fn in_namespaces(pictures: usize, manner: Manner) -> Option<Self> {
        let machines = Machines::up(&NAMES)?;
        let redis = RedisServer::start_on(machines.address_of("redis"), machines.starter("redis"))?;
        let pictures: Vec<String> =
            (1..=pictures).map(|number| format!("picture-{number:03}.png")).collect();
        // A service on another machine is asked in slightly other words than one on the same.
        let outside = machines.outside();
        let around = |redis, manner| {
            let start = |folder: &Path| ProviderServer::start_at(outside, folder, manner);
            Scene::around(redis, pictures.clone(), start)
        };
        let (scene, calm) = (around(Some(redis), manner), around(None, Manner::after(0, 1)));
        calm.pass();
        Some(Self { scene, calm, machines: Some(machines) })
    }

    /// The command on the machine of this name.
    fn on(&self, name: &str, command: Command) -> Command {
        match &self.machines {
            None => command,
            Some(machines) => {
                let starter = machines.starter(name);
                under(&starter.iter().map(String::as_str).collect::<Vec<_>>(), &command)
            }
        }
    }

    /// A command in the folder of a machine, and on it.
    pub(super) fn command(&self, name: &str, words: &[&str]) -> Command {
        let url = self.scene.redis.as_ref().expect("hosts have one").url();
        let mut command = self.scene.elsewhere(name, &url);
        command.args(words);
        self.on(name, command)
    }

    pub(super) fn enqueue(&self) {
        let output = self.on("producer", self.scene.enqueuing(&[])).output().unwrap();
        assert!(output.status.success(), "{}", told(&output));
        self.scene.delete_originals();
    }

    /// A worker on each of the two machines for it.
    fn hire(&self) -> Vec<Process> {
        let worker =
            |name| self.scene.spawn(self.command(name, &[&["worker"], &DRAINING[..]].concat()));
        WORKERS.into_iter().map(worker).collect()
    }

    /// Collects on the fifth machine, and compares with what one machine has made.
    fn collect(&self, line: &mut Line) {
        let output = self.command(COLLECTOR, &["export", BATCH]).output().unwrap();
        assert!(output.status.success(), "{}", told(&output));
        self.scene.compare(&self.calm, line);
    }

    /// Fails unless both workers have finished something.
    fn assert_both_worked(&self) {
        let jobs = self.scene.jobs(&[StateName::Completed]);
        let workers: BTreeSet<&str> =
            jobs.iter().flat_map(|job| &job.history).map(|attempt| &*attempt.worker).collect();
        assert!(workers.len() >= 2, "{workers:?}");
        if self.machines.is_some() {
            let is_one = |worker: &&str| WORKERS.iter().any(|name| worker.starts_with(name));
            assert!(workers.iter().all(is_one), "{workers:?}");
        }
    }
}

/// Put in on one machine, worked on by two, collected on another.
fn work(hosts: &Hosts, line: &mut Line) {
    hosts.enqueue();
    for worker in hosts.hire() {
        assert!(ended(worker, PATIENCE).success(), "{}", hosts.scene.words());
    }
    hosts.collect(line);
    hosts.assert_both_worked();
    assert_eq!(line.repeated, 0, "{line:?}");
}

pub(super) fn hosts_without_a_shared_folder_make_what_one_machine_makes(store: Store) {
    let mut line = Line::default();
    work(&Hosts::in_folders(PICTURES, Manner::after(100, 200)), &mut line);
    line.print(store, "H1 four hosts, each a folder");
}

pub(super) fn hosts_in_network_namespaces_make_what_one_machine_makes(store: Store) {
    let Some(hosts) = Hosts::in_namespaces(PICTURES, Manner::after(100, 200)) else {
        println!("H2 four hosts in network namespaces: not run (needs root)");
        return;
    };
    let mut line = Line::default();
    work(&hosts, &mut line);
    line.print(store, "H2 four hosts in network namespaces");
}

pub(super) fn f11_a_host_whose_cable_was_pulled_goes_on_when_it_is_back(store: Store) {
    let Some(hosts) = Hosts::in_namespaces(PICTURES, Manner::after(300, 500)) else {
        println!("F11 cable of one worker pulled: not run (needs root)");
        return;
    };
    let mut line = Line { strikes: 1, ..Line::default() };
    hosts.enqueue();
    let crew = hosts.hire();
    wait_until("both are at work", PATIENCE, || {
        hosts.scene.summary().workers.iter().filter(|row| row.beat.busy > 0).count() == 2
    });
    let machines = hosts.machines.as_ref().expect("they are in namespaces");
    machines.plug("north", false);
    std::thread::park_timeout(UNPLUGGED);
    machines.plug("north", true);
    for worker in crew {
        assert!(ended(worker, PATIENCE).success(), "{}", hosts.scene.words());
    }
    hosts.collect(&mut line);
    line.print(store, "F11 cable of one worker pulled");
    assert!(line.repeated <= CALLS, "{line:?}");
}
