//! Files that are whole or not there, and rewritten only where they differ.
//!
//! A draft is written beside its file and renamed over it. Its writer holds a lock on it as long
//! as it lives, so that what a killed process left behind can be told from what another one is
//! writing right now.

use std::fs::{self, File, Permissions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// What the names of drafts begin with.
const DRAFT_PREFIX: &str = ".tableround-";

/// What happened to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placed {
    /// It was there with these very bytes.
    Unchanged,
    /// It was missing, or different.
    Written,
}

/// Writes a file whole or not at all; it is on the disk when this returns. The folder exists.
pub(super) fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<Placed> {
    let mut draft = Draft::of(path)?;
    draft.write(bytes)?;
    draft.place()
}

/// A file in the making.
#[derive(Debug)]
pub(super) struct Draft {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
    bytes: u64,
}

impl Draft {
    /// An empty draft of this file, in the same folder.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let file = BufWriter::new(locked_draft(folder_of(path))?);
        Ok(Self { path: path.to_owned(), file, bytes: 0 })
    }

    /// Appends.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    /// The file it is going to be.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes written so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Puts the draft in its place, unless the same bytes are there already.
    pub(super) fn place(self) -> io::Result<Placed> {
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        if is_same(file.path(), &self.path)? {
            return Ok(Placed::Unchanged);
        }
        file.as_file().sync_all()?;
        file.persist(&self.path)?;
        sync_folder(folder_of(&self.path))?;
        Ok(Placed::Written)
    }
}

/// Removes drafts that killed processes left in a folder.
pub(super) fn sweep(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with(DRAFT_PREFIX) {
            continue;
        }
        let Ok(file) = File::open(entry.path()) else { continue };
        if file.try_lock().is_ok() {
            match fs::remove_file(entry.path()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
    }
    Ok(())
}

/// Creates a folder and what is missing above it, each durable in its parent; whether it was new.
pub(super) fn create_folder(folder: &Path) -> io::Result<bool> {
    if folder.is_dir() {
        return Ok(false);
    }
    let parent = folder_of(folder);
    create_folder(parent)?;
    match fs::create_dir(folder) {
        // Another worker was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(false),
        Err(error) => Err(error),
        Ok(()) => sync_folder(parent).map(|()| true),
    }
}

fn locked_draft(folder: &Path) -> io::Result<NamedTempFile> {
    loop {
        let file = tempfile::Builder::new()
            .prefix(DRAFT_PREFIX)
            .permissions(ordinary_permissions())
            .tempfile_in(folder)?;
        // Where the file system knows no locks, nobody sweeps either.
        let is_locked = file.as_file().lock().is_ok();
        // A sweep between creation and lock took it for a dead process's.
        if !is_locked || file.path().exists() {
            return Ok(file);
        }
    }
}

/// As any new file: readable for all whom the umask allows.
fn ordinary_permissions() -> Permissions {
    use std::os::unix::fs::PermissionsExt;
    Permissions::from_mode(0o666)
}

fn is_same(draft: &Path, path: &Path) -> io::Result<bool> {
    let there = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        there => there?,
    };
    let draft = File::open(draft)?;
    if draft.metadata()?.len() != there.metadata()?.len() {
        return Ok(false);
    }
    let (mut a, mut b) = (BufReader::new(draft), BufReader::new(there));
    loop {
        let (left, right) = (a.fill_buf()?, b.fill_buf()?);
        let both = left.len().min(right.len());
        if both == 0 {
            return Ok(left.len() == right.len());
        }
        if left[..both] != right[..both] {
            return Ok(false);
        }
        a.consume(both);
        b.consume(both);
    }
}

/// Makes the names in a folder durable.
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_rewritten_only_where_it_differs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        assert_eq!(write_atomic(&path, b"one").unwrap(), Placed::Written);
        assert_eq!(write_atomic(&path, b"one").unwrap(), Placed::Unchanged);
        assert_eq!(write_atomic(&path, b"two").unwrap(), Placed::Written);
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(names(folder.path()), ["a.csv"]);
    }

    #[test]
    fn a_sweep_takes_what_the_dead_left_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        write_atomic(&folder.path().join("a.csv"), b"one").unwrap();
        write_atomic(&folder.path().join(".tableround-dead"), b"half").unwrap();
        write_atomic(&folder.path().join(".other"), b"x").unwrap();
        let mut alive = Draft::of(&folder.path().join("b.csv")).unwrap();
        alive.write(b"two").unwrap();
        sweep(folder.path()).unwrap();
        assert_eq!(alive.place().unwrap(), Placed::Written);
        assert_eq!(names(folder.path()), [".other", "a.csv", "b.csv"]);
    }

    #[test]
    fn a_draft_that_is_dropped_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        write_atomic(&path, b"old").unwrap();
        let mut draft = Draft::of(&path).unwrap();
        draft.write(b"new").unwrap();
        drop(draft);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["a.csv"]);
    }
}
