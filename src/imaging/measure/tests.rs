use super::*;
use image::{DynamicImage, ImageFormat, Rgba};
use proptest::prelude::*;
use std::io::Cursor;

fn measured(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 4]) -> Measure {
    let picture = RgbaImage::from_fn(width, height, |x, y| Rgba(pixel(x, y)));
    let mut png = Cursor::new(Vec::new());
    DynamicImage::from(picture).write_to(&mut png, ImageFormat::Png).unwrap();
    measure(png.get_ref(), &Limits::default()).unwrap()
}

fn names(measure: &Measure) -> Vec<&str> {
    measure.palette.iter().map(|swatch| swatch.name.english()).collect()
}

#[test]
fn one_colour_is_all_symmetry_and_no_contrast() {
    let red = measured(60, 40, |_, _| [212, 36, 36, 255]);
    assert_eq!((red.width, red.height, red.shape), (60, 40, Shape::Landscape));
    assert_eq!(names(&red), ["red"]);
    assert_eq!((red.palette[0].rgb, red.palette[0].share), ([212, 36, 36], 1000));
    assert_eq!((red.contrast, red.edges, red.transparent), (0, 0, 0));
    assert_eq!((red.symmetry_left_right, red.symmetry_top_bottom), (1000, 1000));
    assert_eq!((red.weight_across, red.weight_down), (Across::Centre, Down::Middle));
    assert!(red.warmth > 600);
}

#[test]
fn halves_are_told_apart() {
    let halves = measured(40, 80, |x, _| if x < 20 { [0, 0, 0, 255] } else { [255; 4] });
    assert_eq!(halves.shape, Shape::Portrait);
    assert_eq!(names(&halves), ["black", "white"], "equal shares in the order of the names");
    assert_eq!((halves.brightness, halves.contrast), (500, 1000));
    assert_eq!(halves.symmetry_left_right, 0, "each side is the other's opposite");
    assert_eq!(halves.symmetry_top_bottom, 1000);
    assert!(halves.edges > 0);
}

#[test]
fn weight_lies_where_the_eye_goes() {
    let check = |spot: (u32, u32), across, down| {
        let found = measured(90, 90, |x, y| {
            let near = x.abs_diff(spot.0) < 12 && y.abs_diff(spot.1) < 12;
            if near { [220, 30, 30, 255] } else { [240, 240, 240, 255] }
        });
        assert_eq!((found.weight_across, found.weight_down), (across, down), "{spot:?}");
    };
    check((15, 15), Across::Left, Down::Top);
    check((45, 45), Across::Centre, Down::Middle);
    check((75, 45), Across::Right, Down::Middle);
    check((45, 75), Across::Centre, Down::Bottom);
}

#[test]
fn transparent_pixels_count_as_such_and_have_no_colour() {
    let half = measured(40, 40, |_, y| if y < 20 { [0, 0, 255, 0] } else { [62, 156, 72, 255] });
    assert_eq!(half.transparent, 500);
    assert_eq!(names(&half), ["green"]);
    let nothing = measured(10, 10, |_, _| [9, 9, 9, 0]);
    assert_eq!((nothing.transparent, nothing.warmth), (1000, 0));
    assert!(nothing.palette.is_empty());
}

macro_rules! sample {
    ($name:literal) => {
        measure(
            include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/samples/", $name)),
            &Limits::default(),
        )
        .unwrap()
    };
}

#[test]
fn the_samples_are_told_apart() {
    let butterfly = sample!("butterfly.png");
    assert!(butterfly.symmetry_left_right > 900, "{butterfly:?}");
    assert!(butterfly.symmetry_top_bottom < 700, "{butterfly:?}");
    assert!(names(&butterfly).contains(&"red"), "{butterfly:?}");
    let teapot = sample!("teapot.jpg");
    assert_eq!((teapot.width, teapot.height, teapot.shape), (720, 540, Shape::Landscape));
    assert!(teapot.warmth > 0);
    let lantern = sample!("lantern.png");
    assert!(lantern.transparent > 400 && lantern.shape == Shape::Portrait, "{lantern:?}");
    let quilt = sample!("quilt.bmp");
    assert!(quilt.edges > sample!("koi-pond.webp").edges, "{quilt:?}");
    assert_eq!(quilt.shape, Shape::Square);
    let street = sample!("street.gif");
    assert!(street.brightness < butterfly.brightness && street.warmth < teapot.warmth);
    let lighthouse = sample!("lighthouse.jpg");
    assert!(lighthouse.width > 800 && lighthouse.palette.len() >= 3, "{lighthouse:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_picture_can_be_measured(
        width in 1_u32..200, height in 1_u32..200, seed in any::<u32>(),
    ) {
        let found = measured(width, height, |x, y| {
            (x ^ seed).wrapping_mul(2_654_435_761).wrapping_add(y.wrapping_mul(seed)).to_be_bytes()
        });
        let shares: u32 = found.palette.iter().map(|swatch| u32::from(swatch.share)).sum();
        prop_assert!(shares <= 1002, "rounded shares of one whole");
        prop_assert!(found.palette.len() <= PALETTE_MAX);
        for share in [found.brightness, found.contrast, found.edges, found.transparent] {
            prop_assert!(share <= 1000);
        }
    }
}
