//! Bytes to pixels: the format is told by content, the limits are checked on the header, and
//! what is not whole is refused.

use crate::imaging::format::describe_unknown;
use crate::imaging::heif::Still;
use crate::imaging::planar::Planes;
use crate::imaging::png::Png;
use crate::imaging::profile::Profile;
use crate::imaging::raster::{fit_lying, is_opaque};
use crate::imaging::resize::{Kind, Source, resize};
use crate::imaging::squares::{self, Shrinking, into_image};
use crate::imaging::{Error, Format, Limits, jpeg, sniff};
use image::codecs::bmp::BmpDecoder;
use image::codecs::gif::GifDecoder;
use image::codecs::tiff::TiffDecoder;
use image::codecs::webp::WebPDecoder;
use image::error::ImageError;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder};
use std::io::{Cursor, ErrorKind};

/// A picture as it lies in the file, and what is still to be done to it.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) picture: Picture,
    /// Full size in pixels, before turning. The picture may have been decoded smaller.
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) orientation: Orientation,
    /// There is one only if it makes a difference.
    pub(crate) profile: Option<Profile>,
}

/// Decoded, not yet fitted.
#[derive(Debug)]
pub(crate) enum Picture {
    Planes(Planes),
    /// All of them, or the part from the upper left corner that the picture covers.
    Pixels {
        pixels: DynamicImage,
        field: Option<(f64, f64)>,
    },
}

