//! What the files say about one and the same discussion.

use super::samples::{self, HOSTILE, Sample, hostile, teapot};
use super::{BatchInput, JobInput, tables};
use super::{discussion_json::discussion_json, pages};
use crate::domain::spec::Language;
use std::collections::{BTreeMap, BTreeSet};

fn utf8(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// A table as a stranger's program reads it: the header's names to the cells.
fn read(table: &str, sample: &Sample) -> Vec<BTreeMap<String, String>> {
    let (table, rows) = tables::RESULTS.into_iter().find(|(known, _)| known.file == table).unwrap();
    let mut bytes = tables::header(table, false);
    bytes.extend(rows(&sample.batch(), &sample.job()));
    csv::Reader::from_reader(bytes.as_slice()).deserialize().map(Result::unwrap).collect()
}

/// Counts votes.csv again with nothing but the csv reader: approvals, and Borda's share of
/// comparisons won, where unranked candidates share theirs.
fn recount(votes: &[BTreeMap<String, String>]) -> BTreeMap<(String, String), (String, usize)> {
    let mut ballots: BTreeMap<(&str, &str), Vec<&BTreeMap<String, String>>> = BTreeMap::new();
    for row in votes.iter().filter(|row| row["status"] != "abstained") {
        ballots.entry((&row["ballot"], &row["seat"])).or_default().push(row);
    }
    let mut approvals: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut halves: BTreeMap<(String, String), (usize, usize)> = BTreeMap::new();
    let mut valid: BTreeMap<&str, usize> = BTreeMap::new();
    for ((ballot, _), rows) in &ballots {
        *valid.entry(ballot).or_default() += 1;
        let may_rank: Vec<_> = rows.iter().filter(|row| row["own"] == "false").collect();
        let ranked = may_rank.iter().filter(|row| !row["rank"].is_empty()).count();
        for row in &may_rank {
            let key = ((*ballot).to_owned(), row["candidate_id"].clone());
            *approvals.entry(key.clone()).or_default() += usize::from(row["approved"] == "true");
            let won = match row["rank"].parse::<usize>() {
                Ok(rank) => 2 * (may_rank.len() - rank),
                Err(_) => may_rank.len() - ranked - 1,
            };
            let score = halves.entry(key).or_default();
            *score = (score.0 + won, score.1 + 2 * (may_rank.len() - 1));
        }
    }
    let rule =
        |ballot: &str| votes.iter().find(|row| row["ballot"] == ballot).unwrap()["rule"].clone();
    let count = |(key, approved): (&(String, String), &usize)| {
        let (won, of) = halves[key];
        let millionths = (2_000_000 * won + of) / (2 * of);
        let borda = format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000);
        let score = if rule(&key.0) == "borda" { borda } else { approved.to_string() };
        (key.clone(), (score, valid[key.0.as_str()]))
    };
    approvals.iter().map(count).collect()
}

#[test]
fn a_stranger_who_counts_the_votes_again_gets_the_tallies() {
    let sample = teapot(Language::En);
    let recounted = recount(&read("votes.csv", &sample));
    let tallies = read("tallies.csv", &sample);
    assert!(tallies.iter().any(|row| row["rule"] == "approval"));
    assert!(tallies.iter().any(|row| row["rule"] == "borda" && row["score"] != "0.000000"));
    assert_eq!(tallies.len(), recounted.len());
    for row in tallies {
        let (score, valid) = &recounted[&(row["ballot"].clone(), row["candidate_id"].clone())];
        assert_eq!((&row["score"], &row["ballots_valid"]), (score, &valid.to_string()), "{row:?}");
    }
}

#[test]
fn the_row_of_a_job_says_what_came_of_it() {
    let sample = teapot(Language::En);
    insta::assert_snapshot!("jobs.csv", utf8(tables::jobs(&sample.batch(), &sample.job())));
    insta::assert_snapshot!("votes.csv", utf8(tables::votes(&sample.batch(), &sample.job())));
    insta::assert_snapshot!("tallies.csv", utf8(tables::tallies(&sample.batch(), &sample.job())));
    insta::assert_snapshot!("clusters.csv", utf8(tables::clusters(&sample.batch(), &sample.job())));
}

#[test]
fn a_job_that_was_not_held_is_one_row_with_its_reason() {
    let sample = teapot(Language::En);
    let row = sample.dead();
    let job = JobInput { row: &row, result: None };
    for (table, rows) in tables::RESULTS {
        let bytes = rows(&sample.batch(), &job);
        if table.file == "jobs.csv" {
            let text = utf8(bytes);
            let end = ",dead,,,,,,,,,,,,provider.content_blocked,no description of the picture was obtained,\n";
            assert!(text.ends_with(end), "{text}");
        } else {
            assert!(bytes.is_empty(), "{}", table.file);
        }
    }
}

