//! One check: what was looked at, how it came out, what to do.

use serde::Serialize;
use std::time::Instant;

/// How one check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Ok,
    Warn,
    Fail,
}

impl Verdict {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// A line of the report.
#[derive(Debug, Serialize)]
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) status: Verdict,
    pub(super) ms: u64,
    pub(super) message: String,
    /// What to do; empty where nothing is to be done.
    pub(super) fix: String,
}

impl Check {
    /// All is well.
    pub(super) fn ok(name: &'static str, message: impl Into<String>) -> Self {
        Self { name, status: Verdict::Ok, ms: 0, message: message.into(), fix: String::new() }
    }

    /// Work goes on, and somebody will be surprised.
    pub(super) fn warn(
        name: &'static str,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { status: Verdict::Warn, fix: fix.into(), ..Self::ok(name, message) }
    }

    /// Work cannot be done, or would be lost.
    pub(super) fn fail(
        name: &'static str,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { status: Verdict::Fail, fix: fix.into(), ..Self::ok(name, message) }
    }

    /// With the time that it took.
    pub(super) fn since(self, started: Instant) -> Self {
        let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Self { ms, ..self }
    }
}
