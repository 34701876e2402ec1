//! Sequential scans: each block's coefficients all at once.

use crate::imaging::Error;
use crate::imaging::jpeg::bits::{Bits, Intervals};
use crate::imaging::jpeg::channel::Channel;
use crate::imaging::jpeg::corrupt;
use crate::imaging::jpeg::frame::Frame;
use crate::imaging::jpeg::huffman::{AcTable, Code, END_OF_BLOCK, SkipTable, run_too_long};
use crate::imaging::jpeg::scan::{Scan, Walk};
use crate::imaging::jpeg::tables::Tables;

/// The largest size of a number in a block of eight-bit samples.
const SIZE_MAX: u8 = 11;

/// One component of the scan with its tables.
struct Reader<'a> {
    channel: usize,
    across: usize,
    down: usize,
    dc: &'a Code,
    ac: &'a AcTable,
    skip: &'a SkipTable,
    predictor: i32,
}

/// Decodes one scan down to samples, a row of units at a time.
pub(crate) fn decode(
    scan: &Scan,
    frame: &Frame,
    tables: &mut Tables,
    intervals: &Intervals,
    channels: &mut [Channel],
) -> Result<(), Error> {
    if scan.band != (0, 63) || scan.known != 0 || scan.low != 0 {
        return Err(corrupt("a sequential scan claims to be progressive"));
    }
    for part in &scan.parts {
        let channel = &mut channels[part.component];
        if channel.is_complete() {
            return Err(corrupt("a component comes twice"));
        }
        channel.precision = [0; 64];
        tables.prepare_skip(part.ac_table)?;
    }
    let mut readers = readers(scan, frame, tables)?;
    let mut walk = Walk::new(intervals, tables.restart_interval);
    let (units_across, units_down) = scan.units(frame);
    for row in 0..units_down as usize {
        for reader in &readers {
            channels[reader.channel].coefficients.fill(0);
        }
        for unit in 0..units_across as usize {
            if walk.enter_unit()? {
                for reader in &mut readers {
                    reader.predictor = 0;
                }
            }
            for reader in &mut readers {
                reader.read_unit(&mut walk.bits, unit, &mut channels[reader.channel])?;
            }
        }
        walk.check()?;
        for reader in &readers {
            let channel = &mut channels[reader.channel];
            for stored in 0..reader.down {
                channel.transform(stored, row * reader.down + stored)?;
            }
        }
    }
    Ok(())
}

fn readers<'a>(scan: &Scan, frame: &Frame, tables: &'a Tables) -> Result<Vec<Reader<'a>>, Error> {
    let reader = |part| {
        let (across, down) = scan.blocks_in_unit(frame, part);
        Ok(Reader {
            channel: part.component,
            across: across as usize,
            down: down as usize,
            dc: tables.dc(part.dc_table)?,
            ac: tables.ac(part.ac_table)?,
            skip: tables.skip(part.ac_table)?,
            predictor: 0,
        })
    };
    scan.parts.iter().map(reader).collect()
}

impl Reader<'_> {
    #[inline]
    fn read_unit(
        &mut self,
        bits: &mut Bits<'_>,
        unit: usize,
        channel: &mut Channel,
    ) -> Result<(), Error> {
        let mut local = *bits;
        for row in 0..self.down {
            let first = row * channel.blocks_across + unit * self.across;
            let blocks = &mut channel.coefficients[first * channel.kept..];
            for block in blocks.chunks_exact_mut(channel.kept).take(self.across) {
                self.read_block(&mut local, block)?;
            }
        }
        *bits = local;
        Ok(())
    }

    /// Reads the coefficients there is room for, and steps over the rest.
    #[inline]
    fn read_block(&mut self, bits: &mut Bits<'_>, block: &mut [i16]) -> Result<(), Error> {
        bits.refill();
        let size = self.dc.symbol(bits)?;
        if size > SIZE_MAX {
            return Err(corrupt("its picture data holds a number out of range"));
        }
        self.predictor = self.predictor.wrapping_add(bits.signed(size.into()));
        block[0] = self.predictor as i16;
        let mut at = 1;
        while (at as usize) < block.len() {
            bits.need(32);
            let step = self.ac.next(bits)?;
            at += u32::from(step.advance);
            if let Some(coefficient) = block.get_mut(at as usize - 1) {
                *coefficient = step.value;
            }
        }
        match at {
            0..64 => self.skip.finish_block(self.ac, bits, at),
            64 | END_OF_BLOCK.. => Ok(()),
            _ => Err(run_too_long()),
        }
    }
}
