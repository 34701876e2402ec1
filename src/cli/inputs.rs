//! INPUT: from what was typed to the pictures it means, in order.
//!
//! Looks at names and kinds only. Whether a file is a picture is told later, by its content.

mod lists;
mod manifest;
mod paths;

use super::args::{InputArgs, LimitArgs};
use super::errors::CliError;
use super::exit::ExitCode;
use std::io::BufRead;
use std::path::{Path, PathBuf};

/// A picture to discuss, and what is known about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Input {
    /// Opens the file, whatever bytes its name is made of.
    pub path: PathBuf,
    /// How the path was given, as text; bytes that are no text are replaced.
    pub source: String,
    pub topic: Option<String>,
    pub external_id: Option<String>,
    pub keywords: Vec<String>,
    pub design_prompt: Option<String>,
}

/// Something that was named and cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    pub source: String,
    pub external_id: Option<String>,
    /// A code of the contract.
    pub code: &'static str,
    pub reason: String,
}

/// Everything that was named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inputs {
    /// In the order they were named: arguments, then lists, then the manifest.
    pub inputs: Vec<Input>,
    pub missing: Vec<Missing>,
    /// Told to the user, and no reason to stop.
    pub warnings: Vec<String>,
}

/// What was typed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    pub inputs: &'a [PathBuf],
    pub recursive: bool,
    pub files_from: Option<&'a Path>,
    pub files_from0: Option<&'a Path>,
    pub manifest: Option<&'a Path>,
    /// Of all that can be read, so many, evenly spread.
    pub sample: Option<u64>,
    /// Of those, the first so many.
    pub limit: Option<u64>,
}

impl<'a> Wanted<'a> {
    pub fn new(input: &'a InputArgs, limits: &LimitArgs) -> Self {
        Self {
            inputs: &input.inputs,
            recursive: input.recursive,
            files_from: input.files_from.as_deref(),
            files_from0: input.files_from0.as_deref(),
            manifest: input.manifest.as_deref(),
            sample: limits.sample,
            limit: limits.limit,
        }
    }
}

/// Why there are no inputs.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no pictures were named")]
    NoneNamed,
    #[error("no input matched {0}")]
    NothingMatched(String),
    #[error("`{0}` is a directory")]
    Directory(String),
    #[error("standard input is asked for twice")]
    StdinTwice,
    #[error("the list {list} cannot be read")]
    List {
        list: String,
        #[source]
        source: std::io::Error,
    },
    #[error("`{0}` is no manifest: its name must end in .csv or .jsonl")]
    ManifestKind(String),
    /// One line each: `FILE:LINE: what`.
    #[error("{}", .0.join("\n"))]
    Manifest(Vec<String>),
}

impl From<Error> for CliError {
    fn from(error: Error) -> Self {
        let (code, exit, hint) = match &error {
            Error::NoneNamed => (
                "config.invalid",
                ExitCode::Usage,
                "name pictures, or a list with --files-from or --manifest",
            ),
            Error::NothingMatched(_) => ("input.unreadable", ExitCode::NothingToDo, ""),
            Error::Directory(_) => (
                "config.invalid",
                ExitCode::Usage,
                "add --recursive to take the pictures in it and below",
            ),
            Error::StdinTwice => (
                "config.invalid",
                ExitCode::Usage,
                "use - once: as an argument, with --files-from or with --files-from0",
            ),
            Error::List { .. } => ("input.unreadable", ExitCode::Usage, ""),
            Error::ManifestKind(_) | Error::Manifest(_) => ("config.invalid", ExitCode::Usage, ""),
        };
        Self::of(code, exit, &error).hint(hint)
    }
}

/// Finds everything that was named. `stdin` is read only where `-` asks for it.
pub fn collect(wanted: &Wanted<'_>, stdin: &mut dyn BufRead) -> Result<Inputs, Error> {
    let mut collector = Collector { recursive: wanted.recursive, ..Collector::default() };
    once_at_most(wanted)?;
    for given in wanted.inputs {
        if is_stdin(given) {
            collector.list("on standard input", stdin, lists::Separator::Line)?;
        } else {
            collector.argument(given)?;
        }
    }
    for (file, separator) in
        [(wanted.files_from, lists::Separator::Line), (wanted.files_from0, lists::Separator::Nul)]
    {
        match file {
            Some(file) if is_stdin(file) => {
                collector.list("on standard input", stdin, separator)?;
            }
            Some(file) => collector.list_file(file, separator)?,
            None => {}
        }
    }
    if let Some(file) = wanted.manifest {
        collector.manifest(file)?;
    }
    collector.finish(wanted)
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn once_at_most(wanted: &Wanted<'_>) -> Result<(), Error> {
    let lists = [wanted.files_from, wanted.files_from0].into_iter().flatten();
    let named = wanted.inputs.iter().map(PathBuf::as_path).chain(lists);
    if named.filter(|path| is_stdin(path)).count() > 1 { Err(Error::StdinTwice) } else { Ok(()) }
}

#[derive(Debug, Default)]
struct Collector {
    recursive: bool,
    found: Inputs,
    /// What matched nothing.
    empty: Vec<String>,
}

impl Collector {
    fn missing(&mut self, source: String, reason: impl Into<String>) {
        self.found.missing.push(Missing {
            source,
            external_id: None,
            code: "input.unreadable",
            reason: reason.into(),
        });
    }

    fn count(&self) -> usize {
        self.found.inputs.len() + self.found.missing.len()
    }

    /// Remembers what was named for nothing.
    fn note_if_empty(&mut self, before: usize, what: impl FnOnce() -> String) {
        if self.count() == before {
            self.empty.push(what());
        }
    }

    fn finish(self, wanted: &Wanted<'_>) -> Result<Inputs, Error> {
        if self.count() == 0 {
            return Err(match self.empty.as_slice() {
                [] => Error::NoneNamed,
                empty => Error::NothingMatched(empty.join(", ")),
            });
        }
        let mut found = self.found;
        found.warnings.extend(self.empty.into_iter().map(|what| format!("nothing matched {what}")));
        found.inputs = spread(found.inputs, wanted.sample);
        found.inputs.truncate(to_usize(wanted.limit.unwrap_or(u64::MAX)));
        Ok(found)
    }
}

/// Every so manieth, beginning with the first; the same ones each time.
fn spread(inputs: Vec<Input>, sample: Option<u64>) -> Vec<Input> {
    let all = inputs.len();
    let wanted = to_usize(sample.unwrap_or(u64::MAX)).min(all);
    let mut chosen = (0..wanted).map(|k| wide(k, all, wanted)).peekable();
    inputs
        .into_iter()
        .enumerate()
        .filter(|(position, _)| chosen.next_if_eq(position).is_some())
        .map(|(_, input)| input)
        .collect()
}

/// `k · all / wanted`, without overflow.
fn wide(k: usize, all: usize, wanted: usize) -> usize {
    let position = k as u128 * all as u128 / wanted as u128;
    usize::try_from(position).expect("k is below wanted, so the quotient is below all")
}

fn to_usize(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
