//! What already fits passes bit by bit, and nothing else of its file does.

use super::{fixture, found, prepared, read_back, within};
use image::DynamicImage;
use tableround::imaging::{Mime, prepare};

/// What editors, telephones and owners leave behind, and the names of where they leave it.
const PRIVATE: [&str; 10] = [
    "SECRET",
    "Exif",
    "http://ns.adobe.com",
    "Photoshop",
    "ICC_PROFILE",
    "MPF",
    "eXIf",
    "iCCP",
    "tEXt",
    "tIME",
];

/// The segments of a JPEG: marker, and payload with what follows it.
fn segments(file: &[u8]) -> Vec<(u8, &[u8])> {
    let mut found = Vec::new();
    let mut at = 2;
    while file[at + 1] != 0xD9 {
        let length = usize::from(u16::from_be_bytes([file[at + 2], file[at + 3]]));
        let mut end = at + 2 + length;
        if file[at + 1] == 0xDA {
            let is_marker = |pair: &[u8]| pair[0] == 0xFF && !matches!(pair[1], 0 | 0xD0..=0xD7);
            end += file[end..].windows(2).position(is_marker).unwrap();
        }
        found.push((file[at + 1], &file[at + 2..end]));
        at = end;
    }
    found
}

fn is_of_the_picture((marker, _): &(u8, &[u8])) -> bool {
    !matches!(marker, 0xE0..=0xEF | 0xFE)
}

/// The chunks of a PNG: kind and data.
fn chunks(file: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut found = Vec::new();
    let mut at = 8;
    while at < file.len() {
        let length = u32::from_be_bytes(file[at..at + 4].try_into().unwrap()) as usize;
        found.push((&file[at + 4..at + 8], &file[at + 8..at + 8 + length]));
        at += length + 12;
        if found.last().unwrap().0 == b"IEND" {
            break;
        }
    }
    found
}

#[test]
fn a_jpeg_keeps_every_bit_of_its_picture_and_nothing_else() {
    let input = fixture("jpeg_full_of_metadata.jpg");
    for word in ["SECRET place", "SECRET owner", "SECRET comment", "SECRET second", "ICC_PROFILE"] {
        assert!(found(&input, &[word]).is_some(), "the fixture holds {word}");
    }
    let passed = prepared(&input);
    assert_eq!(passed.mime, Mime::Jpeg);
    assert_eq!(found(&passed.bytes, &PRIVATE), None);
    let (before, after) = (segments(&input), segments(&passed.bytes));
    let before: Vec<_> = before.into_iter().filter(is_of_the_picture).collect();
    assert!(before.iter().any(|(marker, _)| *marker == 0xDA), "with its scan");
    assert_eq!(after[0].0, 0xE0, "it is a JFIF file");
    assert_eq!(after[1..], before);
    assert!(passed.bytes.ends_with(&[0xFF, 0xD9]), "and nothing after it");
}

#[test]
fn a_png_keeps_every_bit_of_its_picture_and_nothing_else() {
    let input = fixture("png_full_of_metadata.png");
    assert!(found(&input, &["SECRET trailer"]).is_some());
    let passed = prepared(&input);
    assert_eq!(passed.mime, Mime::Png);
    assert_eq!(found(&passed.bytes, &PRIVATE), None);
    let kinds = |file| chunks(file).into_iter().map(|(kind, _)| kind.to_vec()).collect::<Vec<_>>();
    assert!(kinds(&input).len() > 8);
    let kept = [b"IHDR", b"IDAT", b"IEND"].map(|kind| kind.to_vec());
    assert_eq!(kinds(&passed.bytes), kept);
    let data =
        |file| chunks(file).into_iter().find(|(kind, _)| kind == b"IDAT").unwrap().1.to_vec();
    assert_eq!(data(&input), data(&passed.bytes));
}

#[test]
fn a_picture_made_anew_loses_its_metadata_too() {
    for name in ["jpeg_full_of_metadata.jpg", "png_full_of_metadata.png"] {
        let made = prepare(&fixture(name), &within(40)).unwrap();
        assert_eq!(made.width, 40, "{name}");
        assert_eq!(found(&made.bytes, &PRIVATE), None, "{name}");
    }
}

#[test]
fn what_came_out_goes_in_and_comes_out_the_same() {
    for name in [
        "jpeg_full_of_metadata.jpg",
        "jpeg_cmyk.jpg",
        "jpeg_420_non_interleaved.jpg",
        "orientation_6.jpg",
        "profile_display_p3.jpg",
        "png_rgb_16_bit.png",
        "webp_alpha_becomes_png.webp",
        "heic_420.heic",
    ] {
        let once = prepared(&fixture(name));
        assert_eq!(prepared(&once.bytes), once, "{name}");
    }
}

#[test]
fn a_profile_that_means_other_colours_is_converted_and_not_passed() {
    let reference = read_back(&prepared(&fixture("png_grey.png"))).into_rgb8();
    for name in ["profile_grey_linear.png", "profile_grey_linear.jpg"] {
        let input = fixture(name);
        let made = prepared(&input);
        assert_eq!(found(&made.bytes, &PRIVATE), None, "{name}");
        let converted = read_back(&made).into_rgb8();
        let sum: u64 =
            converted.iter().zip(reference.iter()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        let mean = sum as f64 / reference.len() as f64;
        assert!(mean < 4.0, "{name} is {mean} levels from the picture it shows");
        // Without the profile the same numbers are another picture.
        let raw = DynamicImage::from(converted).into_luma8();
        assert!(raw.iter().any(|&level| level > 100), "{name}");
    }
}
