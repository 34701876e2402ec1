//! Replies of all kinds in `tests/fixtures/replies`, each with what must be read from it.
//!
//! A case expects either a value, with exactly the leniencies named, or `unreadable`. An
//! expectation that is not used, misspelt or of another kind fails the test.

use std::fmt::Debug;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::*;

/// Fewest replies the corpus must hold, so that it cannot be emptied unseen.
const REPLIES_MIN: usize = 60;

/// One file: what all its replies answer, and the replies.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Corpus<T> {
    #[serde(default)]
    candidates: Vec<(String, String)>,
    #[serde(default)]
    votes_max: usize,
    #[serde(default)]
    ids: Vec<String>,
    reply: Vec<T>,
}

/// A reply and the outcome expected of it, whatever its kind.
#[derive(Debug)]
struct Case<T> {
    name: String,
    reply: String,
    value: Option<T>,
    leniencies: Vec<Leniency>,
    unreadable: Option<String>,
}

impl<T: Debug + PartialEq> Case<T> {
    fn check(self, read: Result<Read<T>, Unreadable>) {
        let Self { name, reply, value, mut leniencies, unreadable } = self;
        match (value, unreadable) {
            (Some(value), None) => {
                leniencies.sort();
                assert_eq!(read, Ok(Read { value, leniencies }), "{name}: {reply:?}");
            }
            (None, Some(why)) => {
                assert_eq!(leniencies, [], "{name}: leniencies of nothing");
                let error = read.expect_err(&name);
                assert_eq!(error.to_string(), why, "{name}: {reply:?}");
            }
            (Some(_), Some(_)) | (None, None) => {
                panic!("{name}: must expect either a value or `unreadable`")
            }
        }
    }
}

fn load<T: DeserializeOwned>(kind: &str) -> Corpus<T> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/replies")
        .join(kind)
        .with_extension("toml");
    let text = std::fs::read_to_string(&path).expect("a corpus file");
    toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A kind's case as it is written in its file: the common fields, and those of the value.
macro_rules! case {
    ($name:ident { $($field:ident: $type:ty),* $(,)? }) => {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct $name {
            name: String,
            reply: String,
            #[serde(default)]
            leniencies: Vec<Leniency>,
            unreadable: Option<String>,
            $($field: $type,)*
        }

        impl $name {
            fn expecting<T>(self, value: Option<T>) -> Case<T> {
                Case {
                    name: self.name,
                    reply: self.reply,
                    value,
                    leniencies: self.leniencies,
                    unreadable: self.unreadable,
                }
            }
        }
    };
}

case!(ProseCase {
    wants_keywords: bool,
    text: Option<String>,
    keywords: Option<Vec<String>>,
});
case!(KeywordsCase { keywords: Option<Vec<String>> });
case!(ApprovalsCase { approved: Option<Vec<String>> });
case!(RankingCase { ranking: Option<Vec<String>> });
case!(ClustersCase {
    core_concept: Option<String>,
    groups: Option<Vec<(String, Vec<String>)>>,
});
case!(CardCase { card: Option<[String; 6]> });

#[test]
fn prose_is_read_as_the_corpus_says() {
    for mut case in load::<ProseCase>("prose").reply {
        let read = prose(&case.reply, case.wants_keywords);
        let keywords = case.keywords.take();
        let value = match (case.text.take(), keywords) {
            (Some(text), keywords) => Some(Prose { text, keywords }),
            (None, None) => None,
            (None, Some(_)) => panic!("{}: keywords without a text", case.name),
        };
        case.expecting(value).check(read);
    }
}

#[test]
fn keywords_are_read_as_the_corpus_says() {
    for mut case in load::<KeywordsCase>("keywords").reply {
        let read = keywords(&case.reply);
        let value = case.keywords.take();
        case.expecting(value).check(read);
    }
}

#[test]
fn approvals_are_read_as_the_corpus_says() {
    let corpus = load::<ApprovalsCase>("approvals");
    for mut case in corpus.reply {
        let read = approvals(&case.reply, &corpus.candidates, corpus.votes_max);
        let value = case.approved.take();
        case.expecting(value).check(read);
    }
}

#[test]
fn rankings_are_read_as_the_corpus_says() {
    let corpus = load::<RankingCase>("ranking");
    for mut case in corpus.reply {
        let read = ranking(&case.reply, &corpus.ids);
        let value = case.ranking.take();
        case.expecting(value).check(read);
    }
}

#[test]
fn clusters_are_read_as_the_corpus_says() {
    for mut case in load::<ClustersCase>("clusters").reply {
        let read = clusters(&case.reply);
        let value = match (case.core_concept.take(), case.groups.take()) {
            (Some(core_concept), Some(groups)) => Some(GroupsReply { core_concept, groups }),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => panic!("{}: half a value", case.name),
        };
        case.expecting(value).check(read);
    }
}

#[test]
fn cards_are_read_as_the_corpus_says() {
    for mut case in load::<CardCase>("card").reply {
        let read = card(&case.reply);
        let value = case.card.take().map(|fields| {
            let [form, elements, function, users, meaning, image_prompt] = fields;
            CardReply { form, elements, function, users, meaning, image_prompt }
        });
        case.expecting(value).check(read);
    }
}

#[test]
fn the_corpus_is_large_and_every_case_has_its_own_name() {
    #[derive(Deserialize)]
    struct Named {
        name: String,
    }
    let mut replies = 0;
    for kind in ["prose", "keywords", "approvals", "ranking", "clusters", "card"] {
        let cases = load::<Named>(kind).reply;
        let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(names.len(), cases.len(), "two cases of {kind} share a name");
        replies += cases.len();
    }
    assert!(replies >= REPLIES_MIN, "only {replies} replies");
}

#[test]
fn a_card_field_is_refused_beyond_its_limit_and_never_cut() {
    let reply = |length: usize| {
        let form = "纸".repeat(length);
        format!(
            r#"{{"form":"{form}","elements":"e","function":"f","users":"u","meaning":"m","image_prompt":"p"}}"#
        )
    };
    let read = card(&reply(FIELD_CHARS_MAX)).expect("just inside");
    assert_eq!(read.value.form.chars().count(), FIELD_CHARS_MAX);
    let error = card(&reply(FIELD_CHARS_MAX + 1)).expect_err("just outside");
    assert_eq!(error.to_string(), "form is longer than 2000 characters");
}
