//! What a reply, or its absence, is written down as.

use crate::blobs;
use crate::discussion::{Answer, Stop};
use crate::domain::call::{Class, ImageRef, Open, Outcome, Record, Settle};
use crate::domain::job::JobError;
use crate::ledger::{Settled, decide};
use crate::prompt::reading::Unreadable;
use crate::provider::error::{Remedy, code, hint, remedy};
use crate::provider::{Error, Image, Reply};
use bytes::Bytes;
use std::time::Duration;

/// How long a service that stays busy is left alone when it does not say.
const BUSY_BLOCK: Duration = Duration::from_secs(30);
/// How long a service that is gone is left alone before one request looks again.
const GONE_BLOCK: Duration = Duration::from_secs(20);
/// How long a service whose quota is used up is left alone when it does not say.
const QUOTA_BLOCK: Duration = Duration::from_hours(1);

/// How one request ended for the attempt.
#[derive(Debug)]
pub(super) enum Ending {
    /// The question is closed by this record.
    Closed(Box<Record>),
    /// Ask again after this pause.
    Again(Duration),
    /// Nothing was asked: the model is to be left alone, and the gate is closed meanwhile.
    Held,
}

/// The settle of a request. `again`: another try will follow if this one failed.
///
/// A seat whose replies stay unusable is declined with the last try, so that the question is
/// closed: a replay then takes the same way.
pub(super) fn settle_of<R>(result: &Result<Reply, Error>, read: R, again: bool, ms: u64) -> Settle
where
    R: Fn(&Answer) -> Result<(), Unreadable>,
{
    let reply = match result {
        Ok(reply) => reply,
        Err(error) => {
            let (class, message) = (error.class, error.message.clone());
            let closes = match remedy(class) {
                Remedy::PerSeat => true,
                Remedy::TryAgain => class == Class::BadReply && !again,
                Remedy::Wait | Remedy::StopJob | Remedy::StopProvider => false,
            };
            let outcome = if closes {
                Outcome::Declined { class, message }
            } else {
                Outcome::Failed { class, message }
            };
            let settle = Settle::without_reply(outcome, ms);
            return Settle {
                usage: error.usage,
                cost: error.cost.map(|(cost, _)| cost),
                price_source: error.cost.map(|(_, source)| source),
                request_id: error.request_id.clone(),
                ..settle
            };
        }
    };
    let images: Vec<ImageRef> = reply.images.iter().map(named).collect();
    let answer =
        Answer { text: reply.text.clone(), truncated: reply.truncated, images: images.clone() };
    let outcome = match read(&answer) {
        Ok(()) => Outcome::Answered,
        Err(why) => Outcome::Unreadable { why: why.to_string() },
    };
    Settle {
        outcome,
        text: answer.text,
        truncated: answer.truncated,
        images,
        usage: reply.usage,
        cost: reply.cost,
        price_source: reply.price_source,
        model_used: reply.model_used.clone(),
        request_id: reply.request_id.clone(),
        ms,
    }
}

/// The end of a request in the log: what it was and what it took, nothing of what was said.
pub(super) fn tell(open: &Open, settle: &Settle, settled: &Settled) {
    let (outcome, class) = match (&settle.outcome, settled) {
        (_, Settled::Duplicate(_)) => ("duplicate_paid", None),
        (Outcome::Answered, Settled::First) => ("answered", None),
        (Outcome::Unreadable { .. }, Settled::First) => ("unreadable", None),
        (Outcome::Declined { class, .. }, Settled::First) => ("declined", Some(*class)),
        (Outcome::Failed { class, .. }, Settled::First) => ("failed", Some(*class)),
    };
    tracing::info!(
        r#try = open.r#try,
        provider = %open.provider,
        model = %open.model_asked,
        ms = settle.ms,
        tokens_in = settle.usage.tokens_in,
        tokens_out = settle.usage.tokens_out,
        cost_usd = settle.cost.map(tracing::field::display),
        class = class.map(Class::as_str),
        request_id = settle.request_id,
        "{outcome}"
    );
}

/// A generated image by the name that it will have among the blobs.
fn named(image: &Image) -> ImageRef {
    ImageRef { sha256: blobs::digest(&image.bytes), mime: image.mime.clone() }
}

/// The images that go to the blobs before the settle that names them.
pub(super) fn images_of(result: &Result<Reply, Error>) -> Vec<Bytes> {
    let images = result.as_ref().map_or(&[][..], |reply| &reply.images);
    images.iter().map(|image| image.bytes.clone()).collect()
}

/// How long a model should be left alone after this request, and why. One that does not say how
/// long, and is not asked `again` here, is left alone as long as its whole service.
pub(super) fn pause_of(
    result: &Result<Reply, Error>,
    again: bool,
    is_gone: bool,
) -> Option<(String, Duration)> {
    let error = result.as_ref().err()?;
    let told = error.resets_in.or(error.retry_after).filter(|wait| !wait.is_zero());
    let wait = told.or_else(|| block_of(error, is_gone).filter(|_| !again))?;
    Some((format!("{}: {}", code(error.class), error.message), wait))
}

/// What an error that no further try mends means for the attempt. `is_gone`: the service was there
/// before, and nobody is there now; jobs wait for it, and none is charged.
pub(super) fn stop_of(error: &Error, provider: &str, is_gone: bool) -> Stop {
    let job_error = JobError {
        code: code(error.class).to_owned(),
        message: error.message.clone(),
        hint: hint(error.class, provider),
    };
    match remedy(error.class) {
        Remedy::TryAgain if !is_gone => Stop::Retry(job_error),
        Remedy::StopJob | Remedy::PerSeat => Stop::Die(job_error),
        Remedy::TryAgain | Remedy::Wait | Remedy::StopProvider => {
            leave_alone(provider, job_error, block_of(error, is_gone))
        }
    }
}

/// Whether the service is there again: even a refusal is an answer.
pub(super) fn answers(result: &Result<Reply, Error>) -> bool {
    result.as_ref().map_or_else(|error| !remedy(error.class).is_worth_a_try(), |_| true)
}

/// A model that is left alone for longer than a slot is held.
pub(super) fn held(provider: &str, model: &str, wait: Duration) -> Stop {
    let error = JobError {
        code: code(Class::RateLimited).to_owned(),
        message: format!("{model} is left alone for {} s, as it asked", wait.as_secs()),
        hint: "`tableround status` shows since when and why".to_owned(),
    };
    leave_alone(provider, error, Some(wait))
}

/// Nobody asks the service for so long; none: until somebody lifts the block.
fn leave_alone(provider: &str, error: JobError, wait: Option<Duration>) -> Stop {
    let for_ms = wait.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
    Stop::Blocked { resource: decide::provider_resource(provider), error, for_ms }
}

/// How long a service is left alone; none: until somebody lifts the block.
fn block_of(error: &Error, is_gone: bool) -> Option<Duration> {
    let asked = error.resets_in.or(error.retry_after);
    match error.class {
        Class::Transient if is_gone => Some(GONE_BLOCK),
        Class::RateLimited => Some(asked.unwrap_or(BUSY_BLOCK)),
        Class::QuotaExhausted => Some(asked.unwrap_or(QUOTA_BLOCK)),
        Class::AuthRejected
        | Class::PaymentRequired
        | Class::Transient
        | Class::BadRequest
        | Class::ModelUnknown
        | Class::TooLarge
        | Class::ContextOverflow
        | Class::ContentBlocked
        | Class::BadReply
        | Class::Truncated => None,
    }
}
