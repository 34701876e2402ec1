//! Where `watch` gets its news: rounds over the ledger, and the words that travel beside it.
//!
//! The feed never ends because the ledger is away. It asks again until it is answered, and whoever
//! shows its news sees from the silence that something is amiss.

use super::Target;
use crate::cli::lookout::Lookout;
use crate::cli::session::Home;
use crate::cli::setting::Setting;
use crate::domain::event::Event;
use crate::ledger::{self, Error};
use crate::redis_server::Server;
use crate::watch::{Facts, Speech};
use futures_util::StreamExt;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;

/// How often the ledger is asked for events: with the pause before they are written, a turn is
/// seen within 300 ms.
const POLL: Duration = Duration::from_millis(100);
/// How often everything else is looked at, while something happens and while nothing does.
const LOOK_BUSY: Duration = Duration::from_millis(300);
const LOOK_IDLE: Duration = Duration::from_secs(1);
/// The pause after a question that was not answered.
const RETRY_PAUSE: Duration = Duration::from_millis(500);
/// News that wait to be shown. A reader that is slower than this misses words, and nothing else.
const NEWS_MAX: usize = 1024;
/// After this much silence the ledger is said to be away.
const SILENCE_MAX: Duration = Duration::from_secs(2);

/// Something new.
#[derive(Debug)]
pub(super) enum News {
    /// The ledger was asked and has answered.
    Round(Box<Round>),
    /// Words as they are spoken on another machine.
    Words(Event),
    /// It will never answer otherwise.
    Failed(Error),
}

/// One answer of the ledger.
#[derive(Debug)]
pub(super) struct Round {
    pub(super) events: Vec<Event>,
    /// The whole, now and then.
    pub(super) facts: Option<Facts>,
    /// Nothing is left to do, and nothing is left to tell.
    pub(super) done: bool,
}

/// A running feed; it ends with the value.
#[derive(Debug)]
pub(super) struct Feed {
    news: Receiver<News>,
    heard: Instant,
    _tasks: JoinSet<()>,
}

impl Feed {
    pub(super) fn start(setting: &Setting, home: &Home, target: &Target, since: u64) -> Self {
        let (sender, news) = channel(NEWS_MAX);
        let lookout = Lookout::new(home, &setting.prices, target.batch.as_deref());
        let rounds = Rounds { home: home.clone(), lookout, target: target.clone(), since };
        let mut tasks = JoinSet::new();
        if let Some((server, queue)) = &home.carrier {
            tasks.spawn(listen(server.clone(), queue.clone(), target.clone(), sender.clone()));
        }
        tasks.spawn(rounds.go(sender));
        Self { news, heard: Instant::now(), _tasks: tasks }
    }

    /// The next news. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> News {
        let news = self.news.recv().await.expect("the feed lasts as long as its reader");
        if matches!(news, News::Round(_)) {
            self.heard = Instant::now();
        }
        news
    }

    /// How long the ledger has been silent, if that is too long.
    pub(super) fn away(&self) -> Option<Duration> {
        Some(self.heard.elapsed()).filter(|silence| *silence > SILENCE_MAX)
    }
}

/// The questions put to the ledger again and again.
struct Rounds {
    home: Home,
    lookout: Lookout,
    target: Target,
    since: u64,
}

impl Rounds {
    async fn go(mut self, sender: Sender<News>) {
        let mut looked: Option<Instant> = None;
        let mut was_done = false;
        loop {
            let news = match self.round(&mut looked, &mut was_done).await {
                Ok(round) => News::Round(Box::new(round)),
                Err(error) if error.may_pass() => {
                    tracing::debug!(%error, "the ledger does not answer");
                    tokio::time::sleep(RETRY_PAUSE).await;
                    continue;
                }
                Err(error) => News::Failed(error),
            };
            if sender.send(news).await.is_err() {
                return;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn round(
        &mut self,
        looked: &mut Option<Instant>,
        was_done: &mut bool,
    ) -> ledger::Result<Round> {
        let mut events = self.home.ledger.events(vec![], Some(self.since)).await?;
        let newest = events.last().map_or(self.since, |event| event.seq);
        // What happened between the look that found nothing left and this question is told first.
        let done = *was_done && events.is_empty();
        let patience = if events.is_empty() { LOOK_IDLE } else { LOOK_BUSY };
        let mut facts = None;
        if looked.is_none_or(|at| at.elapsed() >= patience) {
            let seen = self.lookout.look().await?;
            *was_done = self.target.is_done(&self.home, &seen.summary).await?;
            *looked = Some(Instant::now());
            facts = Some(seen);
        }
        // Only now: a look that failed must not cost the events.
        self.since = newest;
        events.retain(|event| self.target.concerns(event));
        Ok(Round { events, facts, done })
    }
}

/// Hears words for as long as somebody wants them. A break costs words, and no turn: those come
/// with the events.
async fn listen(server: Server, queue: String, target: Target, sender: Sender<News>) {
    while !sender.is_closed() {
        match ledger::live(&server, &queue).await {
            Ok(live) => {
                let mut live = std::pin::pin!(live);
                while let Some(event) = live.next().await {
                    if target.concerns(&event) {
                        // A reader that does not keep up misses words.
                        sender.try_send(News::Words(event)).ok();
                    }
                }
            }
            Err(error) => tracing::debug!(%error, "no words: the server does not answer"),
        }
        tokio::time::sleep(RETRY_PAUSE).await;
    }
}

/// Tells a speech which pictures are talked about, as far as they run already.
pub(super) fn name_pictures(speech: &mut Speech, facts: &Facts) {
    for job in &facts.running {
        speech.name(&job.id, crate::watch::file_name(&job.source));
    }
}
