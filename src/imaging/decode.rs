//! Bytes to pixels: the format is told by content, the limits are checked on the header, and
//! what is not whole is refused.

use crate::imaging::format::describe_unknown;
use crate::imaging::heif::Still;
use crate::imaging::planar::Planes;
use crate::imaging::png::Png;
use crate::imaging::profile::Profile;
use crate::imaging::raster::fit_lying;
use crate::imaging::{Error, Format, Limits, jpeg, sniff};
use image::codecs::bmp::BmpDecoder;
use image::codecs::gif::GifDecoder;
use image::codecs::tiff::TiffDecoder;
use image::codecs::webp::WebPDecoder;
use image::error::ImageError;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, RgbImage, RgbaImage};
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

/// Decodes `input`, of an animation its first frame, at least as large as the limits will let it
/// be shown.
pub(crate) fn decode(input: &[u8], limits: &Limits) -> Result<Decoded, Error> {
    match open(input, limits)? {
        Opened::Jpeg(header) => read_jpeg(input, &header, limits),
        Opened::Png(png) => read_png(*png, limits),
        Opened::Heif(still) => read_heif(&still, limits),
        Opened::Other(format, decoder) => read(input, format, decoder, limits),
    }
}

/// About the most memory, in bytes, that preparing `input` takes beside the file itself.
pub(crate) fn memory_needed(input: &[u8], limits: &Limits) -> Result<u64, Error> {
    /// For the resized picture and what is made of it.
    const RESULT: u64 = 16 << 20;
    Ok(match open(input, limits)? {
        Opened::Jpeg(header) => {
            let size = (header.frame.width, header.frame.height);
            let target = fit_lying(size, header.orientation, limits);
            RESULT + input.len() as u64 + jpeg::memory_needed(&header, target)
        }
        Opened::Png(png) => {
            RESULT + png.memory_needed(fit_lying(png.size(), png.orientation(), limits))
        }
        Opened::Heif(still) => {
            /// Two of each sample, and the planes made of them.
            const BYTES_A_PIXEL: u64 = 8;
            let (width, height) = still.size();
            RESULT + u64::from(width) * u64::from(height) * BYTES_A_PIXEL
        }
        // Twice, for pictures that are decoded to one kind of pixel and resized as another.
        Opened::Other(_, decoder) => RESULT + 2 * decoder.total_bytes(),
    })
}

/// A file whose header was read and found within the limits.
enum Opened<'a> {
    Jpeg(jpeg::Header),
    Png(Box<Png<'a>>),
    Heif(Box<Still<'a>>),
    Other(Format, Box<dyn ImageDecoder + 'a>),
}

fn open<'a>(input: &'a [u8], limits: &Limits) -> Result<Opened<'a>, Error> {
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
            return Ok(Opened::Jpeg(header));
        }
        Format::Png => return Png::open(input, limits).map(Box::new).map(Opened::Png),
        Format::Gif => Box::new(GifDecoder::new(reader).map_err(fail)?),
        Format::WebP => {
            check_webp_is_whole(input)?;
            Box::new(WebPDecoder::new(reader).map_err(fail)?)
        }
        Format::Bmp => Box::new(BmpDecoder::new(reader).map_err(fail)?),
        Format::Tiff => Box::new(TiffDecoder::new(reader).map_err(fail)?),
        Format::Heic | Format::Avif => {
            return Still::open(input, format, limits).map(Box::new).map(Opened::Heif);
        }
    };
    let (width, height) = decoder.dimensions();
    limits.check_size(format, width, height)?;
    Ok(Opened::Other(format, decoder))
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
    decoder.set_limits(bounds(limits)).map_err(fail)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let icc = decoder.icc_profile().unwrap_or_default();
    let profile = icc.and_then(|icc| Profile::read(&icc, limits.icc_bytes_max));
    let profile = profile.filter(|profile| !profile.is_of_inks());
    let fast = if format == Format::WebP { decode_still_webp(input) } else { None };
    let pixels = match fast {
        Some(pixels) => pixels,
        None => DynamicImage::from_decoder(decoder).map_err(fail)?,
    };
    let picture = Picture::Pixels { pixels, field: None };
    Ok(Decoded { picture, width, height, orientation, profile })
}

/// Decodes with libwebp, which is twice as fast; `None` for animations and for what is damaged,
/// which the other decoder then names.
fn decode_still_webp(input: &[u8]) -> Option<DynamicImage> {
    let picture = webp::Decoder::new(input).decode()?;
    let (width, height) = (picture.width(), picture.height());
    let pixels = picture.to_vec();
    if picture.is_alpha() {
        RgbaImage::from_raw(width, height, pixels).map(DynamicImage::from)
    } else {
        RgbImage::from_raw(width, height, pixels).map(DynamicImage::from)
    }
}

/// A second line of defence: what the decoders may allocate once the size has been accepted.
fn bounds(limits: &Limits) -> image::Limits {
    const BYTES_A_PIXEL_MAX: u64 = 8; // four samples of 16 bits
    let mut bounds = image::Limits::no_limits();
    // Twice, because an animation's canvas is kept beside its frame.
    bounds.max_alloc = Some(limits.input_pixels_max.saturating_mul(2 * BYTES_A_PIXEL_MAX));
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
        ImageError::Limits(_) => Error::TooMuchMemory { format },
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
