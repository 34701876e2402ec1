//! What a model service can do to a batch, and what is made of it.

use crate::support::program::{folder_with, put, say, table, tableround};
use crate::support::provider_server::{Fault, Manner, ProviderServer};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// One consumer's name: only that seat's own prompts have it.
const ONE_SEAT: &str = "Daniel Okafor";
const FILTERED: &str =
    r#"{"error":{"message":"The response was filtered","code":"content_filter"}}"#;
const REFUSED: &str = r#"{"error":{"message":"Incorrect API key","code":"invalid_api_key"}}"#;
const NO_MODEL: &str = r#"{"error":{"message":"no such model","code":"model_not_found"}}"#;
const MODELS: [&str; 6] =
    ["--vision-model", "eye", "--chat-model", "mouth", "--image-model", "none"];

/// A run of a glance over the pictures of the folder, asking the server.
fn run(folder: &Path, base_url: &str, pictures: &[&str], more: &[&str]) -> Command {
    let mut command = tableround(folder);
    command.arg("run").args(pictures).args(MODELS).args(["--job", "glance", "--batch", "b"]);
    command.args(["--yes", "--provider", "openai", "--base-url", base_url]).args(more);
    command
}

fn said(mut command: Command) -> crate::support::program::Said {
    command.output().unwrap().into()
}

fn states(folder: &Path) -> Value {
    say(folder, &["status", "b", "--json"]).ends(0).json().remove(0)["batches"][0]["states"].clone()
}

#[test]
fn a_seat_whose_words_are_filtered_is_shown_as_blocked_and_the_others_go_on() {
    let folder = folder_with(&["teapot.jpg"]);
    let server = ProviderServer::start(folder.path(), Manner::after(0, 0));
    server.suffer(vec![Fault::to(ONE_SEAT, 400, FILTERED)]);
    let run = said(run(folder.path(), &server.base_url, &["teapot.jpg"], &["--json"])).ends(0);
    let summary = &run.json()[0];
    assert_eq!((&summary["completed"], &summary["dead"]), (&1.into(), &0.into()));
    assert_eq!(summary["not_obtained"], 2, "its turn and its ballot: {summary:#}");

    let exports = folder.path().join("data/exports/b");
    let turns = table(&exports.join("turns.csv"));
    for turn in &turns {
        let status = if turn["seat"] == "consumer-1" { "blocked" } else { "spoken" };
        assert_eq!(turn["status"], status, "{turn:?}");
        assert_eq!(turn["text"].is_empty(), status == "blocked", "an error is never a speech");
    }
    let votes = table(&exports.join("votes.csv"));
    let ballot: Vec<_> = votes.iter().filter(|vote| vote["seat"] == "consumer-1").collect();
    assert_eq!(ballot.len(), 1, "an abstention is one row");
    assert_eq!(ballot[0]["status"], "abstained");
    let discussion = std::fs::read(exports.join("000001-teapot/discussion.json")).unwrap();
    let discussion: Value = serde_json::from_slice(&discussion).unwrap();
    let completeness = &discussion["completeness"];
    assert_eq!((&completeness["expected"], &completeness["obtained"]), (&8.into(), &6.into()));
    let missing = completeness["missing"].as_array().unwrap();
    assert!(missing.iter().all(|one| one["seat"] == "consumer-1"), "{completeness:#}");
}

