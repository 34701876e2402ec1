//! How pictures are named: lists, tables, patterns, folders, samples; and what is made of those
//! that cannot be read.

use crate::support::program::{Said, folder_with, listing, put, say, table, tell};
use std::collections::BTreeMap;
use std::path::Path;

const TWO: [&str; 2] = ["lantern.png", "teapot.jpg"];

/// Queues what the arguments name, and gives the sources in the order of the batch.
#[track_caller]
fn sources(folder: &Path, batch: &str, arguments: &[&str], stdin: &str) -> Vec<String> {
    let common = ["--rehearse", "--job", "glance", "--batch", batch];
    tell(folder, &[&["enqueue"], arguments, &common].concat(), stdin).ends(0);
    let rows = say(folder, &["jobs", "list", "--json", "--batch", batch]).ends(0).json();
    let mut sources = rows.iter().map(|row| (row["index"].as_u64(), row["source"].as_str()));
    assert!(sources.clone().map(|(index, _)| index).eq((1..).map(Some).take(rows.len())));
    sources.by_ref().map(|(_, source)| source.unwrap().to_owned()).collect()
}

#[test]
fn pictures_are_taken_in_the_order_in_which_they_were_named() {
    let folder = folder_with(&["butterfly.png", "lantern.png", "quilt.bmp", "teapot.jpg"]);
    let here = folder.path();
    std::fs::create_dir_all(here.join("more/deep")).unwrap();
    std::fs::rename(here.join("quilt.bmp"), here.join("more/deep/quilt.bmp")).unwrap();
    std::fs::rename(here.join("butterfly.png"), here.join("more/butterfly.png")).unwrap();
    put(here.join("list.txt"), "# two of them\nteapot.jpg\n\nlantern.png\n");
    put(here.join("list.nul"), "teapot.jpg\0lantern.png\0");

    let mut number = 0;
    let mut check = |arguments: &[&str], stdin: &str, expected: &[&str]| {
        number += 1;
        let batch = format!("batch-{number}");
        assert_eq!(sources(here, &batch, arguments, stdin), expected, "{arguments:?}");
    };
    check(&["teapot.jpg", "lantern.png"], "", &["teapot.jpg", "lantern.png"]);
    check(&["*.jpg", "l*.png"], "", &["teapot.jpg", "lantern.png"]);
    check(&["**/*.bmp"], "", &["more/deep/quilt.bmp"]);
    check(&["--files-from", "list.txt"], "", &["teapot.jpg", "lantern.png"]);
    check(&["--files-from0", "list.nul"], "", &["teapot.jpg", "lantern.png"]);
    check(&["--files-from", "-"], "lantern.png\n", &["lantern.png"]);
    check(&["-"], "teapot.jpg\nlantern.png\n", &["teapot.jpg", "lantern.png"]);
    check(&["more", "--recursive"], "", &["more/butterfly.png", "more/deep/quilt.bmp"]);
    let all = ["more/butterfly.png", "lantern.png", "more/deep/quilt.bmp", "teapot.jpg"];
    check(&[&all[..], &["--limit", "2"]].concat(), "", &all[..2]);
    check(&[&all[..], &["--sample", "2"]].concat(), "", &[all[0], all[2]]);
}

#[test]
fn a_manifest_brings_topics_and_names_of_its_own() {
    let folder = folder_with(&TWO);
    let here = folder.path();
    let inside = here.join("lists");
    std::fs::create_dir(&inside).unwrap();
    put(
        inside.join("m.csv"),
        "external_id,path,topic\nA-1,../teapot.jpg,\"For tea, or not?\"\nA-2,../lantern.png,\n",
    );
    put(
        inside.join("m.jsonl"),
        "{\"path\":\"../teapot.jpg\",\"external_id\":\"A-1\",\"topic\":\"For tea, or not?\"}\n\
         {\"path\":\"../lantern.png\",\"external_id\":\"A-2\"}\n",
    );
    for manifest in ["lists/m.csv", "lists/m.jsonl"] {
        let arguments =
            ["enqueue", "--manifest", manifest, "--topic", "Else?", "--batch", manifest];
        let name = manifest.replace('/', "-");
        let mut arguments = arguments.to_vec();
        arguments[6] = &name;
        arguments.extend(["--rehearse", "--job", "glance"]);
        say(here, &arguments).ends(0);
        let rows = say(here, &["jobs", "list", "--json", "--batch", &name]).ends(0).json();
        let told: Vec<_> =
            rows.iter().map(|row| (row["external_id"].clone(), row["topic"].clone())).collect();
        let expected = [("A-1", "For tea, or not?"), ("A-2", "Else?")];
        assert_eq!(told, expected.map(|(id, topic)| (id.into(), topic.into())), "{manifest}");
    }
    let broken = here.join("broken.csv");
    put(&broken, "file\nteapot.jpg\n");
    let said = say(here, &["enqueue", "--manifest", "broken.csv", "--rehearse"]).ends(2);
    assert!(said.err.contains("broken.csv:1"), "{said:#?}");
}

