//! Long random lives of a ledger.

use super::Place;
use super::dice::Dice;
use super::model::{Model, timeless};
use super::samples::{
    LONG, NEVER_MS, OVER, all, answered, batch, beat, call, can_serve, error, failed, job, open,
    token,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use tableround::domain::call::{Call, Open, Outcome, Record, Settle};
use tableround::domain::cost::MicroUsd;
use tableround::domain::job::{Change, Ending, Job, Priority, Progress, StateName};
use tableround::ledger::{
    Addition, Chore, Error, Ledger, NewBlock, NewJob, Opened, Row, Scope, Settled,
};

const CONNECTIONS: usize = 8;
const BATCHES: [&str; 3] = ["b", "a", "c"];
const WORKERS: [&str; 3] = ["keeper", "w1", "w2"];
/// The only worker that ever beats.
const KEEPER: &str = "keeper";

/// Eight connections take turns; after every step what all of them see is the model.
pub(super) async fn random_interleavings_follow_the_model(place: &Place) {
    for seed in 0..6 {
        let place = place.another();
        let ledgers: Vec<_> = (0..CONNECTIONS).map(|_| place.connect()).collect();
        let mut walk = Walk { dice: Dice(seed), model: Model::default() };
        for step in 0..150 {
            let ledger = &ledgers[walk.dice.below(CONNECTIONS)];
            let done = walk.step(ledger).await;
            let reader = &ledgers[walk.dice.below(CONNECTIONS)];
            walk.compare(reader, &format!("seed {seed}, step {step}: {done}")).await;
        }
        assert!(walk.model.rows.len() > 20, "seed {seed} is a poor walk");
    }
}

struct Walk {
    dice: Dice,
    model: Model,
}

impl Walk {
    async fn step(&mut self, ledger: &Arc<dyn Ledger>) -> String {
        match self.dice.below(11) {
            0 | 1 => self.add(ledger).await,
            2 | 3 => self.claim(ledger).await,
            4 | 5 => self.change(ledger).await,
            6 => self.open(ledger).await,
            7 => self.settle(ledger).await,
            8 => self.sweep(ledger).await,
            9 => self.fold(ledger).await,
            _ => self.block(ledger).await,
        }
    }

    fn batch(&mut self) -> &'static str {
        self.dice.pick(&BATCHES)
    }

    fn new_job(&mut self) -> NewJob {
        let fingerprint = self.dice.below(30).to_string();
        let mut job = job(&format!("{}.jpg", self.dice.below(3)), &fingerprint);
        if self.dice.once_in(4) {
            job.priority = Priority::High;
        }
        NewJob { job, occurrence: 1 + u32::from(self.dice.once_in(4)) }
    }

    async fn add(&mut self, ledger: &Arc<dyn Ledger>) -> String {
        let batch = batch(self.batch());
        let jobs = (0..=self.dice.below(4)).map(|_| self.new_job()).collect();
        let addition = Addition { jobs, again: self.dice.once_in(5), ..Addition::default() };
        let added = ledger.add(&batch, addition.clone()).await.unwrap();
        assert_eq!(added, self.model.add(&batch, addition));
        format!("add to {}", batch.name)
    }

    async fn claim(&mut self, ledger: &Arc<dyn Ledger>) -> String {
        let only = self.dice.once_in(3).then(|| self.batch());
        let worker = self.dice.pick(&WORKERS);
        let lease_ms = self.dice.pick(&[OVER, LONG]);
        let serves = if self.dice.once_in(6) { vec![] } else { can_serve() };
        let claimed = ledger.claim_next(worker, &serves, only, lease_ms).await.unwrap();
        let best = self.model.best(&serves, only);
        assert_eq!(claimed.as_ref().map(|job| job.id.clone()), best);
        if let Some(job) = claimed {
            let claim = Change::Claim { token: token(&job), worker: worker.into(), lease_ms };
            let expected = self.model.apply(&job.id, claim).unwrap();
            assert_eq!(timeless(job), timeless(expected));
        }
        format!("{worker} claims, only {only:?}")
    }

    async fn change(&mut self, ledger: &Arc<dyn Ledger>) -> String {
        let running = self.dice.below(3) > 0;
        let jobs: Vec<Job> = self
            .model
            .rows
            .iter()
            .filter(|row| row.original.is_none() && (!running || row.job.lease().is_some()))
            .map(|row| row.job.clone())
            .collect();
        if jobs.is_empty() {
            return "nothing to change".into();
        }
        let job = self.dice.pick(&jobs);
        let change = any_change(&mut self.dice, &job);
        let changed = ledger.apply(&job.id, change.clone()).await.unwrap();
        let expected = self.model.apply(&job.id, change.clone());
        assert_eq!(changed.map(timeless), expected.map(timeless), "{change:?}");
        format!("{change:?} of {}", job.id)
    }

    fn call(&mut self) -> Call {
        let scope = format!("j{}", self.dice.below(3));
        call(&scope, self.dice.pick(&["designer", ""]))
    }

    async fn open(&mut self, ledger: &Arc<dyn Ledger>) -> String {
        let call = self.call();
        let batch = self.batch().to_owned();
        let n = 1 + u32::try_from(self.dice.below(4)).unwrap();
        let request = Open { batch, ..open(&call, n, &call.scope) };
        // A batch that nobody created has no sums.
        if self.model.batches.iter().all(|batch| batch.name != request.batch) {
            return "no batch to open in".into();
        }
        let opened = ledger.open(request.clone()).await.unwrap();
        assert_eq!(opened, self.model.open(request));
        format!("open {} {n}", call.path())
    }

    async fn settle(&mut self, ledger: &Arc<dyn Ledger>) -> String {
        let call = self.call();
        let n = 1 + u32::try_from(self.dice.below(4)).unwrap();
        let settle = any_settle(&mut self.dice);
        let counts = self.model.counts(&call).cloned();
        let settled = ledger.settle(&call, n, settle.clone()).await;
        match self.model.settle(&call, n, settle) {
            None => assert!(matches!(settled, Err(Error::Corrupt(_)))),
            Some(false) => assert_eq!(settled.unwrap(), Settled::First),
            Some(true) => {
                let Ok(Settled::Duplicate(given)) = settled else { panic!("{settled:?}") };
                assert_eq!(Record { opened_at: 0, ..*given }, counts.unwrap());
            }
        }
        format!("settle {} {n}", call.path())
    }

    /// The model knows nothing of it: no reading and no write is any different.
    async fn fold(&mut self, ledger: &Arc<dyn Ledger>) -> String {
        let job = format!("j{}", self.dice.below(3));
        let folded = ledger.tidy(Chore::Fold { job: &job }).await.unwrap();
        format!("fold {job}: {folded:?}")
    }

    async fn sweep(&mut self, ledger: &Arc<dyn Ledger>) -> String {
        let by_id = |jobs: Vec<Job>| -> BTreeMap<String, Job> {
            jobs.into_iter().map(|job| (job.id.clone(), timeless(job))).collect()
        };
        let swept = by_id(ledger.sweep(&beat(KEEPER), OVER).await.unwrap());
        let expected = by_id(self.model.sweep(KEEPER));
        assert_eq!(swept, expected);
        "sweep".into()
    }

    async fn block(&mut self, ledger: &Arc<dyn Ledger>) -> String {
        let batch = format!("batch:{}", self.batch());
        let resource = if self.dice.once_in(4) { "provider:p".to_owned() } else { batch };
        let lift = !self.dice.once_in(3);
        let block = NewBlock { reason: "r".into(), for_ms: None };
        ledger.block(&resource, (!lift).then_some(block)).await.unwrap();
        if lift {
            self.model.blocks.remove(&resource);
        } else {
            self.model.blocks.insert(resource.clone());
        }
        format!("block {resource}: {}", !lift)
    }

    async fn compare(&self, ledger: &Arc<dyn Ledger>, at: &str) {
        let rows = all(ledger).await.into_iter();
        let rows: Vec<_> = rows.map(|row| Row { job: timeless(row.job), ..row }).collect();
        assert_eq!(rows, self.model.shown(), "{at}");
        let summary = ledger.summary(None).await.unwrap();
        let mut counted = summary.batches;
        for batch in &mut counted {
            batch.created_at = 0;
        }
        let newest_first = self.model.batches.iter().rev();
        let recounted: Vec<_> = newest_first.map(|batch| self.model.recount(batch)).collect();
        assert_eq!(counted, recounted, "{at}");
        for batch in &self.model.batches {
            let records = ledger.journal(Scope::Batch(&batch.name)).await.unwrap();
            let records: Vec<_> =
                records.into_iter().map(|record| Record { opened_at: 0, ..record }).collect();
            let expected = self.model.journal.iter().filter(|r| r.open.batch == batch.name);
            assert_eq!(records, expected.cloned().collect::<Vec<_>>(), "{at}");
        }
    }
}

