//! What a ledger must do, in the plainest way: lists, and the pure state machine.
//!
//! The model's time stands at zero. Leases of no time have run out, those of an hour have not;
//! values are compared without their times.

use super::samples::{can_serve, job};
use std::collections::{BTreeMap, BTreeSet};
use tableround::domain::call::{Call, Open, Record, Settle};
use tableround::domain::cost::MicroUsd;
use tableround::domain::job::{self, Change, Job, Refusal, State, StateName};
use tableround::ledger::{Added, Addition, Batch, BatchSummary, Opened, Original, Row};

#[derive(Default)]
pub(super) struct Model {
    /// In the order of their creation.
    pub(super) batches: Vec<Batch>,
    /// In the order of their addition.
    pub(super) rows: Vec<ModelRow>,
    pub(super) journal: Vec<Record>,
    pub(super) blocks: BTreeSet<String>,
    last_errors: BTreeMap<String, String>,
}

pub(super) struct ModelRow {
    pub(super) job: Job,
    occurrence: u32,
    /// The original's id, for an alias.
    pub(super) original: Option<String>,
}

impl Model {
    pub(super) fn add(&mut self, batch: &Batch, addition: Addition) -> Added {
        if self.batches.iter().all(|known| known.name != batch.name) {
            self.batches.push(batch.clone());
        }
        let mut added = Added::default();
        for new in addition.jobs {
            let name =
                |job: &Job| (job.source.clone(), job.external_id.clone(), job.fingerprint.clone());
            let in_batch = || self.rows.iter().filter(|row| row.job.batch == batch.name);
            let same = |row: &&ModelRow| {
                name(&row.job) == name(&new.job) && row.occurrence == new.occurrence
            };
            if in_batch().any(|row| same(&row)) {
                continue;
            }
            let index = u32::try_from(in_batch().count()).unwrap() + 1;
            let lives = |row: &&ModelRow| {
                row.original.is_none()
                    && row.job.fingerprint == new.job.fingerprint
                    && !matches!(row.job.state, State::Dead { .. } | State::Cancelled)
            };
            let original = self.rows.iter().find(lives).map(|row| row.job.id.clone());
            let original = original.filter(|_| !addition.again);
            match &original {
                Some(_) => added.duplicates += 1,
                None => added.queued.push(new.job.id.clone()),
            }
            let job = Job { batch: batch.name.clone(), index, ..new.job };
            self.rows.push(ModelRow { job, occurrence: new.occurrence, original });
        }
        added
    }

    /// The id of the job a claim must get.
    pub(super) fn best(&self, serves: &[String], only: Option<&str>) -> Option<String> {
        let jobs = || self.rows.iter().filter(|row| row.original.is_none()).map(|row| &row.job);
        let may = |job: &&Job| {
            job.is_due(0)
                && serves == can_serve()
                && only.is_none_or(|only| only == job.batch)
                && !self.blocks.contains("provider:p")
                && !self.blocks.contains(&format!("batch:{}", job.batch))
        };
        let place = |job: &&Job| {
            let running = |other: &&Job| other.batch == job.batch && other.lease().is_some();
            let age = self.batches.iter().position(|batch| batch.name == job.batch);
            (job.priority, jobs().filter(running).count(), age, job.index)
        };
        jobs().filter(may).min_by_key(place).map(|job| job.id.clone())
    }

    pub(super) fn apply(&mut self, id: &str, change: Change) -> Result<Job, Refusal> {
        let row = self.rows.iter_mut().find(|row| row.job.id == id).unwrap();
        row.job = job::apply(row.job.clone(), change, 0)?;
        if let State::Waiting { error, .. } | State::Dead { error } = &row.job.state {
            let line = format!("{}: {}; {}", error.code, error.message, error.hint);
            self.last_errors.insert(row.job.batch.clone(), line);
        }
        Ok(row.job.clone())
    }

    /// Expires what has run out; only `keeper` ever said that it lives.
    pub(super) fn sweep(&mut self, keeper: &str) -> Vec<Job> {
        let expired: Vec<_> = self
            .rows
            .iter()
            .filter_map(|row| row.job.lease().map(|lease| (row.job.id.clone(), lease.clone())))
            .filter(|(_, lease)| lease.until <= 0)
            .collect();
        let expire = |(id, lease): (String, job::Lease)| {
            self.apply(&id, Change::Expire { crashed: lease.worker != keeper }).unwrap()
        };
        expired.into_iter().map(expire).collect()
    }

