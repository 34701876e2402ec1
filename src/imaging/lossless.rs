//! A picture that is already as it should be passes as it is, without what is not the picture.
//!
//! An upright JPEG or PNG in sRGB that fits keeps every bit of its coefficients or pixels; only
//! the segments and chunks around them go: place, time, camera, comments, thumbnails, trailers.

use crate::imaging::decode::{Opened, Picture};
use crate::imaging::encode::Encoded;
use crate::imaging::png::{self, Png};
use crate::imaging::profile::Profile;
use crate::imaging::{Error, Limits, Mime, jpeg};
use image::metadata::Orientation;

/// The picture in `input` without its metadata, or `None` if it has to be made anew.
pub(crate) fn pass(
    input: &[u8],
    opened: &Opened<'_>,
    limits: &Limits,
) -> Result<Option<Encoded>, Error> {
    let passed = match opened {
        Opened::Jpeg(header) => pass_jpeg(input, header, limits)?,
        Opened::Png(png) => pass_png(input, png, limits)?,
        Opened::Heif(_) | Opened::Other(..) => None,
    };
    Ok(passed.filter(|encoded| encoded.bytes.len() <= limits.bytes_max))
}

fn is_srgb(icc: Option<&[u8]>, limits: &Limits) -> bool {
    icc.and_then(|icc| Profile::read(icc, limits.icc_bytes_max)).is_none()
}

fn pass_jpeg(
    input: &[u8],
    header: &jpeg::Header,
    limits: &Limits,
) -> Result<Option<Encoded>, Error> {
    let (width, height) = (header.frame.width, header.frame.height);
    let may_pass = limits.fit(width, height) == (width, height)
        && header.orientation == Orientation::NoTransforms
        && header.is_plain()
        && is_srgb(header.icc.as_deref(), limits);
    if !may_pass {
        return Ok(None);
    }
    jpeg::check(input, header)?;
    Ok(Some(Encoded { bytes: jpeg::stripped(input)?, mime: Mime::Jpeg, width, height }))
}

fn pass_png(input: &[u8], png: &Png<'_>, limits: &Limits) -> Result<Option<Encoded>, Error> {
    let (width, height) = png.size();
    let may_pass = limits.fit(width, height) == (width, height)
        && !png.is_deep()
        && png.orientation() == Orientation::NoTransforms
        && is_srgb(png.icc(), limits);
    if !may_pass {
        return Ok(None);
    }
    let whole = Png::open(input, limits)?.decode((width, height))?;
    let Picture::Pixels { pixels, .. } = whole else { return Ok(None) };
    let is_transparent = || pixels.to_rgba8().pixels().any(|pixel| pixel[3] < u8::MAX);
    if pixels.color().has_alpha() && !is_transparent() {
        return Ok(None);
    }
    Ok(Some(Encoded { bytes: png::stripped(input)?, mime: Mime::Png, width, height }))
}
