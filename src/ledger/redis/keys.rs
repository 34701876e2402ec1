//! The names of all keys. Each begins with the queue's name as hash tag, so that one script may
//! touch all of them in a cluster too, and so that foreign keys are never met.

use crate::domain::job::StateName;

/// Makes the keys of one queue.
#[derive(Debug)]
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    pub(super) fn of(queue: &str) -> Self {
        Self { prefix: format!("{{{queue}}}:") }
    }

    fn named(&self, kind: &str) -> String {
        format!("{}{kind}", self.prefix)
    }

    fn of_one(&self, kind: &str, name: &str) -> String {
        format!("{}{kind}:{name}", self.prefix)
    }

    /// String: the version of everything stored.
    pub(super) fn schema(&self) -> String {
        self.named("schema")
    }

    /// String: grows with every addition; additions of several producers take turns by it.
    pub(super) fn additions(&self) -> String {
        self.named("additions")
    }

    /// Sorted set of batch names by their number, the oldest lowest.
    pub(super) fn batches(&self) -> String {
        self.named("batches")
    }

    /// Set of the batches that have queued or waiting jobs; it may hold one too many.
    pub(super) fn open_batches(&self) -> String {
        self.named("open")
    }

    /// Hash: the batch's document, counters and sums.
    pub(super) fn batch(&self, batch: &str) -> String {
        self.of_one("batch", batch)
    }

    /// List of a batch's rows by index: ids of jobs and aliases.
    pub(super) fn rows(&self, batch: &str) -> String {
        self.of_one("rows", batch)
    }

    /// Set: digests of a batch's rows as they were given.
    pub(super) fn known(&self, batch: &str) -> String {
        self.of_one("known", batch)
    }

    /// Hash: a batch's refused inputs by digest.
    pub(super) fn rejected(&self, batch: &str) -> String {
        self.of_one("rejected", batch)
    }

    /// Sorted set of a batch's jobs that may be claimed, by priority and index.
    pub(super) fn ready(&self, batch: &str) -> String {
        self.of_one("ready", batch)
    }

    /// Sorted set of a batch's jobs in a state, by index. Queued ones are in [`Self::ready`].
    pub(super) fn state(&self, batch: &str, state: StateName) -> String {
        self.of_one(state.as_str(), batch)
    }

    /// Sorted set of a batch's alias rows, by index.
    pub(super) fn aliases(&self, batch: &str) -> String {
        self.of_one("aliases", batch)
    }

    /// String: a job's version, then its document.
    pub(super) fn job(&self, id: &str) -> String {
        self.of_one("job", id)
    }

    /// String: an alias row's document.
    pub(super) fn alias(&self, id: &str) -> String {
        self.of_one("alias", id)
    }

    /// Hash: ids of the jobs that have a fingerprint, the oldest first.
    pub(super) fn fingerprints(&self) -> String {
        self.named("fingerprints")
    }

    /// Sorted set of running jobs by the end of their lease.
    pub(super) fn leases(&self) -> String {
        self.named("leases")
    }

    /// Sorted set of jobs whose delay is not known to be over, by its end.
    pub(super) fn waits(&self) -> String {
        self.named("waits")
    }

    /// Hash: what was asked under a scope, all tries of a question in one field; or, folded, the one
    /// field without a name.
    pub(super) fn calls(&self, scope: &str) -> String {
        self.of_one("calls", scope)
    }

    /// Set: where the records of what a job asked outside its own scope are.
    pub(super) fn asked_elsewhere(&self, job: &str) -> String {
        self.of_one("asked", job)
    }

    /// Set of the jobs on whose behalf something was asked in a batch.
    pub(super) fn askers(&self, batch: &str) -> String {
        self.of_one("askers", batch)
    }

    /// Set of shared scopes that jobs asked whose batch is gone.
    pub(super) fn strays(&self) -> String {
        self.named("strays")
    }

    /// Set: lists of jobs whose batch is gone and whose own keys are being removed.
    pub(super) fn going(&self) -> String {
        self.named("going")
    }

    /// List of ids of rows whose batch is gone.
    pub(super) fn gone(&self, list: &str) -> String {
        self.of_one("gone", list)
    }

    /// Hash: workers by name.
    pub(super) fn workers(&self) -> String {
        self.named("workers")
    }

    /// Hash: blocks by resource.
    pub(super) fn blocks(&self) -> String {
        self.named("blocks")
    }

    /// Stream of events; an entry's number is the second half of its id.
    pub(super) fn events(&self) -> String {
        self.named("events")
    }

    /// String that soon expires: a step was done.
    pub(super) fn mark(&self, step: &str) -> String {
        self.of_one("step", step)
    }

    /// Channel: pieces of answers as they stream.
    pub(super) fn live(&self) -> String {
        self.named("live")
    }

    /// Channel: something may be claimed, or the id of a job that was cancelled.
    pub(super) fn bell(&self) -> String {
        super::bell_channel(&self.prefix)
    }
}
