//! Huffman tables, in the shapes in which a scaled decoder wants to ask them.

use crate::imaging::Error;
use crate::imaging::jpeg::bits::Bits;
use crate::imaging::jpeg::corrupt;

/// Bits of the table that finds a symbol, and of the one that finds a coefficient at once.
const FIRST: u32 = 10;
/// Bits of the table that steps over several symbols at once.
const SKIP: u32 = 13;
/// Longest code, in bits.
const LONGEST: u32 = 16;
/// Added to a place in a block, it is behind the end whatever the place was.
pub(crate) const END_OF_BLOCK: u32 = 128;

/// One Huffman code, as a DHT segment defines it.
#[derive(Debug, Clone)]
pub(crate) struct Code {
    /// By the next [`FIRST`] bits: symbol and length of its code; length 0 for longer codes.
    first: Box<[(u8, u8); 1 << FIRST]>,
    /// For each length the code after the last one, left-justified in 16 bits.
    beyond: [u32; LONGEST as usize + 1],
    /// For each length what to add to a code to get its symbol's index.
    offset: [i32; LONGEST as usize + 1],
    symbols: Vec<u8>,
}

impl Code {
    /// Builds the code from the number of codes of each length and the symbols in order.
    pub(crate) fn new(counts: [u8; LONGEST as usize], symbols: &[u8]) -> Result<Self, Error> {
        let mut code = Self {
            first: Box::new([(0, 0); 1 << FIRST]),
            beyond: [0; LONGEST as usize + 1],
            offset: [0; LONGEST as usize + 1],
            symbols: symbols.to_vec(),
        };
        let mut next: u32 = 0;
        let mut index: usize = 0;
        for (length, count) in (1..=LONGEST).zip(counts.map(u32::from)) {
            code.offset[length as usize] = index as i32 - next as i32;
            if next + count > 1 << length {
                return Err(corrupt("one of its Huffman tables has too many codes"));
            }
            for _ in 0..count {
                let &symbol =
                    symbols.get(index).ok_or_else(|| corrupt("a Huffman table is cut"))?;
                if length <= FIRST {
                    let shift = FIRST - length;
                    let range = (next << shift) as usize..((next + 1) << shift) as usize;
                    code.first[range].fill((symbol, length as u8));
                }
                next += 1;
                index += 1;
            }
            code.beyond[length as usize] = next << (LONGEST - length);
            next <<= 1;
        }
        Ok(code)
    }

    /// Symbol and length of the code that begins the left-justified 16 bits.
    #[inline]
    fn find(&self, bits: usize) -> Option<(u8, u32)> {
        let (symbol, length) = self.first[bits >> (LONGEST - FIRST)];
        if length > 0 {
            return Some((symbol, length.into()));
        }
        self.find_long(bits as u32)
    }

    fn find_long(&self, bits: u32) -> Option<(u8, u32)> {
        let length = (FIRST + 1..=LONGEST).find(|&length| bits < self.beyond[length as usize])?;
        let index = (bits >> (LONGEST - length)) as i32 + self.offset[length as usize];
        Some((*self.symbols.get(usize::try_from(index).ok()?)?, length))
    }

    /// Takes the next symbol. At least 16 bits are held.
    #[inline]
    pub(crate) fn symbol(&self, bits: &mut Bits<'_>) -> Result<u8, Error> {
        let (symbol, length) = self.find(bits.peek(LONGEST)).ok_or_else(unknown_code)?;
        bits.consume(length);
        Ok(symbol)
    }
}

fn unknown_code() -> Error {
    corrupt("its picture data holds a code that no table defines")
}

/// How far a symbol goes and how many bits of number follow it; `None` where its meaning
/// depends on the kind of scan.
fn run_and_size(symbol: u8) -> Option<(u32, u32)> {
    match (u32::from(symbol >> 4), u32::from(symbol & 15)) {
        (0, 0) => Some((END_OF_BLOCK, 0)),
        (15, 0) => Some((16, 0)),
        (_, 0) => None,
        (run, size) => Some((run + 1, size)),
    }
}

