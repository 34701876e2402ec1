//! Figures, not laws: `cargo nextest run --release --test it measured --run-ignored only --no-capture`.

use crate::support::program::{samples, tableround, told};
use crate::support::provider_server::{Manner, ProviderServer};
use std::path::Path;
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
