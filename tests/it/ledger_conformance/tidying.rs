//! Folding, collecting, forgetting: none of it changes what a reading or a write says.

use super::Place;
use super::samples::{
    LONG, add, all, answered, batch, call, can_serve, claim, error, finish, open, shown, token,
};
use std::collections::BTreeSet;
use std::sync::Arc;
use tableround::domain::call::{Call, Record};
use tableround::domain::cost::MicroUsd;
use tableround::domain::job::{Change, Job};
use tableround::ledger::{Addition, BatchSummary, Chore, Filter, Ledger, Opened, Scope, Settled};

/// A batch `b` with one job that runs and has two questions answered, one of them shared.
async fn one_running(ledger: &Arc<dyn Ledger>) -> (Job, Call, Call) {
    add(ledger, "b", &["a"]).await;
    let job = claim(ledger, "w", LONG).await.unwrap();
    let (own, shared) = (call(&job.id, "designer"), call("shared:aa", ""));
    for call in [&own, &shared] {
        ledger.open(open(call, 1, &job.id)).await.unwrap();
        ledger.settle(call, 1, answered("said", 5)).await.unwrap();
    }
    (job, own, shared)
}

async fn end(ledger: &Arc<dyn Ledger>, job: &Job) {
    ledger.apply(&job.id, finish(job)).await.unwrap().unwrap();
}

async fn fold(ledger: &Arc<dyn Ledger>, job: &Job) -> bool {
    ledger.tidy(Chore::Fold { job: &job.id }).await.unwrap().is_some()
}

/// What every scope of a reading says.
async fn readings(ledger: &Arc<dyn Ledger>, job: &Job, calls: &[&Call]) -> Vec<Vec<Record>> {
    let mut readings = vec![
        ledger.journal(Scope::Job(&job.id)).await.unwrap(),
        ledger.journal(Scope::Batch("b")).await.unwrap(),
    ];
    for call in calls {
        readings.push(ledger.journal(Scope::Call(call)).await.unwrap());
    }
    readings
}

async fn summary(ledger: &Arc<dyn Ledger>, name: &str) -> Option<BatchSummary> {
    ledger.summary(Some(name)).await.unwrap().batches.pop()
}

async fn collect(ledger: &Arc<dyn Ledger>, name: &str) -> bool {
    let seen = summary(ledger, name).await.unwrap();
    ledger.tidy(Chore::Collected { seen: &seen }).await.unwrap().is_some()
}

async fn forget(ledger: &Arc<dyn Ledger>, name: &str, uncollected: bool) -> bool {
    ledger.tidy(Chore::Forget { batch: name, uncollected }).await.unwrap().is_some()
}

pub(super) async fn a_journal_is_folded_when_its_job_is_over_and_reads_the_same(place: &Place) {
    let ledger = place.connect();
    let (job, own, shared) = one_running(&ledger).await;
    let before = readings(&ledger, &job, &[&own, &shared]).await;
    assert_eq!(before.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1, 1]);
    assert!(!fold(&ledger, &job).await, "it is running");
    end(&ledger, &job).await;
    assert!(fold(&ledger, &job).await);
    assert!(!fold(&ledger, &job).await, "nothing is left to fold");
    assert_eq!(readings(&place.connect(), &job, &[&own, &shared]).await, before);
    let sums = summary(&ledger, "b").await.unwrap();
    assert_eq!((sums.calls, sums.spent, sums.reserved), (2, MicroUsd(10), MicroUsd(0)));
}

