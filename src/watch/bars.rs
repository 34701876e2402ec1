//! Bars at the bottom of a terminal: a line per running job, then the batch.

use super::View;
use super::eta::Eta;
use super::frame::{Scene, frame};
use super::job_line::Columns;
use super::look::Look;
use super::phrases;
use super::screen::Screen;
use super::sight::{Departure, Fate, RunningJob, Sight};
use crate::domain::event::Event;
use std::io;
use std::time::Duration;

/// The least time between two frames: the eye reads no faster, and a slow line carries no more.
const FRAME_EVERY: Duration = Duration::from_millis(100);

pub(super) struct Bars {
    screen: Screen,
    look: Look,
    eta: Eta,
    lines: JobLines,
    drawn: Option<Duration>,
}

impl Bars {
    pub(super) fn new(screen: Screen, look: Look) -> Self {
        Self { screen, look, eta: Eta::default(), lines: JobLines::default(), drawn: None }
    }
}

impl View for Bars {
    fn update(&mut self, sight: &Sight, elapsed: Duration) -> io::Result<()> {
        self.eta.observe(sight, elapsed);
        if self.drawn.is_some_and(|drawn| elapsed.saturating_sub(drawn) < FRAME_EVERY) {
            return Ok(());
        }
        self.drawn = Some(elapsed);
        let (rows, cols) = self.screen.size();
        let jobs = self.lines.place(&sight.running);
        let look = self.look;
        let scene = Scene { sight, jobs: &jobs, eta: &self.eta, elapsed, rows, cols, look };
        self.screen.draw(frame(&scene))
    }

    fn departed(&mut self, departure: &Departure) -> io::Result<()> {
        if departure.fate == Fate::Completed {
            self.eta.finished(departure.took);
        }
        let name_width = Columns::of(self.screen.size().1).name;
        self.screen.print(&phrases::departure(departure, name_width, self.look))
    }

    fn event(&mut self, event: &Event) -> io::Result<()> {
        phrases::event(event, self.look).map_or(Ok(()), |line| self.screen.print(&line))
    }

    fn notice(&mut self, line: &str) -> io::Result<()> {
        self.screen.print(line)
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        self.screen.clear()
    }
}

/// Which job has which line. A job keeps its line while it runs; the next one takes the line of
/// one that ended, so that nothing jumps.
#[derive(Debug, Default)]
struct JobLines(Vec<String>);

impl JobLines {
    fn place<'a>(&mut self, running: &'a [RunningJob]) -> Vec<&'a RunningJob> {
        let find = |id: &String| running.iter().find(|job| job.job == *id);
        let mut fresh = running.iter().filter(|job| !self.0.contains(&job.job));
        let mut placed: Vec<&RunningJob> =
            self.0.iter().filter_map(|id| find(id).or_else(|| fresh.next())).collect();
        placed.extend(fresh);
        self.0 = placed.iter().map(|job| job.job.clone()).collect();
        placed
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::Fake;
    use super::*;
    use crate::domain::job::Progress;

    #[test]
    fn a_new_job_takes_the_line_of_one_that_ended() {
        let mut lines = JobLines::default();
        let mut check = |running: &[&str], expected: &[&str]| {
            let job = |id: &&str| RunningJob { job: (*id).into(), ..RunningJob::default() };
            let running: Vec<RunningJob> = running.iter().map(job).collect();
            let placed: Vec<&str> =
                lines.place(&running).into_iter().map(|job| job.job.as_str()).collect();
            assert_eq!(placed, expected);
        };
        check(&["1", "2", "3"], &["1", "2", "3"]);
        check(&["1", "3", "4"], &["1", "4", "3"]);
        check(&["3", "4"], &["4", "3"]);
        check(&["3", "4", "5", "6"], &["4", "3", "5", "6"]);
        check(&[], &[]);
    }

    #[test]
    fn ten_frames_a_second_are_drawn_and_no_more() {
        let (fake, screen) = Fake::screen(24, 80);
        let mut bars = Bars::new(screen, Look { color: true, utf8: true });
        for ms in 0..2000 {
            let sight = Sight { total: 5000, done: ms, ..Sight::default() };
            bars.update(&sight, Duration::from_millis(ms)).unwrap();
        }
        assert_eq!(fake.written().len(), 20);
    }

    #[test]
    fn when_all_is_over_only_what_happened_is_left() {
        let (fake, screen) = Fake::screen(24, 80);
        let mut bars = Box::new(Bars::new(screen, Look { color: true, utf8: true }));
        let progress = Progress { done: 38, expected: 38, ..Progress::default() };
        let job = RunningJob { job: "1".into(), name: "moon.gif".into(), ..RunningJob::default() };
        let sight = Sight { total: 1, running: vec![job], ..Sight::default() };
        bars.notice("ledger: ./data/tableround.db (default)").unwrap();
        bars.update(&sight, Duration::ZERO).unwrap();
        let took = Duration::from_secs(9);
        let name = "moon.gif".to_owned();
        bars.departed(&Departure { name, progress, took, fate: Fate::Completed }).unwrap();
        bars.finish().unwrap();
        insta::assert_snapshot!(fake.shown(), @r#"
        ledger: ./data/tableround.db (default)
        ✓ moon.gif           38 turns     9.0 s
        "#);
    }
}
