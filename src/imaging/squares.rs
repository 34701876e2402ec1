//! Pixels made smaller while they come in row by row, so that a large picture is never held twice.

use crate::imaging::decode::Picture;
use image::{DynamicImage, GrayAlphaImage, GrayImage, RgbImage, RgbaImage};

/// The resize still gets at least this many times the samples it needs, a side.
const OVERSIZE: u32 = 2;
/// Sums over a square of this side still fit in 32 bits, weighed by alpha.
const SIDE_MAX: u32 = 128;

/// Side of the squares of pixels that may become one, in a picture of `size` that is to be fitted
/// into `target`.
pub(crate) fn side(size: (u32, u32), target: (u32, u32)) -> u32 {
    let spare = (size.0 / target.0).min(size.1 / target.1) / OVERSIZE;
    spare.clamp(1, SIDE_MAX)
}

/// A picture of which the rows are still to come, whatever its pixels are.
pub(crate) struct Shrinking {
    size: (u32, u32),
    side: u32,
    squares: Samples,
}

enum Samples {
    Grey(Squares<1>),
    GreyAlpha(Squares<2>),
    Rgb(Squares<3>),
    Rgba(Squares<4>),
}

impl Shrinking {
    /// For a picture of `size` whose squares of `side` pixels become one; `None` for other than
    /// one, two, three or four samples a pixel.
    pub(crate) fn new(samples: usize, size: (u32, u32), side: u32) -> Option<Self> {
        let squares = match samples {
            1 => Samples::Grey(Squares::new(size.0, side)),
            2 => Samples::GreyAlpha(Squares::new(size.0, side)),
            3 => Samples::Rgb(Squares::new(size.0, side)),
            4 => Samples::Rgba(Squares::new(size.0, side)),
            _ => return None,
        };
        Some(Self { size, side, squares })
    }

    pub(crate) fn add(&mut self, row: &[u8]) {
        match &mut self.squares {
            Samples::Grey(squares) => squares.add(row),
            Samples::GreyAlpha(squares) => squares.add(row),
            Samples::Rgb(squares) => squares.add(row),
            Samples::Rgba(squares) => squares.add(row),
        }
    }

    /// The picture once all rows have come; `None` if they were not as many as they should be.
    pub(crate) fn finish(self) -> Option<Picture> {
        let (samples, pixels) = match self.squares {
            Samples::Grey(squares) => (1, squares.finish()),
            Samples::GreyAlpha(squares) => (2, squares.finish()),
            Samples::Rgb(squares) => (3, squares.finish()),
            Samples::Rgba(squares) => (4, squares.finish()),
        };
        let (width, height) = self.size;
        let size = (width.div_ceil(self.side), height.div_ceil(self.side));
        let share = |side: u32| f64::from(side) / f64::from(self.side);
        let pixels = into_image(samples, size, pixels)?;
        Some(Picture::Pixels { pixels, field: Some((share(width), share(height))) })
    }
}

/// Averages squares of pixels while the rows come in.
struct Squares<const N: usize> {
    side: usize,
    /// Sums over the rows of a square: of each sample, weighed by alpha where there is one.
    sums: Vec<[u32; N]>,
    rows: usize,
    done: Vec<u8>,
}

impl<const N: usize> Squares<N> {
    const HAS_ALPHA: bool = N.is_multiple_of(2);

    fn new(width: u32, side: u32) -> Self {
        let sums = vec![[0; N]; width as usize];
        Self { side: side as usize, sums, rows: 0, done: Vec::new() }
    }

    fn add(&mut self, row: &[u8]) {
        if Self::HAS_ALPHA {
            for (sum, pixel) in self.sums.iter_mut().zip(row.as_chunks::<N>().0) {
                let alpha = u32::from(pixel[N - 1]);
                for (sum, &sample) in sum[..N - 1].iter_mut().zip(pixel) {
                    *sum += u32::from(sample) * alpha;
                }
                sum[N - 1] += alpha;
            }
        } else {
            for (sum, &sample) in self.sums.as_flattened_mut().iter_mut().zip(row) {
                *sum += u32::from(sample);
            }
        }
        self.rows += 1;
        if self.rows == self.side {
            self.close();
        }
    }

    /// Turns the sums into a row of pixels.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "means of bytes"
    )]
    fn close(&mut self) {
        for square in self.sums.chunks(self.side) {
            let mut total = [0; N];
            for column in square {
                for (total, sum) in total.iter_mut().zip(column) {
                    *total += sum;
                }
            }
            let pixels = (square.len() * self.rows) as f32;
            let weight = if Self::HAS_ALPHA { total[N - 1].max(1) as f32 } else { pixels };
            let mut means = total.map(|total| (total as f32 / weight + 0.5) as u8);
            if Self::HAS_ALPHA {
                means[N - 1] = (total[N - 1] as f32 / pixels + 0.5) as u8;
            }
            self.done.extend_from_slice(&means);
        }
        self.sums.fill([0; N]);
        self.rows = 0;
    }

    fn finish(mut self) -> Vec<u8> {
        if self.rows > 0 {
            self.close();
        }
        self.done
    }
}

/// Samples as a picture of one, two, three or four of them a pixel; `None` if they are not so many.
pub(crate) fn into_image(
    samples: usize,
    (width, height): (u32, u32),
    pixels: Vec<u8>,
) -> Option<DynamicImage> {
    match samples {
        1 => GrayImage::from_raw(width, height, pixels).map(DynamicImage::from),
        2 => GrayAlphaImage::from_raw(width, height, pixels).map(DynamicImage::from),
        3 => RgbImage::from_raw(width, height, pixels).map(DynamicImage::from),
        4 => RgbaImage::from_raw(width, height, pixels).map(DynamicImage::from),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn squares_are_averaged_with_what_there_is_at_the_edges() {
        let mut grey = Squares::<1>::new(5, 2);
        for row in [[10, 20, 30, 40, 50], [10, 20, 30, 40, 70], [1, 2, 3, 4, 5]] {
            grey.add(&row);
        }
        assert_eq!(grey.finish(), [15, 35, 60, 2, 4, 5]);
    }

    #[test]
    fn transparent_pixels_weigh_nothing() {
        let mut pixels = Squares::<4>::new(2, 2);
        pixels.add(&[200, 0, 0, 255, 0, 99, 0, 0]);
        pixels.add(&[100, 0, 0, 255, 0, 99, 0, 0]);
        assert_eq!(pixels.finish(), [150, 0, 0, 128]);
    }

    proptest! {
        #[test]
        fn an_even_picture_stays_even(
            width in 1_u32..40, height in 1_u32..40, side in 1_u32..20, sample in any::<u8>(),
        ) {
            let mut squares = Squares::<3>::new(width, side);
            for _ in 0..height {
                squares.add(&vec![sample; width as usize * 3]);
            }
            let expected = width.div_ceil(side) * height.div_ceil(side) * 3;
            prop_assert_eq!(squares.finish(), vec![sample; expected as usize]);
        }
    }
}
