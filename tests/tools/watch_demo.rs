//! Plays a scripted batch of twenty pictures, to look at what people see while a batch runs:
//!
//! ```text
//! cargo run --example watch-demo -- [bars|lines|json] [--speed N] [--slots N] [--ascii] [--no-color]
//! ```

use std::error::Error;
use std::io;
use std::time::{Duration, Instant};
use tableround::domain::cost::MicroUsd;
use tableround::domain::event::{Event, EventKind};
use tableround::domain::job::{JobError, Progress};
use tableround::watch::{Departure, Fate, Hold, Kind, Look, RunningJob, Screen, Sight, View, view};

const PICTURES: [&str; 20] = [
    "butterfly.png",
    "蝴蝶在花园里飞舞的剪纸作品.png",
    "red-kite.jpg",
    "moon.gif",
    "a-photograph-with-a-name-that-somebody-let-a-camera-choose-0001.jpeg",
    "paper-boat.webp",
    "工艺美术 第二册 第十七页.bmp",
    "lantern.png",
    "tea house.jpg",
    "carp.png",
    "crane.png",
    "öfen-und-brücken.jpg",
    "bridge.jpg",
    "mask.png",
    "two\nlines.png",
    "umbrella.gif",
    "plum blossom.webp",
    "tiger.jpg",
    "window.png",
    "zodiac.png",
];

/// A discussion's course: stage, seats that speak, tenths of a second for each answer.
const STAGES: [(&str, u32, u64); 8] = [
    ("describe", 1, 12),
    ("story", 6, 2),
    ("discuss", 12, 5),
    ("cluster", 1, 8),
    ("vote", 6, 2),
    ("rediscuss", 6, 3),
    ("design", 6, 2),
    ("choose", 6, 1),
];
const SEATS: [&str; 6] =
    ["craftsman", "consumer 1", "manufacturer", "consumer 2", "designer", "consumer 3"];
const TICK: Duration = Duration::from_millis(50);

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| args.iter().any(|arg| arg == flag);
    let number = |flag: &str, default: u64| {
        let at = args.iter().position(|arg| arg == flag);
        at.and_then(|at| args.get(at + 1)).and_then(|n| n.parse().ok()).unwrap_or(default)
    };
    let look = Look { color: !has("--no-color"), utf8: !has("--ascii") };
    let screen = Screen::stderr();
    tracing_subscriber::fmt().with_writer(screen.clone()).with_ansi(look.color).init();
    let kind = if has("json") {
        Kind::Json(Box::new(io::stdout()), screen)
    } else if has("lines") {
        Kind::Lines(screen, look)
    } else {
        Kind::Bars(screen, look)
    };
    let speed = u32::try_from(number("--speed", 1))?;
    let slots = usize::try_from(number("--slots", 8))?;
    play(view(kind), slots, speed)?;
    Ok(())
}

/// Runs the script in real time, `speed` times as fast.
fn play(mut view: Box<dyn View>, slots: usize, speed: u32) -> io::Result<()> {
    let began = Instant::now();
    let mut batch = Script::new(slots);
    view.notice("ledger: ./data/tableround.db (default)")?;
    while !batch.is_over() {
        let elapsed = began.elapsed() * speed;
        for departure in batch.advance(elapsed, view.as_mut())? {
            view.departed(&departure)?;
        }
        view.update(&batch.sight, elapsed)?;
        // A bell that never rings: the demo has nothing to wait for but time.
        let (_bell, silence) = std::sync::mpsc::channel::<()>();
        silence.recv_timeout(TICK).ok();
    }
    view.finish()
}

struct Script {
    sight: Sight,
    slots: usize,
    next: usize,
    began: Vec<Duration>,
    /// How much of what happens beside the jobs was told.
    told: u32,
}

