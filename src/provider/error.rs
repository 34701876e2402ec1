//! One function from what happened to what it means, [`classify`], and what each class asks
//! of whom, [`remedy`]. Nobody else looks at a status code.
//!
//! What a service says in its body goes before its status, because 429, 400 and even 200 each
//! stand for several things; the order is: a named kind, then a code, then telling phrases,
//! then the status.

mod said;
mod wait;
#[cfg(test)]
mod tests;

use crate::domain::call::Class;
use reqwest::header::{HeaderMap, HeaderValue};
use said::Said;
use serde_json::Value;
use std::time::{Duration, SystemTime};

/// The longest wait that an error asks of the caller. What a service asks beyond it is still
/// told, in [`Verdict::resets_in`]; a bad header must not put a worker to sleep for a year.
pub const RETRY_AFTER_MAX: Duration = Duration::from_mins(2);

/// Everything that can happen to a request instead of an answer.
#[derive(Debug)]
pub enum Happened {
    /// The request could not even be made: the address or the key is no valid one.
    NotSent(String),
    /// No connection, to what and why: name, TCP or TLS.
    NotConnected(String),
    /// One of the clocks ran out.
    TimedOut(Clock),
    /// The connection broke after the request had begun to leave.
    Broken(String),
    /// An answer with a status other than 2xx.
    Status { status: u16, headers: HeaderMap, body: Vec<u8> },
    /// A 2xx answer, or a stream that had begun well, with an error object in it.
    ErrorInBody(Value),
    /// A 2xx answer that is over without being one.
    Ended(End),
}

/// The four clocks of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    Connect,
    /// From sending to the first data; comments and blank lines do not count.
    FirstData,
    BetweenData,
    Total,
}

/// How a 2xx answer can end without being an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Nothing was said.
    Empty,
    /// Nothing was said before the token limit was reached; thinking used it up.
    EmptyAtLimit,
    /// It stopped without a finish reason.
    CutOff,
    /// `finish_reason` says that it failed.
    Failed(String),
    /// `finish_reason` says that the service ran out of capacity.
    Overloaded,
    /// `finish_reason` says that a filter stepped in, or the model refused.
    Blocked,
    /// A web page.
    Html(String),
    /// Neither JSON nor a stream of it; the beginning of what it was.
    NotJson(String),
    /// More than is kept.
    TooLong,
    /// No image, or one that is none; why.
    NoImage(String),
}

/// What it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub class: Class,
    /// As the service or the system said it; not yet redacted.
    pub message: String,
    pub status: Option<u16>,
    /// How long to wait, at most [`RETRY_AFTER_MAX`].
    pub retry_after: Option<Duration>,
    /// When the service said it will answer again, however far away.
    pub resets_in: Option<Duration>,
}

/// Who acts on an error, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// The journal tries again in place, a few times, after a short back-off.
    TryAgain,
    /// The journal tries again in place after the pause that was asked for; the gate holds back
    /// everybody else who asks the same model.
    Wait,
    /// This question stays without an answer: the seat's turn is shown as blocked or not
    /// obtained, and the discussion goes on.
    PerSeat,
    /// No retry mends it and every other question would fail the same way: the job is dead.
    StopJob,
    /// The whole provider is of no use for now: the worker blocks the resource, and the jobs
    /// wait without being charged an attempt.
    StopProvider,
}

impl From<reqwest::Error> for Happened {
    /// A failure of the transport. Of the URL only the host is shown: the rest may hold secrets.
    fn from(error: reqwest::Error) -> Self {
        let mut deepest: &dyn std::error::Error = &error;
        while let Some(source) = deepest.source() {
            deepest = source;
        }
        let why = deepest.to_string();
        let host =
            error.url().and_then(|url| Some((url.host_str()?, url.port_or_known_default()?)));
        if error.is_builder() {
            Self::NotSent(why)
        } else if error.is_timeout() {
            Self::TimedOut(Clock::Connect)
        } else if error.is_connect() {
            Self::NotConnected(match host {
                Some((host, port)) => format!("{host}:{port}: {why}"),
                None => why,
            })
        } else {
            Self::Broken(why)
        }
    }
}

