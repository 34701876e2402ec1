//! The witness: a real HTTP server that answers like the rehearsal and keeps its own log.
//!
//! Every request is written down and fsynced before it is answered, so what the program repeats,
//! and what it pays for, is counted here and not where the program says so.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tableround::provider::rehearsal;

/// One line of the witness's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The program's digest of the request, as it sent it along.
    pub(crate) request: String,
    /// SHA-256 of the body that really came.
    pub(crate) body: String,
    /// What the server did instead of answering.
    pub(crate) mischief: Option<Mischief>,
    /// When it came.
    pub(crate) at: Instant,
}

impl Seen {
    /// Whether no answer was worked out, so that nothing was to be paid.
    fn is_free(&self) -> bool {
        match self.mischief {
            // The last two are paid for and never got: to ask again is the only way.
            Some(
                Mischief::Busy(_)
                | Mischief::Broken
                | Mischief::Hang
                | Mischief::HalfAnswer
                | Mischief::AnswersThenCuts,
            ) => true,
            Some(Mischief::Slow) | None => false,
        }
    }
}

/// What a service may do instead of answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mischief {
    /// Takes a second longer.
    Slow,
    /// Says nothing until the client hangs up.
    Hang,
    /// 429 with this Retry-After, in seconds.
    Busy(u32),
    /// 500.
    Broken,
    /// Half an answer, then the connection is cut.
    HalfAnswer,
    /// The work is done, and the connection is cut before a byte of it.
    AnswersThenCuts,
}

/// A request that is being answered; one whose client hangs up is noted.
struct Hearing {
    log: Arc<Log>,
    done: bool,
}

impl Drop for Hearing {
    fn drop(&mut self) {
        self.log.out.fetch_sub(1, Ordering::SeqCst);
        if !self.done {
            self.log.hung_up.lock().unwrap().push(Instant::now());
        }
    }
}

/// What the server does besides answering.
#[derive(Debug, Clone)]
pub(crate) struct Manner {
    /// The shortest delay before an answer.
    pub(crate) delay: Duration,
    /// Up to this much more, different for every request.
    pub(crate) spread: Duration,
    /// What a request meets the first time it comes: one in two meets one of these.
    pub(crate) mischiefs: Vec<Mischief>,
    pub(crate) seed: u64,
    /// How long a streamed answer rests after its first words.
    pub(crate) rest: Duration,
}

impl Manner {
    pub(crate) fn after(delay_ms: u64, spread_ms: u64) -> Self {
        Self {
            delay: Duration::from_millis(delay_ms),
            spread: Duration::from_millis(spread_ms),
            mischiefs: vec![],
            seed: 0,
            rest: Duration::ZERO,
        }
    }

    /// What the first request with this body meets.
    fn mischief(&self, body: &[u8]) -> Option<Mischief> {
        let bytes = body.first_chunk::<8>()?;
        let number = usize::try_from(u64::from_be_bytes(*bytes) ^ self.seed).unwrap();
        (number % 2 == 0)
            .then(|| self.mischiefs.get(number / 2 % self.mischiefs.len().max(1)))?
            .copied()
    }
}

/// What is said instead of an answer.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    /// Only to requests whose body has this text; none: to every one.
    pub(crate) to: Option<&'static str>,
    pub(crate) status: u16,
    pub(crate) body: &'static str,
}

impl Fault {
    /// To every request.
    pub(crate) fn always(status: u16, body: &'static str) -> Self {
        Self { to: None, status, body }
    }

    /// To the requests that contain `text`.
    pub(crate) fn to(text: &'static str, status: u16, body: &'static str) -> Self {
        Self { to: Some(text), status, body }
    }

    fn strikes(&self, body: &[u8]) -> bool {
        self.to.is_none_or(|text| memchr::memmem::find(body, text.as_bytes()).is_some())
    }
}

#[derive(Debug)]
struct Log {
    file: Mutex<File>,
    seen: Mutex<Vec<Seen>>,
    requests: AtomicU64,
    /// Requests that came and are not answered yet.
    out: AtomicU64,
    /// When clients hung up before they were answered.
    hung_up: Mutex<Vec<Instant>>,
    manner: Manner,
    /// Answers to be given at once before the delays begin.
    quick: AtomicU64,
    faults: Mutex<Vec<Fault>>,
    /// What the next request meets.
    next: Mutex<Option<Mischief>>,
    /// The first words of answers, and when they left.
    begun: Mutex<Vec<(Instant, String)>>,
}

