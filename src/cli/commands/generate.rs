//! `completions` and `man`: made from the command line itself.

use crate::cli::args;
use crate::cli::errors::CliError;
use crate::cli::stdout;
use clap_complete::Shell;

/// Completions for a shell.
pub fn completions(shell: Shell) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut args::command(), "tableround", &mut script);
    stdout::line(String::from_utf8_lossy(&script).trim_end())
}

/// The manual page, commands included.
pub fn man() -> Result<(), CliError> {
    let mut page = Vec::new();
    let written = clap_mangen::Man::new(args::command()).render(&mut page);
    written.map_err(|error| CliError::internal(format!("no manual page: {error}")))?;
    stdout::line(String::from_utf8_lossy(&page).trim_end())
}
