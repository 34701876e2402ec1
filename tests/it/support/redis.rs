//! A Redis server of one test's own.

use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// Ports tried before a server that will not start is called broken.
const PORTS_TRIED: u32 = 5;
/// Where a Redis listens on a machine of its own.
const REDIS_PORT: u16 = 6379;

/// A running `redis-server` with its files in a folder of its own; it ends with the value.
#[derive(Debug)]
pub(crate) struct RedisServer {
    child: Child,
    seat: Seat,
    home: TempDir,
}

/// Where a server listens, and how it is started there.
#[derive(Debug)]
struct Seat {
    address: SocketAddr,
    is_tls: bool,
    /// The program that takes the server with its arguments and starts it; none: nobody.
    starter: Vec<String>,
}

impl RedisServer {
    /// Starts one, or tells why the test does not run here.
    pub(crate) fn start() -> Option<Self> {
        Self::start_in(tempfile::tempdir().unwrap(), false)
    }

    /// The same with TLS alone; the authority to trust is in [`Self::authority`].
    pub(crate) fn start_with_tls() -> Option<Self> {
        let home = tempfile::tempdir().unwrap();
        match certify(home.path()) {
            Ok(()) => Self::start_in(home, true),
            Err(error) => not_run(&format!("openssl makes no certificate: {error}")),
        }
    }

    /// Starts one on another machine, where every port is free.
    pub(crate) fn start_on(machine: Ipv4Addr, starter: Vec<String>) -> Option<Self> {
        let home = tempfile::tempdir().unwrap();
        let seat = Seat { address: (machine, REDIS_PORT).into(), is_tls: false, starter };
        match seat.launch(home.path(), &[]) {
            Ok(child) => Some(Self { child: child?, seat, home }),
            Err(error) => not_run(&format!("redis-server does not start: {error}")),
        }
    }

    fn start_in(home: TempDir, is_tls: bool) -> Option<Self> {
        for _ in 0..PORTS_TRIED {
            let address = (Ipv4Addr::LOCALHOST, free_port()).into();
            let seat = Seat { address, is_tls, starter: vec![] };
            match seat.launch(home.path(), &[]) {
                Ok(Some(child)) => return Some(Self { child, seat, home }),
                // Somebody else took the port in between.
                Ok(None) => {}
                Err(error) => return not_run(&format!("redis-server does not start: {error}")),
            }
        }
        panic!("redis-server found no port in {PORTS_TRIED} attempts");
    }

    pub(crate) fn url(&self) -> String {
        let scheme = if self.seat.is_tls { "rediss" } else { "redis" };
        format!("{scheme}://{}/0", self.seat.address)
    }

    /// The certificate of the authority that vouches for a server with TLS.
    pub(crate) fn authority(&self) -> PathBuf {
        self.home.path().join("authority.pem")
    }

    /// A blocking connection for the test itself.
    pub(crate) fn connection(&self) -> redis::Connection {
        redis::Client::open(self.url()).unwrap().get_connection().unwrap()
    }

