//! Reading what a model replied: lenient about form, honest about content.
//!
//! Models wrap JSON in fences, think aloud first, number their lists and mix full-width commas
//! in. All of that is forgiven, and each thing forgiven is named in [`Read::leniencies`]. What is
//! *never* done: to invent a keyword or a vote, to finish JSON that was cut off, or to choose
//! between two different answers. Such a reply is [`Unreadable`], with a reason short enough to
//! be put into a re-ask.
//!
//! Pure functions over text. This module knows no provider, no discussion and no prompt.

mod approvals;
mod candidates;
mod cards;
mod fields;
mod groups;
mod json;
mod keywords;
mod keywords_list;
mod mend;
mod opening;
mod prose;
mod rankings;
mod search;
mod thinking;
mod words;

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod laws;

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

pub use approvals::approvals;
pub use cards::{CARD_FIELDS, CardReply, card};
pub use groups::{GroupsReply, clusters};
pub use keywords::keywords;
pub use prose::{Prose, prose};
pub use rankings::ranking;

/// Longest reply that is read, in bytes: many times what any of our questions asks for.
pub const REPLY_BYTES_MAX: usize = 64 * 1024;
/// Deepest nesting of JSON that is read; our deepest schema nests four levels.
pub const NESTING_MAX: usize = 16;
/// Most keywords kept of one reply: the prompts ask for five to ten.
pub const KEYWORDS_MAX: usize = 12;
/// Longest keyword kept, in characters: anything longer is a sentence.
pub const KEYWORD_CHARS_MAX: usize = 60;
/// Longest text field of a structured reply, in characters. A longer one is not cut but refused.
pub const FIELD_CHARS_MAX: usize = 2000;

/// A reply that could be read, and what had to be forgiven for that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read<T> {
    pub value: T,
    /// Each at most once, in the order of the enum.
    pub leniencies: Vec<Leniency>,
}

/// One departure from the form we asked for that does not change what was meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leniency {
    /// A byte order mark before the text.
    ByteOrderMark,
    /// CRLF or CR line ends.
    LineEndings,
    /// Control characters, which no reader could have seen.
    ControlCharacters,
    /// A leading block of thinking aloud.
    ThinkingStripped,
    /// A mark of the end of the turn, which is no text.
    EndTokenStripped,
    /// Code fences around the answer.
    FenceStripped,
    /// Markdown or quotation marks around a heading or an item.
    MarkupStripped,
    /// Other text before or after the answer.
    ProseAround,
    /// Text after the keywords line; it stays part of the text.
    KeywordsNotLast,
    /// Keywords behind the last sentence instead of on a line of their own.
    KeywordsInText,
    /// A keywords list in JSON that is cut off or broken; none of it is used.
    BrokenKeywordsDropped,
    /// A full-width comma, semicolon or colon as punctuation of a list or of JSON.
    FullWidthComma,
    /// Items set apart by semicolons, bars, bullets, spaces or lines instead of commas.
    OtherSeparator,
    /// A list (of lines, or in JSON) where one line was asked for.
    ListForLine,
    /// JSON with curly or single quotation marks.
    OtherQuotes,
    /// A comma after the last element of JSON.
    TrailingComma,
    /// A line break or tab inside a JSON string.
    RawLineBreak,
    /// A key given more than once; the last one counts.
    DuplicateKey,
    /// JSON written as the content of a JSON string.
    JsonInString,
    /// One needless layer around the object.
    WrapperRemoved,
    /// A known other name for a key.
    KeyAlias,
    /// Upper and lower case, width or punctuation of a key or an id.
    CaseFolded,
    /// The list alone, without the object around it.
    BareList,
    /// A map where a list was asked for.
    MapForList,
    /// One text where a list was asked for.
    ScalarForList,
    /// A list where one text was asked for.
    ListForScalar,
    /// An object where an id was asked for.
    ObjectForId,
    /// A number written as text.
    NumberAsString,
    /// A number where text was asked for.
    NumberForText,
    /// Ranks as keys and ids as values.
    RanksAsKeys,
    /// A candidate named by its label.
    LabelForId,
    /// Something that is not among the candidates or fields.
    UnknownDropped,
    /// Something named more than once.
    DuplicateDropped,
    /// More than was allowed; the first ones are kept.
    TooManyCut,
    /// A keyword longer than [`KEYWORD_CHARS_MAX`].
    TooLongDropped,
    /// An item or group with nothing in it.
    EmptyDropped,
    /// Ranks that are not 1, 2, 3, …; only their order counts.
    GapInRanks,
}

/// A reply from which nothing is taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Unreadable {
    pub why: Why,
}

/// Why a reply is unreadable. Shown, it is a phrase that fits into a re-ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    Empty,
    TooLong,
    OnlyThinking,
    HtmlPage,
    ErrorMessage,
    JsonForProse,
    OnlyKeywords,
    NoKeywords,
    NoJson,
    MalformedJson,
    CutOff,
    TooDeep,
    SeveralAnswers,
    WrongShape,
    NoCandidate,
    TooFewRanked,
    EqualRanks,
    RankNotANumber,
    NoGroup,
    /// Fields that are missing or empty, in the order of the schema.
    FieldsMissing(Vec<&'static str>),
    /// A field holds something that is not text.
    FieldNotText(&'static str),
    /// A field is longer than [`FIELD_CHARS_MAX`].
    FieldTooLong(&'static str),
}

impl fmt::Display for Why {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phrase = match self {
            Self::Empty => "the reply was empty",
            Self::TooLong => "the reply was longer than 64 KiB",
            Self::OnlyThinking => "the reply held only thinking and no answer",
            Self::HtmlPage => "an HTML page came instead of an answer",
            Self::ErrorMessage => "an error message came instead of an answer",
            Self::JsonForProse => "JSON came where plain text was asked for",
            Self::OnlyKeywords => "there was no text besides the keywords",
            Self::NoKeywords => "no keywords line was found",
            Self::NoJson => "no JSON object was found",
            Self::MalformedJson => "the JSON is not valid",
            Self::CutOff => "the JSON is cut off",
            Self::TooDeep => "the JSON is nested too deeply",
            Self::SeveralAnswers => "there was more than one answer",
            Self::WrongShape => "the JSON does not have the form that was asked for",
            Self::NoCandidate => "no candidate was named",
            Self::TooFewRanked => "fewer than half of the candidates were ranked",
            Self::EqualRanks => "two candidates have the same rank",
            Self::RankNotANumber => "a rank is not a number",
            Self::NoGroup => "no group with keywords was named",
            Self::FieldsMissing(fields) => {
                return write!(out, "missing or empty: {}", fields.join(", "));
            }
            Self::FieldNotText(field) => return write!(out, "{field} is not text"),
            Self::FieldTooLong(field) => {
                return write!(out, "{field} is longer than {FIELD_CHARS_MAX} characters");
            }
        };
        out.write_str(phrase)
    }
}

impl From<Why> for Unreadable {
    fn from(why: Why) -> Self {
        Self { why }
    }
}

/// What was forgiven so far, in reading one reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Notes(BTreeSet<Leniency>);

impl Notes {
    fn note(&mut self, leniency: Leniency) {
        self.0.insert(leniency);
    }

    fn note_if(&mut self, happened: bool, leniency: Leniency) {
        if happened {
            self.note(leniency);
        }
    }

    fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    fn read<T>(self, value: T) -> Read<T> {
        Read { value, leniencies: self.0.into_iter().collect() }
    }
}

/// The form in which two names are compared: width and case do not count, nor outer space.
fn fold(text: &str) -> String {
    text.nfkc().collect::<String>().to_lowercase().trim().to_owned()
}
