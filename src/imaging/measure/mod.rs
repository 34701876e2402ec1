//! What can be said of a picture without understanding it: size, colours, light, symmetry, edges
//! and where its weight lies.
//!
//! The built-in rehearsal describes pictures with it. Whole numbers only, mostly per mille, so
//! that every machine measures the same.

mod colour;

pub use colour::ColourName;

use crate::imaging::decode::Opened;
use crate::imaging::raster::{Raster, swaps_sides};
use crate::imaging::{Error, Limits, budget, guarded};
use image::RgbaImage;

/// Side of the square into which a picture is fitted before it is measured, in pixels.
const SIDE: u32 = 128;
/// Pixels with less opacity count as transparent, of 255.
const OPACITY_MIN: u8 = 128;
/// At most this many colours make the palette.
const PALETTE_MAX: usize = 5;
/// Colours with a smaller share of the picture are left out of the palette, per mille.
const SHARE_MIN: u16 = 15;
/// Brightness has to change by this much over two pixels to be an edge, of 255.
const EDGE_MIN: u32 = 40;

/// The measurements of one picture, upright.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measure {
    /// In pixels, as in the file.
    pub width: u32,
    /// In pixels, as in the file.
    pub height: u32,
    pub shape: Shape,
    /// The most frequent colours, at most five, largest share first.
    pub palette: Vec<Swatch>,
    /// Mean brightness, per mille: 0 black, 1000 white.
    pub brightness: u16,
    /// Spread of the brightness, per mille: 0 one grey, 1000 half black and half white.
    pub contrast: u16,
    /// Likeness of the left and the right half, per mille: 1000 mirror images, 0 no more alike
    /// than any two places of this picture.
    pub symmetry_left_right: u16,
    /// Likeness of the upper and the lower half, measured in the same way.
    pub symmetry_top_bottom: u16,
    /// Share of the places where brightness changes sharply, per mille.
    pub edges: u16,
    /// From -1000, all blue, to 1000, all red and yellow.
    pub warmth: i16,
    /// Where across the picture its weight lies.
    pub weight_across: Across,
    /// Where down the picture its weight lies.
    pub weight_down: Down,
    /// Share of the transparent pixels, per mille.
    pub transparent: u16,
}

/// Longer which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Landscape,
    Portrait,
    Square,
}

