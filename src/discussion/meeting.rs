//! The meeting so far: what every later prompt is made from, and in the end the result.

use super::asking::Gap;
use crate::domain::ballot::{Ballot, Rule};
use crate::domain::keyword::{Clustering, Mention, normalise};
use crate::domain::panel::{RoleSwitch, Seat};
use crate::domain::result::{
    Card, Completeness, Generated, JobResult, KeywordRow, Missing, Picture, Poll, PollTally, Winner,
};
use crate::domain::tally::{Tally, TallyOutcome};
use crate::domain::transcript::{Round, Stage, Transcript, Turn};
use crate::prompt::pack::{self, Pack};
use minijinja::{Value, context};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Default)]
pub(super) struct Meeting {
    pub(super) description: String,
    pub(super) transcript: Transcript,
    pub(super) mentions: Vec<Mention>,
    pub(super) clustering: Option<Clustering>,
    pub(super) polls: Vec<Poll>,
    pub(super) tallies: Vec<PollTally>,
    /// The keywords the table goes on with.
    pub(super) kept: Vec<String>,
    pub(super) switches: Vec<RoleSwitch>,
    pub(super) cards: Vec<Card>,
    pub(super) winner: Option<Winner>,
    pub(super) generated: Vec<Generated>,
    pub(super) minutes: String,
    pub(super) completeness: Completeness,
    roles: BTreeMap<String, String>,
}

impl Meeting {
    pub(super) fn new(seats: &[Seat]) -> Self {
        let roles = seats.iter().map(|seat| (seat.seat.clone(), seat.role.clone())).collect();
        Self { roles, ..Self::default() }
    }

    /// The role a seat wears now.
    pub(super) fn role<'a>(&'a self, seat: &'a Seat) -> &'a str {
        self.roles.get(&seat.seat).map_or(&seat.role, String::as_str)
    }

    pub(super) fn switch_roles(&mut self, switches: Vec<RoleSwitch>) {
        for switch in &switches {
            self.roles.insert(switch.seat.clone(), switch.to.clone());
        }
        self.switches = switches;
    }

    /// A turn was taken: it joins its round.
    pub(super) fn hear(&mut self, stage: &str, round: u32, turn: Turn) {
        let stages = &mut self.transcript.stages;
        if stages.last().is_none_or(|last| last.stage != stage) {
            stages.push(Stage { stage: stage.to_owned(), rounds: Vec::new() });
        }
        let rounds = &mut stages.last_mut().expect("one was pushed").rounds;
        if rounds.last().is_none_or(|last| last.round != round) {
            rounds.push(Round { round, turns: Vec::new() });
        }
        rounds.last_mut().expect("one was pushed").turns.push(turn);
    }

    /// Books one question: answered, or missing and why.
    pub(super) fn book<T>(&mut self, stage: &str, seat: &str, answer: &Result<T, Gap>) {
        self.completeness.expected += 1;
        match answer {
            Ok(_) => self.completeness.obtained += 1,
            Err(gap) => self.miss(stage, seat, gap.reason()),
        }
    }

    /// Something is not there.
    pub(super) fn miss(&mut self, stage: &str, seat: &str, reason: &str) {
        self.completeness.missing.push(Missing {
            stage: stage.to_owned(),
            seat: seat.to_owned(),
            reason: reason.to_owned(),
        });
    }

    pub(super) fn record_poll(
        &mut self,
        ballot: &str,
        rule: Rule,
        candidates: Vec<crate::domain::ballot::Candidate>,
        ballots: Vec<Ballot>,
        tally: Tally,
    ) {
        let ballot = ballot.to_owned();
        self.polls.push(Poll { ballot: ballot.clone(), rule, candidates, ballots });
        self.tallies.push(PollTally { ballot, tally });
    }

    pub(super) fn tally(&self, ballot: &str) -> Option<&Tally> {
        self.tallies.iter().find(|poll| poll.ballot == ballot).map(|poll| &poll.tally)
    }

