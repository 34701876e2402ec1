//! The bottom of a terminal, redrawn in place; everything else is printed above it.
//!
//! Each drawing is one write of whole lines, none of them as wide as the terminal, and the cursor
//! rests on the line below. So nothing flickers, a killed program leaves its last frame intact
//! and the shell's prompt under it, and there is no hidden cursor to give back. Progress-bar
//! libraries pad every line to the full width; a terminal that is made narrower then folds them.

use console::Term;
use std::collections::VecDeque;
use std::fmt::Debug;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tracing_subscriber::fmt::MakeWriter;

/// Where a screen draws.
pub trait Surface: Write + Send + Debug {
    /// Rows and columns, now.
    fn size(&self) -> (usize, usize);
}

impl Surface for Term {
    fn size(&self) -> (usize, usize) {
        let (rows, cols) = Term::size(self);
        (rows.into(), cols.into())
    }
}

/// Asks terminals that can to show what follows at once, when [`SHOW`] comes; others ignore it.
const HOLD: &str = "\x1b[?2026h";
const SHOW: &str = "\x1b[?2026l";
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_BELOW: &str = "\x1b[J";

/// A handle to the one place where messages, logs and bars meet. Clones share it.
#[derive(Debug, Clone)]
pub struct Screen(Arc<Mutex<Canvas>>);

#[derive(Debug)]
struct Canvas {
    surface: Box<dyn Surface>,
    frame: Vec<String>,
    /// Columns when the frame was drawn; 0: it is not on the screen.
    cols: usize,
    /// What waits while somebody else has the terminal, newest last.
    kept: Option<VecDeque<String>>,
}

/// So much is kept while somebody else has the terminal.
const KEPT_MAX: usize = 100;

impl Screen {
    /// The standard error stream, terminal or not.
    pub fn stderr() -> Self {
        Self::on(Box::new(Term::stderr()))
    }

    /// The standard output stream, terminal or not.
    pub fn stdout() -> Self {
        Self::on(Box::new(Term::stdout()))
    }

    pub fn on(surface: Box<dyn Surface>) -> Self {
        Self(Arc::new(Mutex::new(Canvas { surface, frame: vec![], cols: 0, kept: None })))
    }

    /// Rows and columns, now.
    pub fn size(&self) -> (usize, usize) {
        self.canvas().surface.size()
    }

    /// Shows these lines at the bottom instead of those before. None of them may be as wide as
    /// the terminal.
    pub fn draw(&self, frame: Vec<String>) -> io::Result<()> {
        let mut canvas = self.canvas();
        let cols = canvas.surface.size().1;
        if canvas.frame == frame && canvas.cols == cols {
            return Ok(());
        }
        let mut out = canvas.home();
        if canvas.cols != cols {
            // A terminal remembers which lines it folded until they are cleared whole.
            out += CLEAR_BELOW;
        }
        canvas.frame = frame;
        canvas.paint(out)
    }

    /// Prints lines that stay, above the frame.
    pub fn print(&self, text: &str) -> io::Result<()> {
        let mut canvas = self.canvas();
        if let Some(kept) = &mut canvas.kept {
            kept.push_back(text.to_owned());
            kept.drain(..kept.len().saturating_sub(KEPT_MAX));
            return Ok(());
        }
        let newline = if canvas.frame.is_empty() { "\n" } else { "\r\n" };
        let mut out = canvas.home();
        if !out.is_empty() {
            out += CLEAR_BELOW;
        }
        for line in text.trim_end_matches('\n').split('\n') {
            out += line;
            out += newline;
        }
        canvas.paint(out)
    }

    /// Takes the frame away while `f` writes to the terminal, and shows it again.
    pub fn suspend<T>(&self, f: impl FnOnce() -> T) -> T {
        let mut canvas = self.canvas();
        // A terminal that is gone must not keep `f` from its work.
        let erase = canvas.home() + CLEAR_BELOW;
        if !canvas.frame.is_empty() {
            canvas.write(&erase).ok();
            canvas.cols = 0;
        }
        let result = f();
        canvas.paint(String::new()).ok();
        result
    }

