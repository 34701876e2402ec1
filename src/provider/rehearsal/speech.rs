//! What is said at the table, put together from the picture, the persona and the others' words.

use crate::provider::rehearsal::bank::{Bank, Lines, Tale, capital, fill};
use crate::provider::rehearsal::briefing::{Briefing, Quoted};
use crate::provider::rehearsal::persona::sentences;
use crate::provider::rehearsal::scene::{clauses, fits_a_quote, keywords as known, mentions};
use crate::provider::rehearsal::speaker::Speaker;
use crate::provider::rehearsal::wire::{Order, is_han};

/// A speech in the making: sentences by importance, put out in speaking order.
struct Draft {
    /// Place in the speech, and the sentence.
    sentences: Vec<(usize, String)>,
    /// How long it may get, in characters.
    chars_max: usize,
}

impl Draft {
    /// Somewhere in the upper half of the length asked for.
    fn new(speaker: &mut Speaker<'_>) -> Self {
        let (start, end) = (*speaker.brief.chars.start(), *speaker.brief.chars.end());
        let half = usize::midpoint(start, end);
        Self { sentences: Vec::new(), chars_max: half + speaker.dice.below(end - half + 1) }
    }

    /// Adds a sentence that the speech cannot do without.
    fn must(&mut self, place: usize, sentence: Option<String>) {
        self.sentences.extend(sentence.map(|sentence| (place, capital(&sentence))));
    }

    /// Adds a sentence where there is room for it.
    fn may(&mut self, place: usize, sentence: Option<String>) {
        let room = self.chars_max.saturating_sub(self.length());
        self.must(place, sentence.filter(|sentence| sentence.chars().count() <= room));
    }

    fn length(&self) -> usize {
        self.sentences.iter().map(|(_, sentence)| sentence.chars().count() + 1).sum()
    }

    fn speech(mut self, bank: &Bank) -> String {
        self.sentences.sort_by_key(|(place, _)| *place); // stable: equal places stay in order
        let sentences: Vec<String> = self.sentences.into_iter().map(|(_, text)| text).collect();
        bank.join(&sentences)
    }
}

pub(super) fn introduce(order: &Order<'_>, brief: &Briefing, bank: &'static Bank) -> String {
    let mut speaker = Speaker::new(order, brief, bank);
    let mut draft = Draft::new(&mut speaker);
    draft.must(0, speaker.draw("hellos", &bank.talk.hellos));
    let life = std::mem::take(&mut speaker.person.life);
    for sentence in life {
        draft.may(1, Some(sentence));
    }
    draft.may(2, speaker.slots.get("care").cloned());
    draft.may(3, speaker.slots.get("dislike").cloned());
    draft.may(4, speaker.draw("manners", &bank.talk.manners));
    with_keywords(draft.speech(bank), &mut speaker)
}

pub(super) fn story(order: &Order<'_>, brief: &Briefing, bank: &'static Bank) -> String {
    let mut speaker = Speaker::new(order, brief, bank);
    let mut draft = Draft::new(&mut speaker);
    let Tale { begin, middle, end } = speaker.tale();
    draft.must(1, speaker.draw("triggers", &bank.story.triggers));
    draft.must(3, fill(begin, &speaker.slots));
    draft.must(5, fill(middle, &speaker.slots));
    draft.must(7, fill(end, &speaker.slots));
    let mut life = std::mem::take(&mut speaker.person.life);
    life.retain(|sentence| !speaker.spoken.contains(sentence));
    speaker.dice.shuffle(&mut life);
    for sentence in life.into_iter().take(2) {
        draft.may(2, Some(sentence));
    }
    // Before and after the turn of the story.
    let threads = speaker.in_order("threads", &bank.story.threads);
    for (place, thread) in [6, 4, 6, 4].into_iter().zip(threads) {
        draft.may(place, fill(thread, &speaker.slots));
    }
    with_keywords(draft.speech(bank), &mut speaker)
}

pub(super) fn discuss(order: &Order<'_>, brief: &Briefing, bank: &'static Bank) -> String {
    let mut speaker = Speaker::new(order, brief, bank);
    let mut draft = Draft::new(&mut speaker);
    let reply = speaker.reply().or_else(|| speaker.draw("openings", &bank.talk.openings));
    draft.must(0, reply);
    let own = speaker.dice.chance(60);
    let closings = if own { &speaker.role.closings } else { &bank.talk.closings };
    draft.must(9, speaker.draw("closings", closings));
    speaker.elaborate(&mut draft, true);
    with_keywords(draft.speech(bank), &mut speaker)
}

