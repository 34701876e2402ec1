//! The `usage` object of the services, in their several spellings.

use crate::domain::cost::Usage;
use serde_json::Value;

/// Tokens, as far as they are told. What is missing or nonsense stays unknown.
pub(super) fn tokens(usage: &Value) -> Usage {
    let first = |pointers: &[&str]| {
        pointers.iter().find_map(|pointer| usage.pointer(pointer).and_then(Value::as_u64))
    };
    Usage {
        tokens_in: first(&["/prompt_tokens", "/input_tokens"]),
        tokens_cached: first(&[
            "/prompt_tokens_details/cached_tokens",
            "/input_tokens_details/cached_tokens",
            // DeepSeek.
            "/prompt_cache_hit_tokens",
        ]),
        tokens_out: first(&["/completion_tokens", "/output_tokens"]),
        tokens_reasoning: first(&[
            "/completion_tokens_details/reasoning_tokens",
            "/output_tokens_details/reasoning_tokens",
        ]),
    }
}

/// What the service says it charged, in US dollars (OpenRouter).
///
/// With one's own key behind the router (`is_byok`) `cost` is the router's fee alone and the
/// model's price comes beside it.
pub(super) fn cost_usd(usage: &Value) -> Option<f64> {
    let cost = usage.get("cost").and_then(Value::as_f64)?;
    let own_key = usage.get("is_byok").and_then(Value::as_bool).unwrap_or(false);
    let upstream = usage
        .pointer("/cost_details/upstream_inference_cost")
        .and_then(Value::as_f64)
        .filter(|_| own_key)
        .unwrap_or(0.0);
    Some(cost + upstream)
}