    /// From now on somebody else has the whole terminal: what is printed waits.
    pub fn keep_back(&self) {
        self.canvas().kept.get_or_insert_default();
    }

    /// The terminal is ours again: prints the newest of what waited.
    pub fn catch_up(&self) -> io::Result<()> {
        let kept = self.canvas().kept.take();
        kept.into_iter().flatten().try_for_each(|text| self.print(&text))
    }

    /// Takes the frame away for good.
    pub fn clear(&self) -> io::Result<()> {
        self.draw(vec![])
    }

    fn canvas(&self) -> MutexGuard<'_, Canvas> {
        // A panic elsewhere left a frame, and a frame is always whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Canvas {
    /// Moves the cursor to the frame's first line. A terminal that became narrower has folded
    /// the lines that no longer fit, so they are counted as it shows them now.
    fn home(&self) -> String {
        if self.frame.is_empty() || self.cols == 0 {
            return String::new();
        }
        let cols = self.surface.size().1.max(1);
        let rows: usize = self
            .frame
            .iter()
            .map(|line| console::measure_text_width(line).div_ceil(cols).max(1))
            .sum();
        format!("\r\x1b[{rows}A")
    }

    /// Writes `before` and the frame in one piece.
    fn paint(&mut self, before: String) -> io::Result<()> {
        let moved = before.contains('\x1b');
        let mut out = before;
        for line in &self.frame {
            out += line;
            out += CLEAR_LINE;
            out += "\r\n";
        }
        if moved || !self.frame.is_empty() {
            out = format!("{HOLD}{out}{CLEAR_BELOW}{SHOW}");
        }
        self.cols = self.surface.size().1;
        self.write(&out)
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.surface.write_all(text.as_bytes())?;
        self.surface.flush()
    }
}

impl<'a> MakeWriter<'a> for Screen {
    type Writer = Above;

    fn make_writer(&'a self) -> Above {
        Above { screen: self.clone(), text: vec![] }
    }
}

/// Gathers one log record and prints it above the frame when it is complete.
#[derive(Debug)]
pub struct Above {
    screen: Screen,
    text: Vec<u8>,
}

impl Write for Above {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let text = std::mem::take(&mut self.text);
        if text.is_empty() { Ok(()) } else { self.screen.print(&String::from_utf8_lossy(&text)) }
    }
}

