//! Small values to put into a ledger.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tableround::domain::call::{Call, Class, Open, Outcome, Settle};
use tableround::domain::cost::MicroUsd;
use tableround::domain::job::{
    Change, Job, JobError, PictureSource, Priority, Progress, State, StateName,
};
use tableround::ledger::{Addition, Batch, Beat, Filter, Ledger, NewJob, Row};

/// A lease that has run out when it begins, and one that never does in a test.
pub(crate) const OVER: u32 = 0;
pub(crate) const LONG: u32 = 3_600_000;
pub(crate) const NEVER_MS: u64 = 3_600_000;

pub(crate) fn batch(name: &str) -> Batch {
    Batch {
        name: name.into(),
        spec: format!("spec of {name}"),
        rehearsal: false,
        resources: vec!["provider:p".into(), "key:p".into()],
        max_cost: None,
        max_fails: None,
        prices: std::collections::BTreeMap::default(),
    }
}

pub(crate) fn can_serve() -> Vec<String> {
    vec!["key:p".into()]
}

/// A fresh id, growing.
pub(crate) fn id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("{:026}", NEXT.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn job(source: &str, fingerprint: &str) -> Job {
    Job {
        id: id(),
        batch: String::new(),
        index: 0,
        source: source.into(),
        external_id: String::new(),
        topic: "剪纸".into(),
        picture_sha256: "00".into(),
        picture: PictureSource::Path(source.into()),
        keywords: vec![],
        design_prompt: String::new(),
        fingerprint: fingerprint.into(),
        priority: Priority::Normal,
        state: State::Queued,
        version: 0,
        attempts: 0,
        interruptions: 0,
        crashes: 0,
        suspect: false,
        progress: Progress::default(),
        cost: MicroUsd(0),
        history: vec![],
    }
}

/// A row whose fingerprint is its source.
pub(crate) fn new(source: &str) -> NewJob {
    NewJob { job: job(source, source), occurrence: 1 }
}

pub(crate) fn addition(jobs: Vec<NewJob>) -> Addition {
    Addition { jobs, ..Addition::default() }
}

/// Adds rows named by their source and returns the ids of those that are jobs.
pub(crate) async fn add(ledger: &Arc<dyn Ledger>, name: &str, sources: &[&str]) -> Vec<String> {
    let jobs = sources.iter().map(|source| new(source)).collect();
    ledger.add(&batch(name), addition(jobs)).await.unwrap().queued
}

pub(crate) async fn claim(ledger: &Arc<dyn Ledger>, worker: &str, lease_ms: u32) -> Option<Job> {
    ledger.claim_next(worker, &can_serve(), None, lease_ms).await.unwrap()
}

pub(crate) fn token(job: &Job) -> String {
    job.lease().unwrap().token.clone()
}

pub(crate) fn error() -> JobError {
    JobError {
        code: "provider.unavailable".into(),
        message: "no answer".into(),
        hint: "wait".into(),
    }
}

pub(crate) fn finish(job: &Job) -> Change {
    Change::Finish { token: token(job), result: "ab".into(), cost: MicroUsd(5) }
}

pub(crate) fn fail(job: &Job, delay_ms: u64) -> Change {
    Change::Fail { token: token(job), error: error(), delay_ms, cost: MicroUsd(7) }
}

pub(crate) async fn all(ledger: &Arc<dyn Ledger>) -> Vec<Row> {
    ledger.jobs(&Filter::default()).await.unwrap()
}

/// `source state` of each row.
pub(crate) fn shown(rows: &[Row]) -> Vec<String> {
    let line = |row: &Row| format!("{} {}", row.job.source, row.job.state.name().as_str());
    rows.iter().map(line).collect()
}

pub(crate) async fn states(ledger: &Arc<dyn Ledger>, batch: &str) -> Vec<(StateName, u64)> {
    let summary = ledger.summary(Some(batch)).await.unwrap();
    let states = summary.batches[0].states.clone();
    states.into_iter().filter(|(_, jobs)| *jobs > 0).collect()
}

pub(crate) fn call(scope: &str, seat: &str) -> Call {
    Call { scope: scope.into(), stage: "discuss".into(), round: 1, seat: seat.into(), ask: 1 }
}

pub(crate) fn open(call: &Call, r#try: u32, job: &str) -> Open {
    Open {
        call: call.clone(),
        r#try,
        request_sha256: "aa".into(),
        batch: "b".into(),
        job: job.into(),
        worker: "w".into(),
        attempt: "t".into(),
        provider: "p".into(),
        model_asked: "m".into(),
        reserved: Some(MicroUsd(100)),
    }
}

pub(crate) fn answered(text: &str, cost: u64) -> Settle {
    Settle {
        text: text.into(),
        cost: Some(MicroUsd(cost)),
        ..Settle::without_reply(Outcome::Answered, 12)
    }
}

pub(crate) fn failed() -> Settle {
    let outcome = Outcome::Failed { class: Class::Transient, message: "cut".into() };
    Settle::without_reply(outcome, 3)
}

pub(crate) fn beat(worker: &str) -> Beat {
    Beat {
        worker: worker.into(),
        host: "h".into(),
        pid: 1,
        version: "1".into(),
        slots: 4,
        busy: 0,
        keys: vec!["key:K".into()],
        last: false,
    }
}
