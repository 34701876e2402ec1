//! HEIC and AVIF: one container, two codecs.
//!
//! The container and HEVC are read by `heic-rs`, AV1 by `re_rav1d`, both in Rust and without a
//! system library. Only its parsers and its decoder are taken from `heic-rs`: its conversion to RGB
//! holds pictures that the container does not label for BT.709 with a narrow range, whatever the
//! codec's own headers say (see [`sps`]), which came out 30 dB from the truth. Planes are kept as
//! planes here, so nothing is converted that need not be.

mod av1;
mod colours;
mod sps;
mod stack;

use crate::imaging::planar::{Matrix, Plane, Planes};
use crate::imaging::{Error, Format, Limits};
use colours::Colours;
use heic_rs::context::Context;
use heic_rs::ftyp::{Brand, FileType};
use heic_rs::grid::{self, Grid};
use heic_rs::hevc::{decode_still, probe};
use heic_rs::props::ItemProps;
use heic_rs::{ChromaFormat, Error as HeifError, Mirror, Rotation, Transform, transform};
use image::metadata::Orientation;
use stack::Stack;

/// A decoded picture of either codec, as `heic-rs` has it.
use heic_rs::hevc::Frame;

/// Primaries of Display P3 as CICP counts them (ITU-T H.273).
const PRIMARIES_DISPLAY_P3: u16 = 12;

/// A picture whose container was read.
pub(crate) struct Still<'a> {
    format: Format,
    context: Context<'a>,
    item: u32,
    props: ItemProps<'a>,
    /// Width and height of all that is coded.
    coded: (u32, u32),
    /// The part of the coded picture that is shown: left, top, width, height.
    shown: (u32, u32, u32, u32),
}

impl<'a> Still<'a> {
    /// Reads the container and checks the size it declares.
    pub(crate) fn open(input: &'a [u8], format: Format, limits: &Limits) -> Result<Self, Error> {
        let fail = |error| from_heif(format, &error);
        // Built by hand, because `Context::open` turns away the brands of AVIF.
        let kind = FileType {
            major: Brand::Mif1,
            effective: Brand::Mif1,
            minor_version: 0,
            compatible_count: 0,
        };
        let meta = heic_rs::meta::parse(input).map_err(fail)?;
        let context = Context { file: input, ftyp: kind, meta };
        let item = context.meta.primary;
        let props = context.props(item).map_err(fail)?;
        let (width, height) = context.coded_size(item, &props).map_err(fail)?;
        limits.check_size(format, width, height)?;
        let mut shown = (0, 0, width, height);
        for (index, change) in props.transforms.iter().enumerate() {
            if let Transform::Crop(crop) = change {
                if index > 0 {
                    let feature = "a crop after a turn".to_owned();
                    return Err(Error::Unsupported { format, feature });
                }
                shown = transform::crop_rect(width, height, *crop).map_err(fail)?;
            }
        }
        Ok(Self { format, context, item, props, coded: (width, height), shown })
    }

    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// About the most memory that [`Still::decode`] takes, in bytes.
    pub(crate) fn memory_needed(&self) -> u64 {
        /// Three planes, and while the picture is whole, of two bytes each what they are made of.
        const TILED: u64 = 3;
        const WHOLE: u64 = 3 + 2 * 3;
        let bytes_a_pixel = if self.is_tiled() { TILED } else { WHOLE };
        let (width, height) = self.coded;
        u64::from(width) * u64::from(height) * bytes_a_pixel
    }

    fn is_tiled(&self) -> bool {
        self.context.grid(self.item).is_ok_and(|grid| grid.is_some())
    }

    /// In pixels, before turning.
    pub(crate) fn size(&self) -> (u32, u32) {
        (self.shown.2, self.shown.3)
    }

    pub(crate) fn orientation(&self) -> Orientation {
        orientation(&self.props.transforms)
    }

