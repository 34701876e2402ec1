//! Progressive scans: each brings some coefficients, or one more bit of them.
//!
//! Of the coefficients that are not wanted only one fact is kept, a bit a coefficient: whether it
//! is zero. A refining scan needs no more to find its way.

use crate::imaging::Error;
use crate::imaging::jpeg::bits::{Bits, Intervals};
use crate::imaging::jpeg::channel::Channel;
use crate::imaging::jpeg::corrupt;
use crate::imaging::jpeg::frame::Frame;
use crate::imaging::jpeg::huffman::{AcTable, END_OF_BLOCK, run_too_long};
use crate::imaging::jpeg::scan::{Scan, Walk};
use crate::imaging::jpeg::tables::Tables;

/// The largest size of a number in a block of eight-bit samples.
const SIZE_MAX: u8 = 11;
/// The most bits a scan may leave for later.
const LOW_MAX: u32 = 13;

/// Decodes one scan into the coefficients.
pub(crate) fn decode(
    scan: &Scan,
    frame: &Frame,
    tables: &Tables,
    intervals: &Intervals,
    channels: &mut [Channel],
) -> Result<(), Error> {
    for part in &scan.parts {
        note_precision(scan, &mut channels[part.component].precision)?;
    }
    let walk = Walk::new(intervals, tables.restart_interval);
    match (scan.band, scan.parts.as_slice()) {
        ((0, 0), _) if scan.known == 0 => first_means(scan, frame, tables, walk, channels),
        ((0, 0), _) => refine_means(scan, frame, walk, channels),
        ((1.., _), [alone]) => {
            let ac = tables.ac(alone.ac_table)?;
            let (across, down) = scan.units(frame);
            let channel = &mut channels[alone.component];
            Band { scan, ac, blocks_ended: 0 }.decode(walk, (across, down), channel)
        }
        _ => Err(corrupt("a scan mixes what must be apart")),
    }
}

/// Each bit of each coefficient must come once and in order.
fn note_precision(scan: &Scan, precision: &mut [u8; 64]) -> Result<(), Error> {
    let (first, last) = scan.band;
    let before = if scan.known == 0 { Channel::UNKNOWN } else { scan.known as u8 };
    let follows = scan.known == 0 || scan.known == scan.low + 1;
    for known in &mut precision[first as usize..=last as usize] {
        if *known != before || !follows || scan.low > LOW_MAX {
            return Err(corrupt("its scans do not follow each other"));
        }
        *known = scan.low as u8;
    }
    Ok(())
}

fn first_means(
    scan: &Scan,
    frame: &Frame,
    tables: &Tables,
    mut walk: Walk<'_>,
    channels: &mut [Channel],
) -> Result<(), Error> {
    let codes = scan.parts.iter().map(|part| tables.dc(part.dc_table));
    let codes = codes.collect::<Result<Vec<_>, _>>()?;
    let mut predictors = [0_i32; 4];
    each_block(scan, frame, &mut walk, |bits, part, block, restarted| {
        if restarted {
            predictors = [0; 4];
        }
        let size = codes[part].symbol(bits)?;
        if size > SIZE_MAX {
            return Err(corrupt("its picture data holds a number out of range"));
        }
        predictors[part] = predictors[part].wrapping_add(bits.signed(size.into()));
        let channel = &mut channels[scan.parts[part].component];
        channel.coefficients[block * channel.kept] = (predictors[part] << scan.low) as i16;
        Ok(())
    })
}

fn refine_means(
    scan: &Scan,
    frame: &Frame,
    mut walk: Walk<'_>,
    channels: &mut [Channel],
) -> Result<(), Error> {
    each_block(scan, frame, &mut walk, |bits, part, block, _restarted| {
        let channel = &mut channels[scan.parts[part].component];
        channel.coefficients[block * channel.kept] |= (bits.take(1) << scan.low) as i16;
        Ok(())
    })
}

/// Visits the blocks in the order of the scan, with 56 bits at hand; `visit` is given the index
/// of the part, that of the block in its component, and whether a restart came before.
fn each_block(
    scan: &Scan,
    frame: &Frame,
    walk: &mut Walk<'_>,
    mut visit: impl FnMut(&mut Bits<'_>, usize, usize, bool) -> Result<(), Error>,
) -> Result<(), Error> {
    let (units_across, units_down) = scan.units(frame);
    let layout: Vec<(usize, usize, usize)> = scan
        .parts
        .iter()
        .map(|part| {
            let (across, down) = scan.blocks_in_unit(frame, part);
            let (row, _) = frame.components[part.component].padded_blocks(frame);
            (across as usize, down as usize, row as usize)
        })
        .collect();
    for unit_row in 0..units_down as usize {
        for unit in 0..units_across as usize {
            let mut restarted = walk.enter_unit()?;
            for (part, &(across, down, row)) in layout.iter().enumerate() {
                for y in 0..down {
                    for x in 0..across {
                        walk.bits.refill();
                        let block = (unit_row * down + y) * row + unit * across + x;
                        visit(&mut walk.bits, part, block, restarted)?;
                        restarted = false;
                    }
                }
            }
        }
        walk.check()?;
    }
    Ok(())
}

/// A scan over a band of one component's coefficients.
struct Band<'a> {
    scan: &'a Scan,
    ac: &'a AcTable,
    /// Blocks still to come of which it is known that they end before their first new coefficient.
    blocks_ended: u32,
}

