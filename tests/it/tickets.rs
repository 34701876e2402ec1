//! Tickets over a real Redis: late at worst, whatever happens to them.

mod crew;

use crate::ledger_conformance::samples::{add, addition, batch, new};
use crate::support::redis::RedisServer;
use crew::Crew;
use redis::Commands;
use std::time::{Duration, Instant};
use tableround::domain::job::Change;

/// What apalis calls its keys for the queue of these tests.
const QUEUE: &str = "{core:apalis:queues:list}:tableround";

/// Keys of apalis that may stay, however many jobs there were.
const KEYS_MAX: usize = 50;
/// What a wipe may cost.
const LATE_MAX: Duration = Duration::from_secs(5);
const WIPE_EVERY: Duration = Duration::from_secs(5);

macro_rules! with_redis {
    ($($test:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            if let Some(server) = RedisServer::start() {
                promises::$test(server).await;
            }
        })*
    };
}

with_redis! {
    a_job_added_elsewhere_is_claimed_at_once
    a_thousand_jobs_leave_few_keys
    wiped_tickets_cost_time_and_no_job
    wiped_every_five_seconds_the_tickets_still_bring_every_job
    strange_tickets_do_no_harm
    a_broken_connection_cuts_no_attempt_off
    a_restarted_server_is_found_again
    a_clean_end_leaves_no_worker_behind
    a_cancel_elsewhere_is_heard_at_once
}

/// The keys of apalis, all of them.
fn apalis_keys(connection: &mut redis::Connection) -> Vec<String> {
    let mut keys: Vec<String> = connection.keys(format!("{QUEUE}*")).unwrap();
    keys.extend(connection.keys::<_, Vec<String>>("core:apalis*").unwrap());
    keys
}

async fn add_many(crew: &Crew, prefix: &str, jobs: usize) {
    let rows: Vec<_> = (0..jobs).map(|n| new(&format!("{prefix}{n}"))).collect();
    for chunk in rows.chunks(1000) {
        crew.ledger.add(&batch("b"), addition(chunk.to_vec())).await.unwrap();
    }
}

/// Deletes everything that apalis has.
fn wipe_tickets(connection: &mut redis::Connection) {
    let keys = apalis_keys(connection);
    assert!(!keys.is_empty());
    connection.del::<_, ()>(keys).unwrap();
}

