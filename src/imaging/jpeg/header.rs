//! What a JPEG says of itself before its picture.

use crate::imaging::Error;
use crate::imaging::jpeg::frame::Frame;
use crate::imaging::jpeg::segments::{Segment, marker, segments};
use crate::imaging::jpeg::{corrupt, unsupported};
use image::metadata::Orientation;

/// The facts that are needed before decoding.
#[derive(Debug, Clone)]
pub(crate) struct Header {
    pub(crate) frame: Frame,
    pub(crate) colours: Colours,
    pub(crate) orientation: Orientation,
    /// The colour profile, put together from its parts.
    pub(crate) icc: Option<Vec<u8>>,
    /// Length of the longest scan.
    pub(crate) scan_bytes_max: usize,
    scans: usize,
}

/// What the components mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colours {
    Grey,
    /// Brightness and two colour differences, as nearly all colour JPEGs.
    YCbCr,
    /// Red, green and blue, or four inks.
    Other,
}

impl Header {
    /// Walks the whole file, so that a cut one is refused here.
    pub(crate) fn read(input: &[u8], icc_bytes_max: usize) -> Result<Self, Error> {
        let mut frame = None;
        let mut orientation = None;
        let (mut scans, mut scan_bytes_max) = (0, 0);
        let mut notes = Notes::default();
        for segment in segments(input) {
            let segment = segment?;
            match segment.marker {
                marker if is_start_of_frame(marker) => {
                    if frame.is_some() {
                        return Err(unsupported("several pictures in one"));
                    }
                    frame = Some(read_frame(&segment)?);
                }
                marker::SOS if segment.entropy.is_empty() => {
                    return Err(corrupt("one of its scans is empty"));
                }
                marker::SOS => {
                    scans += 1;
                    scan_bytes_max = scan_bytes_max.max(segment.entropy.len());
                }
                marker::APP1 => {
                    orientation = orientation.or_else(|| read_orientation(segment.payload));
                }
                marker => notes.take(marker, segment.payload),
            }
        }
        let frame = frame.ok_or_else(|| corrupt("it has no frame header"))?;
        if scans == 0 {
            return Err(corrupt("it has no picture data"));
        }
        Ok(Self {
            colours: notes.colours(&frame),
            icc: notes.profile(icc_bytes_max),
            frame,
            orientation: orientation.unwrap_or(Orientation::NoTransforms),
            scan_bytes_max,
            scans,
        })
    }

    /// Whether any decoder can be trusted with the file: a widespread one turns sequential
    /// pictures with one scan a component into garbage.
    pub(crate) fn is_plain(&self) -> bool {
        self.colours != Colours::Other && (self.frame.is_progressive || self.scans == 1)
    }
}

fn is_start_of_frame(code: u8) -> bool {
    (marker::SOF0..=marker::SOF15).contains(&code)
        && ![marker::DHT, marker::JPG, marker::DAC].contains(&code)
}

fn read_frame(segment: &Segment<'_>) -> Result<Frame, Error> {
    if ![marker::SOF0, marker::SOF1, marker::SOF2].contains(&segment.marker) {
        return Err(unsupported("lossless, hierarchical or arithmetic coding"));
    }
    if segment.payload.first().is_some_and(|&precision| precision != 8) {
        return Err(unsupported("more than 8 bits a sample"));
    }
    let frame = Frame::read(segment.payload, segment.marker == marker::SOF2)?;
    if frame.height == 0 {
        return Err(unsupported("a height that follows the picture"));
    }
    Ok(frame)
}

fn read_orientation(app1: &[u8]) -> Option<Orientation> {
    Orientation::from_exif_chunk(app1.strip_prefix(b"Exif\0\0")?)
}

/// What the application segments say about colour.
#[derive(Default)]
struct Notes<'a> {
    is_jfif: bool,
    adobe_transform: Option<u8>,
    /// Number, count and bytes of each part of the profile.
    profile: Vec<(u8, u8, &'a [u8])>,
}

impl<'a> Notes<'a> {
    fn take(&mut self, code: u8, payload: &'a [u8]) {
        match (code, payload) {
            (marker::APP0, [b'J', b'F', b'I', b'F', 0, ..]) => self.is_jfif = true,
            (marker::APP14, [b'A', b'd', b'o', b'b', b'e', ..]) => {
                self.adobe_transform = payload.get(11).copied();
            }
            (marker::APP2, _) => {
                if let Some([number, count, part @ ..]) = payload.strip_prefix(b"ICC_PROFILE\0") {
                    self.profile.push((*number, *count, part));
                }
            }
            _ => {}
        }
    }

    fn colours(&self, frame: &Frame) -> Colours {
        let ids: Vec<u8> = frame.components.iter().map(|component| component.id).collect();
        match ids.as_slice() {
            [_] => Colours::Grey,
            [_, _, _] if self.is_jfif => Colours::YCbCr,
            [_, _, _] if self.adobe_transform == Some(0) => Colours::Other,
            b"RGB" if self.adobe_transform.is_none() => Colours::Other,
            [_, _, _] => Colours::YCbCr,
            _ => Colours::Other,
        }
    }

    /// The parts in their order; `None` unless each is there once.
    fn profile(mut self, bytes_max: usize) -> Option<Vec<u8>> {
        self.profile.sort_by_key(|part| part.0);
        let count = self.profile.len();
        let is_whole = self.profile.iter().enumerate().all(|(index, &(number, of, _))| {
            usize::from(number) == index + 1 && usize::from(of) == count
        });
        let bytes: usize = self.profile.iter().map(|part| part.2.len()).sum();
        let is_usable = is_whole && (1..=bytes_max).contains(&bytes);
        is_usable.then(|| self.profile.iter().flat_map(|part| part.2).copied().collect())
    }
}
