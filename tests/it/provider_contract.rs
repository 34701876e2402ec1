//! What the provider floor promises, against a server whose every byte is written here.

#![expect(clippy::unwrap_used, reason = "a panic here is a failed test")]

mod failures;
mod images;

use crate::support::wire::{Play, Received, Wire, chunked, head, response, stream};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use secrecy::SecretString;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tableround::domain::call::{Class, PriceSource};
use tableround::domain::cost::{MicroUsd, Usage};
use tableround::domain::models::{Endpoint, ImageApi, Structured};
use tableround::provider::client::{Client, Timeouts};
use tableround::provider::{
    ChatRequest, Error, Image, ImageRequest, Picture, Reply, Request, Schema, Speaker, http,
};
use tokio::sync::Notify;

const KEY: &str = "sk-test-0123456789";

fn endpoint(base_url: String) -> Endpoint {
    Endpoint {
        provider: "somewhere".to_owned(),
        base_url,
        key_env: None,
        structured: Structured::JsonSchema,
        image_api: ImageApi::Openai,
        completion_tokens_field: false,
    }
}

/// Where no clock is meant to run out, however busy the machine.
const LONG: Duration = Duration::from_secs(30);
const PATIENT: Timeouts =
    Timeouts { connect: LONG, first_data: LONG, between_data: LONG, total: LONG };

fn client(endpoint: Endpoint) -> Client {
    client_with(endpoint, PATIENT)
}

fn client_with(endpoint: Endpoint, timeouts: Timeouts) -> Client {
    let http = http::client(timeouts.connect).unwrap();
    Client::new(http, endpoint, Some(SecretString::from(KEY)), timeouts, Arc::default())
}

fn question() -> ChatRequest {
    ChatRequest {
        model: "m".to_owned(),
        messages: vec![
            (Speaker::System, "You are a guest.".to_owned()),
            (Speaker::User, "Speak.".to_owned()),
        ],
        picture: None,
        schema: None,
        temperature: 0.7,
        tokens_max: 600,
        seed: 7,
    }
}

/// Asks once; the server must have seen exactly one request.
async fn ask(plays: Vec<Play>) -> Result<Reply, Error> {
    ask_with(plays, PATIENT).await
}

async fn ask_with(plays: Vec<Play>, timeouts: Timeouts) -> Result<Reply, Error> {
    let wire = Wire::start(vec![plays, response(200, &[], "a second request!")]).await;
    let client = client_with(endpoint(wire.url()), timeouts);
    let asked = client.ask(&Request::Chat(question()), &|_| ()).await;
    assert_eq!(wire.requests().len(), 1, "one call is one request on the wire");
    asked
}

fn chunk(text: &str) -> String {
    format!("data: {}\n\n", json!({"choices": [{"delta": {"content": text}}]}))
}

fn finish(reason: &str) -> String {
    format!("data: {}\n\n", json!({"choices": [{"delta": {}, "finish_reason": reason}]}))
}

#[tokio::test]
async fn a_streamed_chat_arrives_piece_by_piece_and_whole() {
    let usage = json!({
        "id": "gen-1", "model": "real/m", "choices": [],
        "usage": {"prompt_tokens": 90, "completion_tokens": 12, "cost": 0.001_234_5,
                  "prompt_tokens_details": {"cached_tokens": 64},
                  "completion_tokens_details": {"reasoning_tokens": 5}},
    });
    let plays = stream(&[
        ": OPENROUTER PROCESSING\n\n",
        &chunk("剪纸"),
        &chunk(" and light"),
        &finish("stop"),
        &format!("data: {usage}\n\n"),
        "data: [DONE]\n\n",
    ]);
    let wire = Wire::start(vec![plays]).await;
    let pieces = Mutex::new(Vec::new());
    let reply = client(endpoint(wire.url()))
        .ask(&Request::Chat(question()), &|piece| pieces.lock().unwrap().push(piece.to_owned()))
        .await
        .unwrap();
    assert_eq!(*pieces.lock().unwrap(), ["剪纸", " and light"]);
    assert_eq!(
        reply,
        Reply {
            text: "剪纸 and light".to_owned(),
            truncated: false,
            images: Vec::new(),
            usage: Usage {
                tokens_in: Some(90),
                tokens_cached: Some(64),
                tokens_out: Some(12),
                tokens_reasoning: Some(5),
            },
            cost: Some(MicroUsd(1235)),
            price_source: Some(PriceSource::Reply),
            model_used: Some("real/m".to_owned()),
            request_id: Some("gen-1".to_owned()),
        }
    );
}

