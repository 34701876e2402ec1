//! What leaves the machine: the body of a `POST {base}/chat/completions`.

use super::{ChatRequest, Picture, Schema, Speaker};
use crate::domain::models::{Endpoint, Structured};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// The request's body, the same bytes for the same request.
pub(super) fn body(request: &ChatRequest, endpoint: &Endpoint) -> Value {
    let mut body = Map::new();
    let mut set = |field: &str, value: Value| {
        body.insert(field.to_owned(), value);
    };
    set("model", json!(request.model));
    set("messages", messages(request, endpoint.structured));
    set("temperature", json!(request.temperature));
    set(tokens_field(endpoint), json!(request.tokens_max));
    // Streamed even though nobody may be watching: an aborted stream stops costing money at
    // several services, an aborted plain request does not.
    set("stream", json!(true));
    set("stream_options", json!({ "include_usage": true }));
    if let Some(format) = request.schema.as_ref().and_then(|s| format(s, endpoint.structured)) {
        set("response_format", format);
    }
    let openrouter = endpoint.provider == "openrouter";
    let routed_by_parameters = openrouter && request.schema.is_some();
    if routed_by_parameters {
        // Otherwise a model behind the router may drop the schema without a word.
        set("provider", json!({ "require_parameters": true }));
    }
    if !routed_by_parameters {
        // Few models know `seed`; requiring it would exclude the others.
        set("seed", json!(request.seed));
    }
    if openrouter {
        set("usage", json!({ "include": true }));
    }
    if endpoint.provider == "deepseek" {
        // Its models think by default; they then ignore the temperature, and the thinking
        // counts against the token limit of a short statement.
        set("thinking", json!({ "type": "disabled" }));
    }
    Value::Object(body)
}

fn tokens_field(endpoint: &Endpoint) -> &'static str {
    if endpoint.completion_tokens_field { "max_completion_tokens" } else { "max_tokens" }
}

fn messages(request: &ChatRequest, structured: Structured) -> Value {
    let last = request.messages.len().saturating_sub(1);
    let message = |(index, (speaker, text)): (usize, &(Speaker, String))| {
        let role = match speaker {
            Speaker::System => "system",
            Speaker::User => "user",
        };
        if index < last {
            return json!({ "role": role, "content": text });
        }
        let text = match &request.schema {
            Some(schema) => with_shape(text, schema, structured),
            None => text.clone(),
        };
        json!({ "role": role, "content": content(text, request.picture.as_ref()) })
    };
    request.messages.iter().enumerate().map(message).collect()
}

/// Text alone stays a string, which every server understands; the text goes before the picture.
fn content(text: String, picture: Option<&Picture>) -> Value {
    let Some(picture) = picture else { return Value::String(text) };
    let url = format!("data:{};base64,{}", picture.mime, STANDARD.encode(&picture.bytes));
    json!([
        { "type": "text", "text": text },
        { "type": "image_url", "image_url": { "url": url } },
    ])
}

/// Tells the shape in words where the service is not told it in a field. The word JSON is
/// there on purpose: some services refuse `json_object` without it.
fn with_shape(text: &str, schema: &Schema, structured: Structured) -> String {
    match structured {
        Structured::JsonSchema => text.to_owned(),
        Structured::JsonObject | Structured::Prompt => format!(
            "{text}\n\nAnswer with one JSON object that satisfies this JSON Schema, \
             and with nothing before or after it: {}",
            schema.schema
        ),
    }
}

fn format(schema: &Schema, structured: Structured) -> Option<Value> {
    match structured {
        Structured::JsonSchema => Some(json!({
            "type": "json_schema",
            "json_schema": { "name": schema.name, "strict": true, "schema": schema.schema },
        })),
        Structured::JsonObject => Some(json!({ "type": "json_object" })),
        Structured::Prompt => None,
    }
}
