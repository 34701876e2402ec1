//! Reads an error body, whatever its shape: objects, arrays of one, strings, plain text, HTML.

use super::wait;
use crate::domain::call::Class;
use serde_json::Value;
use std::time::{Duration, SystemTime};

/// Longest piece of a body that is not JSON which is shown, in characters.
const HEAD_CHARS_MAX: usize = 200;
/// What OpenRouter says when it passes on somebody else's error.
const PASSED_ON: &str = "Provider returned error";

/// What the service said about an error.
#[derive(Debug, Default)]
pub(super) struct Said {
    message: String,
    /// The service's own names for it, most telling first: `metadata.error_type`, `code`,
    /// `type`, `status`, `reason`.
    names: Vec<String>,
    /// The error object itself.
    error: Value,
}

impl Said {
    pub(super) fn read(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let text = text.trim_start_matches('\u{feff}').trim();
        match serde_json::from_str::<Value>(text) {
            Ok(value) => Self::of_body(&value),
            Err(_) => Self { message: readable(text), ..Self::default() },
        }
    }

    fn of_body(body: &Value) -> Self {
        // Gemini's compatible endpoint wraps its errors in an array.
        let body = body.as_array().and_then(|items| items.first()).unwrap_or(body);
        match body.get("error").or_else(|| body.pointer("/errors/0")) {
            // Ollama: `{"error": "…"}`, sometimes with more beside it.
            Some(Value::String(text)) if body.get("message").is_none() => {
                Self { message: text.clone(), error: body.clone(), ..Self::default() }
            }
            Some(error @ Value::Object(_)) => Self::of_error(error),
            Some(_) | None => Self::of_error(body),
        }
    }

    pub(super) fn of_error(error: &Value) -> Self {
        let text = |pointer: &str| match error.pointer(pointer) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => None,
        };
        let names = ["/metadata/error_type", "/code", "/type", "/status", "/reason"];
        let mut names: Vec<_> = names.iter().filter_map(|pointer| text(pointer)).collect();
        names.extend(details(error, "reason").filter_map(Value::as_str).map(str::to_owned));
        let message = [text("/message"), text("/detail"), text("/msg"), text("")];
        let message = message.into_iter().flatten().find(|said| !said.trim().is_empty());
        let raw = text("/metadata/raw").filter(|raw| !raw.trim().is_empty());
        let message = match (message, raw) {
            (Some(message), Some(raw)) if message.trim() == PASSED_ON => raw_message(&raw),
            (Some(message), _) => message,
            (None, Some(raw)) => raw_message(&raw),
            (None, None) if error.is_null() => String::new(),
            (None, None) => error.to_string(),
        };
        Self { message, names, error: error.clone() }
    }

    pub(super) fn message_or(&self, nothing: &str) -> String {
        if self.message.trim().is_empty() { nothing.to_owned() } else { self.message.clone() }
    }

    /// An HTTP status in the error object itself (`"code": 429`).
    pub(super) fn status(&self) -> Option<u16> {
        let code = self.error.get("code").and_then(Value::as_u64)?;
        u16::try_from(code).ok().filter(|code| (400..600).contains(code))
    }

    /// How long the body asks us to wait.
    pub(super) fn wait(&self, now: SystemTime) -> Option<Duration> {
        let delay = details(&self.error, "retryDelay").find_map(Value::as_str);
        let passed_on = self.error.pointer("/metadata/headers");
        delay.and_then(wait::go_duration).or_else(|| wait::in_fields(passed_on?, now))
    }

    pub(super) fn class(&self, status: u16, told_to_wait: bool) -> Class {
        let in_flight_budget = self.limit_source() == Some("openrouter_in_flight_budget");
        if status == 402 && in_flight_budget && told_to_wait {
            return Class::RateLimited;
        }
        self.class_by_name().or_else(|| self.class_by_phrase()).unwrap_or_else(|| by_status(status))
    }

    /// An error object in a good answer that carries no status.
    pub(super) fn class_without_status(&self) -> Class {
        self.class_by_name().or_else(|| self.class_by_phrase()).unwrap_or(Class::BadReply)
    }

    fn class_by_name(&self) -> Option<Class> {
        let quota = self.quota_ids_per_day() || self.says("limit: 0");
        let class = self.names.iter().find_map(|name| by_name(name));
        match class {
            // The same name stands for a minute's and for a day's limit: the rest decides.
            Some(Class::RateLimited) if quota || self.day_is_over() => Some(Class::QuotaExhausted),
            class => class,
        }
    }

    fn class_by_phrase(&self) -> Option<Class> {
        PHRASES.iter().find(|(phrase, _)| self.says(phrase)).map(|(_, class)| *class)
    }

    fn day_is_over(&self) -> bool {
        PHRASES.iter().any(|(phrase, class)| *class == Class::QuotaExhausted && self.says(phrase))
    }

    /// Gemini names the limits that were hit; any per-day one counts, however short the delay
    /// it suggests beside it.
    fn quota_ids_per_day(&self) -> bool {
        let violations = details(&self.error, "violations").filter_map(Value::as_array).flatten();
        violations.filter_map(|v| v.get("quotaId")?.as_str()).any(|id| id.contains("PerDay"))
    }

    fn limit_source(&self) -> Option<&str> {
        self.error.pointer("/metadata/limit_source").and_then(Value::as_str)
    }

    fn says(&self, phrase: &str) -> bool {
        self.message.to_lowercase().contains(phrase)
    }
}

