//! How far an attempt has come, for its lease and for people watching: always the latest, even
//! when the attempt dies in the next moment.

use crate::domain::cost::MicroUsd;
use crate::domain::job::Progress;
use std::sync::{Mutex, PoisonError};

/// Progress and cost of one attempt.
#[derive(Debug, Default)]
pub struct Headway(Mutex<(Progress, MicroUsd)>);

impl Headway {
    /// Where the work stands, and what it cost so far.
    pub fn get(&self) -> (Progress, MicroUsd) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Begins, or takes over what another process says.
    pub fn set(&self, progress: Progress, cost: MicroUsd) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (progress, cost);
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Progress, &mut MicroUsd)) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (progress, cost) = &mut *now;
        change(progress, cost);
    }
}