fn any_settle(dice: &mut Dice) -> Settle {
    match dice.below(4) {
        0 => failed(),
        1 => Settle::without_reply(Outcome::Unreadable { why: "no list".into() }, 1),
        _ => answered(&dice.below(3).to_string(), 10),
    }
}

fn any_change(dice: &mut Dice, job: &Job) -> Change {
    let held = job.lease().map(|lease| lease.token.clone());
    let token = held.filter(|_| !dice.once_in(6)).unwrap_or_else(|| "stale".into());
    let cost = MicroUsd(dice.below(9) as u64);
    let delay_ms = dice.pick(&[0, NEVER_MS]);
    let lease_ms = dice.pick(&[OVER, LONG]);
    let progress = Progress { stage: "vote".into(), ..Progress::default() };
    match dice.below(12) {
        0 | 1 => Change::Renew { token, lease_ms, progress, cost },
        2 => Change::Finish { token, result: "ab".into(), cost },
        3 | 4 => Change::Fail { token, error: error(), delay_ms, cost },
        5 => Change::Die { token, error: error(), cost },
        6 => Change::Release { token },
        7 => Change::Expire { crashed: dice.once_in(2) },
        8 => Change::SoloCrash { token, error: error() },
        9 => Change::Cancel,
        10 => Change::Retry,
        _ => Change::Reprioritise { priority: dice.pick(&[Priority::High, Priority::Normal]) },
    }
}

