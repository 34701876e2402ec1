//! Stopping softly, then hard.

use tokio_util::sync::CancellationToken;

/// Three steps: stop claiming and asking; hang up on running calls; leave (the caller's).
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    /// No new job, no new call; running calls go on.
    pub stop: CancellationToken,
    /// Running calls are cut off and leases given back.
    pub hang_up: CancellationToken,
}
