//! A picture as brightness and two colour differences, each in a plane of its own.
//!
//! JPEG stores pictures so. One that comes from a JPEG and becomes one again is never turned
//! into pixels between: three planes are resized, two of them to half size, which is half the
//! work and loses nothing.

use crate::imaging::buffer::Buffer;
use crate::imaging::raster::Raster;
use crate::imaging::resize::{Kind, Source, resize};
use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, RgbImage};
use jpeg_encoder::{ImageBuffer, JpegColorType};

/// Samples of one component, row by row.
#[derive(Debug)]
pub(crate) struct Plane {
    pub(crate) samples: Buffer<u8>,
    /// Samples a row, with a margin that may lie beyond the picture.
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// The part from the upper left corner that the picture covers, in samples and fractions.
    pub(crate) field: (f64, f64),
}

/// A picture as it was decoded, its components perhaps at several sizes.
#[derive(Debug)]
pub(crate) struct Planes {
    /// Brightness, and blue and red difference unless the picture is grey.
    pub(crate) components: Vec<Plane>,
    pub(crate) matrix: Matrix,
    pub(crate) alpha: Option<Plane>,
}

/// How brightness and colour differences were made from red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Matrix {
    /// JPEG's own.
    Bt601,
    Bt709,
    Bt2020,
    /// Not at all: the planes are green, blue and red.
    Identity,
}

/// A fitted picture in planes.
#[derive(Debug, Clone)]
pub(crate) struct Planar {
    luma: GrayImage,
    /// Blue and red difference, both at full or both at half size, rounded up.
    chroma: Option<[GrayImage; 2]>,
    alpha: Option<GrayImage>,
    matrix: Matrix,
}

impl Planar {
    /// Resizes decoded planes to `width`×`height`.
    ///
    /// Colour goes straight to the half size at which it is written. Where that would not do,
    /// because the colours are still to be converted, or to be turned so that the odd column
    /// comes to lie on the other side, `full_colour` keeps it at full size.
    pub(crate) fn new(source: &Planes, (width, height): (u32, u32), full_colour: bool) -> Self {
        let full = |plane: &Plane| fit(plane, (width, height), plane.field);
        let chroma = match source.components.as_slice() {
            [_, blue, red] => {
                let halves = || Some([half(blue, (width, height))?, half(red, (width, height))?]);
                let keeps_full = full_colour || !source.is_as_in_jpeg();
                let halves = if keeps_full { None } else { halves() };
                Some(halves.unwrap_or_else(|| [full(blue), full(red)]))
            }
            _ => None,
        };
        Self {
            luma: full(&source.components[0]),
            chroma,
            alpha: source.alpha.as_ref().map(full),
            matrix: source.matrix,
        }
    }

    /// A picture without colour.
    pub(crate) fn grey(luma: GrayImage) -> Self {
        Self { luma, chroma: None, alpha: None, matrix: Matrix::Bt601 }
    }

    pub(crate) fn size(&self) -> (u32, u32) {
        self.luma.dimensions()
    }

    pub(crate) fn turned(self, orientation: Orientation) -> Self {
        let turn = |plane: GrayImage| {
            let mut plane = DynamicImage::from(plane);
            plane.apply_orientation(orientation);
            plane.into_luma8()
        };
        Self {
            luma: turn(self.luma),
            chroma: self.chroma.map(|planes| planes.map(turn)),
            alpha: self.alpha.map(turn),
            matrix: self.matrix,
        }
    }

    pub(crate) fn into_rgb(self) -> RgbImage {
        let (width, height) = self.size();
        let Some([blue, red]) = &self.chroma else {
            return DynamicImage::from(self.luma).into_rgb8();
        };
        let step = if blue.width() == width && blue.height() == height { 1 } else { 2 };
        RgbImage::from_fn(width, height, |x, y| {
            let at = |plane: &GrayImage| i32::from(plane.get_pixel(x / step, y / step)[0]) - 128;
            image::Rgb(self.matrix.rgb(self.luma.get_pixel(x, y)[0], at(blue), at(red)))
        })
    }

