//! Reading what one is asked: the description, who has said what, who one is, what is wanted.
//!
//! It goes by the structure of a message (headings, quoted lines, labels), not by exact
//! sentences, because people bring their own prompts.

use crate::provider::rehearsal::wire::Order;
use serde_json::Value;
use std::ops::RangeInclusive;

/// What the message wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    Introduce,
    Story,
    Discuss,
    Switch,
    Rediscuss,
    /// The keyword line alone.
    Keywords,
    Ballot,
    Ranking,
    Clusters,
    Card,
}

/// Somebody's words, as quoted in the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Quoted {
    /// The line above the quotation, its colon taken off.
    pub(super) label: String,
    /// The heading above it.
    pub(super) heading: String,
    pub(super) text: String,
}

/// A message, understood.
#[derive(Debug)]
pub(super) struct Briefing {
    pub(super) ask: Ask,
    pub(super) description: String,
    /// The last speeches first.
    pub(super) turns: Vec<Quoted>,
    pub(super) kept: Vec<String>,
    /// The labels of all seats, from the house rules.
    pub(super) seats: Vec<String>,
    /// One's own seat; empty where the message names none.
    pub(super) seat: String,
    pub(super) persona: String,
    pub(super) role: String,
    pub(super) instruction: String,
    /// Lists, cards or words quoted in the instruction.
    pub(super) material: Vec<Quoted>,
    pub(super) round: usize,
    /// How long the speech shall be, in characters.
    pub(super) chars: RangeInclusive<usize>,
    /// How many keywords its last line shall hold; none: no such line is wanted.
    pub(super) keywords: Option<RangeInclusive<usize>>,
}

impl Briefing {
    pub(super) fn read(order: &Order<'_>) -> Self {
        let lines: Vec<&str> = order.user.lines().map(str::trim_end).collect();
        let person = person(&lines);
        let task = task(&lines, person);
        let (table, asked) = lines.split_at(person.unwrap_or(task).min(task));
        let (about, task_lines) = asked.split_at(task.saturating_sub(table.len()));
        let instruction = unquoted(task_lines);
        let seats = seats(&order.system);
        let quotes = quotes(table);
        let role_at = about.iter().position(|line| line.starts_with("## "));
        let (persona, role) = about.split_at(role_at.unwrap_or(about.len()));
        let material = self::quotes(task_lines);
        let keywords = keyword_count(&instruction);
        Self {
            ask: ask(order, &instruction, keywords.is_some() && !material.is_empty()),
            description: description(&quotes),
            kept: kept(&quotes),
            turns: turns(quotes),
            seat: own_seat(table, &seats),
            seats,
            persona: persona.join("\n"),
            role: role.join("\n"),
            material,
            round: round(&instruction),
            chars: length(&instruction),
            keywords,
            instruction,
        }
    }

    /// One's place in speaking order, from 0.
    pub(super) fn position(&self) -> usize {
        self.seats.iter().position(|seat| *seat == self.seat).unwrap_or_default()
    }
}

fn is_quote(line: &str) -> bool {
    line.starts_with('>')
}

/// The line that names the person: the last first-order heading that plain text follows.
fn person(lines: &[&str]) -> Option<usize> {
    (0..lines.len()).rev().find(|&at| {
        let next = lines.iter().skip(at + 1).find(|line| !line.is_empty());
        lines[at].starts_with("# ")
            && next.is_some_and(|line| !line.starts_with('#') && !is_quote(line))
    })
}

/// The line at which the task begins: the last heading, else the first line after all quotations.
fn task(lines: &[&str], person: Option<usize>) -> usize {
    let heading = lines.iter().rposition(|line| line.starts_with("## "));
    heading.filter(|&at| person.is_none_or(|person| at > person)).unwrap_or_else(|| {
        let quoted = lines.iter().rposition(|line| is_quote(line)).map_or(0, |at| at + 1);
        if quoted >= lines.len() { 0 } else { quoted }
    })
}

fn unquoted(lines: &[&str]) -> String {
    lines.iter().filter(|line| !is_quote(line)).copied().collect::<Vec<_>>().join("\n")
}

