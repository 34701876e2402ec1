//! Claims about whole pictures, checked on the committed files that `make_image_fixtures.py` made.

use crate::imaging::decode::Opened;
use crate::imaging::raster::Raster;
use crate::imaging::{Error, Limits, Mime, Prepared, prepare};
use image::{DynamicImage, ImageFormat, RgbImage, Rgba};
use proptest::prelude::*;

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/images/", $name))
            .as_slice()
    };
}

macro_rules! fixtures {
    ($($name:literal),* $(,)?) => { [$(($name, fixture!($name))),*] };
}

/// Decoded, upright, not yet encoded again.
fn upright(input: &[u8]) -> Raster {
    let limits = Limits::default();
    let opened = Opened::read(input, &limits).unwrap();
    Raster::fitted(opened.decode(input, &limits).unwrap(), &limits)
}

fn opaque(raster: Raster) -> RgbImage {
    match raster {
        Raster::Planar(planar) => planar.into_rgb(),
        Raster::Opaque(rgb) => rgb,
        Raster::Transparent(_) => panic!("an opaque picture was expected"),
    }
}

/// Mean difference of all samples, in hundredths of a level of 255.
fn difference(one: &RgbImage, other: &RgbImage) -> u64 {
    assert_eq!(one.dimensions(), other.dimensions());
    let sum: u64 = one.iter().zip(other.iter()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum * 100 / one.len() as u64
}

/// Reads back what was prepared, with the decoder its type calls for.
fn read_back(prepared: &Prepared) -> DynamicImage {
    let format = match prepared.mime {
        Mime::Jpeg => return opaque(upright(&prepared.bytes)).into(),
        Mime::Png => ImageFormat::Png,
    };
    image::load_from_memory_with_format(&prepared.bytes, format).unwrap()
}

#[test]
fn every_variety_shows_the_same_scene() {
    let reference = opaque(upright(fixture!("reference.png")));
    let check = |(name, input): (&str, &[u8]), centilevels: u64| {
        let found = difference(&opaque(upright(input)), &reference);
        assert!(found <= centilevels, "{name} is {found} hundredths of a level away");
    };
    for lossy in fixtures![
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
        "jpeg_rgb_colour_space.jpg",
        "jpeg_cmyk.jpg",
        "webp_lossy.webp",
        "heic_420.heic",
        "heic_turned.heic",
        "avif_420.avif",
        "avif_420_narrow_range.avif",
        "avif_444.avif",
        "webp_animated_shows_its_first_frame.webp",
    ] {
        check(lossy, 550);
    }
    for exact in fixtures![
        "png_rgb.png",
        "png_rgb_16_bit.png",
        "png_interlaced.png",
        "apng_shows_its_first_frame.png",
        "png_opaque_alpha_becomes_jpeg.png",
        "webp_lossless.webp",
        "bmp_24_bit.bmp",
        "bmp_top_down.bmp",
        "tiff_lzw.tif",
        "tiff_deflate.tif",
    ] {
        check(exact, 0);
    }
    for few_colours in fixtures![
        "png_palette.png",
        "bmp_palette.bmp",
        "gif_still.gif",
        "gif_animated_shows_its_first_frame.gif",
    ] {
        check(few_colours, 600);
    }
}

#[test]
fn profiles_are_converted_to_srgb() {
    let reference = opaque(upright(fixture!("reference.png")));
    for (name, input) in fixtures![
        "profile_display_p3.png",
        "profile_display_p3.jpg",
        "profile_adobe_rgb.png",
        "profile_adobe_rgb.jpg",
    ] {
        let found = difference(&opaque(upright(input)), &reference);
        assert!(found <= 330, "{name} is {found} hundredths of a level away");
        let prepared = prepare(input, &Limits::default()).unwrap();
        let found = difference(&read_back(&prepared).into_rgb8(), &reference);
        assert!(found <= 700, "{name} prepared is {found} hundredths of a level away");
    }
}

#[test]
fn a_heic_without_a_label_says_in_its_codecs_headers_what_it_means() {
    let mut unlabelled = fixture!("heic_420.heic").to_vec();
    let label = memchr::memmem::find(&unlabelled, b"colrnclx").expect("it is labelled");
    unlabelled[label..label + 4].copy_from_slice(b"skip");
    let (labelled, found) = (upright(fixture!("heic_420.heic")), upright(&unlabelled));
    assert_eq!(opaque(found), opaque(labelled));
}

#[test]
fn grey_pictures_stay_grey() {
    let reference = opaque(upright(fixture!("png_grey.png")));
    for (name, input) in fixtures![
        "png_grey_16_bit.png",
        "jpeg_grey.jpg",
        "jpeg_grey_progressive.jpg",
        "avif_grey.avif"
    ] {
        let found = difference(&opaque(upright(input)), &reference);
        assert!(found <= 200, "{name} is {found} hundredths of a level away");
    }
}

#[test]
fn one_scan_a_component_decodes_like_one_scan_for_all() {
    let interleaved = opaque(upright(fixture!("jpeg_420.jpg")));
    let apart = opaque(upright(fixture!("jpeg_420_non_interleaved.jpg")));
    assert_eq!(interleaved, apart, "jpegtran moved the coefficients and changed none");
}

#[test]
fn orientation_is_applied() {
    let reference = opaque(upright(fixture!("orientation_reference.png")));
    for (name, input) in fixtures![
        "orientation_1.jpg",
        "orientation_2.jpg",
        "orientation_3.jpg",
        "orientation_4.jpg",
        "orientation_5.jpg",
        "orientation_6.jpg",
        "orientation_7.jpg",
        "orientation_8.jpg",
    ] {
        let found = difference(&opaque(upright(input)), &reference);
        assert!(found <= 400, "{name} is {found} hundredths of a level away");
    }
    for (name, input) in fixtures![
        "png_orientation_6.png",
        "webp_orientation_6.webp",
        "tiff_uncompressed_orientation_6.tif",
    ] {
        assert_eq!(upright(input).size(), (61, 97), "{name}");
    }
}

#[test]
fn a_picture_lying_on_its_side_fits_upright() {
    let limits = Limits { width_max: 20, height_max: 800, ..Limits::default() };
    let prepared = prepare(fixture!("orientation_6.jpg"), &limits).unwrap();
    assert_eq!((prepared.width, prepared.height), (20, 13));
    assert_eq!(read_back(&prepared).into_rgb8().dimensions(), (20, 13));
}

#[test]
fn only_what_is_really_transparent_becomes_png() {
    let check = |name: &str, input: &[u8], expected: Mime| {
        let prepared = prepare(input, &Limits::default()).unwrap();
        assert_eq!(prepared.mime, expected, "{name}");
        let signature: &[u8] = match expected {
            Mime::Jpeg => b"\xFF\xD8\xFF",
            Mime::Png => b"\x89PNG\r\n\x1a\n",
        };
        assert!(prepared.bytes.starts_with(signature), "{name}: type and bytes agree");
        let size = (prepared.width, prepared.height);
        let read = read_back(&prepared);
        assert_eq!((read.width(), read.height()), size, "{name}: size and bytes agree");
    };
    for (name, input) in fixtures![
        "png_transparent_stays_png.png",
        "png_palette_transparent_stays_png.png",
        "png_grey_alpha_stays_png.png",
        "gif_transparent_becomes_png.gif",
        "webp_alpha_becomes_png.webp",
        "heic_alpha_becomes_png.heic",
        "avif_alpha_becomes_png.avif",
        "gif_frame_lies_at_its_offset.gif",
    ] {
        check(name, input, Mime::Png);
    }
    for (name, input) in fixtures![
        "png_opaque_alpha_becomes_jpeg.png",
        "png_rgb_16_bit.png",
        "png_orientation_6.png",
        "gif_still.gif",
        "webp_lossy.webp",
        "bmp_24_bit.bmp",
        "jpeg_420.jpg",
    ] {
        check(name, input, Mime::Jpeg);
    }
}

#[test]
fn what_already_fits_passes_without_loss_and_without_metadata() {
    for (name, input) in fixtures![
        "jpeg_420.jpg",
        "jpeg_444_progressive.jpg",
        "jpeg_grey.jpg",
        "jpeg_420_restarts.jpg",
        "orientation_1.jpg",
        "png_rgb.png",
        "png_palette.png",
        "png_one_bit.png",
        "png_transparent_stays_png.png",
        "apng_shows_its_first_frame.png",
    ] {
        let prepared = prepare(input, &Limits::default()).unwrap();
        let before = DynamicImage::from(upright(input)).into_rgba8();
        let after = DynamicImage::from(upright(&prepared.bytes)).into_rgba8();
        assert!(before == after, "{name}: the same pixels");
        assert!(prepared.bytes.len() <= input.len() + 20, "{name}");
        for tag in [b"Exif".as_slice(), b"acTL", b"fdAT", b"pHYs"] {
            assert!(memchr::memmem::find(&prepared.bytes, tag).is_none(), "{name} keeps {tag:?}");
        }
        assert_eq!(prepare(&prepared.bytes, &Limits::default()).unwrap(), prepared, "{name}");
    }
}

#[test]
fn a_file_that_others_may_misread_is_made_anew() {
    let input = fixture!("jpeg_420_non_interleaved.jpg");
    let prepared = prepare(input, &Limits::default()).unwrap();
    let scans = memchr::memmem::find_iter(&prepared.bytes, &[0xFF, 0xDA]).count();
    assert_eq!(scans, 1);
    let lossy = difference(&opaque(upright(&prepared.bytes)), &opaque(upright(input)));
    assert!(lossy < 300, "{lossy}");
}

#[test]
fn a_frame_lies_at_its_offset_on_the_canvas() {
    let Raster::Transparent(canvas) = upright(fixture!("gif_frame_lies_at_its_offset.gif")) else {
        panic!("what the frame does not cover is transparent");
    };
    assert_eq!(canvas.dimensions(), (40, 30));
    for (x, y, pixel) in canvas.enumerate_pixels() {
        let inside = (20..28).contains(&x) && (10..18).contains(&y);
        assert_eq!(pixel[3] == 255, inside, "{x},{y}");
    }
    assert_eq!(canvas.get_pixel(21, 11), &Rgba([250, 20, 20, 255]));
}

#[test]
fn colour_hidden_under_transparent_pixels_does_not_bleed() {
    // Magenta under full transparency, beside red: after shrinking no visible pixel may turn blue.
    let limits = Limits { width_max: 24, height_max: 24, ..Limits::default() };
    let prepared = prepare(fixture!("png_transparent_stays_png.png"), &limits).unwrap();
    for pixel in read_back(&prepared).into_rgba8().pixels().take(12 * 4) {
        assert!(pixel[3] < 16 || pixel[2] < 90, "{pixel:?}");
    }
}

#[test]
fn nothing_but_the_picture_is_kept() {
    for (name, input) in fixtures![
        "orientation_6.jpg",
        "png_orientation_6.png",
        "webp_orientation_6.webp",
        "png_transparent_stays_png.png",
    ] {
        let bytes = prepare(input, &Limits::default()).unwrap().bytes;
        for tag in
            [b"Exif".as_slice(), b"eXIf", b"http://", b"ICC_PROFILE", b"iCCP", b"tEXt", b"tIME"]
        {
            assert!(memchr::memmem::find(&bytes, tag).is_none(), "{name} keeps {tag:?}");
        }
    }
}

#[test]
fn the_same_file_gives_the_same_bytes() {
    let prepare = |input| prepare(input, &Limits::default()).unwrap();
    assert_eq!(prepare(fixture!("orientation_6.jpg")), prepare(fixture!("orientation_6.jpg")));
    assert_eq!(
        prepare(fixture!("png_transparent_stays_png.png")),
        prepare(fixture!("png_transparent_stays_png.png"))
    );
}

/// Fine noise, which no encoder can make small.
fn noise(width: u32, height: u32) -> RgbImage {
    let mut state = 1_u32;
    RgbImage::from_fn(width, height, |_, _| {
        image::Rgb([0; 3].map(|_: u8| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        }))
    })
}

