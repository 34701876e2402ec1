//! What is said at the tables, as text that a person can read while it is spoken.
//!
//! One speaker has the line at a time. Others wait for the end of a sentence, or for a second; who
//! has not been heard at all waits hardly. So two who speak at once stay readable, and nobody's
//! first word is late. Every line begins with who speaks.

use super::text::{is_ill_behaved, one_line};
use crate::domain::event::{Event, EventKind};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// How long a speaker may keep the line in the middle of a sentence while others wait.
const SENTENCE_MAX: Duration = Duration::from_secs(1);
/// How soon somebody who was not heard yet gets the line.
const FIRST_WORD_MAX: Duration = Duration::from_millis(100);
/// Marks words that go on, or that were not heard.
const GAP: &str = "…";

/// A turn: job, stage, round, seat.
type Turn = (String, String, u32, String);

/// Makes text of events. It reads no clock: time comes with each call.
#[derive(Debug, Default)]
pub struct Speech {
    /// Names of the pictures, by job.
    names: BTreeMap<String, String>,
    /// Who has something to say, in the order in which they began.
    speakers: VecDeque<Speaker>,
    /// Who has the line, and since when.
    holder: Option<(Turn, Duration)>,
    /// The last character shown ended a sentence.
    sentence_over: bool,
    /// Turns that were told whole: words that come late are not told again.
    over: BTreeSet<Turn>,
}

#[derive(Debug)]
struct Speaker {
    turn: Turn,
    since: Duration,
    /// All that was heard of the turn.
    heard: String,
    /// Characters heard or known to be missed.
    heard_chars: u64,
    /// Not shown yet.
    pending: String,
    /// It had the line before.
    was_shown: bool,
    ended: bool,
}

impl Speech {
    /// Tells which picture a job is about.
    pub fn name(&mut self, job: &str, picture: &str) {
        self.names.insert(job.to_owned(), one_line(picture));
    }

    /// Hears an event. What is to be shown comes out of [`Speech::speak`].
    pub fn hear(&mut self, event: &Event, now: Duration) {
        match event.event {
            EventKind::Delta => self.hear_words(event, now),
            EventKind::Turn => self.hear_turn(event, now),
            EventKind::JobStarted => {
                self.name(&event.job, super::file_name(&event.text));
            }
            EventKind::JobCompleted | EventKind::JobDead | EventKind::JobCancelled => {
                self.forget(&event.job);
            }
            EventKind::JobWaiting
            | EventKind::StageStarted
            | EventKind::Ballot
            | EventKind::StageFinished
            | EventKind::Block
            | EventKind::Unblock
            | EventKind::WorkerLost => {}
        }
    }

    fn hear_words(&mut self, event: &Event, now: Duration) {
        let turn = turn(event);
        if self.over.contains(&turn) {
            return;
        }
        let known = self.place(&turn);
        if let Some(place) = known.filter(|_| event.offset == 0) {
            // The question was asked again: what was said so far does not count.
            self.speakers[place].ended = true;
            self.speakers[place].turn.2 = u32::MAX;
            self.rename_holder(&turn);
            self.begin(turn, now).say(event);
            return;
        }
        let place = known.unwrap_or_else(|| {
            self.begin(turn, now);
            self.speakers.len() - 1
        });
        self.speakers[place].say(event);
    }

    fn hear_turn(&mut self, event: &Event, now: Duration) {
        let turn = turn(event);
        if self.over.contains(&turn) {
            return;
        }
        self.over.insert(turn.clone());
        let Some(place) = self.place(&turn) else {
            if !event.text.is_empty() {
                self.begin(turn, now).end_with(&event.text);
            }
            return;
        };
        let speaker = &mut self.speakers[place];
        let (whole, heard) = (event.text.trim(), speaker.heard.trim_start());
        if heard.starts_with(whole) {
            speaker.ended = true;
        } else if whole.starts_with(heard) {
            let rest = whole.chars().skip(heard.chars().count()).collect::<String>();
            speaker.end_with(&rest);
        } else {
            // Words were missed, or it was read otherwise than it was spoken: all of it anew.
            speaker.ended = true;
            self.begin(turn, now).end_with(whole);
        }
    }

    fn forget(&mut self, job: &str) {
        self.names.remove(job);
        self.over.retain(|turn| turn.0 != job);
        for speaker in self.speakers.iter_mut().filter(|speaker| speaker.turn.0 == job) {
            speaker.ended = true;
        }
    }