pub(super) fn switch(order: &Order<'_>, brief: &Briefing, bank: &'static Bank) -> String {
    let mut speaker = Speaker::new(order, brief, bank);
    speaker.remember_own_words();
    let mut draft = Draft::new(&mut speaker);
    draft.must(0, speaker.draw("lookbacks", &bank.talk.lookbacks));
    draft.must(8, speaker.draw("proposals", &speaker.role.proposals));
    speaker.elaborate(&mut draft, false);
    with_keywords(draft.speech(bank), &mut speaker)
}

pub(super) fn rediscuss(order: &Order<'_>, brief: &Briefing, bank: &'static Bank) -> String {
    let mut speaker = Speaker::new(order, brief, bank);
    speaker.remember_own_words();
    speaker.take_up_a_thing();
    let mut draft = Draft::new(&mut speaker);
    draft.must(2, speaker.draw("stances", &bank.talk.stances));
    draft.must(9, speaker.draw("decisions", &bank.talk.decisions));
    draft.may(0, speaker.reply());
    draft.may(7, speaker.draw("objections", &bank.talk.objections));
    speaker.elaborate(&mut draft, false);
    with_keywords(draft.speech(bank), &mut speaker)
}

/// The keyword line alone, from one's own quoted words.
pub(super) fn keywords(order: &Order<'_>, brief: &Briefing, bank: &'static Bank) -> String {
    let mut speaker = Speaker::new(order, brief, bank);
    let own = brief.material.iter().map(|quote| quote.text.as_str()).collect::<Vec<_>>().join("\n");
    let count = brief.keywords.clone().unwrap_or(3..=6);
    speaker.keyword_line(&own, *count.start(), *count.end())
}

/// The speech, and the keyword line where one is asked for.
fn with_keywords(speech: String, speaker: &mut Speaker<'_>) -> String {
    match speaker.brief.keywords.clone() {
        None => speech,
        Some(count) => {
            let line = speaker.keyword_line(&speech, *count.start(), *count.end());
            format!("{speech}\n\n{line}")
        }
    }
}

