//! A server that says exactly the bytes it is told to, when it is told to, and remembers every
//! request. It knows just enough HTTP/1.1 to tell where a request ends.

#![expect(clippy::unwrap_used, reason = "a panic here is a failed test")]

use serde_json::Value;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// One thing to do on a connection after its request was read.
#[derive(Debug, Clone)]
pub(crate) enum Play {
    /// Sends these bytes as one packet, as far as that can be promised.
    Bytes(Vec<u8>),
    /// Says the bytes again and again, until the client hangs up.
    Repeat(Vec<u8>, Duration),
    /// Says nothing, until the client hangs up.
    Stall,
    /// Ends the connection with a reset instead of a proper end.
    Reset,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// `POST /chat/completions HTTP/1.1`
    pub line: String,
    head: String,
    pub body: Vec<u8>,
}

impl Received {
    /// The value of a header, if it was sent.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// The running server. The n-th connection gets the n-th script; further ones are hung up on.
#[derive(Debug)]
pub(crate) struct Wire {
    port: u16,
    log: Arc<Log>,
    serving: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Log {
    received: Mutex<Vec<Received>>,
    /// Rung when a client hangs up on a stalling script.
    hung_up: Notify,
}

impl Wire {
    pub(crate) async fn start(scripts: Vec<Vec<Play>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let log = Arc::new(Log::default());
        let shared = Arc::clone(&log);
        let serving = tokio::spawn(async move {
            let mut scripts = scripts.into_iter();
            loop {
                let (connection, _) = listener.accept().await.unwrap();
                let script = scripts.next().unwrap_or_default();
                tokio::spawn(serve(connection, script, Arc::clone(&shared)));
            }
        });
        Self { port, log, serving }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn requests(&self) -> Vec<Received> {
        self.log.received.lock().unwrap().clone()
    }

    /// Waits until a client hangs up on a script that stalls.
    pub(crate) async fn hung_up(&self) {
        self.log.hung_up.notified().await;
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(mut connection: TcpStream, script: Vec<Play>, log: Arc<Log>) {
    connection.set_nodelay(true).unwrap();
    let Some(request) = read_request(&mut connection).await else { return };
    log.received.lock().unwrap().push(request);
    for play in script {
        match play {
            Play::Bytes(bytes) => {
                if connection.write_all(&bytes).await.is_err() {
                    return;
                }
                // Lets the client see this packet on its own.
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            Play::Repeat(bytes, every) => {
                while connection.write_all(&bytes).await.is_ok() {
                    tokio::time::sleep(every).await;
                }
                return;
            }
            Play::Stall => {
                let mut nothing = [0];
                drop(connection.read(&mut nothing).await);
                log.hung_up.notify_one();
                return;
            }
            Play::Reset => {
                connection.set_zero_linger().unwrap();
                return;
            }
        }
    }
    drop(connection.shutdown().await);
    // Reads on, so that closing does not reset what the client has not read yet.
    let mut rest = Vec::new();
    drop(connection.read_to_end(&mut rest).await);
}

async fn read_request(connection: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        if connection.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
    let (line, head) = head.split_once("\r\n").unwrap();
    let mut request = Received {
        line: line.to_owned(),
        head: head.to_owned(),
        body: bytes.split_off(head_end + 4),
    };
    let length: usize =
        request.header("content-length").map_or(0, |length| length.parse().unwrap());
    while request.body.len() < length {
        if connection.read_buf(&mut request.body).await.ok()? == 0 {
            return None;
        }
    }
    Some(request)
}

/// Head and body of a response whose end is the end of the connection.
pub(crate) fn response(status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Vec<Play> {
    vec![head(status, headers), Play::Bytes(body.as_ref().to_vec())]
}

pub(crate) fn head(status: u16, headers: &[(&str, &str)]) -> Play {
    let mut head = format!("HTTP/1.1 {status} Whatever\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head.push_str("\r\n");
    Play::Bytes(head.into_bytes())
}

/// A good stream that says these pieces, each in a packet of its own.
pub(crate) fn stream(pieces: &[&str]) -> Vec<Play> {
    let mut plays = vec![head(200, &[("content-type", "text/event-stream")])];
    plays.extend(pieces.iter().map(|piece| Play::Bytes(piece.as_bytes().to_vec())));
    plays
}

/// A body in HTTP/1.1 chunks, without the last, empty one.
pub(crate) fn chunked(pieces: &[&str]) -> Vec<Play> {
    let headers = [("content-type", "text/event-stream"), ("transfer-encoding", "chunked")];
    let mut plays = vec![head(200, &headers)];
    plays.extend(
        pieces
            .iter()
            .map(|piece| Play::Bytes(format!("{:x}\r\n{piece}\r\n", piece.len()).into_bytes())),
    );
    plays
}
