//! The decoder against a second opinion (`jpeg-decoder`), against the formula, and against damage.

mod encodings;

use super::*;
use crate::imaging::Limits;
use crate::imaging::planar::Planar;
use frame::{Frame, ZIGZAG};
use image::{DynamicImage, RgbImage};
use proptest::prelude::*;
use std::f64::consts::{FRAC_1_SQRT_2, PI};

macro_rules! fixtures {
    ($($name:literal),* $(,)?) => {
        [$((
            $name,
            include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/images/", $name))
                .as_slice(),
        )),*]
    };
}

/// Every variety the decoder reads.
fn varieties() -> Vec<(&'static str, &'static [u8])> {
    fixtures![
        "jpeg_444.jpg",
        "jpeg_422.jpg",
        "jpeg_440.jpg",
        "jpeg_420.jpg",
        "jpeg_411.jpg",
        "jpeg_444_progressive.jpg",
        "jpeg_420_progressive.jpg",
        "jpeg_420_restarts.jpg",
        "jpeg_420_progressive_restarts.jpg",
        "jpeg_420_optimised.jpg",
        "jpeg_420_non_interleaved.jpg",
        "jpeg_grey.jpg",
        "jpeg_grey_progressive.jpg",
    ]
    .to_vec()
}

fn header(input: &[u8]) -> Header {
    Header::read(input, Limits::default().icc_bytes_max).unwrap()
}

fn planes_at(input: &[u8], side: usize) -> Result<(Frame, Planes), Error> {
    let frame = header(input).frame;
    let scale = Scale::at_least((8.0, 8.0), (side as f64, side as f64));
    assert_eq!(scale.side(), side);
    let components = decoder::decode(input, &frame, &vec![scale; frame.components.len()])?;
    Ok((frame, Planes { components, matrix: Matrix::Bt601, alpha: None }))
}

/// Mean and largest difference of brightness, the former in hundredths of a level.
fn difference(one: &RgbImage, other: &RgbImage) -> (u64, u8) {
    assert_eq!(one.dimensions(), other.dimensions());
    let luma = |rgb: &RgbImage| DynamicImage::from(rgb.clone()).into_luma8();
    let (one, other) = (luma(one), luma(other));
    let differences = || one.iter().zip(other.iter()).map(|(a, b)| a.abs_diff(*b));
    let sum: u64 = differences().map(u64::from).sum();
    (sum * 100 / one.len() as u64, differences().max().unwrap())
}

/// The same file at full size, as the other decoder has it.
fn theirs(input: &[u8]) -> DynamicImage {
    let frame = header(input).frame;
    let size = (frame.width, frame.height);
    match foreign::decode(input, size, Scale::FULL, None).unwrap() {
        Picture::Pixels { pixels, .. } => pixels,
        Picture::Planes(_) => panic!("it gives pixels"),
    }
}

#[test]
fn every_variety_decodes_as_another_decoder_has_it() {
    for (name, input) in varieties() {
        let (frame, planes) = planes_at(input, 8).unwrap();
        let size = (frame.width, frame.height);
        let ours = Planar::new(&planes, size, true).into_rgb();
        let theirs = theirs(input).into_rgb8();
        let (mean, most) = difference(&ours, &theirs);
        // Where colour is stored at a lower resolution each decoder has its own way of enlarging
        // it, which shows in brightness at the edges of strong colours.
        let same_work = name.contains("444") || name.contains("grey");
        let (mean_max, most_max) = if same_work { (60, 3) } else { (110, 60) };
        assert!(mean <= mean_max && most <= most_max, "{name}: mean {mean}, at most {most}");
    }
}

#[test]
fn every_scale_shows_the_same_picture() {
    for (name, input) in varieties() {
        let (_, full) = planes_at(input, 8).unwrap();
        for side in 1..8 {
            let (frame, planes) = planes_at(input, side).unwrap();
            let size = (frame.width.div_ceil(8), frame.height.div_ceil(8));
            let small = Planar::new(&planes, size, true).into_rgb();
            let reference = Planar::new(&full, size, true).into_rgb();
            let (mean, _) = difference(&small, &reference);
            let mean_max = if side == 1 { 900 } else { 350 };
            assert!(mean <= mean_max, "{name} at {side}/8 is {mean} hundredths of a level away");
        }
    }
}

