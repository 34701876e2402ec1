//! The spec of a batch: everything that decides what is asked, frozen at enqueue.

use super::ballot::Rule;
use super::models::Models;
use super::panel::{Panel, Seat};
use super::share::Share;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// The language of prompts and discussion.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    #[default]
    En,
    Zh,
}

impl Language {
    /// `en` or `zh`: the folder under `prompts/` and the value in files.
    pub fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Who hears whom within a round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Each speaker hears those who spoke before.
    #[default]
    Sequential,
    /// All speak at once; each has heard the finished rounds only.
    Parallel,
}

/// How the keywords of a turn are collected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Collect {
    #[default]
    None,
    /// In the turn's own last line.
    Line,
    /// By a call of its own after each turn.
    Call,
}

/// What happens in one stage of the discussion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageKind {
    Describe,
    Introduce,
    Story,
    Discuss,
    Cluster,
    Vote,
    Switch,
    Rediscuss,
    Design,
    Choose,
    Illustrate,
    Minutes,
}

impl StageKind {
    /// The stage's id in files and call names.
    pub fn id(self) -> &'static str {
        match self {
            Self::Describe => "describe",
            Self::Introduce => "introduce",
            Self::Story => "story",
            Self::Discuss => "discuss",
            Self::Cluster => "cluster",
            Self::Vote => "vote",
            Self::Switch => "switch",
            Self::Rediscuss => "rediscuss",
            Self::Design => "design",
            Self::Choose => "choose",
            Self::Illustrate => "illustrate",
            Self::Minutes => "minutes",
        }
    }
}

impl fmt::Display for StageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// One stage of an agenda.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StagePlan {
    pub stage: StageKind,
    /// Rounds around the table (`discuss` only).
    #[serde(default = "one")]
    pub rounds: u32,
    #[serde(default)]
    pub order: Order,
    #[serde(default)]
    pub keywords: Collect,
    /// The rule of a `choose` stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Rule>,
    /// `switch`: whether every seat also reflects aloud on its old role.
    #[serde(default)]
    pub reflect: bool,
}

fn one() -> u32 {
    1
}

/// Sampling parameters sent with every chat call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sampling {
    pub temperature: f64,
    /// The largest answer, in tokens, reasoning included.
    pub tokens_max: u32,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { temperature: 0.7, tokens_max: 2000 }
    }
}

/// The order of business: which seats, which stages, which rules. A file in `jobs/`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agenda {
    pub name: String,
    /// One sentence on what it is for.
    pub about: String,
    pub topic: String,
    #[serde(default)]
    pub language: Language,
    /// The prompt file (without `.md`) under `scenarios/`; none: no scenario.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<String>,
    /// A folder with prompt files that replace the built-in ones; relative to the agenda file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompts: Option<String>,
    /// The share of seats whose ballots must be valid for a vote to decide.
    #[serde(default = "quorum")]
    pub quorum: Share,
    /// The share of valid ballots that a keyword needs.
    #[serde(default = "voting_threshold")]
    pub voting_threshold: Share,
    #[serde(default = "keywords_max")]
    pub keywords_max: usize,
    /// Approvals on one ballot.
    #[serde(default = "votes_max")]
    pub votes_max: usize,
    /// Keywords that stand for election at most.
    #[serde(default = "candidates_max")]
    pub candidates_max: usize,
    #[serde(default)]
    pub sampling: Sampling,
    #[serde(rename = "seat")]
    pub seats: Vec<Seat>,
    #[serde(rename = "stage")]
    pub stages: Vec<StagePlan>,
}

/// Rounds of one discussion at most: more cost money and, beyond two or three, quality.
pub const ROUNDS_MAX: u32 = 20;

impl Agenda {
    /// Everything that is wrong with it, one sentence each; empty: nothing.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if let Err(wrong) = Panel::new(self.seats.clone()) {
            problems.push(wrong.to_string());
        }
        if self.topic.trim().is_empty() {
            problems.push("the topic is empty".to_owned());
        }
        for (name, value) in [
            ("keywords_max", self.keywords_max),
            ("votes_max", self.votes_max),
            ("candidates_max", self.candidates_max),
        ] {
            if !(1..=100).contains(&value) {
                problems.push(format!("{name} is {value}; it must be from 1 to 100"));
            }
        }
        if self.stages.first().map(|plan| plan.stage) != Some(StageKind::Describe) {
            problems.push("the first stage must be `describe`".to_owned());
        }
        for (position, plan) in self.stages.iter().enumerate() {
            let before: Vec<StageKind> =
                self.stages.iter().take(position).map(|plan| plan.stage).collect();
            problems.extend(plan.problems(&before));
        }
        problems
    }
}

impl StagePlan {
    fn problems(&self, before: &[StageKind]) -> Vec<String> {
        let stage = self.stage;
        let mut problems = Vec::new();
        if before.contains(&stage) {
            problems.push(format!("stage `{stage}` stands twice"));
        }
        if !(1..=ROUNDS_MAX).contains(&self.rounds) {
            problems.push(format!("stage `{stage}`: rounds must be from 1 to {ROUNDS_MAX}"));
        }
        if let Some(needed) = stage.needs().iter().find(|needed| !before.contains(needed)) {
            problems.push(format!("stage `{stage}` needs a stage `{needed}` before it"));
        }
        problems
    }
}

impl StageKind {
    /// The stages whose outcome it works on.
    fn needs(self) -> &'static [Self] {
        match self {
            Self::Rediscuss => &[Self::Switch],
            Self::Choose => &[Self::Design],
            Self::Illustrate => &[Self::Choose],
            Self::Describe
            | Self::Introduce
            | Self::Story
            | Self::Discuss
            | Self::Cluster
            | Self::Vote
            | Self::Switch
            | Self::Design
            | Self::Minutes => &[],
        }
    }
}

fn quorum() -> Share {
    Share::of_thousandths(500)
}
fn voting_threshold() -> Share {
    Share::of_thousandths(600)
}
fn keywords_max() -> usize {
    10
}
fn votes_max() -> usize {
    5
}
fn candidates_max() -> usize {
    20
}

/// How pictures are prepared; the fields mean what `imaging::Limits` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PictureLimits {
    pub width_max: u32,
    pub height_max: u32,
    pub bytes_max: u64,
    pub jpeg_quality: u8,
}

impl Default for PictureLimits {
    fn default() -> Self {
        Self { width_max: 800, height_max: 800, bytes_max: 1_572_864, jpeg_quality: 85 }
    }
}

/// Everything that decides what is asked. Frozen at enqueue, stored by content, carried by the
/// batch: a worker uses nothing of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    pub agenda: Agenda,
    pub language: Language,
    pub models: Models,
    pub seed: u64,
    pub picture: PictureLimits,
    /// The prompt pack, by file name (`vote.md`, `roles/designer.md`), as text.
    pub prompts: BTreeMap<String, String>,
    /// No model is asked; everything is labelled so.
    pub rehearsal: bool,
}
