//! `watch` on a terminal: a screen that can be left open all night.
//!
//! It lives on the terminal's alternate screen and gives the terminal back as it was, whatever
//! ends it: a key, a signal, a panic, a terminal that went away.

use super::Watching;
use super::feed::{Feed, News, Round};
use crate::cli::errors::CliError;
use crate::cli::exit::ExitCode;
use crate::cli::setting::Setting;
use crate::domain::event::{Event, EventKind};
use crate::watch::{Board, Glance, Screen, Words, file_name};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{self, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::crossterm::terminal::{
    BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen,
    LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::crossterm::{execute, queue, style};
use std::collections::BTreeMap;
use std::io::{self, BufWriter, IsTerminal, Stdout};
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The least time between two drawings: the eye reads no faster.
const DRAW_EVERY: Duration = Duration::from_millis(100);
/// Clocks on the screen go on by the second.
const TICK: Duration = Duration::from_secs(1);
/// How soon the thread that reads keys notices that nobody wants them any more.
const KEYS_POLL: Duration = Duration::from_millis(500);
/// What happened of late: so many lines are kept.
const LATELY_MAX: usize = 50;
/// Bytes of one drawing that leave in one write: more than the largest terminal's.
const FRAME_BYTES: usize = 1 << 20;

type Canvas = Terminal<CrosstermBackend<BufWriter<Stdout>>>;

/// Shows the screen until somebody leaves it.
pub(super) async fn run(
    setting: &Setting,
    feed: Feed,
    watching: &Watching,
) -> Result<ExitCode, CliError> {
    let look = setting.look_on_stdout();
    style::force_color_output(look.color);
    let place = setting.places.ledger.to_string();
    let mut watched = Watched {
        board: Board::new(place, look),
        feed,
        words: Words::default(),
        pictures: BTreeMap::new(),
        until_done: watching.until_done,
    };
    let mut held = Held::take(&setting.screen).map_err(|_| CliError::broken_pipe())?;
    match watched.go_on(&mut held).await {
        Ok(code) => code,
        // Nobody looks any more.
        Err(_) => Err(CliError::broken_pipe()),
    }
}

/// The terminal while it is ours; given back when dropped.
struct Held {
    canvas: Canvas,
    /// Where logs and notices go; they would tear the screen.
    notices: Screen,
}

impl Held {
    fn take(notices: &Screen) -> io::Result<Self> {
        let told = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            // What a panic says belongs on the screen that stays.
            give_back();
            told(panic);
        }));
        enable_raw_mode()?;
        // From here on every way out gives the terminal back.
        let out = BufWriter::with_capacity(FRAME_BYTES, io::stdout());
        let canvas = Terminal::new(CrosstermBackend::new(out))?;
        let mut held = Self { canvas, notices: notices.clone() };
        if io::stderr().is_terminal() {
            notices.keep_back();
        }
        // Not the canvas's own way to clear: it asks the terminal where the cursor is, and one that
        // does not answer would keep us waiting and then out.
        execute!(held.canvas.backend_mut(), EnterAlternateScreen, Clear(ClearType::All))?;
        Ok(held)
    }

    /// One drawing, which the terminal shows at once.
    fn draw(&mut self, board: &mut Board) -> io::Result<()> {
        queue!(self.canvas.backend_mut(), BeginSynchronizedUpdate)?;
        self.canvas.draw(|frame| board.draw(frame))?;
        execute!(self.canvas.backend_mut(), EndSynchronizedUpdate)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        give_back();
        self.notices.catch_up().ok();
    }
}

/// The terminal as it was. A terminal that is gone needs nothing.
fn give_back() {
    execute!(io::stdout(), EndSynchronizedUpdate, LeaveAlternateScreen, Show).ok();
    disable_raw_mode().ok();
}

/// What the screen shows, and where it comes from.
struct Watched {
    board: Board,
    feed: Feed,
    words: Words,
    /// Names of pictures that were seen running, by job.
    pictures: BTreeMap<String, String>,
    until_done: bool,
}

/// What woke the screen.
enum Woken {
    News(News),
    Input(event::Event),
    Tick,
    Leave,
}

impl Watched {
    async fn go_on(&mut self, held: &mut Held) -> io::Result<Result<ExitCode, CliError>> {
        let mut keys = keys();
        let mut signals = Signals::hear()?;
        let mut ticks = tokio::time::interval(TICK);
        let mut drawn: Option<Instant> = None;
        let mut stale = true;
        loop {
            let due = drawn.map_or(Duration::ZERO, |at| DRAW_EVERY.saturating_sub(at.elapsed()));
            if stale && due.is_zero() {
                self.board.away = self.feed.away();
                held.draw(&mut self.board)?;
                drawn = Some(Instant::now());
                stale = false;
                continue;
            }
            let woken = tokio::select! {
                news = self.feed.next() => Woken::News(news),
                Some(input) = keys.recv() => Woken::Input(input),
                () = signals.any() => Woken::Leave,
                _ = ticks.tick() => Woken::Tick,
                () = tokio::time::sleep(due), if stale => continue,
            };
            match woken {
                Woken::News(News::Failed(error)) => return Ok(Err(error.into())),
                Woken::News(News::Words(event)) => {
                    self.words.hear(&event);
                    self.quote();
                    stale = true;
                }
                Woken::News(News::Round(round)) => {
                    let done = round.done;
                    stale |= self.take(&round);
                    if done && self.until_done {
                        return Ok(Ok(ExitCode::AllDone));
                    }
                }
                Woken::Input(input) => match self.answer(&input) {
                    Some(code) => return Ok(Ok(code)),
                    None => stale = true,
                },
                Woken::Tick => stale = true,
                Woken::Leave => return Ok(Ok(ExitCode::Interrupted)),
            }
        }
    }