/// One colour of a palette.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swatch {
    pub name: ColourName,
    /// The mean of the pixels that bear this name: red, green, blue.
    pub rgb: [u8; 3],
    /// Share of the visible picture, per mille.
    pub share: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Across {
    Left,
    Centre,
    Right,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Down {
    Top,
    Middle,
    Bottom,
}

/// Measures the picture in `input`, within the same limits as [`crate::imaging::prepare`].
pub fn measure(input: &[u8], limits: &Limits) -> Result<Measure, Error> {
    guarded(input, || measure_fitted(input, limits))
}

fn measure_fitted(input: &[u8], limits: &Limits) -> Result<Measure, Error> {
    let small = Limits { width_max: SIDE, height_max: SIDE, ..limits.clone() };
    let opened = Opened::read(input, &small)?;
    let _room = budget::room(opened.format(), opened.memory_needed(&small))?;
    let decoded = opened.decode(input, &small)?;
    let (mut width, mut height) = (decoded.width, decoded.height);
    if swaps_sides(decoded.orientation) {
        (width, height) = (height, width);
    }
    let sheet = Sheet::new(Raster::fitted(decoded, &small));
    let (across, down) = sheet.weight();
    Ok(Measure {
        width,
        height,
        shape: shape(width, height),
        palette: sheet.palette(),
        brightness: sheet.brightness(),
        contrast: sheet.contrast(),
        symmetry_left_right: sheet.likeness(|(x, y)| (sheet.width - 1 - x, y)),
        symmetry_top_bottom: sheet.likeness(|(x, y)| (x, sheet.height - 1 - y)),
        edges: sheet.edges(),
        warmth: sheet.warmth(),
        weight_across: thirds(across, [Across::Left, Across::Centre, Across::Right]),
        weight_down: thirds(down, [Down::Top, Down::Middle, Down::Bottom]),
        transparent: sheet.transparent(),
    })
}

/// Within a twentieth of each other, two sides look alike.
fn shape(width: u32, height: u32) -> Shape {
    let (width, height) = (u64::from(width), u64::from(height));
    if width * 20 > height * 21 {
        Shape::Landscape
    } else if height * 20 > width * 21 {
        Shape::Portrait
    } else {
        Shape::Square
    }
}

/// A centre of gravity seldom leaves the middle far, so the middle "third" is narrow.
fn thirds<T>(place: u64, [low, middle, high]: [T; 3]) -> T {
    match place {
        0..=469 => low,
        470..=530 => middle,
        _ => high,
    }
}

/// A small picture, its visible pixels and their brightness.
struct Sheet {
    width: u32,
    height: u32,
    pixels: RgbaImage,
    /// Row by row; transparent places are as bright as the white page they would be shown on.
    luma: Vec<u8>,
}

impl Sheet {
    fn new(raster: Raster) -> Self {
        let pixels = raster.into_rgba();
        let luma = pixels
            .pixels()
            .map(|&image::Rgba([red, green, blue, alpha])| {
                let ink = u32::from(alpha);
                let over_white = |level: u8| (u32::from(level) * ink + 255 * (255 - ink)) / 255;
                let sum = 299 * over_white(red) + 587 * over_white(green) + 114 * over_white(blue);
                u8::try_from(sum / 1000).expect("a weighted mean of bytes")
            })
            .collect();
        Self { width: pixels.width(), height: pixels.height(), pixels, luma }
    }

    fn visible(&self) -> impl Iterator<Item = [u8; 3]> {
        let opaque = self.pixels.pixels().filter(|pixel| pixel[3] >= OPACITY_MIN);
        opaque.map(|&image::Rgba([red, green, blue, _])| [red, green, blue])
    }

    fn luma(&self, (x, y): (u32, u32)) -> u32 {
        self.luma[(y * self.width + x) as usize].into()
    }

    fn places(&self) -> impl Iterator<Item = (u32, u32)> {
        let width = self.width;
        (0..self.height).flat_map(move |y| (0..width).map(move |x| (x, y)))
    }

    fn palette(&self) -> Vec<Swatch> {
        let mut groups = [(0_u64, [0_u64; 3]); ColourName::ALL.len()];
        for rgb in self.visible() {
            let (count, sums) = &mut groups[ColourName::of(rgb) as usize];
            *count += 1;
            for (sum, level) in sums.iter_mut().zip(rgb) {
                *sum += u64::from(level);
            }
        }
        let total = self.visible().count() as u64;
        let mut palette: Vec<Swatch> = ColourName::ALL
            .into_iter()
            .zip(groups)
            .filter(|(_, (count, _))| *count > 0)
            .map(|(name, (count, sums))| Swatch {
                name,
                rgb: sums.map(|sum| u8::try_from(sum / count).expect("a mean of bytes")),
                share: permille(count, total),
            })
            .filter(|swatch| swatch.share >= SHARE_MIN)
            .collect();
        // Stable: equal shares stay in the order of the names.
        palette.sort_by_key(|swatch| std::cmp::Reverse(swatch.share));
        palette.truncate(PALETTE_MAX);
        palette
    }

    fn brightness(&self) -> u16 {
        let sum: u64 = self.luma.iter().map(|&luma| u64::from(luma)).sum();
        permille(sum, self.luma.len() as u64 * 255)
    }

    /// The standard deviation, of the largest there can be.
    fn contrast(&self) -> u16 {
        let count = self.luma.len() as u64;
        let sum: u64 = self.luma.iter().map(|&luma| u64::from(luma)).sum();
        let squares: u64 = self.luma.iter().map(|&luma| u64::from(luma).pow(2)).sum();
        let deviation_times_count = (count * squares - sum * sum).isqrt();
        permille(deviation_times_count * 2, count * 255)
    }

    /// How like each place is its mirror image, against any other place.
    fn likeness(&self, mirror: impl Fn((u32, u32)) -> (u32, u32)) -> u16 {
        let differences = |place| u64::from(self.luma(place).abs_diff(self.luma(mirror(place))));
        let mirrored: u64 = self.places().map(differences).sum();
        let count = self.luma.len() as u64;
        // Over all pairs of places, from the histogram.
        let mut histogram = [0_u64; 256];
        for &luma in &self.luma {
            histogram[usize::from(luma)] += 1;
        }
        let mut any = 0;
        let mut darker = 0;
        for bin in histogram {
            // Each step up the scale separates the darker pixels from the others.
            any += 2 * darker * (count - darker);
            darker += bin;
        }
        if any == 0 {
            return 1000;
        }
        1000 - permille((mirrored * count).min(any), any)
    }

    fn edges(&self) -> u16 {
        let (right, bottom) = (self.width - 1, self.height - 1);
        let inner = self.places().filter(|&(x, y)| x > 0 && y > 0 && x < right && y < bottom);
        let (mut sharp, mut all) = (0, 0);
        for (x, y) in inner {
            let across = self.luma((x - 1, y)).abs_diff(self.luma((x + 1, y)));
            let down = self.luma((x, y - 1)).abs_diff(self.luma((x, y + 1)));
            sharp += u64::from(across + down >= EDGE_MIN);
            all += 1;
        }
        permille(sharp, all)
    }

    fn warmth(&self) -> i16 {
        let balance: i64 =
            self.visible().map(|[red, _, blue]| i64::from(red) - i64::from(blue)).sum();
        let most = self.visible().count().max(1) as u64 * 255;
        let share = permille(balance.unsigned_abs(), most).cast_signed();
        if balance < 0 { -share } else { share }
    }

    /// The centre of gravity, per mille across and down: a place weighs by how far its
    /// brightness is from the mean, and by its saturation.
    fn weight(&self) -> (u64, u64) {
        let count = self.luma.len() as u64;
        let mean = self.luma.iter().map(|&luma| u64::from(luma)).sum::<u64>() / count;
        let (mut across, mut down, mut total) = (0, 0, 0);
        for ((x, y), pixel) in self.places().zip(self.pixels.pixels()) {
            let [red, green, blue, alpha] = pixel.0;
            let spread = red.max(green).max(blue) - red.min(green).min(blue);
            let saturation = u64::from(spread) * u64::from(alpha) / 255;
            let weight = u64::from(self.luma((x, y))).abs_diff(mean) + saturation;
            across += weight * (2 * u64::from(x) + 1);
            down += weight * (2 * u64::from(y) + 1);
            total += weight;
        }
        if total == 0 {
            return (500, 500);
        }
        let place = |sum: u64, side: u32| sum * 500 / (total * u64::from(side));
        (place(across, self.width), place(down, self.height))
    }

    fn transparent(&self) -> u16 {
        let count = self.luma.len();
        permille((count - self.visible().count()) as u64, count as u64)
    }
}

/// `part` of `whole`, rounded; 0 of nothing, never more than all.
fn permille(part: u64, whole: u64) -> u16 {
    let share = (part * 1000 + whole / 2).checked_div(whole).unwrap_or(0);
    u16::try_from(share.min(1000)).expect("at most 1000")
}

#[cfg(test)]
mod tests;