fn bmp(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Bmp).unwrap();
    bytes.into_inner()
}

#[test]
fn the_byte_limit_is_kept_by_quality_and_then_by_size() {
    let input = bmp(&noise(200, 150));
    let at = |bytes_max: usize, jpeg_quality: u8| {
        prepare(&input, &Limits { bytes_max, jpeg_quality, ..Limits::default() })
    };
    let full = at(usize::MAX, 85).unwrap();
    let tight = at(full.bytes.len() - 1, 85).unwrap();
    assert!(tight.bytes.len() < full.bytes.len());
    assert_eq!((tight.width, tight.height), (200, 150), "a lower quality suffices");
    let quality = (1..85).find(|&q| at(usize::MAX, q).unwrap() == tight).expect("one quality");
    let above = at(usize::MAX, quality + 1).unwrap();
    assert!(above.bytes.len() >= full.bytes.len(), "{quality} is the highest that fits");

    let small = at(4_000, 85).unwrap();
    assert!(small.bytes.len() <= 4_000 && small.width < 200, "quality alone does not suffice");
    assert_eq!(at(100, 85), Err(Error::CannotFit { bytes_max: 100 }));
}

#[test]
fn a_transparent_picture_too_large_for_its_bytes_gets_smaller() {
    let mut noisy = DynamicImage::from(noise(120, 120)).into_rgba8();
    noisy.put_pixel(0, 0, Rgba([0; 4]));
    let mut input = std::io::Cursor::new(Vec::new());
    noisy.write_to(&mut input, ImageFormat::Png).unwrap();
    let limits = Limits { bytes_max: 20_000, ..Limits::default() };
    let prepared = prepare(input.get_ref(), &limits).unwrap();
    assert_eq!(prepared.mime, Mime::Png);
    assert!(prepared.bytes.len() <= 20_000 && prepared.width < 120);
}