/// The values of `field` in `details[]` (the shape of Google's errors).
fn details<'a>(error: &'a Value, field: &'a str) -> impl Iterator<Item = &'a Value> {
    let details = error.get("details").and_then(Value::as_array);
    details.into_iter().flatten().filter_map(move |detail| detail.get(field))
}

/// `metadata.raw` is often itself an error body, as a string.
fn raw_message(raw: &str) -> String {
    match serde_json::from_str::<Value>(raw) {
        Ok(value) if value.is_object() || value.is_array() => Said::of_body(&value).message,
        Ok(_) | Err(_) => raw.to_owned(),
    }
}

/// The title of a page, or the beginning of a text.
pub(super) fn readable(text: &str) -> String {
    let title = text.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
    let shown = title.map_or(text, |(title, _)| title).trim();
    shown.chars().take(HEAD_CHARS_MAX).collect()
}

fn by_status(status: u16) -> Class {
    match status {
        401 | 403 | 407 => Class::AuthRejected,
        402 => Class::PaymentRequired,
        404 | 410 => Class::ModelUnknown,
        413 => Class::TooLarge,
        429 => Class::RateLimited,
        451 => Class::ContentBlocked,
        // Asking for a method or a protocol version they do not have does not get better.
        501 | 505 => Class::BadRequest,
        408 | 409 | 425 | 500..=599 => Class::Transient,
        _ => Class::BadRequest,
    }
}

/// What services call it: OpenRouter's `error_type`, OpenAI's and Ark's `code`, Google's
/// `status` and `reason`.
fn by_name(name: &str) -> Option<Class> {
    let class = match name {
        "context_length_exceeded" | "token_limit_exceeded" | "string_too_long" => {
            Class::ContextOverflow
        }
        "payload_too_large" | "image_too_large" | "request_too_large" => Class::TooLarge,
        "authentication"
        | "permission_denied"
        | "invalid_api_key"
        | "API_KEY_INVALID"
        | "UNAUTHENTICATED"
        | "PERMISSION_DENIED"
        | "AuthenticationError"
        | "AccessDenied"
        | "authentication_error"
        | "permission_error"
        | "account_deactivated" => Class::AuthRejected,
        "payment_required"
        | "insufficient_balance"
        | "AccountOverdueError"
        | "billing_hard_limit_reached"
        | "billing_not_active"
        | "OperationDenied.ServiceOverdue" => Class::PaymentRequired,
        "insufficient_quota" | "SetLimitExceeded" => Class::QuotaExhausted,
        "rate_limit_exceeded"
        | "RESOURCE_EXHAUSTED"
        | "rate_limit_error"
        | "requests"
        | "tokens"
        | "InflightBatchsizeExceeded"
        | "RequestBurstTooFast"
        | "AccountRateLimitExceeded" => Class::RateLimited,
        "provider_overloaded"
        | "provider_unavailable"
        | "server"
        | "timeout"
        | "server_error"
        | "overloaded_error"
        | "UNAVAILABLE"
        | "DEADLINE_EXCEEDED"
        | "INTERNAL"
        | "ServerOverloaded"
        | "InternalServiceError"
        | "internal_server_error" => Class::Transient,
        "content_policy_violation" | "refusal" | "content_filter" | "moderation_blocked" => {
            Class::ContentBlocked
        }
        "model_not_found" | "ModelNotOpen" | "model_not_supported" => Class::ModelUnknown,
        // `invalid_request` and its like are not here: the status says more than they do.
        "invalid_prompt"
        | "precondition_failed"
        | "unprocessable"
        | "invalid_image"
        | "image_too_small"
        | "unsupported_image_format"
        | "image_not_found"
        | "image_download_failed" => Class::BadRequest,
        _ => return by_family(name),
    };
    Some(class)
}

/// Ark builds its codes from parts.
fn by_family(name: &str) -> Option<Class> {
    let family = |part: &str| name.contains(part);
    if family("SensitiveContentDetected") || family("RiskDetection") {
        Some(Class::ContentBlocked)
    } else if family("QuotaExceeded") {
        Some(Class::QuotaExhausted)
    } else if family("RateLimitExceeded") {
        Some(Class::RateLimited)
    } else if family("InvalidEndpointOrModel") {
        Some(Class::ModelUnknown)
    } else if family("InvalidParameter") || family("MissingParameter") {
        Some(Class::BadRequest)
    } else {
        None
    }
}

/// Telling phrases, in lower case, for services that give no name.
const PHRASES: [(&str, Class); 22] = [
    ("free-models-per-day", Class::QuotaExhausted),
    ("free models per day", Class::QuotaExhausted),
    ("limit: 0", Class::QuotaExhausted),
    ("requests per day", Class::QuotaExhausted),
    ("(rpd)", Class::QuotaExhausted),
    ("insufficient balance", Class::PaymentRequired),
    ("insufficient credits", Class::PaymentRequired),
    ("requires more credits", Class::PaymentRequired),
    ("maximum context length", Class::ContextOverflow),
    ("exceeds the available context size", Class::ContextOverflow),
    ("exceed context window", Class::ContextOverflow),
    ("context_length_exceeded", Class::ContextOverflow),
    ("prompt is too long", Class::ContextOverflow),
    ("api key not valid", Class::AuthRejected),
    ("incorrect api key", Class::AuthRejected),
    ("requires moderation", Class::ContentBlocked),
    ("content policy", Class::ContentBlocked),
    ("content management policy", Class::ContentBlocked),
    ("model not found", Class::ModelUnknown),
    ("model does not exist", Class::ModelUnknown),
    ("is not a valid model id", Class::ModelUnknown),
    ("request entity too large", Class::TooLarge),
];
