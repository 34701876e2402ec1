//! `tableround compress`, as a user or a script sees it.

use super::{fixture, found, path};
use crate::support::program::{Said, folder_with, listing, put, say, tell};
use serde_json::Value;
use std::fs::Metadata;
use std::path::Path;
use tableround::imaging::sniff;
use tempfile::TempDir;

/// A folder with some of the committed pictures.
fn folder(pictures: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in pictures {
        std::fs::copy(path(name), folder.path().join(name)).unwrap();
    }
    folder
}

fn line<'a>(said: &'a [Value], kind: &str) -> &'a Value {
    said.iter().find(|line| line["type"] == kind).unwrap()
}

#[test]
fn pictures_come_out_smaller_with_totals_and_a_ratio() {
    let folder = folder_with(&["lighthouse.jpg", "quilt.bmp", "street.gif"]);
    let said = say(folder.path(), &["compress", ".", "-o", "small"]).ends(0);
    assert_eq!(
        listing(&folder.path().join("small")),
        ["lighthouse.jpg", "quilt.jpg", "street.jpg"]
    );
    let sizes = |folder: &Path| -> u64 {
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        files.map(|file| file.metadata().unwrap()).filter(Metadata::is_file).map(|m| m.len()).sum()
    };
    let (before, after) = (sizes(folder.path()), sizes(&folder.path().join("small")));
    let saved = (before - after) * 1000 / before;
    let expected = format!(
        "3 files, 0 failed, {before} → {after} bytes ({}.{} % less)",
        saved / 10,
        saved % 10
    );
    assert!(said.last().starts_with(&expected), "{said:?} does not begin with {expected}");
    assert_eq!(said.err, "", "nothing to complain of");
}

#[test]
fn a_script_gets_a_line_of_json_a_picture_and_the_sums() {
    let folder = folder(&["orientation_6.jpg", "png_transparent_stays_png.png", "heic_420.heic"]);
    put(folder.path().join("lie.jpg"), "no picture");
    let said = say(folder.path(), &["compress", ".", "-o", "out", "--json"]).ends(3);
    let lines = said.json();
    assert_eq!(lines.len(), 4, "{said:?}");
    for done in lines.iter().filter(|line| line["type"] == "compressed") {
        assert_eq!(done["schema"], 1);
        let output = std::fs::read(folder.path().join(done["output"].as_str().unwrap())).unwrap();
        assert_eq!(done["bytes_out"], output.len());
        let input = std::fs::read(folder.path().join(done["path"].as_str().unwrap())).unwrap();
        assert_eq!(done["bytes_in"], input.len());
        assert_eq!(done["format_in"], sniff(&input).unwrap().to_string());
        assert!(done["width"].as_u64() > Some(0) && done["height"].as_u64() > Some(0));
        assert!(done["ms"].is_u64());
    }
    let sums = line(&lines, "compress_summary");
    assert_eq!((&sums["files"], &sums["failed"]), (&4.into(), &1.into()));
    let sum = |field: &str| -> u64 { lines.iter().filter_map(|line| line[field].as_u64()).sum() };
    assert_eq!(sum("bytes_in"), 2 * sums["bytes_in"].as_u64().unwrap(), "the sums are sums");
    assert_eq!(sum("bytes_out"), 2 * sums["bytes_out"].as_u64().unwrap());
    assert!(sums["wall_ms"].is_u64());
}

#[test]
fn each_failure_is_told_with_its_file_reason_and_code() {
    let folder = folder(&["jpeg_420.jpg"]);
    let here = folder.path();
    put(here.join("empty.png"), "");
    put(here.join("letter.jpg"), "this is a letter");
    put(here.join("half.jpg"), &fixture("jpeg_420.jpg")[..900]);
    let arguments = [
        "compress",
        "jpeg_420.jpg",
        "empty.png",
        "letter.jpg",
        "half.jpg",
        "gone.jpg",
        "-o",
        "out",
    ];
    let said = say(here, &arguments).ends(3);
    let told = |file: &str, words: &[&str]| {
        let line = said.err.lines().find(|line| line.contains(file));
        let line = line.unwrap_or_else(|| panic!("{file} is not named in {}", said.err));
        assert!(words.iter().all(|word| line.contains(word)), "{line}");
    };
    told("empty.png", &["empty", "input.unreadable"]);
    told("letter.jpg", &["text", "input.unsupported"]);
    told("half.jpg", &["cut short", "input.truncated"]);
    told("gone.jpg", &[]);
    assert!(said.last().contains("4 failed"), "{said:?}");
    assert_eq!(listing(&here.join("out")), ["jpeg_420.jpg"], "no half file is left");
}

