//! What is written at the table: ballots, rankings, groups of keywords, design cards.

use crate::provider::rehearsal::bank::{Bank, Lines, Slots, bare, capital, fill};
use crate::provider::rehearsal::briefing::Briefing;
use crate::provider::rehearsal::dice::Dice;
use crate::provider::rehearsal::scene::{Scene, colours, mentions};
use crate::provider::rehearsal::speaker::Speaker;
use crate::provider::rehearsal::wire::Order;
use serde_json::{Value, json};

/// Of a hundred structured replies this many come with a fence or a sentence around them, as
/// real models do it. All of them stay readable.
const WRAPPED_PERCENT: usize = 3;

pub(super) fn ballot(order: &Order<'_>, brief: &Briefing, bank: &'static Bank) -> String {
    let voter = Voter::new(order, brief, bank);
    let ids = enumerated(order, "/properties/approved/items/enum");
    let most = order.schema.and_then(|(_, schema)| {
        schema.pointer("/properties/approved/maxItems").and_then(Value::as_u64)
    });
    let most = most.and_then(|most| usize::try_from(most).ok()).unwrap_or(5);
    let ranked = voter.rank(candidates(ids, brief));
    let spare = Dice::of(&["approvals", &order.digest]).below(2);
    let approved: Vec<String> =
        ranked.into_iter().take(most.saturating_sub(spare).max(1).min(most)).collect();
    wrapped(order, bank, &json!({"approved": approved}))
}

pub(super) fn ranking(order: &Order<'_>, brief: &Briefing, bank: &'static Bank) -> String {
    let voter = Voter::new(order, brief, bank);
    let ids = enumerated(order, "/properties/ranking/items/enum");
    wrapped(order, bank, &json!({"ranking": voter.rank(candidates(ids, brief))}))
}

/// The values a schema allows at a place.
fn enumerated(order: &Order<'_>, pointer: &str) -> Vec<String> {
    let listed = order.schema.and_then(|(_, schema)| schema.pointer(pointer)?.as_array());
    let texts = listed.into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

/// Something to vote on.
struct Candidate {
    id: String,
    text: String,
}

/// The candidates with their texts, found in the message; by the ids of the schema where it has
/// them, else by what the message lists.
fn candidates(ids: Vec<String>, brief: &Briefing) -> Vec<Candidate> {
    let mut listed: Vec<Candidate> = Vec::new();
    for quote in &brief.material {
        let last = quote.label.rsplit(' ').next().unwrap_or_default();
        let lines = quote.text.lines().filter_map(|line| line.split_once([':', '：']));
        if is_id(last) {
            listed.push(Candidate { id: last.to_owned(), text: quote.text.to_lowercase() });
        } else {
            listed.extend(lines.filter(|(id, _)| is_id(id)).map(|(id, text)| Candidate {
                id: id.trim().to_owned(),
                text: text.trim().to_lowercase(),
            }));
        }
    }
    if ids.is_empty() {
        return listed;
    }
    let text_of = |id: &String| {
        let known = listed.iter().find(|candidate| candidate.id == *id);
        known.map(|candidate| candidate.text.clone()).unwrap_or_default()
    };
    ids.into_iter().map(|id| Candidate { text: text_of(&id), id }).collect()
}

/// Letters and then a number, such as `k12`.
fn is_id(text: &str) -> bool {
    let digits = text.trim().trim_start_matches(|c: char| c.is_ascii_alphabetic());
    !digits.is_empty() && digits.len() <= 4 && digits.chars().all(|c| c.is_ascii_digit())
}

/// Somebody with a view of their own.
struct Voter<'a> {
    speaker: Speaker<'a>,
    meeting: String,
    own: String,
    /// What the traits of the picture are called.
    traits: Vec<String>,
    digest: &'a str,
}

impl<'a> Voter<'a> {
    fn new(order: &'a Order<'_>, brief: &'a Briefing, bank: &'static Bank) -> Self {
        let words = |own: bool| {
            let turns = brief.turns.iter().filter(|turn| !own || turn.label == brief.seat);
            turns.map(|turn| turn.text.to_lowercase()).collect::<Vec<_>>().join("\n")
        };
        let speaker = Speaker::new(order, brief, bank);
        let traits = speaker.scene.traits.iter().map(|found| found.key.clone()).collect();
        Self { speaker, meeting: words(false), own: words(true), traits, digest: &order.digest }
    }

