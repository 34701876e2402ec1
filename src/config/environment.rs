//! The variables the program was started with, and those of `.env`.
//!
//! The only place that reads them; everything else is handed this.

use super::mistakes::Mistake;
use super::origin::Origin;
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::Path;

/// Variables by name. An empty one counts as not set.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// Those of this process and, for what is not set, those of `.env` in `directory`.
    ///
    /// # Errors
    /// A `.env` that cannot be read. Its lines may hold keys, so none is quoted.
    pub fn of_process(directory: &Path) -> Result<Self, Mistake> {
        let process = std::env::vars_os();
        let mut variables = Self(process.filter(|(_, value)| !value.is_empty()).collect());
        let file = directory.join(".env");
        if file.is_file() {
            let text = std::fs::read(&file).map_err(|error| at(1, error.to_string()))?;
            let text = String::from_utf8(text).map_err(|_| at(1, "the file is not UTF-8"))?;
            variables.below(&text)?;
        }
        Ok(variables)
    }

    /// Exactly these.
    pub fn of<const N: usize>(variables: [(&str, &str); N]) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    /// Adds what a `.env` says and is not set yet.
    fn below(&mut self, text: &str) -> Result<(), Mistake> {
        for entry in dotenvy::from_read_iter(text.as_bytes()) {
            let (name, value) = entry.map_err(|error| unreadable(&error, text))?;
            if !value.is_empty() {
                self.0.entry(name.into()).or_insert_with(|| value.into());
            }
        }
        Ok(())
    }

    /// A variable as text. One that is no UTF-8 reads with replacement characters.
    pub fn get(&self, name: &str) -> Option<String> {
        let value = self.0.get(OsStr::new(name)).filter(|value| !value.is_empty())?;
        Some(value.to_string_lossy().into_owned())
    }

    /// A variable that nobody may print.
    pub fn secret(&self, name: &str) -> Option<SecretString> {
        self.get(name).map(SecretString::from)
    }

    /// All variables whose names begin with `prefix`, for whom they are meant and nobody else.
    pub fn secrets(&self, prefix: &str) -> BTreeMap<String, SecretString> {
        let named = |name: &str| Some((name.to_owned(), self.secret(name)?));
        self.names(prefix).filter_map(named).collect()
    }

    /// The names that begin with `prefix`, in order.
    pub(crate) fn names(&self, prefix: &str) -> impl Iterator<Item = &str> {
        self.0.keys().filter_map(|name| name.to_str()).filter(move |name| name.starts_with(prefix))
    }
}

impl fmt::Debug for Environment {
    /// Names only: values may be keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

fn unreadable(error: &dotenvy::Error, text: &str) -> Mistake {
    let line = match error {
        dotenvy::Error::LineParse(wrong, _) => {
            text.lines().position(|line| !wrong.is_empty() && line.contains(wrong.trim_end()))
        }
        _ => None,
    };
    at(line.map_or(1, |position| position + 1), "this is not NAME=value")
}

fn at(line: usize, message: impl Into<String>) -> Mistake {
    Mistake::new(Origin::File { name: ".env".to_owned(), line }, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn with(text: &str) -> Result<Environment, Mistake> {
        let mut variables = Environment::of([("SET", "before"), ("EMPTY", "")]);
        variables.below(text).map(|()| variables)
    }

    #[test]
    fn what_is_set_wins_over_the_file() {
        let variables = with("# keys\nSET=file\nNEW='from file'\nexport OTHER=1\nNONE=\n").unwrap();
        assert_eq!(variables.get("SET").as_deref(), Some("before"));
        assert_eq!(variables.get("NEW").as_deref(), Some("from file"));
        assert_eq!(variables.get("OTHER").as_deref(), Some("1"));
        assert_eq!(variables.get("NONE"), None);
        assert_eq!(variables.get("EMPTY"), None);
        assert_eq!(variables.secret("NEW").unwrap().expose_secret(), "from file");
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named_and_never_quoted() {
        let mistake = with("A=1\nOPENROUTER_API_KEY sk-very-secret\nB=2\n").unwrap_err();
        assert_eq!(mistake.to_string(), ".env:2: this is not NAME=value");
    }

    #[test]
    fn debug_output_holds_no_values() {
        let shown = format!("{:?}", Environment::of([("OPENROUTER_API_KEY", "sk-secret")]));
        assert_eq!(shown, r#"{"OPENROUTER_API_KEY"}"#);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "half a file hurts nobody in a test")]
    fn the_file_is_found_in_the_directory_given_and_may_be_missing() {
        let directory = tempfile::tempdir().unwrap();
        let before = Environment::of_process(directory.path()).unwrap();
        std::fs::write(directory.path().join(".env"), "TABLEROUND_TEST_DOTENV=yes\n").unwrap();
        let after = Environment::of_process(directory.path()).unwrap();
        assert_eq!(before.get("TABLEROUND_TEST_DOTENV"), None);
        assert_eq!(after.get("TABLEROUND_TEST_DOTENV").as_deref(), Some("yes"));
    }
}
