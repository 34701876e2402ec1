//! The whole ledger at one moment, as far as a person watching wants to know it: what `status`
//! prints and what the screen of `watch` shows.

use super::eta::{Eta, count, share};
use super::sight::{Hold, RunningJob, Sight, worked};
use super::why::{Reason, is_lost, live_workers, reasons, silence};
use crate::domain::cost::MicroUsd;
use crate::domain::job::{Job, State, StateName};
use crate::ledger::{BatchSummary, Summary};
use std::collections::BTreeMap;
use std::time::Duration;

/// The least work, in jobs, from which the cost of all of it is projected.
const PROJECTION_JOBS_MIN: f64 = 0.5;

/// What was read from the ledger for one glance.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    pub summary: Summary,
    /// Jobs that run, of the batches in view.
    pub running: Vec<Job>,
    /// Jobs that wait for a retry: those that are tried again first, as far as they were read.
    pub waiting: Vec<Job>,
    /// Jobs completed of late: what a job takes.
    pub finished: Vec<Job>,
    /// The models without a known price, by batch.
    pub unpriced: BTreeMap<String, Vec<String>>,
}

/// The ledger at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Glance {
    /// Ledger time, milliseconds since 1970.
    pub now: i64,
    /// Newest first.
    pub batches: Vec<BatchGlance>,
    pub workers: Vec<WorkerGlance>,
    /// Everything that is blocked, whether it keeps a job or not.
    pub holds: Vec<Hold>,
}

/// A batch at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BatchGlance {
    pub sight: Sight,
    pub queued: u64,
    pub calls: u64,
    /// None: nobody can know yet, or something holds the batch.
    pub eta: Option<Duration>,
    pub per_minute: Option<f64>,
    /// What all of it will have cost, at the pace so far.
    pub projected: Option<MicroUsd>,
    pub max_cost: Option<MicroUsd>,
    /// Models whose price nobody knows: the cost is at least what is said.
    pub unpriced: Vec<String>,
    /// Code, message and hint.
    pub last_error: Option<String>,
    /// Why what does not run does not.
    pub why: Vec<Reason>,
}

/// A worker at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkerGlance {
    pub name: String,
    pub host: String,
    pub pid: u32,
    pub slots: u32,
    pub busy: u32,
    /// Since its last beat.
    pub silence: Duration,
    /// Silent for so long that its jobs go to others.
    pub lost: bool,
}

impl Glance {
    /// What the facts say. Pure: the same facts give the same glance.
    pub fn of(facts: &Facts) -> Self {
        let summary = &facts.summary;
        let (now, free) = (summary.now, FreeSlots::of(facts));
        let batches = summary.batches.iter().map(|batch| BatchGlance::of(batch, facts, free));
        let workers = summary.workers.iter().map(|row| WorkerGlance {
            name: row.beat.worker.clone(),
            host: row.beat.host.clone(),
            pid: row.beat.pid,
            slots: row.beat.slots,
            busy: row.beat.busy,
            silence: silence(row, now),
            lost: is_lost(row, now),
        });
        Self {
            now,
            batches: batches.collect(),
            workers: workers.collect(),
            holds: summary.blocks.iter().map(|block| Hold::of(block, now)).collect(),
        }
    }

    /// Whether something is left to do.
    pub fn is_busy(&self) -> bool {
        self.batches.iter().any(|batch| batch.sight.is_open())
    }
}

impl BatchGlance {
    fn of(batch: &BatchSummary, facts: &Facts, free: FreeSlots) -> Self {
        let summary = &facts.summary;
        let name = batch.batch.name.as_str();
        let mine = |jobs: &'_ [Job]| -> Vec<Job> {
            jobs.iter().filter(|job| job.batch == name).cloned().collect()
        };
        let running = mine(&facts.running);
        let retry_at = mine(&facts.waiting).iter().filter_map(due).min();
        let why = reasons(batch, summary, retry_at);
        let held = holds_all(&why);
        let unpriced = facts.unpriced.get(name).cloned().unwrap_or_default();
        let sight = Sight {
            cost_unknown: !unpriced.is_empty() && batch.calls > 0,
            running: running.iter().filter_map(|job| RunningJob::of(job, summary.now)).collect(),
            slots_free: if held { 0 } else { free.each },
            ..Sight::of(batch)
        };
        let mut eta = Eta::default();
        for job in mine(&facts.finished) {
            eta.finished(worked(&job, summary.now));
        }
        let of = |state| batch.states.get(&state).copied().unwrap_or_default();
        Self {
            queued: of(StateName::Queued),
            calls: batch.calls,
            eta: if held { None } else { eta.batch(&sight) },
            per_minute: eta.steady_per_minute(&sight),
            projected: projected(&sight),
            max_cost: batch.batch.max_cost,
            unpriced,
            last_error: batch.last_error.clone(),
            why,
            sight,
        }
    }

    /// Whether no job of it begins before a reason is over.
    pub fn is_held(&self) -> bool {
        holds_all(&self.why)
    }
}

