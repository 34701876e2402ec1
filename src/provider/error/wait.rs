//! How long a service asks us to wait, in every way it can say so.
//!
//! The order is that of trust: an explicit wait in milliseconds, in seconds or as a date; then
//! the moment at which a used-up limit is full again. What is negative, not finite or further
//! than [`WAIT_MAX`] away is no wait but a mistake.

use reqwest::header::HeaderMap;
use serde_json::Value;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Quotas are per day or per month; whatever lies beyond is a wrong unit or a wrong clock.
const WAIT_MAX: Duration = Duration::from_hours(31 * 24);

/// The service's own idea of the time, against which its dates are meant.
pub(super) fn server_time(headers: &HeaderMap) -> Option<SystemTime> {
    httpdate::parse_http_date(text(headers, "date")?).ok()
}

/// Any wait the headers ask for.
pub(super) fn in_headers(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    retry_after(headers, now).or_else(|| resets(|name| text(headers, name), now))
}

/// An explicit wait: `retry-after-ms`, or `retry-after` in seconds or as a date.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    explicit(|name| text(headers, name), now)
}

/// The same from headers that a router passes on inside its error object, as fields in any
/// case and with strings or numbers.
pub(super) fn in_fields(fields: &Value, now: SystemTime) -> Option<Duration> {
    let fields: Vec<(String, String)> = fields
        .as_object()?
        .iter()
        .map(|(name, value)| {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (name.to_ascii_lowercase(), value)
        })
        .collect();
    let get = |name: &str| fields.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    explicit(get, now).or_else(|| resets(get, now))
}

/// `1.5s`, `6m0s`, `200ms`, `1h2m3.5s`: durations as Go writes them.
pub(super) fn go_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| c.is_ascii_alphabetic())?;
        let (number, after) = rest.split_at(unit_at);
        let unit_end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let unit_s = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * unit_s;
        rest = after;
    }
    seconds(total)
}

fn explicit<'a>(get: impl Fn(&str) -> Option<&'a str>, now: SystemTime) -> Option<Duration> {
    let ms = get("retry-after-ms").and_then(|ms| seconds(ms.trim().parse::<f64>().ok()? / 1e3));
    ms.or_else(|| {
        let text = get("retry-after")?.trim();
        match text.parse::<f64>() {
            Ok(number) => seconds(number),
            Err(_) => until(httpdate::parse_http_date(text).ok()?, now),
        }
    })
}

/// OpenAI tells durations, OpenRouter a moment in milliseconds since 1970. Only a limit with
/// nothing left is one to wait for; where that is not told, the reset counts.
fn resets<'a>(get: impl Fn(&str) -> Option<&'a str>, now: SystemTime) -> Option<Duration> {
    let used_up = |what: &str| get(&format!("x-ratelimit-remaining-{what}")).is_none_or(is_zero);
    let openai = ["requests", "tokens"]
        .into_iter()
        .filter(|what| used_up(what))
        .filter_map(|what| go_duration(get(&format!("x-ratelimit-reset-{what}"))?))
        .max();
    openai.or_else(|| {
        let reset = get("x-ratelimit-reset")
            .filter(|_| get("x-ratelimit-remaining").is_none_or(is_zero))?;
        let reset: u64 = reset.trim().parse().ok()?;
        // Ten digits are seconds, thirteen milliseconds; fewer are seconds from now.
        match reset {
            0..1_000_000_000 => seconds(Duration::from_secs(reset).as_secs_f64()),
            1_000_000_000..100_000_000_000 => until(UNIX_EPOCH + Duration::from_secs(reset), now),
            _ => until(UNIX_EPOCH.checked_add(Duration::from_millis(reset))?, now),
        }
    })
}

fn is_zero(text: &str) -> bool {
    text.trim().parse::<f64>().is_ok_and(|left| left <= 0.0)
}

fn until(moment: SystemTime, now: SystemTime) -> Option<Duration> {
    // A moment that has passed is a wait that is over.
    let wait = moment.duration_since(now).unwrap_or_default();
    (wait <= WAIT_MAX).then_some(wait)
}

fn seconds(number: f64) -> Option<Duration> {
    let wait = Duration::try_from_secs_f64(number).ok()?;
    (wait <= WAIT_MAX).then_some(wait)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