#[test]
fn an_alias_shares_the_result_and_names_its_original() {
    let mut sample = teapot(Language::En);
    sample.row.job.index = 7;
    sample.row.duplicate_of =
        Some(crate::ledger::Original { job: "01J".to_owned(), batch: "may".to_owned(), index: 3 });
    let rows = read("jobs.csv", &sample);
    let says = |column: &str| rows[0][column].as_str();
    assert_eq!((says("index"), says("duplicate_of_index")), ("7", "3"));
    assert_eq!((says("duplicate_of_batch"), says("state")), ("may", "completed"));
    assert_eq!(rows[0]["winning_card"], read("jobs.csv", &teapot(Language::En))[0]["winning_card"]);
}

#[test]
fn hostile_texts_reach_the_tables_unchanged_but_for_the_guard() {
    let sample = hostile();
    let said: BTreeSet<String> =
        read("turns.csv", &sample).into_iter().map(|mut row| row.remove("text").unwrap()).collect();
    for text in HOSTILE {
        let guarded = format!("'{text}");
        let is_formula = text.starts_with(['=', '+', '-', '@']);
        assert!(said.contains(if is_formula { guarded.as_str() } else { text }), "{text}");
    }
}

/// The tags and attributes of a page, none of which may come from a text.
fn markup(html: &str) -> Vec<&str> {
    html.split('<').skip(1).map(|tag| tag.split('>').next().unwrap()).collect()
}

#[test]
fn hostile_texts_are_shown_on_pages_and_do_nothing() {
    let sample = hostile();
    let page =
        |sample: &Sample| utf8(pages::index_html(&sample.batch(), &sample.job(), &sample.result));
    let (tame, wild) = (page(&teapot(Language::En)), page(&sample));
    let kinds = |html: &str| -> BTreeSet<String> {
        let name = |tag: &&str| tag.split([' ', '\n']).next().unwrap().to_owned();
        markup(html).iter().map(name).collect()
    };
    assert!(kinds(&wild).is_subset(&kinds(&tame)), "{:?}", &kinds(&wild) - &kinds(&tame));
    assert_eq!(wild.matches("<script").count(), 2, "the page's own");
    assert!(wild.contains("&lt;script&gt;alert"));
    assert!(wild.contains("{{ 7 * 7 }}"));
    assert!(!wild.contains("http://example.org/x.png\">"));
}

#[test]
fn a_transcript_keeps_its_headings_whatever_was_said() {
    let headings = |sample: &Sample| {
        let text = utf8(pages::transcript_md(&sample.batch(), &sample.job(), &sample.result));
        let of_ours = |line: &&str| line.starts_with('#') || line.starts_with("---");
        text.lines().filter(of_ours).count()
    };
    let (tame, wild) = (teapot(Language::En), hostile());
    // The hostile minutes have no frame of their own, hence fewer headings, and not one more.
    let minutes = tame.result.minutes.lines().filter(|line| line.starts_with("## ")).count();
    assert_eq!(headings(&tame) - minutes, headings(&wild));
    let text = utf8(pages::transcript_md(&wild.batch(), &wild.job(), &wild.result));
    assert!(!text.contains("<script>") && !text.contains("<h1>"), "{text}");
    assert!(!text.lines().any(|line| line.starts_with("![x]")));
}

#[test]
fn discussion_json_obeys_its_schema_and_the_schema_is_strict() {
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../../tests/fixtures/discussion.schema.json")).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    for sample in [teapot(Language::En), teapot(Language::Zh), hostile()] {
        let bytes = discussion_json(&sample.batch(), &sample.job(), &sample.result);
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{}", errors.join("\n"));
        for field in schema["required"].as_array().unwrap() {
            let mut without = value.clone();
            without.as_object_mut().unwrap().remove(field.as_str().unwrap());
            assert!(!validator.is_valid(&without), "{field} is required");
        }
    }
}

#[test]
fn discussion_json_has_the_contract_s_fields_in_its_order() {
    let sample = teapot(Language::En);
    let text = utf8(discussion_json(&sample.batch(), &sample.job(), &sample.result));
    let top: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("  \"")?.split('"').next()).collect();
    assert_eq!(
        top.join(","),
        "schema,batch,index,source,external_id,rehearsal,spec,picture,description,stages,keywords,\
         clusters,ballots,tallies,switch,cards,generated,minutes,completeness,winner,given,note"
    );
}

