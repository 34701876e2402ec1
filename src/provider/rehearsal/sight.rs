//! Looking at a picture: it is measured, and the measurements are put into plain sentences.

use crate::domain::spec::Language;
use crate::imaging::measure::{Across, Down, Measure, Shape, Swatch};
use crate::imaging::{Limits, measure};
use crate::provider::rehearsal::bank::{Bank, Lines, Slots, fill};
use crate::provider::rehearsal::dice::Dice;
use crate::provider::rehearsal::scene::Scene;
use crate::provider::rehearsal::wire::Refusal;
use sha2::{Digest, Sha256};

/// Describes what can be measured of a picture, and says that no more than that is known.
pub(super) fn describe(bytes: &[u8], bank: &'static Bank) -> Result<String, Refusal> {
    let measured = measure(bytes, &Limits::default())
        .map_err(|error| Refusal::bad_request("invalid_image", error.to_string()))?;
    Ok(Telling::new(bytes, &measured, bank).text())
}

/// A description in the making.
struct Telling<'a> {
    measured: &'a Measure,
    bank: &'static Bank,
    dice: Dice,
    slots: Slots,
    sentences: Vec<String>,
}

impl<'a> Telling<'a> {
    fn new(bytes: &[u8], measured: &'a Measure, bank: &'static Bank) -> Self {
        let dice = Dice::of(&["describe", &hex::encode(Sha256::digest(bytes))]);
        let slots = slots(measured, bank);
        Self { measured, bank, dice, slots, sentences: Vec::new() }
    }

    fn text(mut self) -> String {
        let words = &self.bank.picture;
        self.say(&words.format);
        match self.measured.palette.len() {
            0 => {}
            1 => self.say(&words.single),
            _ => self.say(&words.palette),
        }
        self.say(&words.temperature);
        self.say(&words.weight);
        self.say(&words.symmetry);
        // A picture that is the same all over echoes itself everywhere; that is not worth saying.
        if self.measured.symmetry_top_bottom >= SYMMETRY[1] && self.measured.contrast > 0 {
            self.say(&words.echo);
        }
        self.say(&words.light);
        self.say(&words.texture);
        if self.measured.transparent >= 50 {
            self.say(&words.open);
        }
        self.say_mood();
        self.say(&words.limits);
        self.bank.join(&self.sentences)
    }

    fn say(&mut self, lines: &Lines) {
        let line = self.dice.pick(lines);
        self.sentences.extend(line.and_then(|line| fill(line, &self.slots)));
    }

    /// The mood is what a listener would read out of the sentences so far.
    fn say_mood(&mut self) {
        let scene = Scene::of(&self.bank.join(&self.sentences), self.bank);
        let moods: Vec<String> = scene.meanings.into_iter().take(2).collect();
        if !moods.is_empty() {
            let and = match self.bank.language {
                Language::En => " and ",
                Language::Zh => "与",
            };
            self.slots.insert("mood", moods.join(and));
            let words = &self.bank.picture.mood;
            self.say(words);
        }
    }
}

/// Where "some" and "much" begin, per mille, for each thing measured.
const SYMMETRY: [u16; 2] = [450, 800];
const LIGHT: [u16; 2] = [330, 620];
const CONTRAST: [u16; 2] = [280, 520];
const TEXTURE: [u16; 2] = [70, 210];

/// Which of three degrees a measurement reaches.
fn degree(value: u16, [some, much]: [u16; 2]) -> usize {
    usize::from(value >= some) + usize::from(value >= much)
}

fn slots(measured: &Measure, bank: &Bank) -> Slots {
    let terms = &bank.picture.terms;
    let temperature = match measured.warmth {
        ..=-60 => 0,
        -59..=60 => 1,
        61.. => 2,
    };
    let shape = match measured.shape {
        Shape::Landscape => 0,
        Shape::Portrait => 1,
        Shape::Square => 2,
    };
    let slots = [
        ("width", measured.width.to_string()),
        ("height", measured.height.to_string()),
        ("format", terms.shapes[shape].clone()),
        ("colours", colours(&measured.palette, bank)),
        ("temperature", terms.temperatures[temperature].clone()),
        ("weight", place(measured, bank)),
        ("symmetry", terms.symmetries[degree(measured.symmetry_left_right, SYMMETRY)].clone()),
        ("light", terms.lights[degree(measured.brightness, LIGHT)].clone()),
        ("contrast", terms.contrasts[degree(measured.contrast, CONTRAST)].clone()),
        ("texture", terms.textures[degree(measured.edges, TEXTURE)].clone()),
        ("open", ((measured.transparent + 5) / 10).to_string()),
    ];
    slots.into_iter().collect()
}

/// Where the weight lies.
fn place(measured: &Measure, bank: &Bank) -> String {
    let terms = &bank.picture.terms;
    let across = match measured.weight_across {
        Across::Left => 0,
        Across::Centre => 1,
        Across::Right => 2,
    };
    let down = match measured.weight_down {
        Down::Top => 0,
        Down::Middle => 1,
        Down::Bottom => 2,
    };
    if (across, down) == (1, 1) {
        return terms.middle.clone();
    }
    let slots =
        Slots::from([("across", terms.across[across].clone()), ("down", terms.down[down].clone())]);
    fill(&terms.place, &slots).unwrap_or_default()
}

/// The palette in words: the largest colour with "about", the rest shorter.
fn colours(palette: &[Swatch], bank: &Bank) -> String {
    let words = &bank.picture;
    let mut named: Vec<String> = Vec::new();
    for swatch in palette.iter().take(4) {
        let name = match bank.language {
            Language::En => swatch.name.english(),
            Language::Zh => swatch.name.chinese(),
        };
        let share = ((swatch.share + 5) / 10).to_string();
        let slots = Slots::from([("colour", name.to_owned()), ("share", share)]);
        let line = if named.is_empty() { &words.largest } else { &words.further };
        named.extend(fill(line, &slots));
    }
    let last = named.pop().unwrap_or_default();
    if named.is_empty() { last } else { format!("{}{}{last}", named.join(&words.comma), words.and) }
}
