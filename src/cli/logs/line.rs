//! One line of a log: what it says, and the fields it can be found by.

use super::Area;
use crate::config::LogFormat;
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::fmt::{Debug, Write};
use tracing::Level;
use tracing::field::{Field, Visit};

/// The field that holds the words.
const MESSAGE: &str = "message";

/// Fields in the order in which they were first named; a later value replaces an earlier one.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Line {
    fields: Vec<(&'static str, Value)>,
}

impl Line {
    /// Adds the fields of a span around this line.
    pub(super) fn take_over(&mut self, span: &Self) {
        for (name, value) in &span.fields {
            self.set(name, value.clone());
        }
    }

    fn set(&mut self, name: &'static str, value: Value) {
        match self.fields.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.fields.push((name, value)),
        }
    }

    /// The line as it is written, its end included. Whatever its fields hold, it is one line.
    pub(super) fn bytes(
        &self,
        format: LogFormat,
        area: Area,
        level: Level,
        at: Timestamp,
    ) -> Vec<u8> {
        let at = format!("{at:.3}");
        let mut text = match format {
            LogFormat::Text => self.text(level, &at),
            LogFormat::Json => self.json(area, level, at),
        };
        text.push('\n');
        text.into_bytes()
    }

    fn text(&self, level: Level, at: &str) -> String {
        let mut text = format!("{at} {level:>5} pid={}", std::process::id());
        let message = self.fields.iter().find(|(name, _)| *name == MESSAGE);
        let words = message.map(|(_, words)| plain(words)).unwrap_or_default();
        for (name, value) in self.fields.iter().filter(|(name, _)| *name != MESSAGE) {
            write!(text, " {name}={}", quoted(&plain(value))).expect("a String takes everything");
        }
        text.push_str("  ");
        text.extend(words.chars().map(|c| if c.is_control() { ' ' } else { c }));
        text
    }

    fn json(&self, area: Area, level: Level, at: String) -> String {
        let mut object = Map::new();
        object.insert("at".to_owned(), at.into());
        object.insert("level".to_owned(), level.as_str().to_lowercase().into());
        object.insert("area".to_owned(), area.as_str().into());
        object.insert("pid".to_owned(), std::process::id().into());
        for (name, value) in &self.fields {
            object.insert((*name).to_owned(), value.clone());
        }
        Value::Object(object).to_string()
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    }
}

/// In quotes where it would not read as one word.
fn quoted(text: &str) -> String {
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '=');
    if text.is_empty() || text.contains(is_odd) {
        Value::from(text).to_string()
    } else {
        text.to_owned()
    }
}

impl Visit for Line {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field.name(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.set(field.name(), format!("{value:?}").into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Line {
        let mut line = Line::default();
        line.set("batch", "autumn".into());
        line.set("job", "01J".into());
        line.set("batch", "winter".into());
        line.set("source", "a \"b\".jpg".into());
        line.set("ms", 12.into());
        line.set(MESSAGE, "answered\nat last".into());
        line
    }

    fn shown(format: LogFormat) -> String {
        let at = "2026-01-02T03:04:05.678Z".parse().unwrap();
        let bytes = line().bytes(format, Area::Calls, Level::INFO, at);
        String::from_utf8(bytes).unwrap().replace(&std::process::id().to_string(), "PID")
    }

    #[test]
    fn a_text_line_is_one_line_with_its_fields_before_its_words() {
        assert_eq!(
            shown(LogFormat::Text),
            "2026-01-02T03:04:05.678Z  INFO pid=PID batch=winter job=01J \
             source=\"a \\\"b\\\".jpg\" ms=12  answered at last\n"
        );
    }

    #[test]
    fn a_json_line_is_one_flat_object() {
        let shown = shown(LogFormat::Json);
        assert_eq!(shown.lines().count(), 1);
        let value: Value = serde_json::from_str(&shown.replace("PID", "1")).unwrap();
        let expected = serde_json::json!({
            "at": "2026-01-02T03:04:05.678Z", "level": "info", "area": "calls", "pid": 1,
            "batch": "winter", "job": "01J", "source": "a \"b\".jpg", "ms": 12,
            "message": "answered\nat last",
        });
        assert_eq!(value, expected);
    }
}
