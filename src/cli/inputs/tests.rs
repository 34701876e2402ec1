#![expect(clippy::disallowed_methods, reason = "half a file hurts nobody in a test")]

use super::*;
use proptest::prelude::*;
use std::fs;
use tempfile::TempDir;

/// A folder with files of these names.
fn folder(names: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, name).unwrap();
    }
    folder
}

fn paths(folder: &TempDir, names: &[&str]) -> Vec<PathBuf> {
    names.iter().map(|name| folder.path().join(name)).collect()
}

/// The sources, relative to the folder.
fn sources(folder: &TempDir, inputs: &Inputs) -> Vec<String> {
    let root = format!("{}/", folder.path().display());
    inputs.inputs.iter().map(|input| input.source.replace(&root, "")).collect()
}

fn collect_from(wanted: &Wanted<'_>, stdin: &str) -> Result<Inputs, Error> {
    collect(wanted, &mut stdin.as_bytes())
}

fn check(files: &[&str], arguments: &[&str], recursive: bool, expected: &[&str]) {
    let folder = folder(files);
    let inputs = paths(&folder, arguments);
    let wanted = Wanted { inputs: &inputs, recursive, ..Wanted::default() };
    let found = collect_from(&wanted, "").unwrap();
    assert_eq!(sources(&folder, &found), expected, "{arguments:?}");
    assert_eq!(found.missing, [], "{arguments:?}");
}

#[test]
fn arguments_keep_their_order_and_patterns_are_sorted() {
    check(&["b.jpg", "a.jpg"], &["b.jpg", "a.jpg"], false, &["b.jpg", "a.jpg"]);
    check(&["b.jpg", "a.jpg", "c.png"], &["c.png", "*.jpg"], false, &["c.png", "a.jpg", "b.jpg"]);
    check(&["x/1.jpg", "x/y/2.jpg"], &["**/*.jpg"], false, &["x/1.jpg", "x/y/2.jpg"]);
    check(&["a1.jpg", "a22.jpg"], &["a?.jpg"], false, &["a1.jpg"]);
    check(&["a1.jpg", "a2.jpg", "a3.jpg"], &["a[13].jpg"], false, &["a1.jpg", "a3.jpg"]);
    check(&["a.jpg", ".b.jpg"], &["*.jpg"], false, &["a.jpg"]);
    check(&["a.jpg"], &["a.jpg", "a.jpg"], false, &["a.jpg", "a.jpg"]);
}

#[test]
fn a_file_whose_name_looks_like_a_pattern_is_that_file() {
    check(&["a[1].jpg", "a1.jpg"], &["a[1].jpg"], false, &["a[1].jpg"]);
    check(&["*.jpg", "a.jpg"], &["*.jpg"], false, &["*.jpg"]);
}

#[test]
fn a_pattern_passes_over_directories_unless_asked() {
    check(&["a/1.jpg", "b"], &["*"], false, &["b"]);
    check(&["a/1.jpg", "b"], &["*"], true, &["a/1.jpg", "b"]);
}

#[test]
fn directories_are_walked_in_order_without_what_is_hidden() {
    let files = ["d/b.jpg", "d/a/2.jpg", "d/a/1.jpg", "d/.git/x.jpg", "d/.hidden.jpg"];
    check(&files, &["d"], true, &["d/a/1.jpg", "d/a/2.jpg", "d/b.jpg"]);
    check(&[".d/a.jpg"], &[".d"], true, &[".d/a.jpg"]);
}

#[test]
fn a_directory_without_the_flag_is_an_error_that_names_it() {
    let folder = folder(&["d/a.jpg"]);
    let inputs = paths(&folder, &["d"]);
    let wanted = Wanted { inputs: &inputs, ..Wanted::default() };
    let error = collect_from(&wanted, "").unwrap_err();
    assert!(matches!(error, Error::Directory(_)));
    let shown = CliError::from(error);
    assert!(shown.hint.contains("--recursive"));
    assert_eq!(shown.exit, ExitCode::Usage);
}

