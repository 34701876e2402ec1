//! The real program, run as a user would run it.

use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// The program with a clean environment in a folder of its own.
pub(crate) fn tableround(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tableround"));
    command
        .current_dir(folder)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", folder)
        .env("LANG", "C.UTF-8");
    command
}

/// What a command said and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// Every line of stdout as JSON.
    pub(crate) fn json(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Its last line of stdout.
    pub(crate) fn last(&self) -> &str {
        self.out.lines().last().unwrap_or_default()
    }

    /// The same, if it ended with this code.
    #[track_caller]
    pub(crate) fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Runs the program to its end.
pub(crate) fn say(folder: &Path, arguments: &[&str]) -> Said {
    tableround(folder).args(arguments).stdin(Stdio::null()).output().unwrap().into()
}

/// Runs it with something on its standard input.
pub(crate) fn tell(folder: &Path, arguments: &[&str], input: &str) -> Said {
    let mut command = tableround(folder);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap().into()
}

/// A folder with some of the samples in it, under their own names.
pub(crate) fn folder_with(pictures: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for picture in pictures {
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(picture);
        std::fs::copy(sample, folder.path().join(picture)).unwrap();
    }
    folder
}

/// A file of the test's own making.
#[expect(clippy::disallowed_methods, reason = "nobody needs it after a crash of the test")]
pub(crate) fn put(path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) {
    std::fs::write(path, bytes).unwrap();
}

/// A small picture, different for every number.
pub(crate) fn paint(path: &Path, number: usize) {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 48, 32);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    let shade = |place: usize| u8::try_from((place * (number + 3) + number * 37) % 256).unwrap();
    let pixels: Vec<u8> = (0..48 * 32 * 3).map(shade).collect();
    writer.write_image_data(&pixels).unwrap();
    writer.finish().unwrap();
    tableround::blobs::write_atomic(path, &bytes).unwrap();
}

/// Everything in a folder and below, relative to it.
pub(crate) fn listing(folder: &Path) -> Vec<String> {
    let all = walkdir::WalkDir::new(folder).min_depth(1).sort_by_file_name();
    let relative = |entry: walkdir::DirEntry| {
        entry.path().strip_prefix(folder).unwrap().to_string_lossy().into_owned()
    };
    all.into_iter().map(|entry| relative(entry.unwrap())).collect()
}

/// A CSV file as rows by column name.
pub(crate) fn table(file: &Path) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_path(file).unwrap().deserialize().map(Result::unwrap).collect()
}

/// A sample picture of the repository.
pub(crate) fn samples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// What a person would have seen, for a failing test's message.
pub(crate) fn told(output: &Output) -> String {
    format!(
        "{}\n--- stdout\n{}\n--- stderr\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
