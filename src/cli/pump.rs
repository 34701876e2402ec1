//! Carries what a worker tells to those who look on: facts into the ledger, words to whoever
//! listens at the moment.

use crate::domain::event::{Event, EventKind};
use crate::ledger::Ledger;
use crate::watch::Words;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

/// How long events are gathered before they are written together.
const PAUSE: Duration = Duration::from_millis(50);
/// The pause after the ledger did not take them.
const RETRY_PAUSE: Duration = Duration::from_millis(500);
/// Facts that wait while the ledger is away; older ones are given up.
const KEPT_MAX: usize = 10_000;

/// Where a worker's events go.
#[derive(Debug)]
pub struct Pump {
    pub ledger: Arc<dyn Ledger>,
    /// The ledger passes words on to other machines. One that does not is not asked to.
    pub carries_words: bool,
    /// Who looks on in this process.
    pub words: Arc<Words>,
}

impl Pump {
    /// Runs until `over`, then writes what is left.
    pub async fn run(self, mut events: UnboundedReceiver<Event>, over: CancellationToken) {
        // What the ledger has not taken yet.
        let mut kept = Vec::new();
        let mut open = true;
        while open || !kept.is_empty() {
            let mut gathered = Vec::new();
            open = self.gather(&mut events, &over, &mut gathered).await;
            kept.append(&mut gathered);
            if !kept.is_empty() {
                kept = self.write(kept).await;
            }
        }
    }

    /// Gathers for a moment; false: nothing more comes.
    async fn gather(
        &self,
        events: &mut UnboundedReceiver<Event>,
        over: &CancellationToken,
        gathered: &mut Vec<Event>,
    ) -> bool {
        let pause = tokio::time::sleep(PAUSE);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => {
                        self.words.hear(&event);
                        if event.event != EventKind::Delta {
                            gathered.push(event);
                        } else if self.carries_words {
                            join(gathered, event);
                        }
                    }
                    None if gathered.is_empty() => {
                        // The last writing may have failed: the ledger gets its moment too.
                        pause.await;
                        return false;
                    }
                    None => return false,
                },
                () = over.cancelled(), if !events.is_closed() => events.close(),
                () = &mut pause => return true,
            }
        }
    }

    /// Gives events to the ledger, and back what it did not take. Words are said once.
    async fn write(&self, events: Vec<Event>) -> Vec<Event> {
        let facts = events.iter().filter(|event| event.event != EventKind::Delta);
        let mut facts: Vec<Event> = facts.cloned().collect();
        match self.ledger.events(events, None).await {
            Ok(_) => Vec::new(),
            Err(error) if error.may_pass() => {
                // That the ledger is away is told elsewhere, once.
                tracing::debug!(%error, events = facts.len(), "events wait for the ledger");
                tokio::time::sleep(RETRY_PAUSE).await;
                facts.drain(..facts.len().saturating_sub(KEPT_MAX));
                facts
            }
            Err(error) => {
                tracing::warn!(%error, "events could not be kept");
                Vec::new()
            }
        }
    }
}

/// Adds words to those that the same seat said just before.
fn join(gathered: &mut Vec<Event>, words: Event) {
    let same_turn = |event: &&mut Event| {
        event.job == words.job
            && event.stage == words.stage
            && event.round == words.round
            && event.seat == words.seat
    };
    let follows = |last: &Event| {
        last.event == EventKind::Delta
            && last.offset + last.text.chars().count() as u64 == words.offset
    };
    match gathered.iter_mut().rev().find(same_turn) {
        Some(last) if follows(last) => last.text.push_str(&words.text),
        Some(_) | None => gathered.push(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(seat: &str, offset: u64, text: &str) -> Event {
        Event {
            seq: 0,
            at: 0,
            batch: "b".into(),
            job: "1".into(),
            event: EventKind::Delta,
            stage: "story".into(),
            round: 1,
            seat: seat.into(),
            offset,
            text: text.into(),
        }
    }

    #[test]
    fn the_words_of_a_seat_travel_together() {
        let mut gathered = vec![];
        for (seat, offset, text) in
            [("a", 0, "红"), ("b", 0, "One"), ("a", 1, "纸"), ("b", 3, " two"), ("a", 0, "Again")]
        {
            join(&mut gathered, said(seat, offset, text));
        }
        let told: Vec<_> = gathered.iter().map(|e| (&*e.seat, e.offset, &*e.text)).collect();
        assert_eq!(told, [("a", 0, "红纸"), ("b", 0, "One two"), ("a", 0, "Again")]);
    }

    #[test]
    fn a_fact_between_words_stays_between_them() {
        let turn = Event { event: EventKind::Turn, ..said("a", 0, "one") };
        let mut gathered = vec![said("a", 0, "one"), turn];
        join(&mut gathered, said("a", 3, "two"));
        assert_eq!(gathered.len(), 3);
    }
}
