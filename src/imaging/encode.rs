//! Pixels to bytes: JPEG for what is opaque, PNG for what is transparent, nothing but the picture
//! in either, and never more bytes than allowed.

use crate::imaging::raster::Raster;
use crate::imaging::{Error, Limits, Mime};
use image::{RgbImage, RgbaImage};
use jpeg_encoder::{
    ChromaSubsamplingMethod, Encoder, ImageBuffer, JpegColorType, SamplingFactor, rgb_to_ycbcr,
};
use png::{BitDepth, Compression};

/// Below this quality a smaller picture looks better than a rougher one.
const JPEG_QUALITY_MIN: u8 = 40;
/// The longest side a JPEG can have, in pixels.
const JPEG_SIDE_MAX: u32 = u16::MAX as u32;

/// Bytes that hold one picture.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) bytes: Vec<u8>,
    pub(crate) mime: Mime,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// Encodes within `limits.bytes_max`: by the highest quality that fits, then by size.
pub(crate) fn encode(mut raster: Raster, limits: &Limits) -> Result<Encoded, Error> {
    loop {
        let (width, height) = raster.size();
        if width.max(height) > JPEG_SIDE_MAX && !matches!(raster, Raster::Transparent(_)) {
            return Err(Error::TooLongSide { width, height, side_max: JPEG_SIDE_MAX });
        }
        let (mime, attempt) = match &raster {
            Raster::Planar(planar) => (Mime::Jpeg, jpeg_within(&|| planar, limits)),
            Raster::Opaque(rgb) => (Mime::Jpeg, jpeg_within(&|| Pixels(rgb), limits)),
            Raster::Transparent(rgba) => (Mime::Png, png_within(rgba, limits)),
        };
        match attempt {
            Attempt::Fits(bytes) => return Ok(Encoded { bytes, mime, width, height }),
            Attempt::TooLong(_) if (width, height) == (1, 1) => {
                return Err(Error::CannotFit { bytes_max: limits.bytes_max });
            }
            Attempt::TooLong(bytes) => {
                let (width, height) = smaller(width, height, bytes, limits.bytes_max);
                raster = raster.resized((width, height));
            }
        }
    }
}

enum Attempt {
    Fits(Vec<u8>),
    /// With the least number of bytes reached.
    TooLong(usize),
}

impl Attempt {
    fn of(bytes: Vec<u8>, limits: &Limits) -> Self {
        if bytes.len() <= limits.bytes_max { Self::Fits(bytes) } else { Self::TooLong(bytes.len()) }
    }
}

/// A size from which about `bytes_max` bytes are to be expected; at least one pixel less.
fn smaller(width: u32, height: u32, bytes: usize, bytes_max: usize) -> (u32, u32) {
    const MARGIN: f64 = 0.97;
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let scale = ((bytes_max as f64 / bytes as f64).sqrt() * MARGIN).min(MARGIN);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and a u32"
    )]
    let shrink = |side: u32| ((f64::from(side) * scale) as u32).clamp(1, (side - 1).max(1));
    (shrink(width), shrink(height))
}

/// The highest quality up to the one asked for whose file fits, by halving the range: the
/// quality above the one found has been seen not to fit.
fn jpeg_within<I: ImageBuffer>(picture: &dyn Fn() -> I, limits: &Limits) -> Attempt {
    let asked = limits.jpeg_quality.clamp(1, 100);
    let mut best = match Attempt::of(jpeg(picture(), asked), limits) {
        fits @ Attempt::Fits(_) => return fits,
        too_long @ Attempt::TooLong(_) => too_long,
    };
    let (mut low, mut too_high) = (JPEG_QUALITY_MIN.min(asked), asked);
    while low < too_high {
        let quality = low.midpoint(too_high);
        match Attempt::of(jpeg(picture(), quality), limits) {
            fits @ Attempt::Fits(_) => {
                best = fits;
                low = quality + 1;
            }
            too_long @ Attempt::TooLong(_) => {
                if matches!(best, Attempt::TooLong(_)) {
                    best = too_long;
                }
                too_high = quality;
            }
        }
    }
    best
}

/// One interleaved scan with 4:2:0 chroma, averaged.
///
/// Optimised Huffman tables stay off: with them the encoder writes one scan per component, which
/// a widespread decoder turns into garbage, and saves only about two per cent.
fn jpeg(picture: impl ImageBuffer, quality: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, quality);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    encoder.set_optimized_huffman_tables(false);
    encoder.encode_image(picture).expect("the sides are in range, and memory takes every write");
    bytes
}

/// Pixels as the encoder wants to be given them.
struct Pixels<'a>(&'a RgbImage);

impl ImageBuffer for Pixels<'_> {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        JpegColorType::Ycbcr
    }

    fn width(&self) -> u16 {
        u16::try_from(self.0.width()).expect("checked before encoding")
    }

    fn height(&self) -> u16 {
        u16::try_from(self.0.height()).expect("checked before encoding")
    }

    fn fill_buffers(&self, y: u16, buffers: &mut [Vec<u8>; 4]) {
        let row = self.0.width() as usize * 3;
        for &[red, green, blue] in self.0.as_raw()[usize::from(y) * row..][..row].as_chunks().0 {
            let (luma, blue, red) = rgb_to_ycbcr(red, green, blue);
            for (buffer, sample) in buffers.iter_mut().zip([luma, blue, red]) {
                buffer.push(sample);
            }
        }
    }
}

fn png_within(rgba: &RgbaImage, limits: &Limits) -> Attempt {
    match Attempt::of(png(rgba, Compression::Fast), limits) {
        fits @ Attempt::Fits(_) => fits,
        Attempt::TooLong(_) => Attempt::of(png(rgba, Compression::High), limits),
    }
}

fn png(rgba: &RgbaImage, compression: Compression) -> Vec<u8> {
    let in_memory = "a raster has its size, and memory takes every write";
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, rgba.width(), rgba.height());
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(compression);
    let mut writer = encoder.write_header().expect(in_memory);
    writer.write_image_data(rgba.as_raw()).expect(in_memory);
    writer.finish().expect(in_memory);
    bytes
}
