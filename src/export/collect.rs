//! Bytes to files: the one part of this floor that touches a disk.
//!
//! A worker writes the folders of the jobs it finished ([`write_job`]); the collector writes the
//! files of the batch ([`BatchWriter`]) and any folder that is missing or differs. Both may run on
//! the same folder at once and after any crash: files are whole or not there, the same bytes are
//! never written twice, and nothing that somebody else put there is removed.

use super::batch_json::{Totals, batch_json};
use super::codebook::{ATTEMPTS, CALLS, REJECTED, Table};
use super::discussion_json::discussion_json;
use super::manifest::{FileDigest, MANIFEST, manifest};
use super::place::{Draft, Placed, create_folder, sweep, write_atomic};
use super::report::Report;
use super::telemetry::{SharedAnswer, Sums, TelemetryScript, Timing};
use super::{BatchInput, JobInput, names, pages, tables, telemetry};
use crate::domain::call::Record;
use crate::domain::result::JobResult;
use crate::ledger::Rejected;
use sha2::{Digest, Sha256};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where pictures and generated images come from: SHA-256 in hex to bytes.
pub type Images<'a> = &'a dyn Fn(&str) -> io::Result<Vec<u8>>;

/// Called between two files, with the one that was just written or found unchanged.
pub type OnFile<'a> = &'a (dyn Fn(&Path) + Sync);

/// A job's folder as it stands now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobWritten {
    pub folder: PathBuf,
    pub files: u64,
    pub bytes: u64,
    /// The folder had not been there.
    pub created: bool,
    /// Files of a folder that had been there and were missing or different.
    pub repaired: u64,
}

/// Writes a job's folder below the batch's folder `dir`; the manifest comes last. A job without a
/// result has no folder.
///
/// An image is asked for only where its file is missing or damaged.
pub fn write_job(
    dir: &Path,
    batch: &BatchInput<'_>,
    job: &JobInput<'_>,
    images: Images<'_>,
    on_file: OnFile<'_>,
) -> io::Result<Option<JobWritten>> {
    let Some(result) = job.result else { return Ok(None) };
    let row = &job.row.job;
    let mut folder = Folder::open(&dir.join(names::job_folder(row.index, &row.source)), on_file)?;
    folder.image(&names::picture_file(&result.picture.mime), &result.picture.sha256, images)?;
    for (k, image) in (1..).zip(&result.generated) {
        folder.image(&names::generated_file(k, &image.mime), &image.sha256, images)?;
    }
    folder.file("discussion.json", &discussion_json(batch, job, result))?;
    folder.file("transcript.md", &pages::transcript_md(batch, job, result))?;
    folder.file("index.html", &pages::index_html(batch, job, result))?;
    folder.finish(batch, job, result).map(Some)
}

/// A job's folder while it is written.
struct Folder<'a> {
    path: PathBuf,
    on_file: OnFile<'a>,
    created: bool,
    written: u64,
    bytes: u64,
    digests: Vec<FileDigest>,
}

impl<'a> Folder<'a> {
    fn open(path: &Path, on_file: OnFile<'a>) -> io::Result<Self> {
        let created = create_folder(path)?;
        if !created {
            sweep(path)?;
        }
        let path = path.to_owned();
        Ok(Self { path, on_file, created, written: 0, bytes: 0, digests: Vec::new() })
    }

    fn file(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let placed = write_atomic(&self.path.join(name), bytes)?;
        self.note(name, hex::encode(Sha256::digest(bytes)), bytes.len(), placed);
        Ok(())
    }

    fn image(&mut self, name: &str, sha256: &str, images: Images<'_>) -> io::Result<()> {
        let path = self.path.join(name);
        if let Some(bytes) = read_if_there(&path)?.filter(|bytes| is_digest_of(sha256, bytes)) {
            self.note(name, sha256.to_owned(), bytes.len(), Placed::Unchanged);
            return Ok(());
        }
        let bytes = images(sha256)?;
        if !is_digest_of(sha256, &bytes) {
            let message = format!("the bytes for {} have another digest", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        self.file(name, &bytes)
    }

    fn note(&mut self, name: &str, sha256: String, bytes: usize, placed: Placed) {
        self.digests.push(FileDigest { file: name.to_owned(), sha256 });
        self.bytes += bytes as u64;
        self.written += u64::from(placed == Placed::Written);
        (self.on_file)(&self.path.join(name));
    }

    fn finish(
        mut self,
        batch: &BatchInput<'_>,
        job: &JobInput<'_>,
        result: &JobResult,
    ) -> io::Result<JobWritten> {
        self.digests.sort();
        let bytes = manifest(batch, job, result, &self.digests);
        self.file(MANIFEST, &bytes)?;
        Ok(JobWritten {
            files: self.digests.len() as u64,
            bytes: self.bytes,
            created: self.created,
            repaired: if self.created { 0 } else { self.written },
            folder: self.path,
        })
    }
}

fn read_if_there(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_digest_of(sha256: &str, bytes: &[u8]) -> bool {
    hex::encode(Sha256::digest(bytes)) == sha256
}

/// The batch's file that is written after all others.
const LAST_FILE: &str = "batch.json";

/// Whether a batch's folder had once been written to its end.
pub fn is_whole(dir: &Path) -> bool {
    dir.join(LAST_FILE).exists()
}

/// The batch's own files as they stand now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BatchWritten {
    pub files: u64,
    pub bytes: u64,
    /// Result files that were damaged, or missing from a folder that had been whole.
    pub repaired: u64,
    pub totals: Totals,
}

/// Writes the files of a batch while its rows pass by, in the order of the index.
pub struct BatchWriter<'a> {
    batch: BatchInput<'a>,
    bom: bool,
    shelf: Shelf<'a>,
    results: Vec<(Draft, tables::Rows)>,
    telemetry: TelemetryDrafts,
    report: Report,
}

impl std::fmt::Debug for BatchWriter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BatchWriter").field("dir", &self.shelf.dir).finish_non_exhaustive()
    }
}

