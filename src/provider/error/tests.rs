//! The table of what happened → what it is, from the bodies that services really send.

mod waits;

use super::*;
use proptest::prelude::*;
use reqwest::header::HeaderName;

/// Noon of the first day of 2026, our time and theirs.
fn now() -> SystemTime {
    httpdate::parse_http_date("Thu, 01 Jan 2026 12:00:00 GMT").unwrap()
}

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let header = |(name, value): &(&str, &str)| {
        (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap())
    };
    lines.iter().map(header).collect()
}

fn of(status: u16, lines: &[(&str, &str)], body: &str) -> Verdict {
    let (headers, body) = (headers(lines), body.as_bytes().to_vec());
    classify(&Happened::Status { status, headers, body }, now())
}

fn check(status: u16, body: &str, class: Class) {
    assert_eq!(of(status, &[], body).class, class, "{status} {body}");
}

#[test]
fn a_bare_status_has_its_class() {
    for (status, class) in [
        (301, Class::BadRequest),
        (400, Class::BadRequest),
        (401, Class::AuthRejected),
        (402, Class::PaymentRequired),
        (403, Class::AuthRejected),
        (404, Class::ModelUnknown),
        (405, Class::BadRequest),
        (407, Class::AuthRejected),
        (408, Class::Transient),
        (409, Class::Transient),
        (410, Class::ModelUnknown),
        (413, Class::TooLarge),
        (422, Class::BadRequest),
        (425, Class::Transient),
        (429, Class::RateLimited),
        (451, Class::ContentBlocked),
        (500, Class::Transient),
        (501, Class::BadRequest),
        (502, Class::Transient),
        (503, Class::Transient),
        (504, Class::Transient),
        (524, Class::Transient),
        (529, Class::Transient),
    ] {
        check(status, "", class);
    }
}

#[test]
fn openrouter() {
    let typed = |status: u16, kind: &str, class: Class| {
        let body = format!(
            r#"{{"error":{{"code":{status},"message":"m","metadata":{{"error_type":"{kind}"}}}},"user_id":"u"}}"#
        );
        check(status, &body, class);
    };
    typed(400, "context_length_exceeded", Class::ContextOverflow);
    typed(400, "token_limit_exceeded", Class::ContextOverflow);
    typed(400, "invalid_request", Class::BadRequest);
    typed(400, "invalid_image", Class::BadRequest);
    typed(404, "image_not_found", Class::BadRequest);
    typed(404, "not_found", Class::ModelUnknown);
    typed(400, "image_too_large", Class::TooLarge);
    typed(413, "payload_too_large", Class::TooLarge);
    typed(401, "authentication", Class::AuthRejected);
    typed(403, "permission_denied", Class::AuthRejected);
    typed(403, "content_policy_violation", Class::ContentBlocked);
    typed(400, "refusal", Class::ContentBlocked);
    typed(402, "payment_required", Class::PaymentRequired);
    typed(429, "rate_limit_exceeded", Class::RateLimited);
    typed(429, "provider_overloaded", Class::Transient);
    typed(502, "provider_unavailable", Class::Transient);
    typed(400, "timeout", Class::Transient);
    typed(418, "unmapped", Class::BadRequest);
    check(
        429,
        r#"{"error":{"message":"Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day","code":429}}"#,
        Class::QuotaExhausted,
    );
    check(
        403,
        r#"{"error":{"code":403,"message":"google/x requires moderation on Z. Your input was flagged","metadata":{"reasons":["violence"]}}}"#,
        Class::ContentBlocked,
    );
    check(
        400,
        r#"{"error":{"message":"x/y is not a valid model ID","code":400}}"#,
        Class::ModelUnknown,
    );
    check(
        404,
        r#"{"error":{"message":"No endpoints found that can handle the requested parameters.","code":404}}"#,
        Class::ModelUnknown,
    );
    check(
        402,
        r#"{"error":{"message":"Insufficient credits","code":402}}"#,
        Class::PaymentRequired,
    );
}

