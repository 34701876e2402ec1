//! The sentences that stay on the screen: how a job left, what the ledger tells, where a batch is.

use super::glance::BatchGlance;
use super::look::{Ink, Look};
use super::sight::{Departure, Fate, Hold, Sight};
use super::text::{clock, count, money, took};
use super::words::Spoken;
use crate::domain::event::{Event, EventKind};
use crate::domain::job::{JobError, Progress};
use console::measure_text_width;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// `✓ butterfly.png   38 turns   12.3 s`; a failure with its hint on a line of its own.
pub(super) fn departure(departure: &Departure, name_width: usize, look: Look) -> String {
    let glyphs = look.glyphs();
    let name = look.name(&departure.name, name_width);
    let line = |glyph, ink, rest: String| format!("{} {name}  {rest}", look.ink(ink, glyph));
    match &departure.fate {
        Fate::Completed => {
            let turns = turns(&departure.progress, look);
            let took = look.ink(Ink::Faint, &format!("{:>8}", took(departure.took))).into_owned();
            line(glyphs.done, Ink::Good, format!("{turns}  {took}"))
        }
        Fate::Waits { again_in, error } => {
            let rest = format!("again in {}: {}", clock(*again_in), cause(error, look));
            line(glyphs.waits, Ink::Care, rest)
        }
        Fate::Dead(error) if error.hint.is_empty() => {
            line(glyphs.dead, Ink::Bad, cause(error, look))
        }
        Fate::Dead(error) => {
            let hint = look.ink(Ink::Faint, "  hint: ").into_owned() + &look.line(&error.hint);
            line(glyphs.dead, Ink::Bad, cause(error, look)) + "\n" + &hint
        }
        Fate::Cancelled => line(glyphs.cancelled, Ink::Faint, "cancelled".to_owned()),
    }
}

/// What was obtained; what was not is never passed over.
fn turns(progress: &Progress, look: Look) -> String {
    if progress.done < progress.expected {
        let some = format!("{} of {}", progress.done, count(progress.expected.into(), "turn"));
        look.ink(Ink::Care, &format!("{some:>8}")).into_owned()
    } else {
        format!("{:>8}", count(progress.done.into(), "turn"))
    }
}

fn cause(error: &JobError, look: Look) -> String {
    format!("{}: {}", look.ink(Ink::Bad, &error.code), look.line(&error.message))
}

/// What a person is told of an event, besides what the bars show anyway.
pub(super) fn event(event: &Event, look: Look) -> Option<String> {
    let text = look.line(&event.text);
    match event.event {
        EventKind::Block => Some(look.ink(Ink::Care, "! held: ").into_owned() + &text),
        EventKind::Unblock => Some(look.ink(Ink::Good, "! free again: ").into_owned() + &text),
        EventKind::WorkerLost => Some(look.ink(Ink::Bad, "! worker lost: ").into_owned() + &text),
        EventKind::JobStarted
        | EventKind::StageStarted
        | EventKind::Delta
        | EventKind::Turn
        | EventKind::Ballot
        | EventKind::StageFinished
        | EventKind::JobWaiting
        | EventKind::JobCompleted
        | EventKind::JobDead
        | EventKind::JobCancelled => None,
    }
}

/// `! provider:openrouter: the quota is used up, 2m10s left`
pub(super) fn hold(hold: &Hold, look: Look) -> String {
    let left = hold.left.map(|left| format!(", {} left", clock(left))).unwrap_or_default();
    let (glyph, resource) = (look.glyphs().held, look.line(&hold.resource));
    format!("{glyph} {resource}: {}{left}", look.line(&hold.reason))
}

/// `3/20 done, 5 running, 1 waiting, 12 calls out, cost 0.041230 USD`
pub(super) fn status(sight: &Sight) -> String {
    let mut parts = vec![format!("{}/{} done", sight.done, sight.total)];
    let mut tell = |n: u64, what: &str| {
        if n > 0 {
            parts.push(format!("{n} {what}"));
        }
    };
    tell(sight.dead, "dead");
    tell(sight.cancelled, "cancelled");
    tell(sight.running.len() as u64, "running");
    tell(sight.waiting, "waiting");
    if sight.calls_out > 0 {
        parts.push(count(sight.calls_out as u64, "call") + " out");
    }
    parts.push(format!("cost {}", money(sight.cost, sight.cost_unknown)));
    if sight.rehearsal {
        parts.push("rehearsal".to_owned());
    }
    parts.join(", ")
}

