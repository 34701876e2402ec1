//! PNG, read row by row and made smaller on the way, so that a large picture is never held whole.

use crate::imaging::decode::{Picture, orientation_in};
use crate::imaging::squares::{self, Shrinking, into_image};
use crate::imaging::{Error, Format, Limits};
use image::metadata::Orientation;
use png::{Decoder, DecodingError, Reader, Transformations};
use std::io::{Cursor, ErrorKind};

/// A file whose chunks before the picture were read.
pub(crate) struct Png<'a> {
    reader: Reader<Cursor<&'a [u8]>>,
}

impl<'a> Png<'a> {
    /// Sees the file to its end, and checks the size it declares.
    pub(crate) fn open(input: &'a [u8], limits: &Limits) -> Result<Self, Error> {
        check_is_whole(input)?;
        // Rows and palettes beside the profile; the pixels are not the reader's to keep.
        let bytes = limits.icc_bytes_max + (4 << 20);
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
        exif.and_then(orientation_in).unwrap_or(Orientation::NoTransforms)
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
        /// Sums of four bytes, and two rows of up to 16 bits for the reader.
        const BYTES_A_SAMPLE: u64 = 4 + 2 * 2;
        let (width, height) = self.size();
        let (width, height) = (u64::from(width), u64::from(height));
        let square = u64::from(self.square(target));
        let samples = self.reader.output_color_type().0.samples() as u64;
        width * height * samples / (square * square) + width * samples * BYTES_A_SAMPLE
    }

    /// Decodes to at least `target` pixels, or as near as the file comes.
    pub(crate) fn decode(mut self, target: (u32, u32)) -> Result<Picture, Error> {
        let square = self.square(target);
        let (width, height) = self.size();
        let (colour, _) = self.reader.output_color_type();
        if square == 1 {
            let mut pixels = vec![0; self.reader.output_buffer_size().ok_or_else(too_large)?];
            self.reader.next_frame(&mut pixels).map_err(fail)?;
            let pixels = into_image(colour.samples(), (width, height), pixels);
            let pixels = pixels.ok_or_else(|| truncated("it has too few pixels"))?;
            return Ok(Picture::Pixels { pixels, field: None });
        }
        let shrinking = Shrinking::new(colour.samples(), (width, height), square);
        let mut shrinking = shrinking.ok_or_else(too_large)?;
        for _ in 0..height {
            let row = self.reader.next_row().map_err(fail)?;
            shrinking.add(row.ok_or_else(|| truncated("it has too few rows"))?.data());
        }
        shrinking.finish().ok_or_else(|| truncated("it has too few rows"))
    }

    /// Side of the squares of pixels that become one. The rows of an interlaced file do not come
    /// in order.
    fn square(&self, target: (u32, u32)) -> u32 {
        if self.reader.info().interlaced { 1 } else { squares::side(self.size(), target) }
    }
}

/// The decoder stops after the last row; what comes after it tells whether the file was cut. And
/// it panics at a palette that ends within a colour, or has fewer colours than opacities.
fn check_is_whole(input: &[u8]) -> Result<(), Error> {
    let is_indexed = input.get(COLOUR_TYPE) == Some(&(png::ColorType::Indexed as u8));
    let mut colours = 0;
    for chunk in chunks(input) {
        let chunk = chunk?;
        let length = chunk.bytes.len() - LENGTH_KIND_SUM;
        match chunk.kind {
            b"PLTE" if !length.is_multiple_of(3) => {
                return Err(corrupt("its palette ends within a colour"));
            }
            b"PLTE" => colours = length / 3,
            b"tRNS" if is_indexed && length > colours => {
                return Err(corrupt("its palette has fewer colours than opacities"));
            }
            b"IEND" => return Ok(()),
            _ => {}
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
/// Where the header chunk, which is the first, tells the kind of pixels.
const COLOUR_TYPE: usize = 25;
/// Bytes of a chunk beside its data.
const LENGTH_KIND_SUM: usize = 12;

struct Chunk<'a> {
    kind: &'a [u8],
    /// With length and checksum.
    bytes: &'a [u8],
}

fn chunks(input: &[u8]) -> impl Iterator<Item = Result<Chunk<'_>, Error>> {
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
        DecodingError::LimitsExceeded => Error::OutOfProportion { format: Format::Png },
        DecodingError::IoError(_) | DecodingError::Format(_) | DecodingError::Parameter(_) => {
            Error::Corrupt { format: Format::Png, reason: error.to_string() }
        }
    }
}

fn truncated(reason: &str) -> Error {
    Error::Truncated { format: Format::Png, reason: reason.to_owned() }
}

fn corrupt(reason: &str) -> Error {
    Error::Corrupt { format: Format::Png, reason: reason.to_owned() }
}

fn too_large() -> Error {
    Error::OutOfProportion { format: Format::Png }
}
