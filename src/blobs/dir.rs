//! Blobs in a folder: `ROOT/ab/abcdef…`.

use super::atomic::sync_folder;
use super::{Error, Listed, Result, check_digest, create_folders, digest, write_atomic};
use bytes::Bytes;
use rustix::fs::{Timespec, Timestamps, UTIME_NOW, futimens};
use std::fs::{self, DirEntry, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The file that those who put and those who remove lock.
const LOCK: &str = ".lock";

/// A lock on the folder; let go of when it is dropped, or when the process dies.
#[derive(Debug)]
pub struct Lock(File);

/// A folder of blobs. One level of 256 folders: a hundred thousand blobs are four hundred files
/// each, and a new folder (which costs an fsync of its own) is rare.
#[derive(Debug, Clone)]
pub struct Dir {
    root: PathBuf,
}

impl Dir {
    /// Nothing is created before the first blob.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    pub(super) fn put(&self, bytes: &[u8]) -> Result<String> {
        let digest = digest(bytes);
        let path = self.path(&digest)?;
        let _lock = self.hold()?;
        match fs::read(&path) {
            // Where somebody else's file cannot be dated, one of our own takes its place.
            Ok(found) if found == bytes && touch(&path).is_ok() => {
                // Whoever wrote it may have died before the name was durable.
                path.parent().map_or(Ok(()), sync_folder)?;
            }
            Ok(_) | Err(_) => write_atomic(&path, bytes)?,
        }
        Ok(digest)
    }

    /// No sweep removes anything while it is held.
    pub(super) fn hold(&self) -> Result<Lock> {
        let lock = self.lock_file()?;
        lock.lock_shared().map_err(|source| self.lock_failure(source))?;
        Ok(Lock(lock))
    }

    /// Waits until nobody holds.
    fn hold_alone(&self) -> Result<Lock> {
        let lock = self.lock_file()?;
        lock.lock().map_err(|source| self.lock_failure(source))?;
        Ok(Lock(lock))
    }

    fn lock_file(&self) -> Result<File> {
        create_folders(&self.root)?;
        let file = OpenOptions::new().append(true).create(true).open(self.root.join(LOCK));
        file.map_err(|source| self.lock_failure(source))
    }

    fn lock_failure(&self, source: io::Error) -> Error {
        Error::Io { doing: "lock", path: self.root.join(LOCK), source }
    }

    pub(super) fn begin_sweep(&self) -> Result<DirSweep> {
        let lock = self.hold_alone()?;
        // Read from the same clock that dates the blobs, wherever the folder is.
        let began = now_of(&lock.0).map_err(|source| self.lock_failure(source))?;
        Ok(DirSweep { dir: self.clone(), began })
    }

    pub(super) fn get(&self, name: &str) -> Result<Bytes> {
        let path = self.path(name)?;
        let bytes = fs::read(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => Error::Missing(name.to_owned()),
            _ => Error::Io { doing: "read", path: path.clone(), source },
        })?;
        let found = digest(&bytes);
        if found == name { Ok(bytes.into()) } else { Err(Error::Torn { path, found }) }
    }

    pub(super) fn has(&self, name: &str) -> Result<bool> {
        let path = self.path(name)?;
        path.try_exists().map_err(|source| Error::Io { doing: "look for", path, source })
    }

    pub(super) fn remove(&self, name: &str) -> Result<()> {
        let path = self.path(name)?;
        match fs::remove_file(&path) {
            Ok(()) => path.parent().map_or(Ok(()), sync_folder),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(Error::Io { doing: "remove", path, source }),
        }
    }

    /// Where a blob is, if the name is a digest: anything else could point out of the root.
    fn path(&self, name: &str) -> Result<PathBuf> {
        check_digest(name)?;
        let folder: String = name.chars().take(2).collect();
        Ok(self.root.join(folder).join(name))
    }
}

/// A removal from a folder.
#[derive(Debug)]
pub(super) struct DirSweep {
    dir: Dir,
    began: SystemTime,
}

impl DirSweep {
    pub(super) fn list(&self) -> Result<Vec<Listed>> {
        let mut listed = Vec::new();
        for folder in entries(&self.dir.root)? {
            for entry in entries(&folder.path())? {
                let name = entry.file_name().to_string_lossy().into_owned();
                if check_digest(&name).is_ok()
                    && let Ok(found) = entry.metadata()
                {
                    listed.push(Listed { name, bytes: found.len() });
                }
            }
        }
        Ok(listed)
    }

