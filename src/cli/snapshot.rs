//! What a process is doing, told on request: SIGUSR1.

use crate::ledger::Summary;
use crate::watch::{Hold, clock, count, file_name, one_line};
use crate::worker::{Sight, Worker};
use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A ledger that has not answered by then is away.
const LEDGER_MAX: Duration = Duration::from_secs(2);

/// From now on the signal ends nobody, whether somebody answers it or not.
pub fn ear() -> Option<Signal> {
    signal(SignalKind::user_defined1()).ok()
}

/// Answers every signal with a snapshot.
pub(super) async fn answer(worker: Arc<Worker>, slots: usize, say: impl Fn(&str) + Send) {
    let Some(mut ear) = ear() else { return };
    while ear.recv().await.is_some() {
        let asked = Instant::now();
        let summary = worker.desk.ledger.summary(Some(""));
        let ledger = match tokio::time::timeout(LEDGER_MAX, summary).await {
            Ok(Ok(summary)) => Ok((summary, asked.elapsed())),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("the ledger has not answered for {}", clock(LEDGER_MAX))),
        };
        let gate = &worker.desk.gate;
        let snapshot = Snapshot {
            worker: &worker.desk.worker,
            slots,
            calls: (gate.in_flight(), gate.waiting()),
            running: worker.running(),
            // A spool that cannot be read is told of where it is emptied.
            spooled: worker.desk.spool.waiting().as_ref().map_or(0, Vec::len),
            ledger,
        };
        say(&snapshot.text());
    }
}

struct Snapshot<'a> {
    worker: &'a str,
    slots: usize,
    /// In flight, and waiting for their turn.
    calls: (usize, usize),
    running: Vec<Sight>,
    /// Answers that wait for the ledger on this machine's disk.
    spooled: usize,
    /// What the ledger knows and how long it took to say so, or why it did not.
    ledger: Result<(Summary, Duration), String>,
}

impl Snapshot<'_> {
    fn text(&self) -> String {
        let mut text = format!("snapshot of {}", self.worker);
        let mut line = |line: String| {
            write!(text, "\n  {line}").expect("a String takes everything");
        };
        let (out, waiting) = self.calls;
        line(format!(
            "{} of {} busy, {} in flight, {waiting} waiting for their turn",
            self.running.len(),
            count(self.slots as u64, "slot"),
            count(out as u64, "call"),
        ));
        for job in &self.running {
            line(running(job));
        }
        if self.spooled > 0 {
            line(format!("{} in the spool for the ledger", count(self.spooled as u64, "answer")));
        }
        match &self.ledger {
            Ok((summary, took)) => {
                line(format!("the ledger answers in {} ms", took.as_millis()));
                for block in &summary.blocks {
                    let Hold { resource, reason, left } = Hold::of(block, summary.now);
                    let left = left.map(|left| format!(", {} left", clock(left)));
                    line(format!("held up: {resource}: {reason}{}", left.unwrap_or_default()));
                }
            }
            Err(why) => line(format!("the ledger is away: {why}")),
        }
        text
    }
}

/// `teapot.jpg: discuss, craftsman, 21/38, for 1m02s`
fn running(job: &Sight) -> String {
    let progress = &job.progress;
    let stage = if progress.stage.is_empty() { "preparing" } else { &progress.stage };
    let seat = if progress.seat.is_empty() { "" } else { ", " };
    let turns = match progress.expected {
        0 => String::new(),
        expected => format!(", {}/{expected}", progress.done),
    };
    format!(
        "{}: {stage}{seat}{}{turns}, for {}",
        one_line(file_name(&job.source)),
        progress.seat,
        clock(job.started.elapsed())
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::job::Progress;
    use crate::ledger::Block;

    #[test]
    fn a_snapshot_says_what_runs_and_what_does_not() {
        let progress = |stage: &str, seat: &str, done| Progress {
            stage: stage.into(),
            seat: seat.into(),
            done,
            expected: if done == 0 { 0 } else { 38 },
        };
        let job = |source: &str, progress| Sight {
            job: "1".into(),
            source: source.into(),
            progress,
            started: Instant::now(),
        };
        let block = Block {
            resource: "provider:openrouter".into(),
            reason: "provider.quota: used up (add credit)".into(),
            until: Some(70_000),
        };
        let summary = Summary { now: 10_000, blocks: vec![block], ..Summary::default() };
        let mut snapshot = Snapshot {
            worker: "host-7-a",
            slots: 16,
            calls: (1, 2),
            running: vec![
                job("photos/tea\npot.jpg", progress("discuss", "craftsman", 21)),
                job("moon.gif", progress("", "", 0)),
            ],
            spooled: 2,
            ledger: Ok((summary, Duration::from_millis(3))),
        };
        insta::assert_snapshot!(snapshot.text(), @r"
        snapshot of host-7-a
          2 of 16 slots busy, 1 call in flight, 2 waiting for their turn
          tea pot.jpg: discuss, craftsman, 21/38, for 0s
          moon.gif: preparing, for 0s
          2 answers in the spool for the ledger
          the ledger answers in 3 ms
          held up: provider:openrouter: provider.quota: used up (add credit), 1m00s left
        ");
        snapshot.running.clear();
        snapshot.spooled = 0;
        snapshot.ledger = Err("it does not answer".into());
        insta::assert_snapshot!(snapshot.text(), @r"
        snapshot of host-7-a
          0 of 16 slots busy, 1 call in flight, 2 waiting for their turn
          the ledger is away: it does not answer
        ");
    }
}