/// A running server; stops when dropped.
#[derive(Debug)]
pub(crate) struct ProviderServer {
    pub(crate) base_url: String,
    address: SocketAddr,
    log: Arc<Log>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl ProviderServer {
    pub(crate) fn start(folder: &Path, manner: Manner) -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST, folder, manner)
    }

    /// The same where other machines can reach it.
    pub(crate) fn start_at(address: Ipv4Addr, folder: &Path, manner: Manner) -> Self {
        let log_path = folder.join("provider.log");
        let log = Arc::new(Log {
            file: Mutex::new(File::options().create(true).append(true).open(&log_path).unwrap()),
            seen: Mutex::default(),
            requests: AtomicU64::new(0),
            out: AtomicU64::new(0),
            hung_up: Mutex::default(),
            manner,
            quick: AtomicU64::new(0),
            faults: Mutex::default(),
            next: Mutex::default(),
            begun: Mutex::default(),
        });
        let (address, runtime) = serve((address, 0).into(), &log);
        let base_url = format!("http://{address}/v1");
        Self { base_url, address, log, runtime: Some(runtime) }
    }

    /// Nobody listens any more, and whoever was being answered is cut off.
    pub(crate) fn go_away(&mut self) {
        self.runtime.take().unwrap().shutdown_timeout(Duration::from_secs(5));
    }

    /// Listens again where it did before.
    pub(crate) fn come_back(&mut self) {
        self.runtime = Some(serve(self.address, &self.log).1);
    }

    /// From now on these faults, and no others.
    pub(crate) fn suffer(&self, faults: Vec<Fault>) {
        *self.log.faults.lock().unwrap() = faults;
    }

    /// The next request, and no other, meets this.
    pub(crate) fn surprise(&self, mischief: Mischief) {
        *self.log.next.lock().unwrap() = Some(mischief);
    }

    /// Every request so far, in the order they came.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.log.seen.lock().unwrap().clone()
    }

    /// Answers the first requests at once; the delays begin behind them.
    pub(crate) fn hurry(&self, requests: u64) {
        self.log.quick.store(requests, Ordering::SeqCst);
    }

    /// The first words of every answer that rested after them, and when they left.
    pub(crate) fn begun(&self) -> Vec<(Instant, String)> {
        self.log.begun.lock().unwrap().clone()
    }

    /// Requests that came and are not answered yet.
    pub(crate) fn out(&self) -> u64 {
        self.log.out.load(Ordering::SeqCst)
    }

    /// When clients hung up before they were answered.
    pub(crate) fn hung_up(&self) -> Vec<Instant> {
        self.log.hung_up.lock().unwrap().clone()
    }

    /// Answers that were given more than once: paid for twice.
    pub(crate) fn repeated(&self) -> usize {
        let seen = self.seen();
        let answered = || seen.iter().filter(|seen| !seen.is_free());
        let different: BTreeSet<&String> = answered().map(|seen| &seen.body).collect();
        answered().count() - different.len()
    }
}

impl Drop for ProviderServer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Listens there on a thread of its own.
fn serve(address: SocketAddr, log: &Arc<Log>) -> (SocketAddr, tokio::runtime::Runtime) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let router = rehearsal::router().layer(from_fn_with_state(Arc::clone(log), witness));
    let listener = runtime.block_on(tokio::net::TcpListener::bind(address)).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(async move { axum::serve(listener, router).await.unwrap() });
    (address, runtime)
}