#[tokio::test]
async fn the_request_of_a_chat_is_exactly_this() {
    let wire = Wire::start(vec![stream(&[&chunk("hi"), &finish("stop")])]).await;
    client(endpoint(wire.url())).ask(&Request::Chat(question()), &|_| ()).await.unwrap();
    let [request] = &wire.requests()[..] else { panic!("one request") };
    assert_eq!(request.line, "POST /chat/completions HTTP/1.1");
    assert_eq!(request.header("authorization"), Some(&*format!("Bearer {KEY}")));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("x-openrouter-title"), None);
    assert!(request.header("user-agent").unwrap().starts_with("tableround/"));
    assert_eq!(
        request.json(),
        json!({
            "model": "m",
            "messages": [
                {"role": "system", "content": "You are a guest."},
                {"role": "user", "content": "Speak."},
            ],
            "temperature": 0.7,
            "max_tokens": 600,
            "seed": 7,
            "stream": true,
            "stream_options": {"include_usage": true},
        })
    );
}

#[tokio::test]
async fn a_picture_travels_with_the_last_message_under_its_true_type() {
    let wire = Wire::start(vec![stream(&[&chunk("a cat"), &finish("stop")])]).await;
    let picture = Picture {
        sha256: "00".repeat(32),
        mime: "image/png".to_owned(),
        bytes: Bytes::from_static(b"\x89PNG\r\n\x1a\n"),
    };
    let request = ChatRequest { picture: Some(picture), ..question() };
    client(endpoint(wire.url())).ask(&Request::Chat(request), &|_| ()).await.unwrap();
    assert_eq!(
        wire.requests()[0].json()["messages"],
        json!([
            {"role": "system", "content": "You are a guest."},
            {"role": "user", "content": [
                {"type": "text", "text": "Speak."},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
            ]},
        ])
    );
}

/// The body that is sent to an endpoint for a question with a schema.
async fn structured_body(change: impl FnOnce(&mut Endpoint)) -> (Value, Received) {
    let wire = Wire::start(vec![stream(&[&chunk("{}"), &finish("stop")])]).await;
    let mut endpoint = endpoint(wire.url());
    change(&mut endpoint);
    let schema = Schema { name: "ballot".to_owned(), schema: json!({"type": "object"}) };
    let request = ChatRequest { schema: Some(schema), ..question() };
    client(endpoint).ask(&Request::Chat(request), &|_| ()).await.unwrap();
    let request = wire.requests().remove(0);
    (request.json(), request)
}

#[tokio::test]
async fn a_schema_is_asked_for_as_the_service_understands_it() {
    let last = |body: &Value| body["messages"][1]["content"].as_str().unwrap().to_owned();
    let told = "Speak.\n\nAnswer with one JSON object that satisfies this JSON Schema, \
                and with nothing before or after it: {\"type\":\"object\"}";

    let (body, _) = structured_body(|_| ()).await;
    let strict = json!({"name": "ballot", "strict": true, "schema": {"type": "object"}});
    assert_eq!(body["response_format"], json!({"type": "json_schema", "json_schema": strict}));
    assert_eq!(last(&body), "Speak.");

    let (body, _) = structured_body(|e| e.structured = Structured::JsonObject).await;
    assert_eq!(body["response_format"], json!({"type": "json_object"}));
    assert_eq!(last(&body), told);

    let (body, _) = structured_body(|e| e.structured = Structured::Prompt).await;
    assert_eq!(body.get("response_format"), None);
    assert_eq!(last(&body), told);
}

#[tokio::test]
async fn services_with_wishes_of_their_own_get_them() {
    let (body, request) = structured_body(|endpoint| {
        endpoint.provider = "openrouter".to_owned();
        endpoint.completion_tokens_field = true;
    })
    .await;
    assert_eq!(request.header("x-openrouter-title"), Some("tableround"));
    assert_eq!(body["provider"], json!({"require_parameters": true}));
    assert_eq!(body["usage"], json!({"include": true}));
    assert_eq!(body["max_completion_tokens"], 600);
    assert_eq!((body.get("max_tokens"), body.get("seed")), (None, None));

    let (body, request) = structured_body(|e| e.provider = "deepseek".to_owned()).await;
    assert_eq!(body["thinking"], json!({"type": "disabled"}));
    assert_eq!((body.get("provider"), body.get("usage")), (None, None));
    assert_eq!(request.header("x-openrouter-title"), None);
}

#[tokio::test]
async fn without_a_key_no_authorization_is_sent() {
    let wire = Wire::start(vec![stream(&[&chunk("hi"), &finish("stop")])]).await;
    let http = http::client(LONG).unwrap();
    let base_url = format!("{}/", wire.url());
    Client::new(http, endpoint(base_url), None, PATIENT, Arc::default())
        .ask(&Request::Chat(question()), &|_| ())
        .await
        .unwrap();
    let [request] = &wire.requests()[..] else { panic!("one request") };
    assert_eq!(request.header("authorization"), None);
    assert_eq!(request.line, "POST /chat/completions HTTP/1.1", "one slash, not two");
}

