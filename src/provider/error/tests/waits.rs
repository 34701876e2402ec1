//! How long a service asks us to wait.

use super::*;

#[test]
fn a_wait_is_read_in_every_way_it_is_told_and_capped() {
    let check = |lines: &[(&str, &str)], expected_s: Option<f64>| {
        let expected = expected_s.map(Duration::from_secs_f64);
        let verdict = of(429, lines, "");
        assert_eq!(verdict.resets_in, expected, "{lines:?}");
        assert_eq!(
            verdict.retry_after,
            expected.map(|wait| wait.min(RETRY_AFTER_MAX)),
            "{lines:?}"
        );
    };
    check(&[], None);
    check(&[("retry-after", "7")], Some(7.0));
    check(&[("retry-after", " 1.5 ")], Some(1.5));
    check(&[("retry-after-ms", "250"), ("retry-after", "7")], Some(0.25));
    check(&[("retry-after", "Thu, 01 Jan 2026 12:00:30 GMT")], Some(30.0));
    check(&[("retry-after", "Thu, 01 Jan 2026 11:59:00 GMT")], Some(0.0));
    // The service's clock is a minute fast: its date is meant against its own clock.
    let date = ("date", "Thu, 01 Jan 2026 12:01:00 GMT");
    check(&[date, ("retry-after", "Thu, 01 Jan 2026 12:01:30 GMT")], Some(30.0));
    check(&[("retry-after", "600")], Some(600.0));
    for nonsense in ["-1", "NaN", "inf", "1e300", "soon", "", "Mon, 01 Jan 2126 00:00:00 GMT"] {
        check(&[("retry-after", nonsense)], None);
    }
    check(&[("x-ratelimit-reset-requests", "1s")], Some(1.0));
    check(
        &[("x-ratelimit-reset-requests", "6m0s"), ("x-ratelimit-reset-tokens", "88ms")],
        Some(360.0),
    );
    check(&[("x-ratelimit-reset-requests", "6m0s"), ("x-ratelimit-remaining-requests", "9")], None);
    check(&[("x-ratelimit-reset", "1767268805000"), ("x-ratelimit-remaining", "0")], Some(5.0));
    check(&[("x-ratelimit-reset", "1767268805")], Some(5.0));
    check(&[("x-ratelimit-reset", "12")], Some(12.0));
    check(&[("x-ratelimit-reset", "1767268805000"), ("x-ratelimit-remaining", "3")], None);
}

#[test]
fn a_router_passes_headers_on_inside_its_body() {
    let body = r#"{"error":{"message":"Rate limit exceeded: free-models-per-day","code":429,"metadata":{"headers":{"X-RateLimit-Limit":"50","X-RateLimit-Remaining":"0","X-RateLimit-Reset":"1767312000000"}}}}"#;
    let verdict = of(429, &[], body);
    assert_eq!(verdict.class, Class::QuotaExhausted);
    assert_eq!(verdict.resets_in, Some(Duration::from_hours(12)), "until midnight");
    assert_eq!(verdict.retry_after, Some(RETRY_AFTER_MAX));
}

#[test]
fn a_wait_comes_only_with_errors_that_waiting_helps() {
    assert_eq!(of(400, &[("retry-after", "9")], "").retry_after, None);
    assert_eq!(of(503, &[("retry-after", "9")], "").retry_after, Some(Duration::from_secs(9)));
}

#[test]
fn durations_are_read_as_go_writes_them() {
    let check = |text: &str, expected_ms: Option<u64>| {
        assert_eq!(wait::go_duration(text), expected_ms.map(Duration::from_millis), "{text}");
    };
    check("47s", Some(47_000));
    check("1h2m3.5s", Some(3_723_500));
    check("88ms", Some(88));
    check("0s", Some(0));
    for wrong in ["", "s", "5", "5y", "-3s", "5m-3", "1e400s"] {
        check(wrong, None);
    }
}

#[test]
fn a_payment_that_is_only_in_flight_is_waited_for() {
    let body = r#"{"error":{"code":402,"message":"m","metadata":{"limit_source":"openrouter_in_flight_budget"}}}"#;
    let waits = of(402, &[("retry-after", "3")], body);
    assert_eq!(
        (waits.class, waits.retry_after),
        (Class::RateLimited, Some(Duration::from_secs(3)))
    );
    check(402, body, Class::PaymentRequired);
}
