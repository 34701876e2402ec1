//! `manifest.json`: the files of a job's folder with their digests. It is written last, so a
//! folder that has it is complete.

use super::discussion_json::{GeneratedFile, generated, pretty};
use super::{BatchInput, JobInput, names};
use crate::domain::result::JobResult;
use serde::Serialize;

/// The manifest's file in a job's folder.
pub const MANIFEST: &str = "manifest.json";

#[derive(Serialize)]
struct Manifest<'a> {
    schema: u32,
    r#type: &'static str,
    batch: &'a str,
    index: u32,
    source: &'a str,
    rehearsal: bool,
    note: Option<&'static str>,
    picture: PictureFile<'a>,
    generated: Vec<GeneratedFile<'a>>,
    files: &'a [FileDigest],
}

#[derive(Serialize)]
struct PictureFile<'a> {
    file: String,
    sha256: &'a str,
    mime: &'a str,
    /// The digest of the file it was prepared from.
    input_sha256: &'a str,
}

/// A file of the folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct FileDigest {
    pub file: String,
    /// Hex.
    pub sha256: String,
}

/// The bytes of `manifest.json` for a folder that holds `files` besides it.
pub fn manifest(
    batch: &BatchInput<'_>,
    job: &JobInput<'_>,
    result: &JobResult,
    files: &[FileDigest],
) -> Vec<u8> {
    let row = &job.row.job;
    pretty(&Manifest {
        schema: 1,
        r#type: "manifest",
        batch: batch.name,
        index: row.index,
        source: &row.source,
        rehearsal: batch.rehearsal(),
        note: batch.note(),
        picture: PictureFile {
            file: names::picture_file(&result.picture.mime),
            sha256: &result.picture.sha256,
            mime: &result.picture.mime,
            input_sha256: &row.picture_sha256,
        },
        generated: generated(result),
        files,
    })
}