impl<'a> BatchWriter<'a> {
    /// Begins in the batch's folder `dir`, which is created if it is missing. `bom` puts a byte
    /// order mark before every CSV file, for Excel.
    pub fn begin(
        dir: &Path,
        batch: BatchInput<'a>,
        bom: bool,
        on_file: OnFile<'a>,
    ) -> io::Result<Self> {
        create_folder(dir)?;
        sweep(dir)?;
        let was_whole = is_whole(dir);
        let table = |table: &Table| -> io::Result<Draft> {
            let mut draft = Draft::of(&dir.join(table.file))?;
            draft.write(&tables::header(table, bom))?;
            Ok(draft)
        };
        let results = tables::RESULTS.iter().map(|(of, rows)| Ok((table(of)?, *rows)));
        let mut telemetry = TelemetryDrafts {
            calls: table(&CALLS)?,
            attempts: table(&ATTEMPTS)?,
            timing: Draft::of(&dir.join("timing.json"))?,
            script: Draft::of(&dir.join("telemetry.js"))?,
            sums: Timing::default(),
            shown: TelemetryScript::default(),
        };
        telemetry.timing.write(&Timing::head(&batch))?;
        telemetry.script.write(&TelemetryScript::head())?;
        Ok(Self {
            results: results.collect::<io::Result<_>>()?,
            telemetry,
            batch,
            bom,
            shelf: Shelf {
                dir: dir.to_owned(),
                on_file,
                was_whole,
                written: BatchWritten::default(),
            },
            report: Report::default(),
        })
    }

    /// Adds the next row: its result, the calls made on its behalf and the answers it shared.
    pub fn add(
        &mut self,
        job: &JobInput<'_>,
        records: &[Record],
        shared: &[SharedAnswer],
    ) -> io::Result<()> {
        for (draft, rows) in &mut self.results {
            draft.write(&rows(&self.batch, job))?;
        }
        self.telemetry.add(&self.batch, job, records, shared)?;
        self.shelf.written.totals.add(job);
        match self.report.add(&self.batch, job) {
            Some((file, bytes)) => self.shelf.result(&file, &bytes),
            None => Ok(()),
        }
    }

    /// Puts everything in place; `batch.json` comes last.
    pub fn finish(self, rejected: &[Rejected]) -> io::Result<BatchWritten> {
        let Self { batch, bom, mut shelf, results, telemetry, report } = self;
        for (draft, _) in results {
            shelf.place(draft, Kind::Result)?;
        }
        let mut refused = tables::header(&REJECTED, bom);
        refused.extend(tables::rejected(&batch, rejected));
        shelf.result(REJECTED.file, &refused)?;
        for (file, bytes) in report.finish(&batch, &shelf.written.totals, rejected) {
            shelf.result(&file, &bytes)?;
        }
        for draft in telemetry.close()? {
            shelf.place(draft, Kind::Telemetry)?;
        }
        let bytes = batch_json(&batch, &shelf.written.totals, rejected.len());
        shelf.result(LAST_FILE, &bytes)?;
        Ok(shelf.written)
    }
}

struct TelemetryDrafts {
    calls: Draft,
    attempts: Draft,
    timing: Draft,
    script: Draft,
    sums: Timing,
    shown: TelemetryScript,
}

impl TelemetryDrafts {
    fn add(
        &mut self,
        batch: &BatchInput<'_>,
        job: &JobInput<'_>,
        records: &[Record],
        shared: &[SharedAnswer],
    ) -> io::Result<()> {
        let sums = Sums::of(job, records);
        self.calls.write(&telemetry::calls(batch, job, records, shared))?;
        self.attempts.write(&telemetry::attempts(batch, job))?;
        self.timing.write(&self.sums.job(job, &sums))?;
        self.script.write(&self.shown.job(job, &sums))
    }

    fn close(mut self) -> io::Result<[Draft; 4]> {
        self.timing.write(&self.sums.tail())?;
        self.script.write(&TelemetryScript::tail(self.sums.total()))?;
        Ok([self.calls, self.attempts, self.timing, self.script])
    }
}

/// Where finished files go, and the count of them.
struct Shelf<'a> {
    dir: PathBuf,
    on_file: OnFile<'a>,
    /// All its files had been written before, so that none may be missing.
    was_whole: bool,
    written: BatchWritten,
}

impl Shelf<'_> {
    fn result(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut draft = Draft::of(&self.dir.join(name))?;
        draft.write(bytes)?;
        self.place(draft, Kind::Result)
    }

    fn place(&mut self, draft: Draft, kind: Kind) -> io::Result<()> {
        let (path, bytes) = (draft.path().to_owned(), draft.bytes());
        let is_expected = self.was_whole || path.exists();
        let placed = draft.place()?;
        let is_repair = kind == Kind::Result && is_expected && placed == Placed::Written;
        self.written.files += 1;
        self.written.bytes += bytes;
        self.written.repaired += u64::from(is_repair);
        (self.on_file)(&path);
        Ok(())
    }
}

/// Telemetry differs from one export to the next, which is no damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Result,
    Telemetry,
}

#[cfg(test)]
mod tests;