#[test]
fn gemini_wraps_errors_in_an_array_and_names_the_quota() {
    let quota = |id: &str| {
        format!(
            r#"[{{"error":{{"code":429,"message":"You exceeded your current quota, please check your plan and billing details.","status":"RESOURCE_EXHAUSTED","details":[
            {{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{{"quotaId":"{id}","quotaValue":"20"}}]}},
            {{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"47s"}}]}}}}]"#
        )
    };
    let minute = of(429, &[], &quota("GenerateRequestsPerMinutePerProjectPerModel-FreeTier"));
    assert_eq!(minute.class, Class::RateLimited);
    assert_eq!(minute.retry_after, Some(Duration::from_secs(47)));
    let day = of(429, &[], &quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier"));
    assert_eq!(day.class, Class::QuotaExhausted, "however short the delay beside it");
    check(
        429,
        r#"[{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"Quota exceeded for metric: x, limit: 0"}}]"#,
        Class::QuotaExhausted,
    );
    check(
        400,
        r#"[{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}]"#,
        Class::AuthRejected,
    );
    check(
        400,
        r#"[{"error":{"code":400,"message":"Invalid JSON payload received. Unknown name \"reasoning\"","status":"INVALID_ARGUMENT"}}]"#,
        Class::BadRequest,
    );
    check(
        503,
        r#"[{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}]"#,
        Class::Transient,
    );
    check(
        403,
        r#"{"error":{"code":403,"message":"m","status":"PERMISSION_DENIED"}}"#,
        Class::AuthRejected,
    );
    check(
        404,
        r#"[{"error":{"code":404,"message":"models/x is not found","status":"NOT_FOUND"}}]"#,
        Class::ModelUnknown,
    );
}

#[test]
fn ark_names_its_errors_by_codes_of_two_parts() {
    for (status, code, class) in [
        (429, "RateLimitExceeded.EndpointRPMExceeded", Class::RateLimited),
        (429, "RateLimitExceeded.EndpointTPMExceeded", Class::RateLimited),
        (429, "ModelAccountIpmRateLimitExceeded", Class::RateLimited),
        (429, "APIAccountRpmRateLimitExceeded", Class::RateLimited),
        (429, "AccountRateLimitExceeded", Class::RateLimited),
        (429, "InflightBatchsizeExceeded", Class::RateLimited),
        (429, "RequestBurstTooFast", Class::RateLimited),
        (429, "ServerOverloaded", Class::Transient),
        (500, "InternalServiceError", Class::Transient),
        (429, "QuotaExceeded", Class::QuotaExhausted),
        (429, "QuotaExceeded.Daily", Class::QuotaExhausted),
        (429, "SetLimitExceeded", Class::QuotaExhausted),
        (403, "AccountOverdueError", Class::PaymentRequired),
        (403, "OperationDenied.ServiceOverdue", Class::PaymentRequired),
        (401, "AuthenticationError", Class::AuthRejected),
        (403, "AccessDenied", Class::AuthRejected),
        (404, "ModelNotOpen", Class::ModelUnknown),
        (404, "InvalidEndpointOrModel.NotFound", Class::ModelUnknown),
        (400, "InvalidParameter.Size", Class::BadRequest),
        (400, "MissingParameter", Class::BadRequest),
        (400, "InputTextSensitiveContentDetected", Class::ContentBlocked),
        (400, "OutputImageSensitiveContentDetected", Class::ContentBlocked),
        (400, "InputImageRiskDetection", Class::ContentBlocked),
    ] {
        let body = format!(
            r#"{{"error":{{"code":"{code}","message":"m. Request id: 021","param":"","type":"T"}}}}"#
        );
        check(status, &body, class);
    }
}

#[test]
fn openai_and_deepseek() {
    for (status, kind, code, message, class) in [
        (
            429,
            "insufficient_quota",
            r#""insufficient_quota""#,
            "You exceeded your current quota",
            Class::QuotaExhausted,
        ),
        (
            429,
            "tokens",
            r#""rate_limit_exceeded""#,
            "Rate limit reached on tokens per min (TPM)",
            Class::RateLimited,
        ),
        (
            429,
            "requests",
            r#""rate_limit_exceeded""#,
            "Rate limit reached on requests per day (RPD)",
            Class::QuotaExhausted,
        ),
        (
            401,
            "invalid_request_error",
            r#""invalid_api_key""#,
            "Incorrect API key provided",
            Class::AuthRejected,
        ),
        (
            404,
            "invalid_request_error",
            r#""model_not_found""#,
            "The model `x` does not exist",
            Class::ModelUnknown,
        ),
        (
            400,
            "invalid_request_error",
            r#""context_length_exceeded""#,
            "too long",
            Class::ContextOverflow,
        ),
        (
            400,
            "invalid_request_error",
            "null",
            "This model's maximum context length is 8192 tokens",
            Class::ContextOverflow,
        ),
        (
            400,
            "image_generation_user_error",
            r#""moderation_blocked""#,
            "rejected by the safety system",
            Class::ContentBlocked,
        ),
        (
            400,
            "invalid_request_error",
            r#""billing_hard_limit_reached""#,
            "Billing hard limit",
            Class::PaymentRequired,
        ),
        (
            400,
            "invalid_request_error",
            r#""unsupported_parameter""#,
            "Use 'max_completion_tokens'",
            Class::BadRequest,
        ),
        (500, "server_error", "null", "The server had an error", Class::Transient),
        (
            402,
            "unknown_error",
            r#""invalid_request_error""#,
            "Insufficient Balance",
            Class::PaymentRequired,
        ),
        (422, "invalid_request_error", "null", "json: unknown field", Class::BadRequest),
    ] {
        let body = format!(
            r#"{{"error":{{"message":"{message}","type":"{kind}","param":null,"code":{code}}}}}"#
        );
        check(status, &body, class);
    }
}

