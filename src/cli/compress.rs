//! `compress`: many pictures made fit to be sent, from files to files.
//!
//! Everything but the terminal: what is found out about a file is told to the caller one by one,
//! in the order in which the files get done.

use crate::imaging::{self, Budget, Format, Limits, Share, sniff};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Memory for the files themselves, over all threads, in bytes. Pictures have their own.
const FILE_BYTES_MAX: u64 = 100_000_000;

/// What became of one file.
#[derive(Debug)]
pub struct Outcome {
    pub path: PathBuf,
    pub result: Result<Compressed, Failure>,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compressed {
    pub output: PathBuf,
    pub format_in: Format,
    pub bytes_in: u64,
    pub bytes_out: u64,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// From opening the file to having written the other.
    pub elapsed: Duration,
}

/// Why a file was not written.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("cannot be read: {0}")]
    Read(#[source] std::io::Error),
    #[error(transparent)]
    Picture(#[from] imaging::Error),
    #[error("would overwrite `{}`, which is one of the inputs", .0.display())]
    WouldOverwrite(PathBuf),
    #[error("cannot be written: {0}")]
    Write(#[source] std::io::Error),
}

impl Failure {
    /// The contract's error code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Read(_) => "input.unreadable",
            Self::Picture(error) => error.code(),
            Self::WouldOverwrite(_) => "config.invalid",
            Self::Write(_) => "internal",
        }
    }
}

/// Sums over all files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    pub files: u64,
    pub failed: u64,
    /// Of the files that were written, as the next.
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub wall: Duration,
}

impl Totals {
    fn add(&mut self, outcome: &Outcome) {
        self.files += 1;
        match &outcome.result {
            Ok(compressed) => {
                self.bytes_in += compressed.bytes_in;
                self.bytes_out += compressed.bytes_out;
            }
            Err(_) => self.failed += 1,
        }
    }

    /// How much less there is to send, per mille of what there was.
    pub fn reduction(&self) -> u64 {
        let saved = self.bytes_in.saturating_sub(self.bytes_out);
        (saved * 1000).checked_div(self.bytes_in).unwrap_or(0)
    }
}

/// Prepares `inputs` on `threads` threads and writes them to `folder`, which is made if need be.
///
/// A file keeps its name, with the ending of what it has become; when several have the same
/// name, the later ones get a number. `on_each` is called on the calling thread.
///
/// # Errors
/// If the folder cannot be made or the threads cannot be started. What is wrong with a single
/// file is told to `on_each`.
pub fn run(
    inputs: &[PathBuf],
    folder: &Path,
    limits: &Limits,
    threads: usize,
    mut on_each: impl FnMut(Outcome),
) -> std::io::Result<Totals> {
    let started = Instant::now();
    std::fs::create_dir_all(folder)?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(std::io::Error::other)?;
    let work = Work { folder, limits, files: Budget::new(FILE_BYTES_MAX), inputs: real(inputs) };
    let mut totals = Totals::default();
    std::thread::scope(|scope| {
        let (tell, told) = mpsc::channel();
        let (work, pool) = (&work, &pool);
        scope.spawn(move || {
            pool.in_place_scope(|scope| {
                for (path, name) in inputs.iter().zip(names(inputs)) {
                    let tell = tell.clone();
                    scope.spawn(move |_| {
                        let result = work.compress(path, &name);
                        // Nobody listens any more only if the caller has panicked.
                        tell.send(Outcome { path: path.clone(), result }).ok();
                    });
                }
            });
        });
        for outcome in told {
            totals.add(&outcome);
            on_each(outcome);
        }
    });
    totals.wall = started.elapsed();
    Ok(totals)
}

/// A name without ending for each input, no two alike even where case does not count.
fn names(inputs: &[PathBuf]) -> Vec<OsString> {
    let mut used = BTreeSet::new();
    let name = |path: &PathBuf| {
        let stem = path.file_stem().unwrap_or(path.as_os_str());
        let numbered = (2_u32..).map(|number| {
            let mut name = stem.to_owned();
            name.push(format!("-{number}"));
            name
        });
        let mut free = std::iter::once(stem.to_owned())
            .chain(numbered)
            .filter(|name| used.insert(name.to_string_lossy().to_lowercase()));
        free.next().expect("there is always another number")
    };
    inputs.iter().map(name).collect()
}

/// Where the files really are, links followed.
fn real(inputs: &[PathBuf]) -> BTreeSet<PathBuf> {
    inputs.iter().filter_map(|path| path.canonicalize().ok()).collect()
}