impl Drop for Above {
    fn drop(&mut self) {
        // A log has nowhere to report that it cannot be written.
        self.flush().ok();
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::Fake;
    use super::*;
    use proptest::prelude::*;

    fn lines(text: &[&str]) -> Vec<String> {
        text.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn what_is_printed_stays_above_what_is_drawn() {
        let (fake, screen) = Fake::screen(10, 40);
        screen.draw(lines(&["one", "two", "three"])).unwrap();
        screen.print("first\nsecond").unwrap();
        screen.draw(lines(&["ONE"])).unwrap();
        screen.print("third\n").unwrap();
        assert_eq!(fake.shown(), "first\nsecond\nthird\nONE");
        assert_eq!(fake.cursor(), (4, 0), "the prompt of a shell would stand below");
        screen.clear().unwrap();
        assert_eq!(fake.shown(), "first\nsecond\nthird");
        assert_eq!(fake.cursor(), (3, 0));
    }

    #[test]
    fn a_frame_gives_way_to_others_who_write() {
        let (fake, screen) = Fake::screen(10, 40);
        screen.draw(lines(&["bar"])).unwrap();
        let shown = screen.suspend(|| {
            fake.process("somebody else\r\n");
            fake.shown()
        });
        assert_eq!(shown, "somebody else");
        assert_eq!(fake.shown(), "somebody else\nbar");
    }

    #[test]
    fn what_is_printed_while_somebody_else_has_the_terminal_comes_after() {
        let (fake, screen) = Fake::screen(10, 40);
        screen.keep_back();
        for number in 0..=KEPT_MAX {
            screen.print(&number.to_string()).unwrap();
        }
        assert_eq!(fake.written().len(), 0);
        screen.catch_up().unwrap();
        assert_eq!(fake.written().len(), KEPT_MAX);
        screen.print("more").unwrap();
        assert!(fake.shown().ends_with("99\n100\nmore"), "{}", fake.shown());
    }

    #[test]
    fn a_log_record_arrives_whole() {
        let (fake, screen) = Fake::screen(10, 40);
        screen.draw(lines(&["bar"])).unwrap();
        let mut record = screen.make_writer();
        record.write_all("INFO 蝴".as_bytes()).unwrap();
        assert_eq!(fake.shown(), "bar");
        record.write_all("蝶\n".as_bytes()).unwrap();
        drop(record);
        assert_eq!(fake.shown(), "INFO 蝴蝶\nbar");
    }

    #[test]
    fn without_a_frame_no_control_character_is_written() {
        let (fake, screen) = Fake::screen(10, 40);
        screen.print("plain\nlines").unwrap();
        assert_eq!(screen.suspend(|| 7), 7);
        screen.clear().unwrap();
        assert_eq!(fake.written(), ["plain\nlines\n"]);
    }

    #[test]
    fn a_frame_is_one_write_and_the_same_frame_none() {
        let (fake, screen) = Fake::screen(10, 40);
        for frame in ["a", "a", "b", "b"] {
            screen.draw(lines(&[frame, "c"])).unwrap();
        }
        assert_eq!(fake.written().len(), 2);
    }

    #[test]
    fn lines_that_a_narrower_terminal_folded_are_counted_as_it_shows_them() {
        let check = |cols, up: &str| {
            let (fake, screen) = Fake::screen(10, 40);
            screen.draw(lines(&["twenty columns here.", "蝴蝶蝴蝶", ""])).unwrap();
            fake.resize(10, cols);
            screen.draw(lines(&["x"])).unwrap();
            let last = fake.written().pop().unwrap();
            assert!(last.starts_with(&format!("{HOLD}\r\x1b[{up}A{CLEAR_BELOW}")), "{last:?}");
        };
        check(80, "3");
        check(20, "3");
        check(19, "4");
        check(10, "4");
        check(7, "6");
    }

    #[derive(Debug, Clone)]
    enum Step {
        Draw(Vec<String>),
        Print(Vec<String>),
        Clear,
    }

    fn any_step() -> impl Strategy<Value = Step> {
        let some = |n| prop::collection::vec("[a-z蝴蝶]{1,9}", n);
        prop_oneof![
            some(1..6).prop_map(Step::Draw),
            some(1..4).prop_map(Step::Print),
            Just(Step::Clear)
        ]
    }

    proptest! {
        #[test]
        fn the_terminal_shows_what_was_printed_and_then_the_frame(
            steps in prop::collection::vec(any_step(), 0..30),
        ) {
            const ROWS: usize = 12;
            let (fake, screen) = Fake::screen(ROWS, 40);
            let (mut printed, mut frame) = (vec![], vec![]);
            for step in steps {
                match step {
                    Step::Draw(lines) => {
                        screen.draw(lines.clone()).unwrap();
                        frame = lines;
                    }
                    Step::Print(lines) => {
                        screen.print(&lines.join("\n")).unwrap();
                        printed.extend(lines);
                    }
                    Step::Clear => {
                        screen.clear().unwrap();
                        frame.clear();
                    }
                }
                let shown = fake.shown();
                let all: Vec<String> = printed.iter().chain(&frame).cloned().collect();
                prop_assert!(all.join("\n").ends_with(&shown), "{shown} of {all:?}");
                prop_assert!(shown.ends_with(&frame.join("\n")));
                prop_assert!(shown.lines().count() >= all.len().min(frame.len()));
            }
        }
    }
}
