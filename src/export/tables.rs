//! The result tables: what one job adds to each of them, as CSV.

use super::codebook::{CARDS, CLUSTERS, JOBS, KEYWORDS, REJECTED, TALLIES, TURNS, Table, VOTES};
use super::sheet::Sheet;
use super::{BatchInput, JobInput, facts, sheet};
use crate::domain::ballot::{Ballot, Candidate, Rule};
use crate::domain::job::State;
use crate::domain::result::{JobResult, Poll};
use crate::ledger::Rejected;

/// What one job adds to a table.
pub type Rows = fn(&BatchInput<'_>, &JobInput<'_>) -> Vec<u8>;

/// The result tables that grow by every job. `rejected.csv` does not, see [`rejected`].
pub const RESULTS: [(&Table, Rows); 7] = [
    (&JOBS, jobs),
    (&TURNS, turns),
    (&KEYWORDS, keywords),
    (&CLUSTERS, clusters),
    (&VOTES, votes),
    (&TALLIES, tallies),
    (&CARDS, cards),
];

/// The header of a table, with a byte order mark for Excel if wanted.
pub fn header(table: &Table, bom: bool) -> Vec<u8> {
    sheet::header(table, bom)
}

/// The job's row of `jobs.csv`.
pub fn jobs(batch: &BatchInput<'_>, job: &JobInput<'_>) -> Vec<u8> {
    let mut sheet = Sheet::of(&JOBS);
    let row = &job.row.job;
    let original = job.row.duplicate_of.as_ref();
    start(&mut sheet, batch, job)
        .text(&row.source)
        .text(&row.external_id)
        .value(&row.picture_sha256)
        .text(&row.topic)
        .text(&batch.spec.agenda.name)
        .value(batch.spec.language)
        .value(batch.rehearsal())
        .value(row.state.name().as_str())
        .maybe(original.map(|original| original.index));
    outcome(&mut sheet, job);
    match &row.state {
        State::Dead { error } => sheet.value(&error.code).text(&error.message),
        State::Queued
        | State::Running { .. }
        | State::Waiting { .. }
        | State::Completed { .. }
        | State::Cancelled => sheet.empty(2),
    };
    sheet.text(original.map_or("", |original| &original.batch)).end();
    sheet.into_bytes()
}

/// The columns of `jobs.csv` that only a held discussion fills.
fn outcome(sheet: &mut Sheet, job: &JobInput<'_>) {
    let Some(result) = job.result else {
        sheet.empty(10);
        return;
    };
    let completeness = &result.completeness;
    sheet
        .text(&result.description)
        .list(facts::kept_keywords(job))
        .text(result.clusters.as_ref().map_or("", |clusters| &clusters.core_concept))
        .maybe(result.winner.as_ref().map(|winner| &winner.seat))
        .maybe(result.winner.as_ref().map(|winner| &winner.card_id))
        .value(result.generated.len())
        .value(facts::statements(result))
        .value(completeness.expected)
        .value(completeness.obtained)
        .value(completeness.expected.saturating_sub(completeness.obtained));
}

/// The job's rows of `turns.csv`.
pub fn turns(batch: &BatchInput<'_>, job: &JobInput<'_>) -> Vec<u8> {
    filled(&TURNS, job, |sheet, result| {
        for (stage, round, position, turn) in facts::turns(result) {
            let seats = &batch.spec.agenda.seats;
            let persona = seats.iter().find(|seat| seat.seat == turn.seat);
            start(sheet, batch, job)
                .text(stage)
                .value(round)
                .value(position)
                .text(&turn.seat)
                .text(&turn.role)
                .text(persona.map_or("", |seat| &seat.persona))
                .value(facts::status_word(turn.status))
                .text(&turn.text)
                .end();
        }
    })
}

/// The job's rows of `keywords.csv`.
pub fn keywords(batch: &BatchInput<'_>, job: &JobInput<'_>) -> Vec<u8> {
    filled(&KEYWORDS, job, |sheet, result| {
        for row in &result.keywords {
            start(sheet, batch, job)
                .text(&row.stage)
                .text(&row.seat)
                .text(&row.keyword)
                .text(&row.normalised)
                .text(row.cluster.as_deref().unwrap_or_default())
                .maybe(row.votes)
                .value(row.kept)
                .end();
        }
    })
}

