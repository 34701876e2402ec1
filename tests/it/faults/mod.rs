//! Everything that goes wrong in a night, done on purpose: real processes on one ledger file or on
//! a Redis, a real provider server whose own log is the witness, and the result files as the other.
//!
//! Each fault prints one line of a table. The schedules are seeded: `tests/faults --long --seed N`
//! repeats one, and runs many more of them than the usual test command does.

mod checker;
mod disk;
mod hosts;
mod inputs;
mod killing;
mod mixed;
mod network;
mod night;
mod outages;
mod poison;
mod provider;
mod scene;
mod steering;
mod words;

use crate::support::process::wait_until;
use crate::support::redis::RedisServer;
use scene::Store;
use std::time::Duration;

macro_rules! faults {
    ($ledger:ident($store:expr): $($group:ident::$fault:ident),* $(,)?) => {
        mod $ledger {
            $(#[test]
            fn $fault() {
                if let Some(store) = $store {
                    super::$group::$fault(store);
                }
            })*
        }
    };
}

faults! { embedded(Some(super::Store::Embedded)):
    disk::f15_a_full_disk_under_the_exports_loses_nothing,
    disk::f15_a_full_disk_under_the_ledger_loses_nothing,
    disk::f18_a_ledger_whose_log_was_torn_opens_and_goes_on_where_it_was,
    disk::f18_torn_pictures_and_results_are_said_to_be_damaged_and_torn_exports_are_repaired,
    inputs::f14_inputs_that_are_no_pictures_are_refused_by_name_and_reason_and_the_rest_goes_in,
    inputs::f16_the_same_pictures_twice_at_once_or_interrupted_are_one_batch,
    inputs::f17_thousands_of_jobs_go_in_at_a_steady_pace_and_status_stays_quick,
    killing::f1_killed_workers_lose_nothing_and_their_jobs_run_again_soon,
    killing::f2_asked_once_a_worker_repeats_nothing_and_asked_twice_it_gives_back_at_once,
    killing::f3_a_new_worker_with_the_number_of_a_dead_one_is_not_taken_for_it,
    killing::f4_a_worker_that_wakes_up_late_doubles_nothing,
    poison::f13_a_job_that_panics_is_dead_after_three_times_and_hurts_nobody,
    poison::f13_a_job_that_aborts_is_dead_after_three_times_alone_and_hurts_nobody,
    poison::f13_a_job_that_overflows_the_stack_is_dead_after_three_times_alone,
    poison::f13_a_job_that_eats_memory_is_dead_after_three_times_alone,
    poison::f13_a_job_that_never_ends_is_dead_after_three_deadlines_alone,
    provider::f10_whatever_the_provider_does_the_results_are_the_same_and_no_answer_is_asked_for_again,
    steering::f22_a_batch_in_which_too_many_die_stops_and_goes_on_when_told,
    steering::f22_a_budget_is_never_overspent_and_a_larger_one_goes_on,
    steering::f22_a_paused_batch_finishes_what_runs_starts_nothing_and_goes_on_where_it_was,
    steering::f23_a_cancelled_job_is_hung_up_on_within_two_seconds_at_each_stage,
}

