//! A good picture with any EXIF block and any colour profile: it is never refused for them, and
//! neither comes out.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tableround::imaging::{Limits, prepare};

const PICTURE: &[u8] = include_bytes!("../../fixtures/images/jpeg_444.jpg");

fuzz_target!(|input: &[u8]| {
    let input = &input[..input.len().min(60_000)];
    let (exif, icc) = input.split_at(input.len() / 2);
    let mut file = PICTURE[..2].to_vec();
    push_segment(&mut file, 0xE1, &[b"Exif\0\0", exif].concat());
    push_segment(&mut file, 0xE2, &[b"ICC_PROFILE\0\x01\x01", icc].concat());
    file.extend_from_slice(&PICTURE[2..]);
    let prepared = prepare(&file, &Limits::default()).expect("a good picture");
    let holds = |tag: &[u8]| prepared.bytes.windows(tag.len()).any(|window| window == tag);
    assert!(!holds(b"Exif\0\0") && !holds(b"ICC_PROFILE\0"));
});

fn push_segment(file: &mut Vec<u8>, marker: u8, payload: &[u8]) {
    let length = u16::try_from(payload.len() + 2).expect("cut before");
    file.extend([0xFF, marker]);
    file.extend(length.to_be_bytes());
    file.extend_from_slice(payload);
}
