//! The wire: what is ordered, what is answered, what is refused, in OpenAI's shapes.

use crate::domain::cost::Usage;
use crate::domain::spec::Language;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The name the rehearsal answers under, whatever model was asked for.
pub const MODEL: &str = "rehearsal";

/// Why the rehearsal does not answer, as a real service would say it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The HTTP status that goes with it.
    pub status: u16,
    /// OpenAI's machine-readable reason.
    pub code: &'static str,
    /// OpenAI's sentence for a person.
    pub message: String,
}

impl Refusal {
    /// A refusal of a request that is wrong in itself.
    pub(super) fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: 400, code, message: message.into() }
    }

    /// The body of the error reply.
    pub fn to_json(&self) -> Value {
        json!({"error": {
            "message": self.message,
            "type": "invalid_request_error",
            "param": null,
            "code": self.code,
        }})
    }
}

/// A chat request, read.
#[derive(Debug)]
pub(super) struct Order<'a> {
    /// All system text.
    pub(super) system: String,
    /// The last user message's text.
    pub(super) user: String,
    /// The picture's bytes, where there is one.
    pub(super) picture: Option<Vec<u8>>,
    /// The name and the schema of the answer asked for.
    pub(super) schema: Option<(&'a str, &'a Value)>,
    tokens_max: Option<u64>,
    tokens_in: u64,
    /// SHA-256 of all that decides the answer, hex.
    pub(super) digest: String,
}

impl<'a> Order<'a> {
    pub(super) fn read(body: &'a Value) -> Result<Self, Refusal> {
        if !body["model"].is_string() {
            return Err(Refusal::bad_request("missing_model", "you must provide a model"));
        }
        let messages =
            body["messages"].as_array().filter(|list| !list.is_empty()).ok_or_else(|| {
                Refusal::bad_request("missing_messages", "`messages` must be a non-empty array")
            })?;
        let mut order = Self {
            system: String::new(),
            user: String::new(),
            picture: None,
            schema: schema(body)?,
            tokens_max: body["max_completion_tokens"].as_u64().or(body["max_tokens"].as_u64()),
            tokens_in: 0,
            digest: digest(body),
        };
        for message in messages {
            order.take(message)?;
        }
        Ok(order)
    }

    fn take(&mut self, message: &Value) -> Result<(), Refusal> {
        let (text, picture) = content(&message["content"])?;
        self.tokens_in += tokens(&text) + 4;
        match message["role"].as_str() {
            Some("system" | "developer") => self.system = join(&self.system, &text),
            Some("user") => self.user = text,
            Some("assistant" | "tool") => {}
            _ => return Err(Refusal::bad_request("invalid_role", "a message has no known role")),
        }
        if let Some(bytes) = picture {
            self.tokens_in += 765; // what OpenAI counts for a picture of four tiles
            self.picture = Some(bytes);
        }
        Ok(())
    }

    /// The language of the last user text.
    pub(super) fn language(&self) -> Language {
        let han = self.user.chars().filter(|&c| is_han(c)).count();
        let latin = self.user.chars().filter(char::is_ascii_alphabetic).count();
        // A Chinese word is about two characters, an English one about five.
        if han * 3 > latin { Language::Zh } else { Language::En }
    }
}

fn join(before: &str, after: &str) -> String {
    if before.is_empty() { after.to_owned() } else { format!("{before}\n\n{after}") }
}

/// The text and the picture of one message.
fn content(content: &Value) -> Result<(String, Option<Vec<u8>>), Refusal> {
    if let Some(text) = content.as_str() {
        return Ok((text.to_owned(), None));
    }
    let wrong = || Refusal::bad_request("invalid_content", "`content` is neither text nor parts");
    let mut texts = Vec::new();
    let mut picture = None;
    for part in content.as_array().ok_or_else(wrong)? {
        match part["type"].as_str() {
            Some("text") => texts.push(part["text"].as_str().ok_or_else(wrong)?),
            Some("image_url") => {
                let url = part["image_url"]["url"].as_str().ok_or_else(wrong)?;
                picture = Some(data_url(url)?);
            }
            _ => return Err(wrong()),
        }
    }
    Ok((texts.join("\n\n"), picture))
}

/// The bytes of a `data:` URL, whose MIME type must be true.
fn data_url(url: &str) -> Result<Vec<u8>, Refusal> {
    let refuse = |message: &str| Refusal::bad_request("invalid_image_url", message);
    let (mime, encoded) = url
        .strip_prefix("data:")
        .and_then(|rest| rest.split_once(";base64,"))
        .ok_or_else(|| refuse("only `data:` URLs in base64 are understood"))?;
    let bytes = STANDARD.decode(encoded).map_err(|_| refuse("the picture is not valid base64"))?;
    let found = mime_of(&bytes).ok_or_else(|| refuse("the picture is neither JPEG nor PNG"))?;
    if mime != found {
        return Err(refuse(&format!("the picture is called {mime} and is {found}")));
    }
    Ok(bytes)
}

fn mime_of(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
        Some("image/jpeg")
    } else {
        None
    }
}

