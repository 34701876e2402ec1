//! The page between head and foot: lines of pieces, none wider than the terminal where that
//! matters.

use crate::watch::eta::{Eta, share};
use crate::watch::frame::parts;
use crate::watch::glance::{BatchGlance, Glance, WorkerGlance};
use crate::watch::job_line::{Columns, job_line};
use crate::watch::look::{Ink, Look, Piece};
use crate::watch::phrases;
use crate::watch::sight::{Hold, RunningJob, between};
use crate::watch::text::{clock, count, pace};
use console::measure_text_width;

/// Batches that are done are shown as long as they are among so many newest ones.
const DONE_SHOWN: usize = 3;
/// Running jobs shown of one batch: more than fit any screen, and all can be scrolled to.
const RUNNING_SHOWN: usize = 256;
/// The bar of a batch, in cells.
const BAR_MAX: usize = 40;
/// From so many columns on a running job names its worker's machine.
const COLS_FOR_WORKER: usize = 110;
const WORKER_WIDTH: usize = 24;
/// Before a running job, besides its own two columns.
const INDENT: &str = "  ";

type Lines = Vec<Vec<Piece>>;

/// The whole page.
pub(super) fn page(glance: &Glance, lately: &[String], width: usize, look: Look) -> Lines {
    let mut lines = Vec::new();
    if glance.batches.is_empty() {
        lines.push(faint("  no batches yet; `tableround run PICTURE… --rehearse` makes one"));
    }
    for batch in in_view(glance) {
        lines.push(vec![]);
        lines.extend(of_batch(batch, glance, width, look));
    }
    if !glance.workers.is_empty() {
        lines.extend([vec![], strong("  workers")]);
        lines.extend(glance.workers.iter().map(|worker| of_worker(worker, look)));
    }
    let mut unsaid = glance.holds.iter().filter(|hold| !is_said(hold, glance)).peekable();
    if unsaid.peek().is_some() {
        lines.extend([vec![], strong("  held up besides")]);
        for hold in unsaid {
            lines.extend(wrapped(Ink::Care, &phrases::hold(hold, look), width, look));
        }
    }
    if !lately.is_empty() {
        lines.extend([vec![], strong("  lately")]);
        lines.extend(lately.iter().rev().map(|line| plain(&format!("    {}", look.line(line)))));
    }
    lines
}

/// Those with something left to do, then the newest of the others.
fn in_view(glance: &Glance) -> impl Iterator<Item = &BatchGlance> {
    let is_open = |batch: &&BatchGlance| batch.sight.is_open();
    let open = glance.batches.iter().filter(is_open);
    let done = glance.batches.iter().filter(move |batch| !is_open(batch));
    open.chain(done.take(DONE_SHOWN))
}

/// Whether a batch gives it as a reason already.
fn is_said(hold: &Hold, glance: &Glance) -> bool {
    let mut reasons = glance.batches.iter().flat_map(|batch| &batch.why);
    reasons.any(|reason| reason.what.ends_with(&hold.reason))
}

fn of_batch(batch: &BatchGlance, glance: &Glance, width: usize, look: Look) -> Lines {
    let mut lines = vec![bar(batch, width, look)];
    lines.extend(facts(batch, width, look));
    for reason in &batch.why {
        let left = reason.until.map(|until| between(glance.now, until));
        let left = left.map(|left| format!(", {} left", clock(left)));
        let said = format!("{} {}{}", look.glyphs().held, reason.what, left.unwrap_or_default());
        let ink = if reason.holds_all { Ink::Care } else { Ink::Faint };
        lines.extend(wrapped(ink, &said, width, look));
    }
    if let Some(error) = &batch.last_error {
        let said = format!("{} last error: {}", look.glyphs().dead, look.line(error));
        lines.extend(wrapped(Ink::Bad, &said, width, look));
    }
    let running = batch.sight.running.iter().take(RUNNING_SHOWN);
    lines.extend(running.map(|job| of_job(job, glance, width, look)));
    lines
}

/// `  night  ━━━━━━━━─────  7/20  41%  3.1 jobs/min  eta 2m10s`
fn bar(batch: &BatchGlance, width: usize, look: Look) -> Vec<Piece> {
    let sight = &batch.sight;
    let parts = parts(sight);
    let whole: f64 = parts.iter().map(|part| part.0).sum();
    let mut facts =
        format!("  {}/{}  {:>3.0}%", sight.done, sight.total, (whole * 100.0 + 1e-6).floor());
    if let Some(rate) = batch.per_minute.filter(|_| width >= 80) {
        facts.push_str("  ");
        facts.push_str(&pace(rate));
    }
    match phrases::eta(batch.eta).filter(|_| sight.is_open()) {
        Some(eta) => {
            facts.push_str("  ");
            facts.push_str(&eta);
        }
        None if sight.is_open() && !batch.is_held() => facts.push_str("  eta not known yet"),
        None => {}
    }
    let name = look.line(&sight.batch);
    let name_width = measure_text_width(&name).min(24).min(width / 3);
    let name = look.name(&sight.batch, name_width);
    let used = 4 + measure_text_width(&name) + measure_text_width(&facts);
    let mut line = vec![(Ink::Strong, format!("  {name}  "))];
    line.extend(look.bar(&parts, width.saturating_sub(used + 1).min(BAR_MAX)));
    line.push((Ink::Plain, facts));
    line
}

