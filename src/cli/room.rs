//! Whether a set of pictures fits into its home, asked before the first of them is queued.

use super::inputs::Input;
use super::intake::read;
use crate::blobs::{self, Blobs};
use crate::domain::spec::Spec;
use crate::imaging::{self, Limits};
use crate::worker::pictures;
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Pictures measured between two looks at the sum.
const CHUNK: usize = 64;

/// Refuses a set that will not fit, as [`blobs::Error::Full`]. Where it fits even if every picture
/// becomes as large as a picture may, none is looked at; otherwise each is prepared once only to
/// be measured.
pub async fn check(spec: &Arc<Spec>, blobs: &Blobs, inputs: &[Input]) -> Result<(), blobs::Error> {
    let (spec, blobs, inputs) = (Arc::clone(spec), blobs.clone(), inputs.to_vec());
    let check = move || fits(&pictures::limits(&spec.picture), &blobs, &inputs);
    tokio::task::spawn_blocking(check).await.expect("measuring does not panic")
}

fn fits(limits: &Limits, blobs: &Blobs, inputs: &[Input]) -> Result<(), blobs::Error> {
    let Some(room) = blobs.room()? else { return Ok(()) };
    let at_most = (limits.bytes_max as u64).saturating_mul(inputs.len() as u64);
    if at_most <= room.bytes {
        return Ok(());
    }
    let mut counted = BTreeSet::new();
    let mut bytes = 0;
    for chunk in inputs.chunks(CHUNK) {
        let sizes: Vec<_> = chunk.par_iter().filter_map(|input| size(input, limits)).collect();
        for (digest, size) in sizes {
            if counted.insert(digest.clone()) && !blobs.has(&digest)? {
                bytes += size;
            }
        }
        if bytes > room.bytes {
            return Err(blobs::Error::Full { bytes, room });
        }
    }
    Ok(())
}

/// What is sent of a picture, by digest and bytes; none of what will be refused.
fn size(input: &Input, limits: &Limits) -> Option<(String, u64)> {
    let bytes = read(input, limits.input_bytes_max).ok()?;
    let (_, facts) = pictures::facts(imaging::prepare(&bytes, limits).ok()?);
    Some((facts.sha256, facts.bytes))
}
