//! What every home of blobs promises, tried on each.

use crate::support::redis::RedisServer;
use std::any::Any;
use tableround::blobs::{Blobs, Error, digest};
use tableround::redis_server::Server;

/// The largest blob here: more than two pieces of 512 KiB.
const LARGE: usize = 1_200_000;

/// Homes with room for two large blobs and a little more, where they are limited.
fn homes() -> Vec<(Blobs, Box<dyn Any>)> {
    let folder = tempfile::tempdir().unwrap();
    let dir = Blobs::dir(folder.path());
    let mut homes: Vec<(Blobs, Box<dyn Any>)> = vec![(dir, Box::new(folder))];
    if let Some(server) = RedisServer::start() {
        let address = Server::at(&server.url()).unwrap();
        homes.push((Blobs::redis(address, "tableround", 2_500_000), Box::new(server)));
    }
    homes
}

fn large(fill: u8) -> Vec<u8> {
    (0..LARGE).map(|n| u8::try_from(n % 251).unwrap() ^ fill).collect()
}

#[test]
fn every_size_comes_back_under_its_digest() {
    for (blobs, _home) in homes() {
        let pieces = [0, 1, 512 * 1024 - 1, 512 * 1024, 512 * 1024 + 1];
        for bytes in pieces.map(|length| large(9)[..length].to_vec()) {
            let name = blobs.put(&bytes).unwrap();
            assert_eq!(name, digest(&bytes));
            assert!(blobs.has(&name).unwrap());
            assert_eq!(blobs.put(&bytes).unwrap(), name, "putting it again changes nothing");
            assert_eq!(blobs.get(&name).unwrap(), bytes, "{} bytes", bytes.len());
            blobs.remove(&name).unwrap();
            blobs.remove(&name).unwrap();
            assert!(!blobs.has(&name).unwrap());
            assert!(matches!(blobs.get(&name), Err(Error::Missing(missing)) if missing == name));
        }
    }
}

#[test]
fn a_name_that_is_no_digest_is_refused() {
    for (blobs, _home) in homes() {
        for name in ["", "../../etc/passwd", "图片", &"A".repeat(64)] {
            assert!(matches!(blobs.get(name), Err(Error::NotADigest(_))), "{name}");
            assert!(matches!(blobs.has(name), Err(Error::NotADigest(_))), "{name}");
            assert!(matches!(blobs.remove(name), Err(Error::NotADigest(_))), "{name}");
        }
    }
}

#[test]
fn redis_holds_no_more_than_its_cap_and_counts_each_blob_once() {
    for (blobs, _home) in homes() {
        let Some(room) = blobs.room().unwrap() else { continue };
        assert_eq!(room, 2_500_000);
        let first = blobs.put(&large(1)).unwrap();
        blobs.put(&large(1)).unwrap();
        blobs.put(&large(2)).unwrap();
        assert_eq!(blobs.room().unwrap(), Some(100_000));
        let error = blobs.put(&large(3)).unwrap_err();
        assert!(matches!(error, Error::Full { bytes: 1_200_000, .. }), "{error}");
        assert!(error.to_string().contains("--by-path"), "{error}");
        blobs.put(&vec![7; 100_000]).unwrap();
        assert_eq!(blobs.room().unwrap(), Some(0));
        blobs.remove(&first).unwrap();
        blobs.put(&large(3)).unwrap();
        assert_eq!(blobs.room().unwrap(), Some(0));
    }
}

#[test]
fn a_restarted_server_still_has_what_was_put() {
    let Some(mut server) = RedisServer::start() else { return };
    let address = Server::at(&server.url()).unwrap();
    let blobs = Blobs::redis(address, "tableround", 2_500_000);
    let name = blobs.put(&large(1)).unwrap();
    server.restart();
    assert_eq!(blobs.get(&name).unwrap(), large(1));
}