    /// As pixels, unless it can be written as it is.
    pub(crate) fn settled(mut self) -> Raster {
        match (self.alpha.take(), self.matrix) {
            (None, Matrix::Bt601) => Raster::Planar(self),
            (None, Matrix::Bt709 | Matrix::Bt2020 | Matrix::Identity) => {
                Raster::Opaque(self.into_rgb())
            }
            (Some(alpha), _) => {
                let mut rgba = DynamicImage::from(self.into_rgb()).into_rgba8();
                for (pixel, opacity) in rgba.pixels_mut().zip(alpha.pixels()) {
                    pixel[3] = opacity[0];
                }
                Raster::settled(rgba)
            }
        }
    }
}

impl Planes {
    fn is_as_in_jpeg(&self) -> bool {
        self.matrix == Matrix::Bt601 && self.alpha.is_none()
    }
}

impl Matrix {
    /// A brightness and two differences as red, green and blue, in sixteen binary places.
    fn rgb(self, luma: u8, blue: i32, red: i32) -> [u8; 3] {
        let [red_red, green_blue, green_red, blue_blue] = match self {
            Self::Bt601 => [91_881, 22_554, 46_802, 116_130],
            Self::Bt709 => [103_206, 12_276, 30_679, 121_608],
            Self::Bt2020 => [96_639, 10_784, 37_444, 123_299],
            Self::Identity => return [level((red + 128) << 16), luma, level((blue + 128) << 16)],
        };
        let luma = i32::from(luma) << 16;
        [
            level(luma + red_red * red),
            level(luma - green_blue * blue - green_red * red),
            level(luma + blue_blue * blue),
        ]
    }
}

fn level(value: i32) -> u8 {
    u8::try_from(((value + (1 << 15)) >> 16).clamp(0, 255)).expect("clamped")
}

/// Half of the target, rounded up, and so much of the plane as that covers; `None` where the
/// plane's margin is too small for the overhang of an odd side.
fn half(plane: &Plane, (width, height): (u32, u32)) -> Option<GrayImage> {
    let halved = (width.div_ceil(2), height.div_ceil(2));
    let overhang = |half: u32, full: u32| f64::from(half * 2) / f64::from(full);
    let field =
        (plane.field.0 * overhang(halved.0, width), plane.field.1 * overhang(halved.1, height));
    let is_inside = field.0 <= f64::from(plane.width) && field.1 <= f64::from(plane.height);
    is_inside.then(|| fit(plane, halved, field))
}

fn fit(plane: &Plane, (width, height): (u32, u32), field: (f64, f64)) -> GrayImage {
    let size = (plane.width, plane.height);
    let source = Source { pixels: &plane.samples, size, kind: Kind::Grey, opaque: true };
    let samples = resize(&source, Some(field), (width, height));
    GrayImage::from_raw(width, height, samples).expect("the resizer fills its own buffer")
}

impl ImageBuffer for &Planar {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        if self.chroma.is_some() { JpegColorType::Ycbcr } else { JpegColorType::Luma }
    }

    fn width(&self) -> u16 {
        u16::try_from(self.luma.width()).expect("checked before encoding")
    }

    fn height(&self) -> u16 {
        u16::try_from(self.luma.height()).expect("checked before encoding")
    }

    fn fill_buffers(&self, y: u16, buffers: &mut [Vec<u8>; 4]) {
        let width = self.luma.width() as usize;
        let [luma, blue, red, _] = buffers;
        luma.extend_from_slice(row(&self.luma, y.into()));
        for (buffer, plane) in [blue, red].into_iter().zip(self.chroma.iter().flatten()) {
            if plane.dimensions() == self.luma.dimensions() {
                buffer.extend_from_slice(row(plane, y.into()));
            } else {
                // The encoder takes the mean of four equal samples: the sample again.
                let doubled = row(plane, u32::from(y) / 2).iter().flat_map(|&sample| [sample; 2]);
                buffer.extend(doubled.take(width));
            }
        }
    }
}

fn row(plane: &GrayImage, y: u32) -> &[u8] {
    let width = plane.width() as usize;
    &plane.as_raw()[y as usize * width..][..width]
}
