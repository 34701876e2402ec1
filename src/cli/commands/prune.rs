//! `prune`: makes room where everything is done and collected.

use crate::cli::errors::CliError;
use crate::cli::logs;
use crate::cli::prune::{self, Pruned, Wish};
use crate::cli::session::Home;
use crate::cli::setting::Setting;
use crate::cli::words::counted;
use crate::cli::{shapes, stdout};
use indicatif::HumanBytes;
use serde::Serialize;
use std::fmt::Write;
use std::path::PathBuf;

#[derive(Debug, Serialize)]
struct Shape<'a> {
    dry_run: bool,
    batches: &'a [String],
    kept: Vec<Kept<'a>>,
    blobs: u64,
    blob_bytes: u64,
    logs: u64,
    log_bytes: u64,
    bytes: u64,
}

#[derive(Debug, Serialize)]
struct Kept<'a> {
    batch: &'a str,
    reason: &'a str,
}

/// Log files and their bytes.
type OldLogs = (Vec<PathBuf>, u64);

/// Removes what is older than asked for, after a question.
pub async fn run(setting: &Setting, home: &Home, wish: Wish, yes: bool) -> Result<(), CliError> {
    let old = logs::older_than(&setting.places.data, wish.older_than);
    let would = if wish.dry_run || !yes {
        let dry = Wish { dry_run: true, ..wish };
        Some(prune::prune(&*home.ledger, &home.blobs, dry).await?)
    } else {
        None
    };
    if let Some(would) = would {
        let nothing = would.batches.is_empty() && would.blobs == 0 && old.0.is_empty();
        if wish.dry_run || nothing {
            return tell(setting, &would, &old, true);
        }
        if !setting.confirmed(&format!("remove {} for good?", listed(&would, &old))) {
            let what = format!("this would remove {}, and nobody said yes", listed(&would, &old));
            return Err(CliError::config(what).hint("say --yes"));
        }
    }
    let pruned = prune::prune(&*home.ledger, &home.blobs, wish).await?;
    let (files, mut bytes) = old;
    let mut gone = Vec::new();
    for file in files {
        let size = file.metadata().map_or(0, |found| found.len());
        match std::fs::remove_file(&file) {
            Ok(()) => gone.push(file),
            Err(error) => {
                bytes -= bytes.min(size);
                setting.say(&format!("{} stays: {error}", file.display()));
            }
        }
    }
    tell(setting, &pruned, &(gone, bytes), false)
}

fn listed(pruned: &Pruned, (files, log_bytes): &OldLogs) -> String {
    let batches = match pruned.batches.len() {
        1 => "1 batch".to_owned(),
        count => format!("{count} batches"),
    };
    let bytes = HumanBytes(pruned.bytes);
    let mut text = format!("{batches}, {} ({bytes})", counted(pruned.blobs, "blob"));
    if !files.is_empty() {
        let files = counted(files.len() as u64, "log file");
        write!(text, ", {files} ({})", HumanBytes(*log_bytes)).expect("a String takes everything");
    }
    text
}

fn tell(setting: &Setting, pruned: &Pruned, old: &OldLogs, dry: bool) -> Result<(), CliError> {
    if setting.json {
        let (blob_bytes, log_bytes) = (pruned.bytes, old.1);
        let kept = pruned.kept.iter().map(|(batch, reason)| Kept { batch, reason });
        let shape = Shape {
            dry_run: dry,
            batches: &pruned.batches,
            kept: kept.collect(),
            blobs: pruned.blobs,
            blob_bytes,
            logs: old.0.len() as u64,
            log_bytes,
            bytes: blob_bytes + log_bytes,
        };
        return stdout::line(&shapes::line("pruned", shape));
    }
    for (batch, reason) in &pruned.kept {
        setting.say(&format!("{batch} stays: {reason}"));
    }
    for batch in &pruned.batches {
        stdout::line(&format!(
            "{}{batch}",
            if dry { "would remove batch " } else { "removed batch " }
        ))?;
    }
    let all = listed(pruned, old);
    stdout::line(&if dry {
        format!("would free at least {all}; nothing was removed")
    } else {
        format!("freed {all}")
    })
}
