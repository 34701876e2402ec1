//! One AV1 picture, by `re_rav1d`.

use crate::imaging::heif::colours::Colours;
use crate::imaging::planar::Matrix;
use crate::imaging::{Error, Format};
use heic_rs::ChromaFormat;
use heic_rs::hevc::Frame;
use re_rav1d::dav1d::pixel::{MatrixCoefficients, YUVRange};
use re_rav1d::dav1d::{
    Decoder, Error as Av1Error, Picture, PixelLayout, PlanarImageComponent, Settings,
};

/// Decodes the only picture in `data`, on this thread; `size` is what its container declares.
pub(super) fn decode(data: Vec<u8>, size: (u32, u32)) -> Result<(Frame, Colours), Error> {
    let mut settings = Settings::new();
    settings.set_n_threads(1);
    settings.set_max_frame_delay(1);
    // A picture may be coded a little larger than it is shown, not more.
    settings.set_frame_size_limit((size.0 + 128).saturating_mul(size.1 + 128));
    let mut decoder = Decoder::with_settings(&settings).map_err(fail)?;
    match decoder.send_data(data, None, None, None) {
        Ok(()) | Err(Av1Error::Again) => {}
        Err(error) => return Err(fail(error)),
    }
    let picture = decoder.get_picture().map_err(fail)?;
    Ok((frame(&picture)?, colours(&picture)))
}

fn colours(picture: &Picture) -> Colours {
    let matrix = match picture.matrix_coefficients() {
        MatrixCoefficients::Identity => Matrix::Identity,
        MatrixCoefficients::BT709 => Matrix::Bt709,
        MatrixCoefficients::BT2020NonConstantLuminance => Matrix::Bt2020,
        _ => Matrix::Bt601,
    };
    let is_full_range = matches!(picture.color_range(), YUVRange::Full);
    Colours { matrix, is_full_range }
}

fn frame(picture: &Picture) -> Result<Frame, Error> {
    let chroma = match picture.pixel_layout() {
        PixelLayout::I400 => ChromaFormat::Monochrome,
        PixelLayout::I420 => ChromaFormat::Yuv420,
        PixelLayout::I422 => ChromaFormat::Yuv422,
        PixelLayout::I444 => ChromaFormat::Yuv444,
    };
    let bits = picture.bits_per_component().map_or(8, |bits| bits.0);
    let samples = |component| samples(picture, component, bits > 8);
    let (y, y_stride) = samples(PlanarImageComponent::Y);
    let ((cb, c_stride), (cr, _)) = if chroma == ChromaFormat::Monochrome {
        ((Vec::new(), 0), (Vec::new(), 0))
    } else {
        (samples(PlanarImageComponent::U), samples(PlanarImageComponent::V))
    };
    let bit_depth = u8::try_from(bits).map_err(|_| damaged("its samples have too many bits"))?;
    let (width, height) = (picture.width(), picture.height());
    Ok(Frame { width, height, bit_depth, chroma, y, cb, cr, y_stride, c_stride })
}

/// A plane's samples, and how many there are a row.
fn samples(picture: &Picture, component: PlanarImageComponent, wide: bool) -> (Vec<u16>, u32) {
    let plane = picture.plane(component);
    let stride = picture.stride(component);
    if wide {
        let pairs = plane.as_chunks::<2>().0.iter();
        (pairs.map(|&pair| u16::from_ne_bytes(pair)).collect(), stride / 2)
    } else {
        (plane.iter().map(|&sample| sample.into()).collect(), stride)
    }
}

fn fail(error: Av1Error) -> Error {
    match error {
        Av1Error::Again => {
            let reason = "its picture data ends before the picture does".to_owned();
            Error::Truncated { format: Format::Avif, reason }
        }
        Av1Error::UnsupportedBitstream => {
            let feature = "an unknown kind of AV1".to_owned();
            Error::Unsupported { format: Format::Avif, feature }
        }
        // The list is open.
        _ => damaged("its picture data cannot be decoded"),
    }
}

fn damaged(reason: &str) -> Error {
    Error::Corrupt { format: Format::Avif, reason: reason.to_owned() }
}
