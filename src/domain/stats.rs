//! How calls went: counted, timed and added up by who was asked and what for.

use super::call::{Call, Class, Outcome, Record, Settle};
use super::cost::MicroUsd;
use std::collections::{BTreeMap, BTreeSet};

/// Who was asked, and in which stage.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lane {
    pub provider: String,
    pub model: String,
    pub stage: String,
}

/// What came of the calls of one lane, or of all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calls {
    /// Requests that left the machine.
    pub calls: u64,
    /// Requests that were tries of a question after its first.
    pub retries: u64,
    pub answered: u64,
    /// Answers that could not be read as what was asked for.
    pub unreadable: u64,
    /// Requests that ended in an error, by what it was.
    pub errors: BTreeMap<Class, u64>,
    /// Requests of which no end is known: out at this moment, or lost.
    pub open: u64,
    /// Answers to questions that were answered before: paid, kept, never used.
    pub duplicates: u64,
    pub tokens_in: u64,
    pub tokens_out: u64,
    /// The known part.
    pub cost: MicroUsd,
    /// Ends whose cost is not known.
    pub cost_unknown: u64,
    /// How long each request took that ended, in milliseconds.
    times: Vec<u64>,
}

impl Calls {
    /// Requests whose end is known.
    pub fn ended(&self) -> u64 {
        self.times.len() as u64
    }

    /// Answered requests out of 10 000 that ended; none where none did.
    pub fn answered_per_10_000(&self) -> Option<u64> {
        (self.ended() > 0).then(|| self.answered * 10_000 / self.ended())
    }

    /// The times at these percentiles, in milliseconds, by nearest rank: of all requests that ended,
    /// the shortest time that at least so many per cent took no longer than. Exact, no estimate.
    pub fn percentiles<const N: usize>(&self, per_cent: [usize; N]) -> [Option<u64>; N] {
        let mut times = self.times.clone();
        times.sort_unstable();
        per_cent.map(|p| {
            let rank = (times.len() * p).div_ceil(100).max(1);
            times.get(rank - 1).copied()
        })
    }

