//! Everything that goes wrong in a night, done on purpose: real processes on one ledger file, a
//! real provider server whose own log is the witness, and the result files as the other one.
//!
//! Each fault prints one line of a table. The schedules are seeded: `tests/faults --long --seed N`
//! repeats one, and runs many more of them than the usual test command does.

mod checker;
mod disk;
mod inputs;
mod killing;
mod poison;
mod provider;
mod scene;
mod steering;

use std::time::Duration;

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
    kills: usize,
    lost: usize,
    doubled: usize,
    repeated: usize,
    worst_recovery: Option<Duration>,
}

impl Line {
    fn print(&self, fault: &str) {
        let Self { schedules, kills, lost, doubled, repeated, worst_recovery } = self;
        let recovery =
            worst_recovery.map_or("-".to_owned(), |d| format!("{:.1} s", d.as_secs_f64()));
        println!(
            "{fault}: {schedules} schedules, {kills} kills, {lost} lost, {doubled} doubled, \
             {repeated} repeated, worst recovery {recovery}"
        );
    }
}

/// Waits for something that another process does; fails when it takes too long.
fn wait_until(what: &str, patience: Duration, mut is_so: impl FnMut() -> bool) -> Duration {
    let started = std::time::Instant::now();
    while !is_so() {
        assert!(started.elapsed() < patience, "in {patience:?}: {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
    started.elapsed()
}
