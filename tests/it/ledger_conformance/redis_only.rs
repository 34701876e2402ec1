//! What only a Redis can do: be shared with others, break off, be newer, be small.

use super::samples::{
    LONG, OVER, add, addition, all, answered, batch, beat, call, can_serve, claim, finish, new,
    open,
};
use crate::support::redis::RedisServer;
use futures_util::StreamExt;
use redis::Commands;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tableround::domain::event::{Event, EventKind};
use tableround::domain::job::StateName;
use tableround::ledger::decide;
use tableround::ledger::{
    self, Absence, Error, Filter, Ledger, Opened, Redis, SCHEMA, Scope, Settled,
};
use tableround::redis_server::Server;

async fn connect(url: &str, queue: &str) -> Result<Arc<dyn Ledger>, Error> {
    Ok(Arc::new(Redis::open(&Server::at(url).unwrap(), queue).await?))
}

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
    a_newer_ledger_is_refused_with_one_sentence_and_left_alone
    queues_and_foreign_keys_live_side_by_side
    user_password_and_database_are_used_and_never_shown
    a_queue_with_a_brace_is_refused
    every_step_happens_once_while_connections_break
    an_outage_has_a_name_and_an_end
    a_replica_is_away_until_it_leads
    a_full_server_takes_no_half_steps
    what_was_acknowledged_survives_a_kill
    a_job_takes_little_memory
    an_addition_of_many_rows_goes_in_whole
    pieces_of_answers_are_heard_elsewhere_and_not_kept
    a_server_tells_what_a_diagnosis_needs
}

/// Where the test below finds its server when it runs itself once more.
const TLS_URL: &str = "TABLEROUND_TEST_TLS_URL";

