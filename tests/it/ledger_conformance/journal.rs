//! The journal: first writer wins, and the books close.

use super::Place;
use super::samples::{add, answered, batch, call, failed, open};
use tableround::domain::call::{self, Next, Outcome, Record, Settle};
use tableround::domain::cost::MicroUsd;
use tableround::ledger::{Addition, Error, NewBlock, Opened, Scope, Settled};

fn is_duplicate_of(settled: &Settled, r#try: u32) -> bool {
    matches!(settled, Settled::Duplicate(counts) if counts.open.r#try == r#try)
}

fn outlines(records: &[Record]) -> Vec<(u32, bool, bool)> {
    records.iter().map(|r| (r.open.r#try, r.settle.is_some(), r.duplicate)).collect()
}

pub(super) async fn a_try_is_opened_once(place: &Place) {
    let ledger = place.connect();
    let call = call("j", "designer");
    assert_eq!(ledger.open(open(&call, 1, "j")).await.unwrap(), Opened::First);
    let mut other = open(&call, 1, "j2");
    other.worker = "w2".into();
    assert_eq!(place.connect().open(other).await.unwrap(), Opened::Taken);
    assert_eq!(ledger.open(open(&call, 2, "j")).await.unwrap(), Opened::First);
    let records = ledger.journal(Scope::Call(&call)).await.unwrap();
    assert_eq!(outlines(&records), [(1, false, false), (2, false, false)]);
    assert_eq!(records[0].open, open(&call, 1, "j"));
    assert!(records[0].opened_at > 0);
}

pub(super) async fn a_model_that_asked_for_a_pause_is_left_alone_and_then_tried_by_one(
    place: &Place,
) {
    const LANE: &str = "lane:p/m";
    let (ledger, elsewhere) = (place.connect(), place.connect());
    let call = call("j", "designer");
    let ask = async |r#try| elsewhere.open(open(&call, r#try, "j")).await.unwrap();
    let pause = |for_ms| Some(NewBlock { reason: "busy".into(), for_ms: Some(for_ms) });
    ledger.block("lane:p/another", pause(60_000)).await.unwrap();
    assert_eq!(ask(1).await, Opened::First);
    ledger.block(LANE, pause(60_000)).await.unwrap();
    let Opened::Held { for_ms } = ask(2).await else { panic!("it left") };
    assert!(for_ms > 50_000 && for_ms <= 60_000, "{for_ms}");
    let records = ledger.journal(Scope::Call(&call)).await.unwrap();
    assert_eq!(outlines(&records), [(1, false, false)], "nothing was written");
    ledger.block(LANE, None).await.unwrap();
    assert_eq!(ask(2).await, Opened::First);
    ledger.block(LANE, pause(0)).await.unwrap();
    assert_eq!(ask(2).await, Opened::Taken, "who comes too late tries nothing");
    assert_eq!(ask(3).await, Opened::Probe);
    assert!(matches!(ask(4).await, Opened::Held { .. }), "one tries, the others wait");
    ledger.block(LANE, None).await.unwrap();
    assert_eq!(ask(4).await, Opened::First);
}

pub(super) async fn the_first_final_answer_wins_and_a_second_is_kept(place: &Place) {
    let ledger = place.connect();
    let call = call("j", "designer");
    for r#try in 1..=4 {
        ledger.open(open(&call, r#try, "j")).await.unwrap();
    }
    // A failure closes nothing.
    assert_eq!(ledger.settle(&call, 1, failed()).await.unwrap(), Settled::First);
    let unreadable = Settle {
        text: "??".into(),
        ..Settle::without_reply(Outcome::Unreadable { why: "no list".into() }, 1)
    };
    assert_eq!(ledger.settle(&call, 3, unreadable.clone()).await.unwrap(), Settled::First);
    let late = ledger.settle(&call, 2, answered("late", 5)).await.unwrap();
    assert!(is_duplicate_of(&late, 3), "{late:?}");
    // A failure after the end is no second answer.
    assert_eq!(ledger.settle(&call, 4, failed()).await.unwrap(), Settled::First);
    let records = ledger.journal(Scope::Call(&call)).await.unwrap();
    let expected = [(1, true, false), (2, true, true), (3, true, false), (4, true, false)];
    assert_eq!(outlines(&records), expected);
    assert_eq!(records[1].settle, Some(answered("late", 5)), "it is kept");
    let Next::Known(counts) = call::next(&records, "aa", |_| true) else { panic!("not known") };
    assert_eq!(counts.settle, Some(unreadable));
}

pub(super) async fn the_same_settle_again_changes_nothing(place: &Place) {
    let ledger = place.connect();
    add(&ledger, "b", &["a"]).await;
    let call = call("j", "designer");
    for r#try in 1..=2 {
        ledger.open(open(&call, r#try, "j")).await.unwrap();
    }
    for _ in 0..2 {
        assert_eq!(ledger.settle(&call, 1, answered("x", 5)).await.unwrap(), Settled::First);
    }
    for _ in 0..2 {
        let second = ledger.settle(&call, 2, answered("y", 7)).await.unwrap();
        assert!(is_duplicate_of(&second, 1));
    }
    let records = ledger.journal(Scope::Call(&call)).await.unwrap();
    assert_eq!(outlines(&records), [(1, true, false), (2, true, true)]);
    assert_eq!(ledger.summary(None).await.unwrap().batches[0].spent, MicroUsd(12));
}

pub(super) async fn another_settle_of_the_same_try_is_kept_beside_it(place: &Place) {
    let ledger = place.connect();
    add(&ledger, "b", &["a"]).await;
    let call = call("j", "designer");
    ledger.open(open(&call, 1, "j")).await.unwrap();
    // Given up, then the answer came after all: nobody else has answered, so it counts.
    assert_eq!(ledger.settle(&call, 1, failed()).await.unwrap(), Settled::First);
    assert_eq!(ledger.settle(&call, 1, answered("x", 5)).await.unwrap(), Settled::First);
    for text in ["y", "z"] {
        let other = ledger.settle(&call, 1, answered(text, 3)).await.unwrap();
        let Settled::Duplicate(counts) = other else { panic!("{text} is not a duplicate") };
        assert_eq!(counts.settle, Some(answered("x", 5)));
    }
    let records = ledger.journal(Scope::Call(&call)).await.unwrap();
    let expected = [(1, true, false), (1, true, false), (1, true, true), (1, true, true)];
    assert_eq!(outlines(&records), expected);
    let summary = ledger.summary(None).await.unwrap().batches.remove(0);
    assert_eq!((summary.spent, summary.reserved), (MicroUsd(11), MicroUsd(0)));
    assert_eq!(summary.calls, 1, "one request left the machine");
}

pub(super) async fn an_unknown_try_cannot_be_settled(place: &Place) {
    let ledger = place.connect();
    let call = call("j", "designer");
    ledger.open(open(&call, 1, "j")).await.unwrap();
    let error = ledger.settle(&call, 2, answered("x", 1)).await.unwrap_err();
    assert!(matches!(error, Error::Corrupt(_)), "{error}");
    let records = ledger.journal(Scope::Call(&call)).await.unwrap();
    assert_eq!(outlines(&records), [(1, false, false)]);
}

pub(super) async fn sums_follow_what_is_out_and_what_came_back(place: &Place) {
    let ledger = place.connect();
    ledger.add(&batch("b"), Addition::default()).await.unwrap();
    let sums = async || {
        let batch = ledger.summary(Some("b")).await.unwrap().batches.remove(0);
        (batch.calls, batch.reserved.0, batch.spent.0)
    };
    let (one, two) = (call("j", "one"), call("j", "two"));
    ledger.open(open(&one, 1, "j")).await.unwrap();
    ledger.open(open(&two, 1, "j")).await.unwrap();
    assert_eq!(sums().await, (2, 200, 0));
    ledger.open(open(&two, 1, "j")).await.unwrap();
    assert_eq!(sums().await, (2, 200, 0), "a try that was taken is not booked");
    ledger.settle(&one, 1, answered("x", 30)).await.unwrap();
    assert_eq!(sums().await, (2, 100, 30));
    ledger.settle(&two, 1, failed()).await.unwrap();
    assert_eq!(sums().await, (2, 0, 30));
    let unpriced = open(&two, 2, "j");
    ledger.open(call::Open { reserved: None, ..unpriced }).await.unwrap();
    assert_eq!(sums().await, (3, 0, 30));
}

pub(super) async fn records_are_found_by_call_job_and_batch(place: &Place) {
    let ledger = place.connect();
    let shared = call("shared:ff", "");
    let own = call("j2", "");
    ledger.open(open(&shared, 1, "j1")).await.unwrap();
    ledger.open(open(&own, 1, "j2")).await.unwrap();
    let mut elsewhere = open(&shared, 2, "j3");
    elsewhere.batch = "other".into();
    ledger.open(elsewhere).await.unwrap();
    let found = async |scope: Scope<'_>| {
        let records = ledger.journal(scope).await.unwrap();
        records.into_iter().map(|r| (r.open.job, r.open.r#try)).collect::<Vec<_>>()
    };
    let expect =
        |jobs: &[(&str, u32)]| jobs.iter().map(|&(job, n)| (job.to_owned(), n)).collect::<Vec<_>>();
    assert_eq!(found(Scope::Call(&shared)).await, expect(&[("j1", 1), ("j3", 2)]));
    assert_eq!(found(Scope::Job("j1")).await, expect(&[("j1", 1)]));
    assert_eq!(found(Scope::Batch("b")).await, expect(&[("j1", 1), ("j2", 1)]));
    assert_eq!(found(Scope::Batch("other")).await, expect(&[("j3", 2)]));
    assert_eq!(found(Scope::Job("nobody")).await, expect(&[]));
    let mut question = own.clone();
    question.ask = 2;
    assert_eq!(found(Scope::Call(&question)).await, expect(&[]));
}

pub(super) async fn one_of_eight_writers_is_first(place: &Place) {
    let call = call("shared:ff", "");
    let openers: Vec<_> = (0..8)
        .map(|n| {
            let (ledger, call) = (place.connect(), call.clone());
            tokio::spawn(async move {
                let opened = ledger.open(open(&call, 1, &format!("j{n}"))).await.unwrap();
                ledger.open(open(&call, 2 + n, "j")).await.unwrap();
                let settled = ledger.settle(&call, 2 + n, answered(&n.to_string(), 1)).await;
                (opened == Opened::First, settled.unwrap() == Settled::First)
            })
        })
        .collect();
    let mut firsts = (0, 0);
    for opener in openers {
        let (opened, settled) = opener.await.unwrap();
        firsts = (firsts.0 + i32::from(opened), firsts.1 + i32::from(settled));
    }
    assert_eq!(firsts, (1, 1));
    let records = place.connect().journal(Scope::Call(&call)).await.unwrap();
    assert_eq!(records.len(), 9);
    assert_eq!(records.iter().filter(|record| record.duplicate).count(), 7);
}
