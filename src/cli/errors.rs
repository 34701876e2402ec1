//! How a failed command says so: what, why, and what to do next.

use super::exit::ExitCode;
use std::error::Error;

/// The end of a command that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CliError {
    /// A code of the contract, e.g. `config.invalid`.
    pub code: &'static str,
    pub message: String,
    /// What to do about it; empty where nothing can be said.
    pub hint: String,
    pub exit: ExitCode,
    /// Why, from the nearest reason to the deepest.
    pub causes: Vec<String>,
}

impl CliError {
    pub fn new(code: &'static str, exit: ExitCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: String::new(), exit, causes: Vec::new() }
    }

    /// From an error and all that caused it.
    pub fn of(code: &'static str, exit: ExitCode, error: &(dyn Error + 'static)) -> Self {
        let causes = std::iter::successors(error.source(), |&cause| cause.source())
            .map(ToString::to_string)
            .collect();
        Self { causes, ..Self::new(code, exit, error.to_string()) }
    }

    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: hint.into(), ..self }
    }

    /// For a person; ends with a line feed.
    pub fn text(&self) -> String {
        let causes = self.causes.iter().map(|cause| format!("caused by: {cause}\n"));
        let hint =
            if self.hint.is_empty() { String::new() } else { format!("\nhint: {}\n", self.hint) };
        format!("error: {}\n{}{hint}", self.message, causes.collect::<String>())
    }

    /// For a script: one line, without its line feed. The causes stand in the message.
    pub fn json(&self) -> String {
        let message = std::iter::once(&self.message)
            .chain(&self.causes)
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(": ");
        serde_json::json!({
            "type": "error",
            "schema": 1,
            "code": self.code,
            "message": message,
            "hint": self.hint,
            "exit": self.exit.number(),
        })
        .to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing_key() -> CliError {
        CliError {
            causes: vec!["OPENROUTER_API_KEY is not set".to_owned()],
            ..CliError::new("auth.key_missing", ExitCode::Key, "openrouter needs a key")
        }
        .hint("set OPENROUTER_API_KEY, or try --rehearse")
    }

    #[test]
    fn a_person_reads_what_why_and_what_next() {
        assert_eq!(
            missing_key().text(),
            "error: openrouter needs a key\n\
             caused by: OPENROUTER_API_KEY is not set\n\
             \n\
             hint: set OPENROUTER_API_KEY, or try --rehearse\n"
        );
        let bare = CliError::new("internal", ExitCode::Internal, "it broke");
        assert_eq!(bare.text(), "error: it broke\n");
    }

    #[test]
    fn a_script_reads_the_same_as_one_object() {
        let json: serde_json::Value = serde_json::from_str(&missing_key().json()).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "type": "error",
                "schema": 1,
                "code": "auth.key_missing",
                "message": "openrouter needs a key: OPENROUTER_API_KEY is not set",
                "hint": "set OPENROUTER_API_KEY, or try --rehearse",
                "exit": 4,
            })
        );
    }

    #[test]
    fn causes_are_read_from_the_error_itself() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot open the list")]
        struct Outer(#[source] std::io::Error);
        let error = Outer(std::io::Error::other("no such file"));
        let shown = CliError::of("input.unreadable", ExitCode::Usage, &error);
        assert_eq!(shown.message, "cannot open the list");
        assert_eq!(shown.causes, ["no such file"]);
    }
}
