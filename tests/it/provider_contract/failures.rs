//! Every way in which a service can fail, each with its class, and never a second request.

use super::*;

/// Every way in which a 2xx answer is none.
#[tokio::test]
async fn an_answer_that_is_none_is_an_error_and_never_text() {
    let check = async |name: &str, plays: Vec<Play>, class: Class| {
        let error = ask(plays).await.expect_err(name);
        assert_eq!(error.class, class, "{name}: {error:?}");
        assert!(!error.message.is_empty() && error.message.chars().count() <= 500, "{name}");
    };
    let json =
        |body: Value| response(200, &[("content-type", "application/json")], body.to_string());
    let error = json!({"error": {"message": "Provider returned error", "code": 502}});
    check("error in a body", json(error.clone()), Class::Transient).await;
    check("error in an array", json(json!([error])), Class::Transient).await;
    let bare = json!({"object": "error", "message": "no such key", "code": 401});
    check("error without a wrapping", json(bare), Class::AuthRejected).await;
    check("error of text", json(json!({"error": "odd"})), Class::BadReply).await;
    check("no choices", json(json!({"choices": []})), Class::BadReply).await;
    check("no message", json(json!({"choices": [{"finish_reason": "stop"}]})), Class::BadReply)
        .await;
    let empty = json!({"choices": [{"message": {"content": null}, "finish_reason": "stop"}]});
    check("null content", json(empty), Class::BadReply).await;
    check("not JSON", response(200, &[], "{not json"), Class::BadReply).await;
    check("some text", response(200, &[], "upstream connect error"), Class::BadReply).await;
    check("nothing", response(200, &[], ""), Class::BadReply).await;
    check("white space", response(200, &[], "\n \n"), Class::BadReply).await;
    check("half a byte order mark", response(200, &[], b"\xEF\xBB"), Class::BadReply).await;
    check("comments alone", stream(&[": keep-alive\n\n"]), Class::BadReply).await;
    check("a page", response(200, &[], "<!DOCTYPE html><title>Log in</title>"), Class::BadReply)
        .await;
    let event = |value: Value| format!("data: {value}\n\n");
    let mid = event(
        json!({"error": {"code": 502, "message": "gone"}, "choices": [{"delta": {"content": ""}, "finish_reason": "error"}]}),
    );
    check("error in the middle", stream(&[&chunk("so far"), &mid]), Class::Transient).await;
    let named =
        event(json!({"error": {"code": "OutputTextSensitiveContentDetected", "message": "m"}}));
    check("filter in the middle", stream(&[&chunk("so far"), &named]), Class::ContentBlocked).await;
    check("failed", stream(&[&chunk("so far"), &finish("error")]), Class::BadReply).await;
    check(
        "no capacity",
        stream(&[&chunk("so far"), &finish("insufficient_system_resource")]),
        Class::Transient,
    )
    .await;
    check("filter", stream(&[&chunk("so far"), &finish("content_filter")]), Class::ContentBlocked)
        .await;
    let refusal =
        event(json!({"choices": [{"delta": {"refusal": "I will not"}, "finish_reason": "stop"}]}));
    check("refusal", stream(&[&refusal]), Class::ContentBlocked).await;
    check("empty", stream(&[&chunk(" \n"), &finish("stop")]), Class::BadReply).await;
    check("empty at the limit", stream(&[&finish("length")]), Class::Truncated).await;
    check("no finish reason", stream(&[&chunk("so far")]), Class::BadReply).await;
    check(
        "end mark without finish",
        stream(&[&chunk("so far"), "data: [DONE]\n\n"]),
        Class::BadReply,
    )
    .await;
    check(
        "bad event",
        stream(&[&chunk("so far"), "data: {oops\n\n", &finish("stop")]),
        Class::BadReply,
    )
    .await;
    let latin: Vec<_> =
        [vec![head(200, &[])], vec![Play::Bytes(b"data: \xe9t\xe9\n\n".to_vec())]].concat();
    check("not UTF-8", latin, Class::BadReply).await;
    check("broken chunks", chunked(&[&chunk("so far")]), Class::Transient).await;
    check(
        "reset in the middle",
        [stream(&[&chunk("so far")]), vec![Play::Reset]].concat(),
        Class::Transient,
    )
    .await;
    check("reset at once", vec![Play::Reset], Class::Transient).await;
    check("hung up at once", vec![], Class::Transient).await;
    check("not HTTP", vec![Play::Bytes(b"SSH-2.0-OpenSSH\r\n\r\n".to_vec())], Class::Transient)
        .await;
}

#[tokio::test]
async fn giant_answers_are_cut_off() {
    let check = async |name: &str, plays: Vec<Play>| {
        let error = ask(plays).await.expect_err(name);
        assert_eq!(error.class, Class::BadReply, "{name}");
        assert!(error.message.contains("longer than"), "{name}: {}", error.message);
    };
    let mib = "x".repeat(1 << 20);
    check("event", stream(&[&chunk(&mib)])).await;
    let third = &chunk(&"x".repeat(700_000));
    check("text", stream(&[third, third, third, third])).await;
    let comment = format!(": {mib}\n");
    check("comments", stream(&[&comment, &comment, &comment, &comment, &comment])).await;
    check("unending event", stream(&["data: ", &mib, &mib, &mib, &mib, &mib])).await;
    check(
        "body",
        [
            vec![head(200, &[])],
            vec![Play::Bytes(b"{".to_vec())],
            vec![Play::Bytes(mib.into_bytes()); 5],
        ]
        .concat(),
    )
    .await;
}

