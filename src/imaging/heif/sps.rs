//! What an HEVC picture says about its own colours: a few bits at the end of its sequence
//! parameter set (ITU-T H.265, 7.3.2.2 and Annex E), all before them only stepped over.
//!
//! Telephones say there that they use the full range; a file that says nothing uses the narrow one.

use crate::imaging::heif::colours::Colours;
use crate::imaging::planar::Matrix;

/// Type of a unit that holds a sequence parameter set.
const SEQUENCE_PARAMETER_SET: u8 = 33;

/// What the first sequence parameter set among `sets` says about colours.
pub(super) fn colours(sets: &[&[u8]]) -> Colours {
    let is_wanted =
        |unit: &&&[u8]| unit.first().is_some_and(|head| head >> 1 & 0x3F == SEQUENCE_PARAMETER_SET);
    let found = sets.iter().find(is_wanted).and_then(|unit| {
        let payload = unescaped(unit.get(2..)?);
        read(&mut Bits { bytes: &payload, at: 0 })
    });
    found.unwrap_or_default()
}

/// Without the bytes that keep a start code from appearing.
fn unescaped(unit: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(unit.len());
    let mut zeros = 0;
    for &byte in unit {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        bytes.push(byte);
    }
    bytes
}

fn read(bits: &mut Bits<'_>) -> Option<Colours> {
    bits.skip(4)?;
    let sub_layers = bits.take(3)?;
    bits.skip(1)?;
    skip_profile(bits, sub_layers)?;
    bits.number()?;
    let chroma = bits.number()?;
    if chroma == 3 {
        bits.skip(1)?;
    }
    bits.numbers(2)?; // width and height
    if bits.flag()? {
        bits.numbers(4)?; // crop
    }
    bits.numbers(2)?; // bits a sample
    let order_bits = bits.number()?.checked_add(4)?;
    let layers = if bits.flag()? { sub_layers + 1 } else { 1 };
    bits.numbers(3 * layers + 6)?; // buffering; sizes and depths of blocks
    if bits.flag()? && bits.flag()? {
        skip_scaling_lists(bits)?;
    }
    bits.skip(2)?;
    if bits.flag()? {
        bits.skip(8)?; // samples stored as they are
        bits.numbers(2)?;
        bits.skip(1)?;
    }
    skip_references(bits)?;
    if bits.flag()? {
        let count = bits.number()?.min(33);
        bits.skip(count.checked_mul(order_bits.checked_add(1)?)?)?;
    }
    bits.skip(2)?;
    if bits.flag()? { read_usability(bits) } else { Some(Colours::default()) }
}

/// The video usability information, up to what is asked for.
fn read_usability(bits: &mut Bits<'_>) -> Option<Colours> {
    const EXTENDED_RATIO: u32 = 255;
    if bits.flag()? && bits.take(8)? == EXTENDED_RATIO {
        bits.skip(32)?;
    }
    if bits.flag()? {
        bits.skip(1)?;
    }
    if !bits.flag()? {
        return Some(Colours::default());
    }
    bits.skip(3)?;
    let is_full_range = bits.flag()?;
    let matrix = if bits.flag()? {
        bits.skip(16)?;
        match bits.take(8)? {
            0 => Matrix::Identity,
            1 => Matrix::Bt709,
            9 => Matrix::Bt2020,
            // The rest differ little, are hardly used, or say nothing.
            _ => Matrix::Bt601,
        }
    } else {
        Matrix::Bt601
    };
    Some(Colours { matrix, is_full_range })
}

fn skip_profile(bits: &mut Bits<'_>, sub_layers: u32) -> Option<()> {
    const PROFILE: u32 = 88;
    const LEVEL: u32 = 8;
    bits.skip(PROFILE + LEVEL)?;
    let mut present = Vec::new();
    for _ in 0..sub_layers {
        present.push((bits.flag()?, bits.flag()?));
    }
    if sub_layers > 0 {
        bits.skip(2 * (8 - sub_layers))?;
    }
    for (profile, level) in present {
        bits.skip(u32::from(profile) * PROFILE + u32::from(level) * LEVEL)?;
    }
    Some(())
}

fn skip_scaling_lists(bits: &mut Bits<'_>) -> Option<()> {
    for size in 0..4_u32 {
        let lists = if size == 3 { 2 } else { 6 };
        for _ in 0..lists {
            if !bits.flag()? {
                bits.number()?;
                continue;
            }
            let coefficients = 64.min(1 << (4 + size * 2));
            bits.numbers(coefficients + u32::from(size > 1))?;
        }
    }
    Some(())
}

/// The short-term reference picture sets, of which a still picture has none to speak of.
fn skip_references(bits: &mut Bits<'_>) -> Option<()> {
    const SETS_MAX: u32 = 64;
    const PICTURES_MAX: u32 = 16;
    let sets = bits.number()?;
    let mut pictures = 0;
    for set in 0..sets.min(SETS_MAX) {
        if set > 0 && bits.flag()? {
            bits.skip(1)?;
            bits.number()?;
            let mut kept = 0;
            for _ in 0..=pictures {
                let is_used = bits.flag()?;
                kept += u32::from(is_used || bits.flag()?);
            }
            pictures = kept;
        } else {
            let (before, after) = (bits.number()?, bits.number()?);
            if before > PICTURES_MAX || after > PICTURES_MAX {
                return None;
            }
            pictures = before + after;
            for _ in 0..pictures {
                bits.number()?;
                bits.skip(1)?;
            }
        }
    }
    Some(())
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: u32,
}

impl Bits<'_> {
    fn flag(&mut self) -> Option<bool> {
        let byte = *self.bytes.get(self.at as usize / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(bit == 1)
    }

    /// Up to 32 bits.
    fn take(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0, |value, _| Some(value << 1 | u32::from(self.flag()?)))
    }

    fn skip(&mut self, count: u32) -> Option<()> {
        self.at = self.at.checked_add(count)?;
        Some(())
    }

    /// One number of variable length (9.2).
    fn number(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
        }
        if zeros > 31 {
            return None;
        }
        (1_u32 << zeros).checked_add(self.take(zeros)?)?.checked_sub(1)
    }

    fn numbers(&mut self, count: u32) -> Option<()> {
        (0..count).try_for_each(|_| self.number().map(|_| ()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_variable_length_are_read() {
        // 1, 010, 011, 00100, 1
        let mut bits = Bits { bytes: &[0b1010_0110, 0b0100_1000], at: 0 };
        let read: Vec<u32> = (0..5).map_while(|_| bits.number()).collect();
        assert_eq!(read, [0, 1, 2, 3, 0]);
    }

    #[test]
    fn bytes_that_only_hide_a_start_code_are_left_out() {
        assert_eq!(unescaped(&[0, 0, 3, 1, 0, 3, 0, 0, 3, 0]), [0, 0, 1, 0, 3, 0, 0, 0]);
    }

    #[test]
    fn what_cannot_be_read_is_held_for_what_the_standard_takes_for_granted() {
        for sets in [&[][..], &[&[0x42, 1][..]], &[&[0x42, 1, 0xFF, 0xFF][..]]] {
            let found = colours(sets);
            assert!(!found.is_full_range && found.matrix == Matrix::Bt601);
        }
    }
}
