//! HEIC and AVIF: one container, two codecs.
//!
//! The container and HEVC are read by `heic-rs`, AV1 by `re_rav1d`, both in Rust and without a
//! system library. Only its parsers and its decoder are taken from `heic-rs`: its conversion to
//! RGB holds unlabelled pictures for BT.709 with a narrow range, while telephones and libheif mean
//! BT.601 with the full range, which came out 30 dB from the truth. Planes are kept as planes here,
//! so nothing is converted that need not be.

mod av1;

use crate::imaging::buffer::Buffer;
use crate::imaging::planar::{Matrix, Plane, Planes};
use crate::imaging::{Error, Format, Limits};
use heic_rs::context::Context;
use heic_rs::ftyp::{Brand, FileType};
use heic_rs::hevc::{decode_still, probe};
use heic_rs::props::ItemProps;
use heic_rs::props::colr::{MatrixCoefficients, Nclx, Range};
use heic_rs::{ChromaFormat, Error as HeifError, Mirror, Rotation, Transform, grid, transform};
use image::metadata::Orientation;

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
        Ok(Self { format, context, item, props, shown })
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
        let (frame, own) = self.frame(self.item, &self.props, limits)?;
        let colours = self.props.nclx.map_or(own, Colours::from);
        let components = colours.planes(&frame, self.shown);
        let components = components.ok_or_else(|| self.corrupt("its planes"))?;
        let matrix = colours.matrix;
        let alpha = self.context.alpha_item(self.item).map_err(|error| self.fail(&error))?;
        let alpha = match alpha {
            None => None,
            Some(item) => {
                let props = self.context.props(item).map_err(|error| self.fail(&error))?;
                let (frame, own) = self.frame(item, &props, limits)?;
                let colours =
                    Colours { is_full_range: true, ..props.nclx.map_or(own, Colours::from) };
                let planes = colours.planes(&frame, self.shown);
                planes.ok_or_else(|| self.corrupt("its alpha plane"))?.into_iter().next()
            }
        };
        Ok(Planes { components, matrix, alpha })
    }

    /// An item's picture, put together from its tiles where it has some, and what the codec's own
    /// headers say about its colours.
    fn frame(
        &self,
        item: u32,
        props: &ItemProps<'_>,
        limits: &Limits,
    ) -> Result<(Frame, Colours), Error> {
        let fail = |error: HeifError| self.fail(&error);
        let Some((layout, tiles)) = self.context.grid(item).map_err(fail)? else {
            return self.coded(item, props);
        };
        let mut colours = Colours::default();
        let mut frames = Vec::new();
        for tile in tiles {
            let props = self.context.props(tile).map_err(fail)?;
            let (frame, own) = self.coded(tile, &props)?;
            colours = own;
            frames.push(frame);
        }
        let whole = grid::compose(&layout, &frames, limits.input_pixels_max).map_err(fail)?;
        Ok((whole, colours))
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
            (frame, Colours::default())
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

/// What the samples of a frame mean.
#[derive(Debug, Clone, Copy)]
struct Colours {
    matrix: Matrix,
    is_full_range: bool,
}

impl Default for Colours {
    /// What telephones and libheif mean when they say nothing.
    fn default() -> Self {
        Self { matrix: Matrix::Bt601, is_full_range: true }
    }
}

impl From<Nclx> for Colours {
    fn from(nclx: Nclx) -> Self {
        let matrix = match nclx.matrix {
            MatrixCoefficients::Identity => Matrix::Identity,
            MatrixCoefficients::Bt709 => Matrix::Bt709,
            MatrixCoefficients::Bt2020Ncl => Matrix::Bt2020,
            // The rest differ little, are hardly used, or say nothing.
            _ => Matrix::Bt601,
        };
        Self { matrix, is_full_range: nclx.range == Range::Full }
    }
}

impl Colours {
    /// The shown part of a frame in planes of bytes with the full range; `None` if it is not there.
    fn planes(self, frame: &Frame, shown: (u32, u32, u32, u32)) -> Option<Vec<Plane>> {
        let (left, top, width, height) = shown;
        let (across, down) = match frame.chroma {
            ChromaFormat::Monochrome | ChromaFormat::Yuv444 => (1, 1),
            ChromaFormat::Yuv422 => (2, 1),
            ChromaFormat::Yuv420 => (2, 2),
        };
        let full = Part { left, top, width, height, stride: frame.y_stride };
        let luma = self.table(frame.bit_depth, false);
        let mut planes = vec![full.cut(&frame.y, &luma, (width.into(), height.into()))?];
        if frame.chroma == ChromaFormat::Monochrome {
            return Some(planes);
        }
        let half = Part {
            left: left / across,
            top: top / down,
            width: width.div_ceil(across),
            height: height.div_ceil(down),
            stride: frame.c_stride,
        };
        let field = (f64::from(width) / f64::from(across), f64::from(height) / f64::from(down));
        let chroma = self.table(frame.bit_depth, self.matrix != Matrix::Identity);
        planes.push(half.cut(&frame.cb, &chroma, field)?);
        planes.push(half.cut(&frame.cr, &chroma, field)?);
        Some(planes)
    }

    /// For each value a sample can have the byte that means the same.
    fn table(self, bit_depth: u8, is_difference: bool) -> Vec<u8> {
        let depth = u32::from(bit_depth.clamp(8, 16));
        let steps = f64::from(1_u32 << (depth - 8));
        let (zero, reach) = match (self.is_full_range, is_difference) {
            (true, false) => (0.0, f64::from((1_u32 << depth) - 1)),
            (true, true) => (128.0 * steps, f64::from((1_u32 << depth) - 1)),
            (false, false) => (16.0 * steps, 219.0 * steps),
            (false, true) => (128.0 * steps, 224.0 * steps),
        };
        let middle = if is_difference { 128.0 } else { 0.0 };
        (0..1_u32 << depth)
            .map(|value| {
                let level = (f64::from(value) - zero) / reach * 255.0 + middle;
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "clamped"
                )]
                let byte = (level.clamp(0.0, 255.0) + 0.5) as u8;
                byte
            })
            .collect()
    }
}

