//! PNG, read row by row and made smaller on the way, so that a large picture is never held whole.

use crate::imaging::decode::Picture;
use crate::imaging::{Error, Format, Limits};
use image::metadata::Orientation;
use image::{DynamicImage, GrayAlphaImage, GrayImage, RgbImage, RgbaImage};
use png::{ColorType, Decoder, DecodingError, Reader, Transformations};
use std::io::{Cursor, ErrorKind};

/// The resize still gets at least this many times the samples it needs, a side.
const OVERSIZE: u32 = 2;
/// Sums over a square of this side still fit in 32 bits, weighed by alpha.
const SQUARE_MAX: u32 = 128;

/// A file whose chunks before the picture were read.
pub(crate) struct Png<'a> {
    reader: Reader<Cursor<&'a [u8]>>,
}

impl<'a> Png<'a> {
    /// Sees the file to its end, and checks the size it declares.
    pub(crate) fn open(input: &'a [u8], limits: &Limits) -> Result<Self, Error> {
        check_is_whole(input)?;
        // Rows, palettes and profiles; the pixels are not the reader's to keep.
        let bytes = 64 << 20;
        let mut decoder = Decoder::new_with_limits(Cursor::new(input), png::Limits { bytes });
        decoder.set_transformations(Transformations::normalize_to_color8());
        decoder.set_ignore_text_chunk(true);
        let header = decoder.read_header_info().map_err(fail)?;
        limits.check_size(Format::Png, header.width, header.height)?;
        Ok(Self { reader: decoder.read_info().map_err(fail)? })
    }

    /// In pixels.
    pub(crate) fn size(&self) -> (u32, u32) {
        self.reader.info().size()
    }

