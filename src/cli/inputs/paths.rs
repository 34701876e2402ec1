//! Files, quoted patterns, directories.

use super::{Collector, Error, Input};
use glob::MatchOptions;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use walkdir::{DirEntry, WalkDir};

/// As a shell would: a star matches no leading dot and no slash.
const LIKE_A_SHELL: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// What a path leads to, links followed.
enum Found {
    File,
    Directory,
}

impl Collector {
    /// An argument: a path, or a pattern where no such path exists.
    pub(super) fn argument(&mut self, given: &Path) -> Result<(), Error> {
        let pattern = given.to_str().filter(|text| text.contains(['*', '?', '[']));
        match pattern {
            Some(pattern) if given.symlink_metadata().is_err() => self.pattern(pattern, given),
            Some(_) | None => self.path(given),
        }
    }

    /// A path, meant to the letter.
    pub(super) fn path(&mut self, given: &Path) -> Result<(), Error> {
        match look(given) {
            Ok(Found::File) => self.file(given),
            Ok(Found::Directory) if self.recursive => self.walk(given),
            Ok(Found::Directory) => return Err(Error::Directory(shown(given))),
            Err(reason) => self.missing(shown(given), reason),
        }
        Ok(())
    }

    /// A row of the manifest: a file and what is known about it.
    pub(super) fn row(&mut self, input: Input) {
        match look(&input.path) {
            Ok(Found::File) => self.found.inputs.push(input),
            Ok(Found::Directory) => self.missing_row(input, "it is a directory".to_owned()),
            Err(reason) => self.missing_row(input, reason),
        }
    }

    fn missing_row(&mut self, input: Input, reason: String) {
        self.missing(input.source, reason);
        if let Some(last) = self.found.missing.last_mut() {
            last.external_id = input.external_id;
        }
    }

    fn pattern(&mut self, pattern: &str, given: &Path) -> Result<(), Error> {
        // What is no pattern after all is a name that does not exist.
        let Ok(matches) = glob::glob_with(pattern, LIKE_A_SHELL) else { return self.path(given) };
        let before = self.count();
        for found in matches {
            match found {
                Ok(path) => self.matched(&path),
                Err(error) => self.missing(shown(error.path()), reason(error.error())),
            }
        }
        self.note_if_empty(before, || format!("`{pattern}`"));
        Ok(())
    }

    /// A pattern means files; a directory that happens to match is entered only if asked for.
    fn matched(&mut self, path: &Path) {
        match look(path) {
            Ok(Found::File) => self.file(path),
            Ok(Found::Directory) if self.recursive => self.walk(path),
            Ok(Found::Directory) => {}
            Err(reason) => self.missing(shown(path), reason),
        }
    }

    fn walk(&mut self, directory: &Path) {
        let before = self.count();
        let entries = WalkDir::new(directory).follow_links(true).sort_by_file_name();
        // Links make one directory reachable in several ways; the first one is taken.
        let mut entered = BTreeSet::new();
        let mut is_new = |entry: &DirEntry| {
            !entry.file_type().is_dir()
                || entry.path().canonicalize().map_or(true, |path| entered.insert(path))
        };
        let is_wanted = |entry: &DirEntry| is_visible(entry) && is_new(entry);
        for entry in entries.into_iter().filter_entry(is_wanted) {
            match entry {
                Ok(entry) if entry.file_type().is_file() => self.file(entry.path()),
                Ok(_) => {}
                // A link back to a directory we are in: everything in it is being seen already.
                Err(error) if error.loop_ancestor().is_some() => {}
                Err(error) => self.unwalkable(directory, &error),
            }
        }
        self.note_if_empty(before, || format!("`{}`", directory.display()));
    }

    fn unwalkable(&mut self, directory: &Path, error: &walkdir::Error) {
        let path = error.path().unwrap_or(directory);
        let why = error.io_error().map_or_else(|| "it cannot be read".to_owned(), reason);
        self.missing(shown(path), why);
    }

    fn file(&mut self, path: &Path) {
        self.found.inputs.push(Input {
            path: path.to_owned(),
            source: shown(path),
            ..Input::default()
        });
    }
}

/// Hidden files are passed over, but not a hidden directory that was named.
fn is_visible(entry: &DirEntry) -> bool {
    entry.depth() == 0 || !entry.file_name().as_encoded_bytes().starts_with(b".")
}

fn look(path: &Path) -> Result<Found, String> {
    match path.metadata() {
        Ok(about) if about.is_file() => Ok(Found::File),
        Ok(about) if about.is_dir() => Ok(Found::Directory),
        Ok(_) => Err("it is no regular file".to_owned()),
        Err(error) => Err(reason(&error)),
    }
}

/// The same words on every system, because they stand in results.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            "there is no such file".to_owned()
        }
        io::ErrorKind::PermissionDenied => "reading it is not permitted".to_owned(),
        kind => format!("it cannot be read: {kind}"),
    }
}

pub(super) fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
