//! The words on the pages, in the language of the discussion.
//!
//! Names of seats, roles, stages and reasons come from the batch's own pack; its `words` win over
//! the ones built in here, so that whoever translates a pack also translates its pages.

use super::BatchInput;
use crate::domain::spec::Language;
use minijinja::value::{Kwargs, Value};
use minijinja::{Error, ErrorKind};
use std::collections::BTreeMap;
use std::sync::LazyLock;

type Words = BTreeMap<String, String>;

static ENGLISH: LazyLock<Words> = LazyLock::new(|| read(include_str!("html/words.en.toml")));
static CHINESE: LazyLock<Words> = LazyLock::new(|| read(include_str!("html/words.zh.toml")));

fn read(text: &str) -> Words {
    toml::from_str(text).expect("the built-in words are a table of texts")
}

fn built_in(language: Language) -> &'static Words {
    match language {
        Language::En => &ENGLISH,
        Language::Zh => &CHINESE,
    }
}

/// The `lang` of a page.
pub(super) fn tag(language: Language) -> &'static str {
    match language {
        Language::En => "en",
        Language::Zh => "zh-Hans",
    }
}

/// One of the words; its own key where there is none, so that nothing goes missing silently.
pub(super) fn word(batch: &BatchInput<'_>, key: &str) -> String {
    let packed = batch.pack.labels.words.get(key);
    let word = packed.or_else(|| built_in(batch.spec.language).get(key));
    word.map_or(key, String::as_str).to_owned()
}

/// The function `t` of the templates: `t("answers", n=38, of=40)`.
pub(super) fn translator(batch: &BatchInput<'_>) -> Value {
    let mut words = built_in(batch.spec.language).clone();
    words.extend(batch.pack.labels.words.clone());
    Value::from_function(move |key: &str, values: Kwargs| -> Result<String, Error> {
        let unknown = || Error::new(ErrorKind::UndefinedError, format!("no word `{key}`"));
        let mut text = words.get(key).ok_or_else(unknown)?.clone();
        for name in values.args() {
            text = text.replace(&format!("{{{name}}}"), &values.get::<Value>(name)?.to_string());
        }
        Ok(text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_say_the_same_things_with_the_same_blanks() {
        let blanks = |words: &Words| -> Vec<(String, Vec<String>)> {
            let names = |text: &str| {
                let parts = text.split('{').skip(1);
                let mut names: Vec<_> =
                    parts.filter_map(|part| Some(part.split_once('}')?.0.to_owned())).collect();
                names.sort();
                names
            };
            words.iter().map(|(key, text)| (key.clone(), names(text))).collect()
        };
        assert_eq!(blanks(&ENGLISH), blanks(&CHINESE));
    }
}
