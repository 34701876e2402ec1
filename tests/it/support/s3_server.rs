//! An object store of one test's own: moto's S3, which knows nothing of this program.

use super::redis::not_run;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The bucket that every server here has.
pub(crate) const BUCKET: &str = "pictures";
/// Where the test script installs it.
const PROGRAM: &str = "target/moto/bin/moto_server";

/// A running server that keeps everything in memory; it ends with the value.
#[derive(Debug)]
pub(crate) struct S3Server {
    child: Child,
    address: String,
}

impl S3Server {
    /// Starts one that lets everybody in, or tells why the test does not run here.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(None)
    }

    /// Starts one that knows nobody, once its bucket is there.
    pub(crate) fn start_suspicious() -> Option<Self> {
        Self::start_with(Some(("INITIAL_NO_AUTH_ACTION_COUNT", "1")))
    }

    fn start_with(variable: Option<(&str, &str)>) -> Option<Self> {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join(PROGRAM);
        let program = super::variable("TABLEROUND_TEST_S3_SERVER").map_or(program, Into::into);
        let mut server = Command::new(&program);
        server.args(["-H", "127.0.0.1", "-p", "0"]).envs(variable);
        let spawned = server.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = match spawned {
            Ok(child) => child,
            Err(error) => {
                return not_run(&format!(
                    "no S3 server, {} does not start: {error}",
                    program.display()
                ));
            }
        };
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines.by_ref().map_while(Result::ok).find_map(|line| {
            line.split_once("Running on http://").map(|(_, address)| address.trim().to_owned())
        });
        // The server's log goes on; somebody must read it or the pipe fills up.
        std::thread::spawn(move || lines.for_each(drop));
        let server = Self { child, address: address.expect("it says where it runs") };
        assert!(server.ask("PUT", &format!("/{BUCKET}")).contains(" 200 "));
        Some(server)
    }

    /// What a program must be told to find it.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        variables(&self.endpoint())
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The keys of all objects, by the server's own listing.
    pub(crate) fn listing(&self) -> Vec<String> {
        let answer = self.ask("GET", &format!("/{BUCKET}?list-type=2"));
        assert!(answer.contains("<IsTruncated>false"), "{answer}");
        let keys = answer.split("<Key>").skip(1);
        keys.map(|rest| rest.split("</Key>").next().unwrap().to_owned()).collect()
    }

    /// One request by hand, and all that is answered.
    fn ask(&self, method: &str, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let host = &self.address;
        write!(stream, "{method} {path} HTTP/1.0\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Endpoint and credentials; the test's server does not check who asks.
pub(crate) fn variables(endpoint: &str) -> Vec<(String, String)> {
    let all =
        [("AWS_ENDPOINT", endpoint), ("AWS_ACCESS_KEY_ID", "ann"), ("AWS_SECRET_ACCESS_KEY", "x")];
    all.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
