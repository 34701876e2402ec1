//! How long to wait before trying again. Chance comes in as an argument.
//!
//! Full jitter: the delay is anywhere between nothing and the bound, so that a thousand jobs
//! that failed together do not come back together.

use std::time::Duration;

/// Bound on the delay after a job's first failed attempt; doubled with each further one.
pub const ATTEMPT_DELAY_BASE: Duration = Duration::from_secs(5);
/// No job waits longer than this.
pub const ATTEMPT_DELAY_MAX: Duration = Duration::from_mins(5);
/// How many requests one call may cost within one attempt.
pub const CALL_TRIES_MAX: u32 = 4;
/// Bound on the delay after a call's first failed try; doubled with each further one.
pub const CALL_DELAY_BASE: Duration = Duration::from_millis(500);
/// No back-off between two tries of a call is longer than this.
pub const CALL_DELAY_MAX: Duration = Duration::from_secs(8);
/// The longest wait that is spent holding a job's slot because a service asked for it.
pub const CALL_WAIT_MAX: Duration = Duration::from_secs(30);

/// Bound on the pause before a ledger that was away once is asked again; doubled with each further
/// time.
pub const LEDGER_DELAY_BASE: Duration = Duration::from_millis(200);
/// A ledger that is back is found within this time.
pub const LEDGER_DELAY_MAX: Duration = Duration::from_secs(2);

/// How long a job waits after its `attempt`-th failed attempt (from 1).
///
/// A pure function of its arguments: `random` out of `u32::MAX` parts of [`attempt_delay_max`].
pub fn attempt_delay(attempt: u32, random: u32) -> Duration {
    jittered(attempt_delay_max(attempt), random)
}

/// The longest that a job waits after its `attempt`-th failed attempt (from 1).
pub fn attempt_delay_max(attempt: u32) -> Duration {
    bound(ATTEMPT_DELAY_BASE, ATTEMPT_DELAY_MAX, attempt)
}

/// How long to wait before the next try of a call whose `try`-th (from 1) has just failed, or
/// none: the tries are used up, or the service asks for more patience than a slot is held for.
///
/// A wait the service asked for is never shortened.
pub fn call_delay(r#try: u32, random: u32, retry_after: Option<Duration>) -> Option<Duration> {
    if r#try >= CALL_TRIES_MAX {
        return None;
    }
    let back_off = jittered(bound(CALL_DELAY_BASE, CALL_DELAY_MAX, r#try), random);
    match retry_after {
        None => Some(back_off),
        Some(asked) if asked <= CALL_WAIT_MAX => Some(asked.max(back_off)),
        Some(_) => None,
    }
}

/// How long to wait for a ledger that was away so many times in a row (from 1). Never nothing: who
/// waits for it asks again for ever.
pub fn ledger_delay(failures: u32, random: u32) -> Duration {
    let half = bound(LEDGER_DELAY_BASE, LEDGER_DELAY_MAX, failures) / 2;
    half + jittered(half, random)
}

/// `base` doubled for every try after the first, up to `max`.
fn bound(base: Duration, max: Duration, count: u32) -> Duration {
    let factor = 2_u32.saturating_pow(count.saturating_sub(1));
    base.saturating_mul(factor).min(max)
}

/// A share of `bound`: nothing for 0, all of it for `u32::MAX`.
fn jittered(bound: Duration, random: u32) -> Duration {
    let nanos = bound.as_nanos() * u128::from(random) / u128::from(u32::MAX);
    // At most `bound`, which is minutes; a u64 of nanoseconds holds five centuries.
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_bounds_double_up_to_the_cap() {
        let all = u32::MAX;
        let jobs: Vec<_> = (1..=8).map(|attempt| attempt_delay(attempt, all).as_secs()).collect();
        assert_eq!(jobs, [5, 10, 20, 40, 80, 160, 300, 300]);
        let calls: Vec<_> = (1..=4).map(|r#try| call_delay(r#try, all, None)).collect();
        let ms = |ms| Some(Duration::from_millis(ms));
        assert_eq!(calls, [ms(500), ms(1000), ms(2000), None]);
    }

    #[test]
    fn a_service_is_obeyed_as_long_as_a_slot_may_wait() {
        let check = |asked: f64, expected: Option<f64>| {
            let delay = call_delay(1, u32::MAX, Some(Duration::from_secs_f64(asked)));
            assert_eq!(delay, expected.map(Duration::from_secs_f64), "{asked} s");
        };
        check(0.0, Some(0.5));
        check(7.0, Some(7.0));
        check(30.0, Some(30.0));
        check(30.001, None);
    }

    proptest! {
        #[test]
        fn delays_stay_within_their_bounds(count in any::<u32>(), random in any::<u32>()) {
            prop_assert!(attempt_delay(count, random) <= attempt_delay_max(count));
            prop_assert!(attempt_delay_max(count) <= ATTEMPT_DELAY_MAX);
            prop_assert_eq!(attempt_delay(count, random), attempt_delay(count, random));
            let delay = call_delay(count, random, None);
            prop_assert_eq!(delay.is_none(), count >= CALL_TRIES_MAX);
            prop_assert!(delay.unwrap_or_default() <= CALL_DELAY_MAX);
        }

        #[test]
        fn a_ledger_is_asked_again_soon_and_never_at_once(
            failures in 1..u32::MAX, random in any::<u32>(),
        ) {
            let delay = ledger_delay(failures, random);
            prop_assert!(delay >= LEDGER_DELAY_BASE / 2 && delay <= LEDGER_DELAY_MAX);
        }

        #[test]
        fn more_chance_is_more_delay_and_none_is_none(
            count in 1..4_u32, a in any::<u32>(), b in any::<u32>(),
        ) {
            let (less, more) = (a.min(b), a.max(b));
            prop_assert!(attempt_delay(count, less) <= attempt_delay(count, more));
            prop_assert!(call_delay(count, less, None) <= call_delay(count, more, None));
            prop_assert_eq!(attempt_delay(count, 0), Duration::ZERO);
        }

        #[test]
        fn nobody_comes_back_before_the_service_wants_it(
            count in 1..4_u32, random in any::<u32>(), asked_ms in 0..100_000_u64,
        ) {
            let asked = Duration::from_millis(asked_ms);
            match call_delay(count, random, Some(asked)) {
                Some(delay) => prop_assert!(delay >= asked && delay <= CALL_WAIT_MAX),
                None => prop_assert!(asked > CALL_WAIT_MAX),
            }
        }
    }
}
