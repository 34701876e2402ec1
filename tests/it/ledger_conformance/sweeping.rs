//! Heartbeats, and leases that run out.

use super::Place;
use super::samples::{LONG, OVER, add, beat, claim, states, token};
use tableround::domain::event::EventKind;
use tableround::domain::job::{Change, Ending, State, StateName};
use tableround::ledger::Beat;

pub(super) async fn a_lease_that_ran_out_goes_back_and_tells_a_crash_from_a_loss(place: &Place) {
    let ledger = place.connect();
    add(&ledger, "b", &["a", "b", "c"]).await;
    let gone = claim(&ledger, "gone", OVER).await.unwrap();
    let alive = claim(&ledger, "alive", OVER).await.unwrap();
    claim(&ledger, "gone", LONG).await.unwrap();
    let mut back = ledger.sweep(&beat("alive"), OVER).await.unwrap();
    back.sort_by_key(|job| job.index);
    let outline: Vec<_> = back.iter().map(|j| (j.id.as_str(), j.suspect, j.crashes)).collect();
    assert_eq!(outline, [(gone.id.as_str(), true, 0), (alive.id.as_str(), false, 0)]);
    assert!(back.iter().all(|job| job.state == State::Queued && job.interruptions == 1));
    assert_eq!(back[0].history[0].ending, Some(Ending::Expired));
    assert_eq!(states(&ledger, "b").await, [(StateName::Queued, 2), (StateName::Running, 1)]);
    let late = Change::Release { token: token(&gone) };
    assert!(ledger.apply(&gone.id, late).await.unwrap().is_err(), "the lease is somebody else's");
    assert!(ledger.sweep(&beat("alive"), OVER).await.unwrap().is_empty());
}

pub(super) async fn a_last_beat_gives_back_what_the_worker_held(place: &Place) {
    let ledger = place.connect();
    add(&ledger, "b", &["a", "b", "c"]).await;
    for worker in ["gone", "other", "gone"] {
        claim(&ledger, worker, LONG).await.unwrap();
    }
    let last = Beat { last: true, ..beat("gone") };
    let back = place.connect().sweep(&last, LONG).await.unwrap();
    let outline: Vec<_> = back.iter().map(|job| (job.source.as_str(), job.suspect)).collect();
    assert_eq!(outline, [("a", true), ("c", true)]);
    assert_eq!(back[0].history[0].ending, Some(Ending::Crashed));
    assert_eq!(states(&ledger, "b").await, [(StateName::Queued, 2), (StateName::Running, 1)]);
    assert!(ledger.sweep(&last, LONG).await.unwrap().is_empty());
}

pub(super) async fn nothing_expires_before_one_lease_of_answers(place: &Place) {
    let ledger = place.connect();
    add(&ledger, "b", &["a"]).await;
    claim(&ledger, "gone", OVER).await.unwrap();
    for _ in 0..3 {
        assert!(ledger.sweep(&beat("fresh"), LONG).await.unwrap().is_empty());
    }
    assert_eq!(states(&ledger, "b").await, [(StateName::Running, 1)]);
}

pub(super) async fn workers_are_listed_until_they_say_goodbye(place: &Place) {
    let ledger = place.connect();
    ledger.sweep(&beat("w2"), LONG).await.unwrap();
    let busy = Beat { busy: 3, ..beat("w1") };
    place.connect().sweep(&beat("w1"), LONG).await.unwrap();
    place.connect().sweep(&busy, LONG).await.unwrap();
    let summary = ledger.summary(None).await.unwrap();
    let beats: Vec<_> = summary.workers.iter().map(|row| row.beat.clone()).collect();
    assert_eq!(beats, [busy, beat("w2")]);
    assert!(summary.workers.iter().all(|row| (1..=summary.now).contains(&row.last_beat)));
    ledger.sweep(&Beat { last: true, ..beat("w2") }, LONG).await.unwrap();
    let summary = ledger.summary(None).await.unwrap();
    assert_eq!(summary.workers.len(), 1);
    let events = ledger.events(vec![], Some(0)).await.unwrap();
    assert!(events.iter().all(|event| event.event != EventKind::WorkerLost));
}
