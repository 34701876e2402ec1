//! One running job on one line, in columns that keep their places.

use super::eta::share;
use super::look::{Ink, Look, Piece};
use super::phrases;
use super::sight::RunningJob;
use super::text::clock;
use crate::domain::job::Progress;
use console::{Alignment, pad_str};
use std::time::Duration;

const NAME_WIDTH_MAX: usize = 40;
/// `rediscuss · manufacturer`
const STAGE_WIDTH_MAX: usize = 24;
/// `120/120` and shorter.
const TURNS_WIDTH: usize = 7;
/// `59m59s`
const ELAPSED_WIDTH: usize = 6;
/// `eta 59m59s`
const ETA_WIDTH: usize = 10;

/// The widths of a job line's columns; 0: not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) name: usize,
    bar: usize,
    stage: usize,
    elapsed: usize,
    eta: usize,
}

impl Columns {
    /// Drops what is least missed as the terminal gets narrower: ETA, elapsed and bar, stage.
    pub(super) fn of(cols: usize) -> Self {
        // The indent, the turns, and the last column, which stays empty.
        let room = cols.saturating_sub(1 + 2 + 2 + TURNS_WIDTH);
        let (bar, elapsed, eta) = match room {
            84.. => ((room / 5).min(40), ELAPSED_WIDTH, ETA_WIDTH),
            64..84 => (6, ELAPSED_WIDTH, ETA_WIDTH),
            44..64 => (6, ELAPSED_WIDTH, 0),
            0..44 => (0, 0, 0),
        };
        let beside: usize = [bar, elapsed, eta].iter().filter(|w| **w > 0).map(|w| w + 2).sum();
        let words = room - beside;
        if words < 16 {
            return Self { name: words, bar, stage: 0, elapsed, eta };
        }
        let stage = ((words - 2) * 4 / 7).min(STAGE_WIDTH_MAX);
        Self { name: (words - 2 - stage).min(NAME_WIDTH_MAX), bar, stage, elapsed, eta }
    }
}

/// `  moon.gif  ━━━━────  discuss · craftsman  21/38  8s  eta 7s`
pub(super) fn job_line(
    job: &RunningJob,
    left: Option<Duration>,
    columns: Columns,
    look: Look,
) -> Vec<Piece> {
    let mut line = vec![(Ink::Plain, format!("  {}", look.name(&job.name, columns.name)))];
    let mut column = |pieces: Vec<Piece>| {
        line.push((Ink::Plain, "  ".to_owned()));
        line.extend(pieces);
    };
    if columns.bar > 0 {
        column(look.bar(&[(share(job), Ink::Busy)], columns.bar));
    }
    if columns.stage > 0 {
        column(vec![(Ink::Plain, stage(look, job, columns.stage))]);
    }
    column(vec![(Ink::Plain, right(&turns(&job.progress), TURNS_WIDTH))]);
    if columns.elapsed > 0 {
        column(vec![(Ink::Faint, right(&clock(job.elapsed), columns.elapsed))]);
    }
    if columns.eta > 0 {
        let eta = phrases::eta(left).unwrap_or_default();
        column(vec![(Ink::Faint, right(&eta, columns.eta))]);
    }
    line
}

/// `21/38`, or nothing before the discussion is planned.
fn turns(progress: &Progress) -> String {
    match progress.expected {
        0 => String::new(),
        expected => format!("{}/{expected}", progress.done),
    }
}

/// `discuss · craftsman`
fn stage(look: Look, job: &RunningJob, width: usize) -> String {
    let mut said = match job.progress.stage.as_str() {
        "" => "preparing".to_owned(),
        stage => look.line(stage),
    };
    if !job.progress.seat.is_empty() {
        said += look.glyphs().dot;
        said += &look.line(&job.progress.seat);
    }
    let cut = console::truncate_str(&said, width, look.glyphs().ellipsis);
    pad_str(&cut, width, Alignment::Left, None).into_owned()
}

fn right(text: &str, width: usize) -> String {
    pad_str(text, width, Alignment::Right, None).into_owned()
}
