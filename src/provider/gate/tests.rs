//! On paused time: a wait takes as long as the clock is turned on, and no longer.

use super::*;
use proptest::prelude::*;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use tokio::time::{advance, timeout};

const RATE_LIMITED: Class = Class::RateLimited;

/// The permit, if it is to be had without waiting.
fn now_or_never(waiting: Pin<&mut impl Future<Output = Permit>>) -> Option<Permit> {
    match waiting.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(permit) => Some(permit),
        Poll::Pending => None,
    }
}

fn take(gate: &Gate, lane: &str) -> Option<Permit> {
    now_or_never(pin!(gate.permit(lane)))
}

/// As many permits of a lane as there are without waiting.
fn take_all(gate: &Gate, lane: &str) -> Vec<Permit> {
    std::iter::from_fn(|| take(gate, lane)).collect()
}

#[tokio::test(start_paused = true)]
async fn no_more_requests_than_allowed_over_all_lanes() {
    let gate = Gate::new(3);
    let first = take(&gate, "a").unwrap();
    let rest = [take(&gate, "b").unwrap(), take(&gate, "a").unwrap()];
    assert!(take(&gate, "c").is_none());
    assert_eq!((gate.in_flight(), gate.waiting()), (3, 0));
    drop(first);
    assert!(take(&gate, "c").is_some(), "a dropped permit is free again");
    drop(rest);
    assert_eq!(gate.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_came_first_goes_first_and_who_left_holds_nobody_up() {
    let gate = Gate::new(1);
    let running = take(&gate, "a").unwrap();
    let mut first = Box::pin(gate.permit("a"));
    let mut second = Box::pin(gate.permit("b"));
    let mut third = Box::pin(gate.permit("a"));
    assert!(now_or_never(first.as_mut()).is_none());
    assert!(now_or_never(second.as_mut()).is_none());
    assert!(now_or_never(third.as_mut()).is_none());
    assert_eq!(gate.waiting(), 3);
    drop(first);
    drop(running);
    assert!(now_or_never(third.as_mut()).is_none(), "the second is before the third");
    let second = now_or_never(second.as_mut()).unwrap();
    second.report(Ok(()));
    assert!(now_or_never(third.as_mut()).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_place_given_up_at_the_moment_of_admission_goes_to_the_next() {
    let gate = Gate::new(1);
    let running = take(&gate, "a").unwrap();
    let mut first = Box::pin(gate.permit("a"));
    let mut second = Box::pin(gate.permit("a"));
    assert!(now_or_never(first.as_mut()).is_none());
    assert!(now_or_never(second.as_mut()).is_none());
    drop(running);
    assert_eq!(gate.in_flight(), 1, "the first was admitted and has not noticed");
    drop(first);
    assert!(now_or_never(second.as_mut()).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_refusals_halves_the_lane_once_and_only_that_lane() {
    let gate = Gate::new(16);
    let burst = take_all(&gate, "a");
    assert_eq!(burst.len(), 16);
    for permit in burst {
        permit.report(Err((RATE_LIMITED, None)));
    }
    let held = take_all(&gate, "a");
    assert_eq!(held.len(), 8, "sixteen refusals of one burst are one cut");
    assert_eq!(take_all(&gate, "b").len(), 8, "the other lane has what is left");
    for permit in held {
        permit.report(Err((RATE_LIMITED, None)));
    }
    assert_eq!(take_all(&gate, "a").len(), 4, "the next burst is a new one");
}

#[tokio::test(start_paused = true)]
async fn a_lane_recovers_one_by_one_and_never_dies() {
    let gate = Gate::new(4);
    for _ in 0..5 {
        take(&gate, "a").unwrap().report(Err((RATE_LIMITED, None)));
    }
    assert_eq!(take_all(&gate, "a").len(), 1);
    for limit in [2, 3, 4, 4] {
        for _ in 0..SUCCESSES_PER_STEP {
            take(&gate, "a").unwrap().report(Ok(()));
        }
        assert_eq!(take_all(&gate, "a").len(), limit);
    }
}

#[tokio::test(start_paused = true)]
async fn other_failures_and_silence_do_not_change_the_limit() {
    let gate = Gate::new(4);
    for class in [Class::Transient, Class::BadReply, Class::AuthRejected] {
        take(&gate, "a").unwrap().report(Err((class, None)));
    }
    drop(take(&gate, "a"));
    assert_eq!(take_all(&gate, "a").len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_closed_lane_opens_on_time_and_lets_others_pass() {
    let gate = Gate::new(2);
    let (almost, rest) = (Duration::from_secs(6), Duration::from_secs(1));
    let wait = almost + rest;
    take(&gate, "a").unwrap().report(Err((RATE_LIMITED, Some(wait))));
    let start = Instant::now();
    let mut blocked = Box::pin(gate.permit("a"));
    assert!(now_or_never(blocked.as_mut()).is_none());
    assert!(take(&gate, "b").is_some());
    advance(almost).await;
    assert!(now_or_never(blocked.as_mut()).is_none());
    drop(blocked.await);
    assert_eq!(start.elapsed(), wait);
}

#[tokio::test(start_paused = true)]
async fn who_waits_already_when_the_lane_is_closed_is_woken_when_it_opens() {
    let gate = Gate::new(1);
    let running = take(&gate, "a").unwrap();
    let start = Instant::now();
    let waiter = tokio::spawn({
        let gate = gate.clone();
        async move { drop(gate.permit("a").await) }
    });
    tokio::task::yield_now().await;
    running.report(Err((Class::Transient, Some(Duration::from_secs(3)))));
    timeout(Duration::from_mins(1), waiter).await.expect("woken").unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn a_shorter_wait_does_not_open_a_lane_early() {
    let gate = Gate::new(2);
    let (one, two) = (take(&gate, "a").unwrap(), take(&gate, "a").unwrap());
    let start = Instant::now();
    one.report(Err((RATE_LIMITED, Some(Duration::from_secs(9)))));
    two.report(Err((RATE_LIMITED, Some(Duration::from_secs(1)))));
    drop(gate.permit("a").await);
    assert_eq!(start.elapsed(), Duration::from_secs(9));
}

#[test]
fn a_gate_of_nothing_still_lets_one_through() {
    assert_eq!(take_all(&Gate::new(0), "a").len(), 1);
}

/// One thing that can happen at the gate.
#[derive(Debug, Clone)]
enum Step {
    Ask(u8),
    Good(usize),
    Refused(usize),
    Drop(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..3_u8).prop_map(Step::Ask),
        any::<usize>().prop_map(Step::Good),
        any::<usize>().prop_map(Step::Refused),
        any::<usize>().prop_map(Step::Drop),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_the_books_balance(max in 1..6_usize, steps in prop::collection::vec(step(), 0..80)) {
        let gate = Gate::new(max);
        let mut held = Vec::new();
        for step in steps {
            let (index, end) = match step {
                Step::Ask(lane) => {
                    held.extend(take(&gate, &lane.to_string()));
                    prop_assert!(held.len() <= max);
                    prop_assert_eq!(gate.in_flight(), held.len());
                    continue;
                }
                Step::Good(index) => (index, Some(Ok(()))),
                Step::Refused(index) => (index, Some(Err((RATE_LIMITED, None)))),
                Step::Drop(index) => (index, None),
            };
            if held.is_empty() {
                continue;
            }
            let permit: Permit = held.swap_remove(index % held.len());
            match end {
                Some(outcome) => permit.report(outcome),
                None => drop(permit),
            }
            prop_assert_eq!(gate.in_flight(), held.len());
        }
        drop(held);
        prop_assert_eq!(gate.in_flight(), 0);
        prop_assert!(take(&gate, "0").is_some(), "a lane always lets at least one through");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lane_closed_by_others_lets_nobody_through_until_its_time_and_no_other_lane_waits() {
    let gate = Gate::new(3);
    gate.close("a", Duration::from_secs(5));
    assert!(take(&gate, "b").is_some());
    let mut waiting = Box::pin(gate.permit("a"));
    assert!(now_or_never(waiting.as_mut()).is_none());
    advance(Duration::from_millis(4999)).await;
    assert!(now_or_never(waiting.as_mut()).is_none());
    advance(Duration::from_millis(1)).await;
    assert!(timeout(Duration::from_millis(1), waiting).await.is_ok());
}