#[test]
fn extreme_shapes_keep_at_least_one_pixel() {
    for (width, height, expected) in [(9_000, 3, (800, 1)), (2, 5_000, (1, 800)), (1, 1, (1, 1))] {
        let prepared = prepare(&bmp(&noise(width, height)), &Limits::default()).unwrap();
        assert_eq!((prepared.width, prepared.height), expected);
    }
}

#[test]
fn what_cannot_be_read_is_refused_by_its_code() {
    let check = |input: &[u8], code: &str, reason: &str| {
        let error = prepare(input, &Limits::default()).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(reason), "{error}");
    };
    check(b"", "input.unreadable", "empty");
    check(b"hello, this is a text", "input.unsupported", "text");
    check(b"\0\0\0\x14ftypisom\0\0\0\0mp42", "input.unsupported", "video");
    check(b"\0\0\0\x14ftypheic\0\0\0\0mif1", "input.unreadable", "HEIC");
    check(fixture!("jpeg_arithmetic_is_refused.jpg"), "input.unsupported", "arithmetic");
    check(fixture!("heic_444_is_refused.heic"), "input.unsupported", "half-size colour");
    check(b"\xFF\xD8\xFF\xD9", "input.unreadable", "frame header");
    check(b"\x89PNG\r\n\x1a\n", "input.truncated", "end chunk");
}

