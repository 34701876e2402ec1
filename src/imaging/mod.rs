//! Pixels: the bytes of a file become the picture that is sent to a model.
//!
//! [`prepare`] tells the format by content, decodes within limits, turns the picture upright,
//! fits it into 800×800 without ever enlarging it, and encodes it as JPEG, or as PNG where
//! pixels are really transparent. An upright JPEG or PNG in sRGB that already fits passes without
//! loss. What a camera wrote beside the picture (place, time, owner) is
//! left behind. A file that is cut short, damaged or lies about itself is refused by name and
//! reason; half a picture never comes out.
//!
//! Pure and deterministic: no files, no network, no clock, no async. Same bytes and limits in,
//! same bytes out.

mod budget;
mod buffer;
mod decode;
mod encode;
mod error;
mod format;
mod heif;
mod jpeg;
mod limits;
mod lossless;
pub mod measure;
mod planar;
mod png;
mod profile;
mod raster;
mod resize;
mod squares;
#[cfg(test)]
mod tests;

pub use budget::{Budget, Share};
pub use error::Error;
pub use format::{Format, sniff};
pub use limits::Limits;
pub use measure::{Measure, measure};

use decode::Opened;
use raster::Raster;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The type of a prepared picture, as it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Mime {
    #[serde(rename = "image/jpeg")]
    Jpeg,
    #[serde(rename = "image/png")]
    Png,
}

impl Mime {
    /// The registered name: `image/jpeg` or `image/png`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
        }
    }

    /// The usual end of a file name, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
        }
    }
}

/// A picture fit to be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Prepared {
    /// The encoded picture, of the type [`Prepared::mime`].
    pub bytes: Vec<u8>,
    pub mime: Mime,
    /// In pixels, upright.
    pub width: u32,
    /// In pixels, upright.
    pub height: u32,
    /// SHA-256 of [`Prepared::bytes`].
    pub sha256: [u8; 32],
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared")
            .field("bytes", &self.bytes.len())
            .field("mime", &self.mime.as_str())
            .field("width", &self.width)
            .field("height", &self.height)
            .field("sha256", &hex::encode(self.sha256))
            .finish()
    }
}

/// Makes the picture in `input` fit to be sent, or says why it cannot be.
///
/// Blocks the thread while other pictures take all the memory that pictures may, so not for an
/// async one.
pub fn prepare(input: &[u8], limits: &Limits) -> Result<Prepared, Error> {
    guarded(input, || {
        let opened = Opened::read(input, limits)?;
        let _room = budget::room(opened.format(), opened.memory_needed(limits))?;
        let encoded = match lossless::pass(input, &opened, limits)? {
            Some(passed) => passed,
            None => encode::encode(Raster::fitted(opened.decode(input, limits)?, limits), limits)?,
        };
        let sha256 = Sha256::digest(&encoded.bytes).into();
        Ok(Prepared {
            bytes: encoded.bytes,
            mime: encoded.mime,
            width: encoded.width,
            height: encoded.height,
            sha256,
        })
    })
}

/// A panic in somebody else's decoder is the misfortune of one file, not of the program.
fn guarded<T>(input: &[u8], work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let reason = "its decoder gave up".to_owned();
        Err(sniff(input).map_or(Error::Empty, |format| Error::Corrupt { format, reason }))
    })
}