/// Runs of quoted lines, each with the line and the heading above it.
fn quotes(lines: &[&str]) -> Vec<Quoted> {
    let mut found: Vec<Quoted> = Vec::new();
    let (mut lead, mut heading, mut inside) = ("", "", false);
    for line in lines {
        if let Some(text) = line.strip_prefix('>') {
            let text = text.strip_prefix(' ').unwrap_or(text);
            match found.last_mut().filter(|_| inside) {
                Some(open) => open.text = format!("{}\n{text}", open.text),
                None => found.push(Quoted {
                    label: lead.trim_end_matches([':', '：']).to_owned(),
                    heading: heading.to_owned(),
                    text: text.to_owned(),
                }),
            }
            inside = true;
        } else {
            inside = false;
            if line.starts_with('#') {
                heading = line;
            }
            if !line.is_empty() {
                lead = line;
            }
        }
    }
    found
}

/// The first thing quoted straight under a heading.
fn description(quotes: &[Quoted]) -> String {
    let first = quotes.iter().find(|quote| quote.label.starts_with('#'));
    first.map(|quote| quote.text.clone()).unwrap_or_default()
}

/// The keywords the table has kept: a later quotation straight under a heading, and a list.
fn kept(quotes: &[Quoted]) -> Vec<String> {
    let lists = quotes.iter().filter(|quote| quote.label.starts_with('#')).skip(1);
    lists.map(|quote| list(&quote.text)).find(|list| list.len() > 1).unwrap_or_default()
}

/// The items of a short enumeration; none where it is running text.
fn list(text: &str) -> Vec<String> {
    let items: Vec<String> =
        text.split([',', '、', '，', ';']).map(|item| item.trim().to_owned()).collect();
    let short = items.iter().all(|item| !item.is_empty() && item.chars().count() <= 30);
    if short && !text.ends_with(['.', '。']) { items } else { Vec::new() }
}

/// Speeches, last first. Where the meeting has parts of its own, introductions do not count.
fn turns(quotes: Vec<Quoted>) -> Vec<Quoted> {
    let spoken: Vec<Quoted> =
        quotes.into_iter().filter(|quote| !quote.label.starts_with('#')).collect();
    let parts = spoken.iter().any(|quote| quote.heading.starts_with("### "));
    let meeting = spoken.into_iter().filter(|quote| !parts || quote.heading.starts_with("### "));
    meeting.rev().collect()
}

/// The labels listed in the house rules: `- Craftsman (role: Craftsman)`.
fn seats(system: &str) -> Vec<String> {
    let items = system.lines().filter_map(|line| line.strip_prefix("- "));
    items
        .filter_map(|item| item.split_once(['(', '（']))
        .map(|(label, _)| label.trim().to_owned())
        .collect()
}

/// The seat named right before the person.
fn own_seat(table: &[&str], seats: &[String]) -> String {
    let line = table.iter().rev().find(|line| !line.is_empty() && !is_quote(line));
    let named = seats.iter().filter(|seat| line.is_some_and(|line| line.contains(*seat)));
    named.max_by_key(|seat| seat.len()).cloned().unwrap_or_default()
}

fn ask(order: &Order<'_>, instruction: &str, keywords_alone: bool) -> Ask {
    let has = |needles: &[&str]| {
        let lower = instruction.to_lowercase();
        needles.iter().any(|needle| lower.contains(needle))
    };
    let shape = order.schema.map(|(_, schema)| &schema["properties"]);
    let field = |name: &str| match shape {
        Some(properties) => properties.get(name).is_some_and(Value::is_object),
        None => instruction.contains(&format!("\"{name}\"")),
    };
    if field("approved") {
        Ask::Ballot
    } else if field("ranking") {
        Ask::Ranking
    } else if field("groups") {
        Ask::Clusters
    } else if field("image_prompt") {
        Ask::Card
    } else if keywords_alone {
        Ask::Keywords
    } else if has(&["story", "故事"]) {
        Ask::Story
    } else if has(&["look back", "回头看", "回顾"]) {
        Ask::Switch
    } else if has(&["you spoke as", "you now speak as", "你先前以"]) {
        Ask::Rediscuss
    } else if has(&["introduce yourself", "介绍自己", "自我介绍"]) {
        Ask::Introduce
    } else {
        Ask::Discuss
    }
}

/// A number in a text, with what stands before and after it.
struct Number<'a> {
    value: usize,
    before: &'a str,
    after: &'a str,
}

/// Larger numbers in a task are no lengths, counts or rounds, and stop here.
const NUMBER_MAX: usize = 100_000;

fn numbers(text: &str) -> Vec<Number<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    let mut gap = 0;
    for run in text.split_inclusive(|c: char| !c.is_ascii_digit()) {
        let digits = run.trim_end_matches(|c: char| !c.is_ascii_digit());
        if let Ok(value) = digits.parse::<usize>() {
            let value = value.min(NUMBER_MAX);
            let (before, rest) = text.split_at(at);
            let before = before.get(gap..).unwrap_or_default();
            found.push(Number { value, before, after: rest.strip_prefix(digits).unwrap_or("") });
            gap = at + digits.len();
        }
        at += run.len();
    }
    found
}