    /// Takes in what is known of one try; `is_request`: not another answer to the same one.
    fn add(&mut self, record: &Record, is_request: bool) {
        self.calls += u64::from(is_request);
        self.retries += u64::from(is_request && record.open.r#try > 1);
        match &record.settle {
            None => self.open += 1,
            Some(settle) => self.end(settle, record.duplicate),
        }
    }

    fn end(&mut self, settle: &Settle, duplicate: bool) {
        self.times.push(settle.ms);
        self.duplicates += u64::from(duplicate);
        match &settle.outcome {
            Outcome::Answered => self.answered += 1,
            Outcome::Unreadable { .. } => self.unreadable += 1,
            Outcome::Declined { class, .. } | Outcome::Failed { class, .. } => {
                *self.errors.entry(*class).or_default() += 1;
            }
        }
        self.tokens_in += settle.usage.tokens_in.unwrap_or(0);
        self.tokens_out += settle.usage.tokens_out.unwrap_or(0);
        match settle.cost {
            Some(cost) => self.cost += cost,
            None => self.cost_unknown += 1,
        }
    }

    /// Takes in all of another lane.
    pub fn merge(&mut self, other: &Self) {
        let Self { calls, retries, answered, unreadable, errors, open, duplicates, .. } = other;
        self.calls += calls;
        self.retries += retries;
        self.answered += answered;
        self.unreadable += unreadable;
        for (class, count) in errors {
            *self.errors.entry(*class).or_default() += count;
        }
        self.open += open;
        self.duplicates += duplicates;
        self.tokens_in += other.tokens_in;
        self.tokens_out += other.tokens_out;
        self.cost += other.cost;
        self.cost_unknown += other.cost_unknown;
        self.times.extend(&other.times);
    }
}

/// Calls by lane. Journals pass by one after another; none is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats(pub BTreeMap<Lane, Calls>);

impl Stats {
    /// Takes in what was asked on behalf of one job, as far as it left at or after `since`
    /// (milliseconds since 1970).
    pub fn add(&mut self, journal: &[Record], since: i64) {
        let mut seen: BTreeSet<(&Call, u32)> = BTreeSet::new();
        for record in journal.iter().filter(|record| record.opened_at >= since) {
            let open = &record.open;
            let lane = Lane {
                provider: open.provider.clone(),
                model: open.model_asked.clone(),
                stage: open.call.stage.clone(),
            };
            let is_request = seen.insert((&open.call, open.r#try));
            self.0.entry(lane).or_default().add(record, is_request);
        }
    }

    /// All lanes together.
    pub fn total(&self) -> Calls {
        let mut total = Calls::default();
        self.0.values().for_each(|calls| total.merge(calls));
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::call::Open;
    use proptest::prelude::*;

    fn record(stage: &str, r#try: u32, settle: Option<(Outcome, u64)>) -> Record {
        let call =
            Call { scope: "j".into(), stage: stage.into(), round: 1, seat: "s".into(), ask: 1 };
        let open = Open {
            call,
            r#try,
            request_sha256: "aa".into(),
            batch: "b".into(),
            job: "j".into(),
            worker: "w".into(),
            attempt: "t".into(),
            provider: "p".into(),
            model_asked: "m".into(),
            reserved: None,
        };
        let settle = settle.map(|(outcome, ms)| Settle {
            cost: (outcome == Outcome::Answered).then_some(MicroUsd(10)),
            ..Settle::without_reply(outcome, ms)
        });
        Record { open, opened_at: i64::from(r#try), settle, duplicate: false }
    }

    fn failed() -> Outcome {
        Outcome::Failed { class: Class::RateLimited, message: "busy".into() }
    }

    #[test]
    fn every_request_is_counted_once_by_what_came_of_it() {
        let duplicate =
            Record { duplicate: true, ..record("vote", 2, Some((Outcome::Answered, 9))) };
        let journal = [
            record("vote", 1, Some((failed(), 3))),
            record("vote", 2, Some((Outcome::Answered, 5))),
            duplicate,
            record("story", 1, None),
        ];
        let mut stats = Stats::default();
        stats.add(&journal, 0);
        assert_eq!(stats.0.len(), 2);
        let total = stats.total();
        assert_eq!((total.calls, total.retries, total.ended(), total.open), (3, 1, 3, 1));
        assert_eq!((total.answered, total.duplicates, total.cost_unknown), (2, 1, 1));
        assert_eq!(total.errors, BTreeMap::from([(Class::RateLimited, 1)]));
        assert_eq!(total.cost, MicroUsd(20), "what was paid twice cost twice");
        assert_eq!(total.answered_per_10_000(), Some(6666));
        let mut later = Stats::default();
        later.add(&journal, 2);
        assert_eq!(later.total().calls, 1);
    }

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let check = |times: &[u64], expected: [Option<u64>; 3]| {
            let calls = Calls { times: times.to_vec(), ..Calls::default() };
            assert_eq!(calls.percentiles([50, 95, 99]), expected, "{times:?}");
        };
        check(&[], [None; 3]);
        check(&[7], [Some(7); 3]);
        check(&[4, 1, 3, 2], [Some(2), Some(4), Some(4)]);
        let hundred: Vec<u64> = (1..=100).rev().collect();
        check(&hundred, [Some(50), Some(95), Some(99)]);
    }

    proptest! {
        #[test]
        fn at_least_so_many_per_cent_took_no_longer_and_no_shorter_time_would_do(
            times in prop::collection::vec(0..500_u64, 1..200), p in 1..=100_usize,
        ) {
            let calls = Calls { times: times.clone(), ..Calls::default() };
            let [found] = calls.percentiles([p]);
            let found = found.unwrap();
            let share = |limit: u64| times.iter().filter(|ms| **ms <= limit).count() * 100;
            prop_assert!(share(found) >= p * times.len());
            prop_assert!(found == 0 || share(found - 1) < p * times.len());
        }
    }
}
