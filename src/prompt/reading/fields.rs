//! The fields of an answer, under the names that models give them.

use unicode_normalization::UnicodeNormalization;

use super::json::{Json, Object};
use super::{Leniency, Notes};

/// A key we ask for, and the other names models are known to give it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) aliases: &'static [&'static str],
}

/// The object inside needless layers: `{"card": {…}}` or `[{…}]`, for an object with `keys`.
pub(super) fn unwrap_layer(json: Json, keys: &[Key], notes: &mut Notes) -> Json {
    let wanted = |name: &str| keys.iter().any(|key| key.matches(name));
    match json {
        Json::List(mut items) if items.len() == 1 => match items.pop() {
            Some(Json::Object(fields)) if fields.iter().any(|(name, _)| wanted(name)) => {
                notes.note(Leniency::WrapperRemoved);
                Json::Object(fields)
            }
            other => Json::List(other.into_iter().collect()),
        },
        Json::Object(mut fields) if fields.len() == 1 && !wanted(&fields[0].0) => {
            match fields.pop() {
                Some((_, Json::Object(inner))) if inner.iter().any(|(name, _)| wanted(name)) => {
                    notes.note(Leniency::WrapperRemoved);
                    Json::Object(inner)
                }
                other => Json::Object(other.into_iter().collect()),
            }
        }
        Json::Null
        | Json::Bool(_)
        | Json::Number(_)
        | Json::Text(_)
        | Json::List(_)
        | Json::Object(_) => json,
    }
}

impl Key {
    fn matches(&self, name: &str) -> bool {
        let name = letters(name);
        name == letters(self.name) || self.aliases.iter().any(|alias| name == letters(alias))
    }

    /// Takes this key's value out of the object: by its name if it is there, else by one that
    /// differs in case or punctuation, else by an alias.
    pub(super) fn take(&self, fields: &mut Object, notes: &mut Notes) -> Option<Json> {
        let exact = fields.iter().position(|(name, _)| name == self.name);
        let folded = || {
            let own = letters(self.name);
            fields.iter().position(|(name, _)| letters(name) == own)
        };
        let alias = || fields.iter().position(|(name, _)| self.matches(name));
        let (at, forgiven) = match exact {
            Some(at) => (at, None),
            None => match folded() {
                Some(at) => (at, Some(Leniency::CaseFolded)),
                None => (alias()?, Some(Leniency::KeyAlias)),
            },
        };
        if let Some(leniency) = forgiven {
            notes.note(leniency);
        }
        Some(fields.remove(at).1)
    }
}

/// A key's letters and digits: `Image Prompt`, `imagePrompt` and `image_prompt` are one.
fn letters(key: &str) -> String {
    let alphanumeric: String = key.nfkc().filter(|c| c.is_alphanumeric()).collect();
    alphanumeric.to_lowercase()
}
