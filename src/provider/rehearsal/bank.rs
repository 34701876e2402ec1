//! The words the rehearsal has: what it may say and what it can make out, in both languages.

use crate::domain::spec::Language;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Sentences of which one is chosen.
pub(super) type Lines = Vec<String>;

/// What fills the `{slots}` of a sentence.
pub(super) type Slots = BTreeMap<&'static str, String>;

/// All words of one language.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bank {
    #[serde(skip)]
    pub(super) language: Language,
    pub(super) picture: Picture,
    pub(super) traits: Vec<Trait>,
    pub(super) talk: Talk,
    pub(super) story: Story,
    pub(super) roles: BTreeMap<String, Role>,
    pub(super) papers: Papers,
}

/// How a measured picture is put into words.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Picture {
    pub(super) format: Lines,
    pub(super) palette: Lines,
    pub(super) single: Lines,
    pub(super) temperature: Lines,
    pub(super) weight: Lines,
    pub(super) symmetry: Lines,
    pub(super) echo: Lines,
    pub(super) light: Lines,
    pub(super) texture: Lines,
    pub(super) open: Lines,
    pub(super) mood: Lines,
    pub(super) limits: Lines,
    pub(super) largest: String,
    pub(super) further: String,
    pub(super) and: String,
    pub(super) comma: String,
    pub(super) terms: Terms,
}

/// Names of degrees, each list in rising order of what it measures.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Terms {
    /// Landscape, portrait, square.
    pub(super) shapes: [String; 3],
    /// Cool, neither, warm.
    pub(super) temperatures: [String; 3],
    pub(super) symmetries: [String; 3],
    pub(super) lights: [String; 3],
    pub(super) contrasts: [String; 3],
    pub(super) textures: [String; 3],
    /// Left, centre, right.
    pub(super) across: [String; 3],
    /// Top, middle, bottom.
    pub(super) down: [String; 3],
    /// Right in the middle, both ways.
    pub(super) middle: String,
    /// Joins a place down and a place across.
    pub(super) place: String,
}

/// Something about a picture that a listener can take from its description.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Trait {
    /// What it is a trait of; a picture has one of each kind at most.
    pub(super) kind: String,
    /// Any of these in the description stands for it.
    pub(super) needles: Lines,
    /// How one speaks of it.
    pub(super) say: String,
    /// The keyword for it, contained in `say`.
    pub(super) key: String,
    /// What it may mean to somebody.
    pub(super) meanings: Lines,
}

/// What anybody may say.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Talk {
    pub(super) openings: Lines,
    pub(super) replies: Lines,
    /// Replies to a remark that was a question.
    pub(super) answers: Lines,
    pub(super) observations: Lines,
    pub(super) voices: Lines,
    pub(super) catches: Lines,
    pub(super) closings: Lines,
    pub(super) hellos: Lines,
    pub(super) manners: Lines,
    pub(super) lookbacks: Lines,
    pub(super) stances: Lines,
    pub(super) objections: Lines,
    pub(super) decisions: Lines,
}

/// What joins the parts of a story.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Story {
    pub(super) triggers: Lines,
    pub(super) threads: Lines,
}

/// What a role knows and says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Role {
    /// Names of the role.
    pub(super) label: Lines,
    /// Words by which it is recognised and by which it judges.
    pub(super) marks: Lines,
    pub(super) experience: Lines,
    pub(super) proposals: Lines,
    pub(super) closings: Lines,
    pub(super) users: Lines,
    pub(super) makes: Lines,
    pub(super) things: Vec<Thing>,
    pub(super) stories: Vec<Tale>,
}

/// Something that could be made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Thing {
    /// With its article, which [`bare`] takes off.
    pub(super) name: String,
    pub(super) materials: Lines,
    pub(super) size: String,
    /// What it does, as a sentence.
    pub(super) job: String,
}

/// A story in three steps that belong together.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tale {
    pub(super) begin: String,
    pub(super) middle: String,
    pub(super) end: String,
}

/// What is written and not spoken.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Papers {
    pub(super) colour_titles: Lines,
    pub(super) form_titles: Lines,
    pub(super) material_titles: Lines,
    pub(super) use_titles: Lines,
    pub(super) meaning_titles: Lines,
    pub(super) other_titles: Lines,
    pub(super) concepts: Lines,
    pub(super) forms: Lines,
    pub(super) elements: Lines,
    pub(super) meanings: Lines,
    pub(super) wish: String,
    pub(super) image_prompts: Lines,
    pub(super) wrappings: Lines,
    pub(super) keywords_line: String,
    pub(super) keywords_comma: String,
}