    /// Kills the server; its files stay.
    pub(crate) fn stop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.seat.address
    }

    /// Says one command to it.
    pub(crate) fn tell(&self, words: &[&str]) {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]).query::<()>(&mut self.connection()).unwrap();
    }

    /// Changes one of its settings while it runs.
    pub(crate) fn configure(&self, setting: &str, value: &str) {
        self.tell(&["CONFIG", "SET", setting, value]);
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How much memory its data takes, in bytes, as it says itself.
    pub(crate) fn memory_used_bytes(&self) -> usize {
        let mut info = redis::cmd("INFO");
        let info: String = info.arg("memory").query(&mut self.connection()).unwrap();
        let used = tableround::redis_server::facts(&info)["used_memory"].to_owned();
        used.parse().unwrap()
    }

    /// Whether somebody listens on a channel whose name is like this.
    pub(crate) fn is_heard_on(&self, pattern: &str) -> bool {
        let mut channels = redis::cmd("PUBSUB");
        channels.arg("CHANNELS").arg(pattern);
        !channels.query::<Vec<String>>(&mut self.connection()).unwrap().is_empty()
    }

    /// Gives it so many keys of somebody else.
    pub(crate) fn fill(&self, keys: usize) {
        let mut pipeline = redis::pipe();
        for number in 0..keys {
            pipeline.cmd("SET").arg(format!("somebody-elses:{number}")).arg("theirs").ignore();
        }
        pipeline.query::<()>(&mut self.connection()).unwrap();
    }

    /// Ends it by this signal, and waits until it has ended.
    pub(crate) fn end_by(&mut self, signal: Signal) {
        self.signal(signal);
        self.child.wait().unwrap();
    }

    /// Starts it again after its end, on the same port, with what its disk holds and with these
    /// options more. It takes writes when this returns.
    pub(crate) fn start_again(&mut self, options: &[&str]) {
        let child = self.seat.launch(self.home.path(), options).unwrap();
        self.child = child.expect("the port was ours");
    }

    /// Kills the server and starts it again on the same port with what its disk holds.
    pub(crate) fn restart(&mut self) {
        self.stop();
        self.start_again(&[]);
    }

    /// Sends its process a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// The file to which it appends what changes.
    pub(crate) fn append_only_file(&self) -> PathBuf {
        self.home.path().join("appendonlydir/appendonly.aof.1.incr.aof")
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // It may be dead already; that is what some tests are about.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A test without its server fails where all servers must be there, as the test script says.
pub(super) fn not_run<T>(why: &str) -> Option<T> {
    assert!(super::variable("TABLEROUND_REQUIRE_REDIS").is_none(), "{why}");
    println!("not run: {why}");
    None
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Seat {
    fn command(&self) -> Command {
        // Valkey and other releases of Redis are tried by naming them.
        let program = super::variable("TABLEROUND_TEST_REDIS_SERVER");
        let program = program.as_deref().unwrap_or("redis-server");
        match self.starter.split_first() {
            None => Command::new(program),
            Some((starter, words)) => {
                let mut command = Command::new(starter);
                command.args(words).arg(program);
                command
            }
        }
    }

    /// A server that accepts connections; none if it ended before.
    fn launch(&self, home: &Path, options: &[&str]) -> std::io::Result<Option<Child>> {
        let (ip, port) = (self.address.ip().to_string(), self.address.port().to_string());
        let mut server = self.command();
        server
            .args(["--bind", &ip, "--protected-mode", "no", "--save", "", "--daemonize", "no"])
            .args(["--appendonly", "yes", "--appendfsync", "always"])
            .arg("--dir")
            .arg(home);
        if self.is_tls {
            server.args(["--port", "0", "--tls-port", &port, "--tls-auth-clients", "no"]);
            for (option, file) in [
                ("--tls-cert-file", "server.pem"),
                ("--tls-key-file", "server.key"),
                ("--tls-ca-cert-file", "authority.pem"),
            ] {
                server.arg(option).arg(home.join(file));
            }
        } else {
            server.args(["--port", &port]);
        }
        let mut child =
            server.args(options).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let is_ready = |line: &String| line.contains("Ready to accept connections");
        if lines.by_ref().map_while(Result::ok).any(|line| is_ready(&line)) {
            // The server's log goes on; somebody must read it or the pipe fills up.
            std::thread::spawn(move || lines.for_each(drop));
            return Ok(Some(child));
        }
        child.wait()?;
        Ok(None)
    }
}

/// An authority of this test's own, and a server's certificate from it.
fn certify(home: &Path) -> std::io::Result<()> {
    let openssl = |arguments: &str| {
        let mut command = Command::new("openssl");
        command.args(arguments.split(' ')).current_dir(home).stderr(Stdio::null());
        let status = command.status()?;
        if status.success() { Ok(()) } else { Err(std::io::Error::other(arguments.to_owned())) }
    };
    openssl(
        "req -x509 -newkey rsa:2048 -nodes -keyout authority.key -out authority.pem \
         -subj /CN=authority -days 2",
    )?;
    openssl(
        "req -newkey rsa:2048 -nodes -keyout server.key -out request.pem -subj /CN=localhost \
         -addext subjectAltName=IP:127.0.0.1",
    )?;
    openssl(
        "x509 -req -in request.pem -CA authority.pem -CAkey authority.key -out server.pem -days 2 \
         -copy_extensions copy",
    )
}