    pub(super) fn is_quiet(&self, name: &str, quiet: Duration) -> Result<bool> {
        let path = self.dir.path(name)?;
        match fs::metadata(&path).and_then(|found| found.modified()) {
            Ok(put) => Ok(self.began.checked_sub(quiet).is_some_and(|limit| put < limit)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(Error::Io { doing: "look for", path, source }),
        }
    }

    pub(super) fn remove(&self, name: &str, quiet: Duration) -> Result<bool> {
        // Nobody puts it between the look and the removal.
        let _lock = self.dir.hold_alone()?;
        let may_go = self.is_quiet(name, quiet)?;
        if may_go {
            self.dir.remove(name)?;
        }
        Ok(may_go)
    }
}

/// What is in a folder; nothing where there is none.
fn entries(folder: &Path) -> Result<Vec<DirEntry>> {
    let failed = |source| Error::Io { doing: "list", path: folder.to_owned(), source };
    match fs::read_dir(folder) {
        Ok(entries) => entries.collect::<io::Result<_>>().map_err(failed),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Ok(Vec::new()),
            _ => Err(failed(error)),
        },
    }
}

/// Dates a file that is put again.
fn touch(path: &Path) -> io::Result<()> {
    now_of(&File::open(path)?).map(|_| ())
}

/// Dates a file as of now, by the clock of its file system, and returns the date.
fn now_of(file: &File) -> io::Result<SystemTime> {
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    futimens(file, &Timestamps { last_access: now, last_modification: now })?;
    file.metadata()?.modified()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blobs::{Blobs, DIGITS};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn blobs() -> (tempfile::TempDir, Blobs) {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::dir(&folder.path().join("images"));
        (folder, blobs)
    }

    /// The only blob below a folder.
    fn only_file(folder: &Path) -> PathBuf {
        let mut path = folder.to_owned();
        while path.is_dir() {
            let mut inner = entries(&path).unwrap();
            inner.retain(|entry| entry.file_name() != LOCK);
            assert_eq!(inner.len(), 1);
            path = inner[0].path();
        }
        path
    }

    #[test]
    fn a_sweep_leaves_what_was_put_again_after_it_began() {
        let (_folder, blobs) = blobs();
        let [old, again] = [b"old".as_slice(), b"again"].map(|bytes| blobs.put(bytes).unwrap());
        // The clock of a file system may stand still for some milliseconds.
        let sweep = loop {
            let sweep = blobs.begin_sweep().unwrap();
            if sweep.is_quiet(&old, Duration::ZERO).unwrap() {
                break sweep;
            }
        };
        assert!(!sweep.is_quiet(&old, Duration::from_mins(1)).unwrap(), "not for a minute");
        blobs.put(b"again").unwrap();
        let new = blobs.put(b"new").unwrap();
        for (name, goes) in [(&old, true), (&again, false), (&new, false), (&old, false)] {
            assert_eq!(sweep.remove(name, Duration::ZERO).unwrap(), goes);
        }
        let left = [Listed { name: new, bytes: 3 }, Listed { name: again, bytes: 5 }];
        assert_eq!(BTreeSet::from_iter(sweep.list().unwrap()), BTreeSet::from(left));
    }

    #[expect(clippy::disallowed_methods, reason = "the test damages a file on purpose")]
    fn damage(path: &Path) {
        fs::write(path, b"pict").unwrap();
    }

    #[test]
    fn a_torn_file_is_an_error_that_names_it_and_putting_it_again_heals_it() {
        let (folder, blobs) = blobs();
        let name = blobs.put(b"picture").unwrap();
        assert_eq!(blobs.put(b"picture").unwrap(), name);
        let path = only_file(folder.path());
        damage(&path);
        let error = blobs.get(&name).unwrap_err();
        assert!(matches!(&error, Error::Torn { path: torn, .. } if *torn == path), "{error}");
        blobs.put(b"picture").unwrap();
        assert_eq!(blobs.get(&name).unwrap(), b"picture".as_slice());
    }

    #[test]
    fn a_removed_blob_is_missing_and_removing_it_again_is_no_error() {
        let (_folder, blobs) = blobs();
        let name = blobs.put(b"x").unwrap();
        assert!(blobs.has(&name).unwrap());
        blobs.remove(&name).unwrap();
        blobs.remove(&name).unwrap();
        assert!(!blobs.has(&name).unwrap());
        assert!(matches!(blobs.get(&name), Err(Error::Missing(_))));
    }

    #[test]
    fn a_name_that_is_no_digest_never_becomes_a_path() {
        let (_folder, blobs) = blobs();
        let upper = "A".repeat(DIGITS);
        for name in ["", "a", "../../etc/passwd", "图片", upper.as_str()] {
            assert!(matches!(blobs.get(name), Err(Error::NotADigest(_))), "{name}");
            assert!(matches!(blobs.remove(name), Err(Error::NotADigest(_))), "{name}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn all_bytes_come_back(bytes in prop::collection::vec(any::<u8>(), 0..5000)) {
            let (_folder, blobs) = blobs();
            let name = blobs.put(&bytes).unwrap();
            prop_assert_eq!(blobs.get(&name).unwrap(), bytes);
        }
    }
}
