//! `export`: the result files again, from ledger and blobs alone.

use crate::cli::errors::CliError;
use crate::cli::session::Home;
use crate::cli::words::counted;
use crate::cli::{shapes, stdout};
use crate::worker::collect;
use serde::Serialize;
use std::path::Path;

#[derive(Debug, Serialize)]
struct Exported<'a> {
    batch: &'a str,
    path: String,
    jobs: u64,
    files: u64,
    bytes: u64,
    repaired: u64,
}

/// Writes the named batches, or all.
pub async fn run(
    home: &Home,
    names: &[String],
    exports: &Path,
    bom: bool,
    json: bool,
    say: impl Fn(&str),
) -> Result<(), CliError> {
    let summary = home.ledger.summary(None).await?;
    for name in names {
        if !summary.batches.iter().any(|batch| batch.batch.name == *name) {
            return Err(CliError::no_such("batch", name));
        }
    }
    let wanted =
        summary.batches.iter().filter(|row| names.is_empty() || names.contains(&row.batch.name));
    for row in wanted {
        let done = collect::write_batch(&*home.ledger, &home.blobs, row, exports, bom).await?;
        let path = done.path.display().to_string();
        if done.repaired > 0 {
            say(&format!("{}: repaired {}", row.batch.name, counted(done.repaired, "file")));
        }
        if json {
            let shape = Exported {
                batch: &row.batch.name,
                path,
                jobs: done.jobs,
                files: done.files,
                bytes: done.bytes,
                repaired: done.repaired,
            };
            stdout::line(&shapes::line("exported", shape))?;
        } else {
            stdout::line(&path)?;
        }
    }
    Ok(())
}