#[test]
fn exit_codes_tell_what_happened() {
    let folder = folder(&["jpeg_420.jpg"]);
    let here = folder.path();
    let code = |arguments: &[&str]| say(here, arguments).code;
    assert_eq!(code(&["compress", "jpeg_420.jpg", "-o", "out"]), Some(0));
    assert_eq!(code(&["compress", "*.tif", "-o", "out"]), Some(7), "no input matched");
    assert_eq!(code(&["compress", "-o", "out"]), Some(2), "no input was named");
    assert_eq!(code(&["compress", "jpeg_420.jpg"]), Some(2), "nowhere to put it");
    assert_eq!(code(&["compress", "jpeg_420.jpg", "-o", "out", "--quality", "0"]), Some(2));
    put(here.join("file"), "in the way");
    assert_eq!(code(&["compress", "jpeg_420.jpg", "-o", "file/out"]), Some(2));
}

#[test]
fn equal_names_do_not_overwrite_one_another_nor_any_input() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    for place in ["a", "b"] {
        std::fs::create_dir(here.join(place)).unwrap();
        std::fs::copy(path("jpeg_420.jpg"), here.join(place).join("same.jpg")).unwrap();
    }
    std::fs::copy(path("png_rgb.png"), here.join("a/Same.png")).unwrap();
    say(here, &["compress", "a/same.jpg", "a/Same.png", "b/same.jpg", "-o", "out"]).ends(0);
    assert_eq!(listing(&here.join("out")), ["Same-2.png", "same-3.jpg", "same.jpg"]);
    let before = std::fs::read(here.join("a/same.jpg")).unwrap();
    let said = say(here, &["compress", "a/same.jpg", "-o", "a"]).ends(3);
    assert!(said.err.contains("would overwrite"), "{}", said.err);
    assert_eq!(std::fs::read(here.join("a/same.jpg")).unwrap(), before);
}

#[test]
fn limits_are_the_users() {
    let folder = folder_with(&["lighthouse.jpg"]);
    let made = |arguments: &[&str]| {
        let all = [&["compress", "lighthouse.jpg", "-o", "out", "--json"], arguments].concat();
        let said = say(folder.path(), &all).ends(0).json();
        let bytes = std::fs::read(folder.path().join("out/lighthouse.jpg")).unwrap();
        let line = line(&said, "compressed").clone();
        (line["width"].as_u64().unwrap(), line["height"].as_u64().unwrap(), bytes.len())
    };
    let (width, height, plain) = made(&[]);
    assert_eq!((width, height), (800, 533));
    let (width, height, _) = made(&["--max-width", "300", "--max-height", "100"]);
    assert_eq!((width, height), (150, 100));
    assert!(made(&["--quality", "40"]).2 < plain);
    assert!(made(&["--max-bytes", "20000"]).2 <= 20_000);
}

#[test]
fn any_number_of_threads_writes_the_same_bytes() {
    let folder = folder(&[
        "jpeg_420.jpg",
        "jpeg_cmyk.jpg",
        "png_rgb_16_bit.png",
        "gif_still.gif",
        "webp_lossy.webp",
        "avif_420.avif",
        "heic_turned.heic",
        "tiff_lzw.tif",
        "profile_adobe_rgb.jpg",
    ]);
    say(folder.path(), &["compress", ".", "-o", "one", "-j", "1"]).ends(0);
    let inputs = ["compress", "*.*", "-o", "eight", "-j", "8"];
    say(folder.path(), &inputs).ends(0);
    let (one, eight) = (folder.path().join("one"), folder.path().join("eight"));
    let files = listing(&one);
    assert_eq!(files.len(), 9);
    assert_eq!(listing(&eight), files);
    for file in files {
        let bytes = std::fs::read(one.join(&file)).unwrap();
        assert_eq!(bytes, std::fs::read(eight.join(&file)).unwrap(), "{file}");
    }
}

#[test]
fn a_list_of_files_may_come_on_standard_input() {
    let folder = folder(&["jpeg_420.jpg", "png_rgb.png"]);
    let said: Said =
        tell(folder.path(), &["compress", "-", "-o", "out"], "jpeg_420.jpg\npng_rgb.png\n");
    assert!(said.ends(0).last().starts_with("2 files"));
}

#[test]
fn where_a_picture_was_taken_stays_at_home() {
    let folder = folder(&["jpeg_full_of_metadata.jpg", "png_full_of_metadata.png"]);
    say(folder.path(), &["compress", ".", "-o", "out"]).ends(0);
    for file in ["jpeg_full_of_metadata.jpg", "png_full_of_metadata.png"] {
        let bytes = std::fs::read(folder.path().join("out").join(file)).unwrap();
        assert_eq!(found(&bytes, &["SECRET", "Exif", "eXIf"]), None, "{file}");
    }
}
