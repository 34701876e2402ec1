//! What holds of any bytes, whatever format they begin like.

use tableround::imaging::{Format, Limits, prepare, sniff};

/// Prepares `input` if it begins like a `format`: an error, or a picture within the limits that
/// can be prepared again. A panic in the library ends the fuzzer even though `prepare` would
/// catch it.
pub fn prepares(input: &[u8], format: Format) {
    if sniff(input) != Some(format) {
        return;
    }
    let limits = Limits {
        width_max: 64,
        height_max: 48,
        bytes_max: 20_000,
        input_pixels_max: 1_000_000,
        ..Limits::default()
    };
    if let Ok(prepared) = prepare(input, &limits) {
        assert!((1..=64).contains(&prepared.width) && (1..=48).contains(&prepared.height));
        assert!(prepared.bytes.len() <= 20_000);
        let again = prepare(&prepared.bytes, &limits).expect("what comes out may go in");
        assert_eq!((again.width, again.height), (prepared.width, prepared.height));
        assert_eq!(again.bytes, prepared.bytes, "what is as it should be is left as it is");
    }
}
