//! A call: the discussion's only contact with the outside, and what the journal knows of it.

use super::cost::{MicroUsd, Usage};
use serde::{Deserialize, Serialize};

/// The name of one question, the same in every attempt: what the journal is keyed by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Call {
    /// The job's id, or `shared:<digest of the request>` for a call that several jobs share.
    pub scope: String,
    /// The stage's id in the agenda, e.g. `discuss`.
    pub stage: String,
    /// From 1.
    pub round: u32,
    /// The seat's id; empty where a stage asks once for the whole table.
    pub seat: String,
    /// 1 for the question, 2 for the one re-ask after an unreadable reply.
    pub ask: u32,
}

impl Call {
    /// Whether several jobs share this call.
    pub fn is_shared(&self) -> bool {
        self.scope.starts_with("shared:")
    }

    /// A short name for logs and tables: `discuss/1/craftsman/1`.
    pub fn path(&self) -> String {
        format!("{}/{}/{}/{}", self.stage, self.round, self.seat, self.ask)
    }
}

/// What a failed call was, as far as it matters for what happens next
/// (the table is in `provider::error`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Connection, time-out or an overloaded service: worth another try.
    Transient,
    /// Too many requests a minute: worth another try after a pause.
    RateLimited,
    /// A day's or an account's quota is used up: nothing helps before the reset.
    QuotaExhausted,
    /// The account has no money left.
    PaymentRequired,
    /// The request itself was refused.
    BadRequest,
    /// The model does not exist or may not be used.
    ModelUnknown,
    /// The request's body is too large.
    TooLarge,
    /// The prompt does not fit the model's context.
    ContextOverflow,
    /// The key is missing, wrong or not allowed.
    AuthRejected,
    /// The service's content filter refused the question or the answer.
    ContentBlocked,
    /// A reply came that holds no usable answer (HTTP 200 with an error, empty, cut off, HTML).
    BadReply,
    /// The answer was cut off at the token limit before it held anything usable.
    Truncated,
}

impl Class {
    /// The class's name in files and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::RateLimited => "rate_limited",
            Self::QuotaExhausted => "quota_exhausted",
            Self::PaymentRequired => "payment_required",
            Self::BadRequest => "bad_request",
            Self::ModelUnknown => "model_unknown",
            Self::TooLarge => "too_large",
            Self::ContextOverflow => "context_overflow",
            Self::AuthRejected => "auth_rejected",
            Self::ContentBlocked => "content_blocked",
            Self::BadReply => "bad_reply",
            Self::Truncated => "truncated",
        }
    }
}

/// How a call's record ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// An answer that could be read.
    Answered,
    /// The service will not answer this question; asking again would not help.
    Declined { class: Class, message: String },
    /// An answer came and could not be read as what was asked for.
    Unreadable { why: String },
    /// No answer; another try may get one.
    Failed { class: Class, message: String },
}

impl Outcome {
    /// Whether this closes the question for good: nothing that comes later changes it.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Answered | Self::Declined { .. } | Self::Unreadable { .. } => true,
            Self::Failed { .. } => false,
        }
    }
}

/// An image that a call returned, kept in the blobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageRef {
    /// SHA-256 of the bytes, hex: the blob's name.
    pub sha256: String,
    /// `image/png`, `image/jpeg` or `image/webp`, told from the bytes.
    pub mime: String,
}

/// Where a cost came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriceSource {
    /// The service said so in its reply.
    Reply,
    /// Tokens times the prices of the configuration file.
    Config,
    /// Tokens times the built-in price table.
    Table,
    /// A rehearsal costs nothing.
    Rehearsal,
}

/// A call is about to leave: written before it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    pub call: Call,
    /// From 1; a new number for every request that leaves the machine.
    pub r#try: u32,
    /// SHA-256 of the request, hex: a different one under the same name is a drift.
    pub request_sha256: String,
    pub batch: String,
    /// The job on whose behalf it is asked.
    pub job: String,
    /// The worker that asks, by the name it has for one start.
    pub worker: String,
    /// The attempt that asks: its lease token.
    pub attempt: String,
    pub provider: String,
    pub model_asked: String,
    /// What it may cost at most, where a price is known.
    pub reserved: Option<MicroUsd>,
}

/// A call came back: written before anything is done with the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settle {
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The answer's text; kept for unreadable ones too.
    pub text: String,
    /// The text ends at the token limit.
    pub truncated: bool,
    pub images: Vec<ImageRef>,
    pub usage: Usage,
    pub cost: Option<MicroUsd>,
    pub price_source: Option<PriceSource>,
    pub model_used: Option<String>,
    pub request_id: Option<String>,
    /// From the request's start to its end.
    pub ms: u64,
}

impl Settle {
    /// A call that ended without a reply worth keeping.
    pub fn without_reply(outcome: Outcome, ms: u64) -> Self {
        Self {
            outcome,
            text: String::new(),
            truncated: false,
            images: Vec::new(),
            usage: Usage::default(),
            cost: None,
            price_source: None,
            model_used: None,
            request_id: None,
            ms,
        }
    }
}

/// What the journal knows of one try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    #[serde(flatten)]
    pub open: Open,
    /// Ledger time, milliseconds since 1970.
    pub opened_at: i64,
    pub settle: Option<Settle>,
    /// A second final answer to a question that already had one: paid, kept, never used.
    pub duplicate: bool,
}

/// What to do about a question, given everything the journal knows of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// It was closed before; this is the record that counts.
    Known(Box<Record>),
    /// Somebody who is still alive is asking it right now.
    InFlight,
    /// Ask, with this number.
    Try(u32),
    /// The recorded request is not the one we would send now.
    Drift,
}

/// Decides [`Next`] for one call from its records (any order).
///
/// `alive` tells whether the asker of an unsettled record may still bring an answer; one that
/// may not is lost, and the question is asked again under the next number.
pub fn next(records: &[Record], request_sha256: &str, alive: impl Fn(&Open) -> bool) -> Next {
    if records.iter().any(|r| r.open.request_sha256 != request_sha256) {
        return Next::Drift;
    }
    let closed = |r: &&Record| {
        !r.duplicate && r.settle.as_ref().is_some_and(|settle| settle.outcome.is_final())
    };
    if let Some(known) = records.iter().find(closed) {
        return Next::Known(Box::new(known.clone()));
    }
    if records.iter().any(|r| r.settle.is_none() && alive(&r.open)) {
        return Next::InFlight;
    }
    Next::Try(records.iter().map(|r| r.open.r#try).max().unwrap_or(0) + 1)
}
