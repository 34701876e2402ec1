//! Keywords: when two spellings are one keyword, which go to the vote, and how they are grouped.

mod spelling;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use serde::{Deserialize, Serialize};

use crate::domain::{ballot::Candidate, seed::Seed};

pub use crate::domain::keyword::spelling::{KEYWORD_CHARS_MAX, normalise, tidy};

/// One seat naming one keyword.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mention {
    /// The stage in which it was named.
    pub stage: String,
    /// Who named it.
    pub seat: String,
    /// As it was written, tidied.
    pub keyword: String,
    /// As it is compared.
    pub normalised: String,
}

impl Mention {
    /// `None` when `text` is no keyword, see [`normalise`].
    pub fn new(stage: &str, seat: &str, text: &str) -> Option<Self> {
        Some(Self {
            stage: stage.to_owned(),
            seat: seat.to_owned(),
            keyword: tidy(text)?,
            normalised: normalise(text)?,
        })
    }
}

/// Merges mentions into at most `max` candidates for a vote, called `k1`, `k2`, … in this order:
/// named by more seats, then more often, then by the seeded rank of the normalised keyword.
///
/// A candidate's label is its first spelling. Seats may vote for keywords they named, so that no
/// candidate is anybody's own.
pub fn candidates(mentions: &[Mention], max: usize, seed: Seed) -> Vec<Candidate> {
    let mut merged: Vec<Merged<'_>> = merge(mentions).into_values().collect();
    merged.sort_by_cached_key(|merged| {
        let draw = seed.rank("keyword", merged.normalised);
        (Reverse(merged.seats.len()), Reverse(merged.mentions), draw)
    });
    merged
        .into_iter()
        .take(max)
        .enumerate()
        .map(|(index, merged)| Candidate {
            id: format!("k{}", index + 1),
            label: merged.label.to_owned(),
            own_seats: Vec::new(),
        })
        .collect()
}

struct Merged<'a> {
    normalised: &'a str,
    label: &'a str,
    seats: BTreeSet<&'a str>,
    mentions: usize,
}

fn merge(mentions: &[Mention]) -> BTreeMap<&str, Merged<'_>> {
    let mut merged = BTreeMap::new();
    for Mention { stage: _, seat, keyword, normalised } in mentions {
        let entry = merged.entry(normalised.as_str()).or_insert_with(|| Merged {
            normalised,
            label: keyword,
            seats: BTreeSet::new(),
            mentions: 0,
        });
        entry.seats.insert(seat);
        entry.mentions += 1;
    }
    merged
}

/// A group of keywords with a title.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    /// What the group has in common.
    pub title: String,
    /// Its keywords.
    pub keywords: Vec<String>,
}

/// Keywords grouped after the KJ method (Kawakita, 1967): cards, groups, titles, one core concept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clustering {
    /// The one idea the groups lead to.
    pub core_concept: String,
    /// The groups, none of them empty.
    pub clusters: Vec<Cluster>,
    /// Keywords that nobody put into a group.
    pub ungrouped: Vec<String>,
}

impl Clustering {
    /// Makes a proposed grouping true: every one of `keywords` appears exactly once.
    ///
    /// Keywords are compared normalised and spelled as in `keywords`, where a repetition counts
    /// once. The first mention in `proposed` wins, inventions and empty groups are dropped, and
    /// what is left over goes to `ungrouped` in the order of `keywords`.
    pub fn checked(core_concept: String, proposed: Vec<Cluster>, keywords: &[String]) -> Self {
        let mut unplaced: BTreeMap<String, &String> = BTreeMap::new();
        for keyword in keywords {
            unplaced.entry(card(keyword)).or_insert(keyword);
        }
        let clusters = proposed
            .into_iter()
            .map(|Cluster { title, keywords }| Cluster {
                title,
                keywords: keywords
                    .iter()
                    .filter_map(|keyword| unplaced.remove(&card(keyword)).cloned())
                    .collect(),
            })
            .filter(|cluster| !cluster.keywords.is_empty())
            .collect();
        let ungrouped = keywords
            .iter()
            .filter_map(|keyword| unplaced.remove(&card(keyword)).cloned())
            .collect();
        Self { core_concept, clusters, ungrouped }
    }
}