impl Happened {
    /// A body that should have been JSON.
    pub(super) fn not_json(body: &[u8]) -> Self {
        Self::Ended(End::NotJson(said::readable(&String::from_utf8_lossy(body))))
    }

    /// A body that is a web page.
    pub(super) fn page(body: &[u8]) -> Self {
        Self::Ended(End::Html(said::readable(&String::from_utf8_lossy(body))))
    }
}

impl Remedy {
    /// Whether the journal may ask again in place.
    pub fn is_worth_a_try(self) -> bool {
        match self {
            Self::TryAgain | Self::Wait => true,
            Self::PerSeat | Self::StopJob | Self::StopProvider => false,
        }
    }
}

/// What happened → what it is. `now` is the local time, used for dates in headers where the
/// service does not tell its own.
pub fn classify(happened: &Happened, now: SystemTime) -> Verdict {
    match happened {
        Happened::NotSent(why) => plain(Class::BadRequest, format!("cannot ask: {why}")),
        Happened::NotConnected(why) => plain(Class::Transient, format!("no connection to {why}")),
        Happened::Broken(why) => plain(Class::Transient, format!("connection broke: {why}")),
        Happened::TimedOut(clock) => plain(Class::Transient, clock.message().to_owned()),
        Happened::Status { status, headers, body } => of_status(*status, headers, body, now),
        Happened::ErrorInBody(error) => in_body(error, now),
        Happened::Ended(end) => plain(end.class(), end.message()),
    }
}

/// What to do about a class of errors.
pub fn remedy(class: Class) -> Remedy {
    match class {
        Class::Transient | Class::BadReply => Remedy::TryAgain,
        Class::RateLimited => Remedy::Wait,
        // An overflow or a cut-off belongs to one prompt; the others at the table may fit.
        Class::ContentBlocked | Class::Truncated | Class::ContextOverflow => Remedy::PerSeat,
        Class::BadRequest | Class::ModelUnknown | Class::TooLarge => Remedy::StopJob,
        Class::QuotaExhausted | Class::PaymentRequired | Class::AuthRejected => {
            Remedy::StopProvider
        }
    }
}

/// The error code that users see.
pub fn code(class: Class) -> &'static str {
    match class {
        Class::Transient | Class::RateLimited | Class::BadReply => "provider.unavailable",
        Class::QuotaExhausted | Class::PaymentRequired => "provider.quota",
        Class::ModelUnknown => "provider.model_unknown",
        Class::AuthRejected => "auth.rejected",
        Class::ContentBlocked => "provider.content_blocked",
        Class::TooLarge | Class::ContextOverflow => "input.too_large",
        Class::BadRequest | Class::Truncated => "config.invalid",
    }
}

/// The way out, in one sentence.
pub fn hint(class: Class, provider: &str) -> String {
    match class {
        Class::Transient | Class::BadReply => format!(
            "{provider} did not give a usable answer; what was answered is kept, try again later"
        ),
        Class::RateLimited => {
            format!("{provider} limits requests; lower --max-calls or try again later")
        }
        Class::QuotaExhausted => {
            format!("the quota at {provider} is used up; go on after its reset or raise it there")
        }
        Class::PaymentRequired => format!("add credit to the account at {provider}, then go on"),
        Class::AuthRejected => {
            format!("check the key for {provider} and what it is allowed to do")
        }
        Class::ModelUnknown => format!(
            "check the model's name and the base URL; {provider} lists its models under /models"
        ),
        Class::BadRequest => format!(
            "{provider} refuses this form of request; if it does not know JSON schemas, set \
             structured = \"json_object\" or \"prompt\" for it"
        ),
        Class::TooLarge => {
            "the picture or the request is too large for this service; lower --max-width or \
             --max-height"
                .to_owned()
        }
        Class::ContextOverflow => {
            "the discussion does not fit this model; use one with a larger context or fewer rounds"
                .to_owned()
        }
        Class::ContentBlocked => format!(
            "{provider}'s content filter stepped in; another model may accept this picture and topic"
        ),
        Class::Truncated => {
            "the model used up its token limit without an answer; use a model that thinks less or \
             raise the limit"
                .to_owned()
        }
    }
}

