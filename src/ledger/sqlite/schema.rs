//! The tables, and the connections to them.

use crate::ledger::{Error, Result, SCHEMA};
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use std::path::Path;
use std::time::Duration;

/// `tbrd`: marks the file as ours.
const APPLICATION: i32 = 0x7462_7264;

/// Waits for another process's lock before a call fails: far more than the largest addition takes.
const BUSY_MS_MAX: u32 = 30_000;
/// Short waits of equal length: SQLite's own grow to 100 ms, and the unlucky starve.
const BUSY_WAIT_MS: u32 = 2;

/// An alias is a row of `jobs` with an original and no state.
///
/// `key` is 32 bits of a digest: of the fingerprint for a job, of all that makes it this row for an
/// alias. New keys fall all over their index; short ones keep it so small that the last of a
/// hundred thousand rows costs hardly more than the first.
///
/// `ready` says that a claim may take the job: it was due when last looked at, and time only goes
/// forward.
const TABLES: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('clock', 0);

CREATE TABLE batches (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    doc BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    next_index INTEGER NOT NULL DEFAULT 1,
    queued INTEGER NOT NULL DEFAULT 0,
    running INTEGER NOT NULL DEFAULT 0,
    waiting INTEGER NOT NULL DEFAULT 0,
    completed INTEGER NOT NULL DEFAULT 0,
    dead INTEGER NOT NULL DEFAULT 0,
    cancelled INTEGER NOT NULL DEFAULT 0,
    duplicates INTEGER NOT NULL DEFAULT 0,
    rejected INTEGER NOT NULL DEFAULT 0,
    spent INTEGER NOT NULL DEFAULT 0,
    reserved INTEGER NOT NULL DEFAULT 0,
    calls INTEGER NOT NULL DEFAULT 0,
    last_error TEXT
) STRICT;
CREATE INDEX batches_open ON batches (running, id) WHERE queued + waiting > 0;

CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    batch INTEGER NOT NULL REFERENCES batches,
    idx INTEGER NOT NULL,
    alias INTEGER NOT NULL,
    state TEXT,
    priority INTEGER,
    ready INTEGER NOT NULL,
    due INTEGER,
    original INTEGER REFERENCES jobs,
    key INTEGER NOT NULL,
    occurrence INTEGER NOT NULL,
    fingerprint TEXT NOT NULL,
    source TEXT NOT NULL,
    external_id TEXT NOT NULL,
    doc BLOB,
    UNIQUE (batch, idx)
) STRICT;
CREATE INDEX jobs_key ON jobs (key);
CREATE INDEX jobs_ready ON jobs (batch, priority, idx) WHERE ready = 1;
CREATE INDEX jobs_state ON jobs (batch, state, idx) WHERE alias = 0;
CREATE INDEX jobs_alias ON jobs (batch, idx) WHERE alias = 1;
CREATE INDEX jobs_lease ON jobs (due) WHERE state = 'running';
CREATE INDEX jobs_wait ON jobs (due) WHERE state = 'waiting' AND ready = 0;

CREATE TABLE rejected (
    seq INTEGER PRIMARY KEY,
    batch INTEGER NOT NULL REFERENCES batches,
    source TEXT NOT NULL,
    external_id TEXT NOT NULL,
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    UNIQUE (batch, source, external_id)
) STRICT;

CREATE TABLE journal (
    seq INTEGER PRIMARY KEY,
    scope TEXT NOT NULL,
    stage TEXT NOT NULL,
    round INTEGER NOT NULL,
    seat TEXT NOT NULL,
    ask INTEGER NOT NULL,
    try INTEGER NOT NULL,
    beside INTEGER NOT NULL,
    batch TEXT NOT NULL,
    job TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    duplicate INTEGER NOT NULL,
    open BLOB NOT NULL,
    settle BLOB,
    UNIQUE (scope, stage, round, seat, ask, try, beside)
) STRICT;
CREATE INDEX journal_job ON journal (job);
CREATE INDEX journal_batch ON journal (batch);

CREATE TABLE blocks (resource TEXT PRIMARY KEY, reason TEXT NOT NULL, until INTEGER)
    STRICT, WITHOUT ROWID;
