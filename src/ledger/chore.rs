//! Housekeeping: what changes no job and no result, only what is kept of them and where.

use super::BatchSummary;
use std::collections::BTreeSet;

/// One thing to tidy up; see [`super::Ledger::tidy`].
#[derive(Debug, Clone, Copy)]
pub enum Chore<'a> {
    /// Folds what was asked on behalf of a job that is over into objects in the blobs. Shared
    /// questions are left while another asker is not over.
    Fold { job: &'a str },
    /// All results of the batch lie in files whose disk has confirmed it. `seen` is the batch as it
    /// was before they were read: one that has moved on since is not marked. A job that is
    /// queued again, or a new row, takes the mark away.
    Collected { seen: &'a BatchSummary },
    /// Removes a batch that is over, with its rows, journals and events. One that was not collected
    /// is left unless `uncollected` says so, and one whose results another batch shares always.
    Forget { batch: &'a str, uncollected: bool },
    /// Removes shared questions whose askers are all gone, but not these scopes.
    Strays { spared: &'a BTreeSet<String> },
    /// Tells the objects in use: by the jobs of a batch for themselves, or all there are.
    Objects { of: Option<&'a str> },
}

/// Whether nothing more happens to the batch by itself.
pub fn is_over(batch: &BatchSummary) -> bool {
    batch.states.iter().all(|(state, jobs)| state.is_final() || *jobs == 0)
}

/// Whether the batch is still what it was when collecting began.
pub(super) fn is_as_seen(seen: &BatchSummary, now: &BatchSummary) -> bool {
    is_over(now)
        && (&seen.states, seen.duplicates, seen.rejected)
            == (&now.states, now.duplicates, now.rejected)
}
