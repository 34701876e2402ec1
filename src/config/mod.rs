//! Flag, then environment, then file, then default: a `Config` in which nothing is optional that
//! has a default.
//!
//! Everything wrong is told at once, before anything is created. Only this floor reads the
//! environment; it knows the command line as a `clap::Command` that it is handed, never by name.

mod command_line;
mod environment;
mod file;
mod layers;
mod mistakes;
mod origin;
mod places;
mod prices;
mod providers;
mod show;
mod terminal;
pub mod values;

pub use environment::Environment;
pub use layers::{name_variables, variables};
pub(crate) use mistakes::did_you_mean;
pub use mistakes::{Error, Mistake};
pub use origin::Origin;
pub use places::{BlobsChoice, LedgerChoice, Places};
pub use prices::Prices;
pub use providers::{Preset, ProviderSettings, Providers, Service, ServiceError, ServiceWish};
pub use show::{Row, show};
pub use terminal::{ColorChoice, LogFormat, LogLevel, Logging, Terminal, Tty};

use crate::domain::cost::ModelPrice;
use clap::error::ErrorKind;
use clap::{ArgMatches, Command};
use command_line::CommandLine;
use file::File;
use layers::Layers;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The file that is read when none is named.
const FILE_NAME: &str = "tableround.toml";

/// Variables of other programs that count, and what they do.
pub const FOREIGN_VARIABLES: [(&str, &str); 6] = [
    ("REDIS_URL", "like --redis"),
    ("REDIS_HOST", "a ledger in Redis on this host; the four that follow belong to it"),
    ("REDIS_PORT, REDIS_DB", "its port [default: 6379] and database [default: 0]"),
    ("REDIS_USERNAME, REDIS_PASSWORD", "its credentials"),
    ("NO_COLOR", "no colours, whatever the value, unless --color says otherwise"),
    ("CLICOLOR_FORCE, FORCE_COLOR", "colours even where nobody looks, unless 0"),
];

/// Everything a command needs to know that is not its own argument.
#[derive(Debug, Clone)]
pub struct Config {
    pub places: Places,
    pub logging: Logging,
    pub terminal: Terminal,
    pub providers: Providers,
    /// Prices that go before all others, by model.
    pub prices: Prices,
}

/// The command line, read, with environment and file beneath it.
#[derive(Debug)]
pub struct Loaded {
    pub config: Config,
    /// Told to the user, and no reason to stop.
    pub warnings: Vec<String>,
    command_line: CommandLine,
    prices: BTreeMap<String, (ModelPrice, Origin)>,
}

impl Loaded {
    /// For `FromArgMatches` of the command line's own types.
    pub fn matches(&self) -> &ArgMatches {
        &self.command_line.matches
    }

    /// Where the value of a setting (`max_calls`) comes from.
    pub fn origin(&self, key: &str) -> Origin {
        self.command_line.origin(key)
    }
}

/// What [`load`] reads.
#[derive(Debug)]
pub struct Sources<'a> {
    /// The command line there is.
    pub command: Command,
    /// The one that was typed, the program's name first.
    pub typed: Vec<OsString>,
    pub environment: &'a Environment,
    /// Where `tableround.toml` is looked for.
    pub directory: &'a Path,
    pub tty: Tty,
}

/// Reads everything and settles every setting. Creates nothing.
///
/// # Errors
/// A wish for help comes first, whatever else is wrong. Then all mistakes of file and environment
/// together; then those of the command line.
pub fn load(sources: Sources<'_>) -> Result<Loaded, Error> {
    let Sources { command, typed, environment, directory, tty } = sources;
    if let Err(error) = command.clone().try_get_matches_from(&typed)
        && matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion)
    {
        return Err(error.into());
    }
    let (file, mut mistakes) = read_file(&command, &typed, environment, directory)?;
    let layers = Layers::new(&command, environment, &file.settings).unwrap_or_else(|wrong| {
        mistakes.extend(wrong);
        Layers::default()
    });
    if !mistakes.is_empty() {
        mistakes.sort_by_key(|mistake| mistake.place.line());
        return Err(Error::Mistakes(mistakes));
    }
    let matches = layers.beneath(command.clone()).try_get_matches_from(typed)?;
    let command_line = CommandLine { matches, command, layers };
    let wishes = command_line.terminal_wishes();
    let config = Config {
        places: command_line.places(environment).map_err(Error::Mistakes)?,
        logging: wishes.logging(),
        terminal: wishes.terminal(environment, tty),
        prices: file.prices.iter().map(|(model, (price, _))| (model.clone(), *price)).collect(),
        providers: Providers { entries: file.providers },
    };
    let warnings = layers::strange_variables(&command_line.command, environment);
    Ok(Loaded { config, warnings, command_line, prices: file.prices })
}

/// The file named by `--config` or `TABLEROUND_CONFIG`, which must exist; else `tableround.toml`,
/// which may.
fn read_file(
    command: &Command,
    typed: &[OsString],
    environment: &Environment,
    directory: &Path,
) -> Result<(File, Vec<Mistake>), Error> {
    let named = config_flag(typed).or_else(|| environment.get("TABLEROUND_CONFIG").map(Into::into));
    let name = named.as_ref().map_or_else(|| PathBuf::from(FILE_NAME), PathBuf::from);
    let shown = name.display().to_string();
    match std::fs::read(directory.join(&name)) {
        Ok(bytes) => {
            Ok(file::read(&shown, &String::from_utf8_lossy(&bytes), &layers::keys(command)))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => {
            Ok((File::default(), Vec::new()))
        }
        Err(source) => Err(Error::Unreadable { path: shown, source }),
    }
}

/// `--config F` or `--config=F`, before clap reads the rest: the file decides how the rest reads.
fn config_flag(typed: &[OsString]) -> Option<OsString> {
    let mut words = typed.iter().skip(1).take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        if word == "--config" {
            return words.next().cloned();
        }
        if let Some(path) = word.to_str().and_then(|word| word.strip_prefix("--config=")) {
            return Some(path.into());
        }
    }
    None
}

#[cfg(test)]
mod tests;