fn holds_all(reasons: &[Reason]) -> bool {
    reasons.iter().any(|reason| reason.holds_all)
}

/// When a job that failed is tried again.
fn due(job: &Job) -> Option<i64> {
    match &job.state {
        State::Waiting { until, .. } => Some(*until),
        State::Queued
        | State::Running { .. }
        | State::Completed { .. }
        | State::Dead { .. }
        | State::Cancelled => None,
    }
}

/// The slots that are free now, shared out between the batches that wait.
#[derive(Debug, Clone, Copy)]
struct FreeSlots {
    each: u64,
}

impl FreeSlots {
    fn of(facts: &Facts) -> Self {
        let summary = &facts.summary;
        let slots: u64 = live_workers(summary).iter().map(|row| u64::from(row.beat.slots)).sum();
        let running = |batch: &BatchSummary| batch.states.get(&StateName::Running).copied();
        let busy: u64 = summary.batches.iter().filter_map(running).sum();
        let waits = |batch: &&BatchSummary| {
            batch.states.get(&StateName::Queued).is_some_and(|queued| *queued > 0)
        };
        let batches = summary.batches.iter().filter(waits).count() as u64;
        Self { each: slots.saturating_sub(busy).div_ceil(batches.max(1)) }
    }
}

/// What the whole batch will have cost if the rest costs what was seen so far.
fn projected(sight: &Sight) -> Option<MicroUsd> {
    let running: f64 = sight.running.iter().map(share).sum();
    let worked = count(sight.done + sight.dead) + running;
    if worked < PROJECTION_JOBS_MIN {
        return None;
    }
    let wanted = count(sight.total.saturating_sub(sight.cancelled));
    let factor = (wanted / worked).max(1.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a projection is no more exact than a float, and never negative"
    )]
    let projected = MicroUsd((sight.cost.0 as f64 * factor).round() as u64);
    Some(projected)
}

#[cfg(test)]
mod tests {
    use super::super::why::tests::{batch, worker};
    use super::*;
    use crate::domain::job::Progress;

    #[test]
    fn the_projection_is_what_the_rest_costs_at_the_pace_so_far() {
        let running = |done| RunningJob {
            progress: Progress { done, expected: 40, ..Progress::default() },
            ..RunningJob::default()
        };
        let check = |done, shares: &[u32], cancelled, expected: Option<u64>| {
            let running = shares.iter().map(|done| running(*done)).collect();
            let cost = MicroUsd(3_000_000);
            let sight = Sight { total: 12, done, cancelled, running, cost, ..Sight::default() };
            assert_eq!(projected(&sight), expected.map(MicroUsd));
        };
        check(0, &[10], 0, None);
        check(3, &[], 0, Some(12_000_000));
        check(2, &[20, 20], 0, Some(12_000_000));
        check(3, &[], 6, Some(6_000_000));
        check(12, &[], 0, Some(3_000_000));
    }

    #[test]
    fn a_batch_that_is_held_promises_no_end() {
        let key = &["key:OPENROUTER_API_KEY"];
        let mut facts = Facts {
            summary: Summary {
                now: 1_000_000,
                batches: vec![batch(8, 0)],
                workers: vec![worker("w", 0, 1, key)],
                ..Summary::default()
            },
            ..Facts::default()
        };
        let free = Glance::of(&facts);
        assert_eq!(free.batches[0].sight.slots_free, 4);
        assert!(free.is_busy() && !free.workers[0].lost);
        facts.summary.workers = vec![worker("w", 0, 60, key)];
        let held = Glance::of(&facts);
        assert_eq!((held.batches[0].eta, held.batches[0].sight.slots_free), (None, 0));
        assert!(held.workers[0].lost);
        assert_eq!(held.batches[0].why.len(), 1);
    }

    #[test]
    fn without_a_price_a_cost_is_not_shown_as_known() {
        let mut spending = batch(1, 0);
        let facts = |batch: &BatchSummary| Facts {
            summary: Summary { batches: vec![batch.clone()], ..Summary::default() },
            unpriced: [("night".to_owned(), vec!["local/qwen".to_owned()])].into(),
            ..Facts::default()
        };
        let unknown =
            |batch: &BatchSummary| Glance::of(&facts(batch)).batches[0].sight.cost_unknown;
        assert!(!unknown(&spending), "nothing was asked yet, so nothing was spent");
        spending.calls = 1;
        assert!(unknown(&spending));
    }
}
