//! `data/logs`: what happened, for whoever is called at night.
//!
//! Three files, by area; see [`Area`]. Only lines of this program's own get in: what libraries say
//! at their most talkative has headers and bodies in it, and no key, header, prompt or reply may
//! ever stand in a log. Every line about a job has its batch and job, and where there is one its
//! call: they come from the spans around the work.
//!
//! A log is never a reason to stop: a line that cannot be written is dropped.

pub mod rolling;
mod line;

use self::line::Line;
use self::rolling::{Limits, Rolling};
use crate::config::LogFormat;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, Scope};

/// What a line is about; each area is a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    /// Jobs and batches: taken in, begun, ended; workers.
    Worker,
    /// Requests to model services: how each ended, how long it took.
    Calls,
    /// Where the truth is kept: the ledger, the blobs, the way to Redis.
    Ledger,
}

impl Area {
    pub const ALL: [Self; 3] = [Self::Worker, Self::Calls, Self::Ledger];

    /// The area's name, and the stem of its file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Calls => "calls",
            Self::Ledger => "ledger",
        }
    }

    /// By the floor a line comes from.
    fn of(target: &str) -> Self {
        match target.split("::").nth(1) {
            Some("journal" | "provider" | "prompt" | "discussion") => Self::Calls,
            Some("ledger" | "blobs" | "redis_server" | "queue") => Self::Ledger,
            Some(_) | None => Self::Worker,
        }
    }
}

/// The log files of one process. Clones share them.
#[derive(Debug, Clone)]
pub struct Logs(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    format: LogFormat,
    begun: AtomicBool,
    /// In the order of [`Area::ALL`].
    files: [Mutex<Rolling>; 3],
}

impl Logs {
    /// Nothing is created and nothing is kept before [`Self::begin`].
    pub fn new(folder: &Path, format: LogFormat) -> Self {
        let file = |area: Area| {
            let name = format!("{}.log", area.as_str());
            Mutex::new(Rolling::new(folder, &name, Limits::default()))
        };
        Self(Arc::new(Inner { format, begun: AtomicBool::new(false), files: Area::ALL.map(file) }))
    }

    /// From now on lines are kept: the command works on what is in the data folder.
    pub fn begin(&self) {
        self.0.begun.store(true, Ordering::Relaxed);
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Logs {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Line::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Line>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Inner { format, begun, files } = &*self.0;
        if !begun.load(Ordering::Relaxed) {
            return;
        }
        let mut line = Line::default();
        for span in context.event_scope(event).into_iter().flat_map(Scope::from_root) {
            if let Some(fields) = span.extensions().get::<Line>() {
                line.take_over(fields);
            }
        }
        event.record(&mut line);
        let area = Area::of(event.metadata().target());
        let bytes = line.bytes(*format, area, *event.metadata().level(), jiff::Timestamp::now());
        let mut file = files[area as usize].lock().unwrap_or_else(PoisonError::into_inner);
        // A full disk under the logs is no reason to stop working.
        file.append(&bytes).ok();
    }
}

/// The log files in a data folder that nobody has written to for so long, and their bytes.
pub fn older_than(data: &Path, age: Duration) -> (Vec<PathBuf>, u64) {
    let folder = folder_of(data);
    let is_log = |name: &str| {
        Area::ALL.iter().any(|area| {
            let rest = name.strip_prefix(area.as_str()).and_then(|rest| rest.strip_prefix(".log"));
            rest.is_some_and(|rest| rest.chars().all(|c| c == '.' || c.is_ascii_digit()))
        })
    };
    let (mut files, mut bytes) = (Vec::new(), 0);
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(found) = entry.metadata() else { continue };
        let is_old = found.modified().is_ok_and(|at| at.elapsed().is_ok_and(|quiet| quiet >= age));
        if is_log(&entry.file_name().to_string_lossy()) && is_old {
            files.push(entry.path());
            bytes += found.len();
        }
    }
    files.sort();
    (files, bytes)
}

/// Where the log files of a data folder are.
pub fn folder_of(data: &Path) -> PathBuf {
    data.join("logs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_to_the_area_of_the_floor_it_comes_from() {
        let check = |target: &str, area: Area| assert_eq!(Area::of(target), area, "{target}");
        check("tableround::journal::desk", Area::Calls);
        check("tableround::provider::client", Area::Calls);
        check("tableround::ledger::redis", Area::Ledger);
        check("tableround::blobs::dir", Area::Ledger);
        check("tableround::queue::redis", Area::Ledger);
        check("tableround::worker::attempt", Area::Worker);
        check("tableround::cli::commands::enqueue", Area::Worker);
        check("tableround", Area::Worker);
    }

    #[test]
    fn the_areas_stand_in_the_order_of_their_files() {
        for (place, area) in Area::ALL.into_iter().enumerate() {
            assert_eq!(area as usize, place);
        }
    }
}
