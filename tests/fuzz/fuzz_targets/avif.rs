#![no_main]

use libfuzzer_sys::fuzz_target;
use tableround::imaging::Format;

fuzz_target!(|input: &[u8]| tableround_fuzz::prepares(input, Format::Avif));