impl Script {
    fn new(slots: usize) -> Self {
        let sight = Sight {
            batch: "paper-cuts".into(),
            rehearsal: true,
            total: PICTURES.len() as u64,
            calls_max: Some(32),
            ..Sight::default()
        };
        Self { sight, slots, next: 0, began: vec![], told: 0 }
    }

    fn is_over(&self) -> bool {
        self.sight.ended() == self.sight.total
    }

    fn advance(&mut self, now: Duration, view: &mut dyn View) -> io::Result<Vec<Departure>> {
        while self.sight.running.len() < self.slots && self.next < PICTURES.len() {
            self.begin(now);
        }
        let mut left = vec![];
        let running = std::mem::take(&mut self.sight.running);
        for mut job in running {
            let index: usize = job.job.parse().unwrap_or_default();
            job.elapsed = now.saturating_sub(self.began[index]);
            job.progress = progress(index, job.elapsed);
            self.sight.cost += MicroUsd(u64::from(job.progress.done));
            match self.fate(index, &job) {
                Some(fate) => left.push(Departure {
                    name: job.name,
                    progress: job.progress,
                    took: job.elapsed,
                    fate,
                }),
                None => self.sight.running.push(job),
            }
        }
        self.sight.calls_out = self.sight.running.iter().map(calls_out).sum();
        self.tell(now, view)?;
        Ok(left)
    }

    fn begin(&mut self, now: Duration) {
        let name = PICTURES[self.next].to_owned();
        let job = self.next.to_string();
        self.sight.running.push(RunningJob { job, name, ..RunningJob::default() });
        self.began.push(now);
        self.next += 1;
    }

    fn fate(&mut self, index: usize, job: &RunningJob) -> Option<Fate> {
        if index == 3 && job.progress.done >= 14 {
            self.sight.dead += 1;
            return Some(Fate::Dead(JobError {
                code: "provider.unavailable".into(),
                message: "the service answered 503 three times".into(),
                hint: "when it is back: tableround jobs retry --state dead".into(),
            }));
        }
        if job.progress.done < job.progress.expected {
            return None;
        }
        self.sight.done += 1;
        Some(Fate::Completed)
    }

    fn tell(&mut self, now: Duration, view: &mut dyn View) -> io::Result<()> {
        if now.as_secs() >= 4 && self.told == 0 {
            self.told = 1;
            tracing::info!(batch = "paper-cuts", "a log record passes above the bars");
            self.sight.holds.push(Hold {
                resource: "provider:rehearsal".into(),
                reason: "the quota is used up".into(),
                left: Some(Duration::from_secs(12)),
            });
        }
        if now.as_secs() >= 8 && self.told == 1 {
            self.told = 2;
            self.sight.holds.clear();
            view.event(&Event {
                seq: 1,
                at: 0,
                batch: "paper-cuts".into(),
                job: String::new(),
                event: EventKind::Unblock,
                stage: String::new(),
                round: 0,
                seat: String::new(),
                offset: 0,
                text: "provider:rehearsal".into(),
            })?;
        }
        Ok(())
    }
}

fn calls_out(job: &RunningJob) -> usize {
    if matches!(job.progress.stage.as_str(), "discuss" | "describe" | "cluster") { 1 } else { 3 }
}

/// Where a discussion is after some time; every picture has a pace of its own.
fn progress(index: usize, elapsed: Duration) -> Progress {
    let expected = STAGES.iter().map(|stage| stage.1).sum();
    let pace = 7 + (index as u128 * 5) % 9;
    let mut left = elapsed.as_millis() * 10 / pace;
    let mut done = 0;
    for (stage, answers, tenths) in STAGES {
        for answer in 0..answers {
            let takes = u128::from(tenths) * 100;
            if left < takes {
                let seat = if answers == 1 { "" } else { SEATS[answer as usize % SEATS.len()] };
                return Progress { stage: stage.into(), seat: seat.into(), done, expected };
            }
            left -= takes;
            done += 1;
        }
    }
    Progress { stage: "minutes".into(), seat: String::new(), done, expected }
}