#[test]
fn limits_hold_before_anything_is_decoded() {
    let mut giant_jpeg = fixture!("jpeg_420.jpg").to_vec();
    let frame = memchr::memmem::find(&giant_jpeg, b"\xFF\xC0").unwrap();
    giant_jpeg[frame + 5..frame + 9].copy_from_slice(&[0xFD, 0xE8, 0xFD, 0xE8]);
    let mut giant_bmp = fixture!("bmp_24_bit.bmp").to_vec();
    giant_bmp[18..26].copy_from_slice(&[0x40, 0x9C, 0, 0, 0x40, 0x9C, 0, 0]);
    for input in [giant_jpeg, giant_bmp] {
        let error = prepare(&input, &Limits::default()).unwrap_err();
        assert_eq!(error.code(), "input.too_large", "{error}");
    }
    let tight = Limits { input_bytes_max: 100, ..Limits::default() };
    let error = prepare(fixture!("jpeg_420.jpg"), &tight).unwrap_err();
    assert!(matches!(error, Error::TooManyBytes { bytes_max: 100, .. }), "{error}");
    let tight = Limits { input_side_max: 96, ..Limits::default() };
    let error = prepare(fixture!("png_rgb.png"), &tight).unwrap_err();
    assert!(matches!(error, Error::TooLongSide { width: 97, .. }), "{error}");
    let tight = Limits { input_pixels_max: 97 * 61 - 1, ..Limits::default() };
    let error = prepare(fixture!("gif_still.gif"), &tight).unwrap_err();
    assert!(matches!(error, Error::TooManyPixels { .. }), "{error}");
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    for (name, input) in fixtures![
        "jpeg_420.jpg",
        "jpeg_420_progressive.jpg",
        "jpeg_420_non_interleaved.jpg",
        "png_rgb.png",
        "png_interlaced.png",
        "png_transparent_stays_png.png",
        "webp_lossy.webp",
        "webp_lossless.webp",
        "webp_alpha_becomes_png.webp",
        "bmp_24_bit.bmp",
        "tiff_lzw.tif",
        "heic_420.heic",
        "avif_420.avif",
    ] {
        let step = input.len() / 1_000 + 1;
        for length in (0..input.len()).step_by(step).chain([input.len() - 1]) {
            let cut = &input[..length];
            assert!(prepare(cut, &Limits::default()).is_err(), "{name} cut to {length} bytes");
        }
    }
}

