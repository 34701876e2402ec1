//! A picture put together from strips, so that it is never held whole but as what it becomes.

use crate::imaging::heif::colours::Colours;
use crate::imaging::planar::Plane;
use heic_rs::ChromaFormat;
use heic_rs::hevc::Frame;

/// Planes that grow downwards, a strip of the picture at a time.
pub(super) struct Stack {
    /// Left, top, width and height of what is wanted of the picture.
    shown: (u32, u32, u32, u32),
    /// Rows of the picture that have come.
    pub(super) below: u32,
    pub(super) planes: Vec<Plane>,
}

impl Stack {
    pub(super) fn new(shown: (u32, u32, u32, u32)) -> Self {
        Self { shown, below: 0, planes: Vec::new() }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.below >= self.shown.1 + self.shown.3
    }

    /// Adds the next strip; `None` if it does not fit under the others.
    pub(super) fn add(&mut self, strip: &Frame, colours: Colours) -> Option<()> {
        let (left, top, width, height) = self.shown;
        let (strip_top, strip_bottom) = (self.below, self.below + strip.height);
        self.below = strip_bottom;
        let (from, to) = (top.max(strip_top), (top + height).min(strip_bottom));
        if from >= to {
            return Some(());
        }
        let is_last = to == top + height;
        // Where colour has half the rows, a strip must not end between two of them.
        if strip.chroma == ChromaFormat::Yuv420 && strip_bottom % 2 != 0 && !is_last {
            return None;
        }
        let part = colours.planes(strip, (left, from - strip_top, width, to - from))?;
        if self.planes.is_empty() {
            self.planes = part;
            for plane in &mut self.planes {
                let wanted = plane.samples.len() as u64 * u64::from(height) / u64::from(to - from);
                plane.samples.as_vec_mut().reserve(usize::try_from(wanted).ok()?);
            }
            return Some(());
        }
        if self.planes.len() != part.len() {
            return None;
        }
        for (whole, part) in self.planes.iter_mut().zip(&part) {
            if whole.width != part.width {
                return None;
            }
            whole.samples.as_vec_mut().extend_from_slice(&part.samples);
            whole.height += part.height;
            whole.field.1 += part.field.1;
        }
        Some(())
    }
}
