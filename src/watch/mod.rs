//! What people see while a batch runs: bars on a terminal, plain lines elsewhere, or every event
//! as a line of JSON.
//!
//! Whoever runs or follows a batch makes a [`Sight`] of it several times a second, tells of each
//! job that leaves the table, and a [`View`] shows it. A view holds no thread and reads no clock:
//! time comes with each call. It decides nothing about the work, and a terminal that is gone
//! never stops a batch: errors of a view are for the caller to ignore or, for a pipe, to end on.

mod bars;
mod board;
mod eta;
#[cfg(test)]
mod fake;
mod frame;
mod glance;
mod job_line;
mod json;
mod lines;
mod look;
mod phrases;
mod screen;
mod sight;
mod speech;
mod text;
mod why;
mod words;

pub use board::Board;
pub use eta::Eta;
pub use glance::{BatchGlance, Facts, Glance, WorkerGlance};
pub use look::Look;
pub use phrases::spending;
pub use screen::{Above, Screen, Surface};
pub use sight::{Departure, Fate, Hold, RunningJob, Sight, file_name};
pub use speech::Speech;
pub use text::{clock, count, money, one_line, pace, took};
pub use why::Reason;
pub use words::{Spoken, Words};

use crate::domain::event::Event;
use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

/// One way of showing a batch at work.
pub trait View: Send {
    /// The batch as it is now, `elapsed` after the watching began. Call it about ten times a
    /// second: a view shows as much of it as is good for the eyes.
    fn update(&mut self, sight: &Sight, elapsed: Duration) -> io::Result<()>;

    /// A job left the table. It is shown at once and stays.
    fn departed(&mut self, departure: &Departure) -> io::Result<()>;

    /// A fact from the ledger.
    fn event(&mut self, event: &Event) -> io::Result<()>;

    /// A line for the person watching. It stays, above whatever moves.
    fn notice(&mut self, line: &str) -> io::Result<()>;

    /// Takes away what moves and leaves what stays.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// Which view, and where it is shown.
pub enum Kind {
    /// One bar for the batch and a line per running job. For terminals.
    Bars(Screen, Look),
    /// A line every few seconds while something changes.
    Lines(Screen, Look),
    /// Events as JSON Lines; what a person must be told goes to the screen.
    Json(Box<dyn Write + Send>, Screen),
    /// Nothing but notices.
    Silent(Screen),
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bars(..) => "Bars",
            Self::Lines(..) => "Lines",
            Self::Json(..) => "Json",
            Self::Silent(_) => "Silent",
        })
    }
}

/// Opens a view.
pub fn view(kind: Kind) -> Box<dyn View> {
    match kind {
        Kind::Bars(screen, look) => Box::new(bars::Bars::new(screen, look)),
        Kind::Lines(screen, look) => Box::new(lines::Lines::new(screen, look)),
        Kind::Json(out, screen) => Box::new(json::Json::new(out, screen)),
        Kind::Silent(screen) => Box::new(Silent(screen)),
    }
}

/// `--quiet`: what must be said is said, what moves is not.
struct Silent(Screen);

impl View for Silent {
    fn update(&mut self, _: &Sight, _: Duration) -> io::Result<()> {
        Ok(())
    }

    fn departed(&mut self, _: &Departure) -> io::Result<()> {
        Ok(())
    }

    fn event(&mut self, _: &Event) -> io::Result<()> {
        Ok(())
    }

    fn notice(&mut self, line: &str) -> io::Result<()> {
        self.0.print(line)
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}
