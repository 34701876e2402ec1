//! Who answers: requests out, replies in, errors with a class.
//!
//! Knows the wire and nothing of discussions, jobs or the ledger.

pub mod http;
mod redact;
mod usage;
mod answer;
pub mod error;
pub mod clocks;
mod body;
pub mod price;
pub mod tokens;
mod chat;
mod download;
mod image;
pub mod client;
pub mod presets;
pub mod gate;
pub mod rehearsal;
pub mod services;

use crate::domain::call::{Class, PriceSource};
use crate::domain::cost::{MicroUsd, Usage};
use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::time::Duration;

/// Who says a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    System,
    User,
}

/// A picture that travels with a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// SHA-256 of the bytes, hex.
    pub sha256: String,
    pub mime: String,
    pub bytes: Bytes,
}

/// The shape a structured answer must have.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    pub name: String,
    pub schema: Value,
}

/// A question to a chat or vision model.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatRequest {
    pub model: String,
    pub messages: Vec<(Speaker, String)>,
    /// Sent with the last message.
    pub picture: Option<Picture>,
    pub schema: Option<Schema>,
    pub temperature: f64,
    /// The largest answer, in tokens.
    pub tokens_max: u32,
    pub seed: u64,
}

/// An order for one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRequest {
    pub model: String,
    pub prompt: String,
    /// E.g. `1024x1024`.
    pub size: String,
    pub seed: u64,
}

/// Anything that can be asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    Chat(ChatRequest),
    Image(ImageRequest),
}

impl Request {
    /// The model asked.
    pub fn model(&self) -> &str {
        match self {
            Self::Chat(chat) => &chat.model,
            Self::Image(image) => &image.model,
        }
    }

    /// SHA-256, hex, over everything that decides the answer; a picture counts by its digest.
    pub fn sha256(&self) -> String {
        match self {
            Self::Chat(chat) => chat.sha256(),
            Self::Image(image) => image.sha256(),
        }
    }
}

impl ChatRequest {
    pub(super) fn sha256(&self) -> String {
        digest(&serde_json::json!({
            "model": self.model,
            "messages": self.messages.iter().map(|(speaker, text)| match speaker {
                Speaker::System => ["system", text],
                Speaker::User => ["user", text],
            }).collect::<Vec<_>>(),
            "picture": self.picture.as_ref().map(|p| &p.sha256),
            "schema": self.schema.as_ref().map(|s| (&s.name, &s.schema)),
            "temperature": self.temperature,
            "tokens_max": self.tokens_max,
            "seed": self.seed,
        }))
    }
}

impl ImageRequest {
    pub(super) fn sha256(&self) -> String {
        digest(&serde_json::json!({
            "model": self.model,
            "prompt": self.prompt,
            "size": self.size,
            "seed": self.seed,
        }))
    }
}

/// `serde_json` orders the keys of a `Value`, so equal requests have equal bytes.
fn digest(canonical: &Value) -> String {
    hex::encode(Sha256::digest(canonical.to_string()))
}

/// A generated image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    pub bytes: Bytes,
    /// Told from the bytes: `image/png`, `image/jpeg` or `image/webp`.
    pub mime: String,
}

/// What came back, complete.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    pub text: String,
    /// The text ends at the token limit (`finish_reason: length`).
    pub truncated: bool,
    pub images: Vec<Image>,
    pub usage: Usage,
    pub cost: Option<MicroUsd>,
    pub price_source: Option<PriceSource>,
    pub model_used: Option<String>,
    pub request_id: Option<String>,
}

/// Why there is no reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    pub class: Class,
    /// For a person: what the service said, without keys, at most 500 characters.
    pub message: String,
    /// HTTP status, where there was one.
    pub status: Option<u16>,
    /// There was nobody to connect to: the request never left.
    pub unreached: bool,
    /// How long the service asked us to wait, at most [`error::RETRY_AFTER_MAX`].
    pub retry_after: Option<Duration>,
    /// When the service said it would answer again, however far away: how long to leave it alone.
    pub resets_in: Option<Duration>,
    /// What a reply that was no answer used all the same, and what that cost.
    pub usage: Usage,
    pub cost: Option<(MicroUsd, PriceSource)>,
    pub request_id: Option<String>,
}

impl Error {
    /// An error that no reply told us about.
    pub fn new(class: Class, message: impl Into<String>) -> Self {
        Self {
            class,
            message: message.into(),
            status: None,
            unreached: false,
            retry_after: None,
            resets_in: None,
            usage: Usage::default(),
            cost: None,
            request_id: None,
        }
    }
}

/// What the rehearsal would answer, without asking it over the wire: for estimates.
pub fn rehearse(
    request: &ChatRequest,
    endpoint: &crate::domain::models::Endpoint,
) -> Result<rehearsal::Answer, rehearsal::Refusal> {
    rehearsal::answer(&chat::body(request, endpoint))
}
