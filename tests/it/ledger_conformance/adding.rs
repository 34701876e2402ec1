//! How jobs come in.

use super::Place;
use super::samples::{LONG, add, addition, all, batch, claim, finish, job, new, shown, token};
use tableround::domain::cost::MicroUsd;
use tableround::domain::job::{Change, Progress, State};
use tableround::ledger::{Added, Addition, Error, Filter, NewJob, Rejected};

pub(super) async fn rows_get_their_index_in_the_order_given(place: &Place) {
    let ledger = place.connect();
    let first = add(&ledger, "b", &["c", "a"]).await;
    let second = add(&ledger, "b", &["b"]).await;
    let rows = all(&ledger).await;
    let placed: Vec<_> = rows.iter().map(|row| (row.job.index, row.job.id.clone())).collect();
    let ids = [first, second].concat();
    assert_eq!(placed, [(1, ids[0].clone()), (2, ids[1].clone()), (3, ids[2].clone())]);
    assert_eq!(shown(&rows), ["c queued", "a queued", "b queued"]);
}

pub(super) async fn an_interrupted_enqueue_adds_only_what_was_missing(place: &Place) {
    let ledger = place.connect();
    let row = |source: &str, occurrence| NewJob { job: job(source, "same"), occurrence };
    let all_rows = || vec![row("a", 1), row("a", 2), row("b", 1), row("c", 1)];
    let first = all_rows()[..2].to_vec();
    let added = ledger.add(&batch("b"), addition(first)).await.unwrap();
    assert_eq!((added.queued.len(), added.duplicates), (1, 1));
    let added = ledger.add(&batch("b"), addition(all_rows())).await.unwrap();
    assert_eq!((added.queued.len(), added.duplicates), (0, 2));
    let before = all(&ledger).await;
    let again = Addition { again: true, ..addition(all_rows()) };
    for repeated in [addition(all_rows()), again] {
        let added = ledger.add(&batch("b"), repeated).await.unwrap();
        assert_eq!(added, Added::default());
    }
    assert_eq!(all(&ledger).await, before);
    let indexes: Vec<_> = before.iter().map(|row| row.job.index).collect();
    assert_eq!(indexes, [1, 2, 3, 4]);
    // The same picture under another external id or with another topic is another row.
    let mut other = row("a", 1);
    other.job.external_id = "7".into();
    let others = vec![other, NewJob { job: job("a", "other"), occurrence: 1 }];
    let added = ledger.add(&batch("b"), addition(others)).await.unwrap();
    assert_eq!((added.queued.len(), added.duplicates), (1, 1));
}

pub(super) async fn a_known_fingerprint_becomes_an_alias_of_the_oldest_live_job(place: &Place) {
    let ledger = place.connect();
    let ids = add(&ledger, "one", &["a", "b"]).await;
    ledger.apply(&ids[0], Change::Cancel).await.unwrap().unwrap();
    let again = Addition { again: true, ..addition(vec![new("b")]) };
    ledger.add(&batch("two"), again).await.unwrap();
    let rows = vec![new("a"), new("b"), NewJob { occurrence: 2, ..new("a") }];
    let new_a = rows[0].job.id.clone();
    let added = ledger.add(&batch("three"), addition(rows)).await.unwrap();
    // The cancelled one is nobody's original; the new one is, within the same addition.
    assert_eq!(added, Added { queued: vec![new_a.clone()], duplicates: 2 });
    let filter = Filter { batch: Some("three".into()), ..Filter::default() };
    let rows = ledger.jobs(&filter).await.unwrap();
    let original = |at: usize| {
        rows[at].duplicate_of.as_ref().map(|o| (o.job.clone(), o.batch.clone(), o.index))
    };
    assert_eq!(original(0), None);
    assert_eq!(original(1), Some((ids[1].clone(), "one".into(), 2)));
    assert_eq!(original(2), Some((new_a, "three".into(), 1)));
    let summary = ledger.summary(Some("three")).await.unwrap();
    assert_eq!(summary.batches[0].duplicates, 2);
    // A completed job is an original too.
    let done = claim(&ledger, "w", LONG).await.unwrap();
    ledger.apply(&done.id, finish(&done)).await.unwrap().unwrap();
    let added = ledger.add(&batch("four"), addition(vec![new(&done.source)])).await.unwrap();
    assert_eq!(added, Added { queued: vec![], duplicates: 1 });
}