#[test]
fn a_gif_cut_before_its_first_frame_ends_is_refused() {
    let input = fixture!("gif_still.gif");
    // The last bytes are the end of the data and the trailer; the picture is whole without them.
    for length in 0..input.len() - 8 {
        assert!(prepare(&input[..length], &Limits::default()).is_err(), "cut to {length} bytes");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn damaged_files_give_an_error_or_a_picture_within_the_limits(
        which in 0_usize..8,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let (name, input) = fixtures![
            "jpeg_420.jpg", "jpeg_420_progressive.jpg", "jpeg_cmyk.jpg", "png_rgb.png",
            "png_palette.png", "gif_still.gif", "webp_lossy.webp", "bmp_palette.bmp",
        ][which];
        let mut damaged = input.to_vec();
        for (at, byte) in damage {
            let at = at.index(damaged.len());
            damaged[at] = byte;
        }
        let limits = Limits { input_pixels_max: 4_000_000, ..Limits::default() };
        if let Ok(prepared) = prepare(&damaged, &limits) {
            prop_assert!(prepared.width <= 800 && prepared.height <= 800, "{name}");
            prop_assert!(prepared.bytes.len() <= limits.bytes_max, "{name}");
        }
    }
}

#[test]
fn a_decoder_that_panics_costs_one_file() {
    let guarded = |input: &[u8]| {
        crate::imaging::guarded::<()>(input, || panic!("as a decoder might")).unwrap_err()
    };
    assert_eq!(guarded(fixture!("gif_still.gif")).code(), "input.unreadable");
    assert!(guarded(fixture!("gif_still.gif")).to_string().contains("the GIF is damaged"));
}
