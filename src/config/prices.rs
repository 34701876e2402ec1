//! What models cost, as the configuration says.

use crate::domain::cost::ModelPrice;
use std::collections::BTreeMap;

/// More is a slip of the point.
pub(crate) const PRICE_MAX: f64 = 1e6;

/// By model.
pub type Prices = BTreeMap<String, ModelPrice>;