CREATE TABLE workers (
    worker TEXT PRIMARY KEY,
    doc BLOB NOT NULL,
    last_beat INTEGER NOT NULL,
    lost INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE events (seq INTEGER PRIMARY KEY AUTOINCREMENT, doc BLOB NOT NULL) STRICT;
";

/// What version 2 added: folded journals, and what it takes to forget a batch.
///
/// `folds` says which object holds a scope, once for every job and batch that has records in it.
const SECOND: &str = "
INSERT INTO meta SELECT 'journal', coalesce(max(seq), 0) FROM journal;
CREATE TABLE folds (
    scope TEXT NOT NULL,
    job TEXT NOT NULL,
    batch TEXT NOT NULL,
    object TEXT NOT NULL,
    PRIMARY KEY (scope, job, batch)
) STRICT, WITHOUT ROWID;
CREATE INDEX folds_job ON folds (job);
CREATE INDEX folds_batch ON folds (batch);
CREATE INDEX jobs_original ON jobs (original) WHERE original IS NOT NULL;
ALTER TABLE batches ADD COLUMN collected_at INTEGER;
";

/// The connection that writes; a new file gets its tables.
pub(super) fn open_writer(path: &Path, place: &str) -> Result<Connection> {
    let unreachable = |error: rusqlite::Error| Error::Unreachable {
        place: place.to_owned(),
        source: error.into(),
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let mut db = open(path, flags).map_err(unreachable)?;
    configure(&mut db).map_err(unreachable)?;
    // Before anything is changed: a newer file is left exactly as it is.
    check_version(&db, place)?;
    patiently(|| durable(&db)).map_err(unreachable)?;
    create_tables(&db).map_err(unreachable)?;
    check_version(&db, place)?;
    Ok(db)
}

/// A connection that cannot write.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let mut db = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    configure(&mut db)?;
    Ok(db)
}

fn open(path: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    // Each connection stays on one thread.
    Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)
}

/// Repeats what another process's lock prevents, up to [`BUSY_MS_MAX`].
pub(super) fn patiently<T>(mut action: impl FnMut() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    let mut waits = 0;
    loop {
        match action() {
            Err(error) if is_busy(&error) && wait_for_lock(waits) => waits += 1,
            outcome => return outcome,
        }
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

/// Whether to try once more, after a short wait.
fn wait_for_lock(waits: i32) -> bool {
    let go_on = i64::from(waits) * i64::from(BUSY_WAIT_MS) < i64::from(BUSY_MS_MAX);
    if go_on {
        #[expect(clippy::disallowed_methods, reason = "a file's lock gives no signal")]
        std::thread::sleep(Duration::from_millis(BUSY_WAIT_MS.into()));
    }
    go_on
}

fn configure(db: &mut Connection) -> rusqlite::Result<()> {
    db.busy_handler(Some(wait_for_lock))?;
    db.set_prepared_statement_cache_capacity(128);
    db.pragma_update(None, "foreign_keys", true)?;
    // In KiB, negative: 32 MiB hold the indexes of a hundred thousand jobs.
    db.pragma_update(None, "cache_size", -32 * 1024)
}

/// An acknowledged commit survives a power cut.
fn durable(db: &Connection) -> rusqlite::Result<()> {
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    // In pages of 4 KiB: an index page that a large enqueue touches again and again is copied
    // into the file once per 16 MiB of log.
    db.pragma_update(None, "wal_autocheckpoint", 4096)?;
    db.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)
}

fn create_tables(db: &Connection) -> rusqlite::Result<()> {
    let tx =
        patiently(|| rusqlite::Transaction::new_unchecked(db, TransactionBehavior::Immediate))?;
    let found = version(&tx)?;
    if found == 0 {
        tx.execute_batch(TABLES)?;
        tx.pragma_update(None, "application_id", APPLICATION)?;
    }
    if found < SCHEMA {
        tx.execute_batch(SECOND)?;
        tx.pragma_update(None, "user_version", SCHEMA)?;
    }
    tx.commit()
}

fn version(db: &Connection) -> rusqlite::Result<u32> {
    db.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Refuses a newer ledger and a database that is none. An empty file is fine.
fn check_version(db: &Connection, place: &str) -> Result<()> {
    let unreachable = |source: Box<dyn std::error::Error + Send + Sync>| Error::Unreachable {
        place: place.to_owned(),
        source,
    };
    let state = || -> rusqlite::Result<(u32, i32, i64)> {
        let application = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let tables = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        Ok((version(db)?, application, tables))
    };
    match patiently(state).map_err(|error| unreachable(error.into()))? {
        (0, _, 0) => Ok(()),
        (found, APPLICATION, _) if found > SCHEMA => {
            Err(Error::Newer { place: place.to_owned(), found })
        }
        (_, APPLICATION, _) => Ok(()),
        _ => Err(unreachable("it is a database of another program".into())),
    }
}
