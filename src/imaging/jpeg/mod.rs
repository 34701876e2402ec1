//! JPEG, read by a decoder of our own that makes the picture smaller while it reads it.
//!
//! [`decoder`] reads what nearly every JPEG is: sequential or progressive Huffman coding, eight
//! bits, grey or YCbCr, any sampling, one scan or several. The rest goes to [`foreign`]. Either way
//! the walk over the [`segments`] has seen the file to its end before.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "codes, coefficients and samples have few bits; what damaged data makes of them may wrap"
)]

mod bits;
mod channel;
mod decoder;
mod foreign;
mod frame;
mod header;
mod huffman;
mod idct;
mod progressive;
mod scan;
mod segments;
mod sequential;
mod tables;
#[cfg(test)]
mod tests;

pub(crate) use header::Header;

use crate::imaging::decode::Picture;
use crate::imaging::planar::{Matrix, Planes};
use crate::imaging::profile::Profile;
use crate::imaging::{Error, Format};
use frame::{Component, Scale};
use header::Colours;
use segments::marker;

/// Decoding stops at a picture this much larger than wanted: the resize needs some samples to
/// choose from, and below this its result gets visibly softer.
const OVERSIZE: f64 = 1.25;

/// Decodes a file whose `header` was read and found within the limits, to at least `target`
/// pixels (as the file lies), and not much more than it takes for good quality.
///
/// `profile` is used here only where the picture is in inks.
pub(crate) fn decode(
    input: &[u8],
    header: &Header,
    target: (u32, u32),
    profile: Option<&Profile>,
) -> Result<Picture, Error> {
    if header.colours == Colours::Other {
        // The other decoder takes what is missing for grey.
        check(input, header)?;
        let size = (header.frame.width, header.frame.height);
        return foreign::decode(input, size, foreign_scale(header, target), profile);
    }
    let components = decoder::decode(input, &header.frame, &scales(header, target))?;
    Ok(Picture::Planes(Planes { components, matrix: Matrix::Bt601, alpha: None }))
}

/// About the most memory that [`decode`] takes, in bytes.
pub(crate) fn memory_needed(header: &Header, target: (u32, u32)) -> u64 {
    let frame = &header.frame;
    if header.colours == Colours::Other {
        // Samples of each component, of all of them together, and what they are converted to.
        const SAMPLES_AND_PIXELS: u64 = 3;
        let side = foreign_scale(header, target).side() as u64;
        let scaled = SAMPLES_AND_PIXELS * side * side / 64;
        let coefficients = if frame.is_progressive { 2 } else { 0 };
        let samples = u64::from(frame.width) * u64::from(frame.height);
        return samples * frame.components.len() as u64 * (scaled.max(1) + coefficients);
    }
    // The scan without its stuffing, which is kept for the next one.
    let scan = header.scan_bytes_max as u64;
    let channels = frame.components.iter().zip(scales(header, target));
    scan + channels
        .map(|(component, scale)| channel::memory_needed(component, frame, scale))
        .sum::<u64>()
}

/// The scale at which the other decoder is used; it has but four of them.
fn foreign_scale(header: &Header, target: (u32, u32)) -> Scale {
    let size = (header.frame.width, header.frame.height);
    if target == size {
        return Scale::FULL;
    }
    let [from, wanted] = [size, target].map(|(width, height)| (width.into(), height.into()));
    Scale::at_least(from, (wanted.0 * OVERSIZE, wanted.1 * OVERSIZE)).power_of_two()
}

fn scales(header: &Header, target: (u32, u32)) -> Vec<Scale> {
    let frame = &header.frame;
    let scale = |(index, component): (usize, &Component)| {
        if target == (frame.width, frame.height) {
            return Scale::FULL;
        }
        // Colour is written at half size, so no more of it is needed.
        let share = if index == 0 { OVERSIZE } else { OVERSIZE / 2.0 };
        let wanted = (f64::from(target.0) * share, f64::from(target.1) * share);
        Scale::at_least(component.size(frame), wanted)
    };
    frame.components.iter().enumerate().map(scale).collect()
}

/// Refuses a file whose picture data is not whole. Decodes no more than it takes to know.
pub(crate) fn check(input: &[u8], header: &Header) -> Result<(), Error> {
    let least = Scale::at_least((8.0, 8.0), (1.0, 1.0));
    let scales = vec![least; header.frame.components.len()];
    decoder::decode(input, &header.frame, &scales).map(|_| ())
}

/// The same picture, bit by bit, without comments and without application segments but the one
/// that makes it a JFIF file.
pub(crate) fn stripped(input: &[u8]) -> Result<Vec<u8>, Error> {
    const JFIF: [u8; 20] = *b"\xFF\xD8\xFF\xE0\0\x10JFIF\0\x01\x02\0\0\x01\0\x01\0\0";
    let mut bytes = JFIF.to_vec();
    for segment in segments::segments(input) {
        let segment = segment?;
        if matches!(segment.marker, marker::APP0..=marker::COM) {
            continue;
        }
        let length = u16::try_from(segment.payload.len() + 2);
        let length = length.map_err(|_| corrupt("a segment is too long"))?;
        bytes.extend([0xFF, segment.marker]);
        bytes.extend(length.to_be_bytes());
        bytes.extend_from_slice(segment.payload);
        bytes.extend_from_slice(segment.entropy);
    }
    bytes.extend([0xFF, marker::EOI]);
    Ok(bytes)
}

fn corrupt(reason: &str) -> Error {
    Error::Corrupt { format: Format::Jpeg, reason: reason.to_owned() }
}

fn unsupported(feature: &str) -> Error {
    Error::Unsupported { format: Format::Jpeg, feature: feature.to_owned() }
}
