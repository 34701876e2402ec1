//! Lists of paths: one a line, or each ended by a NUL byte.

use super::{Collector, Error, paths};
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// What ends a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Separator {
    /// A line feed; blank lines and lines that begin with `#` are no paths.
    Line,
    /// A NUL byte; everything before it is the path.
    Nul,
}

const BOM: &[u8] = b"\xef\xbb\xbf";

impl Collector {
    pub(super) fn list_file(&mut self, file: &Path, separator: Separator) -> Result<(), Error> {
        let list = paths::shown(file);
        match File::open(file) {
            Ok(opened) => self.list(&format!("in {list}"), &mut BufReader::new(opened), separator),
            Err(source) => Err(Error::List { list, source }),
        }
    }

    /// Takes every path of a list that is `place` ("in list.txt").
    pub(super) fn list(
        &mut self,
        place: &str,
        list: &mut dyn BufRead,
        separator: Separator,
    ) -> Result<(), Error> {
        let before = self.count();
        let mut first = true;
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = list.read_until(separator.byte(), &mut line);
            match read.map_err(|source| Error::List { list: place.to_owned(), source })? {
                0 => break,
                _ => {
                    if let Some(path) = separator.path(&line, first) {
                        self.path(&path)?;
                    }
                }
            }
            first = false;
        }
        self.note_if_empty(before, || format!("the list {place}"));
        Ok(())
    }
}

impl Separator {
    fn byte(self) -> u8 {
        match self {
            Self::Line => b'\n',
            Self::Nul => 0,
        }
    }

    /// The path that an entry means; none: it means nothing.
    fn path(self, entry: &[u8], first: bool) -> Option<PathBuf> {
        let entry = entry.strip_suffix(&[self.byte()]).unwrap_or(entry);
        let entry = match self {
            Self::Line => {
                let entry = if first { entry.strip_prefix(BOM).unwrap_or(entry) } else { entry };
                let entry = entry.strip_suffix(b"\r").unwrap_or(entry);
                if entry.starts_with(b"#") || entry.trim_ascii().is_empty() { b"" } else { entry }
            }
            Self::Nul => entry,
        };
        (!entry.is_empty()).then(|| path(entry))
    }
}

/// A path of exactly these bytes, where the system's names are bytes; else as text.
#[cfg(unix)]
pub(super) fn path(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    OsString::from_vec(bytes.to_owned()).into()
}

/// A path of exactly these bytes, where the system's names are bytes; else as text.
#[cfg(not(unix))]
pub(super) fn path(bytes: &[u8]) -> PathBuf {
    OsString::from(String::from_utf8_lossy(bytes).into_owned()).into()
}