#[test]
fn a_rehearsal_is_labelled_wherever_it_is_shown() {
    let mut sample = teapot(Language::En);
    let labelled = |sample: &Sample| -> Vec<bool> {
        let (batch, job) = (sample.batch(), sample.job());
        let totals = super::batch_json::Totals::default();
        let report = super::report::Report::default().finish(&batch, &totals, &[]);
        [
            super::batch_json::batch_json(&batch, &totals, 0),
            discussion_json(&batch, &job, &sample.result),
            super::manifest::manifest(&batch, &job, &sample.result, &[]),
            pages::transcript_md(&batch, &job, &sample.result),
            pages::index_html(&batch, &job, &sample.result),
            report[0].1.clone(),
        ]
        .into_iter()
        .map(|bytes| {
            let text = utf8(bytes).to_lowercase();
            // The prompts at the end of batch.json hold the label as a word.
            let shown = text.split("\"prompts\":").next().unwrap();
            shown.contains("rehearsal: no model was asked")
        })
        .collect()
    };
    assert_eq!(labelled(&sample), [false; 6]);
    sample.spec.rehearsal = true;
    assert_eq!(labelled(&sample), [true; 6]);
}

#[test]
fn the_same_discussion_gives_the_same_bytes() {
    let bytes = || {
        let sample = teapot(Language::Zh);
        let (batch, job) = (sample.batch(), sample.job());
        let mut all: Vec<Vec<u8>> =
            tables::RESULTS.iter().map(|(_, rows)| rows(&batch, &job)).collect();
        all.push(discussion_json(&batch, &job, &sample.result));
        all.push(pages::index_html(&batch, &job, &sample.result));
        all.push(pages::transcript_md(&batch, &job, &sample.result));
        all
    };
    assert_eq!(bytes(), bytes());
}

#[test]
fn no_result_knows_time_money_or_workers() {
    let mut sample = teapot(Language::En);
    let bytes = |sample: &Sample| {
        let (batch, job): (BatchInput<'_>, JobInput<'_>) = (sample.batch(), sample.job());
        let mut all: Vec<Vec<u8>> =
            tables::RESULTS.iter().map(|(_, rows)| rows(&batch, &job)).collect();
        all.push(discussion_json(&batch, &job, &sample.result));
        all.push(pages::index_html(&batch, &job, &sample.result));
        all.push(pages::transcript_md(&batch, &job, &sample.result));
        all.push(super::manifest::manifest(&batch, &job, &sample.result, &[]));
        all
    };
    let before = bytes(&sample);
    let job = &mut sample.row.job;
    job.id = "another".to_owned();
    job.history.clear();
    (job.attempts, job.interruptions, job.crashes, job.version) = (2, 5, 1, 77);
    job.cost = crate::domain::cost::MicroUsd(1);
    sample.spec.models.chat.endpoint.base_url = "http://127.0.0.1:1234/v1".to_owned();
    assert_eq!(before, bytes(&sample));
    let text = utf8(before.concat());
    assert!(!text.contains("models.internal") && !text.contains("API_KEY"));
}

#[test]
fn pages_need_no_network_and_say_their_language() {
    for (language, tag) in [(Language::En, "en"), (Language::Zh, "zh-Hans")] {
        let sample = teapot(language);
        let html = utf8(pages::index_html(&sample.batch(), &sample.job(), &sample.result));
        assert!(html.contains(&format!("<html lang=\"{tag}\">")));
        for attribute in ["src=\"", "href=\""] {
            for link in html.split(attribute).skip(1) {
                assert!(!link.starts_with("http") && !link.starts_with("//"), "{link:.60}");
            }
        }
        let images = markup(&html).into_iter().filter(|tag| tag.starts_with("img "));
        assert!(images.into_iter().all(|tag| tag.contains("alt=\"") && !tag.contains("alt=\"\"")));
    }
}

#[test]
fn calls_and_attempts_say_what_happened() {
    use super::telemetry::{self, SharedAnswer, Sums};
    let sample = teapot(Language::En);
    let (batch, job) = (sample.batch(), sample.job());
    let answered = samples::record("discuss", "designer", 1_700_000_000_500);
    let mut lost = samples::record("discuss", "craftsman", 1_700_000_100_250);
    lost.settle = None;
    let mut twice = samples::record("discuss", "designer", 1_700_000_000_600);
    (twice.open.r#try, twice.duplicate) = (2, true);
    let mut shared = samples::record("describe", "", 1_600_000_000_000);
    shared.open.call.scope = "shared:77aa".to_owned();
    shared.open.job = "another".to_owned();
    let used = SharedAnswer { job: sample.row.job.id.clone(), record: shared };
    let records = [answered, lost, twice];
    insta::assert_snapshot!("calls.csv", utf8(telemetry::calls(&batch, &job, &records, &[used])));
    insta::assert_snapshot!("attempts.csv", utf8(telemetry::attempts(&batch, &job)));
    let sums = Sums::of(&job, &records);
    assert_eq!((sums.calls, sums.calls_lost, sums.cost_usd.0), (3, 1, 1_234 + 9_000 + 1_234));
}