#[tokio::test]
async fn a_refused_request_brings_status_wait_and_id_and_no_key() {
    let body = json!({"error": {"message": format!("Rate limit for key {KEY} (Bearer abc.def)"), "code": 429}});
    let headers =
        [("retry-after", "7"), ("x-request-id", "req-9"), ("content-type", "application/json")];
    let error = ask(response(429, &headers, body.to_string())).await.unwrap_err();
    assert_eq!((error.class, error.status), (Class::RateLimited, Some(429)));
    assert_eq!(error.retry_after, Some(Duration::from_secs(7)));
    assert_eq!(error.request_id.as_deref(), Some("req-9"));
    assert_eq!(error.message, "HTTP 429: Rate limit for key *** (Bearer ***)");
    assert!(!format!("{error:?}").contains(KEY));
}

#[tokio::test]
async fn a_giant_or_stalling_explanation_does_not_hide_the_status() {
    let error = ask(response(500, &[], "x".repeat(1 << 20))).await.unwrap_err();
    assert_eq!((error.class, error.status), (Class::Transient, Some(500)));
    let stalling = [response(401, &[], "no such key"), vec![Play::Stall]].concat();
    let impatient = Timeouts { between_data: Duration::from_secs(1), ..PATIENT };
    let error = ask_with(stalling, impatient).await.unwrap_err();
    assert_eq!((error.class, error.status), (Class::AuthRejected, Some(401)));
    assert_eq!(error.message, "HTTP 401: no such key");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let error = ask(response(307, &[("location", "/elsewhere")], "")).await.unwrap_err();
    assert_eq!((error.class, error.status), (Class::BadRequest, Some(307)));
}

#[tokio::test]
async fn a_failure_still_tells_what_it_cost() {
    let usage = json!({"id": "gen-5", "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 4, "cost": 0.002}});
    let plays = stream(&[&format!("data: {usage}\n\n"), &finish("stop")]);
    let error = ask(plays).await.unwrap_err();
    assert_eq!(error.class, Class::BadReply);
    assert_eq!(error.usage.tokens_in, Some(9));
    assert_eq!(error.cost, Some((MicroUsd(2000), PriceSource::Reply)));
    assert_eq!(error.request_id.as_deref(), Some("gen-5"));
}

#[tokio::test]
async fn nobody_there_is_worth_another_try() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let nobody = client(endpoint(format!("http://127.0.0.1:{port}")));
    let error = nobody.ask(&Request::Chat(question()), &|_| ()).await.unwrap_err();
    assert_eq!(error.class, Class::Transient);
    assert!(
        error.message.starts_with(&format!("no connection to 127.0.0.1:{port}: ")),
        "{}",
        error.message
    );
}

#[tokio::test]
async fn an_address_that_is_none_is_refused() {
    for base_url in ["", "not a url", "ftp://127.0.0.1"] {
        let nowhere = client(endpoint(base_url.to_owned()));
        let error = nowhere.ask(&Request::Chat(question()), &|_| ()).await.unwrap_err();
        assert_eq!(error.class, Class::BadRequest, "{base_url}: {error:?}");
    }
}

#[tokio::test]
async fn each_clock_has_its_own_limit_and_only_data_winds_it_up() {
    let check = async |name: &str, plays: Vec<Play>, limits: Timeouts, message: &str| {
        let wire = Wire::start(vec![plays]).await;
        let client = client_with(endpoint(wire.url()), limits);
        let error = client.ask(&Request::Chat(question()), &|_| ()).await.expect_err(name);
        assert_eq!((error.class, &*error.message), (Class::Transient, message), "{name}");
        assert_eq!(wire.requests().len(), 1, "{name}");
    };
    let short = Duration::from_millis(80);
    let often = Duration::from_millis(10);
    let first = Timeouts { first_data: short, ..PATIENT };
    let between = Timeouts { between_data: short, ..PATIENT };
    let total = Timeouts { total: short, ..PATIENT };
    let begun = |more: Play| [stream(&[&chunk("so far")]), vec![more]].concat();
    let repeat = |text: &str| Play::Repeat(text.as_bytes().to_vec(), often);

    check("no head", vec![Play::Stall], first, "no answer began in time").await;
    check("no body", vec![head(200, &[]), Play::Stall], first, "no answer began in time").await;
    let comments = vec![head(200, &[]), repeat(": keep-alive\n\n")];
    check("comments", comments, first, "no answer began in time").await;
    let blank_lines = vec![head(200, &[]), repeat("\n")];
    check("blank lines", blank_lines, first, "no answer began in time").await;
    let no_data = vec![head(200, &[]), repeat("event: ping\n\n")];
    check("events without data", no_data, first, "no answer began in time").await;
    check("stall", begun(Play::Stall), between, "the answer stalled").await;
    check("comments between", begun(repeat(": keep-alive\n\n")), between, "the answer stalled")
        .await;
    let half = [vec![head(200, &[]), Play::Bytes(b"{\"choices\"".to_vec())], vec![repeat(" ")]];
    check("half a body", half.concat(), between, "the answer stalled").await;
    let endless = vec![head(200, &[]), repeat(&chunk("on and on"))];
    check("endless", endless, total, "the answer took too long as a whole").await;
}

#[tokio::test]
async fn dropping_the_question_hangs_up() {
    let wire = Wire::start(vec![[stream(&[&chunk("so far")]), vec![Play::Stall]].concat()]).await;
    let heard = Notify::new();
    let client = client(endpoint(wire.url()));
    let request = Request::Chat(question());
    let on_delta = |_: &str| heard.notify_one();
    tokio::select! {
        _ = client.ask(&request, &on_delta) => panic!("the server stalls"),
        () = heard.notified() => {}
    }
    wire.hung_up().await;
}
