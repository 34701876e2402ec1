//! What a listener makes out in a description: colours, traits, what they may mean.

use crate::domain::spec::Language;
use crate::imaging::measure::ColourName;
use crate::provider::rehearsal::bank::{Bank, Trait, bare};
use crate::provider::rehearsal::wire::is_han;

/// A picture as somebody knows it who has only heard of it.
#[derive(Debug, Default)]
pub(super) struct Scene {
    /// Colour names in the order in which they are mentioned.
    pub(super) colours: Vec<String>,
    pub(super) traits: Vec<&'static Trait>,
    /// What the traits may mean, the most frequent first.
    pub(super) meanings: Vec<String>,
    /// Short pieces of the description, word for word.
    pub(super) glimpses: Vec<String>,
}

impl Scene {
    pub(super) fn of(description: &str, bank: &'static Bank) -> Self {
        let lower = description.to_lowercase();
        let traits = traits(&lower, bank);
        Self {
            colours: colours(&lower, bank.language),
            meanings: meanings(&traits),
            glimpses: clauses(description)
                .into_iter()
                .filter(|clause| fits_a_quote(clause) && !clause.contains(char::is_numeric))
                .collect(),
            traits,
        }
    }
}

/// The colours named in a text, in order, each once.
pub(super) fn colours(text: &str, language: Language) -> Vec<String> {
    mentions(text, colour_names(language))
}

fn colour_names(language: Language) -> impl Iterator<Item = &'static str> {
    ColourName::ALL.into_iter().map(move |name| match language {
        Language::En => name.english(),
        Language::Zh => name.chinese(),
    })
}

/// Which of the names occur in a text, in the order of their first mention, each once. A name
/// does not count where it is part of a longer one: "blue" is not in "sky blue".
pub(super) fn mentions<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut found: Vec<(usize, usize, &str)> = names
        .flat_map(|name| places(text, name).map(move |at| (at, at + name.len(), name)))
        .collect();
    // Of those that begin together the longest comes first.
    found.sort_unstable_by_key(|&(start, end, _)| (start, std::cmp::Reverse(end)));
    let mut named: Vec<String> = Vec::new();
    let mut covered = 0;
    for (start, end, name) in found {
        if start >= covered {
            covered = end;
            if !named.iter().any(|known| known == name) {
                named.push(name.to_owned());
            }
        }
    }
    named
}

/// Where a name stands in a text as a word of its own.
fn places<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = usize> + 'a {
    let letter = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphabetic());
    text.match_indices(name).map(|(at, _)| at).filter(move |&at| {
        let (before, rest) = text.split_at(at);
        let after = rest.strip_prefix(name).unwrap_or_default();
        !name.is_ascii() || !(letter(before.chars().next_back()) || letter(after.chars().next()))
    })
}

/// One trait of each kind at most: the first in the bank that the text speaks of.
fn traits(lower: &str, bank: &'static Bank) -> Vec<&'static Trait> {
    let mut found: Vec<&Trait> = Vec::new();
    for candidate in &bank.traits {
        let new = found.iter().all(|known| known.kind != candidate.kind);
        if new && candidate.needles.iter().any(|needle| lower.contains(needle)) {
            found.push(candidate);
        }
    }
    found
}

fn meanings(traits: &[&Trait]) -> Vec<String> {
    let mut counted: Vec<(usize, &String)> = Vec::new();
    for meaning in traits.iter().flat_map(|found| &found.meanings) {
        match counted.iter_mut().find(|(_, known)| *known == meaning) {
            Some((count, _)) => *count += 1,
            None => counted.push((1, meaning)),
        }
    }
    counted.sort_by_key(|&(count, _)| std::cmp::Reverse(count)); // stable: ties stay in order
    counted.into_iter().map(|(_, meaning)| meaning.clone()).collect()
}

/// A text in clauses, without the marks between them.
pub(super) fn clauses(text: &str) -> Vec<String> {
    text.split(['.', ',', ';', ':', '!', '?', '。', '，', '；', '：', '！', '？', '\n', '—'])
        .map(|clause| clause.trim().to_owned())
        .collect()
}

/// Beginnings that make no sense without what was said before.
const TIED: [&str; 18] = [
    "and ", "but ", "or ", "which ", "that ", "because ", "so ", "as ", "也", "就", "可", "但",
    "而", "所以", "因为", "或", "这", "那",
];

/// Long enough to mean something, short enough to be repeated, and no quotation itself.
pub(super) fn fits_a_quote(clause: &str) -> bool {
    const QUOTES: [char; 7] = ['"', '“', '”', '「', '」', '‘', '>'];
    let chars = clause.chars().count();
    let words = clause.split_whitespace().count();
    let fits = if clause.chars().any(is_han) {
        (6..=22).contains(&chars)
    } else {
        (5..=14).contains(&words) && (18..=80).contains(&chars)
    };
    let tied = TIED.iter().any(|tie| clause.to_lowercase().starts_with(tie));
    fits && !tied && !clause.contains(QUOTES)
}

/// All words of the bank that a keyword could be, in a text, in the order of their mention. Of the
/// meanings only those count that this picture has.
pub(super) fn keywords(text: &str, scene: &Scene, bank: &'static Bank) -> Vec<String> {
    let mut names: Vec<&str> = bank.traits.iter().map(|found| found.key.as_str()).collect();
    names.extend(scene.meanings.iter().map(String::as_str));
    names.extend(bank.things().map(|thing| bare(&thing.name)));
    names.extend(bank.things().flat_map(|thing| &thing.materials).map(String::as_str));
    for colour in colour_names(bank.language) {
        names.push(colour);
    }
    mentions(&text.to_lowercase(), names.into_iter())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_counts_as_a_word_of_its_own_and_not_inside_another() {
        let check = |text: &str, language, found: &[&str]| {
            assert_eq!(colours(text, language), found, "{text}");
        };
        check("sky blue over red", Language::En, &["sky blue", "red"]);
        check("sky blue, then blue", Language::En, &["sky blue", "blue"]);
        check("covered, tired, unredeemed", Language::En, &[]);
        check("红色和暗红色，还有红色", Language::Zh, &["红色", "暗红色"]);
    }

    #[test]
    fn a_description_by_anybody_gives_colours_traits_and_meanings() {
        let bank = Bank::of(Language::En);
        let text = "A red kite on a plain background, perfectly symmetrical, in bright light.";
        let scene = Scene::of(text, bank);
        assert_eq!(scene.colours, ["red"]);
        let keys: Vec<&str> = scene.traits.iter().map(|found| found.key.as_str()).collect();
        assert_eq!(keys, ["mirror symmetry", "open light", "calm areas"]);
        assert!(scene.meanings.contains(&"balance".to_owned()));
    }

    #[test]
    fn a_quote_is_neither_a_crumb_nor_a_continuation() {
        for good in ["I would keep the red as it is", "拿掉它这幅画就不成立"] {
            assert!(fits_a_quote(good), "{good}");
        }
        for bad in
            ["so red", "and all I could find was a lunch bag", "she said \"no\" to me twice", "好"]
        {
            assert!(!fits_a_quote(bad), "{bad}");
        }
    }
}
