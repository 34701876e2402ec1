//! The ledger, the network or a clock misbehaves: the work stands still and goes on, nothing is
//! paid for twice, and nobody is charged for it.
//!
//! Real processes; the provider server's own log and the result files are the witnesses.

mod night;

use crate::support::provider_server::{Manner, Mischief};
use night::{BATCH, Night, Place, ended, said, wait_until};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};
use tableround::domain::job::StateName;

/// What a worker says once when its ledger goes away, and once when it is back.
const AWAY: &str = "reconnecting: the ledger";
const BACK: &str = "the ledger is back after";

#[test]
fn an_answer_that_came_while_redis_was_away_survives_a_kill_and_is_not_paid_for_again() {
    let Some(place) = Place::server() else { return };
    let mut night = Night::new(place, 6, Manner::after(1500, 0));
    night.enqueue();
    let mut worker = night.hire("one", &[]);
    night.wait_for_calls(4);
    night.redis().stop();
    wait_until("the answers are on this disk", || night.spooled("one") == 4);
    worker.kill().unwrap();
    worker.wait().unwrap();
    let asked = night.provider.seen().len();
    let torn = night.data("one").join("spool/torn.answer");
    tableround::blobs::write_atomic(&torn, b"no answer").unwrap();
    night.redis().restart();
    night.provider.hurry(u64::MAX);
    let worker = night.hire("one", &[]);
    assert!(ended(worker).success(), "{}", night.words("one"));
    assert_eq!(night.spooled("one"), 0, "what was delivered does not stay");
    assert_eq!(night.provider.repeated(), 0, "{asked} had been asked before the kill");
    let words = night.words("one");
    assert!(torn.with_extension("damaged").exists() && words.contains("torn.damaged"), "{words}");
    night.assert_all_is_well("one");
}

#[test]
fn workers_live_through_an_outage_longer_than_a_lease_and_say_so_once() {
    let Some(place) = Place::server() else { return };
    let mut night = Night::new(place, 6, Manner::after(700, 200));
    night.enqueue();
    let worker = night.hire("one", &[]);
    night.wait_for_calls(3);
    night.redis().stop();
    let since = Instant::now();
    wait_until("an answer waits", || night.spooled("one") > 0);
    wait_until("a lease is over", || since.elapsed() > tableround::worker::LEASE * 6 / 5);
    night.redis().restart();
    assert!(ended(worker).success(), "{}", night.words("one"));
    let words = night.words("one");
    assert_eq!(words.matches(AWAY).count(), 1, "{words}");
    assert_eq!(words.matches(BACK).count(), 1, "{words}");
    assert_eq!((night.provider.repeated(), night.spooled("one")), (0, 0));
    assert!(night.jobs(&[]).iter().all(|job| job.history.len() == 1), "each went on where it was");
    night.assert_all_is_well("one");
}

#[test]
fn a_redis_that_hangs_is_full_or_takes_no_writes_kills_no_job() {
    for fault in ["hangs", "is full", "follows"] {
        let Some(place) = Place::server() else { return };
        let mut night = Night::new(place, 5, Manner::after(400, 200));
        night.enqueue();
        let worker = night.hire("one", &[]);
        night.wait_for_calls(3);
        let mut connection = night.redis().connection();
        let mut tell = |words: &str| {
            let mut words = words.split(' ');
            let mut command = redis::cmd(words.next().unwrap());
            words.fold(&mut command, |command, word| command.arg(word));
            command.query::<()>(&mut connection).unwrap();
        };
        match fault {
            // It ends by itself: nothing that is said to it meanwhile is heard.
            "hangs" => tell("CLIENT PAUSE 20000 ALL"),
            "is full" => tell("CONFIG SET maxmemory 1"),
            _ => tell("REPLICAOF 127.0.0.1 1"),
        }
        wait_until("an answer waits", || night.spooled("one") > 0);
        if fault != "hangs" {
            wait_until("it is told", || night.words("one").contains(AWAY));
            tell("CONFIG SET maxmemory 0");
            tell("REPLICAOF NO ONE");
        }
        assert!(ended(worker).success(), "{fault}: {}", night.words("one"));
        let words = night.words("one");
        assert_eq!(words.matches(AWAY).count(), 1, "{fault}: {words}");
        assert_eq!(words.contains("doctor"), fault == "is full", "{fault}: {words}");
        assert_eq!((night.provider.repeated(), night.spooled("one")), (0, 0), "{fault}");
        night.assert_all_is_well("one");
    }
}