/// What a coefficient's place and value are found by, in one look where both are short.
#[derive(Debug, Clone)]
pub(crate) struct AcTable {
    pub(crate) code: Code,
    first: Box<[Step; 1 << FIRST]>,
}

/// From one coefficient to the next that is not zero.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Step {
    /// Places to go on, the coefficient's own included, or [`END_OF_BLOCK`].
    pub(crate) advance: u8,
    /// Bits of code and number together; 0 where one look is not enough.
    bits: u8,
    pub(crate) value: i16,
}

impl AcTable {
    pub(crate) fn new(code: Code) -> Self {
        let first = Box::new(std::array::from_fn(|bits| Self::step(&code, bits)));
        Self { code, first }
    }

    fn step(code: &Code, bits: usize) -> Step {
        let (symbol, length) = code.first[bits];
        let Some((advance, size)) = run_and_size(symbol) else { return Step::default() };
        let total = u32::from(length) + size;
        if length == 0 || total > FIRST {
            return Step::default();
        }
        let number = (bits >> (FIRST - total)) as i32 & ((1 << size) - 1);
        let negative = number < (1 << size) >> 1;
        let value = if negative { number - (1 << size) + 1 } else { number };
        Step { advance: advance as u8, bits: total as u8, value: value as i16 }
    }

    /// The next step in a scan where a run of blocks cannot end, that is, a sequential one.
    #[inline]
    pub(crate) fn next(&self, bits: &mut Bits<'_>) -> Result<Step, Error> {
        if let Some(step) = self.next_short(bits) {
            return Ok(step);
        }
        let (step, after) = self.next_long(*bits)?;
        *bits = after;
        Ok(step)
    }

    /// The next step where one look is enough. At least [`FIRST`] bits are held.
    #[inline]
    pub(crate) fn next_short(&self, bits: &mut Bits<'_>) -> Option<Step> {
        let step = self.first[bits.peek(FIRST)];
        bits.consume(step.bits.into());
        (step.bits > 0).then_some(step)
    }

    #[inline(never)]
    fn next_long<'a>(&self, mut bits: Bits<'a>) -> Result<(Step, Bits<'a>), Error> {
        let symbol = self.code.symbol(&mut bits)?;
        let (advance, size) = run_and_size(symbol).ok_or_else(unknown_code)?;
        let value = bits.signed(size);
        Ok((Step { advance: advance as u8, bits: 0, value: value as i16 }, bits))
    }
}

/// Steps over the rest of a block, several symbols at a look.
///
/// Most of the time of a scaled decode is spent on coefficients it does not want. Only where
/// their codes end must be known, so one look consumes as many whole symbols, each with its
/// number, as fit in [`SKIP`] bits.
#[derive(Debug, Clone)]
pub(crate) struct SkipTable {
    steps: Box<[u16; 1 << SKIP]>,
}

/// `bits` in the low four, `advance` in the next seven, the end of the block in the highest.
mod packed {
    pub(super) const ENDS: u16 = 1 << 15;

    pub(super) fn pack(bits: u32, advance: u32, ends: bool) -> u16 {
        (bits | advance << 4) as u16 | if ends { ENDS } else { 0 }
    }

    #[inline]
    pub(super) fn bits(step: u16) -> u32 {
        u32::from(step & 15)
    }

    #[inline]
    pub(super) fn advance(step: u16) -> u32 {
        u32::from(step >> 4 & 127)
    }
}

impl SkipTable {
    pub(crate) fn new(code: &Code) -> Self {
        Self { steps: Box::new(std::array::from_fn(|bits| Self::step(code, bits))) }
    }

