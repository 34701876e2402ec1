//! A decoder that makes a picture smaller while it reads it.
//!
//! At N/8 only the N×N low coefficients of each block matter. They are read; the rest is stepped
//! over (see [`SkipTable`](crate::imaging::jpeg::huffman::SkipTable)), and the inverse transform
//! is N×N. Unlike the decoders it replaces it accepts nothing silently: a code no table defines,
//! a block that overflows, data that ends early, a scan that is missing or comes twice is an
//! error.

use crate::imaging::Error;
use crate::imaging::jpeg::bits::Intervals;
use crate::imaging::jpeg::channel::Channel;
use crate::imaging::jpeg::frame::{Frame, Scale};
use crate::imaging::jpeg::scan::Scan;
use crate::imaging::jpeg::segments::{Segment, marker, segments};
use crate::imaging::jpeg::tables::Tables;
use crate::imaging::jpeg::{corrupt, progressive, sequential};
use crate::imaging::planar::Plane;

/// Far more scans than encoders write; each goes over the whole picture.
const SCANS_MAX: usize = 100;

/// Decodes a file whose header was read into `frame`, each component at its own scale.
pub(crate) fn decode(input: &[u8], frame: &Frame, scales: &[Scale]) -> Result<Vec<Plane>, Error> {
    let channels = frame.components.iter().zip(scales);
    let channels = channels.map(|(component, &scale)| Channel::new(component, frame, scale));
    let mut decoder = Decoder {
        frame,
        tables: Tables::default(),
        intervals: Intervals::default(),
        channels: channels.collect(),
        scans: 0,
    };
    for segment in segments(input) {
        decoder.take(&segment?)?;
    }
    decoder.finish()
}

struct Decoder<'a> {
    frame: &'a Frame,
    tables: Tables,
    intervals: Intervals,
    channels: Vec<Channel>,
    scans: usize,
}

impl Decoder<'_> {
    fn take(&mut self, segment: &Segment<'_>) -> Result<(), Error> {
        match segment.marker {
            marker::DQT => self.tables.define_quantisation(segment.payload),
            marker::DHT => self.tables.define_huffman(segment.payload),
            marker::DRI => self.tables.define_restarts(segment.payload),
            marker::SOS => self.take_scan(segment),
            _ => Ok(()),
        }
    }

    fn take_scan(&mut self, segment: &Segment<'_>) -> Result<(), Error> {
        self.scans += 1;
        if self.scans > SCANS_MAX {
            return Err(corrupt("it has too many scans"));
        }
        let scan = Scan::read(segment.payload, self.frame)?;
        for part in &scan.parts {
            let number = self.frame.components[part.component].quantisation;
            self.channels[part.component].keep_quantisation(self.tables.quantisation(number)?);
        }
        self.intervals.read(segment.entropy)?;
        let Self { frame, tables, intervals, channels, .. } = self;
        if frame.is_progressive {
            progressive::decode(&scan, frame, tables, intervals, channels)
        } else {
            sequential::decode(&scan, frame, tables, intervals, channels)
        }
    }

    fn finish(mut self) -> Result<Vec<Plane>, Error> {
        if !self.channels.iter().all(Channel::is_complete) {
            return Err(corrupt("some of its scans are missing"));
        }
        if self.frame.is_progressive {
            for (channel, component) in self.channels.iter_mut().zip(&self.frame.components) {
                let (_, rows) = component.padded_blocks(self.frame);
                for row in 0..rows as usize {
                    channel.transform(row, row)?;
                }
            }
        }
        Ok(self.channels.into_iter().map(Channel::into_plane).collect())
    }
}