#[test]
fn the_transform_is_the_formula() {
    let quantisation: [u16; 64] = std::array::from_fn(|at| 1 + at as u16 % 5);
    for side in 1..=8_usize {
        let scale = Scale::at_least((8.0, 8.0), (side as f64, side as f64));
        let kept = scale.kept();
        // Eleven blocks: one whole group of eight and a part of one.
        let coefficients: Vec<i16> =
            (0..11 * kept).map(|at| (at * 7919 % 61) as i16 - 30).collect();
        let stride = 11 * side + 3;
        let mut rows = vec![0; stride * side];
        idct::block_row(scale, &coefficients, &quantisation, &mut rows, stride);
        for block in 0..11 {
            for (x, y) in (0..side).flat_map(|y| (0..side).map(move |x| (x, y))) {
                let wave = |sample: usize, frequency: u8| {
                    let angle = (2 * sample + 1) as f64 * f64::from(frequency) * PI;
                    let weight = if frequency == 0 { FRAC_1_SQRT_2 } else { 1.0 };
                    weight / 2.0 * (angle / (2 * side) as f64).cos()
                };
                let sum: f64 = (0..kept)
                    .filter(|&at| scale.wants(ZIGZAG[at]))
                    .map(|at| {
                        let value = coefficients[block * kept + at] * quantisation[at] as i16;
                        f64::from(value) * wave(x, ZIGZAG[at].0) * wave(y, ZIGZAG[at].1)
                    })
                    .sum();
                let expected = (sum + 128.0).clamp(0.0, 255.0);
                let found = f64::from(rows[y * stride + block * side + x]);
                assert!((found - expected).abs() <= 0.51, "{side}/8: {found} for {expected}");
            }
        }
    }
}

#[test]
fn a_file_that_hides_its_cut_is_refused() {
    let foreign = fixtures!["jpeg_cmyk.jpg", "jpeg_rgb_colour_space.jpg"];
    for (name, input) in varieties().into_iter().chain(foreign) {
        let scan = memchr::memmem::rfind(input, &[0xFF, 0xDA]).unwrap();
        let header_end = scan + 2 + usize::from(input[scan + 3]);
        let whole = input.len() - header_end - 2;
        for part in 1..8 {
            let mut cut = input[..header_end + whole * part / 8].to_vec();
            while cut.last() == Some(&0xFF) {
                cut.pop();
            }
            cut.extend([0xFF, 0xD9]);
            let is_refused = match Header::read(&cut, 0) {
                Ok(header) => decode(&cut, &header, (20, 20), None).is_err(),
                Err(_) => true,
            };
            assert!(is_refused, "{name} with {part}/8 of its last scan and an end marker");
        }
    }
}

#[test]
fn a_progressive_file_without_its_last_scan_is_refused() {
    for (name, input) in fixtures!["jpeg_420_progressive.jpg", "jpeg_grey_progressive.jpg"] {
        let last_scan = memchr::memmem::rfind(input, &[0xFF, 0xDA]).unwrap();
        let mut cut = input[..last_scan].to_vec();
        cut.extend([0xFF, 0xD9]);
        assert!(planes_at(&cut, 2).is_err(), "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Nothing panics, and whatever scale is asked for, the verdict is the same.
    #[test]
    fn damage_is_judged_alike_at_every_scale(
        which in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let varieties = varieties();
        let (name, input) = varieties[which.index(varieties.len())];
        let mut damaged = input.to_vec();
        for (at, byte) in damage {
            let at = at.index(damaged.len());
            damaged[at] = byte;
        }
        let Ok(header) = Header::read(&damaged, 0) else { return Ok(()) };
        if header.frame.width * header.frame.height > 1_000_000 {
            return Ok(());
        }
        let verdicts: Vec<bool> = (1..=8).map(|side| planes_at(&damaged, side).is_ok()).collect();
        prop_assert!(verdicts.iter().all(|verdict| *verdict == verdicts[7]), "{name}: {verdicts:?}");
    }
}