    pub(super) fn open(&mut self, open: Open) -> Opened {
        let taken = |r: &Record| r.open.call == open.call && r.open.r#try == open.r#try;
        if self.journal.iter().any(taken) {
            return Opened::Taken;
        }
        self.journal.push(Record { open, opened_at: 0, settle: None, duplicate: false });
        Opened::First
    }

    /// Whether it is a duplicate; `None` for a try that was never opened.
    pub(super) fn settle(&mut self, call: &Call, r#try: u32, settle: Settle) -> Option<bool> {
        let closed = self.counts(call).is_some();
        let of_try = |r: &&mut Record| r.open.call == *call && r.open.r#try == r#try;
        let mut tries: Vec<_> = self.journal.iter_mut().filter(of_try).collect();
        if let Some(same) = tries.iter().find(|record| record.settle.as_ref() == Some(&settle)) {
            return Some(same.duplicate);
        }
        let first = tries.first_mut()?;
        if first.settle.is_none() {
            first.duplicate = closed && settle.outcome.is_final();
            first.settle = Some(settle);
            return Some(first.duplicate);
        }
        let beside = Record { settle: Some(settle), duplicate: closed, ..first.clone() };
        self.journal.push(beside);
        Some(closed)
    }

    /// The record that closed a question.
    pub(super) fn counts(&self, call: &Call) -> Option<&Record> {
        let is_final = |r: &&Record| r.settle.as_ref().is_some_and(|s| s.outcome.is_final());
        self.journal.iter().filter(is_final).find(|r| r.open.call == *call && !r.duplicate)
    }

    /// All rows as a reading must show them.
    pub(super) fn shown(&self) -> Vec<Row> {
        let mut rows: Vec<_> = self.rows.iter().map(|row| self.show(row)).collect();
        rows.sort_by_key(|row| (row.job.batch.clone(), row.job.index));
        rows
    }

    fn show(&self, row: &ModelRow) -> Row {
        let Some(id) = &row.original else {
            return Row { job: timeless(row.job.clone()), duplicate_of: None };
        };
        let original = &self.rows.iter().find(|row| row.job.id == *id).unwrap().job;
        let fresh = job(&row.job.source, &row.job.fingerprint);
        let own = Job {
            id: row.job.id.clone(),
            batch: row.job.batch.clone(),
            index: row.job.index,
            picture: original.picture.clone(),
            priority: original.priority,
            state: original.state.clone(),
            version: original.version,
            ..fresh
        };
        let duplicate_of =
            Original { job: id.clone(), batch: original.batch.clone(), index: original.index };
        Row { job: timeless(own), duplicate_of: Some(duplicate_of) }
    }

    /// The numbers of a batch, counted anew.
    pub(super) fn recount(&self, batch: &Batch) -> BatchSummary {
        let rows = || self.rows.iter().filter(|row| row.job.batch == batch.name);
        let in_state = |state| {
            rows().filter(|row| row.original.is_none() && row.job.state.name() == state).count()
        };
        let records = || self.journal.iter().filter(|record| record.open.batch == batch.name);
        let spent = |record: &Record| record.settle.as_ref().and_then(|settle| settle.cost);
        let tries: BTreeSet<_> = records().map(|r| (r.open.call.clone(), r.open.r#try)).collect();
        BatchSummary {
            batch: batch.clone(),
            created_at: 0,
            states: StateName::ALL.map(|state| (state, in_state(state) as u64)).into(),
            duplicates: rows().filter(|row| row.original.is_some()).count() as u64,
            rejected: 0,
            spent: records().filter_map(spent).sum(),
            reserved: records()
                .filter(|record| record.settle.is_none())
                .filter_map(|record| record.open.reserved)
                .sum::<MicroUsd>(),
            calls: tries.len() as u64,
            last_error: self.last_errors.get(&batch.name).cloned(),
            collected_at: None,
        }
    }
}

/// A job without its times.
pub(super) fn timeless(mut job: Job) -> Job {
    match &mut job.state {
        State::Running { lease } => lease.until = 0,
        State::Waiting { until, .. } => *until = 0,
        State::Queued | State::Completed { .. } | State::Dead { .. } | State::Cancelled => {}
    }
    for attempt in &mut job.history {
        attempt.started_at = 0;
        attempt.ended_at = attempt.ended_at.map(|_| 0);
    }
    job
}
