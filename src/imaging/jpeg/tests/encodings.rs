//! Encodings made on the spot, of every sampling and size, against a second decoder.

use super::{planes_at, theirs};
use crate::imaging::Error;
use image::{Rgb, RgbImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use proptest::prelude::*;

const SAMPLINGS: [SamplingFactor; 7] = [
    SamplingFactor::F_1_1,
    SamplingFactor::F_2_1,
    SamplingFactor::F_1_2,
    SamplingFactor::F_2_2,
    SamplingFactor::F_4_1,
    SamplingFactor::F_4_2,
    SamplingFactor::F_1_4,
];

/// Soft colours, so that nothing is clipped and brightness can be told from red, green and blue.
fn soft(width: u32, height: u32, seed: u32) -> RgbImage {
    let mut state = seed;
    RgbImage::from_fn(width, height, |x, y| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let grain = state >> 27;
        Rgb([90 + (x * 2 % 50 + grain) as u8, 100 + (y * 3 % 40 + grain) as u8, 110 + grain as u8])
    })
}

#[derive(Debug, Clone)]
struct Encoding {
    size: (u16, u16),
    sampling: usize,
    quality: u8,
    progressive_scans: Option<u8>,
    restart_interval: u16,
    /// With this the encoder writes a scan for each component.
    optimised: bool,
    seed: u32,
}

impl Encoding {
    fn file(&self) -> Vec<u8> {
        let (width, height) = self.size;
        let picture = soft(width.into(), height.into(), self.seed);
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, self.quality);
        encoder.set_sampling_factor(SAMPLINGS[self.sampling]);
        encoder.set_optimized_huffman_tables(self.optimised);
        encoder.set_restart_interval(self.restart_interval);
        if let Some(scans) = self.progressive_scans {
            encoder.set_progressive_scans(scans);
        }
        encoder.encode(picture.as_raw(), width, height, ColorType::Rgb).unwrap();
        bytes
    }
}

fn encodings() -> impl Strategy<Value = Encoding> {
    // With more than 33 the encoder writes scans of nothing.
    let scans = prop::option::of(2_u8..=33);
    (
        (1_u16..=40, 1_u16..=40),
        0..SAMPLINGS.len(),
        30_u8..=100,
        scans,
        prop::sample::select(vec![0_u16, 1, 2, 3, 7]),
        any::<bool>(),
        any::<u32>(),
    )
        .prop_map(
            |(size, sampling, quality, progressive_scans, restart_interval, optimised, seed)| {
                // With both, the encoder writes files that libjpeg finds corrupt as well.
                let restart_interval = if optimised { 0 } else { restart_interval };
                Encoding {
                    size,
                    sampling,
                    quality,
                    progressive_scans,
                    restart_interval,
                    optimised,
                    seed,
                }
            },
        )
}

/// Brightness and the two differences of a pixel, as JPEG makes them.
fn ycbcr(Rgb(pixel): Rgb<u8>) -> [f64; 3] {
    let [red, green, blue] = pixel.map(f64::from);
    let luma = 0.299 * red + 0.587 * green + 0.114 * blue;
    [luma, 128.0 + (blue - luma) / 1.772, 128.0 + (red - luma) / 1.402]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn any_encoding_decodes_as_another_decoder_has_it(encoding in encodings()) {
        let file = encoding.file();
        let (frame, planes) = planes_at(&file, 8)?;
        let other = theirs(&file).into_rgb8();
        prop_assert_eq!(other.dimensions(), (frame.width, frame.height));
        let luma = &planes.components[0];
        let mut means = [0.0; 3];
        for (x, y, pixel) in other.enumerate_pixels() {
            let theirs = ycbcr(*pixel);
            let ours = luma.samples[(y * luma.width + x) as usize];
            prop_assert!((f64::from(ours) - theirs[0]).abs() <= 4.0, "{x},{y}: {ours}, {theirs:?}");
            for (mean, value) in means.iter_mut().zip(theirs) {
                *mean += value / f64::from(frame.width * frame.height);
            }
        }
        // Each decoder enlarges colour in its own way, but to the same mean.
        for (plane, mean) in planes.components.iter().zip(means) {
            let (width, height) = (plane.field.0.ceil() as u32, plane.field.1.ceil() as u32);
            let samples = (0..height).flat_map(|y| (0..width).map(move |x| (y * plane.width + x) as usize));
            let sum: f64 = samples.map(|at| f64::from(plane.samples[at])).sum();
            let ours = sum / f64::from(width * height);
            prop_assert!((ours - mean).abs() <= 6.0, "{ours} for {mean}");
        }
    }

    #[test]
    fn an_encoding_without_its_last_bytes_is_refused(
        mut encoding in encodings(), part in 1_usize..=9,
    ) {
        // So large that the last scan is more than a few bytes and their padding.
        encoding.size = (encoding.size.0 + 40, encoding.size.1 + 40);
        encoding.quality = encoding.quality.max(75);
        encoding.progressive_scans = encoding.progressive_scans.map(|_| 3);
        let file = encoding.file();
        let scan = memchr::memmem::rfind(&file, &[0xFF, 0xDA]).unwrap();
        let header_end = scan + 2 + usize::from(file[scan + 3]);
        let data = file.len() - header_end - 2;
        prop_assume!(data >= 20);
        let mut cut = file[..header_end + data * part / 20].to_vec();
        while cut.last() == Some(&0xFF) {
            cut.pop();
        }
        cut.extend([0xFF, 0xD9]);
        let verdict: Result<_, Error> = match crate::imaging::jpeg::Header::read(&cut, 0) {
            Ok(_) => planes_at(&cut, 8).map(|_| ()),
            Err(error) => Err(error),
        };
        prop_assert!(verdict.is_err());
    }
}
