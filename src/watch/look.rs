//! Colours and characters: what a terminal can show.

use super::text;
use console::Style;
use std::borrow::Cow;

/// What the terminal can show. Decided once, by the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    pub color: bool,
    /// The terminal reads UTF-8; else nothing but ASCII is sent to it.
    pub utf8: bool,
}

/// What a piece of a line means; a colour only repeats what the words say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    Plain,
    Faint,
    Strong,
    Good,
    Bad,
    Busy,
    Care,
}

/// A piece of a line and what it means.
pub(super) type Piece = (Ink, String);

/// The characters that are not letters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Glyphs {
    pub(super) full: &'static str,
    /// Half a cell of a bar.
    pub(super) half: &'static str,
    pub(super) empty: &'static str,
    pub(super) done: &'static str,
    pub(super) dead: &'static str,
    pub(super) waits: &'static str,
    pub(super) cancelled: &'static str,
    pub(super) held: &'static str,
    pub(super) dot: &'static str,
    pub(super) ellipsis: &'static str,
}

const UNICODE: Glyphs = Glyphs {
    full: "━",
    half: "╸",
    empty: "─",
    done: "✓",
    dead: "✗",
    waits: "↻",
    cancelled: "∅",
    held: "!",
    dot: " · ",
    ellipsis: "…",
};

const ASCII: Glyphs = Glyphs {
    full: "=",
    half: "-",
    empty: ".",
    done: "+",
    dead: "x",
    waits: "~",
    cancelled: "-",
    held: "!",
    dot: ", ",
    ellipsis: "..",
};

impl Look {
    pub(super) fn glyphs(self) -> Glyphs {
        if self.utf8 { UNICODE } else { ASCII }
    }

    pub(super) fn ink(self, ink: Ink, text: &str) -> Cow<'_, str> {
        let style = match ink {
            Ink::Plain => return Cow::Owned(text.to_owned()),
            Ink::Faint => Style::new().dim(),
            Ink::Strong => Style::new().bold(),
            Ink::Good => Style::new().green(),
            Ink::Bad => Style::new().red(),
            Ink::Busy => Style::new().cyan(),
            Ink::Care => Style::new().yellow(),
        };
        if text.trim().is_empty() {
            return Cow::Owned(text.to_owned());
        }
        Cow::Owned(style.force_styling(self.color).apply_to(text).to_string())
    }

    /// A stranger's text on one line, in characters this terminal has.
    pub(super) fn line(self, text: &str) -> String {
        let line = text::one_line(text);
        if self.utf8 {
            line
        } else {
            line.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect()
        }
    }

    /// A name in exactly `width` columns.
    pub(super) fn name(self, name: &str, width: usize) -> String {
        let cut = text::cut_middle(&self.line(name), width, self.glyphs().ellipsis);
        console::pad_str(&cut, width, console::Alignment::Left, None).into_owned()
    }

    /// Pieces of a line as this terminal shows them.
    pub(super) fn join(self, pieces: &[Piece]) -> String {
        pieces.iter().map(|(ink, text)| self.ink(*ink, text)).collect()
    }

    /// A bar of `width` cells, its parts in the order given, each as a share of 1.
    pub(super) fn bar(self, parts: &[(f64, Ink)], width: usize) -> Vec<Piece> {
        let glyphs = self.glyphs();
        let halves_max = width * 2;
        let (mut drawn, mut reached, mut bar) = (0, 0.0, Vec::new());
        for &(share, ink) in parts {
            reached += share;
            let halves = halves(reached, halves_max).max(drawn);
            // Only the end of the whole bar may show half a cell.
            let cells = halves / 2 - drawn / 2;
            bar.push((ink, glyphs.full.repeat(cells)));
            drawn = halves;
        }
        if drawn % 2 == 1 {
            let ink = parts.last().map_or(Ink::Plain, |part| part.1);
            bar.push((ink, glyphs.half.to_owned()));
        }
        bar.push((Ink::Faint, glyphs.empty.repeat(width - drawn.div_ceil(2))));
        bar.retain(|(_, cells)| !cells.is_empty());
        bar
    }
}

/// How many of `max` half cells a share of 1 fills: all of them only when it is complete.
fn halves(share: f64, max: usize) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a bar has some hundred cells, and the share is clamped"
    )]
    let filled = (share.clamp(0.0, 1.0) * max as f64 + 1e-9).floor() as usize;
    filled.min(max)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Look = Look { color: false, utf8: true };
    const ASCII_ONLY: Look = Look { color: false, utf8: false };

    #[test]
    fn a_bar_is_full_only_when_everything_is_done() {
        let check = |share, expected: &str| {
            assert_eq!(PLAIN.join(&PLAIN.bar(&[(share, Ink::Busy)], 6)), expected);
        };
        check(0.0, "──────");
        check(0.1, "╸─────");
        check(0.5, "━━━───");
        check(0.999, "━━━━━╸");
        check(1.0, "━━━━━━");
        check(7.0, "━━━━━━");
    }

    #[test]
    fn the_parts_of_a_bar_are_as_wide_as_the_bar() {
        let parts = [(0.3, Ink::Good), (0.05, Ink::Bad), (0.25, Ink::Busy)];
        for width in 0..40 {
            let look = Look { color: true, utf8: true };
            let bar = look.join(&look.bar(&parts, width));
            assert_eq!(console::measure_text_width(&bar), width);
        }
        assert_eq!(PLAIN.join(&PLAIN.bar(&parts, 10)), "━━━━━━────");
    }

    #[test]
    fn a_terminal_without_utf8_gets_nothing_but_ascii() {
        let bar = ASCII_ONLY.bar(&[(0.55, Ink::Busy)], 10);
        assert_eq!(ASCII_ONLY.join(&bar), "=====-....");
        assert_eq!(ASCII_ONLY.name("蝴蝶.png", 9), "??.png   ");
        assert_eq!(ASCII_ONLY.name("a-very-long-name.png", 10), "a-ve...png");
    }
}
