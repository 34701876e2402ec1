//! What the terminal shows, and how loud the logs are.

use super::environment::Environment;
use super::origin::Origin;
use clap::ValueEnum;

/// `--color`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    #[default]
    Auto,
    Always,
    Never,
}

/// `--log-level`, from the gravest to the most talkative.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum LogLevel {
    Error,
    #[default]
    Warn,
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    /// As `tracing` filters write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// `--log-format`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

/// Logs: what `tracing` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Logging {
    /// The least important lines on standard error.
    pub level: LogLevel,
    /// And in the log files, which nobody reads before something went wrong.
    pub files: LogLevel,
    pub format: LogFormat,
}

/// Which streams lead to a person's eyes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tty {
    pub stdout: bool,
    pub stderr: bool,
}

/// What the terminal shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    /// Colours on standard error.
    pub color: bool,
    /// Colours on standard output.
    pub color_stdout: bool,
    /// Moving bars on standard error; without them, plain lines.
    pub progress: bool,
    pub json: bool,
    pub quiet: bool,
    pub verbose: u8,
}

/// The wishes that `Terminal` and `Logging` come from, each with where it was said.
#[derive(Debug, Clone)]
pub(crate) struct Wishes {
    pub(crate) color: ColorChoice,
    pub(crate) no_progress: bool,
    pub(crate) json: bool,
    pub(crate) quiet: (bool, Origin),
    pub(crate) verbose: (u8, Origin),
    pub(crate) log_level: (LogLevel, Origin),
    pub(crate) log_format: LogFormat,
}

impl Wishes {
    pub(crate) fn terminal(&self, environment: &Environment, tty: Tty) -> Terminal {
        let (quiet, verbose) = self.loudness();
        let moves = tty.stderr && environment.get("TERM").as_deref() != Some("dumb");
        Terminal {
            color: self.color.resolve(environment, tty.stderr),
            color_stdout: self.color.resolve(environment, tty.stdout),
            progress: moves && !self.no_progress && !quiet && verbose == 0,
            json: self.json,
            quiet,
            verbose,
        }
    }

    pub(crate) fn logging(&self) -> Logging {
        let (level, said_at) = &self.log_level;
        let level = match (said_at, self.loudness().1) {
            (Origin::Default, 1) => LogLevel::Info,
            (Origin::Default, 2) => LogLevel::Debug,
            (Origin::Default, 3..) => LogLevel::Trace,
            _ => *level,
        };
        let files = match said_at {
            Origin::Default => level.max(LogLevel::Info),
            _ => level,
        };
        Logging { level, files, format: self.log_format }
    }

    /// Quiet and verbose cannot both be; the one said in the stronger place holds, else quiet.
    fn loudness(&self) -> (bool, u8) {
        let (quiet, quiet_at) = &self.quiet;
        let (verbose, verbose_at) = &self.verbose;
        if *quiet && *verbose > 0 && verbose_at.rank() > quiet_at.rank() {
            (false, *verbose)
        } else if *quiet {
            (true, 0)
        } else {
            (false, *verbose)
        }
    }
}