    pub(crate) fn orientation(&self) -> Orientation {
        let exif = self.reader.info().exif_metadata.as_deref();
        exif.and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms)
    }

    pub(crate) fn icc(&self) -> Option<&[u8]> {
        self.reader.info().icc_profile.as_deref()
    }

    /// Whether a sample has more bits than can be seen.
    pub(crate) fn is_deep(&self) -> bool {
        self.reader.info().bit_depth == png::BitDepth::Sixteen
    }

    /// About the most memory that [`Png::decode`] takes, in bytes.
    pub(crate) fn memory_needed(&self, target: (u32, u32)) -> u64 {
        let (width, height) = self.size();
        let square = u64::from(self.square(target));
        let samples = self.reader.output_color_type().0.samples() as u64;
        u64::from(width) * u64::from(height) * samples / (square * square)
    }

    /// Decodes to at least `target` pixels, or as near as the file comes.
    pub(crate) fn decode(mut self, target: (u32, u32)) -> Result<Picture, Error> {
        let square = self.square(target);
        let (width, height) = self.size();
        let (colour, _) = self.reader.output_color_type();
        if square == 1 {
            let mut pixels = vec![0; self.reader.output_buffer_size().ok_or_else(too_large)?];
            self.reader.next_frame(&mut pixels).map_err(fail)?;
            let pixels = into_image(colour, (width, height), pixels)?;
            return Ok(Picture::Pixels { pixels, field: None });
        }
        let reduced = match colour {
            ColorType::Grayscale | ColorType::Indexed => {
                self.reduce(Squares::<1>::new(width, square))
            }
            ColorType::GrayscaleAlpha => self.reduce(Squares::<2>::new(width, square)),
            ColorType::Rgb => self.reduce(Squares::<3>::new(width, square)),
            ColorType::Rgba => self.reduce(Squares::<4>::new(width, square)),
        }?;
        let size = (width.div_ceil(square), height.div_ceil(square));
        let share = |side: u32| f64::from(side) / f64::from(square);
        let pixels = into_image(colour, size, reduced)?;
        Ok(Picture::Pixels { pixels, field: Some((share(width), share(height))) })
    }

    /// Side of the squares of pixels that become one. The rows of an interlaced file do not come
    /// in order.
    fn square(&self, target: (u32, u32)) -> u32 {
        if self.reader.info().interlaced {
            return 1;
        }
        let (width, height) = self.size();
        let spare = (width / target.0).min(height / target.1) / OVERSIZE;
        spare.clamp(1, SQUARE_MAX)
    }

    fn reduce<const N: usize>(&mut self, mut squares: Squares<N>) -> Result<Vec<u8>, Error> {
        let (_, height) = self.size();
        for _ in 0..height {
            let row = self.reader.next_row().map_err(fail)?;
            squares.add(row.ok_or_else(|| truncated("it has too few rows"))?.data());
        }
        Ok(squares.finish())
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

fn into_image(colour: ColorType, size: (u32, u32), pixels: Vec<u8>) -> Result<DynamicImage, Error> {
    let (width, height) = size;
    let picture = match colour {
        ColorType::Grayscale | ColorType::Indexed => {
            GrayImage::from_raw(width, height, pixels).map(DynamicImage::from)
        }
        ColorType::GrayscaleAlpha => {
            GrayAlphaImage::from_raw(width, height, pixels).map(DynamicImage::from)
        }
        ColorType::Rgb => RgbImage::from_raw(width, height, pixels).map(DynamicImage::from),
        ColorType::Rgba => RgbaImage::from_raw(width, height, pixels).map(DynamicImage::from),
    };
    picture.ok_or_else(|| truncated("it has too few pixels"))
}

/// The decoder stops after the last row; what comes after it tells whether the file was cut.
fn check_is_whole(input: &[u8]) -> Result<(), Error> {
    for chunk in chunks(input) {
        if chunk?.kind == b"IEND" {
            return Ok(());
        }
    }
    Err(truncated("it has no end chunk"))
}

/// Only the chunks without which the picture would be another.
pub(crate) fn stripped(input: &[u8]) -> Result<Vec<u8>, Error> {
    const KEPT: [&[u8]; 5] = [b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"];
    let mut bytes = input[..SIGNATURE].to_vec();
    for chunk in chunks(input) {
        let chunk = chunk?;
        if KEPT.contains(&chunk.kind) {
            bytes.extend_from_slice(chunk.bytes);
        }
        if chunk.kind == b"IEND" {
            break;
        }
    }
    Ok(bytes)
}

/// Bytes before the first chunk.
const SIGNATURE: usize = 8;

struct Chunk<'a> {
    kind: &'a [u8],
    /// With length and checksum.
    bytes: &'a [u8],
}

fn chunks(input: &[u8]) -> impl Iterator<Item = Result<Chunk<'_>, Error>> {
    const LENGTH_KIND_SUM: usize = 12;
    let mut rest = input.get(SIGNATURE..).unwrap_or_default();
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let cut = || truncated("it ends inside a chunk");
        let length = match rest.first_chunk() {
            Some(length) => u32::from_be_bytes(*length) as usize,
            None => return Some(Err(cut())),
        };
        let parts = rest.split_at_checked(length.saturating_add(LENGTH_KIND_SUM));
        let Some((bytes, after)) = parts else {
            rest = &[];
            return Some(Err(cut()));
        };
        rest = after;
        Some(Ok(Chunk { kind: &bytes[4..8], bytes }))
    })
}

fn fail(error: DecodingError) -> Error {
    match error {
        DecodingError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            truncated("it ends inside the picture data")
        }
        DecodingError::LimitsExceeded => Error::TooMuchMemory { format: Format::Png },
        DecodingError::IoError(_) | DecodingError::Format(_) | DecodingError::Parameter(_) => {
            Error::Corrupt { format: Format::Png, reason: error.to_string() }
        }
    }
}

fn truncated(reason: &str) -> Error {
    Error::Truncated { format: Format::Png, reason: reason.to_owned() }
}

fn too_large() -> Error {
    Error::TooMuchMemory { format: Format::Png }
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
