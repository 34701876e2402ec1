//! Every JSON shape of the contract, field by field, from the program itself.

use crate::support::program::{Said, folder_with, put, say};
use serde_json::Value;
use std::path::Path;

/// What a field may hold. `?` of the contract: or null.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Text,
    TextOrNull,
    Count,
    CountOrNull,
    Truth,
    /// A decimal string in USD with six places.
    Money,
    MoneyOrNull,
    /// RFC 3339 in UTC.
    Time,
    TimeOrNull,
    List,
    Object,
    ObjectOrNull,
}
use Kind::{
    Count, CountOrNull, List, Money, MoneyOrNull, Object, ObjectOrNull, Text, TextOrNull, Time,
    TimeOrNull, Truth,
};

impl Kind {
    fn fits(self, value: &Value) -> bool {
        let is_money = |text: &str| {
            text.split_once('.').is_some_and(|(usd, rest)| {
                usd.parse::<u64>().is_ok() && rest.len() == 6 && rest.parse::<u32>().is_ok()
            })
        };
        let is_time = |text: &str| text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok();
        match self {
            Text => value.is_string(),
            Count => value.is_u64(),
            Truth => value.is_boolean(),
            Money => value.as_str().is_some_and(is_money),
            Time => value.as_str().is_some_and(is_time),
            List => value.is_array(),
            Object => value.is_object(),
            TextOrNull => value.is_null() || Text.fits(value),
            CountOrNull => value.is_null() || Count.fits(value),
            MoneyOrNull => value.is_null() || Money.fits(value),
            TimeOrNull => value.is_null() || Time.fits(value),
            ObjectOrNull => value.is_null() || Object.fits(value),
        }
    }
}

#[track_caller]
fn fields(value: &Value, fields: &[(&str, Kind)]) {
    for (name, kind) in fields {
        let field = value.get(name).unwrap_or_else(|| panic!("no `{name}` in {value:#}"));
        assert!(kind.fits(field), "`{name}` should be {kind:?}: {value:#}");
    }
}

