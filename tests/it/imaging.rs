//! Pictures, from outside: what comes out of `prepare` and of `tableround compress`.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "sides, lengths and levels of small pictures"
)]

mod compress;
mod hostile;
mod lossless;
mod memory;
mod output;
mod second_opinion;

use image::{DynamicImage, GrayImage, ImageFormat, RgbImage};
use std::io::Cursor;
use std::path::{Path, PathBuf};
use tableround::imaging::{Limits, Mime, Prepared, prepare};

/// A committed picture.
fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap()
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/images").join(name)
}

fn prepared(input: &[u8]) -> Prepared {
    prepare(input, &Limits::default()).unwrap()
}

fn within(side: u32) -> Limits {
    Limits { width_max: side, height_max: side, ..Limits::default() }
}

/// What was prepared, read by decoders that had no part in making it.
fn read_back(prepared: &Prepared) -> DynamicImage {
    match prepared.mime {
        Mime::Png => {
            image::load_from_memory_with_format(&prepared.bytes, ImageFormat::Png).unwrap()
        }
        Mime::Jpeg => jpeg(&prepared.bytes),
    }
}

/// A JPEG as the `jpeg-decoder` crate has it.
fn jpeg(bytes: &[u8]) -> DynamicImage {
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    let pixels = decoder.decode().unwrap();
    let info = decoder.info().unwrap();
    let (width, height) = (info.width.into(), info.height.into());
    match info.pixel_format {
        jpeg_decoder::PixelFormat::L8 => GrayImage::from_raw(width, height, pixels).unwrap().into(),
        jpeg_decoder::PixelFormat::RGB24 => {
            RgbImage::from_raw(width, height, pixels).unwrap().into()
        }
        other => panic!("{other:?} is nothing we send"),
    }
}

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// Whether any of `words` is in `bytes`.
fn found<'a>(bytes: &[u8], words: &[&'a str]) -> Option<&'a str> {
    let is_in = |word: &&&str| memchr::memmem::find(bytes, word.as_bytes()).is_some();
    words.iter().find(is_in).copied()
}