struct Work<'a> {
    folder: &'a Path,
    limits: &'a Limits,
    files: Budget,
    inputs: BTreeSet<PathBuf>,
}

impl Work<'_> {
    fn compress(&self, path: &Path, name: &OsString) -> Result<Compressed, Failure> {
        let started = Instant::now();
        let (input, _share) = self.read(path)?;
        let prepared = imaging::prepare(&input, self.limits)?;
        let mut file = name.clone();
        file.push(".");
        file.push(prepared.mime.extension());
        let output = self.folder.join(file);
        if output.canonicalize().is_ok_and(|real| self.inputs.contains(&real)) {
            return Err(Failure::WouldOverwrite(output));
        }
        self.write(&output, &prepared.bytes).map_err(Failure::Write)?;
        Ok(Compressed {
            output,
            format_in: sniff(&input).expect("what was prepared has a format"),
            bytes_in: input.len() as u64,
            bytes_out: prepared.bytes.len() as u64,
            width: prepared.width,
            height: prepared.height,
            elapsed: started.elapsed(),
        })
    }

    /// Refuses by its length a file that need not be read for it; else waits for room.
    fn read(&self, path: &Path) -> Result<(Vec<u8>, Share<'_>), Failure> {
        let bytes = std::fs::metadata(path).map_err(Failure::Read)?.len();
        if bytes > self.limits.input_bytes_max {
            let bytes_max = self.limits.input_bytes_max;
            return Err(imaging::Error::TooManyBytes { bytes, bytes_max }.into());
        }
        let share = self.files.take(bytes);
        Ok((std::fs::read(path).map_err(Failure::Read)?, share))
    }

    /// Whole or not at all. Not synced: what a power cut takes can be made again.
    fn write(&self, output: &Path, bytes: &[u8]) -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(self.folder)?;
        file.write_all(bytes)?;
        file.persist(output)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/images").join(name)
    }

    fn compress(inputs: &[PathBuf], folder: &Path) -> (Totals, Vec<Outcome>) {
        let mut outcomes = Vec::new();
        let totals =
            run(inputs, folder, &Limits::default(), 2, |each| outcomes.push(each)).unwrap();
        outcomes.sort_by(|one, other| one.path.cmp(&other.path));
        (totals, outcomes)
    }

    #[test]
    fn each_file_is_written_or_its_failure_told() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("new/folder");
        let broken = folder.path().join("broken.jpg");
        std::fs::copy(fixture("jpeg_420.jpg"), &broken).unwrap();
        std::fs::File::options().write(true).open(&broken).unwrap().set_len(900).unwrap();
        let missing = folder.path().join("missing.png");
        let inputs = [fixture("bmp_24_bit.bmp"), broken.clone(), missing.clone()];
        let (totals, outcomes) = compress(&inputs, &out);
        assert_eq!((totals.files, totals.failed), (3, 2));
        let code = |path: &Path| {
            let found = outcomes.iter().find(|outcome| outcome.path == path).unwrap();
            found.result.as_ref().map_or_else(Failure::code, |_| "written")
        };
        assert_eq!(code(&broken), "input.truncated");
        assert_eq!(code(&missing), "input.unreadable");
        assert_eq!(code(&inputs[0]), "written");
        assert!(std::fs::read(out.join("bmp_24_bit.jpg")).unwrap().starts_with(b"\xFF\xD8\xFF"));
        assert_eq!(std::fs::read_dir(&out).unwrap().count(), 1, "no half file is left");
        assert!(totals.bytes_out < totals.bytes_in && totals.reduction() > 500);
    }

    #[test]
    fn no_input_is_overwritten_and_no_output_either() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("a.jpg"), folder.path().join("a.png"));
        std::fs::copy(fixture("orientation_6.jpg"), &one).unwrap();
        std::fs::copy(fixture("orientation_3.jpg"), &other).unwrap();
        let before = std::fs::read(&one).unwrap();
        let (totals, outcomes) = compress(&[one.clone(), other], folder.path());
        assert_eq!(totals.failed, 1);
        assert!(matches!(outcomes[0].result, Err(Failure::WouldOverwrite(_))));
        assert_eq!(std::fs::read(&one).unwrap(), before);
        let written = outcomes[1].result.as_ref().unwrap();
        assert_eq!(written.output, folder.path().join("a-2.jpg"));
    }

    #[test]
    fn equal_names_get_numbers() {
        let paths = ["x/a.jpg", "y/A.png", "z/b.gif", "a-2.jpg"].map(PathBuf::from);
        assert_eq!(names(&paths), ["a", "A-2", "b", "a-2-2"]);
    }
}
