//! A terminal that can be asked what it shows.

use super::screen::{Screen, Surface};
use std::io::{self, Write};
use std::num::NonZero;
use std::sync::{Arc, Mutex};

#[derive(Clone)]
pub(super) struct Fake(Arc<Mutex<State>>);

struct State {
    terminal: vt100::Parser,
    written: Vec<String>,
}

impl Fake {
    pub(super) fn screen(rows: usize, cols: usize) -> (Self, Screen) {
        let terminal = vt100::Parser::new(cells(rows), cells(cols), 0);
        let fake = Self(Arc::new(Mutex::new(State { terminal, written: vec![] })));
        (fake.clone(), Screen::on(Box::new(fake)))
    }

    /// What a person sees, without the empty rest of the screen.
    pub(super) fn shown(&self) -> String {
        let contents = self.0.lock().unwrap().terminal.screen().contents();
        contents.trim_end_matches('\n').to_owned()
    }

    /// Row and column, from 0.
    pub(super) fn cursor(&self) -> (u16, u16) {
        self.0.lock().unwrap().terminal.screen().cursor_position()
    }

    /// Every write so far.
    pub(super) fn written(&self) -> Vec<String> {
        self.0.lock().unwrap().written.clone()
    }

    /// Somebody else writes to the terminal.
    pub(super) fn process(&self, text: &str) {
        self.0.lock().unwrap().terminal.process(text.as_bytes());
    }

    pub(super) fn resize(&self, rows: usize, cols: usize) {
        self.0.lock().unwrap().terminal.screen_mut().set_size(cells(rows), cells(cols));
    }
}

fn cells(n: usize) -> NonZero<u16> {
    u16::try_from(n).ok().and_then(NonZero::new).unwrap()
}

impl std::fmt::Debug for Fake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fake")
    }
}

impl Surface for Fake {
    fn size(&self) -> (usize, usize) {
        let (rows, cols) = self.0.lock().unwrap().terminal.screen().size();
        (rows.get().into(), cols.get().into())
    }
}

impl Write for Fake {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.lock().unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        // What a terminal's line discipline does on the way.
        state.terminal.process(text.replace('\n', "\r\n").as_bytes());
        state.written.push(text);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
