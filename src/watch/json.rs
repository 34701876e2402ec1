//! Events as JSON Lines, in the shape scripts rely on.

use super::View;
use super::screen::Screen;
use super::sight::{Departure, Sight};
use crate::domain::event::{Event, EventKind};
use serde::Serialize;
use std::io::{self, Write};
use std::time::Duration;

/// The version of the lines' shape.
const SCHEMA: u32 = 1;

pub(super) struct Json {
    out: Box<dyn Write + Send>,
    screen: Screen,
}

impl Json {
    pub(super) fn new(out: Box<dyn Write + Send>, screen: Screen) -> Self {
        Self { out, screen }
    }
}

#[derive(Serialize)]
struct Line<'a> {
    schema: u32,
    r#type: &'static str,
    seq: u64,
    /// RFC 3339, UTC, milliseconds.
    at: String,
    batch: &'a str,
    job: &'a str,
    event: EventKind,
    stage: &'a str,
    round: u32,
    seat: &'a str,
    offset: u64,
    text: &'a str,
}

impl View for Json {
    fn update(&mut self, _: &Sight, _: Duration) -> io::Result<()> {
        Ok(())
    }

    fn departed(&mut self, _: &Departure) -> io::Result<()> {
        Ok(())
    }

    fn event(&mut self, event: &Event) -> io::Result<()> {
        let line = Line {
            schema: SCHEMA,
            r#type: "event",
            seq: event.seq,
            at: rfc3339(event.at),
            batch: &event.batch,
            job: &event.job,
            event: event.event,
            stage: &event.stage,
            round: event.round,
            seat: &event.seat,
            offset: event.offset,
            text: &event.text,
        };
        let mut bytes = serde_json::to_vec(&line)?;
        bytes.push(b'\n');
        self.out.write_all(&bytes)?;
        self.out.flush()
    }

    fn notice(&mut self, line: &str) -> io::Result<()> {
        self.screen.print(line)
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.out.flush()
    }
}

/// A time no calendar knows is written as the beginning of time.
fn rfc3339(at_ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(at_ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    format!("{at:.3}")
}

#[cfg(test)]
mod tests {
    use super::super::fake::Fake;
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_event_is_one_line_with_every_field_of_the_contract() {
        let out = Shared::default();
        let (terminal, screen) = Fake::screen(24, 80);
        let mut json = Json::new(Box::new(out.clone()), screen);
        let event = Event {
            seq: 7,
            at: 1_795_521_600_250,
            batch: "night".into(),
            job: "01J".into(),
            event: EventKind::StageStarted,
            stage: "story".into(),
            round: 1,
            seat: "craftsman".into(),
            offset: 0,
            text: "蝴蝶\nand more".into(),
        };
        json.event(&event).unwrap();
        json.notice("words are for people").unwrap();
        assert_eq!(terminal.shown(), "words are for people");
        let written = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
        insta::assert_snapshot!(written, @r#"{"schema":1,"type":"event","seq":7,"at":"2026-11-24T12:00:00.250Z","batch":"night","job":"01J","event":"stage_started","stage":"story","round":1,"seat":"craftsman","offset":0,"text":"蝴蝶\nand more"}"#);
    }
}