    /// Whole symbols from the left of `pattern` on, up to the end of the block.
    fn step(code: &Code, pattern: usize) -> u16 {
        let (mut used, mut advance) = (0, 0);
        loop {
            let rest = pattern << used & ((1 << SKIP) - 1);
            let found = code.find(rest << (LONGEST - SKIP)).and_then(|(symbol, length)| {
                let (step, size) = run_and_size(symbol)?;
                Some((step, length + size)).filter(|(_, taken)| used + taken <= SKIP)
            });
            match found {
                Some((END_OF_BLOCK, taken)) => return packed::pack(used + taken, advance, true),
                Some((step, taken)) if advance + step <= 63 => {
                    used += taken;
                    advance += step;
                }
                _ => return packed::pack(used, advance, false),
            }
        }
    }

    /// Reads on from place `at` to the end of the block.
    #[inline]
    pub(crate) fn finish_block(
        &self,
        ac: &AcTable,
        bits: &mut Bits<'_>,
        mut at: u32,
    ) -> Result<(), Error> {
        while at < 64 {
            bits.need(SKIP);
            let step = self.steps[bits.peek(SKIP)];
            let (after, ends) = (at + packed::advance(step), step & packed::ENDS != 0);
            // Once place 63 is reached, no end of block is written: what then follows belongs
            // to the next one. A step that might look beyond is taken one symbol at a time.
            if packed::bits(step) == 0 || after + u32::from(ends) > 64 {
                bits.refill();
                at += u32::from(ac.next(bits)?.advance);
                if at > 64 && at < END_OF_BLOCK {
                    return Err(run_too_long());
                }
                continue;
            }
            bits.consume(packed::bits(step));
            if ends {
                return Ok(());
            }
            at = after;
        }
        Ok(())
    }
}

pub(crate) fn run_too_long() -> Error {
    corrupt("its picture data runs over the end of a block")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imaging::jpeg::bits::Intervals;
    use proptest::prelude::*;

    /// The AC table for brightness of T.81, K.5, which most cameras use.
    fn common_ac() -> Code {
        let counts = [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7D];
        let mut symbols = vec![
            0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51,
            0x61, 0x07, 0x22, 0x71, 0x14, 0x32, 0x81, 0x91, 0xA1, 0x08, 0x23, 0x42, 0xB1, 0xC1,
            0x15, 0x52, 0xD1, 0xF0, 0x24, 0x33, 0x62, 0x72, 0x82,
        ];
        for high in 0..=15_u8 {
            for low in 1..=10_u8 {
                let symbol = high << 4 | low;
                if !symbols.contains(&symbol) {
                    symbols.push(symbol);
                }
            }
        }
        Code::new(counts, &symbols).unwrap()
    }

    #[test]
    fn tables_with_impossible_codes_are_refused() {
        let mut counts = [0; 16];
        counts[0] = 3;
        assert!(Code::new(counts, &[1, 2, 3]).is_err(), "three codes of one bit");
        counts[0] = 2;
        assert!(Code::new(counts, &[1]).is_err(), "fewer symbols than codes");
        assert!(Code::new(counts, &[1, 2]).is_ok());
    }

    proptest! {
        /// Whatever the bits, stepping over a block ends where reading it symbol by symbol ends.
        #[test]
        fn skipping_equals_reading(
            mut data in prop::collection::vec(any::<u8>(), 64..200), at in 1_u32..64,
        ) {
            data.iter_mut().filter(|byte| **byte == 0xFF).for_each(|byte| *byte = 0xFE);
            let ac = AcTable::new(common_ac());
            let skip = SkipTable::new(&ac.code);
            let mut intervals = Intervals::default();
            intervals.read(&data).unwrap();

            let mut slow = intervals.bits(0);
            let mut place = at;
            let read = loop {
                if place >= 64 {
                    break if place == 64 || place >= END_OF_BLOCK { Ok(()) } else { Err(run_too_long()) };
                }
                slow.refill();
                match ac.next(&mut slow) {
                    Ok(step) => place += u32::from(step.advance),
                    Err(error) => break Err(error),
                }
            };
            let mut fast = intervals.bits(0);
            let skipped = skip.finish_block(&ac, &mut fast, at);
            prop_assert_eq!(&skipped, &read);
            if read.is_ok() {
                slow.refill();
                fast.refill();
                prop_assert_eq!(slow.peek(32), fast.peek(32));
            }
        }
    }
}
