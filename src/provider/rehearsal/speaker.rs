//! Somebody at the table: what they know, what they may say, what they heard.

use crate::provider::rehearsal::bank::{Bank, Lines, Role, Slots, bare, constant, fill};
use crate::provider::rehearsal::briefing::Briefing;
use crate::provider::rehearsal::dice::Dice;
use crate::provider::rehearsal::persona::Person;
use crate::provider::rehearsal::scene::Scene;
use crate::provider::rehearsal::wire::Order;

/// Traits that can be given to an object, and not only said of a picture.
const MOTIFS: [&str; 4] = ["symmetry", "texture", "contrast", "ground"];

/// Somebody about to speak.
pub(super) struct Speaker<'a> {
    pub(super) brief: &'a Briefing,
    pub(super) bank: &'static Bank,
    pub(super) role: &'static Role,
    pub(super) scene: Scene,
    pub(super) person: Person,
    pub(super) dice: Dice,
    pub(super) slots: Slots,
    /// All that has been said so far, so that nobody says it again.
    pub(super) spoken: String,
}

impl<'a> Speaker<'a> {
    pub(super) fn new(order: &Order<'_>, brief: &'a Briefing, bank: &'static Bank) -> Self {
        let role = role_of(brief, bank);
        let mut speaker = Self {
            scene: Scene::of(&brief.description, bank),
            person: Person::of(&brief.persona, bank.language),
            dice: Dice::of(&[&order.digest]),
            slots: Slots::new(),
            spoken: brief.turns.iter().flat_map(|turn| [turn.text.as_str(), "\n"]).collect(),
            brief,
            bank,
            role,
        };
        speaker.look();
        speaker.reflect();
        speaker
    }

    /// Decides what of the picture this speech is about.
    fn look(&mut self) {
        let mut colours: Vec<String> = self.scene.colours.iter().take(4).cloned().collect();
        // The largest colour is mentioned most.
        if colours.len() > 2 && self.dice.chance(45) {
            colours.rotate_left(1);
        }
        let mut colours = colours.into_iter();
        self.know("colour", colours.next());
        self.know("second", colours.next());
        let mut traits: Vec<String> = self.scene.traits.iter().map(|t| t.say.clone()).collect();
        let turn = self.turn() % traits.len().max(1);
        traits.rotate_left(turn);
        let mut traits = traits.into_iter();
        self.know("trait", traits.next());
        self.know("other", traits.next());
        let motif = self.scene.traits.iter().find(|t| MOTIFS.contains(&t.kind.as_str()));
        self.know("motif", motif.map(|found| found.key.clone()));
        let meanings: Vec<String> = self.scene.meanings.iter().take(4).cloned().collect();
        self.know_one("meaning", &meanings);
        let glimpses = std::mem::take(&mut self.scene.glimpses);
        self.know_one("glimpse", &glimpses);
    }

    /// Decides which thing, and which side of oneself, to bring up.
    fn reflect(&mut self) {
        let things = self.role.things.iter().map(|thing| thing.name.clone()).collect();
        let thing = self.draw("things", &things);
        self.choose(thing.as_deref());
        self.know("users", self.draw("users", &self.role.users));
        self.know("seat", Some(self.brief.seat.clone()).filter(|seat| !seat.is_empty()));
        self.know_own("care", "care_low", self.person.cares.clone());
        self.know_own("life", "life_low", self.person.life.clone());
        self.know_own("dislike", "dislike_low", self.person.dislikes.clone());
        let catches = self.person.catches.clone();
        self.know_one("catch", &catches);
        let kept = &self.brief.kept;
        self.know_one("kept", kept);
    }

    fn know_one(&mut self, slot: &'static str, among: &[String]) {
        let one = self.dice.pick(among).cloned();
        self.know(slot, one);
    }

    /// One of one's own sentences that was not said yet, as a whole and as it goes on after a
    /// colon.
    fn know_own(&mut self, whole: &'static str, low: &'static str, mut lines: Vec<String>) {
        lines.retain(|line| !self.spoken.contains(line));
        let line = self.dice.pick(&lines).cloned();
        self.know(low, line.as_deref().map(lower_start));
        self.know(whole, line);
    }

    /// Decides for one of the things that could be made; what it is made of and what it is for
    /// follow from it.
    pub(super) fn choose(&mut self, name: Option<&str>) {
        let known = self.bank.things().find(|thing| Some(thing.name.as_str()) == name);
        let Some(thing) = known else { return };
        let material = self.dice.pick(&thing.materials).cloned();
        self.know("material", material);
        self.know("object", Some(thing.name.clone()));
        self.know("thing", Some(bare(&thing.name).to_owned()));
        self.know("size", Some(thing.size.clone()));
        self.know("job", Some(thing.job.clone()));
    }

    pub(super) fn know(&mut self, slot: &'static str, value: Option<String>) {
        if let Some(value) = value {
            self.slots.insert(slot, value);
        }
    }

    /// Which speech of the meeting this is, as far as the message shows.
    fn turn(&self) -> usize {
        self.brief.position() + self.brief.seats.len().max(1) * (self.brief.round - 1)
    }

    /// A sentence of the list, filled.
    pub(super) fn draw(&self, kind: &str, lines: &Lines) -> Option<String> {
        self.in_order(kind, lines).first().and_then(|line| fill(line, &self.slots))
    }

    /// The sentences of the list that can be filled, those not said before first. The list is in
    /// an order that all seats of one picture share, and each begins at a place of its own, so
    /// that speakers who cannot hear each other do not say the same either.
    pub(super) fn in_order<'l>(&self, kind: &str, lines: &'l Lines) -> Vec<&'l String> {
        let mut order: Vec<&String> = lines.iter().collect();
        Dice::of(&[kind, &self.brief.description]).shuffle(&mut order);
        let start = self.turn() % order.len().max(1);
        order.rotate_left(start);
        order.retain(|line| fill(line, &self.slots).is_some());
        order.sort_by_key(|line| self.spoken.contains(constant(line))); // stable
        order
    }
}

/// The role somebody speaks from: by its name, else by the words of its description.
fn role_of(brief: &Briefing, bank: &'static Bank) -> &'static Role {
    let text = brief.role.to_lowercase();
    let heading = text.lines().next().unwrap_or_default();
    let seat = brief.seat.to_lowercase();
    let named = |place: &str| {
        let is_named = |role: &&Role| role.label.iter().any(|label| place.contains(label));
        bank.roles.values().find(is_named)
    };
    let words = |role: &Role| role.marks.iter().filter(|mark| text.contains(*mark)).count();
    let likely = || bank.roles.values().max_by_key(|role| words(role));
    named(heading).or_else(|| named(&seat)).or_else(likely).expect("the bank has roles")
}

/// With a small first letter, where that is not part of a word such as "I".
fn lower_start(line: &str) -> String {
    let mut chars = line.chars();
    let first = chars.next();
    if line.starts_with("I ") || line.starts_with("I'") {
        return line.to_owned();
    }
    first.map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