    fn begin(&mut self, turn: Turn, now: Duration) -> &mut Speaker {
        self.speakers.push_back(Speaker {
            turn,
            since: now,
            heard: String::new(),
            heard_chars: 0,
            pending: String::new(),
            was_shown: false,
            ended: false,
        });
        self.speakers.back_mut().expect("it was just put there")
    }

    fn place(&self, turn: &Turn) -> Option<usize> {
        self.speakers.iter().position(|speaker| speaker.turn == *turn && !speaker.ended)
    }

    fn rename_holder(&mut self, turn: &Turn) {
        if let Some((holder, _)) = self.holder.as_mut().filter(|(holder, _)| holder == turn) {
            holder.2 = u32::MAX;
        }
    }

    /// What is to be written now; often nothing. Call it some ten times a second.
    pub fn speak(&mut self, now: Duration) -> String {
        let mut text = String::new();
        loop {
            let Some(place) = self.holding() else {
                self.speakers.retain(|speaker| !speaker.ended || !speaker.pending.is_empty());
                let Some(next) = self.speakers.iter().position(|one| !one.pending.is_empty())
                else {
                    return text;
                };
                text += &self.prefix(&self.speakers[next]);
                self.holder = Some((self.speakers[next].turn.clone(), now));
                continue;
            };
            let speaker = &mut self.speakers[place];
            if !speaker.pending.is_empty() {
                self.sentence_over = ends_a_sentence(&speaker.pending);
                text += &speaker.pending;
                speaker.pending.clear();
                speaker.was_shown = true;
            }
            if speaker.ended {
                text += "\n\n";
                self.speakers.remove(place);
                self.holder = None;
            } else if self.must_yield(now) {
                text += "\n";
                // Who yields comes after those who wait.
                let speaker = self.speakers.remove(place).expect("it holds the line");
                self.speakers.push_back(speaker);
                self.holder = None;
            } else {
                return text;
            }
        }
    }

    fn holding(&self) -> Option<usize> {
        let (turn, _) = self.holder.as_ref()?;
        self.speakers.iter().position(|speaker| speaker.turn == *turn)
    }

    fn must_yield(&self, now: Duration) -> bool {
        let Some((holder, since)) = &self.holder else { return false };
        let held = now.saturating_sub(*since);
        let mut others = self
            .speakers
            .iter()
            .filter(|speaker| speaker.turn != *holder && !speaker.pending.is_empty())
            .peekable();
        let is_new = |speaker: &Speaker| {
            !speaker.was_shown && now.saturating_sub(speaker.since) >= FIRST_WORD_MAX
        };
        let waits = others.peek().is_some();
        waits && (self.sentence_over || held >= SENTENCE_MAX)
            || held >= FIRST_WORD_MAX && others.any(is_new)
    }

    /// `teapot.jpg, discuss, craftsman: `
    fn prefix(&self, speaker: &Speaker) -> String {
        let (job, stage, _, seat) = &speaker.turn;
        let parts = [self.names.get(job), Some(stage), Some(seat)];
        let parts: Vec<String> = parts
            .into_iter()
            .flatten()
            .filter(|part| !part.is_empty())
            .map(|p| one_line(p))
            .collect();
        let gap = if speaker.was_shown { GAP } else { "" };
        format!("[{}] {gap}", parts.join(", "))
    }
}

impl Speaker {
    /// Hears more words; those heard before are passed over.
    fn say(&mut self, event: &Event) {
        let missed = event.offset.saturating_sub(self.heard_chars);
        let known = self.heard_chars.saturating_sub(event.offset);
        if missed > 0 {
            self.tell(GAP);
        }
        let new: String =
            event.text.chars().skip(usize::try_from(known).unwrap_or(usize::MAX)).collect();
        self.heard_chars += missed + new.chars().count() as u64;
        self.tell(&new);
    }

    fn end_with(&mut self, text: &str) {
        self.tell(text);
        self.ended = true;
    }

    fn tell(&mut self, text: &str) {
        self.heard.push_str(text);
        // A line begins with who speaks, and strangers' text moves no cursor.
        let shown = text.chars().map(|c| match c {
            '\n' => ' ',
            c if is_ill_behaved(c) => '\u{fffd}',
            c => c,
        });
        self.pending.extend(shown);
    }
}

fn turn(event: &Event) -> Turn {
    (event.job.clone(), event.stage.clone(), event.round, event.seat.clone())
}

fn ends_a_sentence(text: &str) -> bool {
    text.trim_end().ends_with(['.', '!', '?', '。', '！', '？', '…'])
}

#[cfg(test)]
mod tests {
    use super::super::words::tests::event;
    use super::*;
    use proptest::prelude::*;