#[test]
#[cfg(unix)]
fn a_link_into_a_circle_ends() {
    let folder = folder(&["d/a.jpg", "e/b.jpg"]);
    std::os::unix::fs::symlink("..", folder.path().join("d/up")).unwrap();
    std::os::unix::fs::symlink(folder.path().join("e"), folder.path().join("d/to-e")).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.path().join("d/broken.jpg")).unwrap();
    let inputs = paths(&folder, &["d"]);
    let wanted = Wanted { inputs: &inputs, recursive: true, ..Wanted::default() };
    let found = collect_from(&wanted, "").unwrap();
    let all = sources(&folder, &found);
    assert_eq!(all, ["d/a.jpg", "d/to-e/b.jpg"]);
    assert_eq!(found.missing.len(), 1, "{:?}", found.missing);
    assert!(found.missing[0].source.ends_with("broken.jpg"));
}

#[test]
#[cfg(unix)]
fn any_name_a_file_can_have_is_opened() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let folder = folder(&["two\nlines.jpg", " space .jpg", "画.jpg"]);
    let odd = folder.path().join(OsStr::from_bytes(b"caf\xe9.jpg"));
    fs::write(&odd, "x").unwrap();
    let mut list = Vec::new();
    for path in paths(&folder, &["two\nlines.jpg", " space .jpg", "画.jpg"]).iter().chain([&odd]) {
        list.extend(path.as_os_str().as_bytes());
        list.push(0);
    }
    let wanted = Wanted { files_from0: Some(Path::new("-")), ..Wanted::default() };
    let found = collect(&wanted, &mut list.as_slice()).unwrap();
    let names = ["two\nlines.jpg", " space .jpg", "画.jpg", "caf\u{fffd}.jpg"];
    assert_eq!(sources(&folder, &found), names);
    assert!(found.inputs.iter().all(|input| fs::read(&input.path).is_ok()));
}

#[test]
fn lists_skip_comments_and_blank_lines_and_take_the_rest_to_the_letter() {
    let folder = folder(&["a.jpg", "b *.jpg", "#c.jpg"]);
    let root = folder.path().display();
    let list =
        format!("\u{feff}# pictures\r\n{root}/a.jpg\r\n\n   \n{root}/b *.jpg\n{root}/./#c.jpg");
    let wanted = Wanted { files_from: Some(Path::new("-")), ..Wanted::default() };
    let found = collect_from(&wanted, &list).unwrap();
    assert_eq!(sources(&folder, &found), ["a.jpg", "b *.jpg", "./#c.jpg"]);
    assert_eq!(found.missing, []);

    let file = folder.path().join("list.txt");
    fs::write(&file, &list).unwrap();
    let wanted = Wanted { files_from: Some(&file), ..Wanted::default() };
    assert_eq!(collect_from(&wanted, "").unwrap(), found);
    let dash = [PathBuf::from("-")];
    let wanted = Wanted { inputs: &dash, ..Wanted::default() };
    assert_eq!(collect_from(&wanted, &list).unwrap(), found);
}

#[test]
fn standard_input_is_given_away_once() {
    let dash = [PathBuf::from("-")];
    let wanted = Wanted { inputs: &dash, files_from: Some(Path::new("-")), ..Wanted::default() };
    assert!(matches!(collect_from(&wanted, "").unwrap_err(), Error::StdinTwice));
}

#[test]
fn what_cannot_be_read_is_told_beside_what_can() {
    let folder = folder(&["a.jpg", "file"]);
    let inputs = paths(&folder, &["none.jpg", "a.jpg", "file/below.jpg", "x[.jpg"]);
    let wanted = Wanted { inputs: &inputs, ..Wanted::default() };
    let found = collect_from(&wanted, "").unwrap();
    assert_eq!(sources(&folder, &found), ["a.jpg"]);
    let reasons: Vec<_> = found.missing.iter().map(|m| (m.code, m.reason.as_str())).collect();
    assert_eq!(reasons, [("input.unreadable", "there is no such file"); 3]);
}