async fn witness(State(log): State<Arc<Log>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, 64 << 20).await else {
        return "cut".into_response();
    };
    let request_header = parts.headers.get("x-client-request-id");
    let digest = Sha256::digest(&body);
    let mut seen = Seen {
        request: request_header.map_or("", |id| id.to_str().unwrap_or("")).to_owned(),
        body: hex::encode(digest),
        mischief: log.next.lock().unwrap().take(),
        at: Instant::now(),
    };
    {
        let mut file = log.file.lock().unwrap();
        writeln!(file, "{} {}", seen.request, seen.body).unwrap();
        file.sync_data().unwrap();
        let mut all = log.seen.lock().unwrap();
        if seen.mischief.is_none() && all.iter().all(|other| other.body != seen.body) {
            seen.mischief = log.manner.mischief(&digest);
        }
        all.push(seen.clone());
    }
    log.out.fetch_add(1, Ordering::SeqCst);
    let mut hearing = Hearing { log: Arc::clone(&log), done: false };
    // Different for every request and the same for none: the order of answers is shaken.
    let number = log.requests.fetch_add(1, Ordering::SeqCst);
    let spread = u64::try_from(log.manner.spread.as_millis()).unwrap();
    let more = if spread == 0 { 0 } else { number.wrapping_mul(2_654_435_761) % spread };
    if number >= log.quick.load(Ordering::SeqCst) {
        tokio::time::sleep(log.manner.delay + Duration::from_millis(more)).await;
    }
    let fault = log.faults.lock().unwrap().iter().find(|fault| fault.strikes(&body)).cloned();
    if let Some(Fault { status, body, .. }) = fault {
        let status = StatusCode::from_u16(status).unwrap();
        hearing.done = true;
        return (status, [(CONTENT_TYPE, "application/json")], body).into_response();
    }
    let response = match seen.mischief {
        Some(Mischief::Hang) => std::future::pending().await,
        Some(Mischief::Busy(seconds)) => {
            (StatusCode::TOO_MANY_REQUESTS, [("retry-after", seconds.to_string())], "busy")
                .into_response()
        }
        Some(Mischief::Broken) => (StatusCode::INTERNAL_SERVER_ERROR, "broken").into_response(),
        Some(Mischief::Slow | Mischief::HalfAnswer | Mischief::AnswersThenCuts) | None => {
            if seen.mischief == Some(Mischief::Slow) {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            let response = next.run(Request::from_parts(parts, Body::from(body))).await;
            let (parts, body) = response.into_parts();
            let whole: Bytes = to_bytes(body, 64 << 20).await.unwrap_or_default();
            let kept = match seen.mischief {
                Some(Mischief::HalfAnswer) => Some(whole.slice(..whole.len() / 2)),
                Some(Mischief::AnswersThenCuts) => Some(Bytes::new()),
                _ => None,
            };
            let body = kept.map_or_else(|| spoken(whole, &log), cut);
            Response::from_parts(parts, body)
        }
    };
    hearing.done = true;
    response
}

/// A body whose stream rests after its first words, if that is the manner.
fn spoken(whole: Bytes, log: &Arc<Log>) -> Body {
    let rest = log.manner.rest;
    let Some((words, end)) = first_words(&whole).filter(|_| !rest.is_zero()) else {
        return Body::from(whole);
    };
    let (first, others) = (whole.slice(..end), whole.slice(end..));
    let log = Arc::clone(log);
    let begin = futures_util::stream::once(async move {
        log.begun.lock().unwrap().push((Instant::now(), words));
        Ok::<_, std::io::Error>(first)
    });
    let go_on = futures_util::stream::once(async move {
        tokio::time::sleep(rest).await;
        Ok(others)
    });
    Body::from_stream(futures_util::StreamExt::chain(begin, go_on))
}

/// The first words in a stream of events, and where their event ends.
fn first_words(stream: &[u8]) -> Option<(String, usize)> {
    let mut end = 0;
    for event in std::str::from_utf8(stream).ok()?.split_inclusive("\n\n") {
        end += event.len();
        let data = event.trim_end().strip_prefix("data: ")?;
        let chunk: serde_json::Value = serde_json::from_str(data).ok()?;
        match chunk["choices"][0]["delta"]["content"].as_str() {
            Some(words) if !words.trim().is_empty() => return Some((words.to_owned(), end)),
            Some(_) | None => {}
        }
    }
    None
}

/// A body that breaks off after these bytes.
fn cut(bytes: Bytes) -> Body {
    let broken = Err(std::io::Error::other("cut"));
    Body::from_stream(futures_util::stream::iter([Ok(bytes), broken]))
}
