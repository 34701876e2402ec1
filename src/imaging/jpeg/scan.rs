//! What sequential and progressive scans have in common: the header, and the walk over the units.

use crate::imaging::jpeg::bits::{Bits, Intervals};
use crate::imaging::jpeg::corrupt;
use crate::imaging::jpeg::frame::Frame;
use crate::imaging::{Error, Format};

/// What a start-of-scan segment declares.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) parts: Vec<Part>,
    /// First and last place, in zigzag order, of the coefficients in this scan.
    pub(crate) band: (u32, u32),
    /// The bit down to which the coefficients were known before, 0 for not at all.
    pub(crate) known: u32,
    /// The bit down to which they are known after.
    pub(crate) low: u32,
}

/// One component's share in a scan.
#[derive(Debug)]
pub(crate) struct Part {
    /// Its index in the frame.
    pub(crate) component: usize,
    pub(crate) dc_table: u8,
    pub(crate) ac_table: u8,
}

impl Scan {
    pub(crate) fn read(payload: &[u8], frame: &Frame) -> Result<Self, Error> {
        let short = || corrupt("a scan header is too short");
        let (&count, rest) = payload.split_first().ok_or_else(short)?;
        let (list, rest) = rest.split_at_checked(usize::from(count) * 2).ok_or_else(short)?;
        let &[first, last, bits, ..] = rest else { return Err(short()) };
        let mut parts: Vec<Part> = Vec::new();
        for &[id, tables] in list.as_chunks::<2>().0 {
            // The standard wants the order of the frame, which also rules out repetitions.
            let after = parts.last().map_or(0, |part| part.component + 1);
            let found = frame.components.iter().skip(after).position(|part| part.id == id);
            let component =
                after + found.ok_or_else(|| corrupt("a scan names a wrong component"))?;
            parts.push(Part { component, dc_table: tables >> 4, ac_table: tables & 15 });
        }
        if parts.is_empty() || first > last || last > 63 {
            return Err(corrupt("a scan header contradicts itself"));
        }
        Ok(Self {
            parts,
            band: (first.into(), last.into()),
            known: (bits >> 4).into(),
            low: (bits & 15).into(),
        })
    }

    /// Number of units of this scan across and down: of the frame, or the blocks of a lone component.
    pub(crate) fn units(&self, frame: &Frame) -> (u32, u32) {
        match self.parts.as_slice() {
            [alone] => frame.components[alone.component].blocks(frame),
            _ => frame.units(),
        }
    }

    /// Blocks of a component in each unit, across and down.
    pub(crate) fn blocks_in_unit(&self, frame: &Frame, part: &Part) -> (u32, u32) {
        let component = &frame.components[part.component];
        if self.parts.len() == 1 { (1, 1) } else { (component.across, component.down) }
    }
}

/// Goes through the intervals between restart markers as the units are counted.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    intervals: &'a Intervals,
    pub(crate) bits: Bits<'a>,
    index: usize,
    restart_interval: u32,
    units_left: u32,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(intervals: &'a Intervals, restart_interval: u32) -> Self {
        Self {
            intervals,
            bits: intervals.bits(0),
            index: 0,
            restart_interval,
            units_left: restart_interval,
        }
    }

    /// To be called before each unit; tells whether a restart came before it.
    #[inline]
    pub(crate) fn enter_unit(&mut self) -> Result<bool, Error> {
        if self.restart_interval == 0 {
            return Ok(false);
        }
        if self.units_left > 0 {
            self.units_left -= 1;
            return Ok(false);
        }
        self.restart()?;
        Ok(true)
    }

    fn restart(&mut self) -> Result<(), Error> {
        self.check()?;
        self.index += 1;
        if self.index >= self.intervals.len() {
            return Err(cut());
        }
        self.bits = self.intervals.bits(self.index);
        self.units_left = self.restart_interval - 1;
        Ok(())
    }

    /// Refuses what was read beyond the end.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.bits.is_overrun() { Err(cut()) } else { Ok(()) }
    }
}

fn cut() -> Error {
    let reason = "its picture data ends before the picture does".to_owned();
    Error::Truncated { format: Format::Jpeg, reason }
}