#[test]
fn nothing_named_and_nothing_matched_are_two_things() {
    let folder = folder(&["a.jpg"]);
    let exit = |wanted: &Wanted<'_>, stdin: &str| {
        CliError::from(collect_from(wanted, stdin).unwrap_err()).exit
    };
    assert_eq!(exit(&Wanted::default(), ""), ExitCode::Usage);
    let pattern = paths(&folder, &["*.gif"]);
    let wanted = Wanted { inputs: &pattern, ..Wanted::default() };
    assert_eq!(exit(&wanted, ""), ExitCode::NothingToDo);
    let list = Wanted { files_from: Some(Path::new("-")), ..Wanted::default() };
    assert_eq!(exit(&list, "# nothing\n"), ExitCode::NothingToDo);

    let some = paths(&folder, &["*.gif", "a.jpg"]);
    let found = collect_from(&Wanted { inputs: &some, ..Wanted::default() }, "").unwrap();
    assert_eq!(found.inputs.len(), 1);
    assert!(found.warnings[0].contains("*.gif"), "{:?}", found.warnings);
}

#[test]
fn a_list_that_is_not_there_is_named() {
    let wanted = Wanted { files_from: Some(Path::new("no/such.txt")), ..Wanted::default() };
    let error = CliError::from(collect_from(&wanted, "").unwrap_err());
    assert_eq!(error.message, "the list no/such.txt cannot be read");
    assert_eq!(error.exit, ExitCode::Usage);
    assert_eq!(error.causes.len(), 1);
}

/// Reads a manifest of this name and content beside `a.jpg` and `sub/b.jpg`.
fn manifest(name: &str, content: impl AsRef<[u8]>) -> Result<Inputs, Error> {
    let folder = folder(&["lists/a.jpg", "lists/sub/b.jpg"]);
    let file = folder.path().join("lists").join(name);
    fs::write(&file, content).unwrap();
    collect_from(&Wanted { manifest: Some(&file), ..Wanted::default() }, "")
}

#[test]
fn both_kinds_of_manifest_say_the_same() {
    let csv = manifest(
        "m.csv",
        "\u{feff}path,topic,external_id,keywords,design_prompt\r\n\
         a.jpg,\"A lamp, small\",007,\"red | paper, light\",\r\n\
         sub/b.jpg,,,,\"two\nlines\"\r\n\
         none.jpg,,8,,\r\n",
    )
    .unwrap();
    let json = manifest(
        "m.jsonl",
        r#"{"path":"a.jpg","topic":"A lamp, small","external_id":"007","keywords":["red","paper","light"]}

{"path":"sub/b.jpg","topic":null,"design_prompt":"two\nlines"}
{"path":"none.jpg","external_id":8}
"#,
    )
    .unwrap();
    let strip = |found: &Inputs| {
        found.inputs.iter().map(|i| Input { path: PathBuf::new(), ..i.clone() }).collect::<Vec<_>>()
    };
    assert_eq!(strip(&csv), strip(&json));
    assert_eq!(csv.missing, json.missing);
    assert_eq!(csv.warnings, Vec::<String>::new());
    let first = &csv.inputs[0];
    assert_eq!((first.source.as_str(), first.topic.as_deref()), ("a.jpg", Some("A lamp, small")));
    assert_eq!(first.external_id.as_deref(), Some("007"));
    assert_eq!(first.keywords, ["red", "paper", "light"]);
    assert!(first.path.ends_with("lists/a.jpg"));
    assert_eq!(csv.inputs[1].design_prompt.as_deref(), Some("two\nlines"));
    assert_eq!(csv.missing[0].source, "none.jpg");
    assert_eq!(csv.missing[0].external_id.as_deref(), Some("8"));
}

