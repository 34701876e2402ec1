//! Chance that can be repeated.
//!
//! Everything a discussion leaves to chance (speaking order, the order in which options are shown,
//! the last tie-break) is asked of a [`Seed`]. There is no generator and no state: an answer is a
//! SHA-256 of the seed, of what is being decided and of the thing itself, so it is the same in
//! every process and every version, and adding one thing never reshuffles the others.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The seed of one discussion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(u64);

impl Seed {
    /// A seed made of any bytes, a fingerprint for example.
    ///
    /// Only 53 bits are used: the seed is published as a JSON number, and many JSON readers keep
    /// numbers as doubles, which are exact up to 2^53.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let digest = Sha256::digest(bytes);
        let first_eight = digest.iter().take(8);
        Self(first_eight.fold(0, |number, byte| (number << 8) | u64::from(*byte)) >> 11)
    }

    /// The number this seed was made of.
    pub fn get(self) -> u64 {
        self.0
    }

    /// Where chance puts `key` when `label` is decided: the lower, the earlier.
    ///
    /// SHA-256 of the seed (8 bytes, big endian), the length of the label (8 bytes, big endian),
    /// the label and the key. The length keeps `("ab", "c")` and `("a", "bc")` apart.
    pub fn rank(self, label: &str, key: &str) -> [u8; 32] {
        Sha256::new()
            .chain_update(self.0.to_be_bytes())
            .chain_update((label.len() as u64).to_be_bytes())
            .chain_update(label)
            .chain_update(key)
            .finalize()
            .into()
    }

    /// Shuffles `items`: a function of the seed, the label and each item's key alone.
    ///
    /// The order of the input matters only between items with the same key, which stay as they
    /// were.
    pub fn order<T>(self, label: &str, mut items: Vec<T>, key: impl Fn(&T) -> String) -> Vec<T> {
        items.sort_by_cached_key(|item| self.rank(label, &key(item)));
        items
    }
}

impl From<u64> for Seed {
    fn from(seed: u64) -> Self {
        Self(seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shuffled(seed: u64, label: &str, items: &[&str]) -> Vec<String> {
        let items = items.iter().map(ToString::to_string).collect();
        Seed::from(seed).order(label, items, Clone::clone)
    }

    /// These values were computed outside this program. If they change, old results do too.
    #[test]
    fn the_order_is_the_same_for_ever() {
        assert_eq!(
            hex::encode(Seed::from(7).rank("vote", "butterfly")),
            "0359039984d9e3e9085aba4c4e7f59eda6d3feaed43df46308dd51f91bf874fb"
        );
        assert_eq!(Seed::from_bytes(b"fingerprint").get(), 2_410_985_805_394_451);
        assert_eq!(shuffled(7, "vote", &["a", "b", "c", "d", "e"]), ["a", "d", "e", "b", "c"]);
    }

    #[test]
    fn the_length_keeps_label_and_key_apart() {
        let seed = Seed::from(1);
        assert_ne!(seed.rank("ab", "c"), seed.rank("a", "bc"));
    }

    #[test]
    fn every_place_is_reached_about_equally_often() {
        let mut first = [0_u32; 4];
        for seed in 0..4_000 {
            let order = shuffled(seed, "fair", &["0", "1", "2", "3"]);
            first[order[0].parse::<usize>().unwrap()] += 1;
        }
        assert!(first.iter().all(|count| (900..1_100).contains(count)), "{first:?}");
    }

    #[test]
    fn a_seed_is_a_plain_number_in_json() {
        assert_eq!(serde_json::to_string(&Seed::from(42)).unwrap(), "42");
        assert_eq!(serde_json::from_str::<Seed>("42").unwrap(), Seed::from(42));
    }

    proptest! {
        #[test]
        fn the_order_of_the_input_does_not_matter(
            seed: u64,
            items in prop::collection::btree_set("[a-z]{1,4}", 0..12).prop_map(Vec::from_iter),
        ) {
            let backwards: Vec<String> = items.iter().rev().cloned().collect();
            let order = |items| Seed::from(seed).order("x", items, Clone::clone);
            prop_assert_eq!(order(items), order(backwards));
        }

        #[test]
        fn leaving_one_out_does_not_move_the_others(
            seed: u64,
            items in prop::collection::btree_set("[a-z]{1,4}", 1..12).prop_map(Vec::from_iter),
        ) {
            let mut whole = Seed::from(seed).order("x", items.clone(), Clone::clone);
            whole.retain(|item| item != &items[0]);
            let rest = Seed::from(seed).order("x", items[1..].to_vec(), Clone::clone);
            prop_assert_eq!(whole, rest);
        }

        #[test]
        fn a_seed_from_bytes_survives_readers_that_use_doubles(bytes: Vec<u8>) {
            prop_assert!(Seed::from_bytes(&bytes).get() < 1 << 53);
        }
    }
}
