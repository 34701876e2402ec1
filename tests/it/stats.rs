//! `stats` says what the provider's own log and the exports say.

use crate::ledger_conformance::samples::{self, LONG};
use crate::support::program::{folder_with, say, table, tableround};
use crate::support::provider_server::{Manner, Mischief, ProviderServer};
use std::sync::Arc;
use std::time::Instant;
use tableround::domain::call::Call;
use tableround::ledger::{Ledger, Sqlite};

#[test]
fn stats_agree_with_the_calls_that_were_exported() {
    let folder = folder_with(&["teapot.jpg", "lantern.png"]);
    let here = folder.path();
    let mischiefs = vec![Mischief::Broken];
    let server = ProviderServer::start(here, Manner { mischiefs, ..Manner::after(0, 3) });
    let mut command = tableround(here);
    command.args(["run", "teapot.jpg", "lantern.png", "--job", "glance", "--batch", "b", "--yes"]);
    command.args(["--provider", "openai", "--base-url", &server.base_url, "--vision-model", "eye"]);
    command.args(["--chat-model", "mouth", "--image-model", "none"]);
    assert!(command.output().unwrap().status.success());

    let stats = say(here, &["stats", "b", "--json"]).ends(0).json().remove(0);
    assert_eq!((&stats["schema"], &stats["type"]), (&1.into(), &"stats".into()), "{stats:#}");
    let calls = table(&here.join("data/exports/b/calls.csv"));
    let count = |outcome: &str| calls.iter().filter(|call| call["outcome"] == outcome).count();
    assert_eq!(stats["calls"], server.seen().len(), "one for each request that left");
    assert_eq!(
        (&stats["answered"], &stats["calls"]),
        (&count("answered").into(), &calls.len().into())
    );
    let failed = count("failed");
    assert!(failed > 0, "the server was to break");
    assert_eq!(stats["errors"]["transient"], failed);
    assert_eq!(stats["retries"], failed, "each was tried again");
    let sum = |column: &str| -> u64 {
        calls.iter().filter_map(|call| call[column].parse::<u64>().ok()).sum()
    };
    assert_eq!(
        (&stats["tokens_in"], &stats["tokens_out"]),
        (&sum("tokens_in").into(), &sum("tokens_out").into())
    );
    let mut times: Vec<u64> = calls.iter().map(|call| call["ms"].parse().unwrap()).collect();
    times.sort_unstable();
    let median = times[times.len().div_ceil(2) - 1];
    assert_eq!(stats["p50_ms"], median, "{times:?}");
    let lanes = stats["lanes"].as_array().unwrap();
    let sum: u64 = lanes.iter().map(|lane| lane["calls"].as_u64().unwrap()).sum();
    assert_eq!(sum, calls.len() as u64, "every call is in one lane");
    assert!(lanes.iter().any(|lane| lane["stage"] == "describe" && lane["model"] == "eye"));

    let text = say(here, &["stats"]).ends(0).out;
    assert!(text.contains("describe") && text.contains("transient"), "{text}");
    let past = say(here, &["stats", "--since", "0s", "--json"]).ends(0).json().remove(0);
    assert_eq!((&past["calls"], &past["success_rate"]), (&0.into(), &serde_json::Value::Null));
    say(here, &["stats", "nothing"]).ends(2);
}

#[test]
#[ignore = "a figure: a minute"]
fn a_hundred_thousand_calls_are_counted_in_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let (jobs, calls) = (2_000, 50);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let data = folder.path().join("data");
        let blobs = tableround::blobs::Blobs::dir(&data.join("images"));
        let ledger = Sqlite::open(&data.join("tableround.db")).unwrap().with_blobs(blobs);
        let ledger: Arc<dyn Ledger> = Arc::new(ledger);
        let sources: Vec<String> = (0..jobs).map(|job| format!("{job}.jpg")).collect();
        let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
        samples::add(&ledger, "b", &sources).await;
        while let Some(job) = samples::claim(&ledger, "w", LONG).await {
            let asked = (0..calls).map(|n| Call { round: n, ..samples::call(&job.id, "designer") });
            let writes = asked.map(|call| {
                let (ledger, id) = (Arc::clone(&ledger), job.id.clone());
                tokio::spawn(async move {
                    ledger.open(samples::open(&call, 1, &id)).await.unwrap();
                    let text = "what was said ".repeat(60);
                    ledger.settle(&call, 1, samples::answered(&text, 5)).await.unwrap();
                })
            });
            for write in writes.collect::<Vec<_>>() {
                write.await.unwrap();
            }
            ledger.apply(&job.id, samples::finish(&job)).await.unwrap().unwrap();
            let chore = tableround::ledger::Chore::Fold { job: &job.id };
            assert!(ledger.tidy(chore).await.unwrap().is_some());
        }
    });
    let began = Instant::now();
    let stats = say(folder.path(), &["stats", "--json"]).ends(0).json().remove(0);
    println!("stats over {} calls: {:.2} s", stats["calls"], began.elapsed().as_secs_f64());
    assert_eq!(stats["calls"], 100_000);
}