/// Eight tasks on eight connections without any order. Afterwards every change that was
/// acknowledged is in its job, and every counter is what a recount finds.
pub(super) async fn eight_tasks_at_once_leave_true_books(place: &Place) {
    let tasks: Vec<_> = (0..CONNECTIONS as u64)
        .map(|seed| {
            let ledger = place.connect();
            tokio::spawn(async move {
                let mut task = Task { ledger, dice: Dice(seed), changes: BTreeMap::new() };
                for _ in 0..40 {
                    task.step().await;
                }
                task.changes
            })
        })
        .collect();
    let mut changes: BTreeMap<String, u64> = BTreeMap::new();
    for task in tasks {
        for (job, count) in task.await.unwrap() {
            *changes.entry(job).or_default() += count;
        }
    }
    let ledger = place.connect();
    for row in all(&ledger).await.iter().filter(|row| row.duplicate_of.is_none()) {
        let acknowledged = changes.get(&row.job.id).copied().unwrap_or(0);
        assert_eq!(row.job.version, acknowledged, "{:?}", row.job);
        let completed =
            row.job.history.iter().filter(|a| a.ending == Some(Ending::Completed)).count();
        assert_eq!(completed == 1, row.job.state.name() == StateName::Completed);
    }
    check_books(&ledger).await;
}

