//! What kind of picture a file is, told by its content: names lie.

use std::fmt;

/// A kind of picture that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    Jpeg,
    Png,
    Gif,
    WebP,
    Bmp,
    Tiff,
    Heic,
    Avif,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Gif => "GIF",
            Self::WebP => "WebP",
            Self::Bmp => "BMP",
            Self::Tiff => "TIFF",
            Self::Heic => "HEIC",
            Self::Avif => "AVIF",
        })
    }
}

/// The format whose signature `input` begins with.
pub fn sniff(input: &[u8]) -> Option<Format> {
    match input {
        [0xFF, 0xD8, 0xFF, ..] => Some(Format::Jpeg),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => Some(Format::Png),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Format::Gif),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Format::WebP),
        // "BM" alone is how many a text begins; the reserved words of the header are always zero.
        [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..] => Some(Format::Bmp),
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => Some(Format::Tiff),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => sniff_brands(input),
        _ => None,
    }
}

/// Tells by the brands in the first box of an ISO media file what it holds.
fn sniff_brands(input: &[u8]) -> Option<Format> {
    /// More brands than any file lists.
    const BYTES_MAX: usize = 512;
    let length = u32::from_be_bytes(*input.first_chunk()?) as usize;
    let listed = input.get(8..length.min(BYTES_MAX).min(input.len()))?;
    let has = |brands: &[&[u8; 4]]| listed.as_chunks::<4>().0.iter().any(|b| brands.contains(&b));
    if has(&[b"avif", b"avis"]) {
        Some(Format::Avif)
    } else if has(&[b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"]) {
        Some(Format::Heic)
    } else {
        None
    }
}

/// What a file that is no picture of ours looks like, for the message that refuses it.
pub(crate) fn describe_unknown(input: &[u8]) -> &'static str {
    match input {
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => "it looks like a video",
        [b'%', b'P', b'D', b'F', ..] => "it looks like PDF",
        [b'P', b'K', 3, 4, ..] => "it looks like a ZIP archive or an office document",
        [b'<', ..] => "it looks like SVG, HTML or XML",
        _ if input.iter().take(512).all(|&byte| byte == 0) => "it contains only zeros",
        _ if std::str::from_utf8(input.get(..512.min(input.len())).unwrap_or_default()).is_ok() => {
            "it looks like text"
        }
        _ => "its content is of an unknown kind",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_tells_the_format() {
        let check = |input: &[u8], expected| assert_eq!(sniff(input), expected, "{input:?}");
        check(b"\xFF\xD8\xFF\xE0", Some(Format::Jpeg));
        check(b"\x89PNG\r\n\x1a\n", Some(Format::Png));
        check(b"GIF89a", Some(Format::Gif));
        check(b"RIFF\0\0\0\0WEBPVP8 ", Some(Format::WebP));
        check(b"RIFF\0\0\0\0WAVEfmt ", None);
        check(b"BM\x36\x10\0\0\0\0\0\0\x36\0", Some(Format::Bmp));
        check(b"II*\0\x08\0\0\0", Some(Format::Tiff));
        check(b"\0\0\0\x14ftypheic\0\0\0\0mif1", Some(Format::Heic));
        check(b"\0\0\0\x14ftypmif1\0\0\0\0avif", Some(Format::Avif));
        check(b"\0\0\0\x14ftypisom\0\0\0\0mp42", None);
        check(b"BM is how this text begins", None);
        check(b"\x89PNG\n\x1a\n", None);
        check(b"", None);
    }

    #[test]
    fn what_is_no_picture_is_named() {
        let check = |input: &[u8], expected: &str| {
            assert!(describe_unknown(input).contains(expected), "{input:?}");
        };
        check(b"\0\0\0\x14ftypisom\0\0\0\0mp42", "video");
        check(b"%PDF-1.7", "PDF");
        check(b"<svg xmlns=", "SVG");
        check("蝴蝶，剪纸".as_bytes(), "text");
        check(&[0; 64], "zeros");
        check(&[0xFE, 0xDC, 0xBA], "unknown");
    }
}
