//! Why a picture is refused.

use crate::imaging::Format;

/// Why a picture cannot be prepared. The message is a fragment that follows the file's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing in the file.
    #[error("the file is empty")]
    Empty,
    /// Not a picture of a kind we read.
    #[error("not a picture this program reads (JPEG, PNG, GIF, WebP, BMP, TIFF, HEIC, AVIF): {0}")]
    Unknown(&'static str),
    /// A kind of picture that is read, in a variety that is not.
    #[error("this {format} uses {feature}, which is not supported")]
    Unsupported { format: Format, feature: String },
    /// The file ends before the picture does.
    #[error("the {format} is cut short: {reason}")]
    Truncated { format: Format, reason: String },
    /// The file contradicts itself.
    #[error("the {format} is damaged: {reason}")]
    Corrupt { format: Format, reason: String },
    /// The file is larger than allowed.
    #[error("the file has {bytes} bytes, more than the limit of {bytes_max}")]
    TooManyBytes { bytes: u64, bytes_max: u64 },
    /// The picture has more pixels than allowed.
    #[error("the picture is {width}×{height} pixels, more than the limit of {pixels_max} in all")]
    TooManyPixels { width: u32, height: u32, pixels_max: u64 },
    /// One side is longer than allowed.
    #[error("the picture is {width}×{height} pixels, more than the limit of {side_max} a side")]
    TooLongSide { width: u32, height: u32, side_max: u32 },
    /// Decoding would take more memory than all pictures together may.
    #[error("decoding the {format} takes {} MB, more than the limit of {} MB", .bytes / 1_000_000, .bytes_max / 1_000_000)]
    TooMuchMemory { format: Format, bytes: u64, bytes_max: u64 },
    /// The file makes its decoder ask for more memory than a picture of its size can need.
    #[error("the {format} needs more memory than its size justifies")]
    OutOfProportion { format: Format },
    /// Not even the smallest rendering is within the output limit.
    #[error("the picture cannot be made to fit in {bytes_max} bytes")]
    CannotFit { bytes_max: usize },
}

impl Error {
    /// The contract's error code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty | Self::Corrupt { .. } => "input.unreadable",
            Self::Truncated { .. } => "input.truncated",
            Self::Unknown(_) | Self::Unsupported { .. } => "input.unsupported",
            Self::TooManyBytes { .. }
            | Self::TooManyPixels { .. }
            | Self::TooLongSide { .. }
            | Self::TooMuchMemory { .. }
            | Self::OutOfProportion { .. }
            | Self::CannotFit { .. } => "input.too_large",
        }
    }
}
