//! Words reach whoever looks on while they are spoken: on another machine through Redis piece by
//! piece, from another process on the embedded ledger turn by turn.

use crate::support::program::{folder_with, say, tableround};
use crate::support::redis::RedisServer;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use futures_util::StreamExt;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};
use tableround::provider::rehearsal;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Five pictures, and so five descriptions: each the first words of a discussion.
const PICTURES: [&str; 5] =
    ["teapot.jpg", "lantern.png", "butterfly.png", "koi-pond.webp", "street.gif"];
/// The longest that words may take from the service to the eyes.
const LATE: Duration = Duration::from_millis(300);
/// Far more than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// A service that begins its descriptions and waits with the rest until it is let go on.
struct SlowSpeaker {
    base_url: String,
    /// When the first half of a description left, one for each.
    begun: UnboundedReceiver<Instant>,
    go_on: Arc<Semaphore>,
    runtime: tokio::runtime::Runtime,
}

#[derive(Clone)]
struct Stage {
    begun: UnboundedSender<Instant>,
    go_on: Arc<Semaphore>,
}

impl SlowSpeaker {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (sender, begun) = unbounded_channel();
        let go_on = Arc::new(Semaphore::new(0));
        let stage = Stage { begun: sender, go_on: Arc::clone(&go_on) };
        let router = rehearsal::router().layer(from_fn_with_state(stage, speak));
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        runtime.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { base_url, begun, go_on, runtime }
    }

    /// Waits until the first half of the next description has left.
    fn begins(&mut self) -> Instant {
        self.runtime
            .block_on(async { tokio::time::timeout(PATIENCE, self.begun.recv()).await })
            .unwrap()
            .unwrap()
    }
}

async fn speak(State(stage): State<Stage>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 64 << 20).await.unwrap();
    let describes = memchr::memmem::find(&body, b"image_url").is_some();
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    if !describes {
        return response;
    }
    let (parts, body) = response.into_parts();
    let whole = to_bytes(body, 64 << 20).await.unwrap();
    // A stream of server-sent events is cut between two of them.
    let middle = memchr::memmem::find_iter(&whole, b"\n\n").nth(4).unwrap() + 2;
    let (first, rest) = (whole.slice(..middle), whole.slice(middle..));
    let held = async move {
        stage.go_on.acquire().await.unwrap().forget();
        Ok::<Bytes, std::io::Error>(rest)
    };
    let begin = async move {
        stage.begun.send(Instant::now()).unwrap();
        Ok(first)
    };
    let pieces = futures_util::stream::once(begin).chain(futures_util::stream::once(held));
    Response::from_parts(parts, Body::from_stream(pieces))
}

/// A process that ends with the value, and what it writes as it comes.
struct Watcher {
    child: Child,
    pieces: Receiver<(Instant, String)>,
}

