//! A bound on the memory that many pictures prepared at the same time may take together.

use crate::imaging::{Error, Format};
use std::sync::{Condvar, Mutex, PoisonError};

/// Memory for decoded pictures, in bytes: one of 100 megapixels at four bytes each.
const DECODED_BYTES_MAX: u64 = 400_000_000;

/// Shared by all threads of the process, whoever started them.
static DECODED: Budget = Budget::new(DECODED_BYTES_MAX);

/// Room for a picture that takes `bytes` to decode, until the share is dropped. Blocks the thread.
pub(crate) fn room(format: Format, bytes: u64) -> Result<Share<'static>, Error> {
    if bytes > DECODED_BYTES_MAX {
        return Err(Error::TooMuchMemory { format, bytes, bytes_max: DECODED_BYTES_MAX });
    }
    Ok(DECODED.take(bytes))
}

/// Memory that several threads share.
///
/// A thread waits until there is room beside the others; what is larger than the whole budget
/// waits until it is alone.
#[derive(Debug)]
pub struct Budget {
    bytes_max: u64,
    taken: Mutex<u64>,
    returned: Condvar,
}

impl Budget {
    /// A budget of `bytes_max` bytes.
    pub const fn new(bytes_max: u64) -> Self {
        Self { bytes_max, taken: Mutex::new(0), returned: Condvar::new() }
    }

    /// Takes `bytes` of the budget until the share is dropped. Blocks the thread until there is
    /// room, so whoever holds a share must not wait for another of the same budget.
    pub fn take(&self, bytes: u64) -> Share<'_> {
        let bytes = bytes.min(self.bytes_max);
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = |taken: &mut u64| *taken + bytes > self.bytes_max;
        let room = self.returned.wait_while(taken, is_full);
        *room.unwrap_or_else(PoisonError::into_inner) += bytes;
        Share { budget: self, bytes }
    }
}

/// A part of a [`Budget`], until it is dropped.
#[derive(Debug)]
pub struct Share<'a> {
    budget: &'a Budget,
    bytes: u64,
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        *self.budget.taken.lock().unwrap_or_else(PoisonError::into_inner) -= self.bytes;
        self.budget.returned.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn no_more_is_taken_than_there_is() {
        let budget = Budget::new(100);
        let (now, most) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for need in [30, 70, 50, 500, 20, 100, 60] {
                let (budget, now, most) = (&budget, &now, &most);
                scope.spawn(move || {
                    for _ in 0..200 {
                        let share = budget.take(need);
                        let sum = now.fetch_add(share.bytes, Ordering::SeqCst) + share.bytes;
                        most.fetch_max(sum, Ordering::SeqCst);
                        now.fetch_sub(share.bytes, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!(most.load(Ordering::SeqCst) <= 100);
        assert_eq!(*budget.taken.lock().unwrap(), 0, "everything was returned");
    }
}
