//! What a picture may be on the way in, and must be on the way out.

use crate::imaging::{Error, Format};

/// Bounds of one preparation. `Default` holds the values of the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Widest output, in pixels.
    pub width_max: u32,
    /// Tallest output, in pixels.
    pub height_max: u32,
    /// Largest output, in bytes.
    pub bytes_max: usize,
    /// JPEG quality asked for, 1 to 100. Lowered only where [`Limits::bytes_max`] demands it.
    pub jpeg_quality: u8,
    /// Largest input file, in bytes.
    pub input_bytes_max: u64,
    /// Most pixels an input may have. Checked on the header, before anything is allocated.
    pub input_pixels_max: u64,
    /// Longest side an input may have, in pixels.
    pub input_side_max: u32,
    /// Largest ICC profile taken into account, in bytes.
    pub icc_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            width_max: 800,
            height_max: 800,
            bytes_max: 1_572_864, // 1.5 MiB
            jpeg_quality: 85,
            input_bytes_max: 256 << 20,
            input_pixels_max: 120_000_000, // the 108 MP of today's telephones, and a little more
            input_side_max: 65_535,        // JPEG's own bound
            icc_bytes_max: 4 << 20,
        }
    }
}

impl Limits {
    /// Refuses a file by its length alone.
    pub(crate) fn check_bytes(&self, bytes: usize) -> Result<(), Error> {
        let bytes = bytes as u64;
        if bytes > self.input_bytes_max {
            return Err(Error::TooManyBytes { bytes, bytes_max: self.input_bytes_max });
        }
        Ok(())
    }

    /// Refuses a picture by the size its header declares.
    pub(crate) fn check_size(&self, format: Format, width: u32, height: u32) -> Result<(), Error> {
        if width == 0 || height == 0 {
            return Err(Error::Corrupt {
                format,
                reason: format!("it is {width}×{height} pixels"),
            });
        }
        if width.max(height) > self.input_side_max {
            return Err(Error::TooLongSide { width, height, side_max: self.input_side_max });
        }
        if u64::from(width) * u64::from(height) > self.input_pixels_max {
            return Err(Error::TooManyPixels { width, height, pixels_max: self.input_pixels_max });
        }
        Ok(())
    }

    /// The size at which `width`×`height` fits, in proportion, never larger and never 0.
    pub(crate) fn fit(&self, width: u32, height: u32) -> (u32, u32) {
        let (width_max, height_max) = (self.width_max.max(1), self.height_max.max(1));
        if width <= width_max && height <= height_max {
            return (width, height);
        }
        // Which side binds is decided in whole numbers, so that no rounding can exceed a limit.
        let [w, h, wm, hm] = [width, height, width_max, height_max].map(u64::from);
        let rounded = |numerator: u64, denominator: u64| {
            u32::try_from((numerator + denominator / 2) / denominator).unwrap_or(u32::MAX).max(1)
        };
        if w * hm >= h * wm {
            (width_max, rounded(h * wm, w).min(height_max))
        } else {
            (rounded(w * hm, h).min(width_max), height_max)
        }
    }

    /// The same limits for a picture that is still lying on its side.
    pub(crate) fn transposed(&self) -> Self {
        Self { width_max: self.height_max, height_max: self.width_max, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pictures_fit_in_proportion() {
        let check = |given: (u32, u32), expected: (u32, u32)| {
            assert_eq!(Limits::default().fit(given.0, given.1), expected, "{given:?}");
        };
        check((4000, 3000), (800, 600));
        check((3000, 4000), (600, 800));
        check((800, 800), (800, 800));
        check((801, 800), (800, 799));
        check((1, 1), (1, 1));
        check((640, 480), (640, 480));
        check((60_000, 20), (800, 1));
        check((3, 50_000), (1, 800));
        check((1000, 1000), (800, 800));
    }

    proptest! {
        #[test]
        fn fitting_never_enlarges_never_exceeds_and_never_vanishes(
            w in 1u32..70_000, h in 1u32..70_000, wm in 1u32..2_000, hm in 1u32..2_000,
        ) {
            let limits = Limits { width_max: wm, height_max: hm, ..Limits::default() };
            let (fw, fh) = limits.fit(w, h);
            prop_assert!(fw >= 1 && fh >= 1);
            prop_assert!(fw <= w && fh <= h);
            prop_assert!(fw <= wm && fh <= hm);
            prop_assert!(fw == wm || fh == hm || (fw, fh) == (w, h), "one side touches its limit");
        }
    }
}