impl Speaker<'_> {
    /// The story to tell: one that no other seat of the same role tells.
    fn tale(&self) -> &'static Tale {
        let begins: Lines = self.role.stories.iter().map(|tale| tale.begin.clone()).collect();
        let begin = self.in_order("tales", &begins).first().copied();
        let chosen = self.role.stories.iter().find(|tale| Some(&tale.begin) == begin);
        chosen.or(self.role.stories.first()).expect("every role has stories")
    }

    /// The middle of a speech: what one sees, knows, suggests and is.
    fn elaborate(&mut self, draft: &mut Draft, with_proposal: bool) {
        let (role, talk) = (self.role, &self.bank.talk);
        let mut parts = [
            (3, self.draw("observations", &talk.observations)),
            (4, self.draw("experience", &role.experience)),
            (5, self.draw("proposals", &role.proposals).filter(|_| with_proposal)),
            (6, self.draw("voices", &talk.voices)),
        ];
        self.dice.shuffle(&mut parts);
        for (place, sentence) in parts {
            draft.may(place, sentence);
        }
        if self.dice.chance(40) {
            draft.may(7, self.draw("catches", &talk.catches));
        }
    }

    /// Takes up a remark of one of those who spoke in this part of the meeting.
    fn reply(&mut self) -> Option<String> {
        let (seat, quote) = self.remark()?;
        let talk = &self.bank.talk;
        let question = quote.ends_with(['?', '？']);
        let (kind, lines) =
            if question { ("answers", &talk.answers) } else { ("replies", &talk.replies) };
        let own = self.slots.insert("seat", seat);
        self.slots.insert("quote", quote.trim_end_matches(['?', '？']).to_owned());
        let reply = self.draw(kind, lines);
        self.know("seat", own);
        reply
    }

    /// A speaker who is not oneself, and something they said that nobody has quoted yet.
    ///
    /// Where the last part of the meeting holds a speech of one's own it is over, and one speaks
    /// first in the next; from the second round on there is something to answer all the same.
    fn remark(&mut self) -> Option<(String, String)> {
        const NEAR: usize = 4;
        let brief = self.brief;
        let part = brief.turns.first().map(|turn| turn.heading.as_str());
        let latest = brief.turns.iter().take_while(|turn| Some(turn.heading.as_str()) == part);
        let mut others: Vec<&Quoted> = latest.collect();
        if brief.round == 1 && others.iter().any(|turn| turn.label == brief.seat) {
            return None;
        }
        others.retain(|turn| turn.label != brief.seat);
        others.truncate(NEAR);
        self.dice.shuffle(&mut others);
        others.into_iter().find_map(|turn| {
            let remark = self.clause_of(&turn.text)?;
            Some((turn.label.clone(), remark))
        })
    }

    /// A clause worth repeating: of a fitting length, about no other speaker, not yet quoted.
    fn clause_of(&mut self, speech: &str) -> Option<String> {
        let body = spoken_part(speech);
        let worth = |clause: &String| {
            fits_a_quote(clause)
                && !self.brief.seats.iter().any(|seat| clause.contains(seat.as_str()))
                && !self.spoken.contains(&format!("\"{clause}"))
                && !self.spoken.contains(&format!("“{clause}"))
        };
        let whole: Vec<String> = sentences(body)
            .into_iter()
            .map(|sentence| sentence.trim_end_matches(['.', '!', '。', '！']).to_owned())
            // What introduces a statement is no statement.
            .map(|s| s.rsplit_once([':', '：']).map_or(s.clone(), |(_, rest)| rest.trim().to_owned()))
            .filter(|sentence| !sentence.contains(['"', '“']))
            .collect();
        let parts: Vec<String> =
            whole.iter().filter(|s| !s.ends_with(['?', '？'])).flat_map(|s| clauses(s)).collect();
        let mut found: Vec<String> = whole.into_iter().filter(|s| worth(s)).collect();
        if found.len() < 2 {
            found.extend(parts.into_iter().filter(|part| worth(part)));
        }
        self.dice.pick(&found).cloned()
    }

    /// One's own last words, and the role they were said from.
    fn remember_own_words(&mut self) {
        let brief = self.brief;
        let own: Vec<&Quoted> =
            brief.turns.iter().filter(|turn| turn.label == brief.seat).collect();
        let clause = own.into_iter().find_map(|turn| self.clause_of(&turn.text));
        self.know("own", clause);
        let lower = brief.instruction.to_lowercase();
        let labels = self.bank.roles.values().filter_map(|role| role.label.first());
        let from = mentions(&lower, labels.map(String::as_str)).into_iter().next();
        self.know("from", from);
    }

    /// Often the thing one argues for is one that somebody has already named.
    fn take_up_a_thing(&mut self) {
        let lower = self.spoken.to_lowercase();
        let named = mentions(&lower, self.bank.things().map(|thing| thing.name.as_str()));
        if self.dice.chance(70) {
            let thing = self.dice.pick(&named).cloned();
            self.choose(thing.as_deref());
        }
    }

    /// The keyword line: what a speech was about, and what of the picture it rests on.
    fn keyword_line(&mut self, speech: &str, fewest: usize, most: usize) -> String {
        let mut found = known(speech, &self.scene, self.bank);
        let spare = self.dice.below(most.saturating_sub(fewest) + 1);
        let count = (fewest + spare).min(found.len().max(fewest));
        self.dice.shuffle(&mut found);
        // What others have named as well has better prospects, and most people know it.
        let lower = self.spoken.to_lowercase();
        found.sort_by_cached_key(|word| !(lower.contains(word.as_str()) && self.dice.chance(50)));
        let seen = self.scene.colours.iter().chain(&self.scene.meanings).cloned();
        for spare in seen.chain(long_words(speech)) {
            if found.len() < fewest && !found.contains(&spare) {
                found.push(spare);
            }
        }
        found.truncate(count);
        let papers = &self.bank.papers;
        format!("{}{}", papers.keywords_line, found.join(&papers.keywords_comma))
    }
}

/// Words that say something by their length alone, for a speech of which nothing else is known.
fn long_words(speech: &str) -> Vec<String> {
    let mut words: Vec<String> = if speech.chars().any(is_han) {
        clauses(speech).into_iter().filter(|c| (2..=6).contains(&c.chars().count())).collect()
    } else {
        speech.split(|c: char| !c.is_alphabetic()).map(str::to_lowercase).collect()
    };
    words.retain(|word| !word.is_empty());
    words.sort_by_key(|word| std::cmp::Reverse(word.chars().count()));
    words.truncate(8);
    words
}

/// A speech without its keyword line.
fn spoken_part(speech: &str) -> &str {
    let line = ["KEYWORDS:", "关键词："].iter().find_map(|mark| speech.find(mark));
    line.map_or(speech, |at| speech.split_at(at).0)
}
