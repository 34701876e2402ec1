//! What a command's failures are called, and the way out of each.

use super::errors::CliError;
use super::exit::ExitCode;
use super::intake;
use super::prune;
use crate::config::ServiceError;
use crate::discussion::Stop;
use crate::worker::{collect, store};
use crate::{blobs, config, ledger};

impl CliError {
    /// Something in the arguments, the configuration or an agenda is wrong.
    pub fn config(message: impl Into<String>) -> Self {
        Self::new("config.invalid", ExitCode::Usage, message)
    }

    /// A command line that cannot be understood, as the terminal would have shown it.
    pub fn usage(shown: &str) -> Self {
        let shown = shown.strip_prefix("error: ").unwrap_or(shown);
        let (what, more) = shown.split_once("\n\n").unwrap_or((shown, ""));
        Self::config(what.trim_end()).hint(more.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// A bug of ours.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new("internal", ExitCode::Internal, message)
            .hint("this is a bug: please report it with the log")
    }

    /// A batch or job that is not in the ledger.
    pub fn no_such(what: &str, name: &str) -> Self {
        Self::config(format!("there is no {what} `{name}`"))
            .hint("`tableround status` lists the batches, `tableround jobs list` the jobs")
    }

    /// Nothing was ever enqueued here.
    pub fn no_ledger(place: &str) -> Self {
        Self::config(format!("there is no ledger at {place}"))
            .hint("name the folder with --data, or begin with `tableround run PICTURE… --rehearse`")
    }

    /// A model service that needs a key and has none.
    pub fn key_missing(variable: &str) -> Self {
        Self::new("auth.key_missing", ExitCode::Key, format!("{variable} is not set")).hint(
            format!(
                "set {variable} in the environment or in .env; or try --rehearse, which needs no \
                 key and asks no model"
            ),
        )
    }

    /// More money than passes without a word.
    pub fn needs_yes(what: &str) -> Self {
        Self::config(format!("this will cost {what}, and nobody said yes"))
            .hint("say --yes, try a few with --sample 3, or raise confirm_above_usd")
    }

    /// A budget that cannot be kept because a price is not known.
    pub fn unknown_prices(models: &[String]) -> Self {
        Self::config(format!("--max-cost cannot be kept: no price for {}", models.join(", ")))
            .hint("set it under [prices.\"MODEL\"] in tableround.toml")
    }

    /// The reader of stdout went away: the end, and no error.
    pub fn broken_pipe() -> Self {
        Self::new("internal", ExitCode::AllDone, "")
    }

    /// Whether there is nothing to say.
    pub fn is_silent(&self) -> bool {
        self.message.is_empty()
    }
}

impl From<ledger::Error> for CliError {
    fn from(error: ledger::Error) -> Self {
        match &error {
            ledger::Error::OtherSpec { .. } => Self::config(error.to_string()),
            ledger::Error::NoSuchJob(job) => Self::no_such("job", job),
            ledger::Error::Newer { .. } => Self::of("config.invalid", ExitCode::Usage, &error),
            ledger::Error::Unreachable { .. }
            | ledger::Error::Store(_)
            | ledger::Error::Away { .. } => {
                Self::of("ledger.unreachable", ExitCode::Unreachable, &error)
                    .hint("`tableround doctor` says what is wrong with the ledger; then try again")
            }
            ledger::Error::Corrupt(_) => Self::of("internal", ExitCode::Internal, &error),
        }
    }
}

impl From<blobs::Error> for CliError {
    fn from(error: blobs::Error) -> Self {
        let (code, exit) = match &error {
            blobs::Error::Address { .. } => ("config.invalid", ExitCode::Usage),
            blobs::Error::Full { .. } => ("input.too_large", ExitCode::Usage),
            blobs::Error::NotADigest(_)
            | blobs::Error::Missing(_)
            | blobs::Error::Torn { .. }
            | blobs::Error::Io { .. }
            | blobs::Error::Busy
            | blobs::Error::Server { .. }
            | blobs::Error::Objects { .. } => ("ledger.unreachable", ExitCode::Unreachable),
        };
        Self::of(code, exit, &error).hint(error.hint())
    }
}

impl From<store::Error> for CliError {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Blobs(error) => error.into(),
            store::Error::Pack(_) | store::Error::Unpack(_) | store::Error::Read(_) => {
                Self::of("internal", ExitCode::Internal, &error)
            }
        }
    }
}

impl From<collect::Error> for CliError {
    fn from(error: collect::Error) -> Self {
        match error {
            collect::Error::Store(error) => error.into(),
            collect::Error::Ledger(error) => error.into(),
            collect::Error::Write { .. } => {
                Self::of("ledger.unreachable", ExitCode::Unreachable, &error)
                    .hint("the results are safe in the ledger: make room, then `tableround export`")
            }
        }
    }
}

impl From<intake::Error> for CliError {
    fn from(error: intake::Error) -> Self {
        match error {
            intake::Error::Ledger(error) => error.into(),
            intake::Error::Blobs(error) => error.into(),
        }
    }
}

impl From<prune::Error> for CliError {
    fn from(error: prune::Error) -> Self {
        match error {
            prune::Error::Ledger(error) => error.into(),
            prune::Error::Blobs(error) => error.into(),
            prune::Error::Store(error) => error.into(),
        }
    }
}

impl From<Stop> for CliError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Die(error) | Stop::Retry(error) | Stop::Blocked { error, .. } => {
                Self::internal(format!("the estimate failed: {}", error.message))
            }
            Stop::Interrupted => Self::internal("the estimate was interrupted"),
        }
    }
}

impl From<config::Error> for CliError {
    fn from(error: config::Error) -> Self {
        match &error {
            // Each mistake begins its own line, so that editors and scripts find the place.
            config::Error::Mistakes(mistakes) => {
                let count = match mistakes.len() {
                    1 => "a mistake".to_owned(),
                    count => format!("{count} mistakes"),
                };
                Self::config(format!("{count} in the configuration\n{error}"))
            }
            config::Error::CommandLine(_) | config::Error::Unreadable { .. } => {
                Self::of("config.invalid", ExitCode::Usage, &error)
            }
        }
    }
}

impl From<ServiceError> for CliError {
    fn from(error: ServiceError) -> Self {
        let (code, exit) = match &error {
            ServiceError::KeyMissing { .. } => ("auth.key_missing", ExitCode::Key),
            ServiceError::Unknown { .. }
            | ServiceError::NoAddress { .. }
            | ServiceError::NoModel { .. } => ("config.invalid", ExitCode::Usage),
        };
        Self::of(code, exit, &error).hint(error.hint())
    }
}