pub(super) async fn again_makes_a_job_of_its_own(place: &Place) {
    let ledger = place.connect();
    add(&ledger, "b", &["a"]).await;
    let rows = vec![NewJob { occurrence: 2, ..new("a") }, NewJob { occurrence: 3, ..new("a") }];
    let again = Addition { again: true, ..addition(rows) };
    let added = ledger.add(&batch("b"), again).await.unwrap();
    assert_eq!((added.queued.len(), added.duplicates), (2, 0));
    assert!(all(&ledger).await.iter().all(|row| row.duplicate_of.is_none()));
}

pub(super) async fn a_batch_keeps_its_spec_and_takes_new_limits(place: &Place) {
    let ledger = place.connect();
    add(&ledger, "b", &["a"]).await;
    let mut other = batch("b");
    other.spec = "another".into();
    let refused = ledger.add(&other, addition(vec![new("z")])).await.unwrap_err();
    assert!(matches!(refused, Error::OtherSpec { batch } if batch == "b"));
    assert_eq!(all(&ledger).await.len(), 1);
    let mut limited = batch("b");
    limited.max_cost = Some(MicroUsd(9));
    ledger.add(&limited, Addition::default()).await.unwrap();
    let summary = ledger.summary(None).await.unwrap();
    assert_eq!(summary.batches.len(), 1);
    assert_eq!(summary.batches[0].batch, limited);
    assert!(ledger.summary(Some("no such batch")).await.unwrap().batches.is_empty());
}

pub(super) async fn a_refused_input_is_kept_once_in_order(place: &Place) {
    let ledger = place.connect();
    let rejected = |source: &str, reason: &str| Rejected {
        source: source.into(),
        external_id: String::new(),
        code: "input.truncated".into(),
        reason: reason.into(),
    };
    for reason in ["cut at 7", "cut at 9"] {
        let rejected = vec![rejected("z", reason), rejected("a", reason)];
        let addition = Addition { rejected, ..Addition::default() };
        ledger.add(&batch("b"), addition).await.unwrap();
    }
    add(&ledger, "other", &["a"]).await;
    let kept = ledger.rejected("b").await.unwrap();
    assert_eq!(kept, [rejected("z", "cut at 9"), rejected("a", "cut at 9")]);
    assert!(ledger.rejected("other").await.unwrap().is_empty());
    let summary = ledger.summary(Some("b")).await.unwrap();
    assert_eq!(summary.batches[0].rejected, 2);
}

pub(super) async fn a_job_begins_its_life_in_the_ledger(place: &Place) {
    let ledger = place.connect();
    let mut odd = new("a");
    odd.job.batch = "elsewhere".into();
    odd.job.index = 77;
    odd.job.version = 9;
    odd.job.attempts = 2;
    odd.job.suspect = true;
    odd.job.state = State::Cancelled;
    odd.job.progress = Progress { stage: "vote".into(), ..Progress::default() };
    odd.job.cost = MicroUsd(3);
    let mut expected = job("a", "a");
    (expected.id, expected.batch, expected.index) = (odd.job.id.clone(), "b".into(), 1);
    ledger.add(&batch("b"), addition(vec![odd])).await.unwrap();
    assert_eq!(all(&ledger).await[0].job, expected);
    let claimed = claim(&ledger, "w", LONG).await.unwrap();
    assert_eq!(token(&claimed).len(), 32);
}

pub(super) async fn two_enqueues_at_once_add_every_row_once(place: &Place) {
    let sources: Vec<String> = (0..40).map(|n| format!("{n}.jpg")).collect();
    let enqueue = || {
        let (ledger, sources) = (place.connect(), sources.clone());
        tokio::spawn(async move {
            for chunk in sources.chunks(3) {
                let rows = chunk.iter().map(|source| new(source)).collect();
                ledger.add(&batch("b"), addition(rows)).await.unwrap();
            }
        })
    };
    let (one, two) = (enqueue(), enqueue());
    one.await.unwrap();
    two.await.unwrap();
    let rows = all(&place.connect()).await;
    let mut found: Vec<_> = rows.iter().map(|row| row.job.source.clone()).collect();
    found.sort();
    let mut expected = sources;
    expected.sort();
    assert_eq!(found, expected);
    let indexes: Vec<u32> = rows.iter().map(|row| row.job.index).collect();
    assert_eq!(indexes, (1..=40).collect::<Vec<_>>());
}
