//! Every file a batch leaves behind, with exactly the contract's columns.

use crate::support::program::{folder_with, listing, put, say};
use serde_json::Value;

/// File, columns of the contract, columns added since.
const TABLES: [(&str, &str, &str); 10] = [
    (
        "jobs.csv",
        "batch,index,source,external_id,picture_sha256,topic,agenda,language,rehearsal,state,\
         duplicate_of_index,description,keywords,core_concept,winning_seat,winning_card,\
         generated_images,statements,expected_calls,obtained_calls,not_obtained,error_code,error",
        ",duplicate_of_batch",
    ),
    ("turns.csv", "batch,index,stage,round,position,seat,role,persona,status,text", ""),
    ("keywords.csv", "batch,index,stage,seat,keyword,normalised,cluster,votes,kept", ""),
    ("clusters.csv", "batch,index,cluster,title,keyword,core_concept", ""),
    (
        "votes.csv",
        "batch,index,ballot,rule,seat,role,status,candidate_id,candidate,shown_position,approved,\
         rank,own",
        "",
    ),
    (
        "tallies.csv",
        "batch,index,ballot,rule,candidate_id,candidate,score,ballots_valid,seats,threshold,kept,\
         place,tie_break",
        "",
    ),
    (
        "cards.csv",
        "batch,index,seat,role,card_id,form,elements,function,users,meaning,image_prompt,place",
        "",
    ),
    (
        "calls.csv",
        "batch,index,job,call,stage,round,seat,ask,try,outcome,provider,model_asked,model_used,\
         request_id,tokens_in,tokens_cached,tokens_out,tokens_reasoning,cost_usd,price_source,ms,\
         started_at,attempt",
        "",
    ),
    ("attempts.csv", "batch,index,job,attempt,worker,started_at,ended_at,ending,stage", ""),
    ("rejected.csv", "batch,source,external_id,code,reason", ""),
];

#[test]
fn a_batch_leaves_every_file_of_the_contract_with_its_columns() {
    let folder = folder_with(&["teapot.jpg"]);
    let here = folder.path();
    put(here.join("lie.png"), "no picture");
    say(here, &["run", "teapot.jpg", "lie.png", "--rehearse", "--batch", "b"]).ends(3);
    let exports = here.join("data/exports/b.rehearsal");
    for (file, promised, added) in TABLES {
        let text = std::fs::read_to_string(exports.join(file)).unwrap();
        let mut lines = text.lines();
        assert_eq!(lines.next().unwrap(), format!("{promised}{added}"), "{file}");
        assert!(lines.next().is_some(), "{file} has no row");
        assert!(text.ends_with('\n') && !text.contains('\r'), "{file}");
    }
    let mut expected: Vec<&str> = TABLES.iter().map(|(file, ..)| *file).collect();
    expected.extend(["batch.json", "report.html", "timing.json", "telemetry.js"]);
    let job = ["discussion.json", "transcript.md", "index.html", "picture.jpg", "manifest.json"];
    let job = job.map(|file| format!("000001-teapot/{file}"));
    expected.extend(["000001-teapot", "000001-teapot/generated-1.png"]);
    expected.extend(job.iter().map(String::as_str));
    expected.sort_unstable();
    assert_eq!(listing(&exports), expected);

    let discussion = std::fs::read(exports.join("000001-teapot/discussion.json")).unwrap();
    let discussion: Value = serde_json::from_slice(&discussion).unwrap();
    for field in [
        "schema",
        "batch",
        "index",
        "source",
        "external_id",
        "rehearsal",
        "spec",
        "picture",
        "description",
        "stages",
        "keywords",
        "clusters",
        "ballots",
        "tallies",
        "switch",
        "cards",
        "generated",
        "minutes",
        "completeness",
    ] {
        assert!(discussion.get(field).is_some(), "discussion.json has no `{field}`");
    }
    let schema = std::fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/discussion.schema.json"
    ));
    let schema: Value = serde_json::from_slice(&schema.unwrap()).unwrap();
    jsonschema::validate(&schema, &discussion).unwrap();
    let html = std::fs::read_to_string(exports.join("report.html")).unwrap();
    assert!(!html.contains("http://") && !html.contains("https://"), "no network");
    say(here, &["export", "b", "--bom", "-o", "bom"]).ends(0);
    let bom = std::fs::read(here.join("bom/b.rehearsal/jobs.csv")).unwrap();
    assert!(bom.starts_with("\u{feff}batch,".as_bytes()));
}