#[test]
fn a_worker_that_starts_while_redis_takes_no_writes_waits_and_says_so_once() {
    for (fault, end) in [
        (["REPLICAOF", "127.0.0.1", "1"].as_slice(), ["REPLICAOF", "NO", "ONE"].as_slice()),
        (&["CONFIG", "SET", "maxmemory", "1"], &["CONFIG", "SET", "maxmemory", "0"]),
    ] {
        let Some(place) = Place::server() else { return };
        let mut night = Night::new(place, 2, Manner::after(20, 20));
        night.enqueue();
        night.redis().tell(fault);
        let worker = night.hire("one", &[]);
        wait_until("it is told", || night.words("one").contains(AWAY));
        night.redis().tell(end);
        assert!(ended(worker).success(), "{fault:?}: {}", night.words("one"));
        let words = night.words("one");
        assert_eq!(words.matches(AWAY).count(), 1, "{fault:?}: {words}");
        night.assert_all_is_well("one");
    }
}

/// A small disk, gone when dropped.
struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        Command::new("umount").arg("--lazy").arg(&self.0).status().ok();
    }
}

#[test]
fn f15_a_full_disk_under_the_spool_loses_no_answer_while_the_process_lives() {
    let Some(place) = Place::server() else { return };
    let mut night = Night::new(place, 4, Manner::after(1000, 0));
    night.enqueue();
    let spool = night.data("one").join("spool");
    std::fs::create_dir_all(&spool).unwrap();
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", "size=4k", "none"]).arg(&spool);
    if !mount.output().is_ok_and(|output| output.status.success()) {
        println!("F15 disk full under the spool: not run (needs root)");
        return;
    }
    let disk = Mounted(spool.clone());
    tableround::blobs::write_atomic(&spool.join("full"), &[0; 4096]).unwrap();
    let worker = night.hire("one", &[]);
    night.wait_for_calls(3);
    night.redis().stop();
    wait_until("it is told", || night.words("one").contains("in memory alone"));
    assert_eq!(night.spooled("one"), 0);
    night.redis().restart();
    assert!(ended(worker).success(), "{}", night.words("one"));
    drop(disk);
    assert_eq!(night.provider.repeated(), 0);
    night.assert_all_is_well("one");
    println!("F15 disk full under the spool: 1 schedule, 0 lost, 0 doubled, 0 repeated");
}

#[test]
fn when_one_worker_is_told_to_wait_all_of_them_leave_the_model_alone_and_one_tries_first() {
    const WAIT: Duration = Duration::from_secs(5);
    for place in Place::all() {
        let night = Night::new(place, 12, Manner::after(300, 100));
        night.enqueue();
        let workers = ["one", "two", "three"].map(|machine| night.hire(machine, &[]));
        night.wait_for_calls(6);
        night.provider.surprise(Mischief::Busy(5));
        for worker in workers {
            assert!(ended(worker).success(), "{}", night.words("one"));
        }
        let seen = night.provider.seen();
        let told = seen.iter().find(|seen| seen.mischief.is_some()).unwrap().at;
        let times: Vec<Instant> =
            seen.iter().map(|seen| seen.at).filter(|at| *at >= told).collect();
        let silences = times.windows(2).map(|pair| (pair[0], pair[1] - pair[0], pair[1]));
        let (from, silence, first) = silences.max_by_key(|(_, silence, _)| *silence).unwrap();
        // Requests that were on their way already may come a little later than the answer leaves.
        let waited = first - (told + Duration::from_millis(300));
        assert!(waited >= Duration::from_millis(4800), "{waited:?}");
        assert!(from - told < Duration::from_secs(2), "it began {:?} later", from - told);
        assert!(first - told < WAIT * 2, "and it ended in time");
        let answered = first + Duration::from_millis(300);
        let tried = times.iter().filter(|at| (first..answered).contains(at));
        assert_eq!(tried.count(), 1, "one goes first");
        assert_eq!(night.provider.repeated(), 0);
        night.assert_all_is_well("one");
        println!("429 with 5 s: three workers silent for {:.2} s", silence.as_secs_f64());
    }
}

#[test]
fn a_cancel_on_another_machine_ends_the_call_within_two_seconds_and_a_pause_stops_claims() {
    let Some(place) = Place::server() else { return };
    let night = Night::new(place, 8, Manner::after(6000, 0));
    night.enqueue();
    let mut worker = night.start(
        night.on("one", &["worker", "--concurrency", "2"]),
        "one",
        &["--max-calls", "2"],
    );
    night.wait_for_calls(2);
    said(night.on("two", &["pause", BATCH])).ends(0);
    let paused = Instant::now();
    let running = night.jobs(&[StateName::Running]);
    assert_eq!(running.len(), 2);
    let cancelled = Instant::now();
    said(night.on("two", &["jobs", "cancel", &running[0].id])).ends(0);
    wait_until("the call is hung up on", || !night.provider.hung_up().is_empty());
    let hung_up = night.provider.hung_up()[0].saturating_duration_since(cancelled);
    assert!(hung_up <= Duration::from_secs(2), "{hung_up:?}");
    wait_until("a claim would have been seen", || paused.elapsed() > Duration::from_secs(3));
    assert_eq!(night.jobs(&[StateName::Queued]).len(), 6, "a free slot, and nothing new starts");
    assert_eq!(night.provider.seen().len(), 2);
    worker.kill().unwrap();
    worker.wait().unwrap();
    println!("cancel on another machine: hung up after {:.2} s", hung_up.as_secs_f64());
}

