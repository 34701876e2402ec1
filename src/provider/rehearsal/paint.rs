//! Painting: the colours named in the prompt, laid out as an ornament, and labelled.
//!
//! Only sums, products and square roots are used, which every machine rounds alike.

use crate::domain::spec::Language;
use crate::imaging::measure::ColourName;
use crate::provider::rehearsal::dice::Dice;
use crate::provider::rehearsal::glyphs;
use crate::provider::rehearsal::scene::mentions;
use serde_json::Value;
use std::f64::consts::FRAC_1_SQRT_2;

/// Width and height of what is painted, in pixels.
const SIDE: u32 = 512;
/// What a reader of the file finds in it.
const NOTE: &str = "rehearsal: no model was asked";

/// How far the middle of the ornament lies above that of the picture, to leave room for the band,
/// in units of half the picture.
const LABEL_SHIFT: f64 = 0.07;

type Rgb = [u8; 3];

/// Paints the body of a `POST /v1/images/generations`: a PNG of 512×512, the same for the same
/// prompt and seed.
///
/// A band in it says "REHEARSAL", and a text chunk that no model was asked.
pub fn paint(body: &Value) -> Vec<u8> {
    let prompt = body["prompt"].as_str().unwrap_or_default().to_lowercase();
    let seed = body["seed"].to_string();
    let mut dice = Dice::of(&["paint", &prompt, &seed]);
    let palette = Palette::named_in(&prompt, &mut dice);
    let ornament = Ornament::for_prompt(&prompt, &palette, &mut dice);
    let mut pixels = Vec::with_capacity((SIDE * SIDE * 3) as usize);
    for y in 0..SIDE {
        for x in 0..SIDE {
            pixels.extend(labelled(
                x,
                y,
                ornament.colour_at(unit(x), unit(y) + LABEL_SHIFT),
                &palette,
            ));
        }
    }
    encode(&pixels)
}

/// A pixel's centre in -1.0..1.0.
fn unit(pixel: u32) -> f64 {
    (f64::from(pixel) + 0.5) * 2.0 / f64::from(SIDE) - 1.0
}

/// The colours of a painting.
struct Palette {
    ground: Rgb,
    inks: Vec<Rgb>,
    dark: Rgb,
}

impl Palette {
    fn named_in(prompt: &str, dice: &mut Dice) -> Self {
        let mut named: Vec<Rgb> = Vec::new();
        for language in [Language::En, Language::Zh] {
            let name = |colour: ColourName| match language {
                Language::En => colour.english(),
                Language::Zh => colour.chinese(),
            };
            let found = mentions(prompt, ColourName::ALL.into_iter().map(name));
            let colours =
                ColourName::ALL.into_iter().filter(|&c| found.iter().any(|f| f == name(c)));
            named.extend(colours.map(ColourName::rgb));
        }
        while named.len() < 3 {
            let spare = dice.pick(&SPARE_COLOURS).copied().unwrap_or(ColourName::Gold);
            named.push(spare.rgb());
        }
        named.dedup();
        named.sort_by_key(|&rgb| light(rgb));
        let dark = mix(named[0], [16, 14, 22], 0.55);
        let lightest = named[named.len() - 1];
        let ground = mix(lightest, [252, 249, 242], if light(lightest) > 560 { 0.45 } else { 0.8 });
        named.retain(|&ink| contrast(ink, ground) > 100);
        if named.len() < 2 {
            named.push(dark);
        }
        dice.shuffle(&mut named);
        Self { ground, inks: named, dark }
    }

    fn ink(&self, index: usize) -> Rgb {
        self.inks[index % self.inks.len()]
    }
}

/// Taken where a prompt names too few colours.
const SPARE_COLOURS: [ColourName; 6] = [
    ColourName::Red,
    ColourName::Teal,
    ColourName::Gold,
    ColourName::Navy,
    ColourName::Coral,
    ColourName::Olive,
];

fn light([red, green, blue]: Rgb) -> u32 {
    u32::from(red) + u32::from(green) + u32::from(blue)
}

/// How far two colours are apart.
fn contrast(one: Rgb, other: Rgb) -> u32 {
    one.iter().zip(other).map(|(&level, against)| u32::from(level.abs_diff(against))).sum()
}

/// `part` of the way from one colour to the other.
fn mix(from: Rgb, to: Rgb, part: f64) -> Rgb {
    std::array::from_fn(|i| {
        let level = f64::from(from[i]) * (1.0 - part) + f64::from(to[i]) * part;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between two bytes"
        )]
        let byte = level.round().clamp(0.0, 255.0) as u8;
        byte
    })
}

type Point = (f64, f64);

/// A form, in units of half the picture.
#[derive(Debug, Clone, Copy)]
enum Form {
    Disc {
        radius: f64,
    },
    Ring {
        radius: f64,
        width: f64,
    },
    /// A leaf: two arcs that meet at both ends. `along` is its direction, of length 1.
    Leaf {
        length: f64,
        width: f64,
        along: Point,
    },
    Diamond {
        radius: f64,
    },
}

