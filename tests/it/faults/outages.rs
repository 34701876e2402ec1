//! The Redis restarts, hangs, is full, follows another one or is still reading its files.

use super::night::{Night, last};
use super::scene::{CALLS, Store};
use super::{Line, is_long, seeds};
use rustix::process::Signal;
use std::time::Duration;

/// Longer than a single call tries again before it calls the ledger away.
const AWAY_S: f64 = 5.0;
/// Longer than a lease.
const HUNG_S: f64 = 12.0;
const HUNG_LONG_S: f64 = 30.0;
/// Work goes on within this time after the Redis is well again.
const RECOVERY_MAX: Duration = Duration::from_secs(15);
/// Keys of somebody else, enough for a server that starts to answer LOADING meanwhile.
const FOREIGN_KEYS: usize = 20_000;
/// How long a server takes over each key when it is told to start slowly: ten seconds in all.
const KEY_LOAD_DELAY_US: &str = "500";

/// Strikes one night a seed, and tells how it went.
fn suffer(store: Store, fault: &str, hit: impl Fn(&mut Night)) -> Line {
    let mut line = Line::default();
    for seed in seeds() {
        let mut night = Night::of(seed, 2, 0);
        night.strike(&mut line, &hit);
        night.assert_told();
        night.end(&mut line);
    }
    line.print(store, fault);
    assert!(line.worst_recovery.unwrap_or_default() <= RECOVERY_MAX, "{line:?}");
    line
}

/// Ends the Redis in this way, and starts it again after some seconds.
fn restart(store: Store, fault: &str, fsync: &'static str, signal: Signal) -> Line {
    suffer(store, fault, |night| {
        let redis = night.scene.redis_mut();
        redis.configure("appendfsync", fsync);
        redis.end_by(signal);
        last(AWAY_S);
        night.scene.redis_mut().start_again(&["--appendfsync", fsync]);
    })
}

pub(super) fn f5_a_redis_that_restarts_in_good_order_costs_nothing(store: Store) {
    for fsync in ["everysec", "always"] {
        let fault = format!("F5 Redis restarted, SIGTERM, AOF {fsync}");
        let line = restart(store, &fault, fsync, Signal::TERM);
        assert_eq!(line.repeated, 0, "{line:?}");
    }
}

pub(super) fn f5_a_redis_that_is_killed_loses_no_more_than_it_says(store: Store) {
    let line = restart(store, "F5 Redis restarted, kill -9, AOF always", "always", Signal::KILL);
    assert_eq!(line.repeated, 0, "{line:?}");
    let fault = "F5 Redis restarted, kill -9, AOF everysec";
    let line = restart(store, fault, "everysec", Signal::KILL);
    // A second of what it acknowledged may be gone, and with it answers that were paid for.
    assert!(line.repeated <= line.strikes * 2 * CALLS, "{line:?}");
}

pub(super) fn f7_a_redis_that_is_full_is_waited_for(store: Store) {
    let line = suffer(store, "F7 Redis out of memory", |night| {
        night.scene.redis_mut().configure("maxmemory", "1");
        last(AWAY_S);
        night.scene.redis_mut().configure("maxmemory", "0");
    });
    assert_eq!(line.repeated, 0, "{line:?}");
}

pub(super) fn f8_a_redis_that_takes_no_writes_is_waited_for(store: Store) {
    let line = suffer(store, "F8 Redis READONLY", |night| {
        // Nobody listens there, so it keeps what it has and refuses what is new.
        night.scene.redis_mut().tell(&["REPLICAOF", "127.0.0.1", "1"]);
        last(AWAY_S);
        night.scene.redis_mut().tell(&["REPLICAOF", "NO", "ONE"]);
    });
    assert_eq!(line.repeated, 0, "{line:?}");
}

pub(super) fn f8_a_redis_that_is_still_loading_is_waited_for(store: Store) {
    let line = suffer(store, "F8 Redis LOADING", |night| {
        let redis = night.scene.redis_mut();
        redis.fill(FOREIGN_KEYS);
        redis.stop();
        redis.start_again(&["--key-load-delay", KEY_LOAD_DELAY_US]);
    });
    assert_eq!(line.repeated, 0, "{line:?}");
}

pub(super) fn f9_a_redis_that_hangs_past_the_leases_is_waited_for(store: Store) {
    let seconds = if is_long() { HUNG_LONG_S } else { HUNG_S };
    let line = suffer(store, &format!("F9 Redis hung {seconds} s"), |night| {
        night.scene.redis_mut().signal(Signal::STOP);
        last(seconds);
        night.scene.redis_mut().signal(Signal::CONT);
    });
    assert_eq!(line.repeated, 0, "{line:?}");
}
