//! The tables a JPEG defines between its scans, as they stand at a given moment.

use crate::imaging::Error;
use crate::imaging::jpeg::corrupt;
use crate::imaging::jpeg::huffman::{AcTable, Code, SkipTable};

/// More definitions than any encoder writes; each costs time.
const DEFINITIONS_MAX: usize = 1_000;

/// What DQT, DHT and DRI segments have defined so far.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    quantisation: [Option<[u16; 64]>; 4],
    dc: [Option<Code>; 4],
    ac: [Option<AcTable>; 4],
    skip: [Option<SkipTable>; 4],
    /// Units between two restart markers; 0 for none.
    pub(crate) restart_interval: u32,
    definitions: usize,
}

impl Tables {
    /// Reads a DQT segment.
    pub(crate) fn define_quantisation(&mut self, mut payload: &[u8]) -> Result<(), Error> {
        let cut = || corrupt("a quantisation table is cut");
        while let Some((&head, rest)) = payload.split_first() {
            let steps = match head >> 4 {
                0 => rest.first_chunk::<64>().ok_or_else(cut)?.map(u16::from),
                1 => {
                    let bytes = rest.first_chunk::<128>().ok_or_else(cut)?;
                    let mut pairs = bytes.as_chunks::<2>().0.iter();
                    [(); 64].map(|()| pairs.next().map_or(0, |&pair| u16::from_be_bytes(pair)))
                }
                _ => return Err(corrupt("a quantisation table is of an unknown kind")),
            };
            let slot = self.quantisation.get_mut(usize::from(head & 15));
            *slot.ok_or_else(|| corrupt("a quantisation table has a wrong number"))? = Some(steps);
            payload = &rest[if head >> 4 == 0 { 64 } else { 128 }..];
        }
        Ok(())
    }

    /// Reads a DHT segment.
    pub(crate) fn define_huffman(&mut self, mut payload: &[u8]) -> Result<(), Error> {
        let cut = || corrupt("a Huffman table is cut");
        while let Some((&head, rest)) = payload.split_first() {
            self.definitions += 1;
            if self.definitions > DEFINITIONS_MAX {
                return Err(corrupt("it defines too many Huffman tables"));
            }
            let (counts, rest) = rest.split_first_chunk::<16>().ok_or_else(cut)?;
            let total = counts.iter().map(|&count| usize::from(count)).sum();
            let (symbols, rest) = rest.split_at_checked(total).ok_or_else(cut)?;
            let code = Code::new(*counts, symbols)?;
            let number = usize::from(head & 15);
            if number > 3 || head >> 4 > 1 {
                return Err(corrupt("a Huffman table has a wrong number"));
            }
            if head >> 4 == 0 {
                self.dc[number] = Some(code);
            } else {
                self.ac[number] = Some(AcTable::new(code));
                self.skip[number] = None;
            }
            payload = rest;
        }
        Ok(())
    }

    /// Reads a DRI segment.
    pub(crate) fn define_restarts(&mut self, payload: &[u8]) -> Result<(), Error> {
        let &[high, low] = payload else { return Err(corrupt("its restart interval is cut")) };
        self.restart_interval = u16::from_be_bytes([high, low]).into();
        Ok(())
    }

    pub(crate) fn quantisation(&self, number: u8) -> Result<[u16; 64], Error> {
        let table = self.quantisation.get(usize::from(number)).copied().flatten();
        table.ok_or_else(|| corrupt("it lacks a quantisation table"))
    }

    pub(crate) fn dc(&self, number: u8) -> Result<&Code, Error> {
        find(&self.dc, number)
    }

    pub(crate) fn ac(&self, number: u8) -> Result<&AcTable, Error> {
        find(&self.ac, number)
    }

    /// Builds what [`Tables::skip`] gives, unless it is there.
    pub(crate) fn prepare_skip(&mut self, number: u8) -> Result<(), Error> {
        let skip = SkipTable::new(&self.ac(number)?.code);
        self.skip[usize::from(number)].get_or_insert(skip);
        Ok(())
    }

    pub(crate) fn skip(&self, number: u8) -> Result<&SkipTable, Error> {
        find(&self.skip, number)
    }
}

fn find<T>(tables: &[Option<T>; 4], number: u8) -> Result<&T, Error> {
    let table = tables.get(usize::from(number)).and_then(Option::as_ref);
    table.ok_or_else(|| corrupt("it lacks a Huffman table"))
}
