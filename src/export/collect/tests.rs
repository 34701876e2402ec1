use super::*;
use crate::domain::spec::Language;
use crate::export::samples::{IMAGE, PICTURE, Sample, record, sha256, teapot};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

fn images(digest: &str) -> io::Result<Vec<u8>> {
    [PICTURE, IMAGE]
        .into_iter()
        .find(|bytes| sha256(bytes) == digest)
        .map(<[u8]>::to_vec)
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, digest.to_owned()))
}

fn nobody(_: &Path) {}

/// Every file below a folder, by its path.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            let below = files(&path).into_iter();
            found.extend(below.map(|(inner, bytes)| (format!("{name}/{inner}"), bytes)));
        } else {
            found.insert(name, fs::read(&path).unwrap());
        }
    }
    found
}

fn write(dir: &Path, sample: &Sample) -> JobWritten {
    write_job(dir, &sample.batch(), &sample.job(), &images, &nobody).unwrap().unwrap()
}

fn write_batch(dir: &Path, sample: &Sample, jobs: &[JobInput<'_>]) -> BatchWritten {
    let mut writer = BatchWriter::begin(dir, sample.batch(), false, &nobody).unwrap();
    for job in jobs {
        writer.add(job, &[record("discuss", "designer", 5)], &[]).unwrap();
    }
    let refused = Rejected {
        source: "torn.jpg".to_owned(),
        external_id: String::new(),
        code: "input.truncated".to_owned(),
        reason: "the file ends in the middle of the picture".to_owned(),
    };
    writer.finish(&[refused]).unwrap()
}

#[test]
fn a_job_s_folder_is_complete_and_its_manifest_proves_it() {
    let dir = tempfile::tempdir().unwrap();
    let written = write(dir.path(), &teapot(Language::En));
    let found = files(dir.path());
    let names: Vec<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "000003-teapot-blue/discussion.json",
            "000003-teapot-blue/generated-1.png",
            "000003-teapot-blue/index.html",
            "000003-teapot-blue/manifest.json",
            "000003-teapot-blue/picture.jpg",
            "000003-teapot-blue/transcript.md",
        ]
    );
    assert_eq!((written.files, written.created, written.repaired), (6, true, 0));
    assert_eq!(written.bytes, found.values().map(|bytes| bytes.len() as u64).sum::<u64>());
    let manifest: serde_json::Value =
        serde_json::from_slice(&found["000003-teapot-blue/manifest.json"]).unwrap();
    let listed = manifest["files"].as_array().unwrap();
    assert_eq!(listed.len(), 5);
    for entry in listed {
        let name = format!("000003-teapot-blue/{}", entry["file"].as_str().unwrap());
        assert_eq!(entry["sha256"], sha256(&found[&name]), "{name}");
    }
    let image = &manifest["generated"][0];
    assert_eq!(image["sha256"], sha256(IMAGE));
    assert_eq!((&image["model"], &image["seed"]), (&"painter-1".into(), &42.into()));
    assert!(image["prompt"].as_str().unwrap().contains("teapot"));
}

#[test]
fn only_what_is_missing_or_different_is_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let sample = teapot(Language::En);
    let folder = write(dir.path(), &sample).folder;
    let before = files(dir.path());
    assert_eq!(write(dir.path(), &sample).repaired, 0);

    fs::remove_file(folder.join("index.html")).unwrap();
    fs::remove_file(folder.join("picture.jpg")).unwrap();
    let half = &before["000003-teapot-blue/discussion.json"][..100];
    write_atomic(&folder.join("discussion.json"), half).unwrap();
    write_atomic(&folder.join("generated-1.png"), b"something else").unwrap();
    write_atomic(&folder.join("notes.txt"), b"the user's own").unwrap();
    let repaired = write(dir.path(), &sample);
    assert_eq!((repaired.created, repaired.repaired), (false, 4));

    let mut after = files(dir.path());
    assert_eq!(after.remove("000003-teapot-blue/notes.txt").unwrap(), b"the user's own");
    assert_eq!(after, before);
}

#[test]
fn an_image_is_asked_for_only_when_its_file_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let sample = teapot(Language::En);
    write(dir.path(), &sample);
    let gone = |digest: &str| Err(io::Error::new(io::ErrorKind::NotFound, digest.to_owned()));
    let again = write_job(dir.path(), &sample.batch(), &sample.job(), &gone, &nobody);
    assert_eq!(again.unwrap().unwrap().repaired, 0);
    let other = tempfile::tempdir().unwrap();
    let wrong = |_: &str| Ok(b"other bytes".to_vec());
    let refused = write_job(other.path(), &sample.batch(), &sample.job(), &wrong, &nobody);
    assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::InvalidData);
}