#[test]
fn a_refused_key_keeps_the_jobs_and_a_resume_finishes_them() {
    let folder = folder_with(&["teapot.jpg", "lantern.png"]);
    let here = folder.path();
    let server = ProviderServer::start(here, Manner::after(0, 0));
    let settings =
        format!("[providers.mine]\nbase_url = \"{}\"\nkey_env = \"MY_KEY\"\n", server.base_url);
    put(here.join("tableround.toml"), settings);
    let command = |arguments: &[&str], key: Option<&str>| {
        let mut command = tableround(here);
        command.args(arguments).envs(key.map(|key| ("MY_KEY", key)));
        said(command)
    };
    let spec = ["run", "teapot.jpg", "lantern.png", "--provider", "mine", "--batch", "b", "--yes"];
    let new = [&spec[..], &MODELS, &["--job", "glance"]].concat();
    let keyless = command(&new, None).ends(4);
    assert!(keyless.err.contains("MY_KEY") && keyless.err.contains("--rehearse"), "{keyless:#?}");
    assert!(!here.join("data").exists(), "nothing was queued");

    server.suffer(vec![Fault::always(401, REFUSED)]);
    let refused = command(&new, Some("wrong-key-value")).ends(4);
    assert!(refused.err.contains("go on with: tableround run --resume b"), "{refused:#?}");
    assert!(!refused.err.contains("wrong-key-value"));
    assert_eq!((&states(here)["queued"], &states(here)["dead"]), (&2.into(), &0.into()));
    let status = say(here, &["status"]).ends(0);
    assert!(status.out.contains("held up: auth.rejected"), "{status:#?}");
    let rows = say(here, &["jobs", "list", "--json"]).ends(0).json();
    assert!(rows.iter().all(|row| row["attempts"] == 0), "a block charges nobody");

    server.suffer(vec![]);
    let again = command(&["run", "--resume", "b"], None).ends(4);
    assert!(again.err.contains("MY_KEY"), "{again:#?}");
    command(&["run", "--resume", "b"], Some("right-key-value")).ends(0);
    assert_eq!(states(here)["completed"], 2);
}

#[test]
fn a_service_that_is_not_there_ends_the_run_in_bounded_time() {
    let folder = folder_with(&["teapot.jpg"]);
    let started = Instant::now();
    let run = said(run(folder.path(), "http://127.0.0.1:9/v1", &["teapot.jpg"], &[])).ends(5);
    assert!(started.elapsed() < Duration::from_mins(2));
    assert_eq!(run.last(), "exports: data/exports/b");
    let jobs = say(folder.path(), &["jobs", "list"]).ends(0);
    assert!(jobs.out.contains("provider.unavailable"), "{jobs:#?}");
}

#[test]
fn dead_jobs_outweigh_rejected_inputs_and_a_limit_outweighs_both() {
    let folder = folder_with(&["teapot.jpg", "lantern.png", "quilt.bmp"]);
    let here = folder.path();
    put(here.join("lie.png"), "no picture");
    let server = ProviderServer::start(here, Manner::after(0, 0));
    server.suffer(vec![Fault::always(404, NO_MODEL)]);
    let pictures = ["teapot.jpg", "lie.png"];
    let dead = said(run(here, &server.base_url, &pictures, &[])).ends(1);
    assert!(dead.out.contains("1 dead"), "{dead:#?}");
    let rows = say(here, &["jobs", "list", "--state", "dead", "--json"]).ends(0).json();
    let error = &rows[0]["error"];
    assert_eq!(error["code"], "provider.model_unknown");
    assert!(!error["hint"].as_str().unwrap().is_empty());

    let mut limited = tableround(here);
    limited.args([
        "run",
        "teapot.jpg",
        "lantern.png",
        "quilt.bmp",
        "lie.png",
        "--concurrency",
        "1",
    ]);
    limited.args(MODELS).args(["--job", "glance", "--batch", "limited", "--max-fails", "1"]);
    limited.args(["--provider", "openai", "--base-url", &server.base_url, "--yes", "--again"]);
    let limited = said(limited).ends(6);
    assert!(limited.err.contains("--max-fails 1"), "{limited:#?}");

    // The service is mended: retried jobs ask, and the batch is done.
    server.suffer(vec![]);
    say(here, &["jobs", "retry", "--batch", "b", "--state", "dead", "--yes"]).ends(0);
    say(here, &["run", "--resume", "b"]).ends(3);
    assert_eq!(states(here)["completed"], 1);
}

#[test]
fn a_budget_is_kept_and_an_unknown_price_is_no_budget() {
    let folder = folder_with(&["teapot.jpg"]);
    let here = folder.path();
    let server = ProviderServer::start(here, Manner::after(0, 0));
    let budget = ["--max-cost", "0.01"];
    let unknown = said(run(here, &server.base_url, &["teapot.jpg"], &budget)).ends(2);
    assert!(unknown.err.contains("[prices.\"MODEL\"]"), "{unknown:#?}");
    assert!(!here.join("data").exists());

    let prices =
        "[prices.eye]\ninput = 1.0\noutput = 1.0\n[prices.mouth]\ninput = 1.0\noutput = 1.0\n";
    put(here.join("tableround.toml"), prices);
    let spent =
        said(run(here, &server.base_url, &["teapot.jpg"], &[&budget[..], &["--json"]].concat()));
    let spent = spent.ends(6);
    let cost: f64 = spent.json()[0]["cost_usd"].as_str().unwrap().parse().unwrap();
    assert!(cost > 0.0 && cost <= 0.01, "{spent:#?}");
    assert_eq!(states(here)["queued"], 1);
}

