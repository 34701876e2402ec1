//! How long a lease is surely ours, by a clock that nobody can set.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The holder's own view of its lease. A process that was stopped and goes on finds here that its
/// time is over, before it has heard from the ledger.
#[derive(Debug)]
pub struct Hold(Mutex<Instant>);

impl Hold {
    /// A lease that began at this moment.
    pub fn new(since: Instant, lease: Duration) -> Self {
        Self(Mutex::new(since + lease))
    }

    /// It was renewed; asked for at this moment.
    pub fn renewed(&self, asked: Instant, lease: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = asked + lease;
    }

    /// Whether nobody else can have taken it yet.
    pub fn is_sure(&self) -> bool {
        Instant::now() < *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_sure_until_its_time_is_over_and_again_once_renewed() {
        let lease = Duration::from_secs(10);
        let Some(long_ago) = Instant::now().checked_sub(lease * 2) else { return };
        let hold = Hold::new(long_ago, lease);
        assert!(!hold.is_sure());
        hold.renewed(Instant::now(), lease);
        assert!(hold.is_sure());
    }
}