/// The name and schema of `response_format`; the two weaker formats carry none.
fn schema(body: &Value) -> Result<Option<(&str, &Value)>, Refusal> {
    let format = &body["response_format"];
    match format["type"].as_str() {
        None if format.is_null() => Ok(None),
        Some("text" | "json_object") => Ok(None),
        Some("json_schema") => {
            let named = &format["json_schema"];
            let name = named["name"].as_str();
            name.filter(|_| named["schema"].is_object())
                .map(|name| Some((name, &named["schema"])))
                .ok_or_else(|| {
                    Refusal::bad_request("invalid_schema", "`json_schema` needs name and schema")
                })
        }
        _ => Err(Refusal::bad_request("invalid_format", "unknown `response_format`")),
    }
}

/// SHA-256 of the body, hex. How the answer is delivered does not decide what it says.
fn digest(body: &Value) -> String {
    let mut body = body.clone();
    if let Some(fields) = body.as_object_mut() {
        fields.remove("stream");
        fields.remove("stream_options");
    }
    hex::encode(Sha256::digest(body.to_string()))
}

/// A Chinese ideograph.
pub(super) fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

/// A wide character counts as a token of its own, four bytes of anything else as one.
fn tokens(text: &str) -> u64 {
    let (wide, narrow) = text.chars().fold((0, 0), |(wide, narrow), c| {
        if c.len_utf8() >= 3 { (wide + 1, narrow) } else { (wide, narrow + c.len_utf8() as u64) }
    });
    wide + narrow.div_ceil(4)
}

/// A complete answer to a chat request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub text: String,
    /// The text was cut at the request's token limit (`finish_reason: length`).
    pub truncated: bool,
    /// Counted by a rule of thumb: a wide character is a token, four other bytes are one.
    pub usage: Usage,
    id: String,
}

impl Answer {
    pub(super) fn new(order: &Order<'_>, text: String) -> Self {
        let limit = order.tokens_max.unwrap_or(u64::MAX);
        let (text, truncated) = cut(text, limit);
        let usage = Usage {
            tokens_in: Some(order.tokens_in),
            tokens_out: Some(tokens(&text)),
            ..Usage::default()
        };
        let id = format!("chatcmpl-rehearsal-{}", order.digest.get(..16).unwrap_or_default());
        Self { text, truncated, usage, id }
    }

    fn finish_reason(&self) -> &'static str {
        if self.truncated { "length" } else { "stop" }
    }

    fn usage_json(&self) -> Value {
        let (sent, received) = (self.usage.tokens_in, self.usage.tokens_out);
        let total = sent.unwrap_or_default() + received.unwrap_or_default();
        json!({"prompt_tokens": sent, "completion_tokens": received, "total_tokens": total})
    }

    /// The body of a reply that is not streamed. No clock decides any of it: `created` is 0.
    pub fn completion(&self) -> Value {
        json!({
            "id": self.id, "object": "chat.completion", "created": 0, "model": MODEL,
            "choices": [{
                "index": 0,
                "message": {"role": "assistant", "content": self.text},
                "finish_reason": self.finish_reason(),
            }],
            "usage": self.usage_json(),
        })
    }

    /// The `data:` payloads of a streamed reply, `[DONE]` included: the role, a few words at a
    /// time, the finish, and the usage where `with_usage` asks for it.
    pub fn chunks(&self, with_usage: bool) -> Vec<String> {
        let chunk = |choices: Value, usage: Value| {
            json!({"id": self.id, "object": "chat.completion.chunk", "created": 0, "model": MODEL,
                   "choices": choices, "usage": usage})
            .to_string()
        };
        let delta = |delta: Value, finish: Option<&str>| {
            chunk(json!([{"index": 0, "delta": delta, "finish_reason": finish}]), Value::Null)
        };
        let mut chunks = vec![delta(json!({"role": "assistant", "content": ""}), None)];
        chunks
            .extend(pieces(&self.text).iter().map(|piece| delta(json!({"content": piece}), None)));
        chunks.push(delta(json!({}), Some(self.finish_reason())));
        if with_usage {
            chunks.push(chunk(json!([]), self.usage_json()));
        }
        chunks.push("[DONE]".to_owned());
        chunks
    }
}

/// The beginning of a text that fits a token limit, and whether anything was lost.
fn cut(text: String, tokens_max: u64) -> (String, bool) {
    if tokens(&text) <= tokens_max {
        return (text, false);
    }
    let mut kept = String::new();
    for c in text.chars() {
        kept.push(c);
        if tokens(&kept) > tokens_max {
            kept.pop();
            break;
        }
    }
    (kept, true)
}

/// A text in pieces of about three words, or four ideographs.
fn pieces(text: &str) -> Vec<String> {
    const WEIGHT_MAX: usize = 12;
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let mut weight = 0;
    for c in text.chars() {
        piece.push(c);
        weight += c.len_utf8();
        if weight >= WEIGHT_MAX && (c.is_whitespace() || c.len_utf8() >= 3) {
            pieces.push(std::mem::take(&mut piece));
            weight = 0;
        }
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    pieces
}
