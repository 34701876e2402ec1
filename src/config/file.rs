//! `tableround.toml`: what it says, and everything that is wrong with it.

mod tables;

use super::layers::{Setting, Value};
use super::mistakes::{Mistake, did_you_mean};
use super::origin::Origin;
use super::providers::Entry;
use crate::domain::cost::ModelPrice;
use std::collections::BTreeMap;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The file, read.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct File {
    /// Top-level keys, in the order of the file; not yet checked against the flags.
    pub(crate) settings: Vec<Setting>,
    pub(crate) providers: BTreeMap<String, (Entry, Origin)>,
    pub(crate) prices: BTreeMap<String, (ModelPrice, Origin)>,
}

/// Reads the file called `name`; `keys` are the top-level keys there are.
///
/// All that can be understood is returned beside the mistakes, so that both can be checked on.
pub(crate) fn read(name: &str, text: &str, keys: &[String]) -> (File, Vec<Mistake>) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader { name, text, mistakes: Vec::new() };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        reader.mistake(error.span().unwrap_or_default(), error.message());
    }
    // What stands on a broken line was guessed; only the breakage itself is reported.
    let broken: Vec<Origin> = reader.mistakes.iter().map(|m| m.place.clone()).collect();
    let file = reader.file(table.get_ref(), keys);
    let follow_ups = reader.mistakes.split_off(broken.len());
    reader.mistakes.extend(follow_ups.into_iter().filter(|m| !broken.contains(&m.place)));
    reader.mistakes.sort_by_key(|m| m.place.line());
    (file, reader.mistakes)
}

/// A table's entry with its place.
type Item<'a, 'i> = (&'a Spanned<std::borrow::Cow<'i, str>>, &'a Spanned<DeValue<'i>>);

struct Reader<'a> {
    name: &'a str,
    text: &'a str,
    mistakes: Vec<Mistake>,
}

impl Reader<'_> {
    fn file(&mut self, table: &DeTable<'_>, keys: &[String]) -> File {
        let mut file = File::default();
        for item in sorted(table) {
            match item.0.get_ref().as_ref() {
                "providers" => file.providers = self.named_tables(item, Self::provider),
                "prices" => file.prices = self.named_tables(item, Self::price),
                _ => file.settings.extend(self.setting(item, keys)),
            }
        }
        file
    }

    fn setting(&mut self, (key, value): Item<'_, '_>, keys: &[String]) -> Option<Setting> {
        let name = key.get_ref().as_ref();
        if !keys.iter().any(|known| known == name) {
            let tables = ["providers", "prices"];
            self.unknown(key, keys.iter().map(String::as_str).chain(tables));
            return None;
        }
        let Some(read) = simple(value.get_ref()) else {
            let kind = value.get_ref().type_str();
            self.mistake(value.span(), format!("`{name}` cannot be a {kind}"));
            return None;
        };
        if name == "redis" && holds_password(&read) {
            let message = "a password has no place in this file: set TABLEROUND_REDIS in the \
                           environment or in .env";
            self.mistake(value.span(), message);
            return None;
        }
        Some(Setting { key: name.to_owned(), value: read, origin: self.origin(&value.span()) })
    }

    /// `[KIND.NAME]` for every name.
    fn named_tables<T>(
        &mut self,
        (kind, value): Item<'_, '_>,
        read: fn(&mut Self, &str, &DeTable<'_>, Range<usize>) -> T,
    ) -> BTreeMap<String, (T, Origin)> {
        let kind = kind.get_ref();
        let mut tables = BTreeMap::new();
        let Some(names) = value.get_ref().as_table() else {
            self.mistake(value.span(), format!("`{kind}` must be tables: [{kind}.NAME]"));
            return tables;
        };
        for (name, value) in sorted(names) {
            let Some(table) = value.get_ref().as_table() else {
                let name = name.get_ref();
                self.mistake(
                    value.span(),
                    format!("`{kind}.{name}` must be a table: [{kind}.{name}]"),
                );
                continue;
            };
            let origin = self.origin(&name.span());
            let read = read(self, name.get_ref(), table, name.span());
            tables.insert(name.get_ref().to_string(), (read, origin));
        }
        tables
    }

    /// A key nobody knows; one that looks like a secret gets its own words.
    fn unknown<'k>(
        &mut self,
        key: &Spanned<std::borrow::Cow<'_, str>>,
        keys: impl IntoIterator<Item = &'k str>,
    ) {
        let name = key.get_ref();
        let message = if looks_secret(name) {
            format!(
                "`{name}` is a secret, and keys are read from the environment or .env only; \
                 remove it here (key_env in [providers.NAME] names the variable)"
            )
        } else {
            format!("unknown key `{name}`{}", did_you_mean(name, keys))
        };
        self.mistake(key.span(), message);
    }

    fn mistake(&mut self, span: Range<usize>, message: impl Into<String>) {
        self.mistakes.push(Mistake::new(self.origin(&span), message));
    }

    fn origin(&self, span: &Range<usize>) -> Origin {
        let before = self.text.as_bytes().get(..span.start).unwrap_or_default();
        let line = 1 + memchr::memchr_iter(b'\n', before).count();
        Origin::File { name: self.name.to_owned(), line }
    }
}

/// In the order of the file.
fn sorted<'a, 'i>(table: &'a DeTable<'i>) -> Vec<Item<'a, 'i>> {
    let mut items: Vec<_> = table.iter().collect();
    items.sort_by_key(|(key, _)| key.span().start);
    items
}

/// A value that a flag could have.
fn simple(value: &DeValue<'_>) -> Option<Value> {
    match value {
        DeValue::String(text) => Some(Value::Text(text.to_string())),
        DeValue::Integer(number) => {
            let whole = i64::from_str_radix(number.as_str(), number.radix()).ok()?;
            Some(Value::Whole(whole.to_string()))
        }
        DeValue::Float(number) => Some(Value::Number(number.as_str().to_owned())),
        DeValue::Boolean(flag) => Some(Value::Flag(*flag)),
        DeValue::Array(items) => {
            let texts = items.iter().map(|item| item.get_ref().as_str().map(str::to_owned));
            texts.collect::<Option<_>>().map(Value::List)
        }
        DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}

fn holds_password(value: &Value) -> bool {
    let Value::Text(text) = value else { return false };
    url::Url::parse(text).is_ok_and(|url| url.password().is_some())
}

fn looks_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase().replace('-', "_");
    ["key", "token", "secret", "password"]
        .iter()
        .any(|word| key == *word || key.ends_with(&format!("_{word}")))
}

#[cfg(test)]
mod tests;
