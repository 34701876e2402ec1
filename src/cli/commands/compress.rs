//! `compress`: the picture preparation alone, from files to files.

use crate::cli::args::CompressArgs;
use crate::cli::compress::{self, Outcome, Totals};
use crate::cli::errors::CliError;
use crate::cli::exit::ExitCode;
use crate::cli::inputs::{self, Wanted};
use crate::cli::setting::Setting;
use crate::cli::{shapes, stdout};
use crate::imaging::Limits;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::path::PathBuf;

#[derive(Debug, Serialize)]
struct Compressed {
    path: String,
    output: String,
    format_in: String,
    bytes_in: u64,
    bytes_out: u64,
    width: u32,
    height: u32,
    ms: u64,
}

#[derive(Debug, Serialize)]
struct Sums {
    files: u64,
    failed: u64,
    bytes_in: u64,
    bytes_out: u64,
    wall_ms: u64,
}

/// Prepares every input and tells of each.
pub fn run(setting: &Setting, args: &CompressArgs) -> Result<ExitCode, CliError> {
    let wanted = Wanted { inputs: &args.inputs, recursive: true, ..Wanted::default() };
    let found = inputs::collect(&wanted, &mut std::io::stdin().lock())?;
    let paths: Vec<PathBuf> = found.inputs.into_iter().map(|input| input.path).collect();
    let limits = Limits {
        width_max: args.max_width,
        height_max: args.max_height,
        jpeg_quality: args.quality,
        bytes_max: usize::try_from(args.max_bytes).unwrap_or(usize::MAX),
        ..Limits::default()
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = args.threads.unwrap_or(cores);
    let bar = bar(setting, paths.len() as u64);
    for missing in &found.missing {
        bar.suspend(|| setting.say(&format!("{}: {}", missing.source, missing.reason)));
    }
    let mut told = Ok(());
    let totals = compress::run(&paths, &args.output, &limits, threads, |outcome| {
        bar.inc(1);
        let line = bar.suspend(|| tell(setting, &outcome));
        if told.is_ok() {
            told = line;
        }
    });
    bar.finish_and_clear();
    told?;
    let totals = totals.map_err(|error| {
        let place = args.output.display();
        CliError::config(format!("{place} cannot be written: {error}"))
    })?;
    let failed = totals.failed + found.missing.len() as u64;
    sum_up(setting, &totals, failed)?;
    Ok(if failed > 0 { ExitCode::SomeRejected } else { ExitCode::AllDone })
}

fn bar(setting: &Setting, files: u64) -> ProgressBar {
    if !setting.progress || setting.quiet {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len}, {per_sec}, eta {eta}")
        .expect("the template is well formed");
    ProgressBar::new(files).with_style(style)
}

/// A failure goes to stderr; a success is a line of JSON where that was asked for.
fn tell(setting: &Setting, outcome: &Outcome) -> Result<(), CliError> {
    let path = outcome.path.display().to_string();
    match &outcome.result {
        Err(failure) => {
            setting.say(&format!("{path}: {failure} ({})", failure.code()));
            Ok(())
        }
        Ok(done) if setting.json => stdout::line(&shapes::line(
            "compressed",
            Compressed {
                path,
                output: done.output.display().to_string(),
                format_in: done.format_in.to_string(),
                bytes_in: done.bytes_in,
                bytes_out: done.bytes_out,
                width: done.width,
                height: done.height,
                ms: u64::try_from(done.elapsed.as_millis()).unwrap_or(u64::MAX),
            },
        )),
        Ok(_) => Ok(()),
    }
}

fn sum_up(setting: &Setting, totals: &Totals, failed: u64) -> Result<(), CliError> {
    if setting.json {
        let sums = Sums {
            files: totals.files,
            failed,
            bytes_in: totals.bytes_in,
            bytes_out: totals.bytes_out,
            wall_ms: u64::try_from(totals.wall.as_millis()).unwrap_or(u64::MAX),
        };
        return stdout::line(&shapes::line("compress_summary", sums));
    }
    let saved = totals.reduction();
    stdout::line(&format!(
        "{} files, {failed} failed, {} → {} bytes ({}.{} % less), {}",
        totals.files,
        totals.bytes_in,
        totals.bytes_out,
        saved / 10,
        saved % 10,
        crate::watch::took(totals.wall)
    ))
}