fn plain(class: Class, message: String) -> Verdict {
    Verdict { class, message, status: None, retry_after: None, resets_in: None }
}

fn of_status(status: u16, headers: &HeaderMap, body: &[u8], now: SystemTime) -> Verdict {
    let said = Said::read(body);
    let message = if (300..400).contains(&status) {
        let target = headers.get("location").and_then(|v| v.to_str().ok()).unwrap_or("nowhere");
        format!("HTTP {status}: redirected to {target}; redirects are not followed")
    } else {
        format!("HTTP {status}: {}", said.message_or("no further explanation"))
    };
    let now = wait::server_time(headers).unwrap_or(now);
    let asked = wait::in_headers(headers, now).or_else(|| said.wait(now));
    let class = said.class(status, wait::retry_after(headers, now).is_some());
    let class = match headers.get("x-should-retry").map(HeaderValue::as_bytes) {
        Some(b"true") => encouraged(class),
        Some(b"false") => discouraged(class),
        Some(_) | None => class,
    };
    let status = Some(status);
    Verdict { class, message, status, retry_after: capped(class, asked), resets_in: asked }
}

fn in_body(error: &Value, now: SystemTime) -> Verdict {
    let said = Said::of_error(error);
    let asked = said.wait(now);
    let class = match said.status() {
        Some(status) => said.class(status, asked.is_some()),
        None => said.class_without_status(),
    };
    Verdict {
        class,
        message: said.message_or("an error without explanation"),
        status: None,
        retry_after: capped(class, asked),
        resets_in: asked,
    }
}

/// A wait is worth obeying only where waiting helps.
fn capped(class: Class, asked: Option<Duration>) -> Option<Duration> {
    match remedy(class) {
        Remedy::TryAgain | Remedy::Wait | Remedy::StopProvider => {
            asked.map(|wait| wait.min(RETRY_AFTER_MAX))
        }
        Remedy::PerSeat | Remedy::StopJob => None,
    }
}

/// `x-should-retry: true` (OpenAI): a refusal that it says will pass.
fn encouraged(class: Class) -> Class {
    if class == Class::BadRequest { Class::Transient } else { class }
}

/// `x-should-retry: false` (OpenAI): asking again is of no use, whatever the status says.
fn discouraged(class: Class) -> Class {
    match class {
        Class::RateLimited => Class::QuotaExhausted,
        Class::Transient => Class::BadRequest,
        Class::QuotaExhausted
        | Class::PaymentRequired
        | Class::BadRequest
        | Class::ModelUnknown
        | Class::TooLarge
        | Class::ContextOverflow
        | Class::AuthRejected
        | Class::ContentBlocked
        | Class::BadReply
        | Class::Truncated => class,
    }
}

impl Clock {
    fn message(self) -> &'static str {
        match self {
            Self::Connect => "no connection in time",
            Self::FirstData => "no answer began in time",
            Self::BetweenData => "the answer stalled",
            Self::Total => "the answer took too long as a whole",
        }
    }
}

impl End {
    fn class(&self) -> Class {
        match self {
            Self::Empty
            | Self::CutOff
            | Self::Failed(_)
            | Self::Html(_)
            | Self::NotJson(_)
            | Self::TooLong
            | Self::NoImage(_) => Class::BadReply,
            Self::EmptyAtLimit => Class::Truncated,
            Self::Overloaded => Class::Transient,
            Self::Blocked => Class::ContentBlocked,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Empty => "an empty answer".to_owned(),
            Self::EmptyAtLimit => "the token limit was reached before anything was said".to_owned(),
            Self::CutOff => "the answer ended without a finish reason".to_owned(),
            Self::Failed(finish) => format!("the answer ended with `{finish}`"),
            Self::Overloaded => "the service ran out of capacity".to_owned(),
            Self::Blocked => "the content filter stepped in".to_owned(),
            Self::Html(title) => format!("a web page instead of an answer: {title}"),
            Self::NotJson(head) => format!("not an answer of a chat service: {head}"),
            Self::TooLong => "the answer is longer than is kept".to_owned(),
            Self::NoImage(why) => format!("no usable image: {why}"),
        }
    }
}