#[test]
fn the_prices_that_were_set_where_a_batch_was_queued_hold_wherever_it_is_worked_on() {
    let (folder, elsewhere) = (folder_with(&["teapot.jpg"]), folder_with(&[]));
    let here = folder.path();
    let server = ProviderServer::start(here, Manner::after(0, 0));
    let prices =
        "[prices.eye]\ninput = 1.0\noutput = 1.0\n[prices.mouth]\ninput = 1.0\noutput = 1.0\n";
    put(here.join("tableround.toml"), prices);
    let service = ["--provider", "openai", "--base-url", &server.base_url];
    let enqueue = ["enqueue", "teapot.jpg", "--job", "glance", "--batch", "b", "--yes"];
    let data = here.join("data").display().to_string();
    let there =
        |arguments: &[&str]| say(elsewhere.path(), &[arguments, &["--data", &data]].concat());
    say(here, &[&enqueue[..], &service, &MODELS, &["--max-cost", "0.01"]].concat()).ends(0);
    there(&["worker", "--drain", "--max-wait", "0s"]).ends(6);
    let spent = || -> f64 {
        let status = there(&["status", "--json"]).ends(0).json().remove(0);
        status["batches"][0]["cost"]["spent_usd"].as_str().unwrap().parse().unwrap()
    };
    assert!(spent() > 0.0 && spent() <= 0.01);
    there(&["run", "--resume", "b", "--max-cost", "5"]).ends(0);

    // Where nobody ever said what it costs, no budget can be given afterwards.
    std::fs::remove_file(here.join("tableround.toml")).unwrap();
    let again = ["enqueue", "teapot.jpg", "--job", "glance", "--batch", "c", "--yes", "--again"];
    say(here, &[&again[..], &service, &MODELS].concat()).ends(0);
    let unknown = there(&["run", "--resume", "c", "--max-cost", "5"]).ends(2);
    assert!(unknown.err.contains("openai/eye, openai/mouth"), "{unknown:#?}");
}

#[test]
fn more_than_the_limit_is_not_spent_without_a_yes() {
    let folder = folder_with(&["teapot.jpg"]);
    let here = folder.path();
    let server = ProviderServer::start(here, Manner::after(0, 0));
    let prices = "confirm_above_usd = 0.001\n[prices.eye]\ninput = 1.0\noutput = 1.0\n\
                  [prices.mouth]\ninput = 1.0\noutput = 1.0\n";
    put(here.join("tableround.toml"), prices);
    let mut command = tableround(here);
    command.args(["run", "teapot.jpg", "--provider", "openai", "--base-url", &server.base_url]);
    let asked = said({
        command.args(MODELS);
        command
    })
    .ends(2);
    assert!(asked.err.contains("--yes"), "{asked:#?}");
    assert!(!here.join("data").exists());
    assert_eq!(server.seen().len(), 0);
}

#[test]
fn an_interrupted_run_keeps_its_work_and_repeats_no_call() {
    let folder = folder_with(&["teapot.jpg", "lantern.png"]);
    let here = folder.path();
    let server = ProviderServer::start(here, Manner::after(300, 0));
    let mut command = run(here, &server.base_url, &["teapot.jpg", "lantern.png"], &[]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while server.seen().len() < 3 {
        std::thread::park_timeout(Duration::from_millis(10));
    }
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let stopped = crate::support::program::Said::from(child.wait_with_output().unwrap()).ends(130);
    assert!(stopped.err.contains("stopping: no new call"), "{stopped:#?}");
    assert!(stopped.err.contains("go on with: tableround run --resume b"), "{stopped:#?}");
    say(here, &["run", "--resume", "b"]).ends(0);
    let mut requests: Vec<String> = server.seen().into_iter().map(|seen| seen.request).collect();
    assert_eq!(requests.len(), 16);
    requests.sort();
    requests.dedup();
    assert_eq!(requests.len(), 16, "each call was asked once");
}
