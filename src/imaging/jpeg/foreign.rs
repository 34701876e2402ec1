//! The varieties our own decoder leaves alone: red, green and blue unconverted, and four inks.
//!
//! They are rare, and read by the `jpeg-decoder` crate, which also serves as the second opinion
//! in the tests. `image` 0.25.10 is not used: its zune-jpeg 0.5 turns baseline files with one scan
//! a component into garbage, paints the missing part of a cut file grey, and says `Ok` to both.

use crate::imaging::decode::Picture;
use crate::imaging::jpeg::frame::Scale;
use crate::imaging::jpeg::{corrupt, unsupported};
use crate::imaging::profile::Profile;
use crate::imaging::{Error, Format};
use image::{DynamicImage, GrayImage, RgbImage};
use jpeg_decoder::{Decoder, Error as DecoderError, PixelFormat};

/// Decodes a picture of `size` at `scale`; inks by their profile where there is one.
pub(crate) fn decode(
    input: &[u8],
    size: (u32, u32),
    scale: Scale,
    profile: Option<&Profile>,
) -> Result<Picture, Error> {
    let side = scale.side() as u32;
    let scaled = |full: u32| (full * side).div_ceil(8) as u16;
    let mut decoder = Decoder::new(input);
    // It is content with one side that is long enough, and the short one of a strip always is.
    let (width, height) =
        if size.0 >= size.1 { (scaled(size.0), u16::MAX) } else { (u16::MAX, scaled(size.1)) };
    decoder.scale(width, height).map_err(from_decoder)?;
    let pixels = decoder.decode().map_err(from_decoder)?;
    let info = decoder.info().ok_or_else(|| corrupt("it has no picture"))?;
    let (width, height) = (u32::from(info.width), u32::from(info.height));
    let picture = match info.pixel_format {
        PixelFormat::L8 => GrayImage::from_raw(width, height, pixels).map(DynamicImage::from),
        PixelFormat::RGB24 => RgbImage::from_raw(width, height, pixels).map(DynamicImage::from),
        PixelFormat::CMYK32 => {
            let profile = profile.filter(|profile| profile.is_of_inks());
            let converted = profile.and_then(|profile| profile.convert_inks(&pixels));
            let pixels = converted.unwrap_or_else(|| cmyk_to_rgb(&pixels));
            RgbImage::from_raw(width, height, pixels).map(DynamicImage::from)
        }
        PixelFormat::L16 => return Err(unsupported("more than 8 bits a sample")),
    };
    let pixels = picture.ok_or_else(|| corrupt("its pixels are incomplete"))?;
    let covered = |full: u32| f64::from(full * side) / 8.0;
    Ok(Picture::Pixels { pixels, field: Some((covered(size.0), covered(size.1))) })
}

/// The ink of CMYK as light, the plain way: no profile, each ink takes away its own light.
fn cmyk_to_rgb(cmyk: &[u8]) -> Vec<u8> {
    let inked = |ink: u8, black: u8| {
        let light = u16::from(255 - ink) * u16::from(255 - black);
        u8::try_from((light + 127) / 255).unwrap_or(u8::MAX)
    };
    cmyk.as_chunks::<4>()
        .0
        .iter()
        .flat_map(|&[cyan, magenta, yellow, black]| {
            [inked(cyan, black), inked(magenta, black), inked(yellow, black)]
        })
        .collect()
}

fn from_decoder(error: DecoderError) -> Error {
    match error {
        DecoderError::Unsupported(feature) => unsupported(&format!("{feature:?}")),
        DecoderError::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            let reason = "it ends inside the picture data".to_owned();
            Error::Truncated { format: Format::Jpeg, reason }
        }
        DecoderError::Io(error) => corrupt(&error.to_string()),
        DecoderError::Format(reason) => corrupt(&reason),
        DecoderError::Internal(error) => corrupt(&error.to_string()),
    }
}