impl Form {
    /// How far outside the form a place is; negative inside.
    fn distance(self, (x, y): Point) -> f64 {
        match self {
            Self::Disc { radius } => length(x, y) - radius,
            Self::Ring { radius, width } => (length(x, y) - radius).abs() - width,
            Self::Leaf { length: half, width, along: (ax, ay) } => {
                let (u, v) = (x * ax + y * ay, (y * ax - x * ay).abs());
                let arc = (half * half + width * width) / (2.0 * width);
                length(u, v + arc - width) - arc
            }
            Self::Diamond { radius } => (x.abs() + y.abs() - radius) * FRAC_1_SQRT_2,
        }
    }
}

/// The length of a vector. `f64::hypot` is left to the platform, a square root is not.
fn length(x: f64, y: f64) -> f64 {
    (x * x + y * y).sqrt()
}

/// A form at a place, in a colour.
#[derive(Debug, Clone, Copy)]
struct Stroke {
    at: Point,
    form: Form,
    colour: Rgb,
}

/// How often the plane is folded upon itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fold {
    None,
    Mirror,
    Four,
    Six,
    Eight,
    Twelve,
}

impl Fold {
    /// The direction of the fold's far edge, of length 1.
    fn edge(self) -> Point {
        match self {
            Self::None | Self::Mirror => (0.0, 1.0),
            Self::Four => (FRAC_1_SQRT_2, FRAC_1_SQRT_2),
            Self::Six => (0.866_025_404, 0.5),
            Self::Eight => (0.923_879_533, 0.382_683_432),
            Self::Twelve => (0.965_925_826, 0.258_819_045),
        }
    }

    /// The place in the first sector that this place is a mirror image of.
    fn fold(self, (x, y): Point) -> Point {
        match self {
            Self::None => (x, y),
            Self::Mirror => (x.abs(), y),
            Self::Four => swapped((x.abs(), y.abs())),
            Self::Eight => reflected(swapped((x.abs(), y.abs())), self.edge()),
            Self::Six => {
                let (x, y) = reflected((x.abs(), y.abs()), self.edge());
                (x, y.abs())
            }
            Self::Twelve => reflected(Self::Six.fold((x, y)), self.edge()),
        }
    }
}

fn swapped((x, y): Point) -> Point {
    if y > x { (y, x) } else { (x, y) }
}

/// Mirrored at the line through the middle, where the place lies beyond it.
fn reflected((x, y): Point, (dx, dy): Point) -> Point {
    if dx * y - dy * x <= 0.0 {
        return (x, y);
    }
    let along = 2.0 * (x * dx + y * dy);
    (along * dx - x, along * dy - y)
}

/// All that is painted.
struct Ornament {
    fold: Fold,
    strokes: Vec<Stroke>,
    ground: Rgb,
    frame: Rgb,
}

impl Ornament {
    fn for_prompt(prompt: &str, palette: &Palette, dice: &mut Dice) -> Self {
        let unlike = ["lopsided", "asymmetr", "偏侧", "不对称"];
        let alike = ["symmetr", "mirror", "对称", "balance", "平衡"];
        let any = |words: &[&str]| words.iter().any(|word| prompt.contains(word));
        let fold = if any(&unlike) {
            Fold::None
        } else if any(&alike) {
            let folds = [Fold::Four, Fold::Six, Fold::Eight, Fold::Twelve, Fold::Six];
            dice.pick(&folds).copied().unwrap_or(Fold::Six)
        } else {
            Fold::Mirror
        };
        let strokes = match fold {
            Fold::None | Fold::Mirror => garden(palette, dice),
            Fold::Four | Fold::Six | Fold::Eight | Fold::Twelve => rosette(fold, palette, dice),
        };
        Self { fold, strokes, ground: palette.ground, frame: palette.dark }
    }

    fn colour_at(&self, x: f64, y: f64) -> Rgb {
        /// Edges are softened over about a pixel and a half.
        const SHARPNESS: f64 = 168.0;
        let (fx, fy) = self.fold.fold((x, y));
        let shade = (x * x + y * y).min(2.0) * 0.06;
        let mut colour = mix(self.ground, self.frame, shade);
        for stroke in &self.strokes {
            let distance = stroke.form.distance((fx - stroke.at.0, fy - stroke.at.1));
            let cover = (0.5 - distance * SHARPNESS).clamp(0.0, 1.0);
            if cover > 0.0 {
                colour = mix(colour, stroke.colour, cover);
            }
        }
        let rim = x.abs().max((y - LABEL_SHIFT).abs());
        if (0.945..0.96).contains(&rim) { self.frame } else { colour }
    }
}

/// A number between two others.
fn between(dice: &mut Dice, low: f64, high: f64) -> f64 {
    low + (high - low) * dice.unit()
}

