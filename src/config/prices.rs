//! What models cost, as the configuration says.

use std::collections::BTreeMap;

/// More is a slip of the point.
pub(crate) const PRICE_MAX: f64 = 1e6;

/// US dollars per million tokens, and per image.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Price {
    pub input: f64,
    /// Tokens from the service's prefix cache; none: as much as others.
    pub cached: Option<f64>,
    pub output: f64,
    /// Each image made.
    pub image: f64,
}

/// By model.
pub type Prices = BTreeMap<String, Price>;
