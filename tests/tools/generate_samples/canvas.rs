//! Where shapes become pixels.

use crate::shape::{Point, Shape};
use image::{Rgba, RgbaImage};

/// Red, green, blue and opacity, each from 0 to 1.
pub(crate) type Colour = [f32; 4];

/// The colour written `0xRRGGBB`.
pub(crate) fn hex(code: u32) -> Colour {
    let [_, red, green, blue] = code.to_be_bytes();
    [red, green, blue, 255].map(|level| f32::from(level) / 255.0)
}

pub(crate) fn faded(mut colour: Colour, opacity: f32) -> Colour {
    colour[3] *= opacity;
    colour
}

pub(crate) fn mix(one: Colour, other: Colour, share: f32) -> Colour {
    let share = share.clamp(0.0, 1.0);
    std::array::from_fn(|i| one[i] + (other[i] - one[i]) * share)
}

/// Gives each place its colour.
pub(crate) trait Paint: Fn(Point) -> Colour {}
impl<P: Fn(Point) -> Colour> Paint for P {}

pub(crate) fn flat(code: u32) -> impl Paint {
    move |_| hex(code)
}

/// Blends through the stops, each at a height in pixels.
pub(crate) fn down(stops: &[(f32, Colour)]) -> impl Paint + use<> {
    along(|(_, y)| y, stops)
}

/// Blends through the stops, each at a distance in pixels from the left edge.
pub(crate) fn across(stops: &[(f32, Colour)]) -> impl Paint + use<> {
    along(|(x, _)| x, stops)
}

/// Blends through the stops, each at a distance in pixels from the centre.
pub(crate) fn around(centre: Point, stops: &[(f32, Colour)]) -> impl Paint + use<> {
    along(
        move |(x, y)| {
            let (dx, dy) = (x - centre.0, y - centre.1);
            (dx * dx + dy * dy).sqrt()
        },
        stops,
    )
}

fn along<M: Fn(Point) -> f32>(measure: M, stops: &[(f32, Colour)]) -> impl Paint + use<M> {
    let stops = stops.to_vec();
    move |place| {
        let at = measure(place);
        let Some(after) = stops.iter().position(|stop| at < stop.0) else {
            return stops.last().expect("a blend has stops").1;
        };
        let Some(before) = after.checked_sub(1) else { return stops[0].1 };
        let (from, to) = (stops[before], stops[after]);
        mix(from.1, to.1, (at - from.0) / (to.0 - from.0))
    }
}

/// The same sequence of numbers from 0 up to 1 each time.
#[derive(Debug)]
pub(crate) struct Scatter(pub(crate) u32);

impl Scatter {
    pub(crate) fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        #[expect(clippy::cast_precision_loss, reason = "sixteen bits fit")]
        let share = (self.0 >> 16) as f32 / 65_536.0;
        share
    }

    pub(crate) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.next()
    }
}

/// A sheet to paint on, transparent at first.
#[derive(Debug)]
pub(crate) struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<Colour>,
}

impl Canvas {
    pub(crate) fn new(width: usize, height: usize) -> Self {
        Self { width, height, pixels: vec![[0.0; 4]; width * height] }
    }

    /// Paints every pixel.
    pub(crate) fn ground(&mut self, paint: impl Paint) {
        let whole = Shape::rect(0.0, 0.0, size(self.width), size(self.height));
        self.fill(&whole, paint);
    }

    /// Paints the inside of `shape`, smooth at its edge.
    pub(crate) fn fill(&mut self, shape: &Shape, paint: impl Paint) {
        let ys = || shape.polygons.iter().flatten().map(|point| point.1);
        let top = row(ys().fold(f32::MAX, f32::min)).min(self.height);
        let bottom = row(ys().fold(f32::MIN, f32::max) + 1.0).min(self.height);
        let mut coverage = vec![0.0; self.width];
        for y in top..bottom {
            coverage.fill(0.0);
            cover(shape, size(y), &mut coverage);
            let line = &mut self.pixels[y * self.width..][..self.width];
            for (x, (pixel, &share)) in line.iter_mut().zip(&coverage).enumerate() {
                if share > 0.0 {
                    let colour = paint((size(x) + 0.5, size(y) + 0.5));
                    *pixel = over(faded(colour, share.min(1.0)), *pixel);
                }
            }
        }
    }

    pub(crate) fn picture(&self) -> RgbaImage {
        let (width, height) = (self.width, self.height);
        let side = |pixels: usize| u32::try_from(pixels).expect("a canvas is small");
        RgbaImage::from_fn(side(width), side(height), |x, y| {
            let place =
                usize::try_from(y).expect("small") * width + usize::try_from(x).expect("small");
            Rgba(self.pixels[place].map(level))
        })
    }
}

/// Adds the share of each pixel of one row that `shape` covers.
fn cover(shape: &Shape, top: f32, coverage: &mut [f32]) {
    const LINES: u8 = 5;
    for line in 0..LINES {
        let y = top + (f32::from(line) + 0.5) / f32::from(LINES);
        let mut winding = 0;
        let mut start = 0.0;
        for (x, turn) in crossings(shape, y) {
            if winding == 0 {
                start = x;
            }
            winding += turn;
            if winding == 0 {
                add_span(coverage, start, x, 1.0 / f32::from(LINES));
            }
        }
    }
}

/// Where the outline crosses a height, from left to right, and whether down (1) or up (-1).
fn crossings(shape: &Shape, y: f32) -> Vec<(f32, i32)> {
    let mut found = Vec::new();
    for polygon in &shape.polygons {
        for (index, &from) in polygon.iter().enumerate() {
            let to = polygon[(index + 1) % polygon.len()];
            if (from.1 <= y) != (to.1 <= y) {
                let x = from.0 + (to.0 - from.0) * (y - from.1) / (to.1 - from.1);
                found.push((x, if from.1 <= y { 1 } else { -1 }));
            }
        }
    }
    found.sort_by(|one, other| one.0.total_cmp(&other.0));
    found
}

fn add_span(coverage: &mut [f32], start: f32, end: f32, weight: f32) {
    let first = row(start);
    for (x, share) in coverage.iter_mut().enumerate().take(row(end) + 1).skip(first) {
        let inside = end.min(size(x + 1)) - start.max(size(x));
        *share += inside.max(0.0) * weight;
    }
}

fn over(above: Colour, below: Colour) -> Colour {
    let shown = below[3] * (1.0 - above[3]);
    let opacity = above[3] + shown;
    if opacity == 0.0 {
        return [0.0; 4];
    }
    let channel = |i: usize| (above[i] * above[3] + below[i] * shown) / opacity;
    [channel(0), channel(1), channel(2), opacity]
}

#[expect(clippy::cast_precision_loss, reason = "a canvas has a few thousand pixels a side")]
pub(crate) fn size(pixels: usize) -> f32 {
    pixels as f32
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped at 0")]
fn row(place: f32) -> usize {
    place.max(0.0) as usize
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 255")]
fn level(share: f32) -> u8 {
    (share.clamp(0.0, 1.0) * 255.0 + 0.5) as u8
}