    /// The ids, best first. Equal opinions keep the order of the ballot.
    fn rank(&self, candidates: Vec<Candidate>) -> Vec<String> {
        let mut valued: Vec<(f64, String)> = candidates
            .into_iter()
            .map(|candidate| (self.value(&candidate), candidate.id))
            .collect();
        valued.sort_by(|(one, _), (other, _)| other.total_cmp(one));
        valued.into_iter().map(|(_, id)| id).collect()
    }

    /// How much somebody thinks of it: what the role looks for, what the meeting and they
    /// themselves have stressed, what the picture shows, and a mood of the day.
    fn value(&self, candidate: &Candidate) -> f64 {
        let text = candidate.text.as_str();
        let hits = |words: &[String], most: usize| -> f64 {
            let count = words.iter().filter(|word| text.contains(word.as_str())).count();
            f64::from(u8::try_from(count.min(most)).expect("a handful"))
        };
        let stressed = |words: &str, most: usize| -> f64 {
            let count = if text.is_empty() { 0 } else { words.matches(text).count() };
            f64::from(u8::try_from(count.min(most)).expect("a handful"))
        };
        let expertise = hits(&self.speaker.role.marks, 4);
        let picture = hits(&self.speaker.scene.meanings, 2) + hits(&self.traits, 1);
        let kept = hits(&self.speaker.brief.kept, 3);
        let mood = Dice::of(&[self.digest, &candidate.id, text]).unit();
        0.7 * expertise
            + 0.3 * stressed(&self.meeting, 6)
            + 0.5 * stressed(&self.own, 1)
            + 0.8 * picture
            + 0.4 * kept
            + 2.2 * mood
    }
}

/// What a keyword is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Affinity {
    Colour,
    Form,
    Material,
    Use,
    Meaning,
    Other,
}

impl Affinity {
    fn of(keyword: &str, bank: &'static Bank) -> Self {
        let lower = keyword.to_lowercase();
        let names = |word: &str| lower.contains(word) || word.contains(lower.as_str());
        if !colours(&lower, bank.language).is_empty() {
            Self::Colour
        } else if bank.traits.iter().any(|found| names(&found.key)) {
            Self::Form
        } else if bank.things().flat_map(|thing| &thing.materials).any(|word| names(word)) {
            Self::Material
        } else if bank.things().any(|thing| names(bare(&thing.name))) {
            Self::Use
        } else if bank.traits.iter().flat_map(|found| &found.meanings).any(|word| names(word)) {
            Self::Meaning
        } else {
            Self::Other
        }
    }

    fn titles(self, bank: &Bank) -> &Lines {
        match self {
            Self::Colour => &bank.papers.colour_titles,
            Self::Form => &bank.papers.form_titles,
            Self::Material => &bank.papers.material_titles,
            Self::Use => &bank.papers.use_titles,
            Self::Meaning => &bank.papers.meaning_titles,
            Self::Other => &bank.papers.other_titles,
        }
    }
}

pub(super) fn clusters(order: &Order<'_>, brief: &Briefing, bank: &'static Bank) -> String {
    /// More cards than this make two groups.
    const GROUP_MAX: usize = 5;
    let mut cards: Vec<(Affinity, String)> = keywords_to_sort(order, brief)
        .into_iter()
        .map(|keyword| (Affinity::of(&keyword, bank), keyword))
        .collect();
    cards.sort_by_key(|&(affinity, _)| affinity); // stable: the order given stays within a group
    let mut dice = Dice::of(&["clusters", &order.digest]);
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for kin in cards.chunk_by(|(one, _), (other, _)| one == other) {
        let titles = kin[0].0.titles(bank);
        for group in kin.chunks(GROUP_MAX) {
            let keywords: Vec<String> = group.iter().map(|(_, keyword)| keyword.clone()).collect();
            let title = title(titles, &keywords[0], &groups, &mut dice);
            groups.push((title, keywords));
        }
    }
    let concept = concept(&cards, brief, bank, &mut dice);
    let groups: Vec<Value> = groups
        .into_iter()
        .map(|(title, keywords)| json!({"title": title, "keywords": keywords}))
        .collect();
    wrapped(order, bank, &json!({"core_concept": concept, "groups": groups}))
}

/// The keywords on the table, each once.
fn keywords_to_sort(order: &Order<'_>, brief: &Briefing) -> Vec<String> {
    let mut keywords = enumerated(order, "/properties/groups/items/properties/keywords/items/enum");
    if keywords.is_empty() {
        let lines = brief.material.iter().flat_map(|quote| quote.text.lines());
        keywords = lines.map(|line| line.trim().to_owned()).filter(|k| !k.is_empty()).collect();
    }
    let mut once: Vec<String> = Vec::new();
    for keyword in keywords {
        if !once.contains(&keyword) {
            once.push(keyword);
        }
    }
    once
}

