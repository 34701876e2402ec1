//! The one voice on stdout: what was asked for and nothing else.

use super::errors::CliError;
use std::io::{ErrorKind, Write};

/// Prints a text and a line end. A reader that went away is no error of ours: the program ends
/// there, as asked for.
pub fn line(text: &str) -> Result<(), CliError> {
    self::text(&format!("{text}\n"))
}

/// Prints a piece of text as it is, to be seen now.
pub fn text(text: &str) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(CliError::broken_pipe()),
        Err(error) => Err(CliError::internal(format!("stdout cannot be written: {error}"))),
    }
}
