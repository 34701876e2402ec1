//! Who sits where, and who said what.

use super::{reason_of, seat_no, stage_title};
use crate::domain::panel::Seat;
use crate::domain::result::JobResult;
use crate::domain::transcript::{Round, Stage, Turn, TurnStatus};
use crate::export::{BatchInput, facts};
use serde::Serialize;

/// The stage whose turns introduce the seats.
const INTRODUCTIONS: &str = "introduce";

/// A seat and the person in it.
#[derive(Debug, Serialize)]
pub(super) struct Place {
    no: usize,
    label: String,
    persona: String,
    role: String,
    /// The role after the switch.
    new_role: Option<String>,
    introduction: Option<TurnView>,
}

/// A stage in which people talk.
#[derive(Debug, Serialize)]
pub(super) struct StageView {
    stage: String,
    title: String,
    rounds: Vec<RoundView>,
}

#[derive(Debug, Serialize)]
struct RoundView {
    round: u32,
    turns: Vec<TurnView>,
}

#[derive(Debug, Serialize)]
pub(super) struct TurnView {
    no: usize,
    label: String,
    persona: String,
    role: String,
    /// The role is not the one the seat began with.
    switched: bool,
    status: &'static str,
    text: String,
    /// Why there is no text.
    reason: String,
    keywords: Vec<KeywordView>,
}

#[derive(Debug, Serialize)]
struct KeywordView {
    text: String,
    kept: bool,
}

/// The seats in speaking order.
pub(super) fn places(batch: &BatchInput<'_>, result: &JobResult) -> Vec<Place> {
    let introductions = result.stages.stages.iter().find(|stage| stage.stage == INTRODUCTIONS);
    let turns = introductions.into_iter().flat_map(|stage| &stage.rounds).flat_map(|r| &r.turns);
    let turns: Vec<&Turn> = turns.collect();
    let seats = batch.spec.agenda.seats.iter().enumerate();
    seats
        .map(|(before, seat)| {
            let switch = result.switch.iter().find(|switch| switch.seat == seat.seat);
            let said = turns.iter().find(|turn| turn.seat == seat.seat);
            Place {
                no: before + 1,
                label: batch.pack.seat_label(&seat.seat).to_owned(),
                persona: persona_name(batch, seat),
                role: batch.pack.role_label(&seat.role).to_owned(),
                new_role: switch.map(|switch| batch.pack.role_label(&switch.to).to_owned()),
                introduction: said
                    .map(|turn| turn_view(batch, result, INTRODUCTIONS, turn, Vec::new())),
            }
        })
        .collect()
}

/// Every stage in which people talked, but for the introductions, which stand beside the seats.
pub(super) fn stages(batch: &BatchInput<'_>, result: &JobResult) -> Vec<StageView> {
    let talks = result.stages.stages.iter().filter(|stage| stage.stage != INTRODUCTIONS);
    talks
        .map(|stage| StageView {
            stage: stage.stage.clone(),
            title: stage_title(batch, &stage.stage),
            rounds: stage.rounds.iter().map(|it| round(batch, result, stage, it)).collect(),
        })
        .collect()
}

fn round(batch: &BatchInput<'_>, result: &JobResult, stage: &Stage, round: &Round) -> RoundView {
    // Keywords are kept by stage and seat, so they stand under the seat's last turn of the stage.
    let is_last = stage.rounds.last().is_some_and(|last| last.round == round.round);
    let turns = round.turns.iter().map(|turn| {
        let named = result
            .keywords
            .iter()
            .filter(|row| is_last && row.stage == stage.stage && row.seat == turn.seat);
        let keywords =
            named.map(|row| KeywordView { text: row.keyword.clone(), kept: row.kept }).collect();
        turn_view(batch, result, &stage.stage, turn, keywords)
    });
    RoundView { round: round.round, turns: turns.collect() }
}

fn turn_view(
    batch: &BatchInput<'_>,
    result: &JobResult,
    stage: &str,
    turn: &Turn,
    keywords: Vec<KeywordView>,
) -> TurnView {
    let seat = batch.spec.agenda.seats.iter().find(|seat| seat.seat == turn.seat);
    TurnView {
        no: seat_no(batch, &turn.seat),
        label: batch.pack.seat_label(&turn.seat).to_owned(),
        persona: seat.map(|seat| persona_name(batch, seat)).unwrap_or_default(),
        role: batch.pack.role_label(&turn.role).to_owned(),
        switched: seat.is_some_and(|seat| seat.role != turn.role),
        status: facts::status_word(turn.status),
        text: turn.text.clone(),
        reason: reason(batch, result, stage, turn),
        keywords,
    }
}

fn reason(batch: &BatchInput<'_>, result: &JobResult, stage: &str, turn: &Turn) -> String {
    match turn.status {
        TurnStatus::Spoken | TurnStatus::Truncated => String::new(),
        TurnStatus::Blocked => batch.pack.reason("content_blocked").to_owned(),
        TurnStatus::NotObtained => reason_of(batch, result, stage, &turn.seat)
            .unwrap_or_else(|| batch.pack.reason("unreadable").to_owned()),
    }
}

fn persona_name(batch: &BatchInput<'_>, seat: &Seat) -> String {
    batch.pack.persona_name(&seat.persona).unwrap_or(&seat.persona).to_owned()
}