/// A title that no other group has.
fn title(titles: &Lines, first: &str, groups: &[(String, Vec<String>)], dice: &mut Dice) -> String {
    let slots = Slots::from([("first", first.to_owned())]);
    let mut titles: Vec<String> = titles.iter().filter_map(|line| fill(line, &slots)).collect();
    dice.shuffle(&mut titles);
    let free = titles.iter().find(|title| groups.iter().all(|(taken, _)| taken != *title));
    free.cloned().unwrap_or_else(|| first.to_owned())
}

/// What the table's meanings, forms and colours have in common: the first two that there are.
fn concept(
    cards: &[(Affinity, String)],
    brief: &Briefing,
    bank: &'static Bank,
    dice: &mut Dice,
) -> String {
    const WEIGHTY: [Affinity; 3] = [Affinity::Meaning, Affinity::Form, Affinity::Colour];
    let first_of = |kind| cards.iter().find(|(affinity, _)| *affinity == kind);
    let weighty = WEIGHTY.into_iter().filter_map(first_of).map(|(_, keyword)| keyword.clone());
    let scene = Scene::of(&brief.description, bank);
    let mut leads = weighty.chain(scene.meanings).chain(scene.colours);
    let mut slots = Slots::new();
    for slot in ["lead", "follow"] {
        if let Some(lead) = leads.next() {
            slots.insert(slot, lead);
        }
    }
    let line = dice.pick(&bank.papers.concepts).and_then(|line| fill(line, &slots));
    line.unwrap_or_else(|| bank.papers.meanings.last().cloned().unwrap_or_default())
}

pub(super) fn card(order: &Order<'_>, brief: &Briefing, bank: &'static Bank) -> String {
    let mut maker = Speaker::new(order, brief, bank);
    let (role, papers) = (maker.role, &bank.papers);
    stay_with_own_proposal(&mut maker);
    let make = maker.dice.pick(&role.makes).cloned();
    maker.know("make", make);
    let written = |kind, lines| maker.draw(kind, lines).unwrap_or_default();
    let mut function: Vec<String> = maker.slots.get("job").cloned().into_iter().collect();
    if let Some(wish) = wish(&brief.instruction) {
        function.extend(fill(&papers.wish, &Slots::from([("wish", wish)])));
    }
    let users = maker.slots.get("users").map(|users| capital(users));
    let card = json!({
        "form": written("forms", &papers.forms),
        "elements": written("elements", &papers.elements),
        "function": bank.join(&function),
        "users": users.unwrap_or_default(),
        "meaning": written("meanings", &papers.meanings),
        "image_prompt": written("image_prompts", &papers.image_prompts),
    });
    wrapped(order, bank, &card)
}

/// Whoever has argued for a thing and a material puts them on the card.
fn stay_with_own_proposal(maker: &mut Speaker<'_>) {
    let own = maker.brief.turns.iter().find(|turn| turn.label == maker.brief.seat);
    let Some(own) = own.map(|turn| turn.text.to_lowercase()) else { return };
    let names = maker.bank.things().map(|thing| thing.name.as_str());
    maker.choose(mentions(&own, names).last().map(String::as_str));
    let thing = maker.slots.get("object");
    let made_of = maker.bank.things().filter(|known| Some(&known.name) == thing);
    let materials = made_of.flat_map(|known| &known.materials).map(String::as_str);
    let material = mentions(&own, materials).into_iter().next();
    maker.know("material", material);
}

/// The client's wish: a paragraph of its own after one that ends in a colon.
fn wish(instruction: &str) -> Option<String> {
    let paragraphs: Vec<&str> =
        instruction.split("\n\n").map(str::trim).filter(|text| !text.is_empty()).collect();
    let announced = paragraphs.windows(2).find(|pair| {
        pair[0].ends_with([':', '：']) && !pair[1].starts_with(['-', '{', '`', '*', '1'])
    });
    announced.map(|pair| pair[1].replace('\n', " "))
}

/// The JSON as it is sent: mostly bare, now and then as carelessly as real models do it.
fn wrapped(order: &Order<'_>, bank: &Bank, value: &Value) -> String {
    let mut dice = Dice::of(&["wrapping", &order.digest]);
    let json = value.to_string();
    if !dice.chance(WRAPPED_PERCENT) {
        return json;
    }
    let wrapping = dice.pick(&bank.papers.wrappings);
    wrapping.map_or_else(|| json.clone(), |wrapping| wrapping.replace("{json}", &json))
}
