//! The minutes: computed from the meeting, so they cost nothing and invent nothing.

use super::asking::{Ask, Stop, Table};
use super::meeting::{Meeting, outcome_id};
use super::{designing, keywords};
use crate::domain::result::Card;
use minijinja::{Value, context};

/// The short record with the decisions, in the language of the discussion.
pub(super) fn write<A: Ask>(table: &Table<'_, A>, meeting: &Meeting) -> Result<String, Stop> {
    let pack = table.pack;
    let vote = meeting.tally(keywords::POLL);
    let choice = meeting.tally(designing::POLL);
    let outcome = |tally: Option<&crate::domain::tally::Tally>| {
        tally.map_or("decided", |tally| outcome_id(tally.outcome))
    };
    let switches: Vec<Value> = meeting
        .switches
        .iter()
        .map(|switch| {
            context! {
                label => pack.seat_label(&switch.seat),
                from_role_label => pack.role_label(&switch.from),
                to_role_label => pack.role_label(&switch.to),
            }
        })
        .collect();
    let missing: Vec<Value> = meeting
        .completeness
        .missing
        .iter()
        .map(|missing| {
            context! {
                stage_title => pack.stage_title(&missing.stage),
                label => pack.seat_label(&missing.seat),
                reason => pack.reason(&missing.reason),
            }
        })
        .collect();
    let clusters = meeting.clustering.as_ref().map_or(&[][..], |found| &found.clusters);
    let clusters: Vec<Value> = clusters
        .iter()
        .map(|cluster| context! { title => &cluster.title, keywords => &cluster.keywords })
        .collect();
    let stories = meeting.transcript.stages.iter().filter(|stage| stage.stage == "story");
    let stories = stories
        .flat_map(|stage| &stage.rounds)
        .flat_map(|round| &round.turns)
        .filter(|turn| turn.was_heard())
        .count();
    Ok(pack.render(
        "minutes.md",
        context! {
            topic => table.brief.topic,
            seats => table.seats().len(),
            description => &meeting.description,
            stories,
            keywords_kept => &meeting.kept,
            keywords_outcome => outcome(vote),
            ballots_valid => vote.map_or(0, |tally| tally.ballots_valid),
            ballots_seats => vote.map_or(0, |tally| tally.seats),
            core_concept => meeting.clustering.as_ref().map_or("", |found| &found.core_concept),
            clusters,
            switches,
            winner => winner(table, meeting),
            cards_outcome => outcome(choice),
            dissent => dissent(table, meeting),
            missing,
        },
    )?)
}

fn winning_card(meeting: &Meeting) -> Option<&Card> {
    let winner = meeting.winner.as_ref()?;
    meeting.cards.iter().find(|card| card.card_id == winner.card_id)
}

fn winner<A: Ask>(table: &Table<'_, A>, meeting: &Meeting) -> Option<Value> {
    let card = winning_card(meeting)?;
    Some(context! {
        label => table.pack.seat_label(&card.seat),
        form => &card.form,
        elements => &card.elements,
        function => &card.function,
        users => &card.users,
        meaning => &card.meaning,
    })
}

/// Who put another card first than the one that won. Nobody ranks their own card, so the winner
/// is not asked.
fn dissent<A: Ask>(table: &Table<'_, A>, meeting: &Meeting) -> Vec<Value> {
    let Some(won) = winning_card(meeting) else { return Vec::new() };
    let poll = meeting.polls.iter().find(|poll| poll.ballot == designing::POLL);
    let ballots = poll.map_or(&[][..], |poll| &poll.ballots);
    ballots
        .iter()
        .filter(|ballot| ballot.seat != won.seat)
        .filter_map(|ballot| {
            let first = ballot.ranking.first().filter(|first| **first != won.card_id)?;
            let chosen = meeting.cards.iter().find(|card| card.card_id == *first)?;
            Some(context! {
                label => table.pack.seat_label(&ballot.seat),
                first_choice_label => table.pack.seat_label(&chosen.seat),
            })
        })
        .collect()
}
