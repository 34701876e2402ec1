//! Telling once that the ledger is away, and once that it is back.
//!
//! A night's outage meets every heartbeat, claim and renewal; a person wants to read two lines.

use super::Absence;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The outages of one ledger as this process meets them. Connections to it share one.
#[derive(Debug, Default)]
pub(in crate::ledger) struct Outage(Mutex<Option<Began>>);

#[derive(Debug)]
struct Began {
    at: Instant,
    /// It answers questions and takes no writes: an answer alone is no end of that.
    refuses_writes: bool,
}

impl Outage {
    /// Notes that it did not answer; whether this is news.
    pub(in crate::ledger) fn begin(&self, absence: Absence) -> bool {
        let refuses_writes = absence.refuses_writes();
        let mut began = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &mut *began {
            known.refuses_writes |= refuses_writes;
            return false;
        }
        *began = Some(Began { at: Instant::now(), refuses_writes });
        true
    }

    /// Notes an answer; how long the outage was that has ended with it.
    pub(in crate::ledger) fn answered(&self) -> Option<Duration> {
        self.end(|began| !began.refuses_writes)
    }

    /// Notes that something was written; how long the outage was that has ended with it.
    pub(in crate::ledger) fn wrote(&self) -> Option<Duration> {
        self.end(|_| true)
    }

    fn end(&self, is_over: impl Fn(&Began) -> bool) -> Option<Duration> {
        let mut began = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Some(began.take_if(|began| is_over(began))?.at.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_news_once_and_its_end_is_news_once() {
        let outage = Outage::default();
        assert!(outage.answered().is_none(), "there was none");
        assert!(outage.begin(Absence::Silent));
        assert!(!outage.begin(Absence::Silent));
        assert!(outage.answered().is_some());
        assert!(outage.answered().is_none());
        assert!(outage.begin(Absence::Silent), "the next one is news again");
    }

    #[test]
    fn a_ledger_that_takes_no_writes_is_not_back_because_it_answers_a_question() {
        let outage = Outage::default();
        for absence in [Absence::Full, Absence::Follower, Absence::DiskFailing] {
            assert!(outage.begin(Absence::Silent));
            assert!(!outage.begin(absence));
            assert!(outage.answered().is_none(), "{absence}");
            assert!(outage.wrote().is_some(), "{absence}");
        }
    }
}
