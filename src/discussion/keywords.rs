//! What the table distils: clusters of keywords, and the vote on which to keep.

use super::asking::{Ask, Gap, Spot, Stop, Table};
use super::meeting::Meeting;
use crate::domain::ballot::{Ballot, BallotStatus, Candidate, Options, Rule};
use crate::domain::event::EventKind;
use crate::domain::keyword::{Cluster, Clustering, candidates};
use crate::domain::panel::Seat;
use crate::domain::tally::{Tally, TallyOutcome, tally};
use crate::prompt::{reading, schema};
use futures_util::future::join_all;
use minijinja::{Value, context};

/// The poll's name in files.
pub(super) const POLL: &str = "keywords";

/// Groups every keyword said so far after the KJ method.
pub(super) async fn cluster<A: Ask>(
    table: &Table<'_, A>,
    meeting: &mut Meeting,
) -> Result<(), Stop> {
    let keywords = meeting.keywords();
    if keywords.is_empty() {
        meeting.miss("cluster", "", "no_keywords");
        return Ok(());
    }
    let task = table.pack.render("cluster.md", context! { keywords => &keywords })?;
    let message = format!("{}\n\n{task}", meeting.on_the_table(table.pack)?);
    let request = table.chat(message, Some(schema::clusters()));
    let groups = table
        .ask_twice(&Spot::chat("cluster", 1, ""), request, |answer| {
            reading::clusters(&answer.text).map(|read| read.value)
        })
        .await?;
    meeting.book("cluster", "", &groups);
    meeting.clustering = groups.ok().map(|reply| {
        let proposed = reply.groups.into_iter();
        let proposed = proposed.map(|(title, keywords)| Cluster { title, keywords }).collect();
        Clustering::checked(reply.core_concept, proposed, &keywords)
    });
    Ok(())
}

/// Approval of the merged keywords: anonymous, shuffled for every voter.
pub(super) async fn vote<A: Ask>(table: &Table<'_, A>, meeting: &mut Meeting) -> Result<(), Stop> {
    let agenda = &table.brief.spec.agenda;
    let candidates = candidates(&meeting.mentions, agenda.candidates_max, table.brief.seed);
    if candidates.len() < 2 {
        meeting.miss("vote", "", "too_few_candidates");
        keep(table, meeting, None);
        return Ok(());
    }
    let voting = table.seats().iter().map(|seat| ballot(table, meeting, seat, &candidates));
    let ballots = join_all(voting).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    let ballots = collect(table, meeting, "vote", ballots);
    let options = Options {
        quorum: agenda.quorum,
        threshold: Some(agenda.voting_threshold),
        keep_max: agenda.keywords_max,
    };
    let count = tally(Rule::Approval, &candidates, &ballots, &options, table.brief.seed);
    keep(table, meeting, Some(&count));
    meeting.record_poll(POLL, Rule::Approval, candidates, ballots, count);
    Ok(())
}

async fn ballot<A: Ask>(
    table: &Table<'_, A>,
    meeting: &Meeting,
    seat: &Seat,
    candidates: &[Candidate],
) -> Result<(Ballot, Result<(), Gap>), Stop> {
    let votes_max = table.brief.spec.agenda.votes_max;
    let label = format!("vote/{}", seat.seat);
    let shown = table.brief.seed.order(&label, candidates.to_vec(), |c| c.id.clone());
    let ids: Vec<String> = shown.iter().map(|candidate| candidate.id.clone()).collect();
    let names: Vec<(String, String)> =
        shown.iter().map(|candidate| (candidate.id.clone(), candidate.label.clone())).collect();
    let listed: Vec<Value> = shown
        .iter()
        .map(|candidate| context! { id => &candidate.id, label => &candidate.label })
        .collect();
    let task = table.pack.render("vote.md", context! { candidates => listed, votes_max })?;
    let schema = schema::ballot(&ids, votes_max);
    let request = table.chat(table.message(meeting, seat, &task)?, Some(schema));
    let approved = table
        .ask_twice_counting(&Spot::chat("vote", 1, &seat.seat), request, |answer| {
            reading::approvals(&answer.text, &names, votes_max).map(|read| read.value)
        })
        .await?;
    let paper = paper(seat, meeting.role(seat), ids);
    Ok(match approved {
        Ok((approved, status)) => (Ballot { status, approved, ..paper }, Ok(())),
        Err(gap) => (paper, Err(gap)),
    })
}

/// An empty ballot: what an abstention looks like.
pub(super) fn paper(seat: &Seat, role: &str, shown: Vec<String>) -> Ballot {
    Ballot {
        seat: seat.seat.clone(),
        role: role.to_owned(),
        status: BallotStatus::Abstained,
        shown,
        approved: Vec::new(),
        ranking: Vec::new(),
    }
}

/// Books the ballots in seat order.
pub(super) fn collect<A: Ask>(
    table: &Table<'_, A>,
    meeting: &mut Meeting,
    stage: &str,
    ballots: Vec<(Ballot, Result<(), Gap>)>,
) -> Vec<Ballot> {
    let book = |(ballot, gap): (Ballot, Result<(), Gap>)| {
        meeting.book(stage, &ballot.seat, &gap);
        table.ask.tell(EventKind::Ballot, stage, 1, &ballot.seat, ballot.status.name());
        ballot
    };
    ballots.into_iter().map(book).collect()
}

/// Decides which keywords the table goes on with: the user's, else those the vote kept, else, when
/// nothing reached the threshold, those with the most votes. Without a quorum: none.
fn keep<A: Ask>(table: &Table<'_, A>, meeting: &mut Meeting, count: Option<&Tally>) {
    let most = table.brief.spec.agenda.keywords_max;
    meeting.kept = if !table.brief.keywords.is_empty() {
        table.brief.keywords.to_vec()
    } else if let Some(count) = count {
        let labels = |standing: &crate::domain::tally::Standing| standing.label.clone();
        match count.outcome {
            TallyOutcome::Decided => count.kept().map(labels).collect(),
            TallyOutcome::NoneReachedThreshold => {
                count.standings.iter().take(most).map(labels).collect()
            }
            TallyOutcome::NoQuorum => Vec::new(),
        }
    } else {
        meeting.keywords().into_iter().take(most).collect()
    };
}
