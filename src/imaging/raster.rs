//! Pixels between decoding and encoding: eight bits a sample, opaque or really transparent.

use crate::imaging::Limits;
use crate::imaging::decode::{Decoded, Picture};
use crate::imaging::planar::Planar;
use crate::imaging::resize::{Kind, Source, resize};
use image::metadata::Orientation;
use image::{DynamicImage, GrayAlphaImage, GrayImage, RgbImage, RgbaImage};

/// A picture of which it is settled whether it shows its ground.
#[derive(Debug, Clone)]
pub(crate) enum Raster {
    /// Opaque, from a JPEG or grey.
    Planar(Planar),
    Opaque(RgbImage),
    Transparent(RgbaImage),
}

impl Raster {
    /// Within the limits, upright, in sRGB.
    pub(crate) fn fitted(decoded: Decoded, limits: &Limits) -> Self {
        let Decoded { picture, width, height, orientation, profile } = decoded;
        let target = fit_lying((width, height), orientation, limits);
        let fitted = match picture {
            Picture::Pixels { pixels, field } => shrink(pixels, field, target).turned(orientation),
            Picture::Planes(planes) => {
                let is_even = target.0.is_multiple_of(2) && target.1.is_multiple_of(2);
                let turns_evenly = orientation == Orientation::NoTransforms || is_even;
                let full_colour = profile.is_some() || !turns_evenly;
                Planar::new(&planes, target, full_colour).turned(orientation).settled()
            }
        };
        match profile {
            None => fitted,
            Some(profile) => match fitted {
                Self::Planar(planar) => Self::Opaque(profile.convert_rgb(planar.into_rgb())),
                Self::Opaque(rgb) => Self::Opaque(profile.convert_rgb(rgb)),
                Self::Transparent(rgba) => Self::Transparent(profile.convert_rgba(rgba)),
            },
        }
    }

    /// An alpha channel that is opaque everywhere is no transparency.
    pub(crate) fn settled(rgba: RgbaImage) -> Self {
        if is_opaque(rgba.as_raw(), Kind::Rgba) {
            Self::Opaque(DynamicImage::from(rgba).into_rgb8())
        } else {
            Self::Transparent(rgba)
        }
    }

    pub(crate) fn size(&self) -> (u32, u32) {
        match self {
            Self::Planar(planar) => planar.size(),
            Self::Opaque(rgb) => rgb.dimensions(),
            Self::Transparent(rgba) => rgba.dimensions(),
        }
    }

    pub(crate) fn into_rgba(self) -> RgbaImage {
        DynamicImage::from(self).into_rgba8()
    }

    /// Made smaller once more.
    pub(crate) fn resized(self, to: (u32, u32)) -> Self {
        shrink(self.into(), None, to)
    }

    /// Upright, as a viewer would show it.
    fn turned(self, orientation: Orientation) -> Self {
        if orientation == Orientation::NoTransforms {
            return self;
        }
        let turn = |mut picture: DynamicImage| {
            picture.apply_orientation(orientation);
            picture
        };
        match self {
            Self::Planar(planar) => Self::Planar(planar.turned(orientation)),
            Self::Opaque(rgb) => Self::Opaque(turn(rgb.into()).into_rgb8()),
            Self::Transparent(rgba) => Self::Transparent(turn(rgba.into()).into_rgba8()),
        }
    }
}

impl From<Raster> for DynamicImage {
    fn from(raster: Raster) -> Self {
        match raster {
            Raster::Planar(planar) => planar.into_rgb().into(),
            Raster::Opaque(rgb) => rgb.into(),
            Raster::Transparent(rgba) => rgba.into(),
        }
    }
}

/// Resizes pixels as they were decoded, so that only the small picture is ever converted.
fn shrink(picture: DynamicImage, field: Option<(f64, f64)>, to: (u32, u32)) -> Raster {
    let size = (picture.width(), picture.height());
    let to_size = |pixels: Vec<u8>, kind: Kind| match (size == to, is_opaque(&pixels, kind)) {
        (true, _) => pixels,
        (false, opaque) => resize(&Source { pixels: &pixels, size, kind, opaque }, field, to),
    };
    let filled = "the resizer fills its own buffer";
    let (width, height) = to;
    match picture {
        DynamicImage::ImageLuma8(grey) => {
            let pixels = to_size(grey.into_raw(), Kind::Grey);
            Raster::Planar(Planar::grey(GrayImage::from_raw(width, height, pixels).expect(filled)))
        }
        DynamicImage::ImageLumaA8(grey) => {
            let pixels = to_size(grey.into_raw(), Kind::GreyAlpha);
            let grey = GrayAlphaImage::from_raw(width, height, pixels).expect(filled);
            Raster::settled(DynamicImage::from(grey).into_rgba8())
        }
        DynamicImage::ImageRgb8(rgb) => {
            let pixels = to_size(rgb.into_raw(), Kind::Rgb);
            Raster::Opaque(RgbImage::from_raw(width, height, pixels).expect(filled))
        }
        DynamicImage::ImageRgba8(rgba) => {
            let pixels = to_size(rgba.into_raw(), Kind::Rgba);
            Raster::settled(RgbaImage::from_raw(width, height, pixels).expect(filled))
        }
        // More than eight bits a sample.
        deep if deep.color().has_alpha() => shrink(deep.into_rgba8().into(), field, to),
        deep => shrink(deep.into_rgb8().into(), field, to),
    }
}

pub(crate) fn is_opaque(pixels: &[u8], kind: Kind) -> bool {
    match kind {
        Kind::Grey | Kind::Rgb => true,
        Kind::GreyAlpha => pixels.as_chunks::<2>().0.iter().all(|pixel| pixel[1] == u8::MAX),
        Kind::Rgba => pixels.as_chunks::<4>().0.iter().all(|pixel| pixel[3] == u8::MAX),
    }
}

/// The size to which a picture that is still to be turned is fitted, as it lies in the file.
pub(crate) fn fit_lying(
    (width, height): (u32, u32),
    orientation: Orientation,
    limits: &Limits,
) -> (u32, u32) {
    if swaps_sides(orientation) {
        limits.transposed().fit(width, height)
    } else {
        limits.fit(width, height)
    }
}

pub(crate) fn swaps_sides(orientation: Orientation) -> bool {
    match orientation {
        Orientation::Rotate90
        | Orientation::Rotate270
        | Orientation::Rotate90FlipH
        | Orientation::Rotate270FlipH => true,
        Orientation::NoTransforms
        | Orientation::Rotate180
        | Orientation::FlipHorizontal
        | Orientation::FlipVertical => false,
    }
}
