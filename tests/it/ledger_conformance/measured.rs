//! Figures, printed: `cargo test --release --test it measured -- --ignored --nocapture`.
#![expect(clippy::print_stdout, reason = "the figures are the purpose")]
#![expect(clippy::cast_precision_loss, reason = "a rate is good to a few digits")]

use super::Place;
use super::samples::{
    LONG, addition, answered, batch, beat, call, can_serve, claim, finish, job, open, token,
};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tableround::domain::cost::MicroUsd;
use tableround::domain::job::{Change, Progress, StateName};
use tableround::ledger::{Filter, Ledger, NewJob};

/// Rows of one addition.
const CHUNK: usize = 1000;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "a measurement"]
async fn sqlite_ledger() {
    for rows in [10_000, 100_000] {
        measure(&Place::sqlite().unwrap(), rows).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "a measurement"]
async fn redis_ledger() {
    for rows in [10_000, 100_000] {
        let Some(place) = Place::redis() else { return };
        measure(&place, rows).await;
    }
}

async fn measure(place: &Place, rows: usize) {
    let ledger = place.connect();
    additions(&ledger, rows).await;
    claims(&ledger, 1, 500).await;
    claims(&ledger, 16, 2000).await;
    renewals(&ledger).await;
    calls(&ledger, 1, 500).await;
    calls(&ledger, 32, 4000).await;
    reads(&ledger).await;
}

/// How long a renewal takes while another process adds without a pause.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "a measurement"]
async fn sqlite_renewal_beside_an_enqueue() {
    let place = Place::sqlite().unwrap();
    let (adder, ledger) = (place.connect(), place.connect());
    ledger.add(&batch("a"), addition(vec![super::samples::new("a")])).await.unwrap();
    let job = ledger.claim_next("w", &can_serve(), None, LONG).await.unwrap().unwrap();
    let adding = tokio::spawn(async move { additions(&adder, 50_000).await });
    let (mut times, mut n) = (vec![], 0);
    while !adding.is_finished() {
        let renew = Change::Renew {
            token: token(&job),
            lease_ms: LONG,
            progress: Progress { done: n, ..Progress::default() },
            cost: MicroUsd(0),
        };
        let begin = Instant::now();
        ledger.apply(&job.id, renew).await.unwrap().unwrap();
        times.push(begin.elapsed());
        n += 1;
    }
    times.sort();
    println!("{n} renewals: median {:?}, worst {:?}", times[times.len() / 2], times.last());
}

async fn additions(ledger: &Arc<dyn Ledger>, rows: usize) {
    let mut times = Vec::new();
    for chunk in 0..rows / CHUNK {
        let row = |n: usize| {
            let name = format!("pictures/of/a/usual/length/{:06}.jpg", chunk * CHUNK + n);
            let mut job = job(&name, &tableround::blobs::digest(name.as_bytes()));
            job.id = ulid::Ulid::generate().to_string();
            NewJob { job, occurrence: 1 }
        };
        let jobs = (0..CHUNK).map(row).collect();
        let begin = Instant::now();
        ledger.add(&batch("b"), addition(jobs)).await.unwrap();
        times.push(begin.elapsed());
    }
    let mean =
        |times: &[Duration]| times.iter().sum::<Duration>() / u32::try_from(times.len()).unwrap();
    let tenth = times.len() / 10;
    println!(
        "add {rows} rows: {:.0}/s; a chunk of {CHUNK}: first tenth {:?}, last tenth {:?}, worst {:?}",
        rows as f64 / times.iter().sum::<Duration>().as_secs_f64(),
        mean(&times[..tenth]),
        mean(&times[times.len() - tenth..]),
        times.iter().max().unwrap(),
    );
}

/// Runs so many steps on so many tasks and prints what they took.
async fn timed<F: Future<Output = ()> + Send + 'static>(
    what: &str,
    tasks: usize,
    steps: usize,
    step: impl Fn(Arc<dyn Ledger>, usize, usize) -> F + Copy + Send + Sync + 'static,
    ledger: &Arc<dyn Ledger>,
) {
    let begin = Instant::now();
    let running: Vec<_> = (0..tasks)
        .map(|task| {
            let ledger = ledger.clone();
            tokio::spawn(async move {
                let mut worst = Duration::ZERO;
                for n in 0..steps / tasks {
                    let begin = Instant::now();
                    step(ledger.clone(), task, n).await;
                    worst = worst.max(begin.elapsed());
                }
                worst
            })
        })
        .collect();
    let mut worst = Duration::ZERO;
    for task in running {
        worst = worst.max(task.await.unwrap());
    }
    let rate = steps as f64 / begin.elapsed().as_secs_f64();
    println!("{what}, {tasks} at once: {rate:.0}/s, worst {worst:?}");
}

