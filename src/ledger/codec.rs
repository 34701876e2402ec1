//! How a value is stored: one byte of version, one that tells plain from zstd, then JSON.

use super::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

const VERSION: u8 = 1;
const PLAIN: u8 = 0;
const ZSTD: u8 = 1;
/// Longer JSON is compressed.
const PLAIN_BYTES_MAX: usize = 1024;
/// Above 3 the texts of a discussion get hardly smaller and writing gets slower.
const LEVEL: i32 = 3;

/// The bytes to store for a value.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    encode_above(PLAIN_BYTES_MAX, value)
}

/// The same in as few bytes as can be, for what is kept long and seldom read.
pub fn encode_tightly<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    encode_above(0, value)
}

fn encode_above<T: Serialize>(plain_bytes_max: usize, value: &T) -> Result<Vec<u8>> {
    let json = serde_json::to_vec(value).map_err(|error| Error::Store(error.into()))?;
    let (kind, body) = if json.len() > plain_bytes_max {
        let packed = zstd::bulk::compress(&json, LEVEL);
        (ZSTD, packed.map_err(|error| Error::Store(error.into()))?)
    } else {
        (PLAIN, json)
    };
    let mut bytes = Vec::with_capacity(body.len() + 2);
    bytes.extend([VERSION, kind]);
    bytes.extend(body);
    Ok(bytes)
}

/// The value that was stored as these bytes.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let unreadable = |why: String| Error::Corrupt(format!("a stored value: {why}"));
    let json = match bytes {
        [VERSION, PLAIN, json @ ..] => json.to_vec(),
        [VERSION, ZSTD, packed @ ..] => {
            zstd::decode_all(packed).map_err(|error| unreadable(error.to_string()))?
        }
        [version, kind, ..] => return Err(unreadable(format!("kind {version}.{kind}"))),
        [] | [_] => return Err(unreadable("it is cut off".to_owned())),
    };
    serde_json::from_slice(&json).map_err(|error| unreadable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_value_above_one_kib_is_compressed_and_a_smaller_one_can_be_read_in_the_file() {
        let check = |chars: usize, kind: u8| {
            let bytes = encode(&"讨".repeat(chars)).unwrap();
            assert_eq!(bytes[..2], [VERSION, kind], "{chars}");
        };
        check(340, PLAIN);
        check(341, ZSTD);
        let long = encode(&"a".repeat(100_000)).unwrap();
        assert!(long.len() < 1000, "{}", long.len());
    }

    #[test]
    fn what_cannot_be_read_is_called_corrupt() {
        let mut cut = encode(&"a".repeat(5000)).unwrap();
        cut.truncate(12);
        for bytes in [&[][..], &[1], &[9, 0, b'1'], &[1, 7, b'1'], &[1, 0, b'{'], &cut] {
            let error = decode::<String>(bytes).unwrap_err();
            assert!(matches!(error, Error::Corrupt(_)), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn every_value_survives_a_round_trip(texts in prop::collection::vec(".{0,400}", 0..9)) {
            let bytes = encode(&texts).unwrap();
            prop_assert_eq!(&decode::<Vec<String>>(&bytes).unwrap(), &texts);
            let bytes = encode_tightly(&texts).unwrap();
            prop_assert_eq!(decode::<Vec<String>>(&bytes).unwrap(), texts);
        }
    }
}
