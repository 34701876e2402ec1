//! Entropy-coded data as a row of bits.

use crate::imaging::Error;
use crate::imaging::buffer::Buffer;
use crate::imaging::jpeg::corrupt;
use crate::imaging::jpeg::segments::marker::{RST0, RST7};
use std::ops::Range;

/// The entropy-coded data of one scan without byte stuffing, cut at its restart markers.
#[derive(Debug, Default)]
pub(crate) struct Intervals {
    bytes: Buffer<u8>,
    ranges: Vec<Range<usize>>,
}

impl Intervals {
    /// Reads `entropy`, reusing the memory of an earlier scan.
    pub(crate) fn read(&mut self, entropy: &[u8]) -> Result<(), Error> {
        self.ranges.clear();
        if self.bytes.len() < entropy.len() {
            self.bytes = Buffer::empty(entropy.len());
        }
        let bytes = self.bytes.as_vec_mut();
        bytes.clear();
        let mut start = 0;
        let mut rest = entropy;
        while let Some(at) = memchr::memchr(0xFF, rest) {
            let (plain, marked) = rest.split_at(at);
            bytes.extend_from_slice(plain);
            rest = match marked {
                [_, 0x00, after @ ..] => {
                    bytes.push(0xFF);
                    after
                }
                [_, 0xFF, ..] => &marked[1..], // a fill byte before a marker
                [_, restart @ RST0..=RST7, after @ ..] => {
                    if usize::from(restart - RST0) != self.ranges.len() % 8 {
                        return Err(corrupt("its restart markers are out of order"));
                    }
                    self.ranges.push(start..bytes.len());
                    start = bytes.len();
                    after
                }
                _ => return Err(corrupt("its picture data ends in a marker")),
            };
        }
        bytes.extend_from_slice(rest);
        self.ranges.push(start..bytes.len());
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.ranges.len()
    }

    /// The bits of one interval; none for one that does not exist.
    pub(crate) fn bits(&self, index: usize) -> Bits<'_> {
        let range = self.ranges.get(index).cloned().unwrap_or_default();
        Bits { data: &self.bytes[range], next: 0, window: 0, held: 0 }
    }
}

/// Reads bits, the most significant first. After the end it reads zeros, and tells.
///
/// Small and copied freely: loops work on a copy of their own, which the compiler then keeps in
/// registers, and whatever is not inlined into them is given values, never its address.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bits<'a> {
    data: &'a [u8],
    /// Index of the first byte that is not counted in `held`.
    next: usize,
    /// The bits to come, left-justified. Below the `held` ones there may be more, all right.
    window: u64,
    held: u32,
}

impl Bits<'_> {
    /// The number of bits there are at least after [`Bits::refill`].
    pub(crate) const REFILLED: u32 = 56;

    #[inline]
    pub(crate) fn refill(&mut self) {
        let chunk = match self.data.get(self.next..).and_then(<[u8]>::first_chunk::<8>) {
            Some(bytes) => u64::from_be_bytes(*bytes),
            None => last_bytes(self.data, self.next),
        };
        self.window |= chunk >> self.held;
        let bytes = (63 - self.held) / 8;
        self.next += bytes as usize;
        self.held += bytes * 8;
    }

    /// Refills when fewer than `count` bits are held.
    #[inline]
    pub(crate) fn need(&mut self, count: u32) {
        if self.held < count {
            self.refill();
        }
    }

    /// The next `count` bits, 1 to 32, without taking them.
    #[inline]
    pub(crate) fn peek(&self, count: u32) -> usize {
        (self.window >> (64 - count)) as usize
    }

    /// Takes bits that are held.
    #[inline]
    pub(crate) fn consume(&mut self, count: u32) {
        self.window <<= count;
        self.held -= count;
    }

    /// Reads `count` bits that are held, 0 to 16.
    #[inline]
    pub(crate) fn take(&mut self, count: u32) -> i32 {
        // Two shifts, because none may be by all 64.
        let bits = (self.window >> 1) >> (63 - count);
        self.consume(count);
        bits as i32
    }

    /// Reads a number of `size` bits that are held, the way JPEG writes signed ones (T.81 F.12).
    #[inline]
    pub(crate) fn signed(&mut self, size: u32) -> i32 {
        let bits = self.take(size);
        let negative = bits < (1 << size) >> 1;
        if negative { bits - (1 << size) + 1 } else { bits }
    }

    /// Steps over any number of bits.
    #[inline]
    pub(crate) fn skip(&mut self, mut count: u32) {
        while count > 0 {
            self.refill();
            let step = count.min(Self::REFILLED);
            self.consume(step);
            count -= step;
        }
    }

    /// Whether more has been read than there was.
    pub(crate) fn is_overrun(&self) -> bool {
        self.next * 8 > self.data.len() * 8 + self.held as usize
    }
}

/// The bytes from `next` on, and zeros after the last.
#[cold]
#[inline(never)]
fn last_bytes(data: &[u8], next: usize) -> u64 {
    let rest = data.get(next..).unwrap_or_default();
    let mut bytes = [0; 8];
    bytes[..rest.len()].copy_from_slice(rest);
    u64::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn intervals(entropy: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
        let mut intervals = Intervals::default();
        intervals.read(entropy)?;
        Ok((0..intervals.len()).map(|i| intervals.bits(i).data.to_vec()).collect())
    }

    #[test]
    fn stuffing_is_removed_and_restarts_cut() {
        let check = |entropy: &[u8], expected: &[&[u8]]| {
            assert_eq!(intervals(entropy).unwrap(), expected, "{entropy:02X?}");
        };
        check(&[], &[&[]]);
        check(&[1, 2, 3], &[&[1, 2, 3]]);
        check(&[1, 0xFF, 0, 2], &[&[1, 0xFF, 2]]);
        check(&[1, 0xFF, 0xD0, 2, 0xFF, 0xFF, 0xD1], &[&[1], &[2], &[]]);
        assert!(intervals(&[1, 0xFF, 0xD1]).is_err(), "the first restart is number 0");
        assert!(intervals(&[1, 0xFF]).is_err());
    }

    #[test]
    fn signed_numbers_are_read_as_the_standard_writes_them() {
        let check = |byte: u8, size: u32, expected: i32| {
            let mut bits = Bits { data: &[byte], next: 0, window: 0, held: 0 };
            bits.refill();
            assert_eq!(bits.signed(size), expected, "{byte:08b} of {size}");
        };
        check(0b1000_0000, 1, 1);
        check(0b0000_0000, 1, -1);
        check(0b1010_0000, 3, 5);
        check(0b0100_0000, 3, -5);
        check(0b1111_1111, 0, 0);
    }

    proptest! {
        #[test]
        fn bits_come_in_order_and_the_end_is_told(
            data in prop::collection::vec(any::<u8>(), 0..40),
            steps in prop::collection::vec(1_u32..17, 1..60),
        ) {
            let mut bits = Bits { data: &data, next: 0, window: 0, held: 0 };
            let mut at = 0;
            for step in steps {
                bits.need(step);
                let expected = (at..at + step as usize).fold(0, |number, place| {
                    let byte = data.get(place / 8).copied().unwrap_or(0);
                    number << 1 | i32::from(byte >> (7 - place % 8) & 1)
                });
                prop_assert_eq!(bits.take(step), expected);
                at += step as usize;
                prop_assert_eq!(bits.is_overrun(), at > data.len() * 8);
            }
        }
    }
}
