//! One component while it is being decoded, and the plane of samples it becomes.

use crate::imaging::Error;
use crate::imaging::buffer::Buffer;
use crate::imaging::jpeg::corrupt;
use crate::imaging::jpeg::frame::{Component, Frame, Scale};
use crate::imaging::jpeg::idct;
use crate::imaging::planar::Plane;

/// Samples kept free at the right and at the bottom, filled with copies of the edge, so that a
/// resize may look a little beyond it.
const MARGIN: u32 = 16;

#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) scale: Scale,
    /// Coefficients kept of each block.
    pub(crate) kept: usize,
    /// Blocks a row, those that only fill up included.
    pub(crate) blocks_across: usize,
    /// Kept coefficients, block by block: of one row of units, or of the whole picture.
    pub(crate) coefficients: Buffer<i16>,
    /// For each block which coefficients are not zero, kept or not; only in progressive pictures.
    pub(crate) nonzero: Buffer<u64>,
    /// For each coefficient the bit down to which it is known.
    pub(crate) precision: [u8; 64],
    quantisation: Option<[u16; 64]>,
    plane: Plane,
}

impl Channel {
    /// `precision` of a coefficient that no scan has brought yet.
    pub(crate) const UNKNOWN: u8 = u8::MAX;

    pub(crate) fn new(component: &Component, frame: &Frame, scale: Scale) -> Self {
        let kept = scale.kept();
        let (across, down) = component.padded_blocks(frame);
        let rows = if frame.is_progressive { down } else { component.down };
        let blocks = across as usize * rows as usize;
        let side = scale.side() as u32;
        let (width, height) = (across * side + MARGIN, down * side + MARGIN);
        let share = |samples: f64| samples * f64::from(side) / 8.0;
        let (full_width, full_height) = component.size(frame);
        Self {
            scale,
            kept,
            blocks_across: across as usize,
            coefficients: Buffer::zeroed(blocks * kept),
            nonzero: Buffer::zeroed(if frame.is_progressive { blocks } else { 0 }),
            precision: [Self::UNKNOWN; 64],
            quantisation: None,
            plane: Plane {
                samples: Buffer::zeroed(width as usize * height as usize),
                width,
                height,
                field: (share(full_width), share(full_height)),
            },
        }
    }

    /// Keeps the table that holds at the component's first scan.
    pub(crate) fn keep_quantisation(&mut self, table: [u16; 64]) {
        self.quantisation.get_or_insert(table);
    }

    /// Transforms a row of blocks: the coefficients of row `stored`, to where row `block_row` lies.
    pub(crate) fn transform(&mut self, stored: usize, block_row: usize) -> Result<(), Error> {
        let quantisation = self.quantisation.as_ref();
        let quantisation = quantisation.ok_or_else(|| corrupt("a component has no data"))?;
        let row = self.blocks_across * self.kept;
        let coefficients = &self.coefficients[stored * row..][..row];
        let width = self.plane.width as usize;
        let rows = &mut self.plane.samples[block_row * self.scale.side() * width..];
        idct::block_row(self.scale, coefficients, quantisation, rows, width);
        Ok(())
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.precision.iter().all(|&bit| bit == 0)
    }

    /// The finished plane, its margin filled.
    pub(crate) fn into_plane(mut self) -> Plane {
        fill_margin(&mut self.plane);
        self.plane
    }
}

/// Bytes that a [`Channel`] takes.
pub(crate) fn memory_needed(component: &Component, frame: &Frame, scale: Scale) -> u64 {
    let (across, down) = component.padded_blocks(frame);
    let blocks = u64::from(across) * u64::from(down);
    let samples = (scale.side() * scale.side()) as u64;
    let stored = if frame.is_progressive { scale.kept() as u64 * 2 + 8 } else { 0 };
    blocks * (samples + stored)
}

/// Fills what lies beyond the picture with copies of its edge.
fn fill_margin(plane: &mut Plane) {
    let whole = |samples: f64| samples.ceil() as usize;
    let (covered, rows) = (whole(plane.field.0), whole(plane.field.1));
    let width = plane.width as usize;
    for row in plane.samples.chunks_exact_mut(width).take(rows) {
        let edge = row[covered - 1];
        row[covered..].fill(edge);
    }
    let last = (rows - 1) * width..rows * width;
    for row in rows..plane.height as usize {
        plane.samples.copy_within(last.clone(), row * width);
    }
}
