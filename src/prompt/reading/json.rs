//! JSON as replies hold it: keys in the order of the reply, repeated keys noticed.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

use super::{Leniency, Notes};

/// A JSON value that keeps the order of its keys: groups are shown in the order of the reply.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Json>),
    Object(Object),
}

/// Keys with their values, each key once.
pub(super) type Object = Vec<(String, Json)>;

impl Json {
    /// `{"error": …}` as services send it, also in a list as Gemini does.
    pub(super) fn is_error_body(&self) -> bool {
        match self {
            Self::Object(fields) => {
                fields.iter().any(|(key, value)| key == "error" && *value != Self::Null)
            }
            Self::List(items) => match items.as_slice() {
                [only @ Self::Object(_)] => only.is_error_body(),
                _ => false,
            },
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) => false,
        }
    }

    /// Text as it is, a number as text; nothing else is text.
    pub(super) fn into_text(self, notes: &mut Notes) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(number) => {
                notes.note(Leniency::NumberForText);
                Some(number.to_string())
            }
            Self::Null | Self::Bool(_) | Self::List(_) | Self::Object(_) => None,
        }
    }

    /// A finite number, also one written as text.
    pub(super) fn as_number(&self, notes: &mut Notes) -> Option<f64> {
        match self {
            Self::Number(number) => number.as_f64(),
            Self::Text(text) => {
                let number: f64 = text.trim().parse().ok()?;
                notes.note(Leniency::NumberAsString);
                number.is_finite().then_some(number)
            }
            Self::Null | Self::Bool(_) | Self::List(_) | Self::Object(_) => None,
        }
    }
}

/// The text as JSON, if it is JSON from its first character to its last.
pub(super) fn whole(text: &str) -> Option<Json> {
    parse(text, &mut Notes::default()).ok()
}

/// Parses strict JSON; of a key given more than once the last value counts.
pub(super) fn parse(json: &str, notes: &mut Notes) -> Result<Json, serde_json::Error> {
    let repeated = Cell::new(false);
    let mut source = serde_json::Deserializer::from_str(json);
    let value = Tree { repeated: &repeated }.deserialize(&mut source)?;
    source.end()?;
    notes.note_if(repeated.get(), Leniency::DuplicateKey);
    Ok(value)
}

/// Builds a [`Json`] and remembers whether a key was repeated.
#[derive(Clone, Copy)]
struct Tree<'a> {
    repeated: &'a Cell<bool>,
}

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Json, D::Error> {
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Json;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Number::from_f64(value).map_or(Json::Null, Json::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut object = Object::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(self)?;
            if let Some(known) = object.iter_mut().find(|(name, _)| *name == key) {
                self.repeated.set(true);
                known.1 = value;
            } else {
                object.push((key, value));
            }
        }
        Ok(Json::Object(object))
    }
}