#[test]
fn other_shapes_are_read_and_shown() {
    for (status, body, class, message) in [
        (
            404,
            r#"{"error":"model \"x\" not found, try pulling it first"}"#,
            Class::ModelUnknown,
            "HTTP 404: model \"x\" not found, try pulling it first",
        ),
        (
            404,
            r#"{"object":"error","message":"The model `x` does not exist.","type":"NotFoundError","code":404}"#,
            Class::ModelUnknown,
            "HTTP 404: The model `x` does not exist.",
        ),
        (422, r#"{"detail":"field required"}"#, Class::BadRequest, "HTTP 422: field required"),
        (500, "Internal Server Error", Class::Transient, "HTTP 500: Internal Server Error"),
        (
            502,
            "<html><head><title>502 Bad Gateway</title></head><body>x</body></html>",
            Class::Transient,
            "HTTP 502: 502 Bad Gateway",
        ),
        (
            400,
            r#"{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error"}}"#,
            Class::ContextOverflow,
            "HTTP 400: the request exceeds the available context size",
        ),
        (503, "", Class::Transient, "HTTP 503: no further explanation"),
        (503, "\u{feff}null", Class::Transient, "HTTP 503: no further explanation"),
        (400, r#"{"error":{}}"#, Class::BadRequest, "HTTP 400: {}"),
        (400, r#"["odd"]"#, Class::BadRequest, "HTTP 400: odd"),
    ] {
        let verdict = of(status, &[], body);
        assert_eq!((verdict.class, &*verdict.message), (class, message), "{body}");
    }
}

#[test]
fn what_the_provider_behind_the_router_said_is_shown() {
    let check = |raw: &str, message: &str| {
        let error = serde_json::json!({"error": {"message": "Provider returned error", "code": 429,
            "metadata": {"raw": raw, "provider_name": "BaseTen"}}});
        assert_eq!(of(429, &[], &error.to_string()).message, message);
    };
    check(
        "x is temporarily rate-limited upstream",
        "HTTP 429: x is temporarily rate-limited upstream",
    );
    check(r#"{"error":{"message":"slow down"}}"#, "HTTP 429: slow down");
    check(r#"[{"error":{"message":"slower"}}]"#, "HTTP 429: slower");
}

#[test]
fn a_redirect_names_its_target() {
    let verdict = of(302, &[("location", "/login")], "");
    assert_eq!(verdict.class, Class::BadRequest);
    assert!(verdict.message.contains("/login"), "{}", verdict.message);
}

#[test]
fn an_error_inside_a_good_answer_goes_by_its_own_code() {
    let check = |error: &str, class: Class| {
        let error = serde_json::from_str(error).unwrap();
        assert_eq!(classify(&Happened::ErrorInBody(error), now()).class, class);
    };
    check(r#"{"message":"Upstream error","code":502}"#, Class::Transient);
    check(r#"{"message":"m","code":429}"#, Class::RateLimited);
    check(r#"{"message":"m","code":401}"#, Class::AuthRejected);
    check(
        r#"{"message":"m","code":"server_error","metadata":{"error_type":"provider_overloaded"}}"#,
        Class::Transient,
    );
    check(r#"{"message":"m","code":"OutputTextSensitiveContentDetected"}"#, Class::ContentBlocked);
    check(r#"{"message":"odd","code":"odd"}"#, Class::BadReply);
    check(r#""odd""#, Class::BadReply);
    check(r#"{"code":20}"#, Class::BadReply);
}

#[test]
fn what_is_not_http_has_its_class_too() {
    let check = |happened: Happened, class: Class| {
        assert_eq!(classify(&happened, now()).class, class, "{happened:?}");
    };
    let text = String::new;
    check(Happened::NotSent(text()), Class::BadRequest);
    check(Happened::NotConnected(text()), Class::Transient);
    check(Happened::Broken(text()), Class::Transient);
    for clock in [Clock::Connect, Clock::FirstData, Clock::BetweenData, Clock::Total] {
        check(Happened::TimedOut(clock), Class::Transient);
    }
    check(Happened::Ended(End::Empty), Class::BadReply);
    check(Happened::Ended(End::EmptyAtLimit), Class::Truncated);
    check(Happened::Ended(End::CutOff), Class::BadReply);
    check(Happened::Ended(End::Failed(text())), Class::BadReply);
    check(Happened::Ended(End::Overloaded), Class::Transient);
    check(Happened::Ended(End::Blocked), Class::ContentBlocked);
    check(Happened::Ended(End::Html(text())), Class::BadReply);
    check(Happened::Ended(End::NotJson(text())), Class::BadReply);
    check(Happened::Ended(End::TooLong), Class::BadReply);
    check(Happened::Ended(End::NoImage(text())), Class::BadReply);
}

#[test]
fn a_service_that_knows_better_is_believed() {
    let quota = of(429, &[("x-should-retry", "false")], "");
    assert_eq!(quota.class, Class::QuotaExhausted);
    assert_eq!(of(500, &[("x-should-retry", "false")], "").class, Class::BadRequest);
    assert_eq!(of(400, &[("x-should-retry", "true")], "").class, Class::Transient);
    assert_eq!(of(401, &[("x-should-retry", "true")], "").class, Class::AuthRejected);
}

#[test]
fn every_class_has_a_remedy_a_code_and_a_way_out() {
    let classes = [
        (Class::Transient, Remedy::TryAgain, "provider.unavailable"),
        (Class::RateLimited, Remedy::Wait, "provider.unavailable"),
        (Class::QuotaExhausted, Remedy::StopProvider, "provider.quota"),
        (Class::PaymentRequired, Remedy::StopProvider, "provider.quota"),
        (Class::BadRequest, Remedy::StopJob, "config.invalid"),
        (Class::ModelUnknown, Remedy::StopJob, "provider.model_unknown"),
        (Class::TooLarge, Remedy::StopJob, "input.too_large"),
        (Class::ContextOverflow, Remedy::PerSeat, "input.too_large"),
        (Class::AuthRejected, Remedy::StopProvider, "auth.rejected"),
        (Class::ContentBlocked, Remedy::PerSeat, "provider.content_blocked"),
        (Class::BadReply, Remedy::TryAgain, "provider.unavailable"),
        (Class::Truncated, Remedy::PerSeat, "config.invalid"),
    ];
    for (class, remedy_wanted, code_wanted) in classes {
        assert_eq!((remedy(class), code(class)), (remedy_wanted, code_wanted), "{class:?}");
        assert!(hint(class, "somewhere").len() > 20, "{class:?}");
    }
}

proptest! {
    #[test]
    fn no_body_however_odd_brings_the_reader_down(
        status in 300..600_u16, body in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let verdict = classify(&Happened::Status { status, headers: HeaderMap::new(), body }, now());
        prop_assert_eq!(verdict.status, Some(status));
        prop_assert!(!verdict.message.is_empty());
    }

    #[test]
    fn no_error_object_however_odd_brings_the_reader_down(
        field in "(message|code|type|status|metadata|details|error)",
        inner in "(raw|headers|error_type|violations|retryDelay|message)",
        text in ".{0,40}",
        number in any::<f64>(),
    ) {
        for value in [
            serde_json::json!({&field: &text}),
            serde_json::json!({&field: number}),
            serde_json::json!({&field: {&inner: &text}}),
            serde_json::json!({&field: [{&inner: &text}, {&inner: {&field: number}}]}),
        ] {
            let body = serde_json::json!({"error": value}).to_string().into_bytes();
            let headers = HeaderMap::new();
            classify(&Happened::Status { status: 429, headers, body }, now());
            classify(&Happened::ErrorInBody(value), now());
        }
    }
}