    pub(crate) fn icc(&self) -> Option<&'a [u8]> {
        self.context.icc(&self.props)
    }

    pub(crate) fn is_display_p3(&self) -> bool {
        self.props.nclx.is_some_and(|nclx| nclx.primaries == PRIMARIES_DISPLAY_P3)
    }

    /// Decodes at full size.
    pub(crate) fn decode(&self, limits: &Limits) -> Result<Planes, Error> {
        let declared = self.props.nclx.map(Colours::from);
        let meaning = |own| declared.unwrap_or(own);
        let (components, matrix) = self.planes(self.item, &self.props, meaning, limits)?;
        let alpha = self.context.alpha_item(self.item).map_err(|error| self.fail(&error))?;
        let alpha = match alpha {
            None => None,
            Some(item) => {
                let props = self.context.props(item).map_err(|error| self.fail(&error))?;
                let declared = props.nclx.map(Colours::from);
                let meaning = |own| Colours { is_full_range: true, ..declared.unwrap_or(own) };
                self.planes(item, &props, meaning, limits)?.0.into_iter().next()
            }
        };
        Ok(Planes { components, matrix, alpha })
    }

    /// The shown part of an item, put together from its tiles where it has some; `meaning` makes
    /// of what the codec's own headers say about colours what is to be believed.
    fn planes(
        &self,
        item: u32,
        props: &ItemProps<'_>,
        meaning: impl Fn(Colours) -> Colours,
        limits: &Limits,
    ) -> Result<(Vec<Plane>, Matrix), Error> {
        let lacking = || self.corrupt("its planes");
        let Some((layout, tiles)) = self.context.grid(item).map_err(|error| self.fail(&error))?
        else {
            let (frame, own) = self.coded(item, props)?;
            let colours = meaning(own);
            let planes = colours.planes(&frame, self.shown).ok_or_else(lacking)?;
            return Ok((planes, colours.matrix));
        };
        let mut whole = Stack::new(self.shown);
        let mut matrix = Matrix::Bt601;
        for row in tiles.chunks(layout.columns as usize) {
            let (strip, own) = self.strip(&layout, row, whole.below, limits)?;
            let colours = meaning(own);
            matrix = colours.matrix;
            whole.add(&strip, colours).ok_or_else(lacking)?;
        }
        if whole.is_complete() { Ok((whole.planes, matrix)) } else { Err(lacking()) }
    }

    /// A row of tiles side by side, of which `above` rows of the picture lie higher.
    fn strip(
        &self,
        layout: &Grid,
        tiles: &[u32],
        above: u32,
        limits: &Limits,
    ) -> Result<(Frame, Colours), Error> {
        let mut colours = Colours::default();
        let mut frames: Vec<Frame> = Vec::with_capacity(tiles.len());
        for &tile in tiles {
            let props = self.context.props(tile).map_err(|error| self.fail(&error))?;
            let (frame, own) = self.coded(tile, &props)?;
            colours = own;
            frames.push(frame);
        }
        let tall = frames.first().map_or(0, |frame| frame.height);
        let output_height = layout.output_height.saturating_sub(above).min(tall);
        let row = Grid { rows: 1, output_height, ..*layout };
        let strip = grid::compose(&row, &frames, limits.input_pixels_max);
        Ok((strip.map_err(|error| self.fail(&error))?, colours))
    }

    fn coded(&self, item: u32, props: &ItemProps<'_>) -> Result<(Frame, Colours), Error> {
        let fail = |error: HeifError| self.fail(&error);
        let data = self.context.item_data(item).map_err(fail)?;
        let info = self.context.meta.item(item).ok_or_else(|| self.corrupt("an item"))?;
        let coded = if &info.item_type == b"av01" {
            av1::decode(data.into_owned(), self.size())?
        } else {
            let settings = props.hvcc.as_ref();
            let settings = settings.ok_or_else(|| self.corrupt("its codec settings"))?;
            let units = settings.split_nals(&data).map_err(fail)?;
            let sets = settings.parameter_sets();
            let chroma = probe(&sets).map_err(fail)?.chroma;
            if matches!(chroma, ChromaFormat::Yuv422 | ChromaFormat::Yuv444) {
                // The decoder loses its way in them.
                let feature = "HEVC with other than half-size colour".to_owned();
                return Err(Error::Unsupported { format: self.format, feature });
            }
            let frame = decode_still(&sets, &units).map_err(fail)?;
            (frame, sps::colours(&sets))
        };
        coded.0.validate().map_err(fail)?;
        Ok(coded)
    }

    fn fail(&self, error: &HeifError) -> Error {
        from_heif(self.format, error)
    }

    fn corrupt(&self, lacking: &str) -> Error {
        Error::Corrupt { format: self.format, reason: format!("{lacking} cannot be found") }
    }
}

