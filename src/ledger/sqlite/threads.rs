//! Who touches the file: one thread that writes, and threads that read.
//!
//! The writer commits in groups. It takes everything that has gathered while the last group was
//! flushed, gives each request a savepoint of its own and all of them one fsync, and answers only
//! then. It never waits for company: a request that comes alone is committed alone.

use super::clock::Clock;
use super::schema::patiently;
use crate::ledger::steadiness::Steadiness;
use crate::ledger::{Error, Result};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::fmt;
use std::io;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// The most requests one fsync carries.
const GROUP_MAX: usize = 512;
/// A group that has taken so long is closed: other processes wait for the file.
const GROUP_TIME_MAX: Duration = Duration::from_millis(50);

/// What a write sees: the open transaction, the ledger's time, what the process remembers.
pub(super) struct Step<'a> {
    pub(super) db: &'a Connection,
    /// Milliseconds since 1970.
    pub(super) now: i64,
    pub(super) steadiness: &'a mut Steadiness,
}

/// What a read sees: one state of the file, and the ledger's time.
pub(super) struct View<'a> {
    pub(super) db: &'a Connection,
    /// Milliseconds since 1970.
    pub(super) now: i64,
}

/// A thread with a queue; dropping it waits until the queue is empty.
struct Thread<R: Send + 'static> {
    queue: Option<mpsc::Sender<R>>,
    handle: Option<JoinHandle<()>>,
}

impl<R: Send> Thread<R> {
    fn start(
        name: &str,
        work: impl FnOnce(mpsc::Receiver<R>) + Send + 'static,
    ) -> io::Result<Self> {
        let (queue, requests) = mpsc::channel();
        let handle = std::thread::Builder::new().name(name.to_owned()).spawn(|| work(requests))?;
        Ok(Self { queue: Some(queue), handle: Some(handle) })
    }

    fn send(&self, request: R) -> Result<()> {
        let queue = self.queue.as_ref().expect("it is taken only when this is dropped");
        queue.send(request).map_err(|_| gone())
    }
}

impl<R: Send> Drop for Thread<R> {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(handle) = self.handle.take() {
            // A panic there has been printed, and its callers were told.
            handle.join().ok();
        }
    }
}

impl<R: Send> fmt::Debug for Thread<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Thread").field("handle", &self.handle).finish_non_exhaustive()
    }
}

fn gone() -> Error {
    Error::Store("the thread that owns the file has ended".into())
}

/// A write on its way: it is run inside a group, and answered after the group's commit.
trait Request: Send {
    /// Whether what it did is to be kept.
    fn run(&mut self, step: &mut Step<'_>) -> bool;

    /// Tells the caller: its own outcome, or the failure of the whole group.
    fn answer(self: Box<Self>, group_failure: Option<Error>);
}

struct Write<F, T> {
    work: Option<F>,
    outcome: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T: Send, F: FnOnce(&mut Step<'_>) -> Result<T> + Send> Request for Write<F, T> {
    fn run(&mut self, step: &mut Step<'_>) -> bool {
        self.outcome = self.work.take().map(|work| work(step));
        matches!(self.outcome, Some(Ok(_)))
    }

    fn answer(self: Box<Self>, group_failure: Option<Error>) {
        let answer = match group_failure {
            Some(error) => Err(error),
            None => self.outcome.unwrap_or_else(|| Err(gone())),
        };
        // A caller that went away does not want to know.
        self.reply.send(answer).ok();
    }
}

/// The one thread that writes.
#[derive(Debug)]
pub(super) struct Writer(Thread<Box<dyn Request>>);

impl Writer {
    pub(super) fn start(db: Connection, clock: Clock) -> io::Result<Self> {
        let group = Group { db, clock, steadiness: Steadiness::default() };
        Ok(Self(Thread::start("ledger-writer", |requests| group.serve(&requests))?))
    }

    /// Runs the work in a transaction. What it did is durable when this returns `Ok`, and undone
    /// when it returns `Err`.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Step<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        self.0.send(Box::new(Write { work: Some(work), outcome: None, reply }))?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }
}

struct Group {
    db: Connection,
    clock: Clock,
    steadiness: Steadiness,
}

impl Group {
    fn serve(mut self, requests: &mpsc::Receiver<Box<dyn Request>>) {
        while let Ok(first) = requests.recv() {
            let mut group = vec![first];
            let failure = self.commit(&mut group, requests).err().map(Arc::new);
            if failure.is_some() {
                self.steadiness = Steadiness::default();
            }
            for request in group {
                request.answer(failure.clone().map(|error| Error::Store(Box::new(error))));
            }
        }
    }

    /// Runs the request it is given and those that come while it does; commits them together.
    fn commit(
        &mut self,
        group: &mut Vec<Box<dyn Request>>,
        requests: &mpsc::Receiver<Box<dyn Request>>,
    ) -> rusqlite::Result<()> {
        let tx =
            patiently(|| Transaction::new_unchecked(&self.db, TransactionBehavior::Immediate))?;
        let begun = Instant::now();
        let floor = stored_clock(&tx)?;
        let now = self.clock.now(floor);
        let changes = tx.total_changes();
        for position in 0..GROUP_MAX {
            if position == group.len() {
                if begun.elapsed() > GROUP_TIME_MAX {
                    break;
                }
                let Ok(request) = requests.try_recv() else { break };
                group.push(request);
            }
            let mut step = Step { db: &tx, now, steadiness: &mut self.steadiness };
            run(group[position].as_mut(), &mut step)?;
        }
        // A poll that found nothing writes nothing, and costs no fsync.
        if tx.total_changes() != changes && now > floor {
            tx.prepare_cached("UPDATE meta SET value = ?1 WHERE key = 'clock'")?.execute([now])?;
        }
        tx.commit()
    }
}

/// Runs one request in a savepoint of its own.
fn run(request: &mut dyn Request, step: &mut Step<'_>) -> rusqlite::Result<()> {
    step.db.prepare_cached("SAVEPOINT request")?.execute([])?;
    if !request.run(step) {
        step.db.prepare_cached("ROLLBACK TO request")?.execute([])?;
    }
    step.db.prepare_cached("RELEASE request")?.execute([])?;
    Ok(())
}

/// The latest time any process has acted at.
fn stored_clock(db: &Connection) -> rusqlite::Result<i64> {
    db.prepare_cached("SELECT value FROM meta WHERE key = 'clock'")?.query_row([], |row| row.get(0))
}

type Read = Box<dyn FnOnce(&mut Source) + Send>;

/// A thread that reads; each read sees one state of the whole file.
#[derive(Debug)]
pub(super) struct Reader(Thread<Read>);

struct Source {
    db: Connection,
    clock: Clock,
}

impl Reader {
    pub(super) fn start(db: Connection, clock: Clock) -> io::Result<Self> {
        let mut source = Source { db, clock };
        let serve = move |requests: mpsc::Receiver<Read>| {
            for request in requests {
                request(&mut source);
            }
        };
        Ok(Self(Thread::start("ledger-reader", serve)?))
    }

    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&View<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        self.0.send(Box::new(move |source| {
            // A caller that went away does not want to know.
            reply.send(source.read(work)).ok();
        }))?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }
}

impl Source {
    fn read<T>(&mut self, work: impl FnOnce(&View<'_>) -> Result<T>) -> Result<T> {
        let tx = self.db.transaction()?;
        let now = self.clock.now(stored_clock(&tx)?);
        work(&View { db: &tx, now })
    }
}