/// A file whose header was read and found within the limits.
pub(crate) enum Opened<'a> {
    Jpeg(Box<jpeg::Header>),
    Png(Box<Png<'a>>),
    Heif(Box<Still<'a>>),
    Other(Format, Box<dyn ImageDecoder + 'a>),
}

impl<'a> Opened<'a> {
    /// Reads the header of `input`, and of a JPEG or PNG sees the whole file to its end.
    pub(crate) fn read(input: &'a [u8], limits: &Limits) -> Result<Self, Error> {
        if input.is_empty() {
            return Err(Error::Empty);
        }
        limits.check_bytes(input.len())?;
        let format = sniff(input).ok_or_else(|| Error::Unknown(describe_unknown(input)))?;
        let fail = |error| from_image(format, error);
        let reader = Cursor::new(input);
        let decoder: Box<dyn ImageDecoder + 'a> = match format {
            Format::Jpeg => {
                let header = jpeg::Header::read(input, limits.icc_bytes_max)?;
                limits.check_size(format, header.frame.width, header.frame.height)?;
                return Ok(Self::Jpeg(Box::new(header)));
            }
            Format::Png => return Png::open(input, limits).map(Box::new).map(Self::Png),
            Format::Gif => Box::new(GifDecoder::new(reader).map_err(fail)?),
            Format::WebP => {
                check_webp_is_whole(input)?;
                Box::new(WebPDecoder::new(reader).map_err(fail)?)
            }
            Format::Bmp => Box::new(BmpDecoder::new(reader).map_err(fail)?),
            Format::Tiff => Box::new(TiffDecoder::new(reader).map_err(fail)?),
            Format::Heic | Format::Avif => {
                return Still::open(input, format, limits).map(Box::new).map(Self::Heif);
            }
        };
        let (width, height) = decoder.dimensions();
        limits.check_size(format, width, height)?;
        Ok(Self::Other(format, decoder))
    }

    pub(crate) fn format(&self) -> Format {
        match self {
            Self::Jpeg(_) => Format::Jpeg,
            Self::Png(_) => Format::Png,
            Self::Heif(still) => still.format(),
            Self::Other(format, _) => *format,
        }
    }

    /// About the most memory, in bytes, that preparing the picture takes beside the file itself.
    pub(crate) fn memory_needed(&self, limits: &Limits) -> u64 {
        /// What is made of the resized picture, a pixel.
        const RESULT_BYTES_A_PIXEL: u64 = 16;
        let target = |size, orientation| fit_lying(size, orientation, limits);
        let (decoding, (width, height)) = match self {
            Self::Jpeg(header) => {
                let size = (header.frame.width, header.frame.height);
                let target = target(size, header.orientation);
                (jpeg::memory_needed(header, target), target)
            }
            Self::Png(png) => {
                let target = target(png.size(), png.orientation());
                (png.memory_needed(target), target)
            }
            Self::Heif(still) => (still.memory_needed(), target(still.size(), still.orientation())),
            Self::Other(format, decoder) => {
                let target = target(decoder.dimensions(), Orientation::NoTransforms);
                (memory_of_other(*format, decoder.as_ref()), target)
            }
        };
        decoding + u64::from(width) * u64::from(height) * RESULT_BYTES_A_PIXEL
    }

    /// Decodes `input`, of an animation its first frame, at least as large as the limits will let
    /// it be shown.
    pub(crate) fn decode(self, input: &[u8], limits: &Limits) -> Result<Decoded, Error> {
        match self {
            Self::Jpeg(header) => read_jpeg(input, &header, limits),
            Self::Png(png) => read_png(*png, limits),
            Self::Heif(still) => read_heif(&still, limits),
            Self::Other(format, decoder) => read(input, format, decoder, limits),
        }
    }
}

fn memory_of_other(format: Format, decoder: &dyn ImageDecoder) -> u64 {
    let pixels = decoder.total_bytes();
    let colour = decoder.color_type();
    let is_deep = colour.bytes_per_pixel() > colour.channel_count();
    match format {
        // The pixels are decoded in their place, strips on their way to it.
        Format::Bmp => pixels,
        Format::Tiff if !is_deep => pixels + pixels / 4,
        // Besides, what the codec works on, a frame beside its canvas, or samples of 16 bits
        // beside those of eight they become.
        Format::Gif | Format::WebP | Format::Tiff => 2 * pixels,
        Format::Jpeg | Format::Png | Format::Heic | Format::Avif => {
            unreachable!("each has a reader of its own")
        }
    }
}

fn read_jpeg(input: &[u8], header: &jpeg::Header, limits: &Limits) -> Result<Decoded, Error> {
    let (width, height) = (header.frame.width, header.frame.height);
    let orientation = header.orientation;
    let profile = header.icc.as_ref().and_then(|icc| Profile::read(icc, limits.icc_bytes_max));
    let target = fit_lying((width, height), orientation, limits);
    let picture = jpeg::decode(input, header, target, profile.as_ref())?;
    // Inks have become colours by their profile, if by any.
    let profile = profile.filter(|profile| !profile.is_of_inks());
    Ok(Decoded { picture, width, height, orientation, profile })
}

fn read_png(png: Png<'_>, limits: &Limits) -> Result<Decoded, Error> {
    let (width, height) = png.size();
    let orientation = png.orientation();
    let profile = png.icc().and_then(|icc| Profile::read(icc, limits.icc_bytes_max));
    let profile = profile.filter(|profile| !profile.is_of_inks());
    let picture = png.decode(fit_lying((width, height), orientation, limits))?;
    Ok(Decoded { picture, width, height, orientation, profile })
}

fn read_heif(still: &Still<'_>, limits: &Limits) -> Result<Decoded, Error> {
    let (width, height) = still.size();
    let profile = match still.icc() {
        Some(icc) => Profile::read(icc, limits.icc_bytes_max),
        None if still.is_display_p3() => Some(Profile::display_p3()),
        None => None,
    };
    let profile = profile.filter(|profile| !profile.is_of_inks());
    let picture = Picture::Planes(still.decode(limits)?);
    Ok(Decoded { picture, width, height, orientation: still.orientation(), profile })
}

fn read(
    input: &[u8],
    format: Format,
    mut decoder: Box<dyn ImageDecoder + '_>,
    limits: &Limits,
) -> Result<Decoded, Error> {
    let (width, height) = decoder.dimensions();
    let fail = |error| from_image(format, error);
    decoder.set_limits(bounds(decoder.as_ref())).map_err(fail)?;
    let exif = decoder.exif_metadata().unwrap_or_default();
    let orientation = exif.and_then(|exif| orientation_in(&exif));
    let orientation = orientation.or_else(|| decoder.orientation().ok());
    let orientation = orientation.unwrap_or(Orientation::NoTransforms);
    let icc = decoder.icc_profile().unwrap_or_default();
    let profile = icc.and_then(|icc| Profile::read(&icc, limits.icc_bytes_max));
    let profile = profile.filter(|profile| !profile.is_of_inks());
    let target = fit_lying((width, height), orientation, limits);
    let fast = if format == Format::WebP { decode_still_webp(input, target) } else { None };
    let picture = if let Some(picture) = fast {
        picture
    } else {
        let pixels = DynamicImage::from_decoder(decoder).map_err(fail)?;
        Picture::Pixels { pixels, field: None }
    };
    Ok(Decoded { picture, width, height, orientation, profile })
}

/// The orientation in an EXIF block, which many programs begin as it begins in a JPEG.
pub(crate) fn orientation_in(exif: &[u8]) -> Option<Orientation> {
    Orientation::from_exif_chunk(exif.strip_prefix(b"Exif\0\0").unwrap_or(exif))
}

/// Decodes with libwebp, which is twice as fast; `None` for animations and for what is damaged,
/// which the other decoder then names.
fn decode_still_webp(input: &[u8], target: (u32, u32)) -> Option<Picture> {
    let picture = webp::Decoder::new(input).decode()?;
    let size = (picture.width(), picture.height());
    let samples = if picture.is_alpha() { 4 } else { 3 };
    let side = squares::side(size, target);
    if side == 1 {
        // Fitted at once, so that the pixels need not be copied out of the decoder's memory.
        let kind = if picture.is_alpha() { Kind::Rgba } else { Kind::Rgb };
        let source = Source { pixels: &picture, size, kind, opaque: is_opaque(&picture, kind) };
        let fitted = if size == target { picture.to_vec() } else { resize(&source, None, target) };
        let pixels = into_image(samples, target, fitted)?;
        return Some(Picture::Pixels { pixels, field: None });
    }
    let mut shrinking = Shrinking::new(samples, size, side)?;
    for row in picture.chunks_exact(size.0 as usize * samples) {
        shrinking.add(row);
    }
    shrinking.finish()
}

/// A second line of defence: what a decoder may allocate once the size has been accepted.
fn bounds(decoder: &dyn ImageDecoder) -> image::Limits {
    /// For tables, and rows or tiles that are a little larger than the picture.
    const SPARE: u64 = 16 << 20;
    let mut bounds = image::Limits::no_limits();
    // Twice, because an animation's canvas is kept beside its frame.
    bounds.max_alloc = Some(2 * decoder.total_bytes() + SPARE);
    bounds
}

fn check_webp_is_whole(input: &[u8]) -> Result<(), Error> {
    const RIFF_HEADER: u64 = 8;
    let declared = match input {
        [_, _, _, _, l0, l1, l2, l3, ..] => u32::from_le_bytes([*l0, *l1, *l2, *l3]),
        _ => return Err(truncated(Format::WebP, "it ends inside its header")),
    };
    if (input.len() as u64) < u64::from(declared) + RIFF_HEADER {
        let reason = format!("it has {} of {declared} bytes", input.len());
        return Err(truncated(Format::WebP, &reason));
    }
    Ok(())
}

fn from_image(format: Format, error: ImageError) -> Error {
    let reason = error.to_string();
    match error {
        ImageError::Unsupported(_) => Error::Unsupported { format, feature: reason },
        ImageError::Limits(_) => Error::OutOfProportion { format },
        ImageError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            truncated(format, "it ends inside the picture data")
        }
        ImageError::IoError(_)
        | ImageError::Decoding(_)
        | ImageError::Encoding(_)
        | ImageError::Parameter(_) => Error::Corrupt { format, reason },
    }
}

fn truncated(format: Format, reason: &str) -> Error {
    Error::Truncated { format, reason: reason.to_owned() }
}