/// What makes two keywords one card. Even a text that is no keyword is a card, so that none is
/// lost.
fn card(keyword: &str) -> String {
    normalise(keyword).unwrap_or_else(|| keyword.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mentions(named: &[(&str, &str)]) -> Vec<Mention> {
        named.iter().filter_map(|(seat, text)| Mention::new("discuss", seat, text)).collect()
    }

    fn labels(candidates: &[Candidate]) -> Vec<&str> {
        candidates.iter().map(|candidate| candidate.label.as_str()).collect()
    }

    #[test]
    fn more_seats_come_before_more_mentions() {
        let named = mentions(&[
            ("a", "Wing"),
            ("a", "light"),
            ("a", "Light "),
            ("a", "“light”"),
            ("b", "wing"),
            ("b", "fold"),
            ("b", "fold"),
        ]);
        let candidates = candidates(&named, 20, Seed::from(1));
        assert_eq!(labels(&candidates), ["Wing", "light", "fold"]);
        let ids: Vec<&str> = candidates.iter().map(|candidate| candidate.id.as_str()).collect();
        assert_eq!(ids, ["k1", "k2", "k3"]);
    }

    #[test]
    fn the_seed_decides_between_equals_and_who_is_cut() {
        let named = mentions(&[("a", "one"), ("a", "two"), ("a", "three"), ("a", "four")]);
        let cut = |seed| {
            let cut = candidates(&named, 3, Seed::from(seed));
            labels(&cut).into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        assert!((0..20).all(|seed| cut(seed).len() == 3 && cut(seed) == cut(seed)));
        assert!((0..20).map(cut).collect::<BTreeSet<_>>().len() > 5);
    }

    fn cluster(title: &str, keywords: &[&str]) -> Cluster {
        let keywords = keywords.iter().map(ToString::to_string).collect();
        Cluster { title: title.to_owned(), keywords }
    }

    #[test]
    fn a_grouping_is_made_true() {
        let keywords = ["Wing", "light", "fold", "paper", "wing"].map(str::to_owned);
        let proposed = vec![
            cluster("insect", &["wing", "antenna", "WING"]),
            cluster("invented", &["gold"]),
            cluster("craft", &["“Fold”", "wing"]),
        ];
        let checked = Clustering::checked("lightness".to_owned(), proposed, &keywords);
        assert_eq!(checked.core_concept, "lightness");
        assert_eq!(checked.clusters, [cluster("insect", &["Wing"]), cluster("craft", &["fold"])]);
        assert_eq!(checked.ungrouped, ["light", "paper"]);
    }

    fn any_words() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec("[a-dA-D“”蝶 ]{0,3}", 0..12)
    }

    proptest! {
        #[test]
        fn every_mentioned_keyword_is_one_candidate(texts in any_words(), seed: u64) {
            let named: Vec<Mention> =
                texts.iter().filter_map(|text| Mention::new("story", "a", text)).collect();
            let expected: BTreeSet<String> =
                named.iter().map(|mention| mention.normalised.clone()).collect();
            let candidates = candidates(&named, usize::MAX, Seed::from(seed));
            let found: Vec<String> =
                candidates.iter().filter_map(|candidate| normalise(&candidate.label)).collect();
            prop_assert_eq!(found.len(), expected.len());
            prop_assert_eq!(BTreeSet::from_iter(found), expected);
        }

        #[test]
        fn every_keyword_appears_exactly_once(
            keywords in any_words(),
            groups in prop::collection::vec(any_words(), 0..4),
        ) {
            let proposed = groups
                .into_iter()
                .map(|keywords| Cluster { title: "group".to_owned(), keywords })
                .collect();
            let checked = Clustering::checked("core".to_owned(), proposed, &keywords);

            prop_assert!(checked.clusters.iter().all(|cluster| !cluster.keywords.is_empty()));
            let clustered = checked.clusters.iter().flat_map(|cluster| &cluster.keywords);
            let mut placed: Vec<String> =
                clustered.chain(&checked.ungrouped).map(|keyword| card(keyword)).collect();
            placed.sort();
            let given: BTreeSet<String> = keywords.iter().map(|keyword| card(keyword)).collect();
            prop_assert_eq!(placed, Vec::from_iter(given));
        }
    }
}