/// The job's rows of `clusters.csv`.
pub fn clusters(batch: &BatchInput<'_>, job: &JobInput<'_>) -> Vec<u8> {
    filled(&CLUSTERS, job, |sheet, result| {
        let Some(clustering) = &result.clusters else { return };
        let numbered = clustering.clusters.iter().enumerate();
        let grouped = numbered.flat_map(|(before, cluster)| {
            cluster
                .keywords
                .iter()
                .map(move |word| (Some(before + 1), cluster.title.as_str(), word))
        });
        let leftover = clustering.ungrouped.iter().map(|word| (None, "ungrouped", word));
        for (number, title, keyword) in grouped.chain(leftover) {
            start(sheet, batch, job)
                .maybe(number)
                .text(title)
                .text(keyword)
                .text(&clustering.core_concept)
                .end();
        }
    })
}

/// The job's rows of `votes.csv`.
pub fn votes(batch: &BatchInput<'_>, job: &JobInput<'_>) -> Vec<u8> {
    filled(&VOTES, job, |sheet, result| {
        for poll in &result.ballots {
            for ballot in &poll.ballots {
                if ballot.status.is_counted() {
                    for candidate in &poll.candidates {
                        start_vote(sheet, batch, job, poll, ballot);
                        vote(sheet, poll.rule, ballot, candidate);
                    }
                } else {
                    start_vote(sheet, batch, job, poll, ballot);
                    sheet.empty(6).end();
                }
            }
        }
    })
}

fn start_vote(
    sheet: &mut Sheet,
    batch: &BatchInput<'_>,
    job: &JobInput<'_>,
    poll: &Poll,
    ballot: &Ballot,
) {
    start(sheet, batch, job)
        .text(&poll.ballot)
        .value(poll.rule)
        .text(&ballot.seat)
        .text(&ballot.role)
        .value(ballot.status);
}

/// What a ballot says about one candidate; nothing about its seat's own.
fn vote(sheet: &mut Sheet, rule: Rule, ballot: &Ballot, candidate: &Candidate) {
    let own = candidate.is_own_of(&ballot.seat);
    let position = |ids: &[String]| ids.iter().position(|id| *id == candidate.id).map(|at| at + 1);
    let (approved, rank) = match rule {
        Rule::Approval => (Some(ballot.approved.contains(&candidate.id)), None),
        Rule::Plurality | Rule::Borda | Rule::InstantRunoff | Rule::RankedPairs => {
            (None, position(&ballot.ranking))
        }
    };
    sheet
        .value(&candidate.id)
        .text(&candidate.label)
        .maybe(position(&ballot.shown))
        .maybe(approved.filter(|_| !own))
        .maybe(rank.filter(|_| !own))
        .value(own)
        .end();
}

/// The job's rows of `tallies.csv`.
pub fn tallies(batch: &BatchInput<'_>, job: &JobInput<'_>) -> Vec<u8> {
    filled(&TALLIES, job, |sheet, result| {
        for poll in &result.tallies {
            let tally = &poll.tally;
            for standing in &tally.standings {
                start(sheet, batch, job)
                    .text(&poll.ballot)
                    .value(tally.rule)
                    .value(&standing.id)
                    .text(&standing.label)
                    .value(standing.score)
                    .value(tally.ballots_valid)
                    .value(tally.seats)
                    .maybe(tally.threshold)
                    .value(standing.kept)
                    .value(standing.place)
                    .maybe(standing.tie_break)
                    .end();
            }
        }
    })
}

/// The job's rows of `cards.csv`.
pub fn cards(batch: &BatchInput<'_>, job: &JobInput<'_>) -> Vec<u8> {
    filled(&CARDS, job, |sheet, result| {
        for card in &result.cards {
            start(sheet, batch, job)
                .text(&card.seat)
                .text(&card.role)
                .value(&card.card_id)
                .text(&card.form)
                .text(&card.elements)
                .text(&card.function)
                .text(&card.users)
                .text(&card.meaning)
                .text(&card.image_prompt)
                .maybe(card.place)
                .end();
        }
    })
}

/// The rows of `rejected.csv`: what the batch refused.
pub fn rejected(batch: &BatchInput<'_>, inputs: &[Rejected]) -> Vec<u8> {
    let mut sheet = Sheet::of(&REJECTED);
    for Rejected { source, external_id, code, reason } in inputs {
        sheet.text(batch.name).text(source).text(external_id).value(code).text(reason).end();
    }
    sheet.into_bytes()
}

/// The two cells that every job's rows begin with.
pub(super) fn start<'s>(
    sheet: &'s mut Sheet,
    batch: &BatchInput<'_>,
    job: &JobInput<'_>,
) -> &'s mut Sheet {
    sheet.text(batch.name).value(job.row.job.index)
}

/// The rows of a table that only a held discussion has.
fn filled(table: &Table, job: &JobInput<'_>, fill: impl Fn(&mut Sheet, &JobResult)) -> Vec<u8> {
    let mut sheet = Sheet::of(table);
    if let Some(result) = job.result {
        fill(&mut sheet, result);
    }
    sheet.into_bytes()
}
