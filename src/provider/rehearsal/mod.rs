//! The rehearsal: an OpenAI-compatible service inside the binary, on loopback, that asks no model.
//!
//! It is given what a real service is given and nothing else: messages, a schema, a picture. It
//! measures the picture, speaks from the persona it is handed, and paints with the colours it is
//! told. The same request gets the same bytes. Whoever uses it labels what it makes.

mod bank;
mod briefing;
mod dice;
mod glyphs;
mod paint;
mod papers;
mod persona;
mod scene;
mod server;
mod sight;
mod speaker;
mod speech;
#[cfg(test)]
mod tests;
mod wire;

pub use paint::paint;
pub use server::{Rehearsal, router};
pub use wire::{Answer, MODEL, Refusal};

use crate::provider::rehearsal::bank::Bank;
use crate::provider::rehearsal::briefing::{Ask, Briefing};
use crate::provider::rehearsal::wire::Order;
use serde_json::Value;

/// Answers the body of a `POST /v1/chat/completions`: a pure function, one answer to one body.
///
/// Whether the answer is to be streamed plays no part in it.
///
/// # Errors
/// A [`Refusal`] where a real service would refuse: a body without messages or model, a picture
/// that cannot be decoded, or whose MIME type is not what its bytes are.
pub fn answer(body: &Value) -> Result<Answer, Refusal> {
    let order = Order::read(body)?;
    let bank = Bank::of(order.language());
    let text = match &order.picture {
        Some(bytes) => sight::describe(bytes, bank)?,
        None => reply(&order, bank),
    };
    Ok(Answer::new(&order, text))
}

/// What is said to a request without a picture.
fn reply(order: &Order<'_>, bank: &'static Bank) -> String {
    let brief = Briefing::read(order);
    match brief.ask {
        Ask::Ballot => papers::ballot(order, &brief, bank),
        Ask::Ranking => papers::ranking(order, &brief, bank),
        Ask::Clusters => papers::clusters(order, &brief, bank),
        Ask::Card => papers::card(order, &brief, bank),
        Ask::Keywords => speech::keywords(order, &brief, bank),
        Ask::Introduce => speech::introduce(order, &brief, bank),
        Ask::Story => speech::story(order, &brief, bank),
        Ask::Discuss => speech::discuss(order, &brief, bank),
        Ask::Switch => speech::switch(order, &brief, bank),
        Ask::Rediscuss => speech::rediscuss(order, &brief, bank),
    }
}
