//! Figures of several workers on one Redis.

use super::{paint, resident_mib};
use crate::support::process::{Process, cpu_seconds, ended, wait_until};
use crate::support::program::{put, tableround, told};
use crate::support::provider_server::{Manner, ProviderServer};
use crate::support::redis::RedisServer;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_mins(10);

/// One Redis, one service, and a folder for each machine.
struct Site {
    folder: tempfile::TempDir,
    redis: RedisServer,
    service: ProviderServer,
}

impl Site {
    fn new(delay_ms: u64) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let service = ProviderServer::start(folder.path(), Manner::after(delay_ms, 0));
        Some(Self { redis: RedisServer::start()?, folder, service })
    }

    fn on(&self, machine: &str, words: &[&str]) -> Command {
        let folder = self.folder.path().join(machine);
        std::fs::create_dir_all(&folder).unwrap();
        let mut command = tableround(&folder);
        command.args(words).args(["--redis", &self.redis.url()]);
        command.args(["--provider", "openai", "--base-url", &self.service.base_url]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn enqueue(&self, pictures: &[PathBuf]) -> Duration {
        let list: Vec<_> = pictures.iter().map(|path| path.display().to_string()).collect();
        put(self.folder.path().join("list"), list.join("\n"));
        let list = self.folder.path().join("list").display().to_string();
        let mut command = self.on("producer", &["enqueue", "--job", "glance", "--yes"]);
        command.args(["--files-from", &list, "--vision-model", "eye", "--chat-model", "mouth"]);
        command.args(["--image-model", "none"]);
        let started = Instant::now();
        let output = command.stderr(Stdio::piped()).output().unwrap();
        assert!(output.status.success(), "{}", told(&output));
        started.elapsed()
    }

    fn hire(&self, machine: &str, words: &[&str]) -> Process {
        let words = [&["worker", "--no-export"], words].concat();
        self.on(machine, &words).spawn().unwrap().into()
    }
}

#[test]
#[ignore = "a figure: minutes"]
fn workers_share_four_hundred_jobs() {
    let mut alone = None;
    for workers in [1, 2, 4] {
        let Some(site) = Site::new(200) else { return };
        site.enqueue(&paint(site.folder.path(), 400));
        let started = Instant::now();
        let hired: Vec<_> =
            (0..workers).map(|number| site.hire(&number.to_string(), &["--drain"])).collect();
        for worker in hired {
            assert!(ended(worker, PATIENCE).success());
        }
        let wall = started.elapsed().as_secs_f64();
        let speed_up = *alone.get_or_insert(wall) / wall;
        let rate = 400.0 / wall;
        println!(
            "{workers} workers, 400 glances of 200 ms a call: {wall:.1} s, {rate:.1} jobs/s, {speed_up:.2} times one"
        );
    }
}

#[test]
#[ignore = "a figure: a minute"]
fn pictures_travel_through_redis() {
    const PICTURES: u32 = 300;
    let Some(site) = Site::new(0) else { return };
    let folder = site.folder.path().join("camera");
    std::fs::create_dir(&folder).unwrap();
    let pictures: Vec<_> = (0..PICTURES).map(|number| photograph(&folder, number)).collect();
    let wall = site.enqueue(&pictures).as_secs_f64();
    let rate = f64::from(PICTURES) / wall;
    println!(
        "{PICTURES} pictures of 2 megapixels made small and sent: {wall:.1} s, {rate:.1} a second"
    );
}

/// A PNG of two megapixels, with some noise.
fn photograph(folder: &Path, number: u32) -> PathBuf {
    let (width, height) = (1600, 1200);
    let mut noise = number.wrapping_mul(0x9E37_79B9) | 1;
    let pixels: Vec<u8> = (0..width * height)
        .flat_map(|at| {
            noise ^= noise << 13;
            noise ^= noise >> 17;
            noise ^= noise << 5;
            let slope = (at % width) * 200 / width;
            let level = |shift: u32| (slope + (noise >> shift) % 16).to_le_bytes()[0];
            [level(0), level(4), level(8)]
        })
        .collect();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&pixels).unwrap();
    writer.finish().unwrap();
    let path = folder.join(format!("{number:04}.png"));
    put(&path, bytes);
    path
}

#[test]
#[ignore = "a figure: half a minute"]
fn a_running_job_takes_so_much_of_redis() {
    const JOBS: usize = 64;
    let Some(mut site) = Site::new(0) else { return };
    let used = |site: &Site| site.redis.memory_used_bytes();
    site.enqueue(&paint(site.folder.path(), JOBS));
    let queued = used(&site);
    site.service =
        ProviderServer::start(&site.folder.path().join("producer"), Manner::after(600_000, 0));
    let mut worker = site.hire("one", &["--concurrency", "64", "--max-calls", "256"]);
    let all_ask = || site.service.seen().len() >= JOBS;
    wait_until("all jobs ask something", Duration::from_mins(1), all_ask);
    let each = used(&site).saturating_sub(queued) / JOBS;
    println!("{JOBS} running jobs: {each} bytes of Redis each more than queued");
    worker.kill().unwrap();
}

#[test]
#[ignore = "a figure: a minute"]
fn an_idle_worker_and_its_redis_take_little() {
    const WATCHED: Duration = Duration::from_secs(30);
    let Some(site) = Site::new(0) else { return };
    let worker = site.hire("one", &[]);
    wait_until("it is there", Duration::from_secs(20), || site.redis.is_heard_on("*bell*"));
    std::thread::park_timeout(Duration::from_secs(3));
    let both = || (cpu_seconds(worker.id()).unwrap(), cpu_seconds(site.redis.pid()).unwrap());
    let before = both();
    std::thread::park_timeout(WATCHED);
    let after = both();
    let share = |before: f64, after: f64| (after - before) / WATCHED.as_secs_f64() * 100.0;
    println!(
        "idle: worker {:.2} % CPU, {:.0} MiB; Redis {:.2} % CPU",
        share(before.0, after.0),
        resident_mib(worker.id()).unwrap(),
        share(before.1, after.1)
    );
}
