//! Makes a message fit to be shown and stored: no keys, no control characters, not too long.

/// The longest message of an error, in characters.
pub(super) const MESSAGE_CHARS_MAX: usize = 500;
/// What stands where a secret was.
const HIDDEN: &str = "***";
/// How the keys of known services begin.
const KEY_PREFIXES: [&str; 8] = ["sk-", "ark-", "AIza", "xai-", "gsk_", "hf_", "AQ.", "sess-"];
/// Words after which a secret stands, if a `:` or `=` comes between.
const SECRET_NAMES: [&str; 12] = [
    "authorization",
    "proxy-authorization",
    "x-goog-api-key",
    "x-api-key",
    "api-key",
    "api_key",
    "apikey",
    "access_token",
    "token",
    "password",
    "secret",
    "cookie",
];

/// The text on one line, without anything that looks like a key and without `key` itself, cut
/// to [`MESSAGE_CHARS_MAX`] characters.
pub(super) fn redact(text: &str, key: Option<&str>) -> String {
    let known = key.map(str::trim).filter(|key| key.chars().count() >= 4);
    let text = match known {
        Some(key) => text.replace(key, HIDDEN),
        None => text.to_owned(),
    };
    shorten(&hide_secrets(&one_line(&text)))
}

fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= MESSAGE_CHARS_MAX {
        return text.to_owned();
    }
    text.chars().take(MESSAGE_CHARS_MAX - 1).chain(['…']).collect()
}

/// Walks over the words; a word is hidden for what it looks like or for what stands before it.
fn hide_secrets(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut before = Before::Nothing;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let in_word = is_word(first);
        let end = rest.find(|c| is_word(c) != in_word).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        rest = after;
        if !in_word {
            before = before.past(run);
            shown.push_str(run);
        } else if before == Before::Secret && !is_scheme(run) || looks_secret(run) {
            shown.push_str(HIDDEN);
            before = Before::Nothing;
        } else {
            shown.push_str(run);
            before = Before::word(run);
        }
    }
    shown
}

/// What the word before the present place was.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    /// A name such as `api_key`; a secret follows if `:` or `=` comes next.
    Name,
    /// The word `key`, of which only `key=` announces a secret.
    Key,
    /// The next word is a secret.
    Secret,
}

impl Before {
    fn word(word: &str) -> Self {
        let lower = word.to_ascii_lowercase();
        match lower.as_str() {
            "bearer" | "basic" => Self::Secret,
            "key" => Self::Key,
            name if SECRET_NAMES.contains(&name) => Self::Name,
            _ => Self::Nothing,
        }
    }

    fn past(self, separator: &str) -> Self {
        match self {
            Self::Name if separator.contains([':', '=']) => Self::Secret,
            Self::Key if separator.starts_with('=') => Self::Secret,
            Self::Secret => Self::Secret,
            Self::Name | Self::Key | Self::Nothing => Self::Nothing,
        }
    }
}

fn is_scheme(word: &str) -> bool {
    word.eq_ignore_ascii_case("bearer") || word.eq_ignore_ascii_case("basic")
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.*+~/".contains(c)
}

/// A key by its prefix, or what a service left of one (`abcd****wxyz`).
fn looks_secret(word: &str) -> bool {
    let prefixed = |prefix: &&str| word.starts_with(*prefix) && word.len() >= prefix.len() + 6;
    KEY_PREFIXES.iter().any(prefixed) || word.contains("***") && word != HIDDEN
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keys_are_hidden_wherever_they_stand() {
        let check = |text: &str, expected: &str| assert_eq!(redact(text, None), expected);
        check(
            "Incorrect API key provided: sk-or-v1-0123456789abcdef.",
            "Incorrect API key provided: ***",
        );
        check("bad key 1234****wxyz given", "bad key *** given");
        check("Authorization: Bearer abc/def+123== refused", "Authorization: Bearer ***== refused");
        check(r#"{"Authorization":"Bearer zzz9"}"#, r#"{"Authorization":"Bearer ***"}"#);
        check("authorization: zzz9", "authorization: ***");
        check("GET https://h/v1?alt=sse&key=abc123&x=1", "GET https://h/v1?alt=sse&key=***&x=1");
        check("x-goog-api-key: abc123", "x-goog-api-key: ***");
        check("api_key=abc123", "api_key=***");
        check("the key is missing", "the key is missing");
        check("ask-me-anything about tokens: 12", "ask-me-anything about tokens: 12");
        check("line one\r\n\tline\u{7} two", "line one line two");
    }

    #[test]
    fn the_key_in_use_is_hidden_even_without_a_known_shape() {
        assert_eq!(
            redact("key hunter2secret is wrong", Some("hunter2secret\n")),
            "key *** is wrong"
        );
        assert_eq!(redact("a", Some("a")), "a", "a one-letter key would hide every word");
    }

    proptest! {
        #[test]
        fn a_message_is_one_short_line_without_the_key(text in ".{0,700}", key in "[a-z0-9]{8,40}") {
            let shown = redact(&format!("{text}{key}{text}"), Some(&key));
            prop_assert!(!shown.contains(&key));
            prop_assert!(shown.chars().count() <= MESSAGE_CHARS_MAX);
            prop_assert!(!shown.contains(char::is_control));
        }
    }
}
