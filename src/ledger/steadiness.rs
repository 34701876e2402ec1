//! Telling an outage of the ledger from a worker's death.

/// How long the ledger has answered this process without a gap: while it was away nobody could
/// renew, so nobody's lease may be taken for having run out then.
#[derive(Debug, Default)]
pub(in crate::ledger) struct Steadiness {
    run: Option<Run>,
}

#[derive(Debug)]
struct Run {
    since: i64,
    last: i64,
}

impl Steadiness {
    /// Notes an answer at this time; whether the run without gaps is one lease long by now.
    pub(in crate::ledger) fn answered(&mut self, now: i64, lease_ms: i64) -> bool {
        let run = match self.run.take() {
            Some(run) if now - run.last <= lease_ms => Run { last: now, ..run },
            Some(_) | None => Run { since: now, last: now },
        };
        now - self.run.insert(run).since >= lease_ms
    }
}
