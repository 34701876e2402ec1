//! The token of a lease.

use super::{Error, Result};

/// 128 random bits in hex.
pub(super) fn random() -> Result<String> {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits).map_err(|error| Error::Store(error.to_string().into()))?;
    Ok(hex::encode(bits))
}
