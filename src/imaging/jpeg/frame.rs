//! The geometry of a frame: components, their blocks, and how much of each block is wanted.

use crate::imaging::Error;
use crate::imaging::jpeg::{corrupt, unsupported};

/// Side of a block at full size, in samples.
const BLOCK: u32 = 8;

/// Four inks.
const COMPONENTS_MAX: u8 = 4;

/// For each place in a block's zigzag order its column and row.
pub(crate) const ZIGZAG: [(u8, u8); 64] = zigzag();

const fn zigzag() -> [(u8, u8); 64] {
    let mut order = [(0, 0); 64];
    let (mut column, mut row) = (0_u8, 0_u8);
    let mut at = 0;
    while at < 64 {
        order[at] = (column, row);
        let upwards = (column + row).is_multiple_of(2);
        // At an edge the way goes on along it, else diagonally.
        match (upwards, column, row) {
            (true, 7, _) | (false, 0, 0..7) => row += 1,
            (true, _, 0) | (false, _, 7) => column += 1,
            (true, ..) => {
                column += 1;
                row -= 1;
            }
            (false, ..) => {
                column -= 1;
                row += 1;
            }
        }
        at += 1;
    }
    order
}

/// One component of the picture: brightness or one of the two colour differences.
#[derive(Debug, Clone)]
pub(crate) struct Component {
    pub(crate) id: u8,
    /// Samples across and down for each unit of the frame, 1 to 4.
    pub(crate) across: u32,
    pub(crate) down: u32,
    /// Number of its quantisation table.
    pub(crate) quantisation: u8,
}

impl Component {
    /// Full size of the component in a frame, in samples and their fractions.
    pub(crate) fn size(&self, frame: &Frame) -> (f64, f64) {
        let (across_max, down_max) = frame.sampling_max();
        (
            f64::from(frame.width * self.across) / f64::from(across_max),
            f64::from(frame.height * self.down) / f64::from(down_max),
        )
    }

    /// Number of blocks that hold samples of the picture.
    pub(crate) fn blocks(&self, frame: &Frame) -> (u32, u32) {
        let (across_max, down_max) = frame.sampling_max();
        (
            (frame.width * self.across).div_ceil(across_max).div_ceil(BLOCK),
            (frame.height * self.down).div_ceil(down_max).div_ceil(BLOCK),
        )
    }

    /// Number of blocks with those that only fill the last units up.
    pub(crate) fn padded_blocks(&self, frame: &Frame) -> (u32, u32) {
        let (units_across, units_down) = frame.units();
        (units_across * self.across, units_down * self.down)
    }
}

/// What a start-of-frame segment declares.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// In pixels.
    pub(crate) width: u32,
    /// In pixels.
    pub(crate) height: u32,
    pub(crate) is_progressive: bool,
    pub(crate) components: Vec<Component>,
}

impl Frame {
    /// Reads the payload of a start-of-frame segment of eight-bit samples.
    pub(crate) fn read(payload: &[u8], is_progressive: bool) -> Result<Self, Error> {
        let [_precision, y1, y0, x1, x0, count, list @ ..] = payload else {
            return Err(corrupt("its frame header is too short"));
        };
        if *count > COMPONENTS_MAX {
            return Err(unsupported("more than four components"));
        }
        if *count == 0 || list.len() != usize::from(*count) * 3 {
            return Err(corrupt("its frame header has the wrong length"));
        }
        let components = list
            .as_chunks::<3>()
            .0
            .iter()
            .map(|&[id, sampling, quantisation]| {
                let (across, down) = (u32::from(sampling >> 4), u32::from(sampling & 15));
                if !(1..=4).contains(&across) || !(1..=4).contains(&down) {
                    return Err(corrupt("its sampling factors are impossible"));
                }
                Ok(Component { id, across, down, quantisation })
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            width: u16::from_be_bytes([*x1, *x0]).into(),
            height: u16::from_be_bytes([*y1, *y0]).into(),
            is_progressive,
            components,
        })
    }

    fn sampling_max(&self) -> (u32, u32) {
        let largest = |factor: fn(&Component) -> u32| self.components.iter().map(factor).max();
        let (across, down) = (largest(|c| c.across), largest(|c| c.down));
        (across.unwrap_or(1), down.unwrap_or(1))
    }

    /// Number of units (MCUs) across and down.
    pub(crate) fn units(&self) -> (u32, u32) {
        let (across_max, down_max) = self.sampling_max();
        (self.width.div_ceil(BLOCK * across_max), self.height.div_ceil(BLOCK * down_max))
    }
}

/// How many samples a block of eight by eight is decoded to, a side: 1 to 8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scale(usize);

impl Scale {
    pub(crate) const FULL: Self = Self(8);

    /// The smallest scale at which `from` is at least `to`, each the two sides of a picture.
    pub(crate) fn at_least(from: (f64, f64), to: (f64, f64)) -> Self {
        let is_enough = |side: &usize| {
            let share = *side as f64 / 8.0;
            from.0 * share >= to.0 && from.1 * share >= to.1
        };
        (1..8).find(is_enough).map_or(Self::FULL, Self)
    }

    /// The next larger of 1, 2, 4 and 8.
    pub(crate) fn power_of_two(self) -> Self {
        Self(self.0.next_power_of_two())
    }

    pub(crate) fn side(self) -> usize {
        self.0
    }

    /// Whether a coefficient takes part: the low ones, and of small blocks not the corner, which
    /// costs a tenth of the time and is not seen to matter (the resize after it takes it away).
    pub(crate) fn wants(self, (column, row): (u8, u8)) -> bool {
        let (column, row) = (usize::from(column), usize::from(row));
        let in_corner = self.0 <= 4 && column + row > self.0;
        column < self.0 && row < self.0 && !in_corner
    }

    /// Number of coefficients, in zigzag order, up to the last that is wanted.
    pub(crate) fn kept(self) -> usize {
        let last = ZIGZAG.iter().rposition(|&place| self.wants(place));
        last.expect("the mean is always wanted") + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_zigzag_is_the_standards() {
        let by_row = ZIGZAG.map(|(column, row)| row * 8 + column);
        let start = [0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5];
        assert_eq!(by_row[..16], start);
        assert_eq!(by_row[60..], [47, 55, 62, 63]);
    }

    #[test]
    fn a_scale_keeps_what_it_needs_and_little_more() {
        let kept: Vec<usize> = (1..=8).map(|side| Scale(side).kept()).collect();
        assert_eq!(kept, [1, 5, 9, 14, 40, 52, 60, 64]);
    }

    #[test]
    fn the_smallest_scale_that_is_enough_is_taken() {
        let check = |from, to, side| assert_eq!(Scale::at_least(from, to).side(), side, "{from:?}");
        check((4000.0, 3000.0), (1000.0, 750.0), 2);
        check((4000.0, 3000.0), (1001.0, 750.0), 3);
        check((8000.0, 6000.0), (1000.0, 750.0), 1);
        check((900.0, 600.0), (1000.0, 750.0), 8);
        check((1000.0, 750.0), (1000.0, 750.0), 8);
    }
}