#[tokio::test]
async fn a_stream_is_understood_however_it_is_cut_and_spelled() {
    let check = async |name: &str, plays: Vec<Play>, expected: &str| {
        let reply = ask(plays).await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!((&*reply.text, reply.truncated), (expected, false), "{name}");
    };
    let good = format!("{}{}data: [DONE]\n\n", chunk("剪纸，光"), finish("stop"));
    let bytes: Vec<_> = good.bytes().map(|byte| Play::Bytes(vec![byte])).collect();
    check("byte by byte", [vec![head(200, &[])], bytes].concat(), "剪纸，光").await;
    check("byte order mark", stream(&["\u{feff}", &good]), "剪纸，光").await;
    check("byte order mark at once", stream(&[&format!("\u{feff}{good}")]), "剪纸，光").await;
    check("CRLF", stream(&[&good.replace('\n', "\r\n")]), "剪纸，光").await;
    check("CR", stream(&[&good.replace('\n', "\r")]), "剪纸，光").await;
    check("without spaces", stream(&[&good.replace("data: ", "data:")]), "剪纸，光").await;
    check(
        "wrong type",
        [response(200, &[("content-type", "text/plain")], &good)].concat(),
        "剪纸，光",
    )
    .await;
    let lines = "data: {\"choices\":\ndata: [{\"delta\": {\"content\": \"two lines\"}}]}\n\n";
    check("two data lines", stream(&[lines, &finish("stop")]), "two lines").await;
    let noise = ": hello\n\nevent: ping\n\nid: 7\nretry: 10\nunknown: x\n\ndata:\n\n";
    check("comments and other fields", stream(&[noise, &good]), "剪纸，光").await;
    let thought = r#"data: {"choices":[{"delta":{"reasoning":"hm","reasoning_content":"hm","content":null}}]}"#;
    check("thoughts", stream(&[thought, "\n\n", &good]), "剪纸，光").await;
    let finish_at_end = finish("stop");
    check("no blank line at the end", stream(&[&chunk("x"), finish_at_end.trim_end()]), "x").await;
    check("no end mark", stream(&[&chunk("x"), &finish("stop")]), "x").await;
    check("unknown finish reason", stream(&[&chunk("x"), &finish("eos")]), "x").await;
    check(
        "end mark with more",
        stream(&[&chunk("x"), &finish("stop"), "data: [DONE] bye\n\n"]),
        "x",
    )
    .await;
    check("something after the end", stream(&[&good, "data: {oops\n\n"]), "剪纸，光").await;
    let reset = [stream(&[&chunk("x"), &finish("stop")]), vec![Play::Reset]].concat();
    check("reset after the end", reset, "x").await;
    check("chunks, last one missing", chunked(&[&chunk("x"), &finish("stop")]), "x").await;
    let parts =
        r#"data: {"choices":[{"delta":{"content":[{"type":"text","text":"part"},{"type":"x"}]}}]}"#;
    check("content in parts", stream(&[parts, "\n\n", &finish("stop")]), "part").await;
}

#[tokio::test]
async fn a_connection_kept_open_after_the_end_is_not_waited_for() {
    let held = [stream(&[&chunk("x"), &finish("stop")]), vec![Play::Stall]].concat();
    let impatient = Timeouts { between_data: Duration::from_secs(1), ..PATIENT };
    assert_eq!(ask_with(held, impatient).await.unwrap().text, "x");
}

#[tokio::test]
async fn an_answer_that_is_not_streamed_is_an_answer_too() {
    let check = async |content: Value| {
        let body = json!({
            "id": "cmpl-1", "model": "real",
            "choices": [{"message": {"role": "assistant", "content": content}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 2, "prompt_cache_hit_tokens": 1},
        });
        let plays = [
            vec![head(200, &[])],
            vec![Play::Bytes(b"\n\n  \n".to_vec())],
            vec![Play::Bytes(body.to_string().into_bytes())],
        ];
        let reply = ask(plays.concat()).await.unwrap();
        assert_eq!(reply.text, "whole");
        assert_eq!(reply.usage.tokens_cached, Some(1));
        assert_eq!(reply.request_id.as_deref(), Some("cmpl-1"));
        assert_eq!(reply.cost, None, "nobody told a price");
    };
    check(json!("whole")).await;
    check(json!([{"type": "text", "text": "who"}, {"type": "text", "text": "le"}])).await;
}

#[tokio::test]
async fn a_text_cut_at_the_limit_is_kept_and_marked() {
    let reply = ask(stream(&[&chunk("half a sen"), &finish("length")])).await.unwrap();
    assert_eq!((&*reply.text, reply.truncated), ("half a sen", true));
}
