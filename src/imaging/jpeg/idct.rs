//! Coefficients to samples: the inverse transform at any size from 1×1 to 8×8.
//!
//! An N×N transform of the N×N lowest coefficients is the block made smaller by N/8, free of
//! aliasing. Eight blocks are done side by side, one in each lane of an array of eight floats,
//! which the compiler turns into vector instructions; sums are in a fixed order and nothing is
//! fused, so every machine gets the same samples.

use crate::imaging::jpeg::frame::{Scale, ZIGZAG};

const LANES: usize = 8;
type Lanes = [f32; LANES];

/// Turns one row of blocks, `scale.kept()` coefficients each, into `scale.side()` rows of samples.
///
/// `quantisation` is in zigzag order; `rows` begins at the left end of the first of the rows,
/// which are `stride` samples apart.
pub(crate) fn block_row(
    scale: Scale,
    coefficients: &[i16],
    quantisation: &[u16; 64],
    rows: &mut [u8],
    stride: usize,
) {
    let row = Row { scale, coefficients, quantisation, stride };
    match scale.side() {
        1 => row.transform::<1>(rows),
        2 => row.transform::<2>(rows),
        3 => row.transform::<3>(rows),
        4 => row.transform::<4>(rows),
        5 => row.transform::<5>(rows),
        6 => row.transform::<6>(rows),
        7 => row.transform::<7>(rows),
        _ => row.transform::<8>(rows),
    }
}

struct Row<'a> {
    scale: Scale,
    coefficients: &'a [i16],
    quantisation: &'a [u16; 64],
    stride: usize,
}

impl Row<'_> {
    fn transform<const N: usize>(&self, rows: &mut [u8]) {
        let kept = self.scale.kept();
        let wanted = self.wanted();
        let basis = const { basis::<N>() };
        let group = kept * LANES;
        let mut left = 0;
        for blocks in self.coefficients.chunks(group) {
            let mut frequencies = [[[0.0; LANES]; N]; N];
            for &(place, (column, row), step) in &wanted {
                let lanes = &mut frequencies[row][column];
                for (lane, block) in lanes.iter_mut().zip(blocks.chunks_exact(kept)) {
                    *lane = f32::from(block[place]) * step;
                }
            }
            let samples = inverse(&basis, &frequencies);
            let count = blocks.len() / kept;
            for (y, line) in samples.iter().enumerate() {
                let target = &mut rows[y * self.stride + left..][..count * N];
                for (lane, block) in target.as_chunks_mut::<N>().0.iter_mut().enumerate() {
                    for (x, sample) in block.iter_mut().enumerate() {
                        *sample = line[x][lane];
                    }
                }
            }
            left += count * N;
        }
    }

    /// Place in zigzag order, column and row, and quantisation step of each wanted coefficient.
    fn wanted(&self) -> Vec<(usize, (usize, usize), f32)> {
        let places = ZIGZAG.iter().zip(self.quantisation).enumerate();
        places
            .filter(|(_, (place, _))| self.scale.wants(**place))
            .map(|(at, (&(column, row), &step))| (at, (column.into(), row.into()), f32::from(step)))
            .collect()
    }
}

#[inline]
fn inverse<const N: usize>(
    basis: &[[f32; N]; N],
    frequencies: &[[Lanes; N]; N],
) -> [[[u8; LANES]; N]; N] {
    let mut lines = [[[0.0; LANES]; N]; N];
    for (line, frequencies) in lines.iter_mut().zip(frequencies) {
        for (sample, basis) in line.iter_mut().zip(basis) {
            for (frequency, weight) in frequencies.iter().zip(basis) {
                add_weighted(sample, frequency, *weight);
            }
        }
    }
    let mut samples = [[[0; LANES]; N]; N];
    for (samples, basis) in samples.iter_mut().zip(basis) {
        for (x, sample) in samples.iter_mut().enumerate() {
            let mut sum = [0.0; LANES];
            for (line, weight) in lines.iter().zip(basis) {
                add_weighted(&mut sum, &line[x], *weight);
            }
            *sample = sum.map(level);
        }
    }
    samples
}

#[inline]
fn add_weighted(sum: &mut Lanes, values: &Lanes, weight: f32) {
    for (sum, value) in sum.iter_mut().zip(values) {
        *sum += value * weight;
    }
}

/// Rounds to a byte. Adding this constant moves the whole part into the lowest bits.
#[inline]
fn level(value: f32) -> u8 {
    const WHOLE: f32 = 12_582_912.0; // 1.5 × 2²³
    let [low, ..] = ((value + 128.0).clamp(0.0, 255.0) + WHOLE).to_bits().to_le_bytes();
    low
}

/// For each sample the weight of each frequency, in one dimension.
const fn basis<const N: usize>() -> [[f32; N]; N] {
    let mut basis = [[0.0; N]; N];
    let mut sample = 0;
    while sample < N {
        let mut frequency = 0;
        while frequency < N {
            // Angles in units of π / 2N.
            let weight = if frequency == 0 {
                std::f64::consts::FRAC_1_SQRT_2
            } else {
                cosine((2 * sample + 1) * frequency, 2 * N)
            };
            basis[sample][frequency] = (weight / 2.0) as f32;
            frequency += 1;
        }
        sample += 1;
    }
    basis
}

/// The cosine of `numerator / denominator` × π, by its series, so that it is the same everywhere.
const fn cosine(numerator: usize, denominator: usize) -> f64 {
    let full_turn = 2 * denominator;
    let mut within = numerator % full_turn;
    if within > denominator {
        within = full_turn - within;
    }
    let angle = std::f64::consts::PI * within as f64 / denominator as f64;
    let (mut sum, mut term, mut step) = (1.0, 1.0, 0.0);
    while step < 40.0 {
        term *= -angle * angle / ((step + 1.0) * (step + 2.0));
        sum += term;
        step += 2.0;
    }
    sum
}
