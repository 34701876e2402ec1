//! Rows, page by page.

use super::Place;
use super::samples::{LONG, add, addition, all, batch, claim, fail, finish, new, shown};
use std::sync::Arc;
use tableround::domain::cost::MicroUsd;
use tableround::domain::job::{State, StateName};
use tableround::ledger::{Error, Filter, Ledger, NewJob};

/// Batch `b`: a job, an alias of it, two more jobs; batch `a`: an alias of the third.
async fn two_batches(place: &Place) -> Arc<dyn Ledger> {
    let ledger = place.connect();
    let rows = vec![new("1"), NewJob { occurrence: 2, ..new("1") }, new("3"), new("4")];
    ledger.add(&batch("b"), addition(rows)).await.unwrap();
    add(&ledger, "a", &["3", "5"]).await;
    ledger
}

pub(super) async fn pages_follow_batch_and_index_with_aliases_between(place: &Place) {
    let ledger = two_batches(place).await;
    let whole = all(&ledger).await;
    let keys: Vec<_> = whole.iter().map(|r| (r.job.batch.as_str(), r.job.index)).collect();
    assert_eq!(keys, [("a", 1), ("a", 2), ("b", 1), ("b", 2), ("b", 3), ("b", 4)]);
    let aliases: Vec<_> = whole.iter().map(|row| row.duplicate_of.is_some()).collect();
    assert_eq!(aliases, [true, false, false, true, false, false]);
    for limit in 1..=7 {
        for states in [vec![], vec![StateName::Queued, StateName::Dead]] {
            let (mut paged, mut after) = (Vec::new(), None);
            loop {
                let filter = Filter { states: states.clone(), after, limit, ..Filter::default() };
                let page = ledger.jobs(&filter).await.unwrap();
                assert!(page.len() <= limit as usize);
                let Some(last) = page.last() else { break };
                after = Some(last.job.id.clone());
                paged.extend(page);
                assert!(paged.len() <= whole.len(), "pages of {limit} go round in circles");
            }
            assert_eq!(paged, whole, "pages of {limit}");
        }
    }
    let after = Some("nobody".to_owned());
    let lost = ledger.jobs(&Filter { after, ..Filter::default() }).await.unwrap_err();
    assert!(matches!(lost, Error::NoSuchJob(id) if id == "nobody"));
}

pub(super) async fn filters_choose_by_state_batch_and_id(place: &Place) {
    let ledger = two_batches(place).await;
    let done = claim(&ledger, "w", LONG).await.unwrap();
    ledger.apply(&done.id, finish(&done)).await.unwrap().unwrap();
    let running = claim(&ledger, "w", LONG).await.unwrap();
    assert_eq!((done.source.as_str(), running.source.as_str()), ("1", "3"));
    let list = async |batch: Option<&str>, states: &[StateName]| {
        let filter = Filter {
            batch: batch.map(str::to_owned),
            states: states.to_vec(),
            ..Filter::default()
        };
        shown(&ledger.jobs(&filter).await.unwrap())
    };
    assert_eq!(list(None, &[StateName::Running]).await, ["3 running", "3 running"]);
    let ended = [StateName::Completed, StateName::Dead];
    assert_eq!(list(Some("b"), &ended).await, ["1 completed", "1 completed"]);
    let open = [StateName::Running, StateName::Queued];
    assert_eq!(list(None, &open).await, ["3 running", "5 queued", "3 running", "4 queued"]);
    assert!(list(Some("c"), &[]).await.is_empty());
    let one = async |id: &str, states: &[StateName]| {
        let filter =
            Filter { job: Some(id.to_owned()), states: states.to_vec(), ..Filter::default() };
        shown(&ledger.jobs(&filter).await.unwrap())
    };
    assert_eq!(one(&running.id, &[]).await, ["3 running"]);
    assert_eq!(one(&running.id, &[StateName::Dead]).await, [""; 0]);
    assert_eq!(one("nobody", &[]).await, [""; 0]);
}

pub(super) async fn an_alias_shows_its_originals_state_and_no_cost(place: &Place) {
    let ledger = two_batches(place).await;
    let rows = all(&ledger).await;
    let (alias, original) = (&rows[0], &rows[4]);
    assert_eq!(alias.duplicate_of.as_ref().unwrap().job, original.job.id);
    claim(&ledger, "w", LONG).await.unwrap();
    claim(&ledger, "w", LONG).await.unwrap();
    let job = claim(&ledger, "w", LONG).await.unwrap();
    assert_eq!(job.id, original.job.id, "batch b had nothing running before batch a began");
    ledger.apply(&job.id, fail(&job, 0)).await.unwrap().unwrap();
    let again = claim(&ledger, "w", LONG).await.unwrap();
    let done = ledger.apply(&again.id, finish(&again)).await.unwrap().unwrap();
    assert_eq!((done.attempts, done.cost), (1, MicroUsd(5)));
    let filter = Filter { job: Some(alias.job.id.clone()), ..Filter::default() };
    let shown = ledger.jobs(&filter).await.unwrap().remove(0).job;
    assert_eq!(shown.state, State::Completed { result: "ab".into() });
    assert_eq!((shown.attempts, shown.cost, shown.history), (0, MicroUsd(0), vec![]));
    assert_eq!((shown.batch.as_str(), shown.index), ("a", 1));
    let counted = ledger.summary(Some("a")).await.unwrap().batches.remove(0);
    assert_eq!(counted.states.values().sum::<u64>(), 1, "aliases are not counted");
}