impl Watcher {
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut command = tableround(folder);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut out = child.stdout.take().unwrap();
        let (sender, pieces) = channel();
        std::thread::spawn(move || {
            let mut bytes = vec![0; 65536];
            while let Ok(count @ 1..) = out.read(&mut bytes) {
                let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
                sender.send((Instant::now(), text)).ok();
            }
        });
        Self { child, pieces }
    }

    /// When the first piece with this text came that was not read before.
    fn sees(&self, text: &str) -> (Instant, String) {
        let until = Instant::now() + PATIENCE;
        let mut all = String::new();
        loop {
            match self.pieces.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok((at, piece)) => {
                    all += &piece;
                    if all.contains(text) {
                        return (at, all);
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("no `{text}` in {all}")
                }
            }
        }
    }

    /// Everything until it ends by itself, well.
    fn ends(&mut self) -> String {
        let rest: String = self.pieces.iter().map(|(_, piece)| piece).collect();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{rest}");
        rest
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn enqueue(folder: &Path, base_url: &str, more: &[&str]) {
    let service = ["--provider", "openai", "--base-url", base_url, "--vision-model", "m"];
    let spec = ["--job", "glance", "--batch", "b", "--yes"];
    say(folder, &[&["enqueue"], &PICTURES[..], &service, &spec, more].concat()).ends(0);
}

/// The second best of five: a busy machine adds to a wait and never takes from it, and one lucky
/// moment proves nothing.
fn typical(mut waits: Vec<Duration>) -> Duration {
    waits.sort();
    println!("words were seen after {waits:?}");
    waits[1]
}

#[test]
fn words_are_seen_on_another_machine_while_the_reply_is_still_open() {
    let Some(redis) = RedisServer::start() else { return };
    let mut service = SlowSpeaker::start();
    let (here, there, elsewhere) = (folder_with(&PICTURES), folder_with(&[]), folder_with(&[]));
    let url = redis.url();
    enqueue(here.path(), &service.base_url, &["--redis", &url]);
    let mut text = Watcher::start(
        elsewhere.path(),
        &["watch", "b", "--text", "--until-done", "--redis", &url],
    );
    let mut json = Watcher::start(
        elsewhere.path(),
        &["watch", "b", "--json", "--until-done", "--redis", &url],
    );
    both_listen(&redis);
    let _worker =
        Watcher::start(there.path(), &["worker", "--drain", "--concurrency", "1", "--redis", &url]);
    let mut waits = Vec::new();
    for _ in PICTURES {
        let begun = service.begins();
        let (seen, told) = text.sees("describe] ");
        waits.push(seen.saturating_duration_since(begun));
        assert!(!told.ends_with('\n'), "the turn is not over: {told:?}");
        service.go_on.add_permits(1);
    }
    let told = text.ends();
    assert!(typical(waits) <= LATE, "{told}");
    let events = json.ends();
    let events: Vec<serde_json::Value> =
        events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    follows_the_turns(&events);
}

/// Waits until both watchers have ears for words.
fn both_listen(redis: &RedisServer) {
    let mut connection = redis.connection();
    let (_bell, silence) = channel::<()>();
    let until = Instant::now() + PATIENCE;
    loop {
        let mut question = redis::cmd("PUBSUB");
        question.arg("NUMSUB").arg("{tableround}:live");
        let (_, ears): (String, u32) = question.query(&mut connection).unwrap();
        if ears == 2 {
            return;
        }
        assert!(Instant::now() < until, "{ears} listen");
        silence.recv_timeout(Duration::from_millis(20)).ok();
    }
}

/// Every seat's deltas are the beginning of its turn, each where its offset says.
fn follows_the_turns(events: &[serde_json::Value]) {
    let of = |kind: &'static str| events.iter().filter(move |event| event["event"] == kind);
    let same = |a: &serde_json::Value, b: &serde_json::Value| {
        ["job", "stage", "round", "seat"].iter().all(|field| a[*field] == b[*field])
    };
    let mut checked = 0;
    for turn in of("turn").filter(|turn| turn["stage"] == "describe") {
        let mut said = String::new();
        for delta in of("delta").filter(|delta| same(delta, turn)) {
            assert_eq!(delta["offset"], said.chars().count(), "{delta}");
            said += delta["text"].as_str().unwrap();
            checked += 1;
        }
        assert_eq!(said.trim(), turn["text"].as_str().unwrap().trim());
    }
    assert!(checked >= 2 * PICTURES.len(), "{checked} pieces were checked");
}

#[test]
fn whole_turns_are_seen_from_another_process_on_the_embedded_ledger_at_once() {
    let mut service = SlowSpeaker::start();
    let folder = folder_with(&PICTURES);
    enqueue(folder.path(), &service.base_url, &[]);
    let mut text = Watcher::start(folder.path(), &["watch", "b", "--text", "--until-done"]);
    let _worker = Watcher::start(folder.path(), &["worker", "--drain", "--concurrency", "1"]);
    let mut waits = Vec::new();
    for _ in PICTURES {
        service.begins();
        service.go_on.add_permits(1);
        let ended = Instant::now();
        let (seen, _) = text.sees("describe] ");
        waits.push(seen.saturating_duration_since(ended));
    }
    let told = text.ends();
    assert!(typical(waits) <= LATE, "{told}");
}
