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
