//! A JPEG file as what it is: a row of marker segments, some followed by entropy-coded data.
//!
//! Walking the file to its end before decoding tells a file that was cut short from a whole one,
//! gives the size before anything is allocated, and finds orientation and colour profile.

use crate::imaging::{Error, Format};

/// Marker codes, the byte after 0xFF (ITU-T T.81, table B.1).
pub(crate) mod marker {
    pub(crate) const SOF0: u8 = 0xC0;
    pub(crate) const SOF1: u8 = 0xC1;
    pub(crate) const SOF2: u8 = 0xC2;
    pub(crate) const DHT: u8 = 0xC4;
    pub(crate) const JPG: u8 = 0xC8;
    pub(crate) const DAC: u8 = 0xCC;
    pub(crate) const SOF15: u8 = 0xCF;
    pub(crate) const RST0: u8 = 0xD0;
    pub(crate) const RST7: u8 = 0xD7;
    pub(crate) const SOI: u8 = 0xD8;
    pub(crate) const EOI: u8 = 0xD9;
    pub(crate) const SOS: u8 = 0xDA;
    pub(crate) const DQT: u8 = 0xDB;
    pub(crate) const DRI: u8 = 0xDD;
    pub(crate) const APP0: u8 = 0xE0;
    pub(crate) const APP1: u8 = 0xE1;
    pub(crate) const APP2: u8 = 0xE2;
    pub(crate) const APP14: u8 = 0xEE;
    pub(crate) const COM: u8 = 0xFE;
    pub(crate) const TEM: u8 = 0x01;
}

/// One marker with what follows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment<'a> {
    pub(crate) marker: u8,
    /// Without the two bytes of length.
    pub(crate) payload: &'a [u8],
    /// After a start of scan: the entropy-coded data with stuffing and restart markers; else empty.
    pub(crate) entropy: &'a [u8],
}

/// Iterates over the segments from after SOI to before EOI.
#[derive(Debug, Clone)]
pub(crate) struct Segments<'a> {
    rest: &'a [u8],
    done: bool,
}

pub(crate) fn segments(input: &[u8]) -> Segments<'_> {
    let after_soi = input.get(2..).unwrap_or_default();
    Segments { rest: after_soi, done: false }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Result<Segment<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let item = self.read();
        self.done = !matches!(item, Ok(Some(_)));
        item.transpose()
    }
}

impl<'a> Segments<'a> {
    /// The next segment, or `None` at the end of the image.
    fn read(&mut self) -> Result<Option<Segment<'a>>, Error> {
        loop {
            let marker = self.next_marker()?;
            match marker {
                marker::EOI => return Ok(None),
                // Stand alone, carry nothing and mean nothing here.
                marker::TEM | marker::RST0..=marker::SOI => {}
                _ => return self.read_payload(marker).map(Some),
            }
        }
    }

    /// Skips fill bytes, and the stray bytes some cameras leave between segments.
    fn next_marker(&mut self) -> Result<u8, Error> {
        loop {
            let Some(at) = memchr::memchr(0xFF, self.rest) else {
                return Err(truncated("it has no end-of-image marker"));
            };
            self.rest = &self.rest[at + 1..];
            match self.rest.first() {
                None => return Err(truncated("it has no end-of-image marker")),
                Some(0x00 | 0xFF) => {}
                Some(&marker) => {
                    self.rest = &self.rest[1..];
                    return Ok(marker);
                }
            }
        }
    }

    fn read_payload(&mut self, marker: u8) -> Result<Segment<'a>, Error> {
        let length = match self.rest {
            [high, low, ..] => usize::from(u16::from_be_bytes([*high, *low])),
            _ => return Err(truncated("it ends inside a header")),
        };
        if length < 2 {
            return Err(corrupt(format!("segment {marker:#04X} says it is {length} bytes long")));
        }
        if self.rest.len() < length {
            return Err(truncated("it ends inside a header"));
        }
        let (segment, rest) = self.rest.split_at(length);
        self.rest = rest;
        let entropy = if marker == marker::SOS { self.read_entropy()? } else { &[] };
        Ok(Segment { marker, payload: &segment[2..], entropy })
    }

    /// Everything up to the next marker that is neither stuffing nor a restart.
    fn read_entropy(&mut self) -> Result<&'a [u8], Error> {
        for at in memchr::memchr_iter(0xFF, self.rest) {
            match self.rest.get(at + 1) {
                None => break,
                Some(0x00 | 0xFF | marker::RST0..=marker::RST7) => {}
                Some(_) => {
                    let (entropy, rest) = self.rest.split_at(at);
                    self.rest = rest;
                    return Ok(entropy);
                }
            }
        }
        Err(truncated("it ends inside the picture data"))
    }
}

fn truncated(reason: &str) -> Error {
    Error::Truncated { format: Format::Jpeg, reason: reason.to_owned() }
}

fn corrupt(reason: String) -> Error {
    Error::Corrupt { format: Format::Jpeg, reason }
}
