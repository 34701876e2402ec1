//! Pixels to files, one function a format.

use image::codecs::bmp::BmpEncoder;
use image::codecs::gif::GifEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::codecs::webp::WebPEncoder;
use image::{DynamicImage, ExtendedColorType, RgbaImage};
use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder, SamplingFactor};
use std::collections::BTreeMap;

pub(crate) fn png(picture: RgbaImage) -> Vec<u8> {
    let is_opaque = picture.pixels().all(|pixel| pixel[3] == 255);
    let picture = DynamicImage::from(picture);
    let picture = if is_opaque { picture.into_rgb8().into() } else { picture };
    let mut bytes = Vec::new();
    let encoder =
        PngEncoder::new_with_quality(&mut bytes, CompressionType::Best, FilterType::Adaptive);
    picture.write_with_encoder(encoder).expect("memory takes every write");
    bytes
}

pub(crate) fn jpeg(picture: RgbaImage) -> Vec<u8> {
    jpeg_with_exif(picture, None)
}

/// A JPEG as a camera held on its side writes it: the picture lies, and a note says so.
pub(crate) fn jpeg_lying_on_its_side(picture: &RgbaImage) -> Vec<u8> {
    const ROTATE_CLOCKWISE_TO_VIEW: u8 = 6;
    let lying = image::imageops::rotate270(picture);
    jpeg_with_exif(lying, Some(ROTATE_CLOCKWISE_TO_VIEW))
}

fn jpeg_with_exif(picture: RgbaImage, orientation: Option<u8>) -> Vec<u8> {
    let rgb = DynamicImage::from(picture).into_rgb8();
    let side = |pixels: u32| u16::try_from(pixels).expect("a sample is small");
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 88);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    if let Some(orientation) = orientation {
        // One directory with one entry: tag 0x0112, a short, one of them.
        let mut exif = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
        exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
        encoder.add_exif_metadata(&exif).expect("a short note");
    }
    encoder
        .encode(rgb.as_raw(), side(rgb.width()), side(rgb.height()), ColorType::Rgb)
        .expect("memory takes every write");
    bytes
}

pub(crate) fn webp(picture: RgbaImage) -> Vec<u8> {
    let rgb = DynamicImage::from(picture).into_rgb8();
    let mut bytes = Vec::new();
    WebPEncoder::new_lossless(&mut bytes)
        .encode(rgb.as_raw(), rgb.width(), rgb.height(), ExtendedColorType::Rgb8)
        .expect("memory takes every write");
    bytes
}

pub(crate) fn gif(picture: &RgbaImage) -> Vec<u8> {
    let (palette, indices) = few_colours(picture);
    let few: Vec<u8> = indices
        .iter()
        .flat_map(|&index| {
            let [red, green, blue] = palette[usize::from(index)];
            [red, green, blue, 255]
        })
        .collect();
    let mut bytes = Vec::new();
    GifEncoder::new(&mut bytes)
        .encode(&few, picture.width(), picture.height(), ExtendedColorType::Rgba8)
        .expect("memory takes every write");
    bytes
}

pub(crate) fn bmp(picture: &RgbaImage) -> Vec<u8> {
    let (palette, indices) = few_colours(picture);
    let mut bytes = Vec::new();
    BmpEncoder::new(&mut bytes)
        .encode_with_palette(
            &indices,
            picture.width(),
            picture.height(),
            ExtendedColorType::L8,
            Some(&palette),
        )
        .expect("memory takes every write");
    bytes
}

/// The 256 most frequent colours, and for each pixel the nearest of them.
fn few_colours(picture: &RgbaImage) -> (Vec<[u8; 3]>, Vec<u8>) {
    // Four bits of each colour decide what counts as the same.
    let coarse = |[red, green, blue, _]: [u8; 4]| [red, green, blue].map(|level| level >> 4);
    let mut groups: BTreeMap<[u8; 3], (u32, [u32; 3])> = BTreeMap::new();
    for pixel in picture.pixels() {
        let (count, sums) = groups.entry(coarse(pixel.0)).or_default();
        *count += 1;
        for (sum, &level) in sums.iter_mut().zip(&pixel.0) {
            *sum += u32::from(level);
        }
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.0));
    let palette: Vec<[u8; 3]> = groups
        .iter()
        .take(256)
        .map(|(count, sums)| sums.map(|sum| u8::try_from(sum / count).expect("a mean of bytes")))
        .collect();
    let nearest = |pixel: &image::Rgba<u8>| {
        let distance = |entry: &[u8; 3]| -> u32 {
            entry.iter().zip(&pixel.0).map(|(&a, &b)| u32::from(a.abs_diff(b)).pow(2)).sum()
        };
        let best = (0..palette.len()).min_by_key(|&index| distance(&palette[index]));
        u8::try_from(best.expect("a picture has colours")).expect("at most 256")
    };
    let indices = picture.pixels().map(nearest).collect();
    (palette, indices)
}
