//! Files that are whole or not there, whatever dies in between.

use super::{Error, Result};
use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Temporary files begin with this; one that is left over belonged to a process that was killed.
const TEMPORARY_PREFIX: &str = ".tableround-";

/// Writes a file so that readers see the old bytes or the new ones, never a part, and so that the
/// new ones are on the disk when this returns. Missing folders are created.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = folder_of(path);
    create_folders(folder)?;
    let failed = |source| Error::Io { doing: "write", path: path.to_owned(), source };
    replace(folder, path, bytes).map_err(failed)?;
    sync_folder(folder)
}

/// Creates a folder with all that is missing above it, each durable in its parent.
pub fn create_folders(folder: &Path) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder_of(folder);
    create_folders(parent)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists || !folder.is_dir() => {
            Err(Error::Io { doing: "create the folder", path: folder.to_owned(), source: error })
        }
        Ok(()) | Err(_) => sync_folder(parent),
    }
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> Result<()> {
    let failed = |source| Error::Io { doing: "flush the folder", path: folder.into(), source };
    File::open(folder).and_then(|handle| handle.sync_all()).map_err(failed)
}

/// The folder that holds a file or folder.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    }
}

fn replace(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = tempfile::Builder::new()
        .prefix(TEMPORARY_PREFIX)
        .permissions(ordinary_permissions())
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(PathBuf::from(path))?;
    Ok(())
}

/// As any new file: readable for all whom the umask allows, not for the owner alone.
fn ordinary_permissions() -> Permissions {
    use std::os::unix::fs::PermissionsExt;
    Permissions::from_mode(0o666)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn names(folder: &Path) -> Vec<String> {
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name();
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|e| name(e).into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/result.json");
        write_atomic(&path, b"old and long").unwrap();
        write_atomic(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(path.parent().unwrap()), ["result.json"]);
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode & 0o600, 0o600);
        assert_ne!(mode, 0o600, "an umask of 077 would be unusual in a test");
    }

    #[test]
    fn a_failure_names_the_file_and_leaves_the_folder_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("taken");
        fs::create_dir(&taken).unwrap();
        let error = write_atomic(&taken, b"x").unwrap_err();
        assert!(error.to_string().contains("taken"), "{error}");
        assert_eq!(names(folder.path()), ["taken"]);
        let below_a_file = folder.path().join("taken/file/x");
        write_atomic(&folder.path().join("taken/file"), b"x").unwrap();
        assert!(write_atomic(&below_a_file, b"x").is_err());
    }
}
