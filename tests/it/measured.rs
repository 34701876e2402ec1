//! Figures, not laws: `cargo nextest run --release --test it measured --run-ignored only --no-capture`.

mod machines;

use crate::support::process::cpu_seconds;
use crate::support::program::{put, samples, tableround, told};
use crate::support::provider_server::{Manner, ProviderServer};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A run against a server that answers each call after one second.
fn timed(folder: &Path, server: &ProviderServer, pictures: usize, batch: &str) -> Duration {
    let mut command = tableround(folder);
    command.arg("run").args(samples().into_iter().cycle().take(pictures));
    command.args(["--topic", batch, "--batch", batch, "--yes", "--again"]);
    command.args(["--provider", "openai", "--base-url", &server.base_url, "--max-calls", "256"]);
    command.args(["--vision-model", "eye", "--chat-model", "mouth", "--image-model", "hand"]);
    let started = Instant::now();
    let output = command.output().unwrap();
    let wall = started.elapsed();
    assert!(output.status.success(), "{}", told(&output));
    wall
}

/// Calls of a roundtable that wait for one another: describe, introduce, story, 6 in the
/// discussion, cluster, vote, 6 in the second one, design, choose, illustrate.
const PATH: f64 = 20.0;

#[test]
#[ignore = "a figure: half a minute"]
fn one_discussion_takes_as_long_as_its_critical_path() {
    let folder = tempfile::tempdir().unwrap();
    let server = ProviderServer::start(folder.path(), Manner::after(1000, 0));
    let wall = timed(folder.path(), &server, 1, "one").as_secs_f64();
    println!("one roundtable, 1 s a call: {wall:.2} s; path {PATH} s; ratio {:.3}", wall / PATH);
}

#[test]
#[ignore = "a figure: a minute"]
fn twenty_discussions_at_sixteen_take_two_paths() {
    let folder = tempfile::tempdir().unwrap();
    let server = ProviderServer::start(folder.path(), Manner::after(1000, 0));
    let wall = timed(folder.path(), &server, 20, "twenty").as_secs_f64();
    let ideal = 2.0 * PATH;
    println!("20 roundtables at 16: {wall:.2} s; ideal {ideal} s; ratio {:.3}", wall / ideal);
}

#[test]
#[ignore = "a figure: a minute"]
fn two_hundred_and_fifty_six_calls_are_in_flight_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = ProviderServer::start(folder.path(), Manner::after(1000, 0));
    let jobs = 512;
    let agenda = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/one-by-one.toml");
    let mut enqueue = tableround(folder.path());
    enqueue.arg("enqueue").args(paint(folder.path(), jobs)).arg("--job").arg(agenda);
    enqueue.args(["--provider", "openai", "--base-url", &server.base_url, "--batch", "many"]);
    enqueue.args(["--vision-model", "eye", "--chat-model", "mouth", "--yes"]);
    let output = enqueue.output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    let mut worker = tableround(folder.path());
    worker.args(["worker", "--drain", "--no-export", "--concurrency", "256", "--max-calls", "256"]);
    worker.args(["--provider", "openai", "--base-url", &server.base_url]);
    let (wall, usage) = observed(worker);
    let calls = server.seen().len();
    // Nineteen calls that wait for one another, in two waves of 256 jobs.
    let ideal = 2.0 * 19.0;
    assert_eq!(calls, jobs * 19, "nothing asked twice");
    println!(
        "256 calls in flight, {jobs} jobs of 19 calls of 1 s: {:.2} s of {ideal} s, {:.1} % of the \
         ideal; {usage}",
        wall.as_secs_f64(),
        ideal / wall.as_secs_f64() * 100.0
    );
}

#[test]
#[ignore = "a figure: many minutes; TABLEROUND_SOAK_JOBS=N for another number than 5000"]
fn memory_does_not_grow_with_the_jobs_done() {
    #[expect(clippy::disallowed_methods, reason = "how long to measure is the caller's wish")]
    let jobs = std::env::var("TABLEROUND_SOAK_JOBS").map_or(5000, |jobs| jobs.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    paint(folder.path(), jobs);
    let mut enqueue = tableround(folder.path());
    enqueue.args(["enqueue", "pictures", "--recursive", "--rehearse", "--job", "glance", "--yes"]);
    let output = enqueue.output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    let mut worker = tableround(folder.path());
    worker.args(["worker", "--drain"]);
    let (wall, usage) = observed(worker);
    let rate = f64::from(u32::try_from(jobs).unwrap()) / wall.as_secs_f64();
    println!(
        "{jobs} glances of the rehearsal: {:.0} s, {rate:.1} jobs/s; {usage}",
        wall.as_secs_f64()
    );
}

/// So many different pictures, small, in a folder of their own.
fn paint(folder: &Path, pictures: usize) -> Vec<PathBuf> {
    let folder = folder.join("pictures");
    std::fs::create_dir(&folder).unwrap();
    let one = |number: usize| {
        let path = folder.join(format!("{number:06}.png"));
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 16, 16);
        encoder.set_color(png::ColorType::Rgb);
        let mut writer = encoder.write_header().unwrap();
        let shade = |place: usize| (place * 7 + (number >> (place % 17))).to_le_bytes()[0];
        writer.write_image_data(&(0..16 * 16 * 3).map(shade).collect::<Vec<u8>>()).unwrap();
        writer.finish().unwrap();
        put(&path, bytes);
        path
    };
    (0..pictures).map(one).collect()
}

/// Runs a program to its end, looking at it from outside.
fn observed(mut command: Command) -> (Duration, String) {
    let started = Instant::now();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut sizes = Vec::new();
    let mut cpu = 0.0;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if let Some(size) = resident_mib(child.id()) {
            sizes.push((started.elapsed().as_secs_f64(), size));
            cpu = cpu_seconds(child.id()).unwrap_or(cpu);
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "looks every now and then, waits for nothing"
        )]
        std::thread::sleep(Duration::from_millis(200));
    };
    let wall = started.elapsed();
    assert!(status.success(), "{status}");
    let mut usage = String::new();
    let most = sizes.iter().map(|(_, size)| *size).fold(0.0, f64::max);
    write!(usage, "CPU {cpu:.1} s, RSS at most {most:.0} MiB").unwrap();
    // Behind the start, where caches fill.
    let late: Vec<_> = sizes.iter().filter(|(at, _)| *at > wall.as_secs_f64() / 4.0).collect();
    if let (Some((from, first)), Some((to, last))) = (late.first(), late.last()) {
        write!(usage, ", {first:.0} MiB at {from:.0} s, {last:.0} MiB at {to:.0} s").unwrap();
    }
    (wall, usage)
}

fn resident_mib(process: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024.0)
}
