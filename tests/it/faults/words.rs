//! Words that are heard on another machine while they are spoken.

use super::hosts::Hosts;
use super::scene::{BATCH, COLLECTOR, PATIENCE, Process, Store, ended};
use super::wait_until;
use crate::support::provider_server::Manner;
use std::io::Read;
use std::process::{ChildStdout, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long every answer rests after its first words, and so stays open.
const REST: Duration = Duration::from_millis(1200);
/// First words are on the other machine within this time.
const HEARD_MAX: Duration = Duration::from_millis(300);

/// What a program says, with the time of each piece.
#[derive(Clone, Default)]
struct Ear(Arc<Mutex<Vec<(Instant, String)>>>);

impl Ear {
    fn at(mut speaker: ChildStdout) -> Self {
        let ear = Self::default();
        let heard = Arc::clone(&ear.0);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = speaker.read(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                heard.lock().unwrap().push((Instant::now(), text));
            }
        });
        ear
    }

    /// How long after this moment the word was heard.
    fn delay(&self, word: &str, since: Instant) -> Option<Duration> {
        let mut said = String::new();
        for (at, text) in self.0.lock().unwrap().iter().filter(|(at, _)| *at >= since) {
            said.push_str(text);
            if said.contains(word) {
                return Some(*at - since);
            }
        }
        None
    }
}

/// Watches on one host what a worker on another is told.
fn listen(hosts: &Hosts) -> Vec<Duration> {
    hosts.enqueue();
    let mut watch = hosts.command(COLLECTOR, &["watch", BATCH, "--text", "--until-done"]);
    let watch = watch.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut watch = Process::from(watch);
    let ear = Ear::at(watch.stdout.take().unwrap());
    let redis = hosts.scene.redis.as_ref().expect("hosts have one");
    wait_until("somebody listens", PATIENCE, || redis.is_heard_on("*live*"));
    // One call at a time, so that words cannot be taken for those of another answer.
    let words = ["worker", "--drain", "--concurrency", "1", "--max-calls", "1"];
    let worker = hosts.scene.spawn(hosts.command("north", &words));
    assert!(ended(worker, PATIENCE).success(), "{}", hosts.scene.words());
    assert!(ended(watch, PATIENCE).success());
    let begun = hosts.scene.server.begun();
    // What is to be read by the program alone is not shown.
    let prose = begun.iter().filter(|(_, words)| !words.starts_with(['{', '[']));
    let delay = |(left, words): &(Instant, String)| {
        let word = words.split_whitespace().next().expect("first words are words");
        ear.delay(word, *left).unwrap_or_else(|| panic!("nobody heard: {words}"))
    };
    prose.map(delay).collect()
}

fn check(hosts: &Hosts, what: &str) {
    let mut delays = listen(hosts);
    delays.sort();
    let (median, worst) = (delays[delays.len() / 2], delays[delays.len() - 1]);
    println!(
        "{what}, Redis: {} answers, first words heard after {median:.1?} (median), {worst:.1?} \
         (worst), all while the answer was open",
        delays.len()
    );
    assert!(delays.len() >= 4, "{delays:?}");
    assert!(worst < REST, "heard when it was over: {delays:?}");
    assert!(median <= HEARD_MAX, "{delays:?}");
}

pub(super) fn words_are_heard_on_another_host_while_they_are_spoken(_: Store) {
    let manner = Manner { rest: REST, ..Manner::after(0, 1) };
    check(&Hosts::in_folders(1, manner), "H3 words on another host, each a folder");
}

pub(super) fn words_are_heard_in_another_network_namespace_while_they_are_spoken(_: Store) {
    let manner = Manner { rest: REST, ..Manner::after(0, 1) };
    match Hosts::in_namespaces(1, manner) {
        Some(hosts) => check(&hosts, "H4 words in another network namespace"),
        None => println!("H4 words in another network namespace: not run (needs root)"),
    }
}