#[test]
fn a_manifest_s_mistakes_are_all_told_with_their_lines() {
    let check = |name: &str, content: &[u8], expected: &[&str]| {
        let Error::Manifest(mistakes) = manifest(name, content).unwrap_err() else {
            panic!("{name}")
        };
        let told: Vec<&str> = mistakes.iter().map(|m| m.rsplit_once("/m.").unwrap().1).collect();
        assert_eq!(told, expected);
    };
    check(
        "m.csv",
        b"path,topic\na.jpg,x\n,y\na.jpg\na.jpg,\xff\n",
        &[
            "csv:3: `path` is empty",
            "csv:4: 1 cells under 2 columns",
            "csv:5: `topic` is not UTF-8",
        ],
    );
    check("m.csv", b"file,topic\na.jpg,x\n", &["csv:1: there is no column `path`"]);
    check("m.csv", b"path,path\na.jpg,x\n", &["csv:1: column `path` stands twice"]);
    check(
        "m.jsonl",
        b"{\"path\":\"a.jpg\"}\n[]\n{\"topic\":\"x\"}\n{\"path\":1}\n{\"path\":\"a.jpg\",\"keywords\":[1]}\n",
        &[
            "jsonl:2: this is not a JSON object (column 0)",
            "jsonl:3: `path` is empty",
            "jsonl:4: `path` must be a text",
            "jsonl:5: `keywords` must be a list of texts",
        ],
    );
    let many = format!("path\n{}", "\"\"\n".repeat(30));
    let Error::Manifest(mistakes) = manifest("m.csv", many).unwrap_err() else { panic!() };
    assert_eq!(mistakes.len(), 21);
    assert!(mistakes[20].ends_with("and 10 more"), "{}", mistakes[20]);
}

#[test]
fn columns_nobody_uses_are_kept_out_with_a_warning() {
    let check = |name: &str, content: &str| {
        let found = manifest(name, content).unwrap();
        assert_eq!(found.inputs.len(), 2);
        assert_eq!(found.warnings.len(), 1, "{:?}", found.warnings);
        assert!(found.warnings[0].contains("column `topics` is not used (did you mean `topic`?)"));
    };
    check("m.csv", "path,topics\na.jpg,x\nsub/b.jpg,y\n");
    check("m.jsonl", "{\"path\":\"a.jpg\",\"topics\":1}\n{\"path\":\"sub/b.jpg\",\"topics\":2}\n");
}

#[test]
fn a_manifest_is_known_by_its_ending() {
    assert!(matches!(manifest("m.xlsx", "x").unwrap_err(), Error::ManifestKind(_)));
    assert_eq!(manifest("M.CSV", "path\na.jpg\n").unwrap().inputs.len(), 1);
    let empty = CliError::from(manifest("m.csv", "path\n").unwrap_err());
    assert_eq!(empty.exit, ExitCode::NothingToDo);
}

#[test]
fn a_sample_is_spread_and_a_limit_cuts() {
    let names: Vec<String> = (0..10).map(|n| format!("{n}.jpg")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let folder = folder(&names);
    let inputs = paths(&folder, &names);
    let check = |sample: Option<u64>, limit: Option<u64>, expected: &str| {
        let wanted = Wanted { inputs: &inputs, sample, limit, ..Wanted::default() };
        let found = collect_from(&wanted, "").unwrap();
        let digits: String =
            sources(&folder, &found).iter().map(|source| source.replace(".jpg", "")).collect();
        assert_eq!(digits, expected, "{sample:?} {limit:?}");
    };
    check(None, None, "0123456789");
    check(Some(1), None, "0");
    check(Some(2), None, "05");
    check(Some(3), None, "036");
    check(Some(4), None, "0257");
    check(Some(99), None, "0123456789");
    check(None, Some(3), "012");
    check(Some(4), Some(2), "02");
}

#[test]
fn a_hundred_thousand_rows_are_read() {
    let folder = folder(&["a.jpg"]);
    let file = folder.path().join("m.csv");
    fs::write(&file, format!("path\n{}", "a.jpg\n".repeat(100_000))).unwrap();
    let wanted = Wanted { manifest: Some(&file), sample: Some(7), ..Wanted::default() };
    assert_eq!(collect_from(&wanted, "").unwrap().inputs.len(), 7);
}

proptest! {
    #[test]
    fn a_sample_has_its_size_and_keeps_the_order(all in 0_usize..300, wanted in 1_u64..400) {
        let inputs: Vec<Input> =
            (0..all).map(|n| Input { source: format!("{n:04}"), ..Input::default() }).collect();
        let chosen = spread(inputs, Some(wanted));
        prop_assert_eq!(chosen.len() as u64, wanted.min(all as u64));
        prop_assert!(chosen.windows(2).all(|pair| pair[0].source < pair[1].source));
    }
}
