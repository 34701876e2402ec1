//! What every output promises: size, place of the pixels, light, type and bytes.

use super::{encoded, fixture, prepared, read_back, within};
use image::{DynamicImage, GenericImageView, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use tableround::imaging::{Error, Limits, Mime, prepare, sniff};

/// Four corners of four colours: red, green; blue, white.
fn corners(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| match (x < width / 2, y < height / 2) {
        (true, true) => Rgb([220, 30, 30]),
        (false, true) => Rgb([30, 200, 30]),
        (true, false) => Rgb([30, 30, 220]),
        (false, false) => Rgb([240, 240, 240]),
    })
}

/// Names of the corners: upper left, upper right, lower left, lower right.
fn seen(picture: &DynamicImage) -> String {
    let (width, height) = picture.dimensions();
    let (right, bottom) = (width - 1 - width / 8, height - 1 - height / 8);
    let places =
        [(width / 8, height / 8), (right, height / 8), (width / 8, bottom), (right, bottom)];
    let name = |(x, y)| match picture.get_pixel(x, y).0 {
        [red, green, blue, _] if red > 150 && green > 150 && blue > 150 => 'w',
        [red, ..] if red > 150 => 'r',
        [_, green, ..] if green > 150 => 'g',
        _ => 'b',
    };
    places.map(name).iter().collect()
}

/// How the four corners lie once turned as an orientation asks (EXIF 2.3, table 6).
const UPRIGHT: [&str; 8] = ["rgbw", "grwb", "wbgr", "bwrg", "rbgw", "brwg", "wgbr", "gwrb"];

fn exif(orientation: u8) -> Vec<u8> {
    let mut block = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    block.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    block
}

fn jpeg_turned(picture: &DynamicImage, orientation: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut bytes, 90);
    let (width, height) = (picture.width() as u16, picture.height() as u16);
    encoder.encode(&picture.to_rgb8(), width, height, jpeg_encoder::ColorType::Rgb).unwrap();
    let payload = [b"Exif\0\0".as_slice(), &exif(orientation)].concat();
    let length = (payload.len() as u16 + 2).to_be_bytes();
    let segment = [&[0xFF, 0xE1], length.as_slice(), &payload].concat();
    bytes.splice(2..2, segment);
    bytes
}

fn png_turned(picture: &DynamicImage, orientation: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut info = png::Info::with_size(picture.width(), picture.height());
    info.color_type = png::ColorType::Rgb;
    info.bit_depth = png::BitDepth::Eight;
    info.exif_metadata = Some(exif(orientation).into());
    let encoder = png::Encoder::with_info(&mut bytes, info).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&picture.to_rgb8()).unwrap();
    writer.finish().unwrap();
    bytes
}

fn webp_turned(picture: &DynamicImage, exif: &[u8]) -> Vec<u8> {
    let plain = encoded(picture, ImageFormat::WebP);
    let three = |value: u32| value.to_le_bytes()[..3].to_vec();
    let chunk = |kind: &[u8], data: &[u8]| {
        let padding: &[u8] = if data.len().is_multiple_of(2) { &[] } else { &[0] };
        [kind, &(data.len() as u32).to_le_bytes(), data, padding].concat()
    };
    let size = [three(picture.width() - 1), three(picture.height() - 1)].concat();
    let header = chunk(b"VP8X", &[&[8, 0, 0, 0], size.as_slice()].concat());
    let body = [b"WEBP", header.as_slice(), &plain[12..], &chunk(b"EXIF", exif)];
    chunk(b"RIFF", &body.concat())
}