#[test]
fn the_manifest_is_the_last_file_wherever_the_process_dies() {
    let sample = teapot(Language::En);
    let whole = tempfile::tempdir().unwrap();
    write(whole.path(), &sample);
    for survived in 0..5 {
        let dir = tempfile::tempdir().unwrap();
        let seen = AtomicUsize::new(0);
        let die = |_: &Path| {
            let count = seen.fetch_add(1, Ordering::Relaxed) + 1;
            assert!(count <= survived, "the process dies here");
        };
        let hit = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            write_job(dir.path(), &sample.batch(), &sample.job(), &images, &die)
        }));
        assert!(hit.is_err());
        assert!(!dir.path().join("000003-teapot-blue/manifest.json").exists());
        write(dir.path(), &sample);
        assert_eq!(files(dir.path()), files(whole.path()));
    }
}

#[test]
fn a_batch_has_every_file_of_the_contract_and_keeps_other_folders() {
    let dir = tempfile::tempdir().unwrap();
    let mut sample = teapot(Language::En);
    sample.rows = 2;
    let mut dead = sample.dead();
    dead.job.index = 4;
    let dead = JobInput { row: &dead, result: None };
    let written = write_batch(dir.path(), &sample, &[sample.job(), dead]);
    write(dir.path(), &sample);
    let found = files(dir.path());
    let of_batch: Vec<&str> =
        found.keys().map(String::as_str).filter(|name| !name.contains('/')).collect();
    assert_eq!(
        of_batch,
        [
            "attempts.csv",
            "batch.json",
            "calls.csv",
            "cards.csv",
            "clusters.csv",
            "jobs.csv",
            "keywords.csv",
            "rejected.csv",
            "report.html",
            "tallies.csv",
            "telemetry.js",
            "timing.json",
            "turns.csv",
            "votes.csv",
        ]
    );
    assert_eq!((written.files, written.repaired), (14, 0));
    let text = |name: &str| std::str::from_utf8(&found[name]).unwrap();
    assert_eq!(text("jobs.csv").lines().count(), 3);
    assert!(text("rejected.csv").ends_with(
        "\njune,torn.jpg,,input.truncated,the file ends in the middle of the picture\n"
    ));
    let timing: serde_json::Value = serde_json::from_str(text("timing.json")).unwrap();
    assert_eq!(timing["jobs"].as_array().unwrap().len(), 2);
    assert_eq!(
        (&timing["total"]["calls"], &timing["total"]["cost_usd"]),
        (&2.into(), &"0.002468".into())
    );
    let batch: serde_json::Value = serde_json::from_str(text("batch.json")).unwrap();
    assert_eq!((&batch["counts"]["completed"], &batch["counts"]["dead"]), (&1.into(), &1.into()));
    assert_eq!(batch["spec"]["prompts"]["vote.md"], sample.spec.prompts["vote.md"]);

    write_atomic(&dir.path().join("votes.csv"), b"torn").unwrap();
    let again = write_batch(dir.path(), &sample, &[sample.job(), dead]);
    assert_eq!(again.repaired, 1);
    assert_eq!(files(dir.path()), found);
}

#[test]
fn a_large_batch_has_pages_of_two_hundred_rows_that_lead_to_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let mut sample = teapot(Language::En);
    sample.rows = 450;
    let mut writer = BatchWriter::begin(dir.path(), sample.batch(), true, &nobody).unwrap();
    for index in 1..=450 {
        let mut row = sample.row.clone();
        row.job.index = index;
        writer.add(&JobInput { row: &row, ..sample.job() }, &[], &[]).unwrap();
    }
    writer.finish(&[]).unwrap();
    let page = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
    let tiles = |name: &str| page(name).matches("<li class=\"tile").count();
    assert_eq!(["report.html", "report-2.html", "report-3.html"].map(tiles), [200, 200, 50]);
    assert!(!dir.path().join("report-4.html").exists());
    assert!(page("report-2.html").contains("href=\"report-3.html\""));
    assert!(page("report-3.html").contains("id=\"n450\""));
    assert!(page("report.html").len() < 400_000, "{}", page("report.html").len());
    assert!(page("jobs.csv").starts_with("\u{feff}batch,index"));
}
