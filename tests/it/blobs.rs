//! What every home of blobs promises, tried on each.

use crate::support::redis::RedisServer;
use crate::support::s3_server::{BUCKET, S3Server, variables};
use std::any::Any;
use std::sync::mpsc;
use std::time::{Duration, Instant};
use tableround::blobs::{Blobs, Error, Limit, Listed, PATIENCE, Room, Trouble, digest};
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
    if let Some(server) = S3Server::start() {
        homes.push((in_bucket(&server, BUCKET), Box::new(server)));
    }
    homes
}

/// Some folder of a bucket.
fn in_bucket(server: &S3Server, bucket: &str) -> Blobs {
    Blobs::objects(&format!("s3://{bucket}/a/b"), &server.variables(), PATIENCE).unwrap()
}

fn room(blobs: &Blobs) -> u64 {
    blobs.room().unwrap().unwrap().bytes
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
fn a_sweep_begins_when_nobody_holds_and_leaves_what_is_put_meanwhile() {
    for (blobs, _home) in homes() {
        if matches!(blobs, Blobs::Objects(_)) {
            // A bucket is never swept.
            let name = blobs.put(b"x").unwrap();
            assert!(!blobs.begin_sweep().unwrap().remove(&name, Duration::ZERO).unwrap());
            continue;
        }
        let [old, again] = ["old", "again"].map(|text| blobs.put(text.as_bytes()).unwrap());
        let hold = blobs.hold().unwrap();
        let (began, has_begun) = mpsc::channel();
        let sweeper = blobs.clone();
        let sweeping = std::thread::spawn(move || {
            let sweep = sweeper.begin_sweep().unwrap();
            began.send(()).unwrap();
            sweep
        });
        let early = has_begun.recv_timeout(Duration::from_millis(300));
        assert!(early.is_err(), "somebody is about to refer to what was put");
        hold.release();
        let sweep = sweeping.join().unwrap();
        assert_eq!(blobs.put(b"again").unwrap(), again);
        assert!(sweep.remove(&old, Duration::ZERO).unwrap());
        assert!(!sweep.remove(&again, Duration::ZERO).unwrap(), "it was put again");
        let left = sweep.list().unwrap();
        assert_eq!(left, [Listed { name: again, bytes: 5 }]);
        assert!(matches!(blobs.get(&old), Err(Error::Missing(_))));
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
        let Some(free) = blobs.room().unwrap() else { continue };
        assert_eq!(free, Room { bytes: 2_500_000, limit: Limit::Cap { cap_bytes: 2_500_000 } });
        let first = blobs.put(&large(1)).unwrap();
        blobs.put(&large(1)).unwrap();
        blobs.put(&large(2)).unwrap();
        assert_eq!(room(&blobs), 100_000);
        let error = blobs.put(&large(3)).unwrap_err();
        assert!(matches!(error, Error::Full { bytes: 1_200_000, .. }), "{error}");
        assert!(error.hint().contains("--by-path"), "{error}");
        blobs.put(&vec![7; 100_000]).unwrap();
        assert_eq!(room(&blobs), 0);
        blobs.remove(&first).unwrap();
        blobs.put(&large(3)).unwrap();
        assert_eq!(room(&blobs), 0);
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

#[test]
fn a_server_with_little_memory_has_less_room_than_its_cap() {
    let Some(server) = RedisServer::start() else { return };
    let address = Server::at(&server.url()).unwrap();
    let blobs = Blobs::redis(address, "tableround", 1 << 30);
    let mut set = redis::cmd("CONFIG");
    set.arg("SET").arg("maxmemory").arg(20 << 20).query::<()>(&mut server.connection()).unwrap();
    let free = blobs.room().unwrap().unwrap();
    assert_eq!(free.limit, Limit::Memory { memory_bytes_max: 20 << 20 });
    assert!(free.bytes < 18 << 20, "{free:?}");
}

#[test]
fn a_bucket_has_each_blob_once() {
    let Some(server) = S3Server::start() else { return };
    let blobs = in_bucket(&server, BUCKET);
    let name = blobs.put(&large(1)).unwrap();
    let elsewhere = in_bucket(&server, BUCKET);
    assert_eq!(elsewhere.put(&large(1)).unwrap(), name);
    assert_eq!(server.listing(), [format!("a/b/{name}")]);
    assert_eq!(elsewhere.get(&name).unwrap(), large(1));
}

#[test]
fn a_bucket_that_is_not_there_and_one_that_is_shut_are_told_apart() {
    let Some(server) = S3Server::start() else { return };
    let error = in_bucket(&server, "nobodys").put(b"x").unwrap_err();
    assert!(matches!(error, Error::Objects { trouble: Trouble::NoBucket, .. }), "{error:?}");
    let error = in_bucket(&server, "nobodys").get(&digest(b"x")).unwrap_err();
    assert!(matches!(error, Error::Objects { trouble: Trouble::NoBucket, .. }), "{error:?}");
    drop(server);
    let Some(server) = S3Server::start_suspicious() else { return };
    let error = in_bucket(&server, BUCKET).put(b"x").unwrap_err();
    assert!(matches!(error, Error::Objects { trouble: Trouble::Denied, .. }), "{error:?}");
    assert!(error.hint().contains("AWS_ACCESS_KEY_ID"), "{error:?}");
}

#[test]
fn a_store_that_is_away_is_tried_until_the_patience_is_over() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let patience = Duration::from_millis(600);
    let variables = variables(&format!("http://{nobody}"));
    let blobs = Blobs::objects("s3://pictures", &variables, patience).unwrap();
    let began = Instant::now();
    let error = blobs.put(b"x").unwrap_err();
    assert!(matches!(error, Error::Objects { trouble: Trouble::Away, .. }), "{error:?}");
    assert!(error.hint().contains("AWS_ENDPOINT"), "{error:?}");
    assert!(began.elapsed() > Duration::from_millis(100), "it was tried again");
    assert!(began.elapsed() < Duration::from_secs(20), "and not for ever");
}