struct Task {
    ledger: Arc<dyn Ledger>,
    dice: Dice,
    /// Acknowledged changes of each job.
    changes: BTreeMap<String, u64>,
}

impl Task {
    fn acknowledged(&mut self, job: &Job) {
        *self.changes.entry(job.id.clone()).or_default() += 1;
    }

    async fn step(&mut self) {
        let call = call(&format!("shared:{}", self.dice.below(5)), "");
        let n = 1 + u32::try_from(self.dice.below(5)).unwrap();
        match self.dice.below(5) {
            0 => self.add().await,
            1 | 2 => self.work().await,
            3 => {
                let opened = self.ledger.open(open(&call, n, "j")).await.unwrap();
                if opened == Opened::First && !self.dice.once_in(4) {
                    let settle = any_settle(&mut self.dice);
                    self.ledger.settle(&call, n, settle).await.unwrap();
                }
            }
            _ => {
                for job in self.ledger.sweep(&beat(KEEPER), OVER).await.unwrap() {
                    self.acknowledged(&job);
                }
            }
        }
    }

    async fn add(&mut self) {
        let dice = &mut self.dice;
        let row = |n: usize| NewJob { job: job(&n.to_string(), &n.to_string()), occurrence: 1 };
        let jobs = (0..4).map(|_| row(dice.below(60))).collect();
        let batch = batch(dice.pick(&BATCHES));
        self.ledger.add(&batch, Addition { jobs, ..Addition::default() }).await.unwrap();
    }

    async fn work(&mut self) {
        let worker = self.dice.pick(&WORKERS);
        let lease_ms = self.dice.pick(&[OVER, LONG]);
        let claimed = self.ledger.claim_next(worker, &can_serve(), None, lease_ms).await.unwrap();
        let Some(job) = claimed else { return };
        self.acknowledged(&job);
        let change = any_change(&mut self.dice, &job);
        if let Ok(job) = self.ledger.apply(&job.id, change).await.unwrap() {
            self.acknowledged(&job);
        }
    }
}

async fn check_books(ledger: &Arc<dyn Ledger>) {
    let rows = all(ledger).await;
    assert!(rows.len() > 50, "too few rows to mean anything");
    for batch in ledger.summary(None).await.unwrap().batches {
        let name = batch.batch.name.as_str();
        let mine: Vec<_> = rows.iter().filter(|row| row.job.batch == name).collect();
        let indexes: Vec<usize> = mine.iter().map(|row| row.job.index as usize).collect();
        assert_eq!(indexes, (1..=mine.len()).collect::<Vec<_>>());
        let (aliases, jobs): (Vec<_>, Vec<_>) =
            mine.into_iter().partition(|row| row.duplicate_of.is_some());
        assert_eq!(batch.duplicates, aliases.len() as u64);
        for (state, count) in batch.states {
            let counted = jobs.iter().filter(|row| row.job.state.name() == state).count();
            assert_eq!(count, counted as u64, "{name} {state:?}");
        }
        let records = ledger.journal(Scope::Batch(name)).await.unwrap();
        let cost = |record: &Record| record.settle.as_ref().and_then(|settle| settle.cost);
        assert_eq!(batch.spent, records.iter().filter_map(cost).sum());
        let out = records.iter().filter(|record| record.settle.is_none());
        assert_eq!(batch.reserved, out.filter_map(|record| record.open.reserved).sum());
        let mut answers: BTreeMap<&Call, u32> = BTreeMap::new();
        for record in records.iter().filter(|record| !record.duplicate) {
            if record.settle.as_ref().is_some_and(|settle| settle.outcome.is_final()) {
                *answers.entry(&record.open.call).or_default() += 1;
            }
        }
        assert!(answers.values().all(|count| *count == 1), "{answers:?}");
    }
}
