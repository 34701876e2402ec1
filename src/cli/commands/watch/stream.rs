//! `watch` as a stream: words, JSON Lines, or a line now and then.

use super::feed::{Feed, News, Round, name_pictures};
use super::{Watching, departure};
use crate::cli::errors::CliError;
use crate::cli::exit::ExitCode;
use crate::cli::session::Home;
use crate::cli::setting::Setting;
use crate::cli::{shapes, stdout};
use crate::domain::event::Event;
use crate::watch::{Facts, Hold, RunningJob, Sight, Speech, View, clock};
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

/// How often words that wait for their turn are looked at.
const TICK: Duration = Duration::from_millis(50);

/// Every event as a line of JSON, and on Redis every piece of an answer.
pub(super) async fn json(
    setting: &Setting,
    mut feed: Feed,
    watching: &Watching,
) -> Result<ExitCode, CliError> {
    let show = |event: Event| stdout::line(&shapes::line("event", shapes::EventLine::from(event)));
    let mut outage = Outage::default();
    loop {
        match outage.next(setting, &mut feed).await {
            News::Words(event) => show(event)?,
            News::Round(round) => {
                let Round { events, facts: _, done } = *round;
                for event in events {
                    show(event)?;
                }
                if done && watching.until_done {
                    return Ok(ExitCode::AllDone);
                }
            }
            News::Failed(error) => return Err(error.into()),
        }
    }
}

/// The words as they are spoken.
pub(super) async fn text(
    setting: &Setting,
    mut feed: Feed,
    watching: &Watching,
) -> Result<ExitCode, CliError> {
    let started = Instant::now();
    let mut speech = Speech::default();
    let mut outage = Outage { amid_words: true, ..Outage::default() };
    loop {
        let news = tokio::time::timeout(TICK, outage.next(setting, &mut feed)).await;
        let now = started.elapsed();
        let mut done = false;
        if let Ok(news) = news {
            match news {
                News::Words(event) => speech.hear(&event, now),
                News::Round(round) => {
                    if let Some(facts) = &round.facts {
                        name_pictures(&mut speech, facts);
                    }
                    for event in &round.events {
                        speech.hear(event, now);
                    }
                    done = round.done;
                }
                News::Failed(error) => return Err(error.into()),
            }
        }
        stdout::text(&speech.speak(now))?;
        if done && watching.until_done {
            return Ok(ExitCode::AllDone);
        }
    }
}

/// A line every few seconds while something changes, and one for each job that leaves.
pub(super) async fn lines(
    setting: &Setting,
    home: &Home,
    mut feed: Feed,
    watching: &Watching,
) -> Result<ExitCode, CliError> {
    let started = Instant::now();
    let mut view = setting.view_on_stdout();
    let mut outage = Outage::default();
    loop {
        match outage.next(setting, &mut feed).await {
            News::Words(_) => {}
            News::Round(round) => {
                show(home, view.as_mut(), &round, started.elapsed()).await?;
                if round.done && watching.until_done {
                    view.finish().map_err(|_| CliError::broken_pipe())?;
                    return Ok(ExitCode::AllDone);
                }
            }
            News::Failed(error) => return Err(error.into()),
        }
    }
}

async fn show(
    home: &Home,
    view: &mut dyn View,
    round: &Round,
    elapsed: Duration,
) -> Result<(), CliError> {
    for event in &round.events {
        // If the ledger goes away just now, its words about this job are gone; the counts stay.
        let left = departure(home, event).await.ok().flatten();
        if let Some((_, departure)) = left {
            view.departed(&departure).map_err(|_| CliError::broken_pipe())?;
        }
    }
    if let Some(facts) = &round.facts {
        view.update(&sight(facts), elapsed).map_err(|_| CliError::broken_pipe())?;
    }
    Ok(())
}

/// The batches in view as one.
fn sight(facts: &Facts) -> Sight {
    let summary = &facts.summary;
    let running = facts.running.iter().filter_map(|job| RunningJob::of(job, summary.now));
    Sight {
        running: running.collect(),
        holds: summary.blocks.iter().map(|block| Hold::of(block, summary.now)).collect(),
        cost_unknown: facts.unpriced.values().any(|models| !models.is_empty()),
        ..Sight::of_all(&summary.batches)
    }
}

/// Tells on stderr that the ledger is away, again now and then, and that it is back.
#[derive(Debug, Default)]
struct Outage {
    told: Option<Duration>,
    /// Somebody may be in the middle of a line.
    amid_words: bool,
}

impl Outage {
    /// How often it is told again.
    const AGAIN: Duration = Duration::from_secs(30);
    const LOOK: Duration = Duration::from_millis(500);

    /// The next news, however long the ledger takes. Dropping the future loses nothing.
    async fn next(&mut self, setting: &Setting, feed: &mut Feed) -> News {
        loop {
            if let Some(away) = feed.away()
                && self.told.is_none_or(|told| away.saturating_sub(told) >= Self::AGAIN)
            {
                self.told = Some(away);
                self.say(setting, &format!("reconnecting to the ledger for {}", clock(away)));
            }
            if let Ok(news) = tokio::time::timeout(Self::LOOK, feed.next()).await {
                if matches!(news, News::Round(_)) && self.told.take().is_some() {
                    self.say(setting, "the ledger is back");
                }
                return news;
            }
        }
    }

    fn say(&self, setting: &Setting, line: &str) {
        let both_on_one_terminal = io::stdout().is_terminal() && io::stderr().is_terminal();
        let fresh = if self.amid_words && both_on_one_terminal { "\n" } else { "" };
        setting.say(&format!("{fresh}{line}"));
    }
}