    /// Takes what the ledger answered; true: there is something new to show.
    fn take(&mut self, round: &Round) -> bool {
        let mut news = self.board.away.is_some();
        for event in &round.events {
            self.words.hear(event);
            if event.event == EventKind::JobStarted {
                self.pictures.insert(event.job.clone(), file_name(&event.text).to_owned());
            }
            if let Some(line) = self.line_of(event) {
                self.board.lately.push(line);
                let surplus = self.board.lately.len().saturating_sub(LATELY_MAX);
                self.board.lately.drain(..surplus);
                news = true;
            }
        }
        if let Some(facts) = &round.facts {
            // Only what runs is talked of; names of what is over are no longer needed.
            let running = facts.running.iter();
            self.pictures =
                running.map(|job| (job.id.clone(), file_name(&job.source).to_owned())).collect();
            self.board.glance = Some(Glance::of(facts));
            news = true;
        }
        self.quote();
        news
    }

    fn quote(&mut self) {
        self.board.spoken = self.words.newest().map(|spoken| {
            let picture = self.pictures.get(&spoken.job).cloned().unwrap_or_default();
            (spoken, picture)
        });
    }

    /// What is told of an event under "lately".
    fn line_of(&self, event: &Event) -> Option<String> {
        let picture = self.pictures.get(&event.job).map_or(event.job.as_str(), String::as_str);
        match event.event {
            EventKind::JobCompleted => Some(format!("{picture}: completed")),
            EventKind::JobWaiting => Some(format!("{picture}: tries again: {}", event.text)),
            EventKind::JobDead => Some(format!("{picture}: dead: {}", event.text)),
            EventKind::JobCancelled => Some(format!("{picture}: cancelled")),
            EventKind::Block => Some(format!("held: {}", event.text)),
            EventKind::Unblock => Some(format!("free again: {}", event.text)),
            EventKind::WorkerLost => Some(format!("worker lost: {}", event.text)),
            EventKind::JobStarted
            | EventKind::StageStarted
            | EventKind::Delta
            | EventKind::Turn
            | EventKind::Ballot
            | EventKind::StageFinished => None,
        }
    }

    /// Does what a key asks for; a code: it asks to leave.
    fn answer(&mut self, input: &event::Event) -> Option<ExitCode> {
        let event::Event::Key(KeyEvent { code, modifiers, kind, .. }) = input else { return None };
        if *kind == KeyEventKind::Release {
            return None;
        }
        let board = &mut self.board;
        let page = usize::from(ratatui::crossterm::terminal::size().map_or(24, |(_, rows)| rows));
        let page = page.saturating_sub(4).max(1);
        match code {
            KeyCode::Char('c') if modifiers.contains(KeyModifiers::CONTROL) => {
                return Some(ExitCode::Interrupted);
            }
            KeyCode::Char('q') | KeyCode::Esc if !board.help => return Some(ExitCode::AllDone),
            KeyCode::Char('?' | 'h' | 'q') | KeyCode::Esc => {
                board.help = !board.help;
                board.scroll = 0;
            }
            KeyCode::Char('j') | KeyCode::Down => board.scroll += 1,
            KeyCode::Char('k') | KeyCode::Up => board.scroll = board.scroll.saturating_sub(1),
            KeyCode::Char(' ') | KeyCode::PageDown => board.scroll += page,
            KeyCode::Char('b') | KeyCode::PageUp => {
                board.scroll = board.scroll.saturating_sub(page);
            }
            KeyCode::Char('g') | KeyCode::Home => board.scroll = 0,
            KeyCode::Char('G') | KeyCode::End => board.scroll = usize::MAX / 2,
            _ => {}
        }
        None
    }
}

/// What is typed, and changes of the terminal's size. Reading blocks, so it has a thread of its own,
/// which ends with the receiver.
fn keys() -> UnboundedReceiver<event::Event> {
    let (sender, keys) = unbounded_channel();
    std::thread::spawn(move || read_keys(&sender));
    keys
}

/// Without a keyboard the screen goes on, until a signal ends it.
fn read_keys(sender: &UnboundedSender<event::Event>) {
    while !sender.is_closed() {
        match event::poll(KEYS_POLL) {
            Ok(false) => {}
            Ok(true) => {
                let Ok(input) = event::read() else { return };
                if sender.send(input).is_err() {
                    return;
                }
            }
            Err(_) => return,
        }
    }
}

/// Signals that end the screen.
struct Signals([Signal; 3]);

impl Signals {
    fn hear() -> io::Result<Self> {
        Ok(Self([
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        ]))
    }

    async fn any(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
