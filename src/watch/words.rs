//! The newest words spoken, for one line of a screen.

use crate::domain::event::{Event, EventKind};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Characters of the newest words that are remembered: more than a line holds.
const TAIL_MAX: usize = 240;

/// Who spoke last, and the end of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spoken {
    pub job: String,
    pub stage: String,
    /// Empty: the stage has no seat, as when a picture is described.
    pub seat: String,
    /// The last words.
    pub tail: String,
}

impl Spoken {
    /// The seat, or the stage where nobody sits.
    pub fn who(&self) -> &str {
        if self.seat.is_empty() { &self.stage } else { &self.seat }
    }
}

/// Hears everything that is said and remembers the newest of it.
#[derive(Debug, Default)]
pub struct Words(Mutex<Option<Spoken>>);

impl Words {
    /// Hears an event; what is no speech is passed over.
    pub fn hear(&self, event: &Event) {
        let is_delta = event.event == EventKind::Delta;
        if !is_delta && event.event != EventKind::Turn || event.text.is_empty() {
            return;
        }
        let mut newest = self.lock();
        let goes_on = newest.as_ref().is_some_and(|spoken| {
            is_delta
                && event.offset > 0
                && spoken.job == event.job
                && spoken.stage == event.stage
                && spoken.seat == event.seat
        });
        let mut spoken = newest.take().filter(|_| goes_on).unwrap_or_else(|| Spoken {
            job: event.job.clone(),
            stage: event.stage.clone(),
            seat: event.seat.clone(),
            tail: String::new(),
        });
        spoken.tail.push_str(&event.text);
        let surplus = spoken.tail.chars().count().saturating_sub(TAIL_MAX);
        spoken.tail = spoken.tail.chars().skip(surplus).collect();
        *newest = Some(spoken);
    }

    /// Who spoke last, and the end of it.
    pub fn newest(&self) -> Option<Spoken> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Spoken>> {
        // Nothing in here can panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::watch) fn event(kind: EventKind, seat: &str, offset: u64, text: &str) -> Event {
        Event {
            seq: 0,
            at: 0,
            batch: "night".into(),
            job: "1".into(),
            event: kind,
            stage: "discuss".into(),
            round: 1,
            seat: seat.into(),
            offset,
            text: text.into(),
        }
    }

    #[test]
    fn the_newest_words_are_those_of_who_spoke_last() {
        let words = Words::default();
        let check = |kind, seat, offset, text: &str, expected: (&str, &str)| {
            words.hear(&event(kind, seat, offset, text));
            let newest = words.newest().unwrap();
            assert_eq!((newest.who(), newest.tail.as_str()), expected);
        };
        check(EventKind::Delta, "craftsman", 0, "I see ", ("craftsman", "I see "));
        check(EventKind::Delta, "craftsman", 6, "红纸", ("craftsman", "I see 红纸"));
        check(EventKind::StageStarted, "", 0, "", ("craftsman", "I see 红纸"));
        check(EventKind::Delta, "designer", 0, "And I", ("designer", "And I"));
        check(EventKind::Delta, "designer", 0, "Again", ("designer", "Again"));
        check(EventKind::Turn, "", 0, "whole", ("discuss", "whole"));
        words.hear(&event(EventKind::Delta, "designer", 9, &"字".repeat(1000)));
        assert_eq!(words.newest().unwrap().tail.chars().count(), TAIL_MAX);
    }
}
