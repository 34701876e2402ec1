//! Where the file may be.

use crate::blobs;
use crate::ledger::{Error, Result};
use std::path::Path;

/// Creates the folders above the file and refuses those on a network file system.
pub(super) fn prepare(path: &Path) -> Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    let unreachable = |source| Error::Unreachable { place: path.display().to_string(), source };
    blobs::create_folders(folder).map_err(|error| unreachable(error.into()))?;
    match network_file_system(folder) {
        Some(name) => Err(unreachable(
            format!(
                "{} is on a network file system ({name}), where locks cannot be trusted: keep the \
                 ledger on a local disk, or use Redis for several machines",
                folder.display()
            )
            .into(),
        )),
        None => Ok(()),
    }
}

/// The network file system a folder is on, where that can be told.
#[cfg(target_os = "linux")]
fn network_file_system(folder: &Path) -> Option<&'static str> {
    // A folder that cannot be asked will say why when the file is opened.
    let stat = rustix::fs::statfs(folder).ok()?;
    network_name(u32::try_from(stat.f_type).ok()?)
}

#[cfg(not(target_os = "linux"))]
fn network_file_system(_folder: &Path) -> Option<&'static str> {
    None
}

/// By the magic numbers of Linux's `statfs(2)`. FUSE is not among them: most of it is local.
#[cfg(target_os = "linux")]
fn network_name(magic: u32) -> Option<&'static str> {
    match magic {
        0x0000_6969 => Some("NFS"),
        0x0000_517B | 0xFE53_4D42 | 0xFF53_4D42 => Some("SMB"),
        0x0102_1997 => Some("9p"),
        0x5346_414F => Some("AFS"),
        0x00C3_6400 => Some("Ceph"),
        _ => None,
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_told_from_local_ones() {
        let ext4 = 0xEF53;
        let fuse = 0x6573_5546;
        assert_eq!(network_name(0x6969), Some("NFS"));
        assert_eq!(network_name(0xFF53_4D42), Some("SMB"));
        assert_eq!(network_name(ext4), None);
        assert_eq!(network_name(fuse), None);
    }
}