/// Works on so many empty jobs, and fails unless few of apalis's keys stay behind.
async fn leave_few_keys(server: RedisServer, jobs: u32) {
    let crew = Crew::start(&server, 16).await;
    let count = usize::try_from(jobs).unwrap();
    add_many(&crew, "", count).await;
    let began = Instant::now();
    crew.finished(count, Duration::from_mins(10)).await;
    let per_second = f64::from(jobs) / began.elapsed().as_secs_f64();
    // Idle tickets tidy up what the last busy ones left.
    let mut connection = server.connection();
    let tidied = async {
        while apalis_keys(&mut connection).len() > KEYS_MAX {
            crew.pulse().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), tidied).await.expect("keys remain");
    let keys = apalis_keys(&mut connection).len();
    println!("{jobs} jobs, {per_second:.0} a second: {keys} keys of apalis");
    crew.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute or more"]
async fn ten_thousand_jobs_leave_few_keys() {
    if let Some(server) = RedisServer::start() {
        leave_few_keys(server, 10_000).await;
    }
}

mod promises {
    use super::*;

    pub(super) async fn a_job_added_elsewhere_is_claimed_at_once(server: RedisServer) {
        let crew = Crew::start(&server, 4).await;
        let producer = crew::ledger(&server).await;
        crew.settle_in().await;
        let mut waits = Vec::new();
        for n in 0..60 {
            add(&producer, "b", &[&n.to_string()]).await;
            let added = Instant::now();
            crew.finished(n + 1, Duration::from_secs(10)).await;
            waits.push(added.elapsed());
        }
        waits.sort();
        let (median, worst) = (waits[30], waits[59]);
        println!("claimed and finished after {median:?} (median), {worst:?} (worst)");
        assert!(median <= Duration::from_millis(20), "median {median:?}");
        assert!(worst <= Duration::from_millis(1200), "worst {worst:?}");
        crew.stop().await;
    }

    pub(super) async fn a_thousand_jobs_leave_few_keys(server: RedisServer) {
        leave_few_keys(server, 1000).await;
    }

    pub(super) async fn wiped_tickets_cost_time_and_no_job(server: RedisServer) {
        let crew = Crew::start(&server, 4).await;
        let mut connection = server.connection();
        crew.settle_in().await;
        for wipe in 1..=4 {
            // All four slots hold a job and more wait: the wiped tickets were for these.
            crew.hold();
            add_many(&crew, &format!("{wipe}-"), 50).await;
            crew.running((wipe - 1) * 50 + 4, Duration::from_secs(10)).await;
            wipe_tickets(&mut connection);
            let wiped = Instant::now();
            crew.release();
            crew.finished(wipe * 50, Duration::from_secs(30)).await;
            let late = wiped.elapsed();
            println!("46 jobs claimed and 50 done {late:?} after a wipe");
            assert!(late <= LATE_MAX, "{late:?}");
        }
        crew.stop().await;
    }

    pub(super) async fn wiped_every_five_seconds_the_tickets_still_bring_every_job(
        server: RedisServer,
    ) {
        let crew = Crew::start(&server, 4).await;
        let mut connection = server.connection();
        crew.settle_in().await;
        let (mut added, mut wipes, mut worst) = (0, 0, Duration::ZERO);
        let mut wiping = tokio::time::interval(WIPE_EVERY);
        while added < 200 {
            tokio::select! {
                _ = wiping.tick() => {
                    wipe_tickets(&mut connection);
                    wipes += 1;
                }
                // A few jobs at a time, for as long as it takes to be wiped again and again.
                () = tokio::time::sleep(Duration::from_millis(500)) => {
                    add_many(&crew, &format!("{added}-"), 5).await;
                    added += 5;
                    let since = Instant::now();
                    crew.finished(added, Duration::from_secs(30)).await;
                    worst = worst.max(since.elapsed());
                }
            }
        }
        println!("{wipes} wipes: 200 of 200 jobs, the latest {worst:?} after it was added");
        assert!(wipes >= 4, "{wipes}");
        assert!(worst <= LATE_MAX, "{worst:?}");
        crew.stop().await;
    }

    pub(super) async fn strange_tickets_do_no_harm(server: RedisServer) {
        let crew = Crew::start(&server, 4).await;
        let mut connection = server.connection();
        crew.settle_in().await;
        let (data, active) = (format!("{QUEUE}:data"), format!("{QUEUE}:active"));
        let meta = |id: &str| format!("{QUEUE}:meta:{id}");
        let pending = [("attempts", "0"), ("max_attempts", "25"), ("status", "Pending")];
        // Fifty times the same, an unreadable one, one of nobody, one without its facts.
        for (id, payload, has_meta, times) in [
            ("01K00000000000000000000001", &b"ticket"[..], true, 50),
            ("01K00000000000000000000002", &[0xFF, 0x00][..], true, 1),
            ("not even an id", &b"{}"[..], true, 1),
            ("01K00000000000000000000003", &b"ticket"[..], false, 1),
        ] {
            connection.hset::<_, _, _, ()>(&data, id, payload).unwrap();
            if has_meta {
                connection.hset_multiple::<_, _, _, ()>(meta(id), &pending).unwrap();
            }
            for _ in 0..times {
                connection.rpush::<_, _, ()>(&active, id).unwrap();
            }
        }
        connection.rpush::<_, _, ()>(&active, "an id without anything").unwrap();
        add_many(&crew, "", 100).await;
        crew.finished(100, Duration::from_secs(20)).await;
        // And a key that is no list at all.
        connection.del::<_, ()>(&active).unwrap();
        connection.set::<_, _, ()>(&active, "text").unwrap();
        add_many(&crew, "more-", 20).await;
        crew.finished(120, Duration::from_secs(20)).await;
        crew.stop().await;
    }

    pub(super) async fn a_broken_connection_cuts_no_attempt_off(server: RedisServer) {
        let crew = Crew::start(&server, 4).await;
        crew.hold();
        // One slot stays free, so that tickets go on coming through.
        add_many(&crew, "", 3).await;
        crew.running(3, Duration::from_secs(10)).await;
        for _ in 0..3 {
            let mut kill = redis::cmd("CLIENT");
            kill.arg("KILL").arg("TYPE").arg("normal").arg("SKIPME").arg("yes");
            kill.query::<()>(&mut server.connection()).unwrap();
            crew.pulse().await;
        }
        assert_eq!(crew.cut_off(), 0);
        crew.release();
        crew.finished(3, Duration::from_secs(10)).await;
        add_many(&crew, "after", 10).await;
        crew.finished(13, Duration::from_secs(20)).await;
        crew.stop().await;
    }

    pub(super) async fn a_restarted_server_is_found_again(mut server: RedisServer) {
        let crew = Crew::start(&server, 4).await;
        add_many(&crew, "", 20).await;
        crew.finished(20, Duration::from_secs(10)).await;
        server.restart();
        let began = Instant::now();
        // The first words on a broken connection are lost; the rows are the same ones.
        while crew.ledger.add(&batch("b"), addition(vec![new("last")])).await.is_err() {
            assert!(began.elapsed() < Duration::from_secs(20), "the ledger stays away");
        }
        crew.finished(21, Duration::from_secs(30)).await;
        println!("first job done {:?} after the server was back", began.elapsed());
        crew.stop().await;
    }

    pub(super) async fn a_clean_end_leaves_no_worker_behind(server: RedisServer) {
        let crew = Crew::start(&server, 4).await;
        add_many(&crew, "", 20).await;
        crew.finished(20, Duration::from_secs(10)).await;
        crew.stop().await;
        let mut connection = server.connection();
        let left: Vec<String> =
            connection.keys::<_, Vec<String>>(format!("{QUEUE}:workers*")).unwrap();
        assert_eq!(left, Vec::<String>::new());
    }

    pub(super) async fn a_cancel_elsewhere_is_heard_at_once(server: RedisServer) {
        let crew = Crew::start(&server, 4).await;
        let other = crew::ledger(&server).await;
        crew.settle_in().await;
        crew.hold();
        let ids = add(&other, "b", &["a"]).await;
        crew.running(1, Duration::from_secs(10)).await;
        let heard = crew.hears_a_cancel();
        other.apply(&ids[0], Change::Cancel).await.unwrap().unwrap();
        tokio::time::timeout(Duration::from_secs(2), heard).await.expect("nobody heard").unwrap();
        crew.release();
        crew.stop().await;
    }
}
