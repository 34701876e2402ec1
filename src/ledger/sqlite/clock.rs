//! The ledger's time: the machine's, but never going backwards and never standing still.

use std::fmt;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Two clocks of one machine, read at the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Milliseconds since 1970: what people and other processes go by, and what may be set back.
    pub wall_ms: i64,
    /// Milliseconds since any fixed moment: nobody can set it.
    pub uptime_ms: i64,
}

/// Where readings come from.
pub type Ticks = Arc<dyn Fn() -> Reading + Send + Sync>;

/// The clocks of this machine.
pub(super) fn machine() -> Ticks {
    let start = Instant::now();
    let millis = |duration: std::time::Duration| {
        i64::try_from(duration.as_millis()).expect("the year is below 290 million")
    };
    Arc::new(move || Reading {
        wall_ms: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis),
        uptime_ms: millis(start.elapsed()),
    })
}

/// Ledger time in one process. What other processes have seen comes in as a floor.
pub(super) struct Clock {
    ticks: Ticks,
    last_ms: i64,
    uptime_ms: i64,
}

impl Clock {
    pub(super) fn new(ticks: Ticks) -> Self {
        let reading = ticks();
        Self { ticks, last_ms: reading.wall_ms, uptime_ms: reading.uptime_ms }
    }

    /// Milliseconds since 1970, at least `floor`. A wall clock that was set back is not followed:
    /// time goes on from where it was.
    pub(super) fn now(&mut self, floor: i64) -> i64 {
        let Reading { wall_ms, uptime_ms } = (self.ticks)();
        let passed = (uptime_ms - self.uptime_ms).max(0);
        self.last_ms = wall_ms.max(self.last_ms + passed).max(floor);
        self.uptime_ms = uptime_ms;
        self.last_ms
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("last_ms", &self.last_ms).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn time_follows_the_wall_forward_and_goes_on_when_it_is_set_back() {
        let reading = Arc::new(Mutex::new((1000, 0)));
        let shared = reading.clone();
        let mut clock = Clock::new(Arc::new(move || {
            let (wall_ms, uptime_ms) = *shared.lock().unwrap();
            Reading { wall_ms, uptime_ms }
        }));
        let mut check = |wall, uptime, floor, now| {
            *reading.lock().unwrap() = (wall, uptime);
            assert_eq!(clock.now(floor), now, "wall {wall}, uptime {uptime}, floor {floor}");
        };
        check(1010, 10, 0, 1010);
        check(9000, 20, 0, 9000);
        check(1030, 30, 0, 9010);
        check(1040, 40, 0, 9020);
        check(1050, 50, 9500, 9500);
        check(1060, 60, 0, 9510);
    }
}