pub(super) async fn a_late_answer_to_a_folded_journal_is_kept_and_the_books_close(place: &Place) {
    let ledger = place.connect();
    let (job, own, _) = one_running(&ledger).await;
    ledger.open(open(&own, 2, &job.id)).await.unwrap();
    end(&ledger, &job).await;
    assert!(fold(&ledger, &job).await);
    let late = place.connect().settle(&own, 2, answered("late", 7)).await.unwrap();
    assert!(matches!(&late, Settled::Duplicate(first) if first.open.r#try == 1), "{late:?}");
    let check = async || {
        let records = ledger.journal(Scope::Job(&job.id)).await.unwrap();
        let paid: Vec<_> = records.iter().map(|r| (r.open.r#try, r.duplicate)).collect();
        assert_eq!(paid, [(1, false), (1, false), (2, true)]);
        let sums = summary(&ledger, "b").await.unwrap();
        assert_eq!((sums.calls, sums.spent, sums.reserved), (3, MicroUsd(17), MicroUsd(0)));
    };
    check().await;
    assert!(fold(&ledger, &job).await, "what came late is folded with the rest");
    check().await;
    assert_eq!(ledger.settle(&own, 2, answered("late", 7)).await.unwrap(), late, "told twice");
    check().await;
}

pub(super) async fn a_retried_job_goes_on_with_its_folded_journal(place: &Place) {
    let ledger = place.connect();
    let (job, own, _) = one_running(&ledger).await;
    let die = Change::Die { token: token(&job), error: error(), cost: MicroUsd(0) };
    ledger.apply(&job.id, die).await.unwrap().unwrap();
    assert!(fold(&ledger, &job).await);
    ledger.apply(&job.id, Change::Retry).await.unwrap().unwrap();
    assert_eq!(ledger.journal(Scope::Job(&job.id)).await.unwrap().len(), 2);
    assert_eq!(ledger.open(open(&own, 1, &job.id)).await.unwrap(), Opened::Taken);
    assert_eq!(ledger.open(open(&own, 2, &job.id)).await.unwrap(), Opened::First);
    assert!(!fold(&ledger, &job).await, "it is not over");
    let records = ledger.journal(Scope::Call(&own)).await.unwrap();
    assert_eq!(records.iter().map(|r| r.open.r#try).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(records[0].settle, Some(answered("said", 5)));
}

pub(super) async fn a_shared_question_is_folded_when_all_its_askers_are_over(place: &Place) {
    let ledger = place.connect();
    add(&ledger, "b", &["a", "c"]).await;
    let one = claim(&ledger, "w", LONG).await.unwrap();
    let two = claim(&ledger, "w", LONG).await.unwrap();
    let shared = call("shared:aa", "");
    ledger.open(open(&shared, 1, &one.id)).await.unwrap();
    ledger.open(open(&shared, 2, &two.id)).await.unwrap();
    end(&ledger, &one).await;
    assert!(!fold(&ledger, &one).await, "another still asks it");
    ledger.settle(&shared, 2, answered("said", 5)).await.unwrap();
    end(&ledger, &two).await;
    assert!(fold(&ledger, &two).await);
    assert_eq!(ledger.journal(Scope::Call(&shared)).await.unwrap().len(), 2);
    for job in [&one, &two] {
        let records = ledger.journal(Scope::Job(&job.id)).await.unwrap();
        assert_eq!(records.len(), 1, "each job has its own try");
        assert_eq!(records[0].open.job, job.id);
    }
}

pub(super) async fn a_batch_is_collected_until_something_happens_to_it(place: &Place) {
    let ledger = place.connect();
    let is_collected = async || summary(&ledger, "b").await.unwrap().collected_at.is_some();
    add(&ledger, "b", &["a"]).await;
    assert!(!collect(&ledger, "b").await, "nothing has been done");
    let job = claim(&ledger, "w", LONG).await.unwrap();
    let seen = summary(&ledger, "b").await.unwrap();
    let die = Change::Die { token: token(&job), error: error(), cost: MicroUsd(0) };
    ledger.apply(&job.id, die).await.unwrap().unwrap();
    let marked = ledger.tidy(Chore::Collected { seen: &seen }).await.unwrap().is_some();
    assert!(!marked, "it has moved on since it was read");
    assert!(collect(&ledger, "b").await && is_collected().await);
    ledger.apply(&job.id, Change::Retry).await.unwrap().unwrap();
    assert!(!is_collected().await, "there will be another result");
    ledger.apply(&job.id, Change::Cancel).await.unwrap().unwrap();
    assert!(collect(&ledger, "b").await && is_collected().await);
    add(&ledger, "b", &["a"]).await;
    assert!(is_collected().await, "nothing new came");
    add(&ledger, "b", &["c"]).await;
    assert!(!is_collected().await, "a row came");
}

pub(super) async fn only_a_collected_batch_is_forgotten_and_nothing_else_with_it(place: &Place) {
    let ledger = place.connect();
    let (job, own, _) = one_running(&ledger).await;
    add(&ledger, "other", &["o"]).await;
    assert!(!forget(&ledger, "b", true).await, "it is not over");
    end(&ledger, &job).await;
    fold(&ledger, &job).await;
    assert!(!forget(&ledger, "b", false).await, "nobody has collected it");
    assert!(collect(&ledger, "b").await);
    assert!(forget(&ledger, "b", false).await);
    assert!(!forget(&ledger, "b", false).await, "it is gone");
    assert_eq!(summary(&ledger, "b").await, None);
    assert_eq!(shown(&all(&ledger).await), ["o queued"]);
    let filter = Filter { job: Some(job.id.clone()), ..Filter::default() };
    assert!(ledger.jobs(&filter).await.unwrap().is_empty());
    assert!(ledger.journal(Scope::Call(&own)).await.unwrap().is_empty());
    let events = ledger.events(vec![], Some(0)).await.unwrap();
    assert!(events.iter().all(|event| event.batch != "b"), "{events:?}");
    // The name is free, and what it had discussed is discussed anew.
    let again = add(&ledger, "b", &["a"]).await;
    assert_eq!(again.len(), 1);
    assert_eq!(shown(&all(&ledger).await), ["a queued", "o queued"]);
    let claimed = ledger.claim_next("w", &can_serve(), Some("b"), LONG).await.unwrap().unwrap();
    assert_eq!((claimed.id, claimed.index), (again[0].clone(), 1));
}

pub(super) async fn a_batch_whose_results_another_shares_stays(place: &Place) {
    let ledger = place.connect();
    let (job, ..) = one_running(&ledger).await;
    end(&ledger, &job).await;
    add(&ledger, "later", &["a"]).await;
    assert!(collect(&ledger, "b").await);
    assert!(!forget(&ledger, "b", false).await, "a row of `later` stands for its job");
    assert!(collect(&ledger, "later").await, "an alias is over when its original is");
    assert!(forget(&ledger, "later", false).await);
    assert!(forget(&ledger, "b", false).await);
    assert!(all(&ledger).await.is_empty());
}

pub(super) async fn a_shared_question_outlives_its_batch_while_it_is_spared(place: &Place) {
    let ledger = place.connect();
    let (job, _, shared) = one_running(&ledger).await;
    end(&ledger, &job).await;
    fold(&ledger, &job).await;
    assert!(collect(&ledger, "b").await && forget(&ledger, "b", false).await);
    let spared = BTreeSet::from([shared.scope.clone()]);
    let asked = async || ledger.journal(Scope::Call(&shared)).await.unwrap().len();
    ledger.tidy(Chore::Strays { spared: &spared }).await.unwrap();
    assert_eq!(asked().await, 1, "somebody uses its answer");
    assert_eq!(ledger.tidy(Chore::Objects { of: None }).await.unwrap().unwrap().len(), 1);
    let removed = ledger.tidy(Chore::Strays { spared: &BTreeSet::new() }).await.unwrap();
    assert_eq!(removed.unwrap().len(), 1, "its object is given up");
    assert_eq!(ledger.tidy(Chore::Objects { of: None }).await.unwrap().unwrap().len(), 0);
    assert_eq!(asked().await, 0);
    ledger.add(&batch("b"), Addition::default()).await.unwrap();
    assert_eq!(summary(&ledger, "b").await.unwrap().calls, 0, "a new batch begins at nothing");
}
