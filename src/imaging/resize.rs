//! The one call to the resizer.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use std::cell::RefCell;

/// What the eight-bit samples of a pixel are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Grey,
    GreyAlpha,
    Rgb,
    Rgba,
}

/// Rows of pixels.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    pub(crate) pixels: &'a [u8],
    pub(crate) size: (u32, u32),
    pub(crate) kind: Kind,
    /// Whether every pixel is: alpha then need not be weighed.
    pub(crate) opaque: bool,
}

/// Resizes `field` of the source, counted from its upper left corner, or all of it.
///
/// Lanczos with a window of three; transparent pixels weigh by their alpha, so that the colour
/// hidden under them does not bleed out. Samples are averaged as they are, not as the light they
/// stand for: all peers do so, a model is trained on pictures made so, and linear light would
/// cost more than all the rest. A fine black and white check comes out darker than it would from
/// afar, by 60 levels at worst.
pub(crate) fn resize(source: &Source<'_>, field: Option<(f64, f64)>, to: (u32, u32)) -> Vec<u8> {
    thread_local! {
        static RESIZER: RefCell<Resizer> = RefCell::new(Resizer::new());
    }
    let kind = match source.kind {
        Kind::Grey => PixelType::U8,
        Kind::GreyAlpha => PixelType::U8x2,
        Kind::Rgb => PixelType::U8x3,
        Kind::Rgba => PixelType::U8x4,
    };
    let (width, height) = source.size;
    let view = ImageRef::new(width, height, source.pixels, kind);
    let view = view.expect("a picture's buffer has its size");
    let mut target = Image::new(to.0, to.1, kind);
    let mut options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
        .use_alpha(!source.opaque);
    if let Some((width, height)) = field {
        options = options.crop(0.0, 0.0, width, height);
    }
    RESIZER.with_borrow_mut(|resizer| {
        let resized = resizer.resize(&view, &mut target, &options);
        resized.expect("both are of one kind, and the field is inside");
    });
    target.into_vec()
}
