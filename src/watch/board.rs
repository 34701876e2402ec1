//! The screen of `watch`: everything in view, as a pure function of what is known and how large
//! the terminal is.
//!
//! One head line, one foot line, the newest words above the foot, and between them a page that can
//! be scrolled: batches, what runs, who works, what is held, what happened of late.

mod page;

use super::glance::Glance;
use super::look::{Ink, Look, Piece};
use super::phrases;
use super::text::clock;
use super::words::Spoken;
use console::measure_text_width;
use ratatui::Frame;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};
use std::time::Duration;

/// From so many rows on there is room for the newest words.
const ROWS_FOR_WORDS: u16 = 10;

const KEYS: &str = "q quit   j/k or arrows scroll   ? help";
const HELP: [&str; 11] = [
    "",
    "  q, Ctrl-C        leave; what is watched goes on",
    "  j, down          a line down        k, up            a line up",
    "  space, PgDn      a page down        b, PgUp          a page up",
    "  g, Home          to the top         G, End           to the bottom",
    "  ?                this help, and back",
    "",
    "  A bar: done, then dead or cancelled, then what was obtained of what runs.",
    "  eta: at the pace of the jobs that finished last; none while something holds the batch.",
    "  This screen only looks: pause, resume, cancel and retry are commands of their own.",
    "",
];

/// What the screen shows.
#[derive(Debug, Clone)]
pub struct Board {
    /// The ledger, as a person knows it.
    pub place: String,
    /// None before the first answer.
    pub glance: Option<Glance>,
    /// How long the ledger has been silent, if it is away.
    pub away: Option<Duration>,
    /// The newest words, and the picture they are about.
    pub spoken: Option<(Spoken, String)>,
    /// What happened of late, newest last.
    pub lately: Vec<String>,
    /// Lines of the page that were scrolled away.
    pub scroll: usize,
    pub help: bool,
    pub look: Look,
}

impl Board {
    /// A screen that knows nothing yet.
    pub fn new(place: String, look: Look) -> Self {
        Self {
            place,
            glance: None,
            away: None,
            spoken: None,
            lately: vec![],
            scroll: 0,
            help: false,
            look,
        }
    }

    /// Draws all of it. Scrolling stops where the page ends.
    pub fn draw(&mut self, frame: &mut Frame<'_>) {
        let area = frame.area();
        let width = usize::from(area.width);
        frame.render_widget(Clear, area);
        let (head, foot) = (area.height >= 3, area.height >= 2);
        let words = if area.height >= ROWS_FOR_WORDS { self.words(width) } else { vec![] };
        let around = usize::from(head) + usize::from(foot) + words.len();
        let room = usize::from(area.height).saturating_sub(around);
        let page = self.page(width);
        self.scroll = self.scroll.min(page.len().saturating_sub(room));
        let more = page.len().saturating_sub(self.scroll + room);
        let mut lines = Vec::with_capacity(usize::from(area.height));
        if head {
            lines.push(self.head(width));
        }
        let shown = page.into_iter().skip(self.scroll).take(room);
        lines.extend(shown.map(|pieces| self.line(&pieces, width)));
        lines.resize_with(usize::from(head) + room, Line::default);
        lines.extend(words);
        if foot {
            lines.push(self.foot(more, width));
        }
        frame.render_widget(Paragraph::new(lines), area);
    }

    fn page(&self, width: usize) -> Vec<Vec<Piece>> {
        if self.help {
            return HELP.iter().map(|line| vec![(Ink::Plain, (*line).to_owned())]).collect();
        }
        match &self.glance {
            Some(glance) => page::page(glance, &self.lately, width, self.look),
            None => vec![vec![(Ink::Faint, "  asking the ledger".to_owned())]],
        }
    }

    /// Where the ledger is; while it is away, that before all else.
    fn head(&self, width: usize) -> Line<'static> {
        let (ink, said) = match self.away {
            Some(away) => (Ink::Bad, format!("reconnecting to the ledger for {}", clock(away))),
            None => (Ink::Strong, "tableround".to_owned()),
        };
        let said = format!(" {said}  {}", self.look.line(&self.place));
        let pad = width.saturating_sub(measure_text_width(&said));
        let style = self.style(ink).add_modifier(Modifier::REVERSED);
        Line::from(Span::styled(said + &" ".repeat(pad), style))
    }

    fn words(&self, width: usize) -> Vec<Line<'static>> {
        let Some((spoken, picture)) = &self.spoken else { return vec![] };
        let look = self.look;
        let rule = (Ink::Faint, look.glyphs().empty.repeat(width));
        let about = if picture.is_empty() {
            look.line(&spoken.stage)
        } else {
            format!("{}{}{}", look.line(picture), look.glyphs().dot, look.line(&spoken.stage))
        };
        let said = phrases::newest_words(spoken, width.saturating_sub(2), look);
        [
            vec![rule],
            vec![(Ink::Faint, format!(" {about}"))],
            vec![(Ink::Plain, format!(" {said}"))],
        ]
        .iter()
        .map(|pieces| self.line(pieces, width))
        .collect()
    }

    fn foot(&self, more: usize, width: usize) -> Line<'static> {
        let below = if more > 0 { format!(" {more} more below  ") } else { " ".to_owned() };
        let pieces = [(Ink::Care, below), (Ink::Faint, KEYS.to_owned())];
        self.line(&pieces, width)
    }

    /// Pieces as one line that fits.
    fn line(&self, pieces: &[Piece], width: usize) -> Line<'static> {
        let mut room = width;
        let mut spans = Vec::with_capacity(pieces.len());
        for (ink, text) in pieces {
            let ellipsis = self.look.glyphs().ellipsis;
            let text = console::truncate_str(text, room, ellipsis).into_owned();
            room = room.saturating_sub(measure_text_width(&text));
            spans.push(Span::styled(text, self.style(*ink)));
        }
        Line::from(spans)
    }

    fn style(&self, ink: Ink) -> Style {
        let plain = Style::new();
        let color = |color| if self.look.color { plain.fg(color) } else { plain };
        match ink {
            Ink::Faint if self.look.color => plain.add_modifier(Modifier::DIM),
            Ink::Plain | Ink::Faint => plain,
            Ink::Strong => plain.add_modifier(Modifier::BOLD),
            Ink::Good => color(Color::Green),
            Ink::Bad => color(Color::Red).add_modifier(Modifier::BOLD),
            Ink::Busy => color(Color::Cyan),
            Ink::Care => color(Color::Yellow),
        }
    }
}

#[cfg(test)]
mod tests;
