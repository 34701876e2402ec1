//! Which job a free slot gets.

use super::Place;
use super::samples::{
    LONG, NEVER_MS, add, addition, all, batch, can_serve, claim, fail, finish, new, token,
};
use std::collections::BTreeSet;
use tableround::domain::event::EventKind;
use tableround::domain::job::{Change, Priority, State};
use tableround::ledger::NewBlock;

pub(super) async fn priority_then_fairness_then_index(place: &Place) {
    let ledger = place.connect();
    add(&ledger, "one", &["1a", "1b", "1c"]).await;
    let second = add(&ledger, "two", &["2a", "2b", "2c"]).await;
    let mut urgent = new("2d");
    urgent.job.priority = Priority::High;
    ledger.add(&batch("two"), addition(vec![urgent])).await.unwrap();
    let high = Change::Reprioritise { priority: Priority::High };
    ledger.apply(&second[2], high).await.unwrap().unwrap();
    let mut order = Vec::new();
    while let Some(job) = claim(&ledger, "w", LONG).await {
        order.push(job.source);
    }
    // Both high ones by index; then `one` catches up, then turns are taken, the older one first.
    assert_eq!(order, ["2c", "2d", "1a", "1b", "1c", "2a", "2b"]);
}

pub(super) async fn a_worker_gets_only_what_it_can_serve(place: &Place) {
    let ledger = place.connect();
    let mut both = batch("both");
    both.resources = vec!["key:p".into(), "key:q".into(), "provider:any".into()];
    ledger.add(&both, addition(vec![new("a")])).await.unwrap();
    add(&ledger, "single", &["b"]).await;
    let serve = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let claim = async |names: &[&str], only| {
        let job = ledger.claim_next("w", &serve(names), only, LONG).await.unwrap();
        job.map(|job| job.source)
    };
    assert_eq!(claim(&[], None).await, None);
    assert_eq!(claim(&["key:q"], None).await, None);
    assert_eq!(claim(&["key:p"], Some("both")).await, None);
    assert_eq!(claim(&["key:p"], None).await, Some("b".into()));
    assert_eq!(claim(&["key:p", "key:q"], Some("single")).await, None);
    assert_eq!(claim(&["key:p", "key:q"], Some("no such batch")).await, None);
    assert_eq!(claim(&["key:q", "key:p"], Some("both")).await, Some("a".into()));
}

pub(super) async fn a_block_holds_jobs_until_its_time_or_its_end(place: &Place) {
    let ledger = place.connect();
    add(&ledger, "b", &["a"]).await;
    let new = |for_ms| Some(NewBlock { reason: "quota".into(), for_ms });
    for resource in ["provider:p", "batch:b"] {
        for for_ms in [None, Some(NEVER_MS)] {
            let before = ledger.summary(None).await.unwrap().now;
            ledger.block(resource, new(for_ms)).await.unwrap();
            let listed = ledger.summary(None).await.unwrap().blocks;
            assert_eq!((listed.len(), listed[0].resource.as_str()), (1, resource));
            // Two connections may read the clock a moment apart.
            let lasts = listed[0].until.map(|until| (until - before + 500) / 1000);
            let expected = for_ms.map(|wait| i64::try_from(wait).unwrap() / 1000);
            assert_eq!(lasts, expected, "it begins by the ledger's clock");
            assert_eq!(claim(&ledger, "w", LONG).await, None, "{resource} {for_ms:?}");
            ledger.block(resource, None).await.unwrap();
            assert!(ledger.summary(None).await.unwrap().blocks.is_empty());
        }
    }
    for resource in ["provider:other", "batch:other"] {
        ledger.block(resource, new(None)).await.unwrap();
    }
    ledger.block("provider:p", new(Some(0))).await.unwrap();
    let listed = ledger.summary(None).await.unwrap().blocks;
    let listed: Vec<_> = listed.into_iter().map(|block| block.resource).collect();
    assert_eq!(listed, ["batch:other", "provider:other"]);
    assert!(claim(&ledger, "w", LONG).await.is_some(), "a block whose time is over holds nothing");
    let events = ledger.events(vec![], Some(0)).await.unwrap();
    let of = |kind| events.iter().filter(|event| event.event == kind).count();
    assert_eq!((of(EventKind::Block), of(EventKind::Unblock)), (7, 4));
    assert_eq!(events[0].text, "provider:p: quota");
    let paused = events.iter().find(|event| event.text.starts_with("batch:b")).unwrap();
    assert_eq!(paused.batch, "b");
    let before = ledger.summary(None).await.unwrap().last_event;
    ledger.block("provider:never", None).await.unwrap();
    assert_eq!(ledger.summary(None).await.unwrap().last_event, before, "nothing was lifted");
}

pub(super) async fn a_retry_is_claimed_when_its_delay_is_over(place: &Place) {
    let ledger = place.connect();
    add(&ledger, "b", &["a", "b"]).await;
    let first = claim(&ledger, "w", LONG).await.unwrap();
    ledger.apply(&first.id, fail(&first, NEVER_MS)).await.unwrap().unwrap();
    let second = claim(&ledger, "w", LONG).await.unwrap();
    assert_eq!(second.source, "b");
    assert_eq!(claim(&ledger, "w", LONG).await, None);
    ledger.apply(&second.id, fail(&second, 0)).await.unwrap().unwrap();
    let again = claim(&ledger, "w", LONG).await.unwrap();
    assert_eq!((again.source.as_str(), again.attempts), ("b", 1));
    assert_ne!(token(&again), token(&second));
    assert_eq!(claim(&ledger, "w", LONG).await, None);
}

pub(super) async fn every_job_is_claimed_once_by_eight_connections(place: &Place) {
    let sources: Vec<String> = (0..60).map(|n| format!("{n}.jpg")).collect();
    let rows = sources.iter().map(|source| new(source)).collect();
    place.connect().add(&batch("b"), addition(rows)).await.unwrap();
    let workers: Vec<_> = (0..8)
        .map(|n| {
            let ledger = place.connect();
            tokio::spawn(async move {
                let mut mine = Vec::new();
                let worker = format!("w{n}");
                while let Some(job) =
                    ledger.claim_next(&worker, &can_serve(), None, LONG).await.unwrap()
                {
                    ledger.apply(&job.id, finish(&job)).await.unwrap().unwrap();
                    mine.push(job.id);
                }
                mine
            })
        })
        .collect();
    let mut claimed = Vec::new();
    for worker in workers {
        claimed.extend(worker.await.unwrap());
    }
    assert_eq!(claimed.len(), 60);
    assert_eq!(claimed.iter().collect::<BTreeSet<_>>().len(), 60);
    let rows = all(&place.connect()).await;
    assert!(rows.iter().all(|row| matches!(row.job.state, State::Completed { .. })));
}