#[test]
fn workers_whose_wall_clocks_are_an_hour_off_either_way_lose_and_double_nothing() {
    for place in Place::all() {
        let night = Night::new(place, 8, Manner::after(200, 200));
        night.enqueue();
        let mut workers = Vec::new();
        for (machine, offset) in [("fast", "+3600"), ("slow", "-3600")] {
            let words = ["worker", "--drain", "--concurrency", "2", "--max-calls", "4"];
            let Some(worker) = night.on_with_clock(offset, machine, &words) else {
                println!("clocks an hour off: not run (needs faketime)");
                return;
            };
            workers.push(night.start(worker, machine, &[]));
        }
        night.wait_for_calls(3);
        night.provider.surprise(Mischief::Busy(2));
        for worker in workers {
            let words = || format!("{}\n{}", night.words("fast"), night.words("slow"));
            assert!(ended(worker).success(), "{}", words());
        }
        assert_eq!(night.provider.repeated(), 0);
        let jobs = night.jobs(&[]);
        assert!(jobs.iter().all(|job| job.interruptions == 0), "{jobs:#?}");
        night.assert_all_is_well("fast");
    }
}

#[test]
fn a_service_that_goes_away_in_the_night_holds_its_jobs_up_and_charges_none() {
    let mut night = Night::new(Place::File, 8, Manner::after(200, 100));
    night.enqueue();
    let worker = night.hire("one", &["--max-calls", "4"]);
    night.wait_for_calls(3);
    night.provider.go_away();
    let held = || {
        let summary = night.ask(async |ledger| ledger.summary(None).await.unwrap());
        summary.blocks.iter().any(|block| block.resource.starts_with("provider:"))
    };
    wait_until("its jobs are held up", held);
    let status = said(night.on("one", &["status"])).ends(0);
    assert!(status.out.contains("provider.unavailable"), "{}", status.out);
    night.provider.come_back();
    assert!(ended(worker).success(), "{}", night.words("one"));
    let jobs = night.jobs(&[]);
    assert!(jobs.iter().all(|job| job.state.name() == StateName::Completed), "{jobs:#?}");
    assert!(jobs.iter().all(|job| job.attempts == 0), "nobody is charged: {jobs:#?}");
    assert!(night.provider.repeated() <= 4, "only what was out when it went");
}

#[test]
fn a_batch_that_reached_its_budget_goes_on_with_a_larger_one_and_repeats_no_call() {
    let night = Night::new(Place::File, 6, Manner::after(5, 10));
    let prices = "[prices.\"m\"]\ninput = 1.0\noutput = 4.0\n";
    let file = night.folder.path().join("tableround.toml");
    tableround::blobs::write_atomic(&file, prices.as_bytes()).unwrap();
    said(night.enqueuing(&["--max-cost", "0.05"])).ends(0);
    let waiting = ["--max-calls", "8"];
    // A worker that stays: it hears of the larger budget while it lives.
    let worker = night.on("one", &["worker", "--concurrency", "4"]);
    let mut worker = night.start(worker, "one", &waiting);
    let blocks = || night.ask(async |ledger| ledger.summary(None).await.unwrap().blocks);
    wait_until("the budget is reached", || !blocks().is_empty());
    wait_until("what runs is given back", || night.jobs(&[StateName::Running]).is_empty());
    let stopped = said(night.on("two", &["run", "--resume", BATCH])).ends(6);
    let command = format!("tableround run --resume {BATCH} --max-cost 0.100000");
    assert!(stopped.err.contains(&command), "{}", stopped.err);
    said(night.enqueuing(&["--max-cost", "0.06"])).ends(0);
    let paused = || blocks().iter().any(|block| block.reason.starts_with("budget.reached"));
    wait_until("the new budget is reached", paused);
    said(night.on("two", &["run", "--resume", BATCH, "--max-cost", "50"])).ends(0);
    assert!(night.jobs(&[]).iter().all(|job| job.state.name() == StateName::Completed));
    worker.kill().unwrap();
    worker.wait().unwrap();
    assert_eq!(night.provider.repeated(), 0);
    night.assert_all_is_well("one");
}