/// Pairs such as `150 to 300` and `3 到 5`, each with what follows it.
fn ranges(text: &str) -> Vec<(RangeInclusive<usize>, &str)> {
    let numbers = numbers(text);
    let pairs = numbers.windows(2).filter_map(|pair| {
        let joined = ["to", "到", "至", "-", "–", "~"].contains(&pair[1].before.trim());
        let rising = pair[0].value <= pair[1].value;
        (joined && rising).then(|| (pair[0].value..=pair[1].value, pair[1].after))
    });
    pairs.collect()
}

/// Bounds of a speech that none are given for, in characters.
const CHARS: RangeInclusive<usize> = 150..=300;

fn length(instruction: &str) -> RangeInclusive<usize> {
    let long = ranges(instruction).into_iter().find(|(range, _)| *range.end() >= 40);
    if let Some((range, after)) = long {
        // An English word is six characters with its space.
        let unit = if after.trim_start().starts_with("word") { 6 } else { 1 };
        return range.start() * unit..=range.end() * unit;
    }
    let single = numbers(instruction).into_iter().find(|number| {
        let after = number.after.trim_start();
        number.value >= 40 && (after.starts_with("char") || after.starts_with('字'))
    });
    single.map_or(CHARS, |number| number.value * 9 / 10..=number.value * 11 / 10)
}

/// How many keywords are wanted, where a line of them is.
fn keyword_count(instruction: &str) -> Option<RangeInclusive<usize>> {
    let wanted = instruction
        .lines()
        .any(|line| line.to_uppercase().starts_with("KEYWORDS:") || line.starts_with("关键词："));
    let few = ranges(instruction).into_iter().map(|(range, _)| range).find(|r| *r.end() <= 12);
    wanted.then(|| few.unwrap_or(3..=6))
}

fn round(instruction: &str) -> usize {
    let numbered = numbers(instruction).into_iter().find(|number| {
        let before = number.before.trim_end().to_lowercase();
        before.ends_with("round") || before.ends_with('第')
    });
    numbered.map_or(1, |number| number.value.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_counts_and_rounds_are_read_in_both_languages() {
        let check = |text: &str, chars, keywords, number| {
            assert_eq!(length(text), chars, "{text}");
            assert_eq!(keyword_count(text), keywords, "{text}");
            assert_eq!(round(text), number, "{text}");
        };
        let words = "Round 2 of 3. Length: 200 to 250 characters, about 33 to 41 words.";
        check(words, 200..=250, None, 2);
        check("这是第 3 轮，共 4 轮。长度：150 到 300 字", 150..=300, None, 3);
        check("Length: about 500 characters, roughly 83 words.", 450..=550, None, 1);
        check("Between 50 to 80 words.", 300..=480, None, 1);
        check("KEYWORDS: a, b\n\nIt holds 3 to 8 keywords.", CHARS, Some(3..=8), 1);
        check("关键词：甲、乙\n\n这一行写 2 到 5 个", CHARS, Some(2..=5), 1);
        check("Nothing is said.", CHARS, None, 1);
        check("Round 18446744073709551615 of 99999999.", CHARS, None, NUMBER_MAX);
    }

    #[test]
    fn quotations_are_told_by_the_lines_above_them() {
        let lines = [
            "## Picture",
            "",
            "> red",
            "> and blue",
            "",
            "### Stories",
            "",
            "Designer:",
            "",
            "> Once.",
        ];
        let quoted = |label: &str, heading: &str, text: &str| Quoted {
            label: label.to_owned(),
            heading: heading.to_owned(),
            text: text.to_owned(),
        };
        assert_eq!(
            quotes(&lines),
            [
                quoted("## Picture", "## Picture", "red\nand blue"),
                quoted("Designer", "### Stories", "Once."),
            ]
        );
        assert_eq!(description(&quotes(&lines)), "red\nand blue");
        assert_eq!(turns(quotes(&lines)), [quoted("Designer", "### Stories", "Once.")]);
    }

    #[test]
    fn kept_keywords_are_a_list_and_a_concept_is_not() {
        let lines = [
            "## Picture",
            "> Red.",
            "## Concept",
            "> One thing, for all.",
            "## Kept",
            "> red, calm",
        ];
        assert_eq!(kept(&quotes(&lines)), ["red", "calm"]);
    }
}