    /// Every keyword said so far, each once, in its first spelling.
    pub(super) fn keywords(&self) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let new = |mention: &&Mention| seen.insert(mention.normalised.clone());
        self.mentions.iter().filter(new).map(|mention| mention.keyword.clone()).collect()
    }

    /// The common part of every prompt.
    pub(super) fn on_the_table(&self, pack: &Pack) -> Result<String, pack::Error> {
        let (introductions, meeting) = self.said(pack);
        let core_concept =
            self.clustering.as_ref().map_or("", |clustering| &clustering.core_concept);
        pack.render(
            "table.md",
            context! {
                description => &self.description,
                introductions,
                meeting,
                kept_keywords => &self.kept,
                core_concept,
            },
        )
    }

    fn said(&self, pack: &Pack) -> (Vec<Value>, Vec<Value>) {
        let heard = |turns: &[Turn]| -> Vec<Value> {
            let heard = turns.iter().filter(|turn| turn.was_heard());
            heard
                .map(|turn| context! { label => pack.seat_label(&turn.seat), text => &turn.text })
                .collect()
        };
        let (mut introductions, mut meeting) = (Vec::new(), Vec::new());
        for stage in &self.transcript.stages {
            for round in &stage.rounds {
                let turns = heard(&round.turns);
                if stage.stage == "introduce" {
                    introductions.extend(turns);
                } else if !turns.is_empty() {
                    let title = pack.stage_title(&stage.stage);
                    let title = match stage.rounds.len() {
                        1 => title.to_owned(),
                        _ => format!("{title} {}", round.round),
                    };
                    meeting.push(context! { title, turns });
                }
            }
        }
        (introductions, meeting)
    }

    pub(super) fn into_result(self, picture: Picture) -> JobResult {
        let keywords = self.keyword_rows();
        JobResult {
            picture,
            description: self.description,
            stages: self.transcript,
            keywords,
            clusters: self.clustering,
            ballots: self.polls,
            tallies: self.tallies,
            switch: self.switches,
            cards: self.cards,
            winner: self.winner,
            generated: self.generated,
            minutes: self.minutes,
            completeness: self.completeness,
        }
    }

    /// Every mention with what became of its keyword.
    fn keyword_rows(&self) -> Vec<KeywordRow> {
        let clusters = self.cluster_titles();
        let votes = self.keyword_votes();
        let kept: BTreeSet<_> = self.kept.iter().filter_map(|keyword| normalise(keyword)).collect();
        let row = |mention: &Mention| KeywordRow {
            stage: mention.stage.clone(),
            seat: mention.seat.clone(),
            keyword: mention.keyword.clone(),
            normalised: mention.normalised.clone(),
            cluster: clusters.get(&mention.normalised).cloned(),
            votes: votes.get(&mention.normalised).copied(),
            kept: kept.contains(&mention.normalised),
        };
        self.mentions.iter().map(row).collect()
    }

    fn cluster_titles(&self) -> BTreeMap<String, String> {
        let mut titles = BTreeMap::new();
        for cluster in self.clustering.iter().flat_map(|clustering| &clustering.clusters) {
            for keyword in cluster.keywords.iter().filter_map(|keyword| normalise(keyword)) {
                titles.insert(keyword, cluster.title.clone());
            }
        }
        titles
    }

    fn keyword_votes(&self) -> BTreeMap<String, u32> {
        let Some(poll) = self.polls.iter().find(|poll| poll.ballot == "keywords") else {
            return BTreeMap::new();
        };
        let count = |id: &String| {
            let approving = poll.ballots.iter().filter(|ballot| ballot.approved.contains(id));
            u32::try_from(approving.count()).unwrap_or(u32::MAX)
        };
        poll.candidates
            .iter()
            .filter_map(|candidate| Some((normalise(&candidate.label)?, count(&candidate.id))))
            .collect()
    }
}

/// The outcome's id in the templates.
pub(super) fn outcome_id(outcome: TallyOutcome) -> &'static str {
    match outcome {
        TallyOutcome::Decided => "decided",
        TallyOutcome::NoneReachedThreshold => "none_reached_threshold",
        TallyOutcome::NoQuorum => "no_quorum",
    }
}
