//! One request out, one reply or one typed error back.
//!
//! The wire code is our own, on `reqwest` and `sse-stream`, rather than a client library. The
//! contract asks for one protocol, OpenAI-compatible chat. The libraries that speak it hide what
//! we must know: the raw body (a price in `usage.cost`, an error object in a good answer), the
//! difference between a comment and data for the clocks, the missing finish reason, the number
//! of requests that really left. `sse-stream` frames correctly (mixed line ends, a byte order
//! mark, characters split over packets) and has no limit on the size of an event, so the limit
//! is on what we feed it.
//!
//! [`Client::ask`] sends exactly one request. Counting, waiting and asking again is the
//! caller's, because each try is written down before it leaves.

use super::answer::Answer;
use super::clocks::Clocks;
use super::error::{End, Happened, classify};
use super::price::{Bill, Prices};
use super::redact::redact;
use super::{ChatRequest, Error, Reply, Request, body, chat};
use crate::domain::call::PriceSource;
use crate::domain::cost::{MicroUsd, Usage};
use crate::domain::models::Endpoint;
use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, Response};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::sync::Arc;
use std::time::SystemTime;

pub use super::clocks::Timeouts;

/// Longest body of an error that is read, in bytes; the rest says nothing new.
const ERROR_BYTES_MAX: usize = 64 << 10;
/// Longest body of an answer, in bytes, comments included.
const ANSWER_BYTES_MAX: usize = 4 << 20;
/// What we call a request, for those who look for it in a gateway's log: its digest, as in the
/// journal.
pub(super) const REQUEST_ID: &str = "X-Client-Request-Id";
/// Longest identifier that is kept, in characters.
const ID_CHARS_MAX: usize = 200;

/// A service that can be asked, with everything needed to ask it.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    pub(super) endpoint: Endpoint,
    key: Option<SecretString>,
    pub(super) timeouts: Timeouts,
    prices: Arc<Prices>,
}

impl Client {
    /// `http` comes from [`super::http::client`] and is the same for all services; there is no
    /// `key` where the service needs none.
    pub fn new(
        http: reqwest::Client,
        endpoint: Endpoint,
        key: Option<SecretString>,
        timeouts: Timeouts,
        prices: Arc<Prices>,
    ) -> Self {
        Self { http, endpoint, key, timeouts, prices }
    }

    /// Sends one request and waits for its whole reply. `on_delta` is called with every piece of
    /// text as it arrives; what it was given is worth nothing if an error follows.
    ///
    /// Dropping the future aborts the request.
    pub async fn ask(
        &self,
        request: &Request,
        on_delta: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<Reply, Error> {
        match request {
            Request::Chat(request) => self.chat(request, on_delta).await,
            Request::Image(request) => self.draw(request).await,
        }
    }

    async fn chat(
        &self,
        request: &ChatRequest,
        on_delta: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<Reply, Error> {
        let mut answer = Answer::default();
        let received = self.receive(request, &mut answer, on_delta).await;
        let cost = self.price(answer.cost_usd, &request.model, &answer.usage, 0);
        if let Err(happened) = received.and_then(|()| answer.judge()) {
            return Err(self.error(&happened, answer.usage, cost, answer.request_id));
        }
        let (cost, price_source) = cost.unzip();
        Ok(Reply {
            truncated: answer.truncated(),
            text: answer.text,
            images: Vec::new(),
            usage: answer.usage,
            cost,
            price_source,
            model_used: answer.model,
            request_id: answer.request_id,
        })
    }

    /// Fills `answer` with what arrives, so that even a failure keeps what it cost.
    async fn receive(
        &self,
        request: &ChatRequest,
        answer: &mut Answer,
        on_delta: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<(), Happened> {
        let mut clocks = Clocks::start(self.timeouts);
        let asked = self
            .post("chat/completions", &chat::body(request, &self.endpoint))
            .header(REQUEST_ID, request.sha256());
        let response = self.send(asked, &mut clocks).await?;
        answer.request_id = request_id(response.headers());
        let mut take = |chunk: &Value| {
            let added = answer.take(chunk)?;
            if !added.is_empty() {
                on_delta(&added);
            }
            Ok(answer.finish.is_some())
        };
        match body::sniff(response, ANSWER_BYTES_MAX, &mut clocks).await? {
            body::Kind::Events(events) => events.each(&mut clocks, take).await,
            body::Kind::Json(rest) => {
                let bytes = rest.whole(&mut clocks).await?;
                let whole =
                    serde_json::from_slice(&bytes).map_err(|_| Happened::not_json(&bytes))?;
                take(&whole).map(drop)
            }
            body::Kind::Page(rest) => Err(Happened::page(&rest.whole(&mut clocks).await?)),
            body::Kind::Nothing => Err(Happened::Ended(End::Empty)),
        }
    }

    /// A request with a JSON body to a path below the base URL.
    pub(super) fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        let url = format!("{}/{path}", self.endpoint.base_url.trim_end_matches('/'));
        let mut asked = self.http.post(url).json(body);
        if let Some(key) = &self.key {
            asked = asked.bearer_auth(key.expose_secret().trim());
        }
        if self.endpoint.provider == "openrouter" {
            asked = asked.header("X-OpenRouter-Title", "tableround");
        }
        asked
    }

    /// Waits for the head of the response; any status but 2xx is an error with its body.
    pub(super) async fn send(
        &self,
        asked: RequestBuilder,
        clocks: &mut Clocks,
    ) -> Result<Response, Happened> {
        let response = clocks.wait(asked.send()).await??;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = body::head(response, ERROR_BYTES_MAX, clocks).await;
        Err(Happened::Status { status, headers, body })
    }

    /// The service's own figure wins; a price of ours is second.
    pub(super) fn price(
        &self,
        told_usd: Option<f64>,
        model: &str,
        usage: &Usage,
        images: usize,
    ) -> Option<(MicroUsd, PriceSource)> {
        if let Some(cost) = told_usd.and_then(MicroUsd::from_usd) {
            return Some((cost, PriceSource::Reply));
        }
        let bill = Bill { usage, images, at: SystemTime::now() };
        self.prices.cost(&self.endpoint.provider, model, &bill)
    }

    pub(super) fn error(
        &self,
        happened: &Happened,
        usage: Usage,
        cost: Option<(MicroUsd, PriceSource)>,
        request_id: Option<String>,
    ) -> Error {
        let verdict = classify(happened, SystemTime::now());
        let request_id = match happened {
            Happened::Status { headers, .. } => request_id.or_else(|| self::request_id(headers)),
            _ => request_id,
        };
        Error {
            class: verdict.class,
            message: redact(&verdict.message, self.key.as_ref().map(ExposeSecret::expose_secret)),
            status: verdict.status,
            unreached: matches!(happened, Happened::NotConnected(_)),
            retry_after: verdict.retry_after,
            resets_in: verdict.resets_in,
            usage,
            cost,
            request_id,
        }
    }
}

/// What to quote to the service when asking about a request. OpenRouter's generation id comes
/// first because its cost can be looked up by it.
pub(super) fn request_id(headers: &HeaderMap) -> Option<String> {
    let id = ["x-generation-id", "x-request-id"].iter().find_map(|name| headers.get(*name))?;
    Some(id.to_str().ok()?.chars().take(ID_CHARS_MAX).collect())
}