faults! { redis(super::redis_here()):
    disk::f18_a_ledger_whose_log_was_torn_opens_and_goes_on_where_it_was,
    inputs::f16_the_same_pictures_twice_at_once_or_interrupted_are_one_batch,
    inputs::f17_thousands_of_jobs_go_in_at_a_steady_pace_and_status_stays_quick,
    killing::f1_killed_workers_lose_nothing_and_their_jobs_run_again_soon,
    killing::f2_asked_once_a_worker_repeats_nothing_and_asked_twice_it_gives_back_at_once,
    killing::f3_a_new_worker_with_the_number_of_a_dead_one_is_not_taken_for_it,
    killing::f4_a_worker_that_wakes_up_late_doubles_nothing,
    hosts::f11_a_host_whose_cable_was_pulled_goes_on_when_it_is_back,
    hosts::hosts_in_network_namespaces_make_what_one_machine_makes,
    hosts::hosts_without_a_shared_folder_make_what_one_machine_makes,
    mixed::f12_workers_whose_clocks_are_an_hour_off_lose_and_double_nothing,
    mixed::f21_a_worker_older_than_the_ledger_refuses_and_touches_nothing,
    mixed::f24_whatever_happens_in_whatever_order_nothing_is_lost,
    network::f6_resets_again_and_again_lose_nothing,
    network::f11_a_worker_that_is_cut_off_doubles_nothing,
    network::f11_a_worker_that_is_heard_and_hears_nothing_doubles_nothing,
    network::f20_a_slow_link_is_only_slow,
    outages::f5_a_redis_that_restarts_in_good_order_costs_nothing,
    outages::f5_a_redis_that_is_killed_loses_no_more_than_it_says,
    outages::f7_a_redis_that_is_full_is_waited_for,
    outages::f8_a_redis_that_takes_no_writes_is_waited_for,
    outages::f8_a_redis_that_is_still_loading_is_waited_for,
    outages::f9_a_redis_that_hangs_past_the_leases_is_waited_for,
    poison::f13_a_job_that_panics_is_dead_after_three_times_and_hurts_nobody,
    poison::f13_a_job_that_aborts_is_dead_after_three_times_alone_and_hurts_nobody,
    poison::f13_a_job_that_overflows_the_stack_is_dead_after_three_times_alone,
    poison::f13_a_job_that_eats_memory_is_dead_after_three_times_alone,
    poison::f13_a_job_that_never_ends_is_dead_after_three_deadlines_alone,
    provider::f10_whatever_the_provider_does_the_results_are_the_same_and_no_answer_is_asked_for_again,
    steering::f22_a_batch_in_which_too_many_die_stops_and_goes_on_when_told,
    steering::f22_a_budget_is_never_overspent_and_a_larger_one_goes_on,
    steering::f22_a_paused_batch_finishes_what_runs_starts_nothing_and_goes_on_where_it_was,
    steering::f23_a_cancelled_job_is_hung_up_on_within_two_seconds_at_each_stage,
    words::words_are_heard_in_another_network_namespace_while_they_are_spoken,
    words::words_are_heard_on_another_host_while_they_are_spoken,
}

/// The Redis of a night, where this machine can start one.
fn redis_here() -> Option<Store> {
    RedisServer::start().map(|_| Store::Redis)
}

/// The seeds of this run: one for the test command, many for a long night.
fn seeds() -> Vec<u64> {
    let first = variable("TABLEROUND_FAULTS_SEED").unwrap_or(1);
    (first..first + variable("TABLEROUND_FAULTS_SCHEDULES").unwrap_or(1)).collect()
}

/// Whether the night is long.
fn is_long() -> bool {
    variable("TABLEROUND_FAULTS_SCHEDULES").is_some()
}

#[expect(clippy::disallowed_methods, reason = "how long to test, not a setting of the program")]
fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Pseudo-random numbers, the same for the same seed.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// One line of the table.
#[derive(Debug, Default)]
struct Line {
    schedules: usize,
    /// Kills, resets, outages: how often something was broken.
    strikes: usize,
    lost: usize,
    doubled: usize,
    repeated: usize,
    worst_recovery: Option<Duration>,
}

impl Line {
    fn print(&self, store: Store, fault: &str) {
        let Self { schedules, strikes, lost, doubled, repeated, worst_recovery } = self;
        let recovery =
            worst_recovery.map_or("-".to_owned(), |d| format!("{:.1} s", d.as_secs_f64()));
        println!(
            "{fault}, {store}: {schedules} schedules, {strikes} strikes, {lost} lost, {doubled} doubled, \
             {repeated} repeated, worst recovery {recovery}"
        );
    }
}
