//! `watch` on a real terminal: a pseudo-terminal that `script` makes, read by a terminal emulator.

use crate::support::process::{Process, cpu_seconds};
use crate::support::program::{Said, folder_with, say, tableround};
use crate::support::redis::RedisServer;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Far more than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// A person's terminal with `watch` on it.
struct Terminal {
    child: Child,
    keyboard: Option<ChildStdin>,
    screen: Arc<Mutex<vt100::Parser>>,
    written: Arc<Mutex<Vec<u8>>>,
    folder: std::path::PathBuf,
}

impl Terminal {
    /// Opens one of this size and types a command into it, after which the shell says how it ended.
    fn open(folder: &Path, (rows, cols): (u16, u16), arguments: &str) -> Option<Self> {
        let program = env!("CARGO_BIN_EXE_tableround");
        let session = format!(
            "tty > tty; stty rows {rows} cols {cols}; echo before; \
             bash -c \"echo \\$\\$ > pid; exec {program} {arguments}\"; echo \"code $?\""
        );
        let mut script = Command::new("script");
        script
            .args(["-q", "-f", "-c", &format!("bash -c '{session}'"), "/dev/null"])
            .current_dir(folder)
            .env_clear()
            .envs([("PATH", "/usr/bin:/bin"), ("LANG", "C.UTF-8"), ("TERM", "xterm-256color")])
            .env("HOME", folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = match script.spawn() {
            Ok(child) => child,
            Err(error) => {
                println!("not run: script does not start: {error}");
                return None;
            }
        };
        let screen = Arc::new(Mutex::new(parser(rows, cols)));
        let written = Arc::new(Mutex::new(Vec::new()));
        let mut out = child.stdout.take().unwrap();
        std::thread::spawn({
            let (screen, written) = (Arc::clone(&screen), Arc::clone(&written));
            move || {
                let mut bytes = vec![0; 65536];
                while let Ok(count @ 1..) = out.read(&mut bytes) {
                    screen.lock().unwrap().process(&bytes[..count]);
                    written.lock().unwrap().extend_from_slice(&bytes[..count]);
                }
            }
        });
        let keyboard = child.stdin.take();
        Some(Self { child, keyboard, screen, written, folder: folder.to_owned() })
    }

    fn shown(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    /// Waits until the screen shows this.
    #[track_caller]
    fn shows(&self, text: &str) {
        self.waits(text, || self.shown().contains(text));
    }

    #[track_caller]
    fn waits(&self, what: &str, is_so: impl Fn() -> bool) {
        let started = Instant::now();
        while !is_so() {
            assert!(started.elapsed() < PATIENCE, "no `{what}` in\n{}", self.shown());
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    fn types(&mut self, keys: &str) {
        let keyboard = self.keyboard.as_mut().unwrap();
        keyboard.write_all(keys.as_bytes()).unwrap();
        keyboard.flush().unwrap();
    }

    fn resize(&self, rows: u16, cols: u16) {
        self.screen.lock().unwrap().screen_mut().set_size(size(rows), size(cols));
        let tty = std::fs::read_to_string(self.folder.join("tty")).unwrap();
        let mut stty = Command::new("stty");
        stty.args(["-F", tty.trim(), "rows", &rows.to_string(), "cols", &cols.to_string()]);
        Said::from(stty.output().unwrap()).ends(0);
    }

    fn signal(&self, name: &str) {
        let pid = std::fs::read_to_string(self.folder.join("pid")).unwrap();
        let kill = Command::new("kill").args([&format!("-{name}"), pid.trim()]).output().unwrap();
        Said::from(kill).ends(0);
    }

    /// The screen is gone and the terminal is as it was, with what it showed before.
    #[track_caller]
    fn is_given_back(&self, code: u8) {
        self.shows(&format!("code {code}"));
        let screen = self.screen.lock().unwrap();
        let screen = screen.screen();
        assert!(!screen.alternate_screen() && !screen.hide_cursor());
        assert_eq!(screen.contents().trim_end(), format!("before\ncode {code}"));
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.keyboard = None;
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn parser(rows: u16, cols: u16) -> vt100::Parser {
    vt100::Parser::new(size(rows), size(cols), 1000)
}

fn size(cells: u16) -> std::num::NonZero<u16> {
    cells.try_into().unwrap()
}

const SPEC: &[&str] = &["--rehearse", "--job", "glance", "--batch", "night"];

fn enqueued(more: &[&str]) -> tempfile::TempDir {
    let folder = folder_with(&["teapot.jpg", "lantern.png"]);
    let inputs = ["enqueue", "teapot.jpg", "lantern.png"];
    say(folder.path(), &[&inputs[..], SPEC, more].concat()).ends(0);
    folder
}

#[test]
fn the_screen_says_why_nothing_runs_follows_the_terminals_size_and_leaves_it_as_it_was() {
    let folder = enqueued(&[]);
    let Some(mut terminal) = Terminal::open(folder.path(), (24, 100), "watch") else { return };
    terminal.shows("no worker is alive: `tableround worker`");
    assert!(terminal.screen.lock().unwrap().screen().alternate_screen());
    for (rows, cols) in [(10, 40), (2, 9), (1, 1), (50, 150)] {
        terminal.resize(rows, cols);
    }
    terminal.shows("no worker is alive: `tableround worker` or `tableround run --resume night`");
    terminal.types("?");
    terminal.shows("what is watched goes on");
    terminal.types("?");
    terminal.shows("night");
    say(folder.path(), &["pause", "night"]).ends(0);
    terminal.shows("held up: paused (`tableround resume night` goes on)");
    say(folder.path(), &["resume", "night"]).ends(0);
    say(folder.path(), &["worker", "--drain"]).ends(0);
    terminal.shows("2/2  100%");
    terminal.types("q");
    terminal.is_given_back(0);
}

#[test]
fn ctrl_c_and_a_signal_give_the_terminal_back() {
    let folder = enqueued(&[]);
    for how in ["\u{3}", "TERM", "HUP"] {
        let Some(mut terminal) = Terminal::open(folder.path(), (24, 80), "watch") else { return };
        terminal.shows("no worker is alive");
        if how == "\u{3}" {
            terminal.types(how);
        } else {
            terminal.signal(how);
        }
        terminal.is_given_back(130);
    }
}

#[test]
fn with_until_done_the_screen_ends_by_itself() {
    let folder = enqueued(&[]);
    let opened = Terminal::open(folder.path(), (24, 80), "watch night --until-done");
    let Some(terminal) = opened else { return };
    terminal.shows("no worker is alive");
    say(folder.path(), &["worker", "--drain"]).ends(0);
    terminal.is_given_back(0);
}

#[test]
fn no_colour_means_no_colour() {
    let folder = enqueued(&[]);
    let opened = Terminal::open(folder.path(), (24, 80), "watch --color never");
    let Some(mut terminal) = opened else { return };
    terminal.shows("no worker is alive");
    terminal.types("q");
    terminal.is_given_back(0);
    let written = String::from_utf8_lossy(&terminal.written.lock().unwrap()).into_owned();
    assert!(!written.contains("\u{1b}[38;"), "{written:?}");
}

#[test]
fn the_screen_outlives_the_ledger_and_finds_it_again() {
    let Some(mut redis) = RedisServer::start() else { return };
    let url = redis.url();
    let folder = enqueued(&["--redis", &url]);
    let watch = format!("watch --redis {url}");
    let Some(mut terminal) = Terminal::open(folder.path(), (24, 100), &watch) else { return };
    terminal.shows("no worker is alive");
    redis.stop();
    terminal.shows("reconnecting to the ledger for ");
    terminal.shows("no worker is alive");
    redis.restart();
    terminal.waits("an answer", || !terminal.shown().contains("reconnecting"));
    terminal.types("q");
    terminal.is_given_back(0);
}

#[test]
#[ignore = "a figure: a minute"]
fn a_screen_left_open_over_night_takes_little() {
    const WATCHED: Duration = Duration::from_secs(30);
    let folder = enqueued(&[]);
    say(folder.path(), &["pause", "night"]).ends(0);
    let worker = tableround(folder.path()).arg("worker").stderr(Stdio::null()).spawn();
    let _worker = Process::from(worker.unwrap());
    let Some(mut terminal) = Terminal::open(folder.path(), (40, 120), "watch") else { return };
    terminal.shows("paused");
    let pid = std::fs::read_to_string(folder.path().join("pid")).unwrap().trim().parse().unwrap();
    let before = cpu_seconds(pid).unwrap();
    std::thread::park_timeout(WATCHED);
    let share = (cpu_seconds(pid).unwrap() - before) / WATCHED.as_secs_f64() * 100.0;
    println!("watch on a paused batch: {share:.2} % CPU");
    terminal.types("q");
    terminal.is_given_back(0);
}