/// `craftsman: …and the red paper folds`: the end of what is said, in at most `width` columns.
pub(super) fn newest_words(spoken: &Spoken, width: usize, look: Look) -> String {
    let who = look.line(spoken.who()) + ": ";
    let said = look.line(&spoken.tail);
    let room = width.saturating_sub(measure_text_width(&who));
    if measure_text_width(&said) <= room {
        return who + &said;
    }
    let ellipsis = look.glyphs().ellipsis;
    let mut room = room.saturating_sub(measure_text_width(ellipsis));
    let mut tail: Vec<char> = said
        .chars()
        .rev()
        .take_while(|c| {
            let wide = measure_text_width(c.encode_utf8(&mut [0; 4]));
            let fits = wide <= room;
            room = room.saturating_sub(wide);
            fits
        })
        .collect();
    tail.reverse();
    who + ellipsis + &tail.into_iter().collect::<String>()
}

/// `0.041230 USD so far, about 0.8 USD in all, at most 5 USD`; what nobody knows is said.
pub fn spending(batch: &BatchGlance) -> String {
    let sight = &batch.sight;
    let spent = money(sight.cost, sight.cost_unknown);
    let mut parts = vec![match spent.as_str() {
        "unknown" => "cost unknown".to_owned(),
        spent => format!("{spent} spent"),
    }];
    if !batch.unpriced.is_empty() {
        parts.push(format!("no price for {}", batch.unpriced.join(", ")));
    }
    if let Some(all) = batch.projected.filter(|all| sight.is_open() && all.0 > 0) {
        let about = if batch.unpriced.is_empty() { "about" } else { "more than" };
        parts.push(format!("{about} {all} USD in all"));
    }
    parts.extend(batch.max_cost.map(|max| format!("at most {max} USD")));
    parts.join(", ")
}

/// `eta 2m10s` to the nearest second; nothing while nobody knows, and nothing about what is over
/// or will be in a moment.
pub(super) fn eta(left: Option<Duration>) -> Option<String> {
    let left = left.filter(|left| !left.is_zero())?;
    Some(format!("eta {}", clock(left.max(SECOND) + SECOND / 2)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::cost::MicroUsd;

    const PLAIN: Look = Look { color: false, utf8: true };

    fn left(fate: Fate, done: u32) -> String {
        let name = "butterfly.png".to_owned();
        let progress = Progress { done, expected: 38, ..Progress::default() };
        let took = Duration::from_millis(12_345);
        departure(&Departure { name, progress, took, fate }, 16, PLAIN)
    }

    fn error(hint: &str) -> JobError {
        JobError {
            code: "provider.unavailable".to_owned(),
            message: "the service answered 503\nthree times".to_owned(),
            hint: hint.to_owned(),
        }
    }

    #[test]
    fn a_departure_says_what_became_of_the_picture() {
        insta::assert_snapshot!(left(Fate::Completed, 38), @"✓ butterfly.png     38 turns    12.3 s");
        insta::assert_snapshot!(left(Fate::Completed, 36), @"✓ butterfly.png     36 of 38 turns    12.3 s");
        insta::assert_snapshot!(left(Fate::Cancelled, 4), @"∅ butterfly.png     cancelled");
        insta::assert_snapshot!(
            left(Fate::Waits { again_in: Duration::from_secs(30), error: error("wait") }, 4),
            @"↻ butterfly.png     again in 30s: provider.unavailable: the service answered 503 three times"
        );
        insta::assert_snapshot!(left(Fate::Dead(error("tableround jobs retry --state dead")), 4), @r"
        ✗ butterfly.png     provider.unavailable: the service answered 503 three times
          hint: tableround jobs retry --state dead
        ");
    }

    #[test]
    fn a_status_line_names_only_what_there_is() {
        let mut sight = Sight { total: 20, ..Sight::default() };
        insta::assert_snapshot!(status(&sight), @"0/20 done, cost 0.000000 USD");
        sight.done = 3;
        sight.dead = 1;
        sight.waiting = 1;
        sight.calls_out = 1;
        sight.cost = MicroUsd(41_230);
        sight.cost_unknown = true;
        sight.rehearsal = true;
        insta::assert_snapshot!(
            status(&sight),
            @"3/20 done, 1 dead, 1 waiting, 1 call out, cost at least 0.041230 USD, rehearsal"
        );
    }
}
