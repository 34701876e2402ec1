//! A file that several processes append to at once, and that makes room for the next one in time.
//!
//! A line is one write at the end of the file, so that lines of different processes never mix.
//! Whoever finds the file full renames it under a lock; the others see, before their next line,
//! that the name means another file by now. A line that is written in this very moment lands in the
//! renamed file: it is out of order by one line, never lost.

use std::borrow::Cow;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// How large the files of one name may become together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A file of so many bytes is full.
    pub bytes_max: u64,
    /// Files kept, the one that is written to included.
    pub files_max: u32,
}

impl Default for Limits {
    /// 10 MB × 5.
    fn default() -> Self {
        Self { bytes_max: 10_000_000, files_max: 5 }
    }
}

/// Looks at the file before a line goes where the last look said.
const LOOKS_MAX: u32 = 8;

/// `NAME`, and its predecessors `NAME.1` (the newest), `NAME.2`, …
#[derive(Debug)]
pub struct Rolling {
    folder: PathBuf,
    name: String,
    limits: Limits,
    file: Option<File>,
    /// The last write was cut short: what follows begins a new line.
    is_torn: bool,
}

impl Rolling {
    /// The file is created with its first line.
    pub fn new(folder: &Path, name: &str, limits: Limits) -> Self {
        let (folder, name) = (folder.to_owned(), name.to_owned());
        Self { folder, name, limits, file: None, is_torn: false }
    }

    /// Appends a line, its end included. One that cannot be written whole is lost.
    pub fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let line = if self.is_torn { [b"\n", line].concat().into() } else { Cow::Borrowed(line) };
        let written = self.current()?.write(&line)?;
        self.is_torn = written < line.len();
        if self.is_torn { Err(io::ErrorKind::WriteZero.into()) } else { Ok(()) }
    }

    /// The file that the name means now, with room in it.
    fn current(&mut self) -> io::Result<&File> {
        for _ in 0..LOOKS_MAX {
            let Some(file) = &self.file else {
                self.file = Some(self.open()?);
                continue;
            };
            let (ours, named) = (file.metadata()?, fs::metadata(self.path(0)));
            match named {
                Ok(named) if (named.dev(), named.ino()) == (ours.dev(), ours.ino()) => {
                    if ours.len() < self.limits.bytes_max {
                        break;
                    }
                    self.roll()?;
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            self.file = None;
        }
        if self.file.is_none() {
            self.file = Some(self.open()?);
        }
        Ok(self.file.as_ref().expect("it was just opened"))
    }

    fn open(&self) -> io::Result<File> {
        fs::create_dir_all(&self.folder)?;
        OpenOptions::new().append(true).create(true).open(self.path(0))
    }

    /// Makes room, unless another process has done so.
    fn roll(&self) -> io::Result<()> {
        let lock = self.folder.join(format!(".{}.lock", self.name));
        let lock = OpenOptions::new().append(true).create(true).open(lock)?;
        lock.lock()?;
        match fs::metadata(self.path(0)) {
            Ok(named) if named.len() >= self.limits.bytes_max => {}
            // Another process was faster, and may not have begun the new file yet.
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        }
        for age in (0..self.limits.files_max.saturating_sub(1)).rev() {
            match fs::rename(self.path(age), self.path(age + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    fn path(&self, age: u32) -> PathBuf {
        self.folder.join(if age == 0 { self.name.clone() } else { format!("{}.{age}", self.name) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(folder: &Path, name: &str) -> String {
        fs::read_to_string(folder.join(name)).unwrap_or_default()
    }

    #[test]
    fn a_full_file_becomes_the_first_predecessor_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits { bytes_max: 4, files_max: 3 };
        let mut rolling = Rolling::new(folder.path(), "a.log", limits);
        for line in ["one\n", "two\n", "three\n", "four\n"] {
            rolling.append(line.as_bytes()).unwrap();
        }
        let names = ["a.log", "a.log.1", "a.log.2", "a.log.3"];
        let texts = names.map(|name| read(folder.path(), name));
        assert_eq!(texts, ["four\n", "three\n", "two\n", ""]);
    }

    #[test]
    fn a_file_that_another_process_has_renamed_is_left_to_its_new_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let mut rolling = Rolling::new(folder.path(), "a.log", Limits::default());
        rolling.append(b"one\n").unwrap();
        fs::rename(&path, folder.path().join("a.log.1")).unwrap();
        rolling.append(b"two\n").unwrap();
        fs::remove_file(&path).unwrap();
        rolling.append(b"three\n").unwrap();
        assert_eq!(read(folder.path(), "a.log"), "three\n");
        assert_eq!(read(folder.path(), "a.log.1"), "one\n");
    }

    #[test]
    fn a_line_after_one_that_was_cut_short_stands_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut rolling = Rolling::new(folder.path(), "a.log", Limits::default());
        rolling.append(b"one\n").unwrap();
        rolling.is_torn = true;
        rolling.append(b"three\n").unwrap();
        assert_eq!(read(folder.path(), "a.log"), "one\n\nthree\n");
    }
}