    /// Hears and speaks, a tenth of a second a step.
    fn played(steps: &[Option<(EventKind, &str, u64, &str)>]) -> String {
        let mut speech = Speech::default();
        let mut text = String::new();
        for (step, heard) in steps.iter().enumerate() {
            let now = Duration::from_millis(100 * step as u64);
            if let Some((kind, seat, offset, words)) = heard {
                speech.hear(&event(*kind, seat, *offset, words), now);
            }
            text += &speech.speak(now);
        }
        text
    }

    use EventKind::{Delta, Turn};

    #[test]
    fn words_follow_one_another_on_a_line_that_says_whose_they_are() {
        let text = played(&[
            Some((Delta, "craftsman", 0, "I see ")),
            Some((Delta, "craftsman", 6, "红纸")),
            Some((Turn, "craftsman", 0, "I see 红纸 and gold.")),
            Some((Delta, "craftsman", 8, " and late")),
            Some((Turn, "craftsman", 0, "I see 红纸 and gold.")),
            Some((Turn, "designer", 0, "Whole.")),
        ]);
        assert_eq!(
            text,
            "[discuss, craftsman] I see 红纸 and gold.\n\n[discuss, designer] Whole.\n\n"
        );
    }

    #[test]
    fn two_who_speak_at_once_take_turns_at_sentences_and_the_second_is_heard_at_once() {
        let text = played(&[
            Some((Delta, "a", 0, "One")),
            Some((Delta, "b", 0, "Eins")),
            Some((Delta, "a", 3, " two")),
            Some((Delta, "b", 4, " zwei")),
            Some((Delta, "b", 9, " drei.")),
            None,
            Some((Turn, "a", 0, "One two three.")),
            Some((Turn, "b", 0, "Eins zwei drei.")),
        ]);
        assert_eq!(
            text,
            "[discuss, a] One two\n[discuss, b] Eins zwei drei.\n[discuss, a] … three.\n\n"
        );
    }

    #[test]
    fn lost_words_are_marked_and_the_whole_turn_is_told() {
        let text = played(&[
            Some((Delta, "a", 0, "One ")),
            Some((Delta, "a", 8, "three")),
            Some((Turn, "a", 0, "One two three")),
        ]);
        assert_eq!(text, "[discuss, a] One …three\n\n[discuss, a] One two three\n\n");
    }

    #[test]
    fn a_question_that_is_asked_again_begins_a_new_line() {
        let text = played(&[
            Some((Delta, "a", 0, "Half of")),
            Some((Delta, "a", 0, "All of it")),
            Some((Turn, "a", 0, "All of it")),
        ]);
        assert_eq!(text, "[discuss, a] Half of\n\n[discuss, a] All of it\n\n");
    }

    #[test]
    fn a_picture_is_named_and_a_strangers_text_moves_no_cursor() {
        let mut speech = Speech::default();
        let mut started = event(EventKind::JobStarted, "", 0, "photos/tea\npot.jpg");
        started.stage.clear();
        speech.hear(&started, Duration::ZERO);
        speech.hear(&event(Turn, "a", 0, "x\u{1b}[2Jy\nz"), Duration::ZERO);
        assert_eq!(speech.speak(Duration::ZERO), "[tea pot.jpg, discuss, a] x\u{fffd}[2Jy z\n\n");
    }

    proptest! {
        #[test]
        fn every_word_of_every_seat_is_told_once_whatever_the_order(
            steps in prop::collection::vec((0..3usize, "[a-z蝴. ]{1,6}", 0..400u64), 1..40),
        ) {
            let seats = ["a", "b", "c"];
            let (mut speech, mut said) = (Speech::default(), [const { String::new() }; 3]);
            let (mut text, mut now) = (String::new(), 0);
            for (seat, words, pause) in steps {
                let offset = said[seat].chars().count() as u64;
                said[seat] += &words;
                now += pause;
                let at = Duration::from_millis(now);
                speech.hear(&event(Delta, seats[seat], offset, &words), at);
                text += &speech.speak(at);
            }
            for (seat, said) in seats.iter().zip(&said).filter(|(_, said)| !said.is_empty()) {
                speech.hear(&event(Turn, seat, 0, said), Duration::from_millis(now));
            }
            text += &speech.speak(Duration::from_millis(now + 10_000));
            for (seat, said) in seats.iter().zip(&said) {
                let prefix = format!("[discuss, {seat}] ");
                let told: String = text
                    .lines()
                    .filter_map(|line| line.strip_prefix(&prefix))
                    .map(|line| line.strip_prefix(GAP).unwrap_or(line))
                    .collect();
                prop_assert_eq!(&told, said, "{}", text);
            }
        }
    }
}
