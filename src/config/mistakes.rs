//! What is wrong with the configuration: everything at once, each with its place.

use super::origin::Origin;
use std::fmt;

/// One mistake, one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    pub place: Origin,
    pub message: String,
}

impl Mistake {
    pub(crate) fn new(place: Origin, message: impl Into<String>) -> Self {
        Self { place, message: message.into() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line itself, or a wish for help: clap knows how to say it.
    #[error(transparent)]
    CommandLine(#[from] clap::Error),
    /// Never empty.
    #[error("{}", lines(.0))]
    Mistakes(Vec<Mistake>),
    #[error("the configuration file {path} cannot be read")]
    Unreadable {
        path: String,
        #[source]
        source: std::io::Error,
    },
}

fn lines(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// ` (did you mean …?)`, if one of the names is near; else nothing.
pub(crate) fn did_you_mean<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    names
        .into_iter()
        .map(|name| (strsim::normalized_damerau_levenshtein(typed, name), name))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map_or_else(String::new, |(_, name)| format!(" (did you mean `{name}`?)"))
}

/// From 0 to 1: two slips in five letters are the most that one still reads as the same word.
const LIKENESS_MIN: f64 = 0.6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_mended_and_another_word_is_not() {
        let check = |typed: &str, expected: &str| {
            let said = did_you_mean(typed, ["rounds", "provider", "max_calls"]);
            assert_eq!(said, expected, "{typed}");
        };
        check("round", " (did you mean `rounds`?)");
        check("porvider", " (did you mean `provider`?)");
        check("max-calls", " (did you mean `max_calls`?)");
        check("colour", "");
        check("", "");
    }
}
