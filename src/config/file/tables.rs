//! `[providers.NAME]` and `[prices."MODEL"]`.

use super::{Item, Reader, sorted};
use crate::config::mistakes::did_you_mean;
use crate::config::prices::PRICE_MAX;
use crate::config::providers::Entry;
use crate::config::values::base_url;
use crate::domain::cost::ModelPrice;
use crate::domain::models::{ImageApi, Structured};
use std::ops::Range;
use toml::de::{DeTable, DeValue};

const PROVIDER_KEYS: [&str; 8] = [
    "base_url",
    "key_env",
    "structured",
    "image_api",
    "completion_tokens_field",
    "vision_model",
    "chat_model",
    "image_model",
];
const PRICE_KEYS: [&str; 4] = ["input", "cached", "output", "image"];

const STRUCTURED: [(&str, Structured); 3] = [
    ("json_schema", Structured::JsonSchema),
    ("json_object", Structured::JsonObject),
    ("prompt", Structured::Prompt),
];
const IMAGE_APIS: [(&str, ImageApi); 3] =
    [("openai", ImageApi::Openai), ("openrouter", ImageApi::Openrouter), ("ark", ImageApi::Ark)];

impl Reader<'_> {
    pub(super) fn provider(&mut self, name: &str, table: &DeTable<'_>, at: Range<usize>) -> Entry {
        let mut entry = Entry::default();
        if name == "rehearsal" {
            self.mistake(at, "`rehearsal` is no service; ask for it with --rehearse");
        }
        for item in sorted(table) {
            match item.0.get_ref().as_ref() {
                "base_url" => entry.base_url = self.checked(item, base_url),
                "key_env" => entry.key_env = self.checked(item, variable_name),
                "structured" => entry.structured = self.one_of(item, &STRUCTURED),
                "image_api" => entry.image_api = self.one_of(item, &IMAGE_APIS),
                "completion_tokens_field" => entry.completion_tokens_field = self.flag(item),
                "vision_model" => entry.vision_model = self.text(item),
                "chat_model" => entry.chat_model = self.text(item),
                "image_model" => entry.image_model = self.text(item),
                _ => self.unknown(item.0, PROVIDER_KEYS),
            }
        }
        entry
    }

    pub(super) fn price(
        &mut self,
        name: &str,
        table: &DeTable<'_>,
        at: Range<usize>,
    ) -> ModelPrice {
        let (mut input, mut cached, mut output, mut image) = (None, None, None, None);
        for item in sorted(table) {
            match item.0.get_ref().as_ref() {
                "input" => input = self.amount(item),
                "cached" => cached = self.amount(item),
                "output" => output = self.amount(item),
                "image" => image = self.amount(item),
                _ => self.unknown(item.0, PRICE_KEYS),
            }
        }
        let said = |key: &str| table.keys().any(|known| known.get_ref() == key);
        let is_complete = said("image") || (said("input") && said("output"));
        if !is_complete {
            let message = format!("prices.\"{name}\" needs `input` and `output`, or `image`");
            self.mistake(at, message);
        }
        ModelPrice {
            input: input.unwrap_or_default(),
            cached,
            output: output.unwrap_or_default(),
            image: image.unwrap_or_default(),
        }
    }

    fn text(&mut self, (key, value): Item<'_, '_>) -> Option<String> {
        match value.get_ref().as_str() {
            Some(text) if !text.trim().is_empty() => Some(text.to_owned()),
            Some(_) => self.wrong((key, value), "must not be empty"),
            None => self.wrong((key, value), "must be a text in quotes"),
        }
    }

    fn checked(
        &mut self,
        item: Item<'_, '_>,
        check: fn(&str) -> Result<String, String>,
    ) -> Option<String> {
        let text = self.text(item)?;
        match check(&text) {
            Ok(value) => Some(value),
            Err(message) => self.wrong(item, &format!("cannot be this: {message}")),
        }
    }

    fn one_of<T: Copy>(&mut self, item: Item<'_, '_>, values: &[(&str, T)]) -> Option<T> {
        let text = self.text(item)?;
        let found = values.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = values.iter().map(|(name, _)| *name).collect();
            let near = did_you_mean(&text, names.iter().copied());
            let key = item.0.get_ref();
            let message =
                format!("`{key}` cannot be `{text}`; it is one of {}{near}", names.join(", "));
            self.mistake(item.1.span(), message);
        }
        found
    }

    fn flag(&mut self, item: Item<'_, '_>) -> Option<bool> {
        match item.1.get_ref().as_bool() {
            Some(flag) => Some(flag),
            None => self.wrong(item, "must be true or false"),
        }
    }

    fn amount(&mut self, item: Item<'_, '_>) -> Option<f64> {
        let number: Option<f64> = match item.1.get_ref() {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok(),
            DeValue::Float(number) => number.as_str().parse().ok(),
            _ => None,
        };
        match number {
            Some(amount) if (0.0..=PRICE_MAX).contains(&amount) => Some(amount),
            Some(_) => self.wrong(item, "must be US dollars from 0 to 1000000"),
            None => {
                self.wrong(item, "must be a number: US dollars per million tokens, or per image")
            }
        }
    }

    fn wrong<T>(&mut self, (key, value): Item<'_, '_>, what: &str) -> Option<T> {
        self.mistake(value.span(), format!("`{}` {what}", key.get_ref()));
        None
    }
}

/// A variable's name. What is none may be the key itself, so it is not quoted.
fn variable_name(text: &str) -> Result<String, String> {
    let inside = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let fits =
        text.starts_with(|c: char| c.is_ascii_uppercase() || c == '_') && text.chars().all(inside);
    fits.then(|| text.to_owned()).ok_or_else(|| {
        "it must be the name of an environment variable such as MY_API_KEY, never the key itself"
            .to_owned()
    })
}
