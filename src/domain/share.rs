//! A share of a whole, such as "0.6 of the ballots", free of floating point's surprises.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number from 0 to 1 with at most three decimals, kept in thousandths.
///
/// In binary floating point 0.6 is a little less and 0.07 a little more than written, so that
/// `ceil(100 × 0.07)` comes out as 8. Written as a plain number (`0.6`) in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(u16);

/// Why something is not a [`Share`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a number at all.
    #[error("`{0}` is not a number")]
    NotANumber(String),
    /// Below 0 or above 1.
    #[error("{0} is not between 0 and 1")]
    OutOfRange(String),
    /// Four decimals or more.
    #[error("{0} has more than three decimals")]
    TooFine(String),
}

impl Share {
    /// `thousandths` / 1000.
    ///
    /// # Panics
    /// Above 1000: this is for constants, what users write goes through `parse` or serde.
    pub const fn of_thousandths(thousandths: u16) -> Self {
        assert!(thousandths <= 1000, "a share is at most the whole");
        Self(thousandths)
    }

    /// The smallest whole number that is at least this share of `total`.
    pub const fn ceil_of(self, total: usize) -> usize {
        (total * self.0 as usize).div_ceil(1000)
    }

    fn as_f64(self) -> f64 {
        f64::from(self.0) / 1000.0
    }
}

impl TryFrom<f64> for Share {
    type Error = Error;

    fn try_from(number: f64) -> Result<Self, Error> {
        if !(0.0..=1.0).contains(&number) {
            return Err(Error::OutOfRange(number.to_string()));
        }
        // Both are the double nearest to the same decimal, so that equality is the right question.
        (0..=1000)
            .map(Self)
            .find(|share| share.as_f64().to_bits() == (number + 0.0).to_bits())
            .ok_or_else(|| Error::TooFine(number.to_string()))
    }
}

impl FromStr for Share {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let number: f64 = text.trim().parse().map_err(|_| Error::NotANumber(text.to_owned()))?;
        Self::try_from(number)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_f64().fmt(f)
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.as_f64())
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ceiling_is_what_a_person_would_say() {
        let check = |share: &str, total, expected| {
            assert_eq!(
                share.parse::<Share>().unwrap().ceil_of(total),
                expected,
                "{total} × {share}"
            );
        };
        check("0.6", 5, 3);
        check("0.6", 10, 6);
        check("0.6", 6, 4);
        check("0.6", 0, 0);
        check("0.07", 100, 7);
        check("0.5", 6, 3);
        check("0.5", 5, 3);
        check("0.334", 3, 2);
        check("0", 6, 0);
        check("1", 6, 6);
        check("0.001", 1, 1);
    }

    #[test]
    fn every_thousandth_survives_json_toml_and_text() {
        for thousandths in 0..=1000 {
            let share = Share::of_thousandths(thousandths);
            let json = serde_json::to_string(&share).unwrap();
            assert_eq!(serde_json::from_str::<Share>(&json).unwrap(), share);
            assert_eq!(share.to_string().parse::<Share>().unwrap(), share);
        }
        assert_eq!(serde_json::to_string(&Share::of_thousandths(600)).unwrap(), "0.6");
        assert_eq!(serde_json::from_str::<Share>("1").unwrap(), Share::of_thousandths(1000));

        #[derive(Deserialize)]
        struct Table {
            part: Share,
            whole: Share,
        }
        let table: Table = toml::from_str("part = 0.6\nwhole = 1").unwrap();
        assert_eq!((table.part.0, table.whole.0), (600, 1000));
    }

    #[test]
    fn what_is_no_share_is_refused_with_the_reason() {
        let check = |text: &str, reason: &str| {
            assert_eq!(text.parse::<Share>().unwrap_err().to_string(), reason);
        };
        check("many", "`many` is not a number");
        check("NaN", "NaN is not between 0 and 1");
        check("1.001", "1.001 is not between 0 and 1");
        check("-0.1", "-0.1 is not between 0 and 1");
        check("60", "60 is not between 0 and 1");
        check("0.6001", "0.6001 has more than three decimals");
        assert!(serde_json::from_str::<Share>("1.5").is_err());
    }
}
