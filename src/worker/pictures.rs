//! The seam between the spec's words about pictures and `imaging`'s.

use crate::domain::result::Picture;
use crate::domain::spec::PictureLimits;
use crate::imaging::{Limits, Prepared};
use bytes::Bytes;

/// The limits of a spec, with the program's own safety limits on input.
pub fn limits(limits: &PictureLimits) -> Limits {
    Limits {
        width_max: limits.width_max,
        height_max: limits.height_max,
        bytes_max: usize::try_from(limits.bytes_max).unwrap_or(usize::MAX),
        jpeg_quality: limits.jpeg_quality,
        ..Limits::default()
    }
}

/// A prepared picture's bytes, and what the result says of it.
pub fn facts(prepared: Prepared) -> (Bytes, Picture) {
    let facts = Picture {
        sha256: hex::encode(prepared.sha256),
        width: prepared.width,
        height: prepared.height,
        mime: prepared.mime.as_str().to_owned(),
        bytes: prepared.bytes.len() as u64,
    };
    (Bytes::from(prepared.bytes), facts)
}
