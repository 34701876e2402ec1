//! Large buffers that a thread keeps for its next picture.
//!
//! Memory fresh from the system is handed over page by page, each by a fault; for the planes of a
//! photograph that takes as long as resizing them.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// Larger buffers are given back, in bytes.
const KEPT_BYTES_MAX: usize = 16 << 20;
/// More buffers of one kind are given back.
const KEPT_MAX: usize = 4;

/// A vector whose memory came from, and goes back to, the thread it is dropped on.
#[derive(Debug, Default)]
pub(crate) struct Buffer<T: Kept>(Vec<T>);

/// An element of which a thread keeps buffers.
pub(crate) trait Kept: Copy + Default + 'static {
    fn with_spare<R>(work: impl FnOnce(&mut Vec<Vec<Self>>) -> R) -> R;
}

macro_rules! kept {
    ($($element:ty),*) => {$(
        impl Kept for $element {
            fn with_spare<R>(work: impl FnOnce(&mut Vec<Vec<Self>>) -> R) -> R {
                thread_local! {
                    static SPARE: RefCell<Vec<Vec<$element>>> = const { RefCell::new(Vec::new()) };
                }
                SPARE.with_borrow_mut(work)
            }
        }
    )*};
}

kept!(u8, i16, u64);

impl<T: Kept> Buffer<T> {
    /// A buffer of zeros.
    pub(crate) fn zeroed(length: usize) -> Self {
        let mut buffer = Self::empty(length);
        buffer.0.resize(length, T::default());
        buffer
    }

    /// A buffer for at least `length` elements, with none yet.
    pub(crate) fn empty(length: usize) -> Self {
        let spare = T::with_spare(|spare| {
            let fits = |kept: &Vec<T>| kept.capacity() >= length;
            spare.iter().position(fits).map(|index| spare.swap_remove(index))
        });
        let mut vector = spare.unwrap_or_else(|| Vec::with_capacity(length));
        vector.clear();
        Self(vector)
    }

    pub(crate) fn as_vec_mut(&mut self) -> &mut Vec<T> {
        &mut self.0
    }
}

impl<T: Kept> From<Vec<T>> for Buffer<T> {
    fn from(vector: Vec<T>) -> Self {
        Self(vector)
    }
}

impl<T: Kept> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Kept> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T: Kept> Drop for Buffer<T> {
    fn drop(&mut self) {
        let vector = std::mem::take(&mut self.0);
        let bytes = vector.capacity() * size_of::<T>();
        if bytes > 0 && bytes <= KEPT_BYTES_MAX {
            T::with_spare(|spare| {
                if spare.len() < KEPT_MAX {
                    spare.push(vector);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_back_clean() {
        let mut first = Buffer::<u8>::zeroed(1000);
        first.fill(7);
        let place = first.as_ptr();
        drop(first);
        let second = Buffer::<u8>::zeroed(900);
        assert_eq!(second.as_ptr(), place, "the same memory");
        assert!(second.iter().all(|&byte| byte == 0) && second.len() == 900);
    }

    #[test]
    fn a_thread_keeps_no_more_than_it_may() {
        drop(Buffer::<u64>::zeroed(KEPT_BYTES_MAX));
        let held: Vec<_> = (0..KEPT_MAX + 3).map(|_| Buffer::<u64>::zeroed(10)).collect();
        drop(held);
        u64::with_spare(|spare| {
            assert_eq!(spare.len(), KEPT_MAX);
            assert!(spare.iter().all(|kept| kept.capacity() < KEPT_BYTES_MAX));
        });
    }
}