/// Turns and mirrors in their order as one orientation.
fn orientation(transforms: &[Transform]) -> Orientation {
    // First so many quarter turns clockwise, then perhaps mirrored left to right.
    let (mut quarters, mut mirrored) = (0_u8, false);
    let mut turn = |by: u8, mirrored: bool| quarters += if mirrored { 4 - by } else { by };
    for change in transforms {
        match change {
            Transform::Crop(_) | Transform::Rotate(Rotation::None) => {}
            Transform::Rotate(Rotation::Ccw90) => turn(3, mirrored),
            Transform::Rotate(Rotation::Ccw180) => turn(2, mirrored),
            Transform::Rotate(Rotation::Ccw270) => turn(1, mirrored),
            Transform::Mirror(Mirror::LeftRight) => mirrored = !mirrored,
            Transform::Mirror(Mirror::TopBottom) => {
                // Half a turn and a mirror beside.
                turn(2, mirrored);
                mirrored = !mirrored;
            }
        }
    }
    match (quarters % 4, mirrored) {
        (0, false) => Orientation::NoTransforms,
        (1, false) => Orientation::Rotate90,
        (2, false) => Orientation::Rotate180,
        (_, false) => Orientation::Rotate270,
        (0, true) => Orientation::FlipHorizontal,
        (1, true) => Orientation::Rotate90FlipH,
        (2, true) => Orientation::FlipVertical,
        (_, true) => Orientation::Rotate270FlipH,
    }
}

fn from_heif(format: Format, error: &HeifError) -> Error {
    let reason = error.to_string();
    match error {
        HeifError::Truncated(_) => Error::Truncated { format, reason },
        HeifError::Unsupported(_) => Error::Unsupported { format, feature: reason },
        HeifError::PixelLimit { .. } | HeifError::BoxTooLarge { .. } => {
            Error::OutOfProportion { format }
        }
        _ => Error::Corrupt { format, reason },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_and_mirrors_add_up() {
        use Orientation as O;
        let turn = Transform::Rotate;
        let mirror = Transform::Mirror;
        let check = |transforms: &[Transform], expected| {
            assert_eq!(orientation(transforms), expected, "{transforms:?}");
        };
        check(&[], O::NoTransforms);
        check(&[turn(Rotation::Ccw90)], O::Rotate270);
        check(&[turn(Rotation::Ccw270)], O::Rotate90);
        check(&[turn(Rotation::Ccw180), turn(Rotation::Ccw180)], O::NoTransforms);
        check(&[mirror(Mirror::LeftRight)], O::FlipHorizontal);
        check(&[mirror(Mirror::TopBottom)], O::FlipVertical);
        check(&[turn(Rotation::Ccw270), mirror(Mirror::LeftRight)], O::Rotate90FlipH);
        check(&[mirror(Mirror::LeftRight), turn(Rotation::Ccw90)], O::Rotate90FlipH);
        check(&[mirror(Mirror::LeftRight), mirror(Mirror::TopBottom)], O::Rotate180);
    }
}
