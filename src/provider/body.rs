//! The body of a good answer: told apart by its first byte, read under a limit and the clocks.
//!
//! Services answer a streamed question with a stream, with one JSON object, with a proxy's web
//! page or with nothing, and not all label it correctly, so the content decides.

use super::clocks::Clocks;
use super::error::{End, Happened};
use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, Stream, StreamExt};
use reqwest::Response;
use serde_json::Value;
use sse_stream::SseByteStream;

/// Longest event of a stream, in bytes.
const EVENT_BYTES_MAX: usize = 1 << 20;
/// How much of a body without any event is shown.
const HEAD_BYTES_MAX: usize = 1 << 10;

type Chunks = BoxStream<'static, Result<Bytes, Cut>>;

/// What kind of body it is.
pub(super) enum Kind {
    Events(Events),
    Json(Rest),
    Page(Rest),
    Nothing,
}

/// A body that is read as a whole.
pub(super) struct Rest {
    head: BytesMut,
    chunks: Chunks,
}

/// A body that is read event by event.
pub(super) struct Events {
    head: Bytes,
    chunks: Chunks,
}

/// Why the bytes end before the body does.
#[derive(Debug, thiserror::Error)]
enum Cut {
    #[error("the connection broke")]
    Broken(#[from] reqwest::Error),
    #[error("more bytes than allowed")]
    TooLong,
}

impl From<Cut> for Happened {
    fn from(cut: Cut) -> Self {
        match cut {
            Cut::Broken(error) => error.into(),
            Cut::TooLong => Self::Ended(End::TooLong),
        }
    }
}

/// Reads up to the first byte that tells what this is.
pub(super) async fn sniff(
    response: Response,
    bytes_max: usize,
    clocks: &mut Clocks,
) -> Result<Kind, Happened> {
    let mut chunks = capped(response, bytes_max).boxed();
    let mut head = BytesMut::new();
    while let Some(chunk) = clocks.wait(chunks.next()).await? {
        head.extend_from_slice(&chunk?);
        let Some(first) = first_byte(&head) else { continue };
        return Ok(match first {
            b'{' | b'[' => Kind::Json(Rest { head, chunks }),
            b'<' => Kind::Page(Rest { head, chunks }),
            _ => Kind::Events(Events { head: head.freeze(), chunks }),
        });
    }
    Ok(Kind::Nothing)
}

/// As much of the body of an error as is worth reading; a failure on the way ends it early.
pub(super) async fn head(response: Response, bytes_max: usize, clocks: &mut Clocks) -> Vec<u8> {
    let mut body = Vec::new();
    clocks.data();
    let mut response = response;
    while let Ok(Ok(Some(chunk))) = clocks.wait(response.chunk()).await {
        let left = bytes_max - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(left)]);
        if body.len() == bytes_max {
            break;
        }
    }
    body
}

impl Rest {
    /// All of it.
    pub(super) async fn whole(mut self, clocks: &mut Clocks) -> Result<Bytes, Happened> {
        clocks.data();
        while let Some(chunk) = clocks.wait(self.chunks.next()).await? {
            let chunk = chunk?;
            if !chunk.iter().all(u8::is_ascii_whitespace) {
                clocks.data();
            }
            self.head.extend_from_slice(&chunk);
        }
        let body = self.head.freeze();
        Ok(body.strip_prefix(BYTE_ORDER_MARK).map_or(body.clone(), |rest| body.slice_ref(rest)))
    }
}

impl Events {
    /// Gives each event's JSON to `take`, until the end mark or the end of the body. `take`
    /// tells whether the answer is complete; from then on a failure of the transport is none.
    pub(super) async fn each(
        self,
        clocks: &mut Clocks,
        mut take: impl FnMut(&Value) -> Result<bool, Happened>,
    ) -> Result<(), Happened> {
        let start = self.head.slice(..self.head.len().min(HEAD_BYTES_MAX));
        // A last event may lack its blank line; one more never hurts.
        let end = stream::once(async { Ok(Bytes::from_static(b"\n\n")) });
        let chunks = stream::once(async { Ok(self.head) }).chain(self.chunks).chain(end);
        let mut events = SseByteStream::new(chunks.boxed());
        let (mut any, mut complete) = (false, false);
        loop {
            let event = match clocks.wait(events.next()).await {
                Ok(None) => break,
                Ok(Some(Ok(event))) => event,
                Err(_) | Ok(Some(Err(_))) if complete => break,
                Err(timed_out) => return Err(timed_out),
                Ok(Some(Err(error))) => return Err(broken(error)),
            };
            let Some(data) = event.data.filter(|data| !data.trim().is_empty()) else { continue };
            if data.len() > EVENT_BYTES_MAX {
                return Err(Happened::Ended(End::TooLong));
            }
            clocks.data();
            any = true;
            if data.trim_start().starts_with("[DONE]") {
                break;
            }
            complete = take(&parse(&data)?)?;
            if complete {
                clocks.finished();
            }
        }
        if any { Ok(()) } else { Err(not_events(&start)) }
    }
}

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The first byte that is neither white space nor (part of) a byte order mark.
fn first_byte(head: &[u8]) -> Option<u8> {
    let head = head.strip_prefix(BYTE_ORDER_MARK).unwrap_or(head);
    let first = head.iter().copied().find(|byte| !byte.is_ascii_whitespace())?;
    (head.len() >= BYTE_ORDER_MARK.len() || !BYTE_ORDER_MARK.starts_with(head)).then_some(first)
}

fn capped(
    response: Response,
    bytes_max: usize,
) -> impl Stream<Item = Result<Bytes, Cut>> + Send + 'static {
    let mut left = bytes_max;
    response.bytes_stream().map(move |chunk| {
        let chunk = chunk?;
        left = left.checked_sub(chunk.len()).ok_or(Cut::TooLong)?;
        Ok(chunk)
    })
}

fn parse(data: &str) -> Result<Value, Happened> {
    serde_json::from_str(data).map_err(|_| Happened::not_json(data.as_bytes()))
}

fn broken(error: sse_stream::Error) -> Happened {
    match error {
        sse_stream::Error::Body(source) => match source.downcast::<Cut>() {
            Ok(cut) => (*cut).into(),
            Err(other) => Happened::Broken(other.to_string()),
        },
        other => Happened::Ended(End::NotJson(other.to_string())),
    }
}

/// A body that looked like a stream and held no event: comments alone, or some other text.
fn not_events(start: &[u8]) -> Happened {
    let text = String::from_utf8_lossy(start);
    if text.trim_start_matches('\u{feff}').trim_start().starts_with(':') {
        return Happened::Ended(End::Empty);
    }
    Happened::not_json(text.as_bytes())
}