impl ColorChoice {
    /// `--color`, then `NO_COLOR`, then `CLICOLOR_FORCE` and `FORCE_COLOR`, then the terminal.
    fn resolve(self, environment: &Environment, is_terminal: bool) -> bool {
        let forced = |name| environment.get(name).is_some_and(|value| value != "0");
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto if environment.get("NO_COLOR").is_some() => false,
            Self::Auto if forced("CLICOLOR_FORCE") || forced("FORCE_COLOR") => true,
            Self::Auto => {
                is_terminal
                    && environment.get("CLICOLOR").as_deref() != Some("0")
                    && environment.get("TERM").as_deref() != Some("dumb")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wishes() -> Wishes {
        Wishes {
            color: ColorChoice::Auto,
            no_progress: false,
            json: false,
            quiet: (false, Origin::Default),
            verbose: (0, Origin::Default),
            log_level: (LogLevel::Warn, Origin::Default),
            log_format: LogFormat::Text,
        }
    }

    fn flag() -> Origin {
        Origin::Flag("-q".to_owned())
    }

    fn variable() -> Origin {
        Origin::Environment("X".to_owned())
    }

    #[test]
    fn colour_follows_flag_then_variables_then_terminal() {
        use ColorChoice::{Always, Auto, Never};
        let check = |choice: ColorChoice, name: &str, value: &str, tty: bool, expected: bool| {
            let environment = Environment::of([(name, value)]);
            assert_eq!(choice.resolve(&environment, tty), expected, "{choice:?} {name}={value}");
        };
        check(Auto, "X", "", true, true);
        check(Auto, "X", "", false, false);
        check(Always, "NO_COLOR", "1", false, true);
        check(Never, "FORCE_COLOR", "1", true, false);
        check(Auto, "NO_COLOR", "1", true, false);
        check(Auto, "NO_COLOR", "", true, true);
        check(Auto, "FORCE_COLOR", "1", false, true);
        check(Auto, "FORCE_COLOR", "0", false, false);
        check(Auto, "CLICOLOR_FORCE", "1", false, true);
        check(Auto, "CLICOLOR", "0", true, false);
        check(Auto, "TERM", "dumb", true, false);
        let both = Environment::of([("NO_COLOR", "1"), ("FORCE_COLOR", "1")]);
        assert!(!Auto.resolve(&both, true), "NO_COLOR beats FORCE_COLOR");
    }

    #[test]
    fn bars_move_only_where_somebody_looks_and_nothing_else_is_said() {
        let tty = Tty { stdout: true, stderr: true };
        let none = Environment::default();
        assert!(wishes().terminal(&none, tty).progress);
        assert!(!wishes().terminal(&none, Tty { stderr: false, ..tty }).progress);
        assert!(!wishes().terminal(&Environment::of([("TERM", "dumb")]), tty).progress);
        assert!(!Wishes { no_progress: true, ..wishes() }.terminal(&none, tty).progress);
        assert!(!Wishes { quiet: (true, flag()), ..wishes() }.terminal(&none, tty).progress);
        assert!(!Wishes { verbose: (1, flag()), ..wishes() }.terminal(&none, tty).progress);
    }

    #[test]
    fn the_stronger_place_decides_between_quiet_and_verbose() {
        let check = |quiet_at: Origin, verbose_at: Origin, expected: (bool, u8)| {
            let wishes = Wishes { quiet: (true, quiet_at), verbose: (2, verbose_at), ..wishes() };
            assert_eq!(wishes.loudness(), expected);
        };
        check(variable(), flag(), (false, 2));
        check(flag(), variable(), (true, 0));
        check(variable(), variable(), (true, 0));
    }

    #[test]
    fn verbosity_lowers_the_log_level_unless_one_was_named() {
        let check = |verbose: u8, log_level: (LogLevel, Origin), expected: LogLevel| {
            let wishes = Wishes { verbose: (verbose, flag()), log_level, ..wishes() };
            assert_eq!(wishes.logging().level, expected, "{verbose}");
        };
        let files = |log_level| Wishes { log_level, ..wishes() }.logging().files;
        assert_eq!(files((LogLevel::Warn, Origin::Default)), LogLevel::Info, "unless said");
        assert_eq!(files((LogLevel::Warn, variable())), LogLevel::Warn);
        check(0, (LogLevel::Warn, Origin::Default), LogLevel::Warn);
        check(1, (LogLevel::Warn, Origin::Default), LogLevel::Info);
        check(2, (LogLevel::Warn, Origin::Default), LogLevel::Debug);
        check(9, (LogLevel::Warn, Origin::Default), LogLevel::Trace);
        check(2, (LogLevel::Error, variable()), LogLevel::Error);
    }
}