fn tiff_turned(picture: &DynamicImage, orientation: u8) -> Vec<u8> {
    let mut bytes = encoded(picture, ImageFormat::Tiff);
    // One entry more, in its place: the tags are in order, and 0x0112 comes after 0x0111.
    let at = u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
    let count = u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap());
    let mut directory = (count + 1).to_le_bytes().to_vec();
    let entries = bytes[at + 2..at + 2 + usize::from(count) * 12].to_vec();
    let tag = |entry: &[u8]| u16::from_le_bytes([entry[0], entry[1]]);
    let own = [&[0x12, 1, 3, 0, 1, 0, 0, 0], [orientation, 0, 0, 0].as_slice()].concat();
    for entry in entries.chunks(12).filter(|entry| tag(entry) < 0x0112) {
        directory.extend(entry);
    }
    directory.extend(own);
    for entry in entries.chunks(12).filter(|entry| tag(entry) > 0x0112) {
        directory.extend(entry);
    }
    directory.extend([0; 4]);
    let end = bytes.len() as u32;
    bytes[4..8].copy_from_slice(&end.to_le_bytes());
    bytes.extend(directory);
    bytes
}

#[test]
fn every_orientation_of_every_format_that_has_one_is_applied() {
    type Turned = fn(&DynamicImage, u8) -> Vec<u8>;
    let formats: [(&str, Turned); 5] = [
        ("JPEG", jpeg_turned),
        ("PNG", png_turned),
        ("WebP", |picture, orientation| webp_turned(picture, &exif(orientation))),
        ("WebP, its EXIF as in a JPEG", |picture, orientation| {
            webp_turned(picture, &[b"Exif\0\0", exif(orientation).as_slice()].concat())
        }),
        ("TIFF", tiff_turned),
    ];
    let lying = DynamicImage::from(corners(64, 40));
    for (name, turned) in formats {
        for orientation in 1..=8_u8 {
            let input = turned(&lying, orientation);
            // Passed or made anew at its size, and made smaller.
            for limits in [Limits::default(), within(32)] {
                let made = prepare(&input, &limits).unwrap();
                let expected = UPRIGHT[usize::from(orientation) - 1];
                assert_eq!(seen(&read_back(&made)), expected, "{name} {orientation}");
                assert_eq!(made.width > made.height, orientation < 5, "{name} {orientation}");
            }
        }
    }
}

#[test]
fn panoramas_keep_a_pixel_and_small_pictures_their_size() {
    for (width, height, expected) in [
        (9_000, 4, (800, 1)),
        (4, 9_000, (1, 800)),
        (7, 3, (7, 3)),
        (1, 1, (1, 1)),
        (800, 800, (800, 800)),
    ] {
        let input = encoded(&corners(width, height).into(), ImageFormat::Bmp);
        let made = prepared(&input);
        assert_eq!((made.width, made.height), expected);
        assert_eq!(read_back(&made).dimensions(), expected);
    }
}

/// A fine check of black and white keeps its mean. Samples are averaged as numbers, as all peers
/// do, so that mean is 127.5; averaged as light it would be 188, for four times the work.
#[test]
fn a_fine_check_keeps_its_mean() {
    let check =
        RgbImage::from_fn(2400, 1800, |x, y| Rgb([if (x + y) % 2 == 0 { 255 } else { 0 }; 3]));
    for format in [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::WebP] {
        let made = prepared(&encoded(&check.clone().into(), format));
        let grey = read_back(&made).into_luma8();
        let sum: u64 = grey.iter().map(|&level| u64::from(level)).sum();
        let mean = sum as f64 / grey.len() as f64;
        assert!((mean - 127.5).abs() <= 2.0, "{format:?}: {mean}");
    }
}

/// Lanczos makes edges crisp by going a little beyond them. How far is known and bounded.
#[test]
fn an_edge_rings_no_more_than_the_filter_must() {
    let edge = RgbImage::from_fn(2400, 1800, |x, _| Rgb([if x < 1200 { 64 } else { 192 }; 3]));
    let grey = read_back(&prepared(&encoded(&edge.into(), ImageFormat::Bmp))).into_luma8();
    let (least, most) = (grey.iter().min().unwrap(), grey.iter().max().unwrap());
    let beyond = (64 - i32::from(*least)).max(i32::from(*most) - 192);
    assert!(beyond <= 14, "{beyond} levels beyond a step of 128");
    let far: Vec<u8> =
        grey.enumerate_pixels().filter(|(x, ..)| *x < 380).map(|(.., p)| p[0]).collect();
    assert!(far.iter().all(|&level| level.abs_diff(64) <= 2), "nothing is seen of it farther off");
}

