//! What this machine must have: disk, open files.

use super::check::Check;
use rustix::process::{Resource, getrlimit};
use std::path::Path;

/// Free bytes below which a night's work may not fit.
const DISK_FREE_WARN: u64 = 1 << 30;
/// Free bytes below which hardly anything fits.
const DISK_FREE_FAIL: u64 = 100 << 20;
/// Open files a worker with its connections needs.
const FILES_MIN: u64 = 1024;

/// Room for pictures, results and logs.
pub(super) fn disk(data: &Path) -> Check {
    let nearest = data.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    let nearest = if nearest.as_os_str().is_empty() { Path::new(".") } else { nearest };
    match rustix::fs::statvfs(nearest) {
        Ok(room) => room_on(nearest, room.f_bavail.saturating_mul(room.f_frsize)),
        Err(error) => {
            let message = format!("{} cannot be looked at: {error}", nearest.display());
            Check::fail("disk", message, "name another folder with --data")
        }
    }
}

fn room_on(folder: &Path, free: u64) -> Check {
    let message = format!("{} MiB free under {}", free >> 20, folder.display());
    match free {
        0..DISK_FREE_FAIL => Check::fail("disk", message, "make room, or use --data"),
        DISK_FREE_FAIL..DISK_FREE_WARN => Check::warn("disk", message, "make room, or use --data"),
        DISK_FREE_WARN.. => Check::ok("disk", message),
    }
}

/// Room for connections.
pub(super) fn open_files() -> Check {
    match getrlimit(Resource::Nofile).current {
        Some(limit) if limit < FILES_MIN => Check::warn(
            "files",
            format!("only {limit} files may be open at once"),
            "ulimit -n 4096",
        ),
        Some(limit) => Check::ok("files", format!("{limit} files may be open at once")),
        None => Check::ok("files", "no limit on open files"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::commands::doctor::check::Verdict;

    #[test]
    fn little_room_is_a_warning_and_hardly_any_a_failure() {
        let verdict = |free| room_on(Path::new("/d"), free).status;
        assert_eq!(verdict(50 << 20), Verdict::Fail);
        assert_eq!(verdict(500 << 20), Verdict::Warn);
        assert_eq!(verdict(5 << 30), Verdict::Ok);
    }
}
