//! Money and tokens.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::iter::Sum;
use std::ops::AddAssign;
use std::str::FromStr;

/// An amount of money in millionths of a US dollar.
///
/// Written as a decimal string (`"0.041230"`), because a float would lose cents over a night.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MicroUsd(pub u64);

impl MicroUsd {
    /// Rounds up to the next micro-dollar, so that a sum of small calls is never understated.
    /// Negative or non-finite amounts are not prices: `None`.
    pub fn from_usd(usd: f64) -> Option<Self> {
        let micro = (usd * 1e6 - 1e-6).ceil();
        // 2^53 micro-dollars are nine billion dollars: above it a float is no longer exact.
        let in_range = micro.is_finite() && micro > -1.0 && micro < 9_007_199_254_740_992.0;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the range was checked"
        )]
        in_range.then(|| Self(micro.max(0.0) as u64))
    }
}

impl fmt::Display for MicroUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// What a model costs: US dollars per million tokens, and per image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelPrice {
    pub input: f64,
    /// For tokens from the service's prefix cache; without it they cost as much as others.
    pub cached: Option<f64>,
    pub output: f64,
    /// For each image made.
    pub image: f64,
}

/// The text was not a decimal amount with at most six digits after the point.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an amount in US dollars such as 12.50")]
pub struct ParseMoneyError(String);

impl FromStr for MicroUsd {
    type Err = ParseMoneyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseMoneyError(text.to_owned());
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let digits = |s: &str| s.chars().all(|c| c.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(part) || part.len() > 6 {
            return Err(wrong());
        }
        let whole: u64 = whole.parse().map_err(|_| wrong())?;
        let part: u64 = format!("{part:0<6}").parse().map_err(|_| wrong())?;
        whole.checked_mul(1_000_000).and_then(|w| w.checked_add(part)).map(Self).ok_or_else(wrong)
    }
}

impl Serialize for MicroUsd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MicroUsd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl AddAssign for MicroUsd {
    fn add_assign(&mut self, other: Self) {
        self.0 = self.0.saturating_add(other.0);
    }
}

impl Sum for MicroUsd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        Self(amounts.map(|a| a.0).fold(0, u64::saturating_add))
    }
}

/// What one call used, in tokens, as far as the service told us.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens sent, cached ones included.
    pub tokens_in: Option<u64>,
    /// Tokens sent that the service found in its prefix cache.
    pub tokens_cached: Option<u64>,
    /// Tokens received, reasoning included.
    pub tokens_out: Option<u64>,
    /// Tokens received that were reasoning.
    pub tokens_reasoning: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn money_is_written_with_six_digits_and_read_back() {
        let check = |micro: u64, text: &str| {
            assert_eq!(MicroUsd(micro).to_string(), text);
            assert_eq!(text.parse(), Ok(MicroUsd(micro)));
        };
        check(41_230, "0.041230");
        check(0, "0.000000");
        check(12_500_000, "12.500000");
        assert_eq!("5".parse(), Ok(MicroUsd(5_000_000)));
        for wrong in ["", "-1", "1.2345678", ".5", "1e3", "5 USD"] {
            assert!(wrong.parse::<MicroUsd>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_price_is_rounded_up_and_nonsense_is_no_price() {
        assert_eq!(MicroUsd::from_usd(0.041_230_4), Some(MicroUsd(41_231)));
        assert_eq!(MicroUsd::from_usd(0.041_230), Some(MicroUsd(41_230)));
        assert_eq!(MicroUsd::from_usd(0.0), Some(MicroUsd(0)));
        for wrong in [-0.1, f64::NAN, f64::INFINITY, 1e30] {
            assert_eq!(MicroUsd::from_usd(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn every_amount_survives_a_round_trip(micro in any::<u64>()) {
            prop_assert_eq!(MicroUsd(micro).to_string().parse(), Ok(MicroUsd(micro)));
        }
    }
}
