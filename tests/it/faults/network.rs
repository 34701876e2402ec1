//! The network between workers and Redis: reset, cut both ways or one way, slow.

use super::night::{Night, last};
use super::scene::{CALLS, Store};
use super::{Dice, Line, is_long, seeds};
use crate::support::proxy::{Proxy, Weather};
use std::time::Duration;

/// Longer than a lease and the sweep behind it.
const CUT_S: f64 = 14.0;
/// Work goes on within this time after the network is well again.
const RECOVERY_MAX: Duration = Duration::from_secs(15);
/// What a packet takes on a slow link, one way.
const SLOW: Duration = Duration::from_millis(60);

pub(super) fn f6_resets_again_and_again_lose_nothing(store: Store) {
    let mut line = Line::default();
    for seed in seeds() {
        let mut dice = Dice::new(seed);
        let mut night = Night::of(seed, 2, 2);
        for _ in 0..if is_long() { 20 } else { 6 } {
            night.strike(&mut line, |night| night.ways.iter().for_each(Proxy::reset));
            last(f64::from(u32::try_from(dice.below(500)).unwrap()) / 1000.0);
        }
        night.end(&mut line);
    }
    line.print(store, "F6 TCP resets");
    assert_eq!(line.repeated, 0, "{line:?}");
    assert!(line.worst_recovery.unwrap_or_default() <= RECOVERY_MAX, "{line:?}");
}

/// Cuts one of two workers off for longer than its leases last.
fn cut_off(store: Store, fault: &str, weather: Weather) {
    let mut line = Line::default();
    for seed in seeds() {
        let mut night = Night::of(seed, 2, 1);
        night.strike(&mut line, |night| {
            night.ways[0].turn(weather);
            last(CUT_S);
            night.ways[0].turn(Weather::FAIR);
        });
        night.assert_told();
        night.end(&mut line);
    }
    line.print(store, fault);
    // The others ask again for what was on its way to the one who could not tell of it.
    assert!(line.repeated <= line.strikes * CALLS, "{line:?}");
}

pub(super) fn f11_a_worker_that_is_cut_off_doubles_nothing(store: Store) {
    cut_off(store, "F11 one worker cut off both ways", Weather::SILENT);
}

pub(super) fn f11_a_worker_that_is_heard_and_hears_nothing_doubles_nothing(store: Store) {
    cut_off(store, "F11 one worker hears nothing", Weather::DEAF);
}

pub(super) fn f20_a_slow_link_is_only_slow(store: Store) {
    let mut line = Line::default();
    for seed in seeds() {
        let mut night = Night::of(seed, 2, 2);
        night.strike(&mut line, |night| {
            night.ways.iter().for_each(|way| way.turn(Weather::slow(SLOW)));
        });
        night.end(&mut line);
    }
    line.print(store, "F20 slow link, 60 ms a packet each way");
    assert_eq!(line.repeated, 0, "{line:?}");
}
