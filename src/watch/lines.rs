//! Plain lines: for logs, pipes and `--no-progress`.

use super::View;
use super::eta::Eta;
use super::look::Look;
use super::phrases;
use super::screen::Screen;
use super::sight::{Departure, Fate, Sight};
use crate::domain::event::Event;
use std::io;
use std::time::Duration;

/// At most one status line in this time.
const EVERY: Duration = Duration::from_secs(5);
/// Lines align their names; longer ones lose their middle.
const NAME_WIDTH: usize = 24;

pub(super) struct Lines {
    screen: Screen,
    look: Look,
    eta: Eta,
    /// The last status line without its ETA, which changes by itself, and when it was shown.
    shown: Option<(String, Duration)>,
    /// The newest status, with its ETA.
    newest: (String, String),
}

impl Lines {
    pub(super) fn new(screen: Screen, look: Look) -> Self {
        let newest = Default::default();
        Self { screen, look, eta: Eta::default(), shown: None, newest }
    }

    fn show_newest(&mut self, at: Duration) -> io::Result<()> {
        let (status, eta) = &self.newest;
        self.screen.print(&format!("  {status}{eta}"))?;
        self.shown = Some((status.clone(), at));
        Ok(())
    }
}

impl View for Lines {
    fn update(&mut self, sight: &Sight, elapsed: Duration) -> io::Result<()> {
        self.eta.observe(sight, elapsed);
        let left = self.eta.batch(sight).filter(|left| !left.is_zero());
        let eta = phrases::eta(left).map(|eta| format!(", {eta}"));
        self.newest = (phrases::status(sight), eta.unwrap_or_default());
        match &self.shown {
            Some((_, at)) if elapsed.saturating_sub(*at) < EVERY => Ok(()),
            Some((status, _)) if *status == self.newest.0 => Ok(()),
            Some(_) | None => self.show_newest(elapsed),
        }
    }

    fn departed(&mut self, departure: &Departure) -> io::Result<()> {
        if departure.fate == Fate::Completed {
            self.eta.finished(departure.took);
        }
        self.screen.print(&phrases::departure(departure, NAME_WIDTH, self.look))
    }

    fn event(&mut self, event: &Event) -> io::Result<()> {
        phrases::event(event, self.look).map_or(Ok(()), |line| self.screen.print(&line))
    }

    fn notice(&mut self, line: &str) -> io::Result<()> {
        self.screen.print(line)
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        match &self.shown {
            Some((status, at)) if *status != self.newest.0 => {
                let at = *at;
                self.show_newest(at)
            }
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::Fake;
    use super::super::sight::RunningJob;
    use super::*;
    use crate::domain::job::Progress;

    #[test]
    fn a_line_comes_at_once_then_on_change_and_not_too_often() {
        let (fake, screen) = Fake::screen(24, 80);
        let mut lines = Box::new(Lines::new(screen, Look { color: false, utf8: true }));
        let mut sight = Sight { total: 20, ..Sight::default() };
        let mut at = |lines: &mut Lines, seconds, done| {
            sight.done = done;
            lines.update(&sight, Duration::from_secs(seconds)).unwrap();
        };
        at(&mut lines, 0, 0); // at once
        at(&mut lines, 3, 1); // too soon
        at(&mut lines, 5, 2);
        at(&mut lines, 60, 2); // nothing new
        at(&mut lines, 61, 3);
        at(&mut lines, 62, 20); // too soon, but the last word
        let name = "moon.gif".to_owned();
        let progress = Progress { done: 38, expected: 38, ..Progress::default() };
        let took = Duration::from_secs(61);
        lines.departed(&Departure { name, progress, took, fate: Fate::Completed }).unwrap();
        lines.finish().unwrap();
        insta::assert_snapshot!(fake.written().concat(), @r#"
          0/20 done, cost 0.000000 USD
          2/20 done, cost 0.000000 USD
          3/20 done, cost 0.000000 USD
        ✓ moon.gif                  38 turns     1m01s
          20/20 done, cost 0.000000 USD
        "#);
    }

    #[test]
    fn a_line_says_how_long_it_still_takes_once_that_is_known() {
        let (fake, screen) = Fake::screen(24, 80);
        let mut lines = Lines::new(screen, Look { color: false, utf8: true });
        let progress = Progress { done: 19, expected: 38, ..Progress::default() };
        let elapsed = Duration::from_secs(65);
        let running = vec![RunningJob { progress, elapsed, ..RunningJob::default() }];
        let sight = Sight { total: 2, running, ..Sight::default() };
        lines.update(&sight, Duration::ZERO).unwrap();
        insta::assert_snapshot!(fake.written().concat(), @r#"
          0/2 done, 1 running, cost 0.000000 USD, eta 3m15s
        "#);
    }
}
