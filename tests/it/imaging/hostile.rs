//! Files that are cut, damaged, lying or meant to do harm.

use super::{encoded, fixture, path, prepared};
use image::{ImageFormat, Rgb, RgbImage};
use proptest::prelude::*;
use std::collections::BTreeMap;
use tableround::imaging::{Error, Limits, prepare};

/// Every committed picture that can be read, by name.
fn fixtures() -> BTreeMap<String, Vec<u8>> {
    let files = std::fs::read_dir(path("reference.png").parent().unwrap()).unwrap();
    let name = |entry: std::fs::DirEntry| entry.file_name().into_string().unwrap();
    files
        .map(|entry| name(entry.unwrap()))
        .filter(|name| !name.contains("is_refused"))
        .map(|name| (name.clone(), fixture(&name)))
        .collect()
}

#[test]
fn a_cut_file_is_refused_unless_nothing_of_its_picture_is_missing() {
    for (name, input) in fixtures() {
        let whole = prepared(&input);
        let step = input.len() / 60 + 1;
        for length in (1..input.len()).step_by(step).chain([input.len() - 1]) {
            match prepare(&input[..length], &Limits::default()) {
                Err(error) => assert!(!error.to_string().is_empty()),
                Ok(made) => assert!(made == whole, "{name} cut to {length} of {}", input.len()),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_damaged_file_gives_a_reason_or_a_picture_within_the_limits(
        which in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let fixtures = fixtures();
        let (name, input) = fixtures.iter().nth(which.index(fixtures.len())).unwrap();
        let mut damaged = input.clone();
        for (at, byte) in damage {
            let at = at.index(damaged.len());
            damaged[at] = byte;
        }
        let limits = Limits { input_pixels_max: 1_000_000, ..Limits::default() };
        match prepare(&damaged, &limits) {
            Ok(made) => {
                prop_assert!((1..=800).contains(&made.width) && (1..=800).contains(&made.height));
                prop_assert!(made.bytes.len() <= limits.bytes_max, "{name}");
            }
            Err(error) => {
                prop_assert!(error.code().starts_with("input."), "{name}: {error}");
                prop_assert!(!error.to_string().is_empty(), "{name}");
            }
        }
    }
}

/// A file whose header says it is 60 000 pixels a side.
fn giant(name: &str, sides: &[usize], bytes: &[u8]) -> (String, Vec<u8>) {
    let mut file = fixture(name);
    for &at in sides {
        file[at..at + bytes.len()].copy_from_slice(bytes);
    }
    (name.to_owned(), file)
}

/// A PNG of sixteen pixels with this palette and these opacities, told by the fuzzer to be deadly.
fn indexed(palette: &[u8], opacities: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut info = png::Info::with_size(4, 4);
    info.color_type = png::ColorType::Indexed;
    info.bit_depth = png::BitDepth::Eight;
    info.palette = Some(palette.to_vec().into());
    info.trns = Some(opacities.to_vec().into());
    let mut writer = png::Encoder::with_info(&mut bytes, info).unwrap().write_header().unwrap();
    writer.write_image_data(&[0; 16]).unwrap();
    writer.finish().unwrap();
    bytes
}

#[test]
fn a_palette_that_contradicts_itself_is_refused_in_words() {
    assert!(prepare(&indexed(&[1, 2, 3], &[0]), &Limits::default()).is_ok());
    for (palette, opacities, reason) in [
        (&[1, 2, 3, 4][..], &[0][..], "its palette ends within a colour"),
        (&[1, 2, 3], &[0, 0], "its palette has fewer colours than opacities"),
    ] {
        let error = prepare(&indexed(palette, opacities), &Limits::default()).unwrap_err();
        assert_eq!(error.to_string(), format!("the PNG is damaged: {reason}"));
    }
}

fn crc(png: &mut [u8]) {
    // Of the header chunk: the last four bytes of the first 33.
    let mut sum = u32::MAX;
    for &byte in &png[12..29] {
        sum ^= u32::from(byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0xEDB8_8320 } else { sum >> 1 };
        }
    }
    png[29..33].copy_from_slice(&(!sum).to_be_bytes());
}

#[test]
fn a_header_that_claims_a_giant_is_refused_before_anything_is_decoded() {
    let (name, mut png) = giant("png_rgb.png", &[16, 20], &60_000_u32.to_be_bytes());
    crc(&mut png);
    let jpeg = fixture("jpeg_420.jpg");
    let frame = memchr::memmem::find(&jpeg, b"\xFF\xC0").unwrap();
    let side = 60_000_u16;
    for (name, file) in [
        (name, png),
        giant("jpeg_420.jpg", &[frame + 5, frame + 7], &side.to_be_bytes()),
        giant("gif_still.gif", &[6, 8], &side.to_le_bytes()),
        giant("bmp_24_bit.bmp", &[18, 22], &u32::from(side).to_le_bytes()),
    ] {
        let error = prepare(&file, &Limits::default()).unwrap_err();
        assert_eq!(error.code(), "input.too_large", "{name}: {error}");
        assert!(error.to_string().contains("60000"), "{name}: {error}");
    }
}

/// A PNG whose colour profile is sixty megabytes of zeros once inflated, in a few kilobytes.
fn profile_bomb() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut info = png::Info::with_size(8, 8);
    info.bit_depth = png::BitDepth::Eight;
    info.color_type = png::ColorType::Rgb;
    info.icc_profile = Some(vec![0; 60_000_000].into());
    let encoder = png::Encoder::with_info(&mut bytes, info).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[100; 8 * 8 * 3]).unwrap();
    writer.finish().unwrap();
    bytes
}

#[test]
fn a_profile_that_inflates_without_end_costs_nothing() {
    let bomb = profile_bomb();
    assert!(bomb.len() < 400_000, "{} bytes", bomb.len());
    match prepare(&bomb, &Limits::default()) {
        Ok(made) => assert_eq!((made.width, made.height), (8, 8)),
        Err(error) => assert_eq!(error.code(), "input.too_large", "{error}"),
    }
}

#[test]
fn a_picture_that_takes_too_much_memory_to_decode_is_refused_by_its_header() {
    // Twice its pixels would be more than all pictures together may take.
    let flat = RgbImage::from_pixel(9_000, 8_000, Rgb([90, 120, 60]));
    let input = encoded(&flat.into(), ImageFormat::WebP);
    assert!(input.len() < 100_000);
    let error = prepare(&input, &Limits::default()).unwrap_err();
    assert!(matches!(error, Error::TooMuchMemory { .. }), "{error}");
    assert_eq!(error.to_string(), "decoding the WebP takes 441 MB, more than the limit of 400 MB");
}

#[test]
fn progressive_scans_without_end_are_refused() {
    let input = fixture("jpeg_420_progressive.jpg");
    let scan = memchr::memmem::rfind(&input, &[0xFF, 0xDA]).unwrap();
    let mut many = input[..scan].to_vec();
    for _ in 0..2_000 {
        many.extend_from_slice(&input[scan..input.len() - 2]);
    }
    many.extend([0xFF, 0xD9]);
    let error = prepare(&many, &Limits::default()).unwrap_err();
    assert_eq!(error.code(), "input.unreadable", "{error}");
}