/// Rings of forms around the middle, from the outside in.
fn rosette(fold: Fold, palette: &Palette, dice: &mut Dice) -> Vec<Stroke> {
    let (ex, ey) = fold.edge();
    let on_edge = |radius: f64| (radius * ex, radius * ey);
    // Leaves on the sector's border are as wide as it allows.
    let room = ey.max(0.26);
    let mut strokes = Vec::new();
    let mut put = |at: Point, form: Form, colour: Rgb| strokes.push(Stroke { at, form, colour });
    put((0.0, 0.0), Form::Ring { radius: 0.86, width: 0.012 }, palette.dark);
    put(on_edge(0.86), Form::Disc { radius: 0.045 }, palette.ink(0));
    let outer = between(dice, 0.16, 0.24);
    for (scale, colour) in [(1.0, palette.dark), (0.84, palette.ink(1)), (0.4, palette.ground)] {
        let form =
            Form::Leaf { length: outer * scale, width: room * 0.2 * scale, along: (1.0, 0.0) };
        put((0.62, 0.0), form, colour);
    }
    let petal = between(dice, 0.22, 0.3);
    for (scale, colour) in [(1.0, palette.dark), (0.88, palette.ink(2)), (0.5, palette.ink(0))] {
        let form =
            Form::Leaf { length: petal * scale, width: room * 0.23 * scale, along: (ex, ey) };
        put(on_edge(0.47), form, colour);
    }
    let bead = between(dice, 0.022, 0.04);
    put((0.84, 0.0), Form::Diamond { radius: bead * 1.5 }, palette.ink(2));
    put((0.37, 0.0), Form::Disc { radius: bead }, palette.ink(1));
    let heart = between(dice, 0.17, 0.22);
    put((0.0, 0.0), Form::Disc { radius: heart }, palette.dark);
    put((0.0, 0.0), Form::Disc { radius: heart * 0.9 }, palette.ink(1));
    put((heart * 0.58, 0.0), Form::Disc { radius: heart * 0.16 }, palette.ground);
    put((0.0, 0.0), Form::Ring { radius: heart * 0.32, width: heart * 0.07 }, palette.dark);
    put((0.0, 0.0), Form::Disc { radius: heart * 0.2 }, palette.ink(0));
    strokes
}

/// Leaves, discs and rings, strewn about a loose grid.
fn garden(palette: &Palette, dice: &mut Dice) -> Vec<Stroke> {
    const DIRECTIONS: [Point; 5] = [(1.0, 0.0), (0.0, 1.0), (0.6, 0.8), (0.8, -0.6), (0.8, 0.6)];
    const PLACES: [f64; 5] = [-0.72, -0.36, 0.0, 0.36, 0.72];
    let mut strokes = Vec::new();
    for (row, y) in PLACES.into_iter().enumerate() {
        for (column, x) in PLACES.into_iter().enumerate() {
            let at = (x + between(dice, -0.1, 0.1), y + between(dice, -0.1, 0.1));
            let ink = palette.ink(dice.below(palette.inks.len()) + row + column);
            let size = between(dice, 0.07, 0.19);
            let along = dice.pick(&DIRECTIONS).copied().unwrap_or((1.0, 0.0));
            let forms = match dice.below(5) {
                0 => [Form::Disc { radius: size }, Form::Disc { radius: size * 0.45 }],
                1 => [Form::Ring { radius: size, width: 0.02 }, Form::Disc { radius: size * 0.5 }],
                2 => [Form::Diamond { radius: size * 1.2 }, Form::Diamond { radius: size * 0.5 }],
                _ => [
                    Form::Leaf { length: size * 1.5, width: size * 0.6, along },
                    Form::Leaf { length: size * 1.2, width: size * 0.12, along },
                ],
            };
            for (form, colour) in forms.into_iter().zip([ink, mix(ink, palette.ground, 0.7)]) {
                strokes.push(Stroke { at, form, colour });
            }
        }
    }
    strokes
}

/// The band with the word in it, laid over a pixel.
fn labelled(x: u32, y: u32, colour: Rgb, palette: &Palette) -> Rgb {
    const DOT: usize = 3;
    const BAND: usize = 37;
    let (x, y, side) = (x as usize, y as usize, SIDE as usize);
    let top = side - BAND;
    if y < top {
        return colour;
    }
    let left = (side - glyphs::WIDTH * DOT) / 2;
    let text_top = top + (BAND - glyphs::HEIGHT * DOT) / 2;
    let inside = x >= left && y >= text_top;
    if inside && glyphs::dot((x - left) / DOT, (y - text_top) / DOT) {
        return [255, 252, 244];
    }
    mix(colour, mix(palette.dark, [20, 18, 24], 0.6), 0.88)
}

fn encode(pixels: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, SIDE, SIDE);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let written = encoder
        .add_text_chunk("Comment".to_owned(), NOTE.to_owned())
        .and_then(|()| encoder.write_header())
        .and_then(|mut writer| writer.write_image_data(pixels));
    written.expect("a buffer takes everything, and the size fits");
    file
}
