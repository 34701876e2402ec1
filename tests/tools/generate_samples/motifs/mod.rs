//! What the samples show, one file a picture.

pub(crate) mod butterfly;
pub(crate) mod koi_pond;
pub(crate) mod lantern;
pub(crate) mod lighthouse;
pub(crate) mod quilt;
pub(crate) mod street;
pub(crate) mod teapot;