impl Band<'_> {
    fn decode(
        mut self,
        mut walk: Walk<'_>,
        (across, down): (u32, u32),
        channel: &mut Channel,
    ) -> Result<(), Error> {
        let row = channel.blocks_across;
        for y in 0..down as usize {
            let blocks = &mut channel.coefficients[y * row * channel.kept..];
            let blocks = blocks.chunks_exact_mut(channel.kept);
            let masks = &mut channel.nonzero[y * row..];
            for (block, nonzero) in blocks.zip(masks).take(across as usize) {
                if walk.enter_unit()? {
                    self.blocks_ended = 0;
                }
                if self.scan.known == 0 {
                    self.first(&mut walk.bits, block, nonzero)?;
                } else {
                    self.refine(&mut walk.bits, block, nonzero)?;
                }
            }
            walk.check()?;
        }
        Ok(())
    }

    #[inline]
    fn first(
        &mut self,
        bits: &mut Bits<'_>,
        block: &mut [i16],
        nonzero: &mut u64,
    ) -> Result<(), Error> {
        if self.blocks_ended > 0 {
            self.blocks_ended -= 1;
            return Ok(());
        }
        let (mut at, last) = self.scan.band;
        while at <= last {
            bits.need(32);
            let (advance, value) = match self.ac.next_short(bits) {
                Some(step) => (u32::from(step.advance), i32::from(step.value)),
                None => match self.first_long(bits)? {
                    Some(step) => step,
                    None => return Ok(()),
                },
            };
            if advance == END_OF_BLOCK {
                return Ok(());
            }
            at += advance;
            if at > last + 1 {
                return Err(run_too_long());
            }
            // The end of a run of zeros is itself one.
            *nonzero |= u64::from(value != 0) << (at - 1);
            if let Some(coefficient) = block.get_mut(at as usize - 1) {
                *coefficient = (value << self.scan.low) as i16;
            }
        }
        Ok(())
    }

    /// A step that needs more than one look; `None` ends this block and perhaps others.
    fn first_long(&mut self, bits: &mut Bits<'_>) -> Result<Option<(u32, i32)>, Error> {
        let symbol = self.ac.code.symbol(bits)?;
        let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
        if size == 0 && run < 15 {
            self.blocks_ended = (1 << run) + bits.take(run) as u32 - 1;
            return Ok(None);
        }
        Ok(Some((run + 1, bits.signed(size))))
    }

    #[inline]
    fn refine(
        &mut self,
        bits: &mut Bits<'_>,
        block: &mut [i16],
        nonzero: &mut u64,
    ) -> Result<(), Error> {
        let (mut at, last) = self.scan.band;
        let behind = last + 1;
        while self.blocks_ended == 0 && at < behind {
            bits.refill();
            let symbol = self.ac.code.symbol(bits)?;
            let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
            let new = match (size, run) {
                (0, 15) => 0,
                (0, _) => {
                    self.blocks_ended = (1 << run) + bits.take(run) as u32;
                    break;
                }
                (1, _) => (bits.take(1) * 2 - 1) << self.scan.low,
                _ => return Err(corrupt("a refinement holds more than one bit")),
            };
            let place = nth_zero(*nonzero, at, behind, run);
            self.correct(bits, block, *nonzero, at, place);
            if new != 0 {
                if place == behind {
                    return Err(run_too_long());
                }
                *nonzero |= 1 << place;
                if let Some(coefficient) = block.get_mut(place as usize) {
                    *coefficient = new as i16;
                }
            }
            at = place + 1;
        }
        if self.blocks_ended > 0 {
            self.blocks_ended -= 1;
            if at < behind {
                self.correct(bits, block, *nonzero, at, behind);
            }
        }
        Ok(())
    }

    /// Reads one more bit of each coefficient in a range that is not zero.
    #[inline]
    fn correct(
        &self,
        bits: &mut Bits<'_>,
        block: &mut [i16],
        nonzero: u64,
        from: u32,
        before: u32,
    ) {
        let inside = nonzero & range(from, before);
        let mut kept = inside & range(0, block.len() as u32);
        let others = (inside & !kept).count_ones();
        while kept != 0 {
            let coefficient = &mut block[kept.trailing_zeros() as usize];
            kept &= kept - 1;
            bits.need(1);
            let bit = (bits.take(1) << self.scan.low) as i16;
            let away = if *coefficient < 0 { -bit } else { bit };
            *coefficient = coefficient.wrapping_add(away);
        }
        if others > 0 {
            bits.skip(others);
        }
    }
}

/// The places from `from` on that come before `before`, which is at most 64.
fn range(from: u32, before: u32) -> u64 {
    let below = |place: u32| 1_u64.checked_shl(place).map_or(u64::MAX, |bit| bit - 1);
    below(before) & !below(from)
}

/// The place of the zero that `run` zeros precede, or `behind` if there are not so many.
fn nth_zero(nonzero: u64, from: u32, behind: u32, run: u32) -> u32 {
    let mut zeros = !nonzero & range(from, behind);
    for _ in 0..run {
        zeros &= zeros.wrapping_sub(1);
    }
    if zeros == 0 { behind } else { zeros.trailing_zeros() }
}
