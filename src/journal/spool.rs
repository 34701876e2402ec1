//! Answers that wait on this machine's disk until the ledger takes them.
//!
//! One file an answer, named after its own bytes. It holds all that is needed to deliver it, by
//! whatever process and however late: a file is removed when the ledger has acknowledged it, and
//! one that cannot be read is set aside, never deleted.

use crate::blobs::{self, write_atomic};
use crate::domain::call::{Open, Settle};
use crate::ledger::{self, codec};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// What the name of a waiting answer ends with.
const WAITING: &str = "answer";
/// What the name of one that cannot be read ends with.
const DAMAGED: &str = "damaged";

/// An answer with its question's record, and the images that it names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel {
    pub open: Open,
    pub settle: Settle,
    /// Bytes that belong into the blobs before the settle that names them.
    #[serde(with = "text")]
    pub images: Vec<Bytes>,
}

/// What keeps an answer from being kept or found again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Write(#[from] blobs::Error),
    #[error("an answer cannot be written down")]
    Encode(#[source] ledger::Error),
    #[error("{path} cannot be read")]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{path} is damaged: {why}")]
    Damaged { path: PathBuf, why: String },
}

/// A folder of waiting answers. It is there only while one waits, or has waited.
#[derive(Debug, Clone)]
pub struct Spool(PathBuf);

impl Spool {
    pub fn at(folder: PathBuf) -> Self {
        Self(folder)
    }

    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// Keeps an answer; durable when it returns. The same answer again is the same file.
    pub fn keep(&self, parcel: &Parcel) -> Result<PathBuf, Error> {
        let bytes = codec::encode(parcel).map_err(Error::Encode)?;
        let path = self.0.join(blobs::digest(&bytes)).with_extension(WAITING);
        write_atomic(&path, &bytes)?;
        Ok(path)
    }

    /// The files of all answers that wait, in the order of their names.
    pub fn waiting(&self) -> Result<Vec<PathBuf>, Error> {
        let failed = |source| Error::Read { path: self.0.clone(), source };
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let paths = entries.map(|entry| Ok(entry.map_err(failed)?.path()));
        let mut paths = paths.collect::<Result<Vec<_>, Error>>()?;
        paths.retain(|path| path.extension().is_some_and(|end| end == WAITING));
        paths.sort();
        Ok(paths)
    }

    /// What a file holds; none if somebody has delivered it in between.
    pub fn read(&self, path: &Path) -> Result<Option<Parcel>, Error> {
        let bytes = match fs::read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            bytes => bytes.map_err(|source| Error::Read { path: path.to_owned(), source })?,
        };
        let damaged = |why: String| Error::Damaged { path: path.to_owned(), why };
        if path.file_stem().is_none_or(|name| *name != *blobs::digest(&bytes)) {
            return Err(damaged("its bytes are not those that were written".to_owned()));
        }
        codec::decode(&bytes).map(Some).map_err(|error| damaged(error.to_string()))
    }

    /// The answer is where it belongs.
    pub fn delivered(&self, path: &Path) -> Result<(), Error> {
        match fs::remove_file(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed.map_err(|source| Error::Read { path: path.to_owned(), source }),
        }
    }

    /// Takes a file that cannot be read out of the way; where it is now.
    pub fn set_aside(&self, path: &Path) -> Result<PathBuf, Error> {
        let aside = path.with_extension(DAMAGED);
        fs::rename(path, &aside).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        Ok(aside)
    }
}

/// Bytes as base64: the file is JSON inside.
mod text {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    pub(super) fn serialize<S: Serializer>(images: &[Bytes], to: S) -> Result<S::Ok, S::Error> {
        images.iter().map(|bytes| STANDARD.encode(bytes)).collect::<Vec<_>>().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Bytes>, D::Error> {
        let texts = Vec::<String>::deserialize(from)?;
        let bytes =
            |text: String| STANDARD.decode(text).map(Bytes::from).map_err(de::Error::custom);
        texts.into_iter().map(bytes).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::call::{Call, Outcome};
    use proptest::prelude::*;

    fn parcel(text: &str, images: Vec<Bytes>) -> Parcel {
        let call = Call {
            scope: "j".into(),
            stage: "discuss".into(),
            round: 1,
            seat: "designer".into(),
            ask: 1,
        };
        let open = Open {
            call,
            r#try: 1,
            request_sha256: "aa".into(),
            batch: "b".into(),
            job: "j".into(),
            worker: "w".into(),
            attempt: "t".into(),
            provider: "p".into(),
            model_asked: "m".into(),
            reserved: None,
        };
        let settle = Settle { text: text.into(), ..Settle::without_reply(Outcome::Answered, 1) };
        Parcel { open, settle, images }
    }

    fn spool() -> (tempfile::TempDir, Spool) {
        let home = tempfile::tempdir().unwrap();
        let spool = Spool::at(home.path().join("data/spool"));
        (home, spool)
    }

    #[test]
    fn an_answer_waits_until_it_is_delivered_and_the_same_one_waits_once() {
        let (_home, spool) = spool();
        assert!(spool.waiting().unwrap().is_empty(), "no folder is no error");
        let (one, other) = (parcel("一", vec![]), parcel("two", vec![]));
        let path = spool.keep(&one).unwrap();
        assert_eq!(spool.keep(&one).unwrap(), path);
        spool.keep(&other).unwrap();
        assert_eq!(spool.waiting().unwrap().len(), 2);
        assert_eq!(spool.read(&path).unwrap(), Some(one));
        spool.delivered(&path).unwrap();
        spool.delivered(&path).unwrap();
        assert_eq!(spool.read(&path).unwrap(), None, "somebody else was faster");
        assert_eq!(spool.waiting().unwrap().len(), 1);
    }

    #[test]
    fn a_torn_or_foreign_file_is_set_aside_under_its_name_and_stays() {
        let (_home, spool) = spool();
        let path = spool.keep(&parcel("an answer", vec![])).unwrap();
        let whole = fs::read(&path).unwrap();
        for bytes in [&whole[..whole.len() - 1], b"", b"something else"] {
            write_atomic(&path, bytes).unwrap();
            assert!(matches!(spool.read(&path), Err(Error::Damaged { .. })), "{bytes:?}");
        }
        let aside = spool.set_aside(&path).unwrap();
        assert_eq!(aside.file_stem(), path.file_stem());
        assert_eq!(fs::read(aside).unwrap(), b"something else");
        assert!(spool.waiting().unwrap().is_empty());
    }

    #[test]
    fn an_answer_that_cannot_be_kept_says_where() {
        let (home, _) = spool();
        let taken = home.path().join("taken");
        write_atomic(&taken, b"a file").unwrap();
        let error = Spool::at(taken.join("spool")).keep(&parcel("x", vec![])).unwrap_err();
        assert!(error.to_string().contains("taken"), "{error}");
    }

    proptest! {
        #[test]
        fn every_answer_comes_back_as_it_was(
            text in ".{0,60}", images in prop::collection::vec(prop::collection::vec(0..=255_u8, 0..90), 0..3),
        ) {
            let (_home, spool) = spool();
            let parcel = parcel(&text, images.into_iter().map(Bytes::from).collect());
            let path = spool.keep(&parcel).unwrap();
            prop_assert_eq!(spool.read(&path).unwrap(), Some(parcel));
        }
    }
}
