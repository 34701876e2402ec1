//! Blobs in a folder: `ROOT/ab/abcdef…`.

use super::atomic::sync_folder;
use super::{Error, Result, check_digest, digest, write_atomic};
use bytes::Bytes;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

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
        match fs::read(&path) {
            // Whoever wrote it may have died before the name was durable.
            Ok(found) if found == bytes => path.parent().map_or(Ok(()), sync_folder)?,
            Ok(_) | Err(_) => write_atomic(&path, bytes)?,
        }
        Ok(digest)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blobs::{Blobs, DIGITS};
    use proptest::prelude::*;

    fn blobs() -> (tempfile::TempDir, Blobs) {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::dir(&folder.path().join("images"));
        (folder, blobs)
    }

    /// The only file below a folder.
    fn only_file(folder: &Path) -> PathBuf {
        let mut path = folder.to_owned();
        while path.is_dir() {
            let mut entries = fs::read_dir(&path).unwrap();
            path = entries.next().unwrap().unwrap().path();
            assert!(entries.next().is_none());
        }
        path
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
