//! Colour profiles: what a file says its numbers mean, brought to sRGB, which is what everybody
//! takes numbers for that say nothing.

use image::{DynamicImage, RgbImage, RgbaImage};
use moxcms::{
    ColorProfile, DataColorSpace, Layout, ParsingOptions, Transform8BitExecutor, TransformOptions,
};
use std::sync::Arc;

/// A profile whose colours differ visibly from sRGB.
#[derive(Debug)]
pub(crate) struct Profile {
    profile: ColorProfile,
}

impl Profile {
    /// Reads an ICC profile. `None` where there is nothing to convert: the profile is sRGB in
    /// effect, is of a kind that cannot be converted, or is damaged. A picture is not refused
    /// for its profile; it is then shown as all the world shows it, as sRGB.
    pub(crate) fn read(icc: &[u8], bytes_max: usize) -> Option<Self> {
        if icc.len() > bytes_max {
            return None;
        }
        let options = ParsingOptions { max_profile_size: bytes_max + 1, ..Default::default() };
        let profile = ColorProfile::new_from_slice_with_options(icc, options).ok()?;
        let profile = Self { profile };
        profile.differs_from_srgb()?.then_some(profile)
    }

    pub(crate) fn display_p3() -> Self {
        Self { profile: ColorProfile::new_display_p3() }
    }

    pub(crate) fn is_of_inks(&self) -> bool {
        self.profile.color_space == DataColorSpace::Cmyk
    }

    /// Converts an opaque picture.
    pub(crate) fn convert_rgb(&self, picture: RgbImage) -> RgbImage {
        let (width, height) = picture.dimensions();
        let converted = match self.profile.color_space {
            DataColorSpace::Gray => {
                let grey = DynamicImage::from(picture.clone()).into_luma8();
                self.convert(grey.as_raw(), Layout::Gray, Layout::Rgb, 3)
            }
            _ => self.convert(picture.as_raw(), Layout::Rgb, Layout::Rgb, 3),
        };
        converted.and_then(|pixels| RgbImage::from_raw(width, height, pixels)).unwrap_or(picture)
    }

    /// Converts the colours and keeps the opacity.
    pub(crate) fn convert_rgba(&self, mut picture: RgbaImage) -> RgbaImage {
        let opaque = self.convert_rgb(DynamicImage::from(picture.clone()).into_rgb8());
        for (pixel, colour) in picture.pixels_mut().zip(opaque.pixels()) {
            let [red, green, blue] = colour.0;
            pixel.0 = [red, green, blue, pixel[3]];
        }
        picture
    }

    /// Converts four inks a pixel to three colours.
    pub(crate) fn convert_inks(&self, inks: &[u8]) -> Option<Vec<u8>> {
        self.convert(inks, Layout::Rgba, Layout::Rgb, 4)
    }

    fn convert(&self, from: &[u8], layout: Layout, to: Layout, samples: usize) -> Option<Vec<u8>> {
        let samples = if layout == Layout::Gray { 1 } else { samples };
        let mut converted = vec![0; from.len() / samples * 3];
        self.transform(layout, to)?.transform(from, &mut converted).ok()?;
        Some(converted)
    }

    fn transform(&self, from: Layout, to: Layout) -> Option<Arc<Transform8BitExecutor>> {
        let srgb = ColorProfile::new_srgb();
        self.profile.create_transform_8bit(from, &srgb, to, TransformOptions::default()).ok()
    }

    /// Tries a grid of colours; `None` if they cannot be converted at all.
    fn differs_from_srgb(&self) -> Option<bool> {
        const LEVELS: [u8; 5] = [0, 64, 128, 192, 255];
        const VISIBLE: u8 = 3;
        let differs = |probes: &[u8], converted: &[u8]| {
            probes.iter().zip(converted).any(|(a, b)| a.abs_diff(*b) >= VISIBLE)
        };
        match self.profile.color_space {
            DataColorSpace::Rgb => {
                let each = |make: fn(u8, u8, u8) -> [u8; 3]| {
                    LEVELS.into_iter().flat_map(move |red| {
                        LEVELS.into_iter().flat_map(move |green| {
                            LEVELS.into_iter().flat_map(move |blue| make(red, green, blue))
                        })
                    })
                };
                let probes: Vec<u8> = each(|red, green, blue| [red, green, blue]).collect();
                let converted = self.convert(&probes, Layout::Rgb, Layout::Rgb, 3)?;
                Some(differs(&probes, &converted))
            }
            DataColorSpace::Gray => {
                let converted = self.convert(&LEVELS, Layout::Gray, Layout::Rgb, 1)?;
                Some(differs(&LEVELS.map(|level| [level; 3]).concat(), &converted))
            }
            DataColorSpace::Cmyk => self.convert_inks(&[0, 0, 0, 0]).map(|_| true),
            _ => None,
        }
    }
}