#[test]
fn type_bytes_and_ending_agree() {
    for entry in std::fs::read_dir(super::path("reference.png").parent().unwrap()).unwrap() {
        let input = std::fs::read(entry.unwrap().path()).unwrap();
        let Ok(made) = prepare(&input, &Limits::default()) else { continue };
        let format = sniff(&made.bytes).unwrap().to_string().to_lowercase();
        assert_eq!(made.mime.as_str(), format!("image/{format}"));
        assert_eq!(made.mime.extension(), format.replace("jpeg", "jpg"));
        assert_eq!(read_back(&made).dimensions(), (made.width, made.height));
    }
}

#[test]
fn frames_lie_at_their_offset_on_the_canvas() {
    for name in ["gif_frame_lies_at_its_offset.gif", "webp_frame_lies_at_its_offset.webp"] {
        let made = prepared(&fixture(name));
        assert_eq!((made.mime, made.width, made.height), (Mime::Png, 40, 30), "{name}");
        for (x, y, pixel) in read_back(&made).into_rgba8().enumerate_pixels() {
            let is_inside = (20..28).contains(&x) && (10..18).contains(&y);
            let expected = if is_inside { Rgba([250, 20, 20, 255]) } else { Rgba([0; 4]) };
            assert_eq!(pixel[3], expected[3], "{name} at {x},{y}");
            assert!(!is_inside || *pixel == expected, "{name} at {x},{y}");
        }
    }
}

/// Noise with a slope, so that quality and size both count.
fn noise(width: u32, height: u32) -> RgbImage {
    let mut state = 7_u32;
    RgbImage::from_fn(width, height, |x, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Rgb([(state >> 24) as u8, (x % 256) as u8, (state >> 16) as u8])
    })
}

#[test]
fn one_step_more_of_quality_would_not_fit() {
    let input = encoded(&noise(400, 300).into(), ImageFormat::Bmp);
    let at = |quality: u8| {
        let limits = Limits { jpeg_quality: quality, bytes_max: usize::MAX, ..Limits::default() };
        prepare(&input, &limits).unwrap()
    };
    for share in [95, 75] {
        let bytes_max = at(85).bytes.len() * share / 100;
        let fitted = prepare(&input, &Limits { bytes_max, ..Limits::default() }).unwrap();
        assert!(fitted.bytes.len() <= bytes_max);
        let quality = (1..=85).rev().find(|&quality| at(quality) == fitted);
        let quality = quality.expect("at its full size there is a quality that gives these bytes");
        assert!(at(quality + 1).bytes.len() > bytes_max, "{quality} is the highest that fits");
    }
    let tiny = Limits { bytes_max: 4_000, ..Limits::default() };
    let fitted = prepare(&input, &tiny).unwrap();
    assert!(fitted.bytes.len() <= 4_000 && fitted.width < 400, "then it gets smaller");
    let nothing = Limits { bytes_max: 50, ..Limits::default() };
    assert_eq!(prepare(&input, &nothing), Err(Error::CannotFit { bytes_max: 50 }));
}

#[test]
fn an_alpha_that_is_opaque_everywhere_is_no_transparency() {
    let mut picture: RgbaImage = DynamicImage::from(noise(60, 40)).into_rgba8();
    for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Tiff] {
        let made = prepared(&encoded(&picture.clone().into(), format));
        assert_eq!(made.mime, Mime::Jpeg, "{format:?}");
    }
    picture.get_pixel_mut(59, 39).0[3] = 254;
    for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Tiff] {
        let made = prepared(&encoded(&picture.clone().into(), format));
        assert_eq!(made.mime, Mime::Png, "{format:?}");
    }
}