/// Runs a batch over a good picture and three bad ones.
fn with_bad_ones(folder: &Path) -> Said {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/images");
    let whole = std::fs::read(fixtures.join("jpeg_420.jpg")).unwrap();
    put(folder.join("cut.jpg"), &whole[..whole.len() / 2]);
    put(folder.join("lie.png"), "<html>no picture</html>");
    let pictures = ["cut.jpg", "teapot.jpg", "gone.jpg", "lie.png"];
    let spec = ["--rehearse", "--job", "glance", "--batch", "b"];
    say(folder, &[&["run"], &pictures[..], &spec].concat())
}

#[test]
fn a_truncated_a_lying_and_a_missing_file_are_refused_by_name_and_the_rest_goes_on() {
    let folder = folder_with(&["teapot.jpg"]);
    let said = with_bad_ones(folder.path()).ends(3);
    let exports = folder.path().join("data/exports/b.rehearsal");
    let refused: BTreeMap<String, (String, String)> = table(&exports.join("rejected.csv"))
        .into_iter()
        .map(|row| (row["source"].clone(), (row["code"].clone(), row["reason"].clone())))
        .collect();
    let check = |source: &str, code: &str| {
        let (found, reason) = &refused[source];
        assert_eq!(found, code, "{source}");
        assert!(!reason.is_empty());
        assert!(said.err.contains(&format!("rejected: {source}: {reason} ({code})")), "{said:#?}");
    };
    check("cut.jpg", "input.truncated");
    check("lie.png", "input.unsupported");
    check("gone.jpg", "input.unreadable");
    assert_eq!(refused.len(), 3);
    let jobs = table(&exports.join("jobs.csv"));
    assert_eq!(jobs.len(), 1);
    assert_eq!((&*jobs[0]["source"], &*jobs[0]["state"]), ("teapot.jpg", "completed"));
    assert_eq!(said.last(), "exports: data/exports/b.rehearsal");
}

#[test]
fn a_dry_run_writes_nothing_even_where_pictures_are_refused() {
    let folder = folder_with(&["teapot.jpg"]);
    put(folder.path().join("lie.png"), "no picture");
    let before = listing(folder.path());
    // The first picture cannot be read: the estimate is made from the next.
    for command in ["run", "enqueue"] {
        let said =
            say(folder.path(), &[command, "lie.png", "teapot.jpg", "--rehearse", "-n"]).ends(3);
        assert!(said.out.contains("45 calls"), "{said:#?}");
        assert!(said.err.contains("would be rejected: lie.png"), "{said:#?}");
    }
    assert_eq!(listing(folder.path()), before);
}

#[test]
fn the_same_picture_again_is_an_alias_row_that_costs_nothing() {
    let folder = folder_with(&TWO);
    let here = folder.path();
    let spec = ["--rehearse", "--job", "glance"];
    let run = |more: &[&str]| say(here, &[&["run"], more, &spec].concat()).ends(0);
    run(&["teapot.jpg", "lantern.png", "teapot.jpg", "--batch", "one"]);
    run(&["lantern.png", "--batch", "two"]);
    let again = run(&["lantern.png", "--batch", "three", "--again"]);
    assert!(again.out.contains("batch three: 1 job, 1 completed"), "{again:#?}");

    let jobs = |batch: &str| table(&here.join(format!("data/exports/{batch}.rehearsal/jobs.csv")));
    let one = jobs("one");
    let of = |name: &str| one.iter().map(|row| row[name].clone()).collect::<Vec<_>>();
    assert_eq!(of("duplicate_of_index"), ["", "", "1"]);
    assert_eq!(of("state"), ["completed"; 3]);
    assert_eq!(of("keywords")[0], of("keywords")[2], "the same result");
    let two = jobs("two");
    assert_eq!((&*two[0]["duplicate_of_index"], &*two[0]["duplicate_of_batch"]), ("2", "one"));
    assert_eq!(two[0]["keywords"], one[1]["keywords"]);
    let calls =
        |batch: &str| table(&here.join(format!("data/exports/{batch}.rehearsal/calls.csv"))).len();
    assert_eq!((calls("one"), calls("two"), calls("three")), (16, 0, 8), "an alias asks nobody");
    assert_eq!(jobs("three")[0]["duplicate_of_index"], "");
}