#[track_caller]
fn typed<'a>(value: &'a Value, r#type: &str) -> &'a Value {
    assert_eq!((&value["schema"], &value["type"]), (&1.into(), &r#type.into()), "{value:#}");
    value
}

const ESTIMATE: [(&str, Kind); 7] = [
    ("calls", Count),
    ("calls_per_job", Count),
    ("tokens_in", Count),
    ("tokens_out", Count),
    ("cost_usd", MoneyOrNull),
    ("unknown_prices", List),
    ("seconds", Count),
];

const ENQUEUED: [(&str, Kind); 7] = [
    ("batch", Text),
    ("given", Count),
    ("queued", Count),
    ("duplicates", Count),
    ("rejected", List),
    ("rehearsal", Truth),
    ("estimate", Object),
];

const SUMMARY: [(&str, Kind); 20] = [
    ("batch", Text),
    ("jobs", Count),
    ("completed", Count),
    ("dead", Count),
    ("cancelled", Count),
    ("waiting", Count),
    ("queued", Count),
    ("duplicates", Count),
    ("rejected", Count),
    ("not_obtained", Count),
    ("calls", Count),
    ("calls_lost", Count),
    ("tokens_in", Count),
    ("tokens_out", Count),
    ("cost_usd", Money),
    ("cost_unknown_calls", Count),
    ("wall_ms", Count),
    ("exports", Text),
    ("rehearsal", Truth),
    ("exit", Count),
];

const JOB: [(&str, Kind); 18] = [
    ("job", Text),
    ("batch", Text),
    ("index", Count),
    ("source", Text),
    ("external_id", Text),
    ("topic", Text),
    ("state", Text),
    ("reason", TextOrNull),
    ("until", TimeOrNull),
    ("stage", Text),
    ("seat", Text),
    ("worker", TextOrNull),
    ("attempts", Count),
    ("interruptions", Count),
    ("crashes", Count),
    ("cost_usd", Money),
    ("duplicate_of", TextOrNull),
    ("error", ObjectOrNull),
];

/// Queues a good picture twice and one that is cut short, as JSON.
fn enqueued(folder: &Path, more: &[&str]) -> Said {
    put(folder.join("cut.jpg"), [0xff, 0xd8, 0xff, 0xe0, 0, 16]);
    let arguments = ["enqueue", "teapot.jpg", "teapot.jpg", "cut.jpg", "--json", "--rehearse"];
    let arguments = [&arguments[..], &["--job", "glance", "--batch", "b"], more].concat();
    say(folder, &arguments)
}

#[test]
fn what_was_queued_and_what_it_would_take_have_one_shape() {
    let folder = folder_with(&["teapot.jpg"]);
    for (r#type, more, queued) in [("estimate", &["-n"][..], 0), ("enqueued", &[], 1)] {
        let said = enqueued(folder.path(), more).ends(3);
        let [shape] = &said.json()[..] else { panic!("{said:#?}") };
        fields(typed(shape, r#type), &ENQUEUED);
        fields(&shape["estimate"], &ESTIMATE);
        let [rejected] = shape["rejected"].as_array().unwrap().as_slice() else { panic!() };
        fields(rejected, &[("path", Text), ("code", Text), ("reason", Text)]);
        assert_eq!(
            (&rejected["path"], &rejected["code"]),
            (&"cut.jpg".into(), &"input.truncated".into())
        );
        let numbers = ["given", "queued", "duplicates"].map(|name| shape[name].as_u64().unwrap());
        assert_eq!(numbers, [3, queued, 1], "{type}");
        assert_eq!(shape["estimate"]["calls"], 8, "one picture is discussed: {shape:#}");
        assert_eq!(shape["estimate"]["cost_usd"], "0.000000");
    }
}

#[test]
fn a_batch_is_told_of_in_the_shapes_of_the_contract_before_and_after_the_work() {
    let folder = folder_with(&["teapot.jpg"]);
    let here = folder.path();
    enqueued(here, &[]).ends(3);

    let status = say(here, &["status", "--json"]).ends(0);
    let [status] = &status.json()[..] else { panic!() };
    fields(
        typed(status, "status"),
        &[("ledger", Text), ("batches", List), ("workers", List), ("blocks", List)],
    );
    let batch = &status["batches"][0];
    fields(
        batch,
        &[
            ("batch", Text),
            ("paused", Truth),
            ("rehearsal", Truth),
            ("created_at", Time),
            ("states", Object),
            ("cost", Object),
            ("eta_ms", CountOrNull),
            ("last_error", TextOrNull),
            ("why", List),
            ("running", List),
        ],
    );
    let [why] = &batch["why"].as_array().unwrap()[..] else { panic!("{batch:#}") };
    fields(why, &[("reason", Text), ("until", TimeOrNull)]);
    assert!(why["reason"].as_str().unwrap().starts_with("no worker is alive"), "{why}");
    let states = ["queued", "running", "waiting", "completed", "dead", "cancelled"];
    fields(&batch["states"], &states.map(|state| (state, Count)));
    fields(
        &batch["cost"],
        &[
            ("spent_usd", Money),
            ("reserved_usd", Money),
            ("lost_usd", Money),
            ("max_usd", MoneyOrNull),
            ("projected_usd", MoneyOrNull),
            ("unknown_prices", List),
        ],
    );
    say(here, &["pause", "b"]).ends(0);
    let paused = say(here, &["status", "b", "--json"]).ends(0).json().remove(0);
    assert_eq!(paused["batches"][0]["paused"], true);
    fields(&paused["blocks"][0], &[("resource", Text), ("reason", Text), ("until", TimeOrNull)]);
    say(here, &["resume", "b"]).ends(0);

    let run = say(here, &["run", "--resume", "b", "--json"]).ends(3);
    let [summary] = &run.json()[..] else { panic!("{run:#?}") };
    fields(typed(summary, "summary"), &SUMMARY);
    let numbers = ["jobs", "completed", "duplicates", "rejected", "calls", "exit"];
    assert_eq!(numbers.map(|name| summary[name].as_u64().unwrap()), [2, 1, 1, 1, 8, 3]);
    let waited = say(here, &["wait", "b", "--json"]).ends(3);
    fields(typed(&waited.json()[0], "summary"), &SUMMARY);

    let rows = say(here, &["jobs", "list", "--json"]).ends(0).json();
    assert_eq!(rows.len(), 2, "the picture and its duplicate");
    for row in &rows {
        fields(typed(row, "job"), &JOB);
    }
    assert_eq!(rows[1]["duplicate_of"], rows[0]["job"]);
    let id = rows[0]["job"].as_str().unwrap();

    let shown = say(here, &["jobs", "show", id, "--json"]).ends(0).json().remove(0);
    fields(typed(&shown, "job_detail"), &JOB);
    fields(&shown, &[("spec", Object), ("calls", List), ("events", List)]);
    let calls = shown["calls"].as_array().unwrap();
    assert_eq!(calls.len(), 8);
    for call in calls {
        fields(
            call,
            &[
                ("call", Text),
                ("stage", Text),
                ("round", Count),
                ("seat", Text),
                ("ask", Count),
                ("outcome", Text),
                ("provider", Text),
                ("model_asked", Text),
                ("model_used", TextOrNull),
                ("tokens_in", CountOrNull),
                ("tokens_out", CountOrNull),
                ("cost_usd", MoneyOrNull),
                ("ms", CountOrNull),
            ],
        );
    }

    let events = say(here, &["watch", "b", "--json", "--until-done"]).ends(0).json();
    for event in events.iter().chain(shown["events"].as_array().unwrap()) {
        fields(
            event,
            &[
                ("seq", Count),
                ("at", Time),
                ("batch", Text),
                ("job", Text),
                ("event", Text),
                ("stage", Text),
                ("round", Count),
                ("seat", Text),
                ("offset", Count),
                ("text", Text),
            ],
        );
    }
    for event in &events {
        typed(event, "event");
    }
    // The description is spoken too.
    let kinds = |kind: &str| events.iter().filter(|event| event["event"] == kind).count();
    assert_eq!((kinds("job_started"), kinds("job_completed"), kinds("turn")), (1, 1, 4));

    let exported = say(here, &["export", "b", "--json"]).ends(0).json().remove(0);
    fields(
        typed(&exported, "exported"),
        &[
            ("batch", Text),
            ("path", Text),
            ("jobs", Count),
            ("files", Count),
            ("bytes", Count),
            ("repaired", Count),
        ],
    );
    assert_eq!(exported["repaired"], 0, "{exported:#}");
}

#[test]
fn compressed_files_are_told_of_one_a_line_and_summed_up() {
    let folder = folder_with(&["teapot.jpg", "lantern.png"]);
    put(folder.path().join("lie.jpg"), "not a picture");
    let arguments = ["compress", "teapot.jpg", "lantern.png", "lie.jpg", "-o", "small", "--json"];
    let said = say(folder.path(), &arguments).ends(3);
    let lines = said.json();
    let [one, two, sum] = &lines[..] else { panic!("{said:#?}") };
    for line in [one, two] {
        fields(
            typed(line, "compressed"),
            &[
                ("path", Text),
                ("output", Text),
                ("format_in", Text),
                ("bytes_in", Count),
                ("bytes_out", Count),
                ("width", Count),
                ("height", Count),
                ("ms", Count),
            ],
        );
        assert!(folder.path().join(line["output"].as_str().unwrap()).exists());
    }
    fields(
        typed(sum, "compress_summary"),
        &[
            ("files", Count),
            ("failed", Count),
            ("bytes_in", Count),
            ("bytes_out", Count),
            ("wall_ms", Count),
        ],
    );
    assert_eq!((&sum["files"], &sum["failed"]), (&3.into(), &1.into()));
    assert!(said.err.contains("lie.jpg"));
}

#[test]
fn an_error_is_one_object_on_stderr_whatever_it_is() {
    let folder = folder_with(&["teapot.jpg"]);
    let check = |arguments: &[&str], code: &str, exit: i32| {
        let said = say(folder.path(), &[arguments, &["--json"]].concat()).ends(exit);
        assert_eq!(said.out, "");
        let error: Value = serde_json::from_str(said.err.trim_end()).unwrap();
        fields(typed(&error, "error"), &[("message", Text), ("hint", Text)]);
        assert_eq!((&error["code"], &error["exit"]), (&code.into(), &exit.into()), "{error:#}");
    };
    check(&["run", "teapot.jpg"], "auth.key_missing", 4);
    check(&["run", "nothing/*.jpg", "--rehearse"], "input.unreadable", 7);
    check(&["run", "teapot.jpg", "--rehearse", "--job", "nope"], "config.invalid", 2);
    check(&["run", "teapot.jpg", "--bogus"], "config.invalid", 2);
    check(&["jobs", "show", "nope"], "config.invalid", 2);
    check(&["status"], "config.invalid", 2);
}