/// `    13 queued · 5 running`, and what it costs, on one line if both fit.
fn facts(batch: &BatchGlance, width: usize, look: Look) -> Lines {
    let cost = format!(
        "{}{}{}",
        count(batch.calls, "call"),
        look.glyphs().dot,
        look.line(&phrases::spending(batch))
    );
    let mut line = counts(batch, look);
    let used: usize = line.iter().map(|(_, text)| measure_text_width(text)).sum();
    if used + measure_text_width(look.glyphs().dot) + measure_text_width(&cost) < width {
        line.push((Ink::Faint, look.glyphs().dot.to_owned() + &cost));
        return vec![line];
    }
    let mut lines = vec![line];
    lines.extend(wrapped(Ink::Faint, &cost, width, look));
    lines
}

fn counts(batch: &BatchGlance, look: Look) -> Vec<Piece> {
    let sight = &batch.sight;
    let mut told: Vec<Piece> = Vec::new();
    let mut tell = |n: u64, what: &str, ink| {
        if n > 0 {
            told.push((ink, format!("{n} {what}")));
        }
    };
    tell(batch.queued, "queued", Ink::Faint);
    tell(sight.running.len() as u64, "running", Ink::Faint);
    tell(sight.waiting, "waiting", Ink::Care);
    tell(sight.done, "completed", Ink::Faint);
    tell(sight.dead, "dead", Ink::Bad);
    tell(sight.cancelled, "cancelled", Ink::Faint);
    if sight.rehearsal {
        told.push((Ink::Care, "rehearsal".to_owned()));
    }
    let mut line = vec![(Ink::Plain, INDENT.repeat(2))];
    for (place, piece) in told.into_iter().enumerate() {
        if place > 0 {
            line.push((Ink::Faint, look.glyphs().dot.to_owned()));
        }
        line.push(piece);
    }
    line
}

fn of_job(job: &RunningJob, glance: &Glance, width: usize, look: Look) -> Vec<Piece> {
    let named = width >= COLS_FOR_WORKER;
    let beside = if named { WORKER_WIDTH } else { 0 };
    let columns = Columns::of(width.saturating_sub(INDENT.len() + beside));
    // A job's own pace says what is left of it.
    let left = (share(job) > 0.0).then(|| Eta::default().alone(job)).flatten();
    let mut line = vec![(Ink::Plain, INDENT.to_owned())];
    line.extend(job_line(job, left, columns, look));
    if named {
        let worker = glance.workers.iter().find(|worker| worker.name == job.worker);
        let (ink, place) = match worker {
            Some(worker) if worker.lost => (Ink::Bad, "lost worker".to_owned()),
            Some(worker) => (Ink::Faint, format!("{} {}", worker.host, worker.pid)),
            None => (Ink::Faint, job.worker.clone()),
        };
        line.push((ink, format!("  {}", look.name(&place, WORKER_WIDTH - 4))));
    }
    line
}

/// `  host 4711  5 of 16 slots busy  heard 1s ago`
fn of_worker(worker: &WorkerGlance, look: Look) -> Vec<Piece> {
    let who = format!("    {} {}", look.line(&worker.host), worker.pid);
    let silence = clock(worker.silence);
    if worker.lost {
        let said = format!("  LOST: heard {silence} ago; its jobs go to others");
        return vec![(Ink::Bad, who + &said)];
    }
    let said = format!("  {} of {} slots busy", worker.busy, worker.slots);
    vec![(Ink::Plain, who + &said), (Ink::Faint, format!("  heard {silence} ago"))]
}

/// A sentence in as many lines as it needs, broken between words where it can be.
fn wrapped(ink: Ink, text: &str, width: usize, look: Look) -> Lines {
    let indent = INDENT.repeat(2);
    let room = width.saturating_sub(indent.len() + 1).max(8);
    let mut lines: Vec<String> = vec![String::new()];
    for word in look.line(text).split(' ') {
        let last = lines.last_mut().expect("there is always a last line");
        let used = measure_text_width(last);
        if used > 0 && used + 1 + measure_text_width(word) > room {
            lines.push(word.to_owned());
        } else {
            if used > 0 {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines.into_iter().map(|line| vec![(ink, format!("{indent}{line}"))]).collect()
}

fn plain(text: &str) -> Vec<Piece> {
    vec![(Ink::Plain, text.to_owned())]
}

fn faint(text: &str) -> Vec<Piece> {
    vec![(Ink::Faint, text.to_owned())]
}

fn strong(text: &str) -> Vec<Piece> {
    vec![(Ink::Strong, text.to_owned())]
}
