//! Draws the pictures in `samples/`: `cargo run --example generate-samples`.
//!
//! Drawn rather than photographed, so that they are small, ours, and the same bytes on every
//! machine; each in another format and with something in it worth a discussion.

#![expect(clippy::unreadable_literal, reason = "a colour is written as six digits")]

mod canvas;
mod files;
mod motifs;
mod shape;

use std::path::{Path, PathBuf};

/// The name of each sample and its bytes.
fn samples() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("butterfly.png", files::png(motifs::butterfly::draw().picture())),
        ("koi-pond.webp", files::webp(motifs::koi_pond::draw().picture())),
        ("lantern.png", files::png(motifs::lantern::draw().picture())),
        ("lighthouse.jpg", files::jpeg(motifs::lighthouse::draw().picture())),
        ("quilt.bmp", files::bmp(&motifs::quilt::draw().picture())),
        ("street.gif", files::gif(&motifs::street::draw().picture())),
        ("teapot.jpg", files::jpeg_lying_on_its_side(&motifs::teapot::draw().picture())),
    ]
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples")
}

#[expect(clippy::disallowed_methods, reason = "run by hand; a half-written sample is drawn again")]
fn main() -> std::io::Result<()> {
    for (name, bytes) in samples() {
        std::fs::write(folder().join(name), bytes)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_samples_are_what_is_drawn() {
        for (name, bytes) in samples() {
            let committed = std::fs::read(folder().join(name)).expect(name);
            assert!(committed == bytes, "{name} differs: run the example `generate-samples`");
            assert!(bytes.len() <= 150_000, "{name} has {} bytes", bytes.len());
        }
    }

    #[test]
    fn the_folder_holds_the_samples_and_nothing_else() {
        let entries = std::fs::read_dir(folder()).expect("the folder");
        let mut found: Vec<_> = entries.map(|entry| entry.expect("an entry").file_name()).collect();
        found.sort();
        let expected: Vec<_> = samples().into_iter().map(|(name, _)| name).collect();
        assert_eq!(found, expected);
    }
}