/// A process trusts the authorities it finds at its start, so the test runs itself once more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "the environment is how it tells itself apart")]
async fn tls_is_spoken_and_strangers_are_not_trusted() {
    if let Ok(url) = std::env::var(TLS_URL) {
        let ledger = connect(&url, "tableround").await.unwrap();
        add(&ledger, "b", &["a"]).await;
        assert!(claim(&ledger, "w", LONG).await.is_some());
        return;
    }
    let Some(server) = RedisServer::start_with_tls() else { return };
    assert!(connect(&server.url(), "tableround").await.is_err(), "nobody vouches for it");
    let itself = std::env::current_exe().unwrap();
    let mut again = std::process::Command::new(itself);
    let name = "ledger_conformance::redis_only::tls_is_spoken_and_strangers_are_not_trusted";
    again.args(["--exact", name]).env(TLS_URL, server.url());
    let output = again.env("SSL_CERT_FILE", server.authority()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

mod promises {
    use super::*;

    pub(super) async fn a_newer_ledger_is_refused_with_one_sentence_and_left_alone(
        server: RedisServer,
    ) {
        let ledger = connect(&server.url(), "tableround").await.unwrap();
        add(&ledger, "b", &["a"]).await;
        let newer = SCHEMA + 1;
        server.connection().set::<_, _, ()>("{tableround}:schema", newer).unwrap();
        let refused = connect(&server.url(), "tableround").await.unwrap_err();
        assert!(matches!(refused, Error::Newer { found, .. } if found == newer));
        let sentence = refused.to_string();
        assert!(sentence.contains("upgrade") && !sentence.contains('\n'), "{sentence}");
        // A worker that is at work hears of it with its next heartbeat.
        let refused = ledger.sweep(&beat("w"), LONG).await.unwrap_err();
        assert!(matches!(refused, Error::Newer { .. }));
        let kept: u32 = server.connection().get("{tableround}:schema").unwrap();
        assert_eq!(kept, newer);
    }

    pub(super) async fn queues_and_foreign_keys_live_side_by_side(server: RedisServer) {
        let mut connection = server.connection();
        connection.set::<_, _, ()>("session:42", "somebody's").unwrap();
        let one = connect(&server.url(), "tableround").await.unwrap();
        let two = connect(&server.url(), "night").await.unwrap();
        for ledger in [&one, &two] {
            add(ledger, "b", &["a", "b"]).await;
            let job = claim(ledger, "w", LONG).await.unwrap();
            let call = call(&job.id, "designer");
            ledger.open(open(&call, 1, &job.id)).await.unwrap();
            ledger.settle(&call, 1, answered("x", 5)).await.unwrap();
            ledger.apply(&job.id, finish(&job)).await.unwrap().unwrap();
            ledger.sweep(&beat("w"), OVER).await.unwrap();
        }
        add(&two, "b", &["c"]).await;
        assert_eq!((all(&one).await.len(), all(&two).await.len()), (2, 3));
        let keys: Vec<String> = connection.keys("*").unwrap();
        let is_ours =
            |key: &&String| key.starts_with("{tableround}:") || key.starts_with("{night}:");
        let foreign: Vec<_> = keys.iter().filter(|key| !is_ours(key)).collect();
        assert_eq!(foreign, ["session:42"]);
        let kept: String = connection.get("session:42").unwrap();
        assert_eq!(kept, "somebody's");
    }

    pub(super) async fn user_password_and_database_are_used_and_never_shown(server: RedisServer) {
        let mut connection = server.connection();
        let mut user = redis::cmd("ACL");
        user.arg("SETUSER").arg("ann").arg("on").arg(">s3cret").arg("~{tableround}:*");
        user.arg("&{tableround}:*").arg("+@all").query::<()>(&mut connection).unwrap();
        let url =
            |user: &str| server.url().replace("://", &format!("://{user}@")).replace("/0", "/2");
        let ledger = connect(&url("ann:s3cret"), "tableround").await.unwrap();
        add(&ledger, "b", &["a"]).await;
        claim(&ledger, "w", LONG).await.unwrap();
        let here: Vec<String> = connection.keys("*").unwrap();
        assert_eq!(here, Vec::<String>::new(), "everything is in the other database");
        let refused = connect(&url("ann:wr0ng"), "tableround").await.unwrap_err();
        let mut said = refused.to_string();
        let mut cause = std::error::Error::source(&refused);
        while let Some(error) = cause {
            said.push_str(": ");
            said.push_str(&error.to_string());
            cause = error.source();
        }
        assert!(matches!(refused, Error::Unreachable { .. }), "{said}");
        assert!(said.contains("127.0.0.1") && !said.contains("wr0ng"), "{said}");
    }

    pub(super) async fn a_queue_with_a_brace_is_refused(server: RedisServer) {
        for queue in ["", "a b", "{a}", "a}b"] {
            assert!(connect(&server.url(), queue).await.is_err(), "{queue}");
        }
    }

    /// Four connections work while all connections are reset again and again.
    pub(super) async fn every_step_happens_once_while_connections_break(server: RedisServer) {
        const JOBS: usize = 200;
        let ledger = connect(&server.url(), "tableround").await.unwrap();
        let names: Vec<String> = (0..JOBS).map(|n| n.to_string()).collect();
        let rows = names.iter().map(|name| new(name)).collect();
        ledger.add(&batch("b"), addition(rows)).await.unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let storm = {
            let (over, mut connection) = (Arc::clone(&over), server.connection());
            std::thread::spawn(move || {
                let mut resets = 0;
                while !over.load(Ordering::Relaxed) {
                    let mut kill = redis::cmd("CLIENT");
                    kill.arg("KILL").arg("TYPE").arg("normal").arg("SKIPME").arg("yes");
                    kill.query::<()>(&mut connection).unwrap();
                    resets += 1;
                    // The server answers this after 20 ms: a pause without sleeping here.
                    let mut pause = redis::cmd("BLPOP");
                    pause.arg("{tableround}:never").arg(0.02).query::<()>(&mut connection).unwrap();
                }
                resets
            })
        };
        let mut workers = Vec::new();
        for n in 0..4 {
            let ledger = connect_stubbornly(&server.url()).await;
            workers.push(tokio::spawn(async move {
                let (worker, mut mine) = (format!("w{n}"), 0);
                while let Some(job) =
                    ledger.claim_next(&worker, &can_serve(), None, LONG).await.unwrap()
                {
                    let call = call(&job.id, "designer");
                    let opened = ledger.open(open(&call, 1, &job.id)).await.unwrap();
                    assert_eq!(opened, Opened::First);
                    let settled = ledger.settle(&call, 1, answered("x", 5)).await.unwrap();
                    assert_eq!(settled, Settled::First);
                    ledger.apply(&job.id, finish(&job)).await.unwrap().unwrap();
                    mine += 1;
                }
                mine
            }));
        }
        let mut finished = 0;
        for worker in workers {
            finished += worker.await.unwrap();
        }
        over.store(true, Ordering::Relaxed);
        let resets = storm.join().unwrap();
        println!("{finished} jobs, {resets} times all connections reset");
        assert!(resets > 5, "{resets} resets prove little");
        assert_eq!(finished, JOBS);
        let rows = all(&ledger).await;
        assert!(rows.iter().all(|row| row.job.history.len() == 1 && row.job.version == 2));
        let summary = ledger.summary(Some("b")).await.unwrap().batches.remove(0);
        assert_eq!(summary.states[&StateName::Completed], JOBS as u64);
        assert_eq!((summary.calls, summary.spent.0, summary.reserved.0), (200, 1000, 0));
        let events = ledger.events(vec![], Some(0)).await.unwrap();
        assert_eq!(events.len(), 2 * JOBS);
    }

    /// The first handshake has nobody yet who would repeat it.
    async fn connect_stubbornly(url: &str) -> Arc<dyn Ledger> {
        loop {
            if let Ok(ledger) = connect(url, "tableround").await {
                return ledger;
            }
        }
    }

    pub(super) async fn an_outage_has_a_name_and_an_end(mut server: RedisServer) {
        let ledger = connect(&server.url(), "tableround").await.unwrap();
        add(&ledger, "b", &["a"]).await;
        server.stop();
        let away = ledger.summary(None).await.unwrap_err();
        assert!(matches!(&away, Error::Away { place, .. } if place.starts_with("redis://127")));
        assert!(away.to_string().contains("does not answer"), "{away}");
        server.restart();
        let job = claim(&ledger, "w", LONG).await.unwrap();
        assert_eq!(job.source, "a");
    }

    pub(super) async fn a_replica_is_away_until_it_leads(server: RedisServer) {
        let ledger = connect(&server.url(), "tableround").await.unwrap();
        add(&ledger, "b", &["a"]).await;
        let mut connection = server.connection();
        let mut follow = |host: &str, port: &str| {
            redis::cmd("REPLICAOF").arg(host).arg(port).query::<()>(&mut connection).unwrap();
        };
        follow("127.0.0.1", "1");
        let away = ledger.claim_next("w", &can_serve(), None, LONG).await.unwrap_err();
        assert!(matches!(away, Error::Away { how: Absence::Follower, .. }), "{away:?}");
        let away = ledger.sweep(&beat("w"), LONG).await.unwrap_err();
        assert!(matches!(away, Error::Away { how: Absence::Follower, .. }), "{away:?}");
        let looked_at = connect(&server.url(), "tableround").await.expect("it can be read");
        assert_eq!(looked_at.jobs(&Filter::default()).await.unwrap().len(), 1);
        let begun = connect(&server.url(), "other").await.unwrap_err();
        assert!(matches!(begun, Error::Away { how: Absence::Follower, .. }), "{begun:?}");
        follow("NO", "ONE");
        assert!(claim(&ledger, "w", LONG).await.is_some());
    }

    pub(super) async fn a_full_server_takes_no_half_steps(server: RedisServer) {
        let ledger = connect(&server.url(), "tableround").await.unwrap();
        add(&ledger, "b", &["a", "b"]).await;
        let job = claim(&ledger, "w", LONG).await.unwrap();
        let before = (all(&ledger).await, ledger.summary(None).await.unwrap().batches);
        let mut connection = server.connection();
        let mut limit = |bytes: &str| {
            let mut set = redis::cmd("CONFIG");
            set.arg("SET").arg("maxmemory").arg(bytes).query::<()>(&mut connection).unwrap();
        };
        limit("1");
        let refusals = [
            ledger.apply(&job.id, finish(&job)).await.unwrap_err(),
            ledger.claim_next("w", &can_serve(), None, LONG).await.unwrap_err(),
            ledger.sweep(&beat("w"), LONG).await.unwrap_err(),
            ledger.add(&batch("b"), addition(vec![new("c")])).await.unwrap_err(),
        ];
        for refused in refusals {
            assert!(matches!(refused, Error::Away { how: Absence::Full, .. }), "{refused:?}");
            assert!(refused.may_pass() && refused.to_string().contains("doctor"), "{refused}");
        }
        let after = (all(&ledger).await, ledger.summary(None).await.unwrap().batches);
        assert_eq!(after, before);
        limit("0");
        ledger.apply(&job.id, finish(&job)).await.unwrap().unwrap();
        assert_eq!(claim(&ledger, "w", LONG).await.unwrap().source, "b");
    }

    pub(super) async fn what_was_acknowledged_survives_a_kill(mut server: RedisServer) {
        let ledger = connect(&server.url(), "tableround").await.unwrap();
        let rows = (0..2500).map(|n| new(&n.to_string())).collect();
        ledger.add(&batch("b"), addition(rows)).await.unwrap();
        let job = claim(&ledger, "w", LONG).await.unwrap();
        ledger.apply(&job.id, finish(&job)).await.unwrap().unwrap();
        let before = all(&ledger).await;
        server.restart();
        assert_eq!(all(&ledger).await, before);
    }

    /// Used memory before and after, divided by jobs.
    pub(super) async fn a_job_takes_little_memory(server: RedisServer) {
        const JOBS: usize = 3000;
        let used = || server.memory_used_bytes();
        let ledger = connect(&server.url(), "tableround").await.unwrap();
        add(&ledger, "warm", &["a"]).await;
        claim(&ledger, "w", LONG).await.unwrap();
        let before = used();
        let rows = (0..JOBS).map(|n| new(&format!("photos/holiday/{n:05}.jpg"))).collect();
        ledger.add(&batch("b"), addition(rows)).await.unwrap();
        let queued = (used() - before) / JOBS;
        while let Some(job) = claim(&ledger, "a-host-1234-abcdef01", LONG).await {
            ledger.apply(&job.id, finish(&job)).await.unwrap().unwrap();
        }
        // Events and the marks of steps have ends of their own.
        let mut connection = server.connection();
        connection.del::<_, ()>("{tableround}:events").unwrap();
        let marks: Vec<String> = connection.keys("{tableround}:step:*").unwrap();
        connection.del::<_, ()>(marks).unwrap();
        let finished = (used() - before) / JOBS;
        println!("{queued} bytes a queued job, {finished} a finished one");
        assert!(queued <= 2048 && finished <= 2048, "{queued} queued, {finished} finished");
    }

    pub(super) async fn an_addition_of_many_rows_goes_in_whole(server: RedisServer) {
        let ledger = connect(&server.url(), "tableround").await.unwrap();
        for (name, count) in [("a", 999), ("b", 1001), ("c", 8001)] {
            let rows: Vec<_> = (0..count).map(|n| new(&format!("{name}{n}"))).collect();
            let ids: BTreeSet<_> = rows.iter().map(|row| row.job.id.clone()).collect();
            let added = ledger.add(&batch(name), addition(rows)).await.unwrap();
            assert_eq!(added.queued.into_iter().collect::<BTreeSet<_>>(), ids);
            let filter = Filter { batch: Some(name.into()), ..Filter::default() };
            let rows = ledger.jobs(&filter).await.unwrap();
            assert!(rows.iter().map(|row| row.job.index).eq(1..=count));
        }
        assert!(ledger.journal(Scope::Batch("c")).await.unwrap().is_empty());
    }

    pub(super) async fn pieces_of_answers_are_heard_elsewhere_and_not_kept(server: RedisServer) {
        let address = Server::at(&server.url()).unwrap();
        let watcher = Redis::open(&address, "tableround").await.unwrap();
        let other_queue = Redis::open(&address, "night").await.unwrap();
        let mut live = Box::pin(ledger::live(&address, "tableround").await.unwrap());
        let worker = connect(&server.url(), "tableround").await.unwrap();
        let piece = |text: &str| Event {
            event: EventKind::Delta,
            text: text.into(),
            ..decide::event_about(0, "b", EventKind::Turn, String::new())
        };
        other_queue.events(vec![piece("not this one")], None).await.unwrap();
        worker.events(vec![piece("说"), piece("话")], None).await.unwrap();
        for text in ["说", "话"] {
            let heard = tokio::time::timeout(Duration::from_secs(5), live.next()).await.unwrap();
            assert_eq!(heard.unwrap().text, text);
        }
        assert!(watcher.events(vec![], Some(0)).await.unwrap().is_empty());
    }

    pub(super) async fn a_server_tells_what_a_diagnosis_needs(server: RedisServer) {
        let ledger = Redis::open(&Server::at(&server.url()).unwrap(), "tableround").await.unwrap();
        let mut connection = server.connection();
        let mut limit = redis::cmd("CONFIG");
        limit.arg("SET").arg("maxmemory").arg("200mb").query::<()>(&mut connection).unwrap();
        let health = ledger.health().await.unwrap();
        assert!(health.version.starts_with(|c: char| c.is_ascii_digit()), "{health:?}");
        assert!(health.append_only);
        assert_eq!(
            (health.append_fsync.as_str(), health.eviction.as_str()),
            ("always", "noeviction")
        );
        assert_eq!(health.memory_bytes_max, Some(200 * 1024 * 1024));
        assert!(health.memory_used_bytes > 0 && health.now > 1_000_000, "{health:?}");
    }
}
