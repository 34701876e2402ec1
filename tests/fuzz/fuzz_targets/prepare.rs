//! Any bytes: an error, or a picture within the limits that can be prepared again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tableround::imaging::{Limits, prepare};

fuzz_target!(|input: &[u8]| {
    let limits = Limits {
        width_max: 64,
        height_max: 48,
        bytes_max: 20_000,
        input_pixels_max: 4_000_000,
        ..Limits::default()
    };
    if let Ok(prepared) = prepare(input, &limits) {
        assert!((1..=64).contains(&prepared.width) && (1..=48).contains(&prepared.height));
        assert!(prepared.bytes.len() <= 20_000);
        let again = prepare(&prepared.bytes, &limits).expect("what comes out may go in");
        assert_eq!((again.width, again.height), (prepared.width, prepared.height));
    }
});
