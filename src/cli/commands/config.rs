//! `config show`: the settings in force, and where each comes from.

use crate::cli::errors::CliError;
use crate::cli::setting;
use crate::cli::{shapes, stdout};
use crate::config::{self, Environment, Loaded};
use serde::Serialize;

#[derive(Debug, Serialize)]
struct Shown<'a> {
    key: &'a str,
    value: &'a str,
    origin: Option<String>,
}

/// Prints every setting, one a line.
pub fn show(
    loaded: &Loaded,
    environment: &Environment,
    origin: bool,
    json: bool,
) -> Result<(), CliError> {
    let variables = setting::key_variables(&loaded.config.providers);
    let variables: Vec<&str> = variables.iter().map(String::as_str).collect();
    for row in config::show(loaded, environment, &variables) {
        let from = origin.then(|| row.origin.to_string());
        let line = if json {
            let shown = Shown { key: &row.key, value: &row.value, origin: from };
            shapes::line("setting", shown)
        } else {
            match from {
                Some(from) => format!("{} = {}  ({from})", row.key, row.value),
                None => format!("{} = {}", row.key, row.value),
            }
        };
        stdout::line(&line)?;
    }
    Ok(())
}
