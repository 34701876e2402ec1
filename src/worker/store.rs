//! What lies in the blobs as JSON under zstd: frozen specs and finished results.

use crate::blobs::{self, Blobs};
use crate::domain::spec::Spec;
use crate::journal::Passing;
use crate::ledger::Batch;
use crate::prompt::pack::{self, Pack};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

/// Level 3 is zstd's own default: results are a few dozen KiB.
const LEVEL: i32 = 3;

/// What keeps a document from being read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Blobs(#[from] blobs::Error),
    #[error("the batch's own prompts cannot be used")]
    Pack(#[from] pack::Error),
    #[error("a stored document cannot be unpacked")]
    Unpack(#[from] std::io::Error),
    #[error("a stored document cannot be read; another version may have written it")]
    Read(#[from] serde_json::Error),
}

impl Passing for Error {
    fn may_pass(&self) -> bool {
        match self {
            Self::Blobs(error) => error.may_pass(),
            Self::Pack(_) | Self::Unpack(_) | Self::Read(_) => false,
        }
    }
}

/// The bytes of a document.
pub fn encode<T: Serialize>(document: &T) -> Result<Vec<u8>, Error> {
    Ok(zstd::bulk::compress(&serde_json::to_vec(document)?, LEVEL)?)
}

/// A document out of its bytes.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    Ok(serde_json::from_slice(&zstd::decode_all(bytes)?)?)
}

/// A batch with its frozen spec, ready for work.
#[derive(Debug)]
pub struct Frozen {
    pub batch: Batch,
    pub spec: Spec,
    /// The spec's own prompts, compiled.
    pub pack: Pack,
    /// SHA-256 over the prompts, hex.
    pub prompts_sha256: String,
}

impl Frozen {
    /// Thaws the spec of a batch out of the blobs.
    pub fn read(batch: Batch, blobs: &Blobs) -> Result<Self, Error> {
        let spec: Spec = decode(&blobs.get(&batch.spec)?)?;
        let pack = Pack::new(spec.prompts.clone())?;
        let mut digest = Sha256::new();
        for (name, text) in &spec.prompts {
            for part in [name, text] {
                digest.update((part.len() as u64).to_be_bytes());
                digest.update(part);
            }
        }
        Ok(Self { batch, spec, pack, prompts_sha256: hex::encode(digest.finalize()) })
    }
}
