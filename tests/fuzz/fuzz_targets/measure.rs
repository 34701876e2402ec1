//! Any bytes: an error, or shares that are shares.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tableround::imaging::{Limits, measure};

fuzz_target!(|input: &[u8]| {
    let limits = Limits { input_pixels_max: 4_000_000, ..Limits::default() };
    if let Ok(found) = measure(input, &limits) {
        assert!(found.palette.iter().map(|swatch| u32::from(swatch.share)).sum::<u32>() <= 1002);
        assert!(found.brightness <= 1000 && found.contrast <= 1000 && found.edges <= 1000);
    }
});
