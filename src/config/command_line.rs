//! The command line as it was typed, over what lies beneath it.

use super::environment::Environment;
use super::layers::{self, Layers};
use super::mistakes::Mistake;
use super::origin::Origin;
use super::terminal::{ColorChoice, LogFormat, LogLevel};
use super::{places, terminal};
use clap::parser::ValueSource;
use clap::{ArgMatches, Command};
use secrecy::SecretString;
use std::fmt;
use std::path::{Path, PathBuf};

/// The command line, read, and where each of its values comes from.
pub(crate) struct CommandLine {
    pub(crate) matches: ArgMatches,
    pub(crate) command: Command,
    pub(crate) layers: Layers,
}

impl fmt::Debug for CommandLine {
    /// Without values: an address may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandLine")
            .field("command", &self.command.get_name())
            .finish_non_exhaustive()
    }
}

impl CommandLine {
    /// Where the value of a setting (`max_calls`) comes from.
    pub(crate) fn origin(&self, key: &str) -> Origin {
        if self.is_typed(key) {
            return Origin::Flag(format!("--{}", key.replace('_', "-")));
        }
        self.layers.get(key).map_or(Origin::Default, |(_, origin)| origin.clone())
    }

    /// The arguments of the innermost command; global flags are among them.
    pub(crate) fn leaf(&self) -> &ArgMatches {
        let mut leaf = &self.matches;
        while let Some((_, inner)) = leaf.subcommand() {
            leaf = inner;
        }
        leaf
    }

    /// The value of a flag, if this command has the flag and it has a value.
    fn get<T: Clone + Send + Sync + 'static>(&self, key: &str) -> Option<&T> {
        self.leaf().try_get_one(key).ok().flatten()
    }

    fn flag(&self, key: &str) -> bool {
        self.get(key).copied().unwrap_or_default()
    }

    fn is_typed(&self, key: &str) -> bool {
        let names = || layers::flags(&self.command).into_iter().any(|(known, _)| known == key);
        let here = self.leaf().ids().any(|id| id.as_str() == key);
        here && self.leaf().value_source(key) == Some(ValueSource::CommandLine) && names()
    }

    pub(crate) fn places(&self, environment: &Environment) -> Result<places::Places, Vec<Mistake>> {
        let redis: Option<&SecretString> = self.get("redis");
        let blobs: Option<&String> = self.get("blobs");
        places::Wishes {
            data: self.get::<PathBuf>("data").map_or(Path::new("data"), PathBuf::as_path),
            redis: redis.map(|url| (url, self.origin("redis"))),
            queue: self.get::<String>("queue").map_or("tableround", String::as_str),
            blobs: blobs.map(|choice| (choice.as_str(), self.origin("blobs"))),
            output: self.get::<PathBuf>("output").map(PathBuf::as_path),
        }
        .places(environment)
    }

    pub(crate) fn terminal_wishes(&self) -> terminal::Wishes {
        let level = self.get::<LogLevel>("log_level").copied().unwrap_or_default();
        terminal::Wishes {
            color: self.get::<ColorChoice>("color").copied().unwrap_or_default(),
            no_progress: self.flag("no_progress"),
            json: self.flag("json"),
            quiet: (self.flag("quiet"), self.origin("quiet")),
            verbose: (
                self.get::<u8>("verbose").copied().unwrap_or_default(),
                self.origin("verbose"),
            ),
            log_level: (level, self.origin("log_level")),
            log_format: self.get::<LogFormat>("log_format").copied().unwrap_or_default(),
        }
    }
}
