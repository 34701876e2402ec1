//! One change of one job, and what moves with it.

use super::Place;
use super::samples::{
    LONG, NEVER_MS, add, all, batch, claim, error, fail, finish, new, states, token,
};
use tableround::domain::cost::MicroUsd;
use tableround::domain::event::{Event, EventKind};
use tableround::domain::job::{Change, Ending, Progress, Refusal, State, StateName};
use tableround::ledger::{Addition, Error, NewJob};

pub(super) async fn a_change_moves_the_job_its_counters_and_its_events(place: &Place) {
    let ledger = place.connect();
    add(&ledger, "b", &["a", "b", "c", "d"]).await;
    let jobs = [
        claim(&ledger, "w", LONG).await.unwrap(),
        claim(&ledger, "w", LONG).await.unwrap(),
        claim(&ledger, "w", LONG).await.unwrap(),
    ];
    let progress =
        Progress { stage: "vote".into(), seat: "designer".into(), done: 3, expected: 40 };
    let renew = Change::Renew {
        token: token(&jobs[0]),
        lease_ms: LONG,
        progress: progress.clone(),
        cost: MicroUsd(4),
    };
    let renewed = ledger.apply(&jobs[0].id, renew).await.unwrap().unwrap();
    assert_eq!((renewed.progress, renewed.cost, renewed.version), (progress, MicroUsd(4), 2));
    let done = ledger.apply(&jobs[0].id, finish(&jobs[0])).await.unwrap().unwrap();
    assert_eq!(done.history[0].ending, Some(Ending::Completed));
    ledger.apply(&jobs[1].id, fail(&jobs[1], NEVER_MS)).await.unwrap().unwrap();
    let die = Change::Die { token: token(&jobs[2]), error: error(), cost: MicroUsd(1) };
    ledger.apply(&jobs[2].id, die).await.unwrap().unwrap();
    let rows = all(&ledger).await;
    ledger.apply(&rows[3].job.id, Change::Cancel).await.unwrap().unwrap();
    assert_eq!(rows[0].job, done, "what is read is what was answered");
    let expected = [
        (StateName::Waiting, 1),
        (StateName::Completed, 1),
        (StateName::Dead, 1),
        (StateName::Cancelled, 1),
    ];
    assert_eq!(states(&ledger, "b").await, expected);
    ledger.apply(&jobs[2].id, Change::Retry).await.unwrap().unwrap();
    assert!(states(&ledger, "b").await.contains(&(StateName::Queued, 1)));
    let summary = ledger.summary(None).await.unwrap();
    let last = summary.batches[0].last_error.as_deref();
    assert_eq!(last, Some("provider.unavailable: no answer; wait"));
    let events = ledger.events(vec![], Some(0)).await.unwrap();
    let told: Vec<_> = events.iter().map(|e| (e.event, e.job.as_str(), e.text.as_str())).collect();
    let line = last.unwrap();
    assert_eq!(
        told,
        [
            (EventKind::JobStarted, jobs[0].id.as_str(), "a"),
            (EventKind::JobStarted, &jobs[1].id, "b"),
            (EventKind::JobStarted, &jobs[2].id, "c"),
            (EventKind::JobCompleted, &jobs[0].id, ""),
            (EventKind::JobWaiting, &jobs[1].id, line),
            (EventKind::JobDead, &jobs[2].id, line),
            (EventKind::JobCancelled, &rows[3].job.id, ""),
        ]
    );
    assert_eq!((events[3].batch.as_str(), events[3].stage.as_str()), ("b", "vote"));
}

pub(super) async fn a_refused_change_changes_nothing(place: &Place) {
    let ledger = place.connect();
    add(&ledger, "b", &["a"]).await;
    let job = claim(&ledger, "w", LONG).await.unwrap();
    let before = (all(&ledger).await, ledger.summary(None).await.unwrap().last_event);
    let stale = "0".repeat(32);
    for (change, refusal) in [
        (Change::Release { token: stale.clone() }, Refusal::StaleToken),
        (
            Change::Finish { token: stale, result: "r".into(), cost: MicroUsd(1) },
            Refusal::StaleToken,
        ),
        (Change::Retry, Refusal::WrongState("running".into())),
        (Change::Expire { crashed: true }, Refusal::LeaseAlive),
    ] {
        assert_eq!(ledger.apply(&job.id, change).await.unwrap(), Err(refusal));
    }
    let after = (all(&ledger).await, ledger.summary(None).await.unwrap().last_event);
    assert_eq!(after, before);
    assert_eq!(states(&ledger, "b").await, [(StateName::Running, 1)]);
}

pub(super) async fn an_unknown_job_and_an_alias_cannot_be_changed(place: &Place) {
    let ledger = place.connect();
    let alias = NewJob { occurrence: 2, ..new("a") };
    let alias_id = alias.job.id.clone();
    let jobs = vec![new("a"), alias];
    ledger.add(&batch("b"), Addition { jobs, ..Addition::default() }).await.unwrap();
    for id in ["nobody", &alias_id] {
        let error = ledger.apply(id, Change::Cancel).await.unwrap_err();
        assert!(matches!(&error, Error::NoSuchJob(named) if named == id), "{error}");
    }
    assert!(matches!(all(&ledger).await[0].job.state, State::Queued));
}

pub(super) async fn deltas_are_never_stored_and_the_ledger_dates_events(place: &Place) {
    let ledger = place.connect();
    let event = |kind, text: &str| Event {
        seq: 99,
        at: 1,
        batch: "b".into(),
        job: "j".into(),
        event: kind,
        stage: "discuss".into(),
        round: 2,
        seat: "designer".into(),
        offset: 3,
        text: text.into(),
    };
    let turn = "说".repeat(1000);
    let new = vec![
        event(EventKind::Turn, &turn),
        event(EventKind::Delta, "piece"),
        event(EventKind::Ballot, ""),
    ];
    let told = ledger.events(new, Some(0)).await.unwrap();
    assert_eq!(
        told.iter().map(|e| e.event).collect::<Vec<_>>(),
        [EventKind::Turn, EventKind::Ballot]
    );
    let now = ledger.summary(None).await.unwrap().now;
    assert!((1_000_000..=now).contains(&told[0].at), "{}", told[0].at);
    let expected = Event { seq: told[0].seq, at: told[0].at, ..event(EventKind::Turn, &turn) };
    assert_eq!(told[0], expected);
    let other = place.connect();
    assert_eq!(other.events(vec![], Some(told[0].seq)).await.unwrap(), told[1..]);
    assert!(other.events(vec![], None).await.unwrap().is_empty());
    let last = other.summary(None).await.unwrap().last_event;
    assert_eq!(last, told[1].seq);
    let many = vec![event(EventKind::Turn, ""); 1200];
    let page = other.events(many, Some(last)).await.unwrap();
    assert_eq!(page.len(), 1000);
    let rest = ledger.events(vec![], Some(page[999].seq)).await.unwrap();
    assert_eq!(rest.len(), 200);
    assert!(page.windows(2).all(|pair| pair[0].seq < pair[1].seq));
}
