//! The memory that many large pictures take together, measured from outside.

use crate::support::program::{put, tableround};
use image::{ImageFormat, Rgb, RgbImage};
use jpeg_encoder::{Encoder, ImageBuffer, JpegColorType, SamplingFactor};
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

/// The pixel budget of 100 megapixels at four bytes each, and 150 MB for everything else.
const BYTES_MAX: u64 = 400_000_000 + 150_000_000;

/// A hundred megapixels that need not be held to be written.
struct Slope;

const SIDE: u16 = 10_000;

impl ImageBuffer for Slope {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        JpegColorType::Ycbcr
    }

    fn width(&self) -> u16 {
        SIDE
    }

    fn height(&self) -> u16 {
        SIDE
    }

    fn fill_buffers(&self, y: u16, buffers: &mut [Vec<u8>; 4]) {
        for (band, buffer) in buffers.iter_mut().take(3).enumerate() {
            buffer
                .extend(std::iter::repeat_n((usize::from(y) / 40 + band * 30) as u8, SIDE.into()));
        }
    }
}

fn jpeg(path: &Path) {
    let mut encoder = Encoder::new_file(path, 80).unwrap();
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.encode_image(Slope).unwrap();
}

fn png(path: &Path) {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, SIDE.into(), SIDE.into());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Fastest);
    let mut writer = encoder.write_header().unwrap();
    let mut rows = writer.stream_writer().unwrap();
    for y in 0..SIDE {
        rows.write_all(&vec![(y / 40) as u8; usize::from(SIDE) * 3]).unwrap();
    }
    rows.finish().unwrap();
    drop(writer);
    put(path, bytes);
}

/// As large as one may be that has to be decoded whole.
fn webp(path: &Path) {
    let flat = RgbImage::from_pixel(8_000, 8_000, Rgb([90, 120, 60]));
    flat.save_with_format(path, ImageFormat::WebP).unwrap();
}

/// The most memory a process has taken, as Linux counts it.
fn peak_bytes(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

#[expect(clippy::disallowed_methods, reason = "a meter is read; nothing waits for it")]
fn waited_ms(ms: u64) {
    std::thread::sleep(std::time::Duration::from_millis(ms));
}

#[test]
fn eight_threads_with_a_hundred_megapixels_each_stay_within_the_budget() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    jpeg(&here.join("a.jpg"));
    png(&here.join("b.png"));
    webp(&here.join("c.webp"));
    let mut command = tableround(here);
    command.args(["compress", "-j", "8", "-o", "out"]);
    for (number, name) in ["a.jpg", "b.png", "c.webp"].iter().cycle().take(8).enumerate() {
        let link = format!("{number}-{name}");
        std::os::unix::fs::symlink(name, here.join(&link)).unwrap();
        command.arg(link);
    }
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut peak = 0;
    let status = loop {
        peak = peak_bytes(child.id()).unwrap_or(0).max(peak);
        match child.try_wait().unwrap() {
            Some(status) => break status,
            // Often enough: what is looked at only grows.
            None => waited_ms(5),
        }
    };
    assert!(status.success());
    println!(
        "eight pictures of 64 to 100 megapixels on eight threads: {} MB at most",
        peak / 1_000_000
    );
    assert!(peak > 0 && peak <= BYTES_MAX, "{peak} bytes");
}