async fn claims(ledger: &Arc<dyn Ledger>, tasks: usize, jobs: usize) {
    let step = async |ledger: Arc<dyn Ledger>| {
        let job = claim(&ledger, "w", LONG).await.unwrap();
        ledger.apply(&job.id, finish(&job)).await.unwrap().unwrap();
    };
    timed("claim + finish", tasks, jobs, move |ledger, _, _| step(ledger), ledger).await;
}

async fn renewals(ledger: &Arc<dyn Ledger>) {
    let job = claim(ledger, "w", LONG).await.unwrap();
    let begin = Instant::now();
    for _ in 0..200 {
        let renew = Change::Renew {
            token: token(&job),
            lease_ms: LONG,
            progress: Progress::default(),
            cost: MicroUsd(0),
        };
        ledger.apply(&job.id, renew).await.unwrap().unwrap();
    }
    println!("renew alone: {:?}", begin.elapsed() / 200);
}

async fn calls(ledger: &Arc<dyn Ledger>, tasks: usize, calls: usize) {
    let step = async |ledger: Arc<dyn Ledger>, task: usize, n: usize| {
        let call = call(&format!("{task}-{n}"), "designer");
        ledger.open(open(&call, 1, "j")).await.unwrap();
        ledger.settle(&call, 1, answered(&"说话".repeat(300), 10)).await.unwrap();
    };
    let step = move |ledger, task, n| step(ledger, task, n + tasks * 100_000);
    timed("open + settle", tasks, calls, step, ledger).await;
}

async fn reads(ledger: &Arc<dyn Ledger>) {
    let time = async |what: &str, read: &dyn Fn() -> BoxFuture<'static, ()>| {
        read().await;
        let begin = Instant::now();
        for _ in 0..20 {
            read().await;
        }
        println!("{what}: {:?}", begin.elapsed() / 20);
    };
    let own = || ledger.clone();
    time("summary", &|| {
        let ledger = own();
        async move { drop(ledger.summary(None).await.unwrap()) }.boxed()
    })
    .await;
    let page = |states: Vec<StateName>| Filter { states, limit: 100, ..Filter::default() };
    for states in [vec![StateName::Running], vec![StateName::Queued, StateName::Dead], vec![]] {
        let filter = page(states);
        time(&format!("100 rows of {:?}", filter.states), &|| {
            let (ledger, filter) = (own(), filter.clone());
            async move { drop(ledger.jobs(&filter).await.unwrap()) }.boxed()
        })
        .await;
    }
    time("claim that serves nothing", &|| {
        let ledger = own();
        async move { drop(ledger.claim_next("w", &[], None, LONG).await.unwrap()) }.boxed()
    })
    .await;
    time("sweep", &|| {
        let ledger = own();
        async move { drop(ledger.sweep(&beat("w"), LONG).await.unwrap()) }.boxed()
    })
    .await;
    let serves = can_serve();
    assert!(ledger.claim_next("w", &serves, Some("none"), LONG).await.unwrap().is_none());
}
