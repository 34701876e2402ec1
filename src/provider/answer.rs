//! What comes back from a chat, put together piece by piece.
//!
//! Pure: chunks in, one answer or one fault out. A streamed chunk and a whole body differ only
//! in `delta` and `message`, so both go through [`Answer::take`].

use super::error::{End, Happened};
use super::usage;
use crate::domain::cost::Usage;
use serde_json::Value;

/// The longest answer that is kept, in bytes: far above any real one, and a bound on memory.
pub(super) const TEXT_BYTES_MAX: usize = 2 << 20;
/// Longest identifier or model name that is kept, in characters.
const NAME_CHARS_MAX: usize = 200;

/// An answer in the making.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub text: String,
    /// Why the model stopped, once it has said so.
    pub finish: Option<String>,
    pub usage: Usage,
    /// US dollars, where the service names them.
    pub cost_usd: Option<f64>,
    pub model: Option<String>,
    pub request_id: Option<String>,
    refusal: String,
    /// Anything at all was said, if only in thought.
    spoke: bool,
}

impl Answer {
    /// Takes in one chunk and returns the text it added.
    pub(super) fn take(&mut self, chunk: &Value) -> Result<String, Happened> {
        if let Some(error) = error_in(chunk) {
            return Err(Happened::ErrorInBody(error.clone()));
        }
        self.take_facts(chunk);
        let Some(choice) = chunk.pointer("/choices/0") else { return Ok(String::new()) };
        if let Some(finish) = choice.get("finish_reason").and_then(Value::as_str) {
            self.finish = Some(finish.to_owned());
        }
        let said = choice.get("delta").or_else(|| choice.get("message")).unwrap_or(&Value::Null);
        if let Some(refusal) = said.get("refusal").and_then(Value::as_str) {
            self.refusal.push_str(refusal);
        }
        let thought = ["reasoning", "reasoning_content", "reasoning_text"];
        self.spoke |= thought.iter().any(|field| said.get(field).is_some_and(|v| !v.is_null()));
        let added = text_of(said.get("content").unwrap_or(&Value::Null));
        self.spoke |= !added.is_empty();
        self.text.push_str(&added);
        if self.text.len() + self.refusal.len() > TEXT_BYTES_MAX {
            return Err(Happened::Ended(End::TooLong));
        }
        Ok(added)
    }

    /// Whether this is an answer, now that nothing more will come.
    pub(super) fn judge(&self) -> Result<(), Happened> {
        let Some(finish) = self.finish.as_deref() else {
            return Err(Happened::Ended(if self.spoke { End::CutOff } else { End::Empty }));
        };
        let empty = self.text.trim().is_empty();
        match finish {
            "content_filter" | "refusal" | "sensitive" | "SAFETY" | "PROHIBITED_CONTENT"
            | "BLOCKLIST" | "RECITATION" | "SPII" => Err(Happened::Ended(End::Blocked)),
            "error" => Err(Happened::Ended(End::Failed(finish.to_owned()))),
            "insufficient_system_resource" => Err(Happened::Ended(End::Overloaded)),
            _ if !empty => Ok(()),
            "length" | "MAX_TOKENS" => Err(Happened::Ended(End::EmptyAtLimit)),
            _ if !self.refusal.trim().is_empty() => Err(Happened::Ended(End::Blocked)),
            _ => Err(Happened::Ended(End::Empty)),
        }
    }

    /// The text ends where the token limit was reached.
    pub(super) fn truncated(&self) -> bool {
        matches!(self.finish.as_deref(), Some("length" | "MAX_TOKENS"))
    }

    fn take_facts(&mut self, chunk: &Value) {
        let name = |field: &str| {
            let text = chunk.get(field)?.as_str()?;
            (!text.is_empty()).then(|| text.chars().take(NAME_CHARS_MAX).collect::<String>())
        };
        if let Some(model) = name("model") {
            self.model = Some(model);
        }
        if self.request_id.is_none() {
            self.request_id = name("id");
        }
        if let Some(reported) = chunk.get("usage").filter(|usage| usage.is_object()) {
            self.usage = usage::tokens(reported);
            self.cost_usd = usage::cost_usd(reported);
        }
    }
}

/// An error that says something: under `error`, in an array around that, or, where there are no
/// choices, the chunk itself.
fn error_in(chunk: &Value) -> Option<&Value> {
    let chunk = chunk.as_array().map_or(Some(chunk), |items| items.first())?;
    let named = chunk.get("error").filter(|error| match error {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Bool(true) | Value::Number(_) | Value::Array(_) => true,
    });
    let bare =
        || chunk.get("choices").is_none() && chunk.get("message").is_some_and(Value::is_string);
    named.or_else(|| bare().then_some(chunk))
}

/// `content` is a string, nothing, or a list of parts of which the texts count.
fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str)).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => String::new(),
    }
}