/// A rectangle in a plane.
struct Part {
    left: u32,
    top: u32,
    width: u32,
    height: u32,
    stride: u32,
}

impl Part {
    fn cut(&self, samples: &[u16], table: &[u8], field: (f64, f64)) -> Option<Plane> {
        let (left, width) = (self.left as usize, self.width as usize);
        let mut buffer = Buffer::empty(width * self.height as usize);
        let bytes = buffer.as_vec_mut();
        let rows = samples.chunks(self.stride as usize).skip(self.top as usize);
        for row in rows.take(self.height as usize) {
            let shown = row.get(left..left + width)?;
            // Above the largest value there is nothing; damaged data must not find it.
            bytes.extend(
                shown
                    .iter()
                    .map(|&sample| table.get(usize::from(sample)).copied().unwrap_or(u8::MAX)),
            );
        }
        let is_whole = bytes.len() == width * self.height as usize;
        is_whole.then_some(Plane { samples: buffer, width: self.width, height: self.height, field })
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
            Error::TooMuchMemory { format }
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

    #[test]
    fn samples_of_any_range_become_bytes_of_the_full_range() {
        let check = |bits: u8, is_full_range: bool, is_difference: bool, pairs: &[(usize, u8)]| {
            let table = Colours { matrix: Matrix::Bt601, is_full_range }.table(bits, is_difference);
            for &(sample, byte) in pairs {
                assert_eq!(table[sample], byte, "{sample} of {bits} bits");
            }
        };
        check(8, true, false, &[(0, 0), (77, 77), (255, 255)]);
        check(8, true, true, &[(0, 0), (128, 128), (255, 255)]);
        check(8, false, false, &[(0, 0), (16, 0), (235, 255), (255, 255)]);
        check(8, false, true, &[(16, 1), (128, 128), (240, 255)]);
        check(10, true, false, &[(0, 0), (512, 128), (1023, 255)]);
        check(10, false, false, &[(64, 0), (940, 255)]);
    }
}
