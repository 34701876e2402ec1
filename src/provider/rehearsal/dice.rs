//! Choices that look free and are not: the same words give the same throws.

use sha2::{Digest, Sha256};

/// A row of throws that is decided by the words it was made of.
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    /// Dice for these words. Their borders count: `["ab", "c"]` is not `["a", "bc"]`.
    pub(super) fn of(words: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for word in words {
            hash.update(word.len().to_le_bytes());
            hash.update(word.as_bytes());
        }
        let mut seed = [0; 8];
        seed.copy_from_slice(&hash.finalize()[..8]);
        Self(u64::from_le_bytes(seed))
    }

    /// The next throw (`SplitMix64`).
    fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `sides`; 0 for a die without sides.
    pub(super) fn below(&mut self, sides: usize) -> usize {
        let throw = self.throw() % (sides.max(1) as u64);
        usize::try_from(throw).expect("smaller than a usize")
    }

    /// A number in `0.0..1.0`.
    pub(super) fn unit(&mut self) -> f64 {
        f64::from(u32::try_from(self.throw() >> 32).expect("32 bits are left")) / 4_294_967_296.0
    }

    /// True in `percent` of a hundred throws.
    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of several; none of none.
    pub(super) fn pick<'a, T>(&mut self, among: &'a [T]) -> Option<&'a T> {
        among.get(self.below(among.len()))
    }

    /// The same things in another order.
    pub(super) fn shuffle<T>(&mut self, things: &mut [T]) {
        for end in (1..things.len()).rev() {
            things.swap(end, self.below(end + 1));
        }
    }
}
