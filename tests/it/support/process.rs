//! Processes of a test, and waiting for what they do.

use std::ops::{Deref, DerefMut};
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

/// A process that does not outlive the test, however that ends.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl From<Child> for Process {
    fn from(child: Child) -> Self {
        Self(child)
    }
}

impl Deref for Process {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for Process {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Mostly it has ended before.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Waits for a process to end, and tells how.
pub(crate) fn ended(process: impl Into<Process>, patience: Duration) -> ExitStatus {
    let mut process: Process = process.into();
    wait_until("the process ends", patience, || process.try_wait().unwrap().is_some());
    process.wait().unwrap()
}

/// Waits for something that another process does; fails when it takes too long.
pub(crate) fn wait_until(
    what: &str,
    patience: Duration,
    mut is_so: impl FnMut() -> bool,
) -> Duration {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < patience, "in {patience:?}: {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
    started.elapsed()
}

/// What a process has used of the processors so far; none if it is gone.
pub(crate) fn cpu_seconds(process: u32) -> Option<f64> {
    /// Linux reports a hundredth of a second a tick.
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / TICKS)
}