macro_rules! words {
    ($folder:literal) => {
        concat!(
            include_str!(concat!("words/", $folder, "/picture.toml")),
            include_str!(concat!("words/", $folder, "/talk.toml")),
            include_str!(concat!("words/", $folder, "/roles.toml")),
            include_str!(concat!("words/", $folder, "/papers.toml")),
        )
    };
}

static EN: LazyLock<Bank> = LazyLock::new(|| read(Language::En, words!("en")));
static ZH: LazyLock<Bank> = LazyLock::new(|| read(Language::Zh, words!("zh")));

fn read(language: Language, words: &str) -> Bank {
    let bank = toml::from_str(words).expect("the words are compiled in and read by a test");
    Bank { language, ..bank }
}

impl Bank {
    pub(super) fn of(language: Language) -> &'static Self {
        match language {
            Language::En => &EN,
            Language::Zh => &ZH,
        }
    }

    /// Everything that any role could make.
    pub(super) fn things(&self) -> impl Iterator<Item = &Thing> {
        self.roles.values().flat_map(|role| &role.things)
    }

    /// Puts sentences together: English wants a space between them.
    pub(super) fn join(&self, sentences: &[String]) -> String {
        match self.language {
            Language::En => sentences.join(" "),
            Language::Zh => sentences.concat(),
        }
    }
}

/// A sentence with its slots filled, or none where one of them is not known. A slot with a
/// capital letter (`{Colour}`) begins a sentence.
pub(super) fn fill(line: &str, slots: &Slots) -> Option<String> {
    let mut pieces = line.split('{');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (name, rest) = piece.split_once('}')?;
        let value = slots.get(name.to_lowercase().as_str())?;
        if name.starts_with(char::is_uppercase) {
            text.push_str(&capital(value));
        } else {
            text.push_str(value);
        }
        text.push_str(rest);
    }
    Some(text)
}

/// The text with a capital first letter.
pub(super) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// The longest part of a sentence that its slots leave alone: what is the same in every use.
pub(super) fn constant(line: &str) -> &str {
    line.split(['{', '}']).step_by(2).max_by_key(|part| part.len()).unwrap_or(line)
}

/// A thing without its article: `tea towel` for `a tea towel`, `茶巾` for `一条茶巾`.
pub(super) fn bare(name: &str) -> &str {
    if let Some(rest) = name.strip_prefix('一') {
        let mut chars = rest.chars();
        chars.next(); // the measure word
        return chars.as_str();
    }
    let articles = ["a set of ", "a boxed set of ", "a roll of ", "a ", "an "];
    articles.iter().find_map(|article| name.strip_prefix(article)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_both_languages_can_be_read_and_offer_the_same() {
        let (en, zh) = (Bank::of(Language::En), Bank::of(Language::Zh));
        assert!(en.roles.keys().eq(zh.roles.keys()));
        for bank in [en, zh] {
            for list in [&bank.talk.openings, &bank.talk.replies, &bank.talk.observations] {
                assert!(list.len() >= 12, "{:?}: {list:?}", bank.language);
            }
            let sum = |part: fn(&Role) -> &Lines| bank.roles.values().map(part).map(Vec::len).sum();
            let (proposals, closings): (usize, usize) =
                (sum(|role| &role.proposals), sum(|role| &role.closings));
            assert!(proposals >= 12 && closings >= 12, "{proposals} {closings}");
        }
    }

    #[test]
    fn what_a_trait_is_called_is_contained_in_how_one_speaks_of_it() {
        for bank in [Bank::of(Language::En), Bank::of(Language::Zh)] {
            for found in &bank.traits {
                assert!(found.say.contains(&found.key), "{found:?}");
                assert!(!found.meanings.is_empty(), "{found:?}");
            }
        }
    }

    #[test]
    fn a_sentence_is_filled_or_left_out() {
        let slots = Slots::from([("colour", "red".to_owned())]);
        assert_eq!(fill("{Colour} and {colour}.", &slots), Some("Red and red.".to_owned()));
        assert_eq!(fill("{colour} and {second}.", &slots), None);
        assert_eq!(fill("nothing", &slots), Some("nothing".to_owned()));
        assert_eq!(constant("a {colour} and a half {second}"), " and a half ");
        assert_eq!(bare("a tea towel"), "tea towel");
        assert_eq!(bare("一条茶巾"), "茶巾");
    }
}
