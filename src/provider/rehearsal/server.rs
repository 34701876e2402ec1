//! The HTTP around the answers.

use crate::provider::rehearsal::wire::{MODEL, Refusal};
use crate::provider::rehearsal::{answer, paint};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::DefaultBodyLimit;
use axum::extract::rejection::BytesRejection;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::stream;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::TcpListener;
use tokio::task::spawn_blocking;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Largest body taken. Prepared pictures are 1.5 MiB at most, and base64 adds a third.
const BODY_BYTES_MAX: usize = 32 << 20;

/// A running rehearsal on a loopback port of its own. Stops when dropped; answers that are on
/// their way are still delivered.
#[derive(Debug)]
pub struct Rehearsal {
    address: SocketAddr,
    _stop: DropGuard,
}

impl Rehearsal {
    /// Starts the service on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// Where no port can be had.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let serve = axum::serve(listener, router()).with_graceful_shutdown(stopped);
        tokio::spawn(async move {
            if let Err(error) = serve.await {
                tracing::error!(%error, "the rehearsal stopped");
            }
        });
        Ok(Self { address, _stop: stop.drop_guard() })
    }

    /// What a client takes for its base URL: `http://127.0.0.1:PORT/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }
}

/// The service as a router, so that others can put their own layers in front.
pub fn router() -> Router {
    Router::new()
        .route("/v1/chat/completions", post(chat))
        .route("/v1/images/generations", post(images))
        .route("/v1/models", get(models))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        (status, Json(self.to_json())).into_response()
    }
}

async fn chat(body: Result<Bytes, BytesRejection>) -> Result<Response, Refusal> {
    let body = json_of(body)?;
    let streamed = body["stream"].as_bool().unwrap_or(false);
    let with_usage = body["stream_options"]["include_usage"].as_bool().unwrap_or(false);
    let answer = aside(move || answer(&body)).await??;
    if !streamed {
        return Ok(Json(answer.completion()).into_response());
    }
    let events = answer.chunks(with_usage).into_iter();
    let events = events.map(|data| Ok::<_, Infallible>(format!("data: {data}\n\n")));
    let headers =
        [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];
    Ok((headers, Body::from_stream(stream::iter(events))).into_response())
}

async fn images(body: Result<Bytes, BytesRejection>) -> Result<Json<Value>, Refusal> {
    let body = json_of(body)?;
    if body["prompt"].as_str().is_none_or(str::is_empty) {
        return Err(Refusal::bad_request("missing_prompt", "`prompt` must be a text"));
    }
    let image = aside(move || paint(&body)).await?;
    Ok(Json(json!({"created": 0, "data": [{"b64_json": STANDARD.encode(image)}]})))
}

async fn models() -> Json<Value> {
    let model = json!({"id": MODEL, "object": "model", "created": 0, "owned_by": "tableround"});
    Json(json!({"object": "list", "data": [model]}))
}

async fn unknown(uri: Uri) -> Refusal {
    let message = format!("unknown path {}", uri.path());
    Refusal { status: 404, code: "unknown_url", message }
}

async fn wrong_method(method: Method, uri: Uri) -> Refusal {
    let message = format!("{method} is not allowed on {}", uri.path());
    Refusal { status: 405, code: "method_not_allowed", message }
}

fn json_of(body: Result<Bytes, BytesRejection>) -> Result<Value, Refusal> {
    let body = body.map_err(|rejection| Refusal {
        status: rejection.status().as_u16(),
        code: "unreadable_body",
        message: rejection.body_text(),
    })?;
    serde_json::from_slice(&body)
        .map_err(|error| Refusal::bad_request("invalid_json", format!("not JSON: {error}")))
}

/// Pixels are counted and painted away from the threads that carry the network.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
    spawn_blocking(work).await.map_err(|error| Refusal {
        status: 500,
        code: "server_error",
        message: format!("the rehearsal failed: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn client() -> reqwest::Client {
        drop(rustls::crypto::ring::default_provider().install_default());
        reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap()
    }

    #[tokio::test]
    async fn over_http_an_answer_is_streamed_in_small_pieces() {
        let rehearsal = Rehearsal::start().await.unwrap();
        let url = format!("{}/chat/completions", rehearsal.base_url());
        let task = "## Your task\n\nThis is round 1 of 1.";
        let mut request =
            json!({ "model": "x", "messages": [{ "role": "user", "content": task }] });
        let expected = answer(&request).unwrap().text;
        request["stream"] = json!(true);
        request["stream_options"] = json!({ "include_usage": true });
        let response = client().post(&url).json(&request).send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let stream = response.text().await.unwrap();
        let events: Vec<&str> = stream
            .split_terminator("\n\n")
            .map(|event| event.strip_prefix("data: ").unwrap())
            .collect();
        let (done, chunks) = events.split_last().unwrap();
        assert_eq!(*done, "[DONE]");
        let chunks: Vec<Value> =
            chunks.iter().map(|data| serde_json::from_str(data).unwrap()).collect();
        assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
        let deltas: Vec<&str> =
            chunks.iter().filter_map(|c| c["choices"][0]["delta"]["content"].as_str()).collect();
        assert_eq!(deltas.concat(), expected);
        assert!(deltas.iter().all(|delta| delta.chars().count() <= 40), "{deltas:?}");
        assert_eq!(chunks[chunks.len() - 2]["choices"][0]["finish_reason"], "stop");
        assert!(chunks[chunks.len() - 1]["usage"]["total_tokens"].as_u64() > Some(0));
        request["stream"] = json!(false);
        let whole: Value =
            client().post(&url).json(&request).send().await.unwrap().json().await.unwrap();
        assert_eq!(whole["choices"][0]["message"]["content"], expected);
        assert_eq!(whole["model"], MODEL);
    }

    #[tokio::test]
    async fn over_http_models_are_listed_images_painted_and_strays_turned_away() {
        let rehearsal = Rehearsal::start().await.unwrap();
        let (client, base) = (client(), rehearsal.base_url());
        let models: Value =
            client.get(format!("{base}/models")).send().await.unwrap().json().await.unwrap();
        assert_eq!(models["data"][0]["id"], MODEL);
        let order = json!({ "prompt": "a red kite", "model": "x", "n": 1 });
        let images =
            client.post(format!("{base}/images/generations")).json(&order).send().await.unwrap();
        let images: Value = images.json().await.unwrap();
        let image = STANDARD.decode(images["data"][0]["b64_json"].as_str().unwrap()).unwrap();
        assert_eq!(image, paint(&order));
        let post = |path: &str, body: &'static str| {
            client.post(format!("{base}/{path}")).body(body).send()
        };
        for (path, body, status) in [
            ("nowhere", "{}", 404),
            ("models", "{}", 405),
            ("chat/completions", "{}", 400),
            ("chat/completions", "not json", 400),
            ("images/generations", "{}", 400),
        ] {
            let response = post(path, body).await.unwrap();
            assert_eq!(response.status(), status, "{path}");
            let error: Value = response.json().await.unwrap();
            assert!(error["error"]["message"].is_string(), "{error}");
        }
    }

    #[tokio::test]
    async fn a_dropped_rehearsal_takes_no_more_calls() {
        let rehearsal = Rehearsal::start().await.unwrap();
        let url = format!("{}/models", rehearsal.base_url());
        assert!(client().get(&url).send().await.is_ok());
        drop(rehearsal);
        // The port is given back as soon as the server's task has run.
        let gone = async {
            while client().get(&url).send().await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), gone).await.expect("it stops");
    }
}
