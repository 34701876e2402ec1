//! What only a file can do: be killed over, be newer, be somebody else's.

use super::samples::{
    LONG, OVER, add, addition, all, answered, batch, beat, call, can_serve, claim, fail, job, new,
    open, states,
};
use rusqlite::Connection;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tableround::domain::event::EventKind;
use tableround::domain::job::{Job, State, StateName};
use tableround::ledger::{
    Addition, Error, Ledger, NewBlock, NewJob, Reading, Rejected, SCHEMA, Sqlite, Ticks,
};

fn file() -> (tempfile::TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("data/queue/ledger.db");
    (home, path)
}

fn connect(path: &Path) -> Arc<dyn Ledger> {
    Arc::new(Sqlite::open(path).unwrap())
}

#[tokio::test]
async fn a_newer_file_is_refused_with_one_sentence_and_left_alone() {
    let (_home, path) = file();
    add(&connect(&path), "b", &["a"]).await;
    let newer = SCHEMA + 1;
    Connection::open(&path).unwrap().pragma_update(None, "user_version", newer).unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = Sqlite::open(&path).unwrap_err();
    assert!(matches!(error, Error::Newer { found, .. } if found == newer));
    let sentence = error.to_string();
    assert!(sentence.contains("ledger.db") && sentence.contains("upgrade"), "{sentence}");
    assert!(!sentence.contains('\n'));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_file_of_another_program_is_refused_and_left_alone() {
    let (_home, path) = file();
    tableround::blobs::create_folders(path.parent().unwrap()).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE notes (text)").unwrap();
    drop(other);
    let text = path.with_extension("txt");
    tableround::blobs::write_atomic(&text, &b"no database ".repeat(99)).unwrap();
    for path in [path, text] {
        let before = std::fs::read(&path).unwrap();
        let error = Sqlite::open(&path).unwrap_err();
        assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
}

#[test]
fn eight_connections_may_create_the_file_at_once() {
    for _ in 0..5 {
        let (_home, path) = file();
        let openers: Vec<_> = (0..8)
            .map(|_| {
                let path = path.clone();
                std::thread::spawn(move || Sqlite::open(&path).map(drop))
            })
            .collect();
        for opener in openers {
            opener.join().unwrap().unwrap();
        }
    }
}

#[tokio::test]
async fn a_value_above_one_kib_is_compressed_in_the_file() {
    let (_home, path) = file();
    let ledger = connect(&path);
    let mut talkative = new("a");
    talkative.job.topic = "讨论".repeat(5000);
    ledger.add(&batch("b"), addition(vec![talkative.clone(), new("b")])).await.unwrap();
    let call = call("j", "");
    ledger.open(open(&call, 1, "j")).await.unwrap();
    ledger.settle(&call, 1, answered(&"说".repeat(5000), 1)).await.unwrap();
    let db = Connection::open(&path).unwrap();
    let sizes: Vec<u32> = db
        .prepare("SELECT length(doc) FROM jobs UNION ALL SELECT length(settle) FROM journal")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert!(sizes.iter().all(|&size| size < 1100), "{sizes:?}");
    assert_eq!(all(&ledger).await[0].job.topic, talkative.job.topic);
}

#[tokio::test]
async fn everything_is_there_after_reopening() {
    let (_home, path) = file();
    let ledger = connect(&path);
    let rejected = vec![Rejected {
        source: "x".into(),
        external_id: String::new(),
        code: "input.truncated".into(),
        reason: "cut".into(),
    }];
    let jobs = vec![new("a"), NewJob { occurrence: 2, ..new("a") }, new("b")];
    let addition = Addition { jobs, rejected, again: false };
    ledger.add(&batch("b"), addition).await.unwrap();
    let job = claim(&ledger, "w", LONG).await.unwrap();
    ledger.apply(&job.id, fail(&job, 0)).await.unwrap().unwrap();
    let block = NewBlock { reason: "r".into(), for_ms: None };
    ledger.block("provider:q", Some(block)).await.unwrap();
    ledger.sweep(&beat("w"), LONG).await.unwrap();
    let seen = async |ledger: Arc<dyn Ledger>| {
        let mut summary = ledger.summary(None).await.unwrap();
        summary.now = 0;
        let events = ledger.events(vec![], Some(0)).await.unwrap();
        (all(&ledger).await, summary, events, ledger.rejected("b").await.unwrap())
    };
    let before = seen(ledger).await;
    assert_eq!(seen(connect(&path)).await, before);
}

#[tokio::test]
async fn a_poll_that_finds_nothing_writes_nothing() {
    let (_home, path) = file();
    let ledger = connect(&path);
    add(&ledger, "b", &["a"]).await;
    claim(&ledger, "w", LONG).await.unwrap();
    let log = path.with_extension("db-wal");
    let before = std::fs::read(&log).unwrap();
    assert!(!before.is_empty());
    for _ in 0..5 {
        assert_eq!(claim(&ledger, "w", LONG).await, None);
    }
    assert!(std::fs::read(&log).unwrap() == before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_request_that_fails_takes_nobody_of_its_group_with_it() {
    let (_home, path) = file();
    let ledger = connect(&path);
    add(&ledger, "b", &["a"]).await;
    let requests: Vec<_> = (0..64)
        .map(|n| {
            let ledger = ledger.clone();
            tokio::spawn(async move {
                let mut batch = batch("b");
                if n % 2 == 0 {
                    batch.spec = "another".into();
                }
                // The first row would go in before the second one is refused for its id.
                let mut jobs = vec![new(&n.to_string()), new(&format!("{n} too"))];
                if n % 4 == 1 {
                    jobs[1].job.id = jobs[0].job.id.clone();
                }
                (n, ledger.add(&batch, addition(jobs)).await.is_ok())
            })
        })
        .collect();
    let mut accepted = 0;
    for request in requests {
        let (n, ok) = request.await.unwrap();
        assert_eq!(ok, n % 4 == 3, "{n}");
        accepted += usize::from(ok);
    }
    assert_eq!(all(&ledger).await.len(), 1 + 2 * accepted);
    assert_eq!(states(&ledger, "b").await, [(StateName::Queued, 1 + 2 * accepted as u64)]);
}

#[tokio::test]
async fn the_newest_hundred_thousand_events_are_kept() {
    let (_home, path) = file();
    let ledger = connect(&path);
    add(&ledger, "b", &["a", "b", "c"]).await;
    for _ in 0..2 {
        claim(&ledger, "w", LONG).await.unwrap();
    }
    let skip = "UPDATE sqlite_sequence SET seq = 100000 WHERE name = 'events'";
    assert_eq!(Connection::open(&path).unwrap().execute(skip, []).unwrap(), 1);
    claim(&ledger, "w", LONG).await.unwrap();
    let events = ledger.events(vec![], Some(0)).await.unwrap();
    assert_eq!(events.iter().map(|event| event.seq).collect::<Vec<_>>(), [2, 100_001]);
}

/// A clock that only the test moves.
#[derive(Clone)]
struct Time(Arc<AtomicI64>);

impl Time {
    fn new() -> Self {
        Self(Arc::new(AtomicI64::new(1_000_000)))
    }

    fn pass(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }

    fn ticks(&self) -> Ticks {
        let time = self.0.clone();
        Arc::new(move || {
            let ms = time.load(Ordering::Relaxed);
            Reading { wall_ms: ms, uptime_ms: ms }
        })
    }

    fn connect(&self, path: &Path) -> Arc<dyn Ledger> {
        Arc::new(Sqlite::open_with_clock(path, &self.ticks()).unwrap())
    }
}

#[tokio::test]
async fn a_lease_is_taken_back_only_after_a_lease_of_uninterrupted_answers() {
    let (_home, path) = file();
    let (time, lease) = (Time::new(), 10_000);
    let ledger = time.connect(&path);
    add(&ledger, "b", &["a", "b"]).await;
    ledger.sweep(&beat("gone"), lease).await.unwrap();
    ledger.claim_next("gone", &can_serve(), None, lease).await.unwrap().unwrap();
    drop(ledger);
    time.pass(60_000);
    // A fresh process knows nothing of the minute before.
    let ledger = time.connect(&path);
    let sweep = async |passed: i64| {
        time.pass(passed);
        ledger.sweep(&beat("here"), lease).await.unwrap().len()
    };
    for _ in 0..3 {
        assert_eq!(sweep(3000).await, 0);
    }
    // The ledger was away for longer than a lease: it begins anew.
    assert_eq!(sweep(10_001).await, 0);
    for _ in 0..3 {
        assert_eq!(sweep(3000).await, 0);
    }
    assert_eq!(sweep(1000).await, 1);
    let job = all(&ledger).await.remove(0).job;
    assert_eq!((job.state, job.suspect), (State::Queued, true));
    let lost = async || {
        let events = ledger.events(vec![], Some(0)).await.unwrap();
        let lost = events.into_iter().filter(|event| event.event == EventKind::WorkerLost);
        lost.map(|event| event.text).collect::<Vec<_>>()
    };
    assert_eq!(lost().await, ["gone"]);
    sweep(3000).await;
    assert_eq!(lost().await, ["gone"], "a worker is lost once");
    assert_eq!(ledger.summary(None).await.unwrap().workers.len(), 2);
    for _ in 0..2 {
        sweep(12 * 3_600_000).await;
    }
    for _ in 0..4 {
        sweep(3000).await;
    }
    let listed = ledger.summary(None).await.unwrap().workers;
    assert_eq!(listed.len(), 1, "after a day it is no longer listed");
}

#[tokio::test]
async fn a_worker_that_beats_but_forgets_a_lease_did_not_crash() {
    let (_home, path) = file();
    let (time, lease) = (Time::new(), 10_000);
    let ledger = time.connect(&path);
    add(&ledger, "b", &["a"]).await;
    ledger.claim_next("busy", &can_serve(), None, lease).await.unwrap().unwrap();
    for _ in 0..3 {
        ledger.sweep(&beat("busy"), lease).await.unwrap();
        assert!(ledger.sweep(&beat("here"), lease).await.unwrap().is_empty());
        time.pass(3000);
    }
    time.pass(1000);
    let back = ledger.sweep(&beat("here"), lease).await.unwrap();
    assert_eq!((back.len(), back[0].suspect, back[0].interruptions), (1, false, 1));
}

#[tokio::test]
async fn time_opens_what_was_waiting_and_what_was_blocked() {
    let (_home, path) = file();
    let time = Time::new();
    let ledger = time.connect(&path);
    add(&ledger, "b", &["a", "b"]).await;
    let first = claim(&ledger, "w", LONG).await.unwrap();
    ledger.apply(&first.id, fail(&first, 500)).await.unwrap().unwrap();
    let block = NewBlock { reason: "quota".into(), for_ms: Some(200) };
    ledger.block("batch:b", Some(block)).await.unwrap();
    let next = async |passed| {
        time.pass(passed);
        claim(&ledger, "w", LONG).await.map(|job| job.source)
    };
    assert_eq!(next(199).await, None);
    assert_eq!(next(1).await, Some("b".into()));
    assert_eq!(next(299).await, None);
    assert_eq!(next(1).await, Some("a".into()));
    ledger.sweep(&beat("w"), LONG).await.unwrap();
    let events = ledger.events(vec![], Some(0)).await.unwrap();
    let told: Vec<_> = events.iter().map(|event| event.event).collect();
    assert_eq!(told.last(), Some(&EventKind::Unblock));
}

#[tokio::test]
async fn a_clock_that_is_set_back_does_not_take_the_ledger_with_it() {
    let (_home, path) = file();
    let time = Time::new();
    let ledger = time.connect(&path);
    add(&ledger, "b", &["a"]).await;
    let now = ledger.summary(None).await.unwrap().now;
    drop(ledger);
    time.pass(-500_000);
    let ledger = time.connect(&path);
    assert_eq!(ledger.summary(None).await.unwrap().now, now);
    let job = claim(&ledger, "w", OVER).await.unwrap();
    assert_eq!(job.lease().unwrap().until, now);
    time.pass(7);
    assert_eq!(ledger.summary(None).await.unwrap().now, now + 7);
}

const CHILD: &str = "ledger_conformance::sqlite_only::child_that_adds_until_it_is_killed";

#[test]
#[ignore = "the child that `what_was_acknowledged_survives_a_kill` starts and kills"]
fn child_that_adds_until_it_is_killed() {
    let mut path = String::new();
    std::io::stdin().read_line(&mut path).unwrap();
    if path.is_empty() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let ledger = connect(Path::new(path.trim_end()));
    for _ in 0..3 {
        runtime.spawn(add_and_say_so(ledger.clone()));
    }
    runtime.block_on(add_and_say_so(ledger));
}

#[expect(clippy::print_stdout, reason = "it is how the child tells its parent")]
async fn add_and_say_so(ledger: Arc<dyn Ledger>) {
    loop {
        let ids = [(); 2].map(|()| ulid::Ulid::generate().to_string());
        let row = |id: &String| Job { id: id.clone(), ..job(id, id) };
        let jobs = ids.iter().map(|id| NewJob { job: row(id), occurrence: 1 }).collect();
        ledger.add(&batch("b"), addition(jobs)).await.unwrap();
        println!("acknowledged {}", ids.join(" "));
    }
}

fn start_child(path: &Path) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", CHILD, "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{}", path.display()).unwrap();
    child
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let (_home, path) = file();
    let mut acknowledged = Vec::new();
    for kill in 0..10 {
        let mut child = start_child(&path);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = lines
            .map(Result::unwrap)
            .filter_map(|line| line.split_once("acknowledged ").map(|(_, ids)| ids.to_owned()));
        let mut said = said.into_iter();
        acknowledged.extend(said.by_ref().take(1 + kill * 7));
        child.kill().unwrap();
        child.wait().unwrap();
        // What it still said before it died counts as well; its last line may be cut.
        acknowledged.extend(said.filter(|ids| ids.len() == 53));
        let ledger = connect(&path);
        let rows = all(&ledger).await;
        let there: std::collections::BTreeSet<_> =
            rows.iter().map(|row| row.job.id.as_str()).collect();
        for id in acknowledged.iter().flat_map(|ids| ids.split(' ')) {
            assert!(there.contains(id), "kill {kill}: {id} was acknowledged and is lost");
        }
        assert_eq!(rows.len() % 2, 0, "an addition is there as a whole or not at all");
        assert_eq!(states(&ledger, "b").await, [(StateName::Queued, rows.len() as u64)]);
        let check: String = Connection::open(&path)
            .unwrap()
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(check, "ok");
    }
    assert!(acknowledged.len() > 300, "{}", acknowledged.len());
}
