//! Making somebody's own words out of a persona: "You restore tiles" becomes "I restore tiles".

use crate::domain::spec::Language;

/// What a persona text gives its bearer to say, in the first person.
#[derive(Debug, Default)]
pub(super) struct Person {
    /// Where they come from.
    pub(super) life: Vec<String>,
    /// What they care about.
    pub(super) cares: Vec<String>,
    /// What they cannot stand.
    pub(super) dislikes: Vec<String>,
    /// What they are in the habit of saying.
    pub(super) catches: Vec<String>,
}

const CARES: [&str; 6] = ["care about", "cares about", "看重", "在意", "在乎", "惦记"];
const DISLIKES: [&str; 10] =
    ["irritat", "annoy", "dislike", "烦", "气", "受不了", "听不得", "不痛快", "恼火", "不舒服"];
const SAYS: [&str; 8] = ["you say", "asking", "yourself", "disagree", "你说", "问", "客气", "改口"];
const MANNERS: [&str; 12] = [
    "you speak",
    "you talk",
    "sentences",
    "disagree",
    "you say",
    "your voice",
    "你说话",
    "你讲话",
    "不同意",
    "你反对",
    "你办事",
    "你出主意",
];

impl Person {
    pub(super) fn of(text: &str, language: Language) -> Self {
        let mut person = Self::default();
        let paragraphs = text.split("\n\n").filter(|paragraph| !paragraph.starts_with('#'));
        for (index, paragraph) in paragraphs.enumerate() {
            for sentence in sentences(paragraph) {
                person.take(&sentence, index == 0, language);
            }
        }
        person
    }

    fn take(&mut self, sentence: &str, first_paragraph: bool, language: Language) {
        let lower = sentence.to_lowercase();
        let any = |needles: &[&str]| needles.iter().any(|needle| lower.contains(needle));
        let own = first_person(sentence, language);
        if any(&DISLIKES) {
            self.dislikes.push(own);
        } else if any(&CARES) {
            self.cares.push(own);
        } else if any(&SAYS) && sentence.contains(['"', '“']) {
            self.catches.extend(catch(sentence));
        } else if first_paragraph && !any(&MANNERS) && speaks_of_self(&own, language) {
            self.life.push(own);
        }
    }
}

fn speaks_of_self(own: &str, language: Language) -> bool {
    match language {
        Language::En => own
            .split(|c: char| !c.is_ascii_alphabetic())
            .any(|w| w == "I" || w == "my" || w == "My"),
        Language::Zh => own.contains('我'),
    }
}

/// The first quotation in a sentence that is more than a word.
fn catch(sentence: &str) -> Option<String> {
    let parts: Vec<&str> = sentence.split(['"', '“', '”']).collect();
    let quoted =
        parts.iter().skip(1).step_by(2).map(|part| part.trim_end_matches([',', '，', '.', '。']));
    let mut long = quoted.filter(|part| {
        if part.is_ascii() { part.split(' ').count() >= 3 } else { part.chars().count() >= 4 }
    });
    // In Chinese the habit comes after what others say: 别人说“…”，你说“…”.
    let found = if sentence.is_ascii() { long.next() } else { long.next_back() };
    found.map(str::to_owned)
}

/// A text in sentences; marks inside quotation marks do not end one.
pub(super) fn sentences(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut sentence = String::new();
    let mut quoted = false;
    let mut chars = text.trim().chars().peekable();
    while let Some(c) = chars.next() {
        sentence.push(c);
        match c {
            '"' => quoted = !quoted,
            '“' => quoted = true,
            '”' => quoted = false,
            _ => {}
        }
        let stop = matches!(c, '。' | '！' | '？')
            || (matches!(c, '.' | '!' | '?') && chars.peek().is_none_or(|next| *next == ' '));
        if stop && !quoted {
            found.push(sentence.trim().to_owned());
            sentence.clear();
        }
    }
    let rest = sentence.trim();
    if !rest.is_empty() {
        found.push(rest.to_owned());
    }
    found
}

/// Words after which "you" is an object.
const BEFORE_ME: [&str; 34] = [
    "to",
    "for",
    "with",
    "by",
    "of",
    "from",
    "at",
    "on",
    "about",
    "behind",
    "beside",
    "told",
    "tells",
    "taught",
    "teaches",
    "irritates",
    "annoys",
    "gives",
    "gave",
    "makes",
    "made",
    "lets",
    "let",
    "helps",
    "helped",
    "shows",
    "showed",
    "moves",
    "reminds",
    "bores",
    "worries",
    "brought",
    "sent",
    "saw",
];

/// The sentence as its subject would say it.
pub(super) fn first_person(sentence: &str, language: Language) -> String {
    match language {
        Language::Zh => sentence.replace('你', "我"),
        Language::En => english(sentence),
    }
}

fn english(sentence: &str) -> String {
    let mut text = String::new();
    let mut before = String::new();
    let mut was_i = false;
    for word in sentence.split_inclusive(|c: char| !(c.is_alphabetic() || c == '\'')) {
        let bare = word.trim_end_matches(|c: char| !(c.is_alphabetic() || c == '\''));
        let tail = word.strip_prefix(bare).unwrap_or_default();
        let lower = bare.to_lowercase();
        let own = match lower.as_str() {
            "you" if BEFORE_ME.contains(&before.as_str()) => "me",
            "you" => "I",
            "your" if bare.starts_with('Y') => "My",
            "your" => "my",
            "yours" => "mine",
            "yourself" => "myself",
            "you're" => "I'm",
            "you've" => "I've",
            "you'll" => "I'll",
            "you'd" => "I'd",
            "are" if was_i => "am",
            "were" if was_i => "was",
            _ => bare,
        };
        text.push_str(own);
        text.push_str(tail);
        was_i = own == "I";
        if !bare.is_empty() {
            before = lower;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_persona_is_told_in_the_first_person() {
        let check = |given: &str, language, own: &str| {
            assert_eq!(first_person(given, language), own);
        };
        let en = Language::En;
        check("You are 58 and paint tiles.", en, "I am 58 and paint tiles.");
        check("You were late; your bus knew you're slow.", en, "I was late; my bus knew I'm slow.");
        check("What irritates you is noise.", en, "What irritates me is noise.");
        check("It taught you to trust yourself.", en, "It taught me to trust myself.");
        check("Everything you own fits into a van.", en, "Everything I own fits into a van.");
        check("你五十八岁，和你姑姑学的。", Language::Zh, "我五十八岁，和我姑姑学的。");
    }

    #[test]
    fn a_persona_gives_a_life_cares_dislikes_and_habits() {
        let text = "# Ines\n\nYou are 58. You learned from an aunt.\n\nYou say \"in the kiln we'll \
                    see\" where others say \"maybe\". You care about the underside. Haste irritates you.";
        let person = Person::of(text, Language::En);
        assert_eq!(person.life, ["I am 58.", "I learned from an aunt."]);
        assert_eq!(person.cares, ["I care about the underside."]);
        assert_eq!(person.dislikes, ["Haste irritates me."]);
        assert_eq!(person.catches, ["in the kiln we'll see"]);
        let text =
            "# 何\n\n你五十八岁。你有一口窑。\n\n别人说“也许吧”，你说“开了窑再看”。你在意背面。";
        let person = Person::of(text, Language::Zh);
        assert_eq!(person.life, ["我五十八岁。", "我有一口窑。"]);
        assert_eq!(person.cares, ["我在意背面。"]);
        assert_eq!(person.catches, ["开了窑再看"]);
    }
}
