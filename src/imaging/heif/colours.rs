//! What the samples of a frame mean, and planes of bytes that mean the same.

use crate::imaging::buffer::Buffer;
use crate::imaging::planar::{Matrix, Plane};
use heic_rs::ChromaFormat;
use heic_rs::hevc::Frame;
use heic_rs::props::colr::{MatrixCoefficients, Nclx, Range};

/// What the samples of a frame mean.
#[derive(Debug, Clone, Copy)]
pub(super) struct Colours {
    pub(super) matrix: Matrix,
    pub(super) is_full_range: bool,
}

impl Default for Colours {
    /// What is taken for granted where nothing is said (ITU-T H.265, E.3.1).
    fn default() -> Self {
        Self { matrix: Matrix::Bt601, is_full_range: false }
    }
}

impl From<Nclx> for Colours {
    fn from(nclx: Nclx) -> Self {
        let matrix = match nclx.matrix {
            MatrixCoefficients::Identity => Matrix::Identity,
            MatrixCoefficients::Bt709 => Matrix::Bt709,
            MatrixCoefficients::Bt2020Ncl => Matrix::Bt2020,
            // The rest differ little, are hardly used, or say nothing.
            _ => Matrix::Bt601,
        };
        Self { matrix, is_full_range: nclx.range == Range::Full }
    }
}

impl Colours {
    /// The shown part of a frame in planes of bytes with the full range; `None` if it is not there.
    pub(super) fn planes(self, frame: &Frame, shown: (u32, u32, u32, u32)) -> Option<Vec<Plane>> {
        let (left, top, width, height) = shown;
        let (across, down) = match frame.chroma {
            ChromaFormat::Monochrome | ChromaFormat::Yuv444 => (1, 1),
            ChromaFormat::Yuv422 => (2, 1),
            ChromaFormat::Yuv420 => (2, 2),
        };
        let full = Part { left, top, width, height, stride: frame.y_stride };
        let luma = self.table(frame.bit_depth, false);
        let mut planes = vec![full.cut(&frame.y, &luma, (width.into(), height.into()))?];
        if frame.chroma == ChromaFormat::Monochrome {
            return Some(planes);
        }
        let half = Part {
            left: left / across,
            top: top / down,
            width: width.div_ceil(across),
            height: height.div_ceil(down),
            stride: frame.c_stride,
        };
        let field = (f64::from(width) / f64::from(across), f64::from(height) / f64::from(down));
        let chroma = self.table(frame.bit_depth, self.matrix != Matrix::Identity);
        planes.push(half.cut(&frame.cb, &chroma, field)?);
        planes.push(half.cut(&frame.cr, &chroma, field)?);
        Some(planes)
    }

    /// For each value a sample can have the byte that means the same.
    fn table(self, bit_depth: u8, is_difference: bool) -> Vec<u8> {
        let depth = u32::from(bit_depth.clamp(8, 16));
        let steps = f64::from(1_u32 << (depth - 8));
        let (zero, reach) = match (self.is_full_range, is_difference) {
            (true, false) => (0.0, f64::from((1_u32 << depth) - 1)),
            (true, true) => (128.0 * steps, f64::from((1_u32 << depth) - 1)),
            (false, false) => (16.0 * steps, 219.0 * steps),
            (false, true) => (128.0 * steps, 224.0 * steps),
        };
        let middle = if is_difference { 128.0 } else { 0.0 };
        (0..1_u32 << depth)
            .map(|value| {
                let level = (f64::from(value) - zero) / reach * 255.0 + middle;
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "clamped"
                )]
                let byte = (level.clamp(0.0, 255.0) + 0.5) as u8;
                byte
            })
            .collect()
    }
}

/// A rectangle in a plane.
struct Part {
    left: u32,
    top: u32,
    width: u32,
    height: u32,
    stride: u32,
}

impl Part {
    fn cut(&self, samples: &[u16], table: &[u8], field: (f64, f64)) -> Option<Plane> {
        let (left, width) = (self.left as usize, self.width as usize);
        let mut buffer = Buffer::empty(width * self.height as usize);
        let bytes = buffer.as_vec_mut();
        let rows = samples.chunks(self.stride as usize).skip(self.top as usize);
        for row in rows.take(self.height as usize) {
            let shown = row.get(left..left + width)?;
            // Above the largest value there is nothing; damaged data must not find it.
            bytes.extend(
                shown
                    .iter()
                    .map(|&sample| table.get(usize::from(sample)).copied().unwrap_or(u8::MAX)),
            );
        }
        let is_whole = bytes.len() == width * self.height as usize;
        is_whole.then_some(Plane { samples: buffer, width: self.width, height: self.height, field })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_any_range_become_bytes_of_the_full_range() {
        let check = |bits: u8, is_full_range: bool, is_difference: bool, pairs: &[(usize, u8)]| {
            let table = Colours { matrix: Matrix::Bt601, is_full_range }.table(bits, is_difference);
            for &(sample, byte) in pairs {
                assert_eq!(table[sample], byte, "{sample} of {bits} bits");
            }
        };
        check(8, true, false, &[(0, 0), (77, 77), (255, 255)]);
        check(8, true, true, &[(0, 0), (128, 128), (255, 255)]);
        check(8, false, false, &[(0, 0), (16, 0), (235, 255), (255, 255)]);
        check(8, false, true, &[(16, 1), (128, 128), (240, 255)]);
        check(10, true, false, &[(0, 0), (512, 128), (1023, 255)]);
        check(10, false, false, &[(64, 0), (940, 255)]);
    }
}
