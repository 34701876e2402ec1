//! From keywords to a design: cards, the choice among them, the image.

use super::asking::{Ask, Gap, ModelKind, Spot, Stop, Table};
use super::keywords::{collect, paper};
use super::meeting::Meeting;
use super::speaking::one_image;
use crate::domain::ballot::{Ballot, Candidate, Options, Rule};
use crate::domain::panel::Seat;
use crate::domain::result::{Card, Generated, Winner};
use crate::domain::spec::StagePlan;
use crate::domain::tally::tally;
use crate::prompt::reading::{self, CardReply};
use crate::prompt::schema;
use crate::provider::{ImageRequest, Request};
use futures_util::future::join_all;
use minijinja::context;

/// The poll's name in files.
pub(super) const POLL: &str = "cards";
/// The size asked of image models: the square that every service offers.
const IMAGE_SIZE: &str = "1024x1024";

/// Every seat fills in a card.
pub(super) async fn design<A: Ask>(
    table: &Table<'_, A>,
    meeting: &mut Meeting,
) -> Result<(), Stop> {
    let values = context! { design_prompt => table.brief.design_prompt };
    let task = table.pack.render("design.md", values)?;
    let heard: &Meeting = meeting;
    let designing = table.seats().iter().map(|seat| {
        let message = table.message(heard, seat, &task);
        async move {
            let request = table.chat(message?, Some(schema::card()));
            table
                .ask_twice(&Spot::chat("design", 1, &seat.seat), request, |answer| {
                    reading::card(&answer.text).map(|read| read.value)
                })
                .await
        }
    });
    let replies = join_all(designing).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    let mut cards = Vec::new();
    for (seat, reply) in table.seats().iter().zip(replies) {
        meeting.book("design", &seat.seat, &reply);
        cards.extend(reply.ok().map(|reply| card(seat, meeting.role(seat), reply)));
    }
    meeting.cards = numbered(table, cards);
    Ok(())
}

fn card(seat: &Seat, role: &str, reply: CardReply) -> Card {
    Card {
        seat: seat.seat.clone(),
        role: role.to_owned(),
        card_id: String::new(),
        form: reply.form,
        elements: reply.elements,
        function: reply.function,
        users: reply.users,
        meaning: reply.meaning,
        image_prompt: reply.image_prompt,
        place: None,
    }
}

/// Gives the cards their ids in drawn order, so that an id does not betray its seat.
fn numbered<A: Ask>(table: &Table<'_, A>, mut cards: Vec<Card>) -> Vec<Card> {
    let seats: Vec<String> = cards.iter().map(|card| card.seat.clone()).collect();
    let drawn = table.brief.seed.order("cards", seats, Clone::clone);
    for card in &mut cards {
        let place = drawn.iter().position(|seat| *seat == card.seat).unwrap_or_default();
        card.card_id = format!("c{}", place + 1);
    }
    cards
}

/// Every seat ranks the others' cards, which are anonymous and shuffled.
pub(super) async fn choose<A: Ask>(
    table: &Table<'_, A>,
    meeting: &mut Meeting,
    plan: &StagePlan,
) -> Result<(), Stop> {
    if meeting.cards.len() < 2 {
        meeting.miss("choose", "", "too_few_cards");
        return Ok(());
    }
    let rule = plan.rule.unwrap_or(Rule::Borda);
    let ranking = table.seats().iter().map(|seat| ballot(table, meeting, seat));
    let ballots = join_all(ranking).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    let ballots = collect(table, meeting, "choose", ballots);
    let mut candidates: Vec<Candidate> = meeting.cards.iter().map(candidate).collect();
    candidates.sort_by(|a, b| a.id.cmp(&b.id));
    let options = Options { quorum: table.brief.spec.agenda.quorum, threshold: None, keep_max: 1 };
    let count = tally(rule, &candidates, &ballots, &options, table.brief.seed);
    if count.quorum {
        for card in &mut meeting.cards {
            let standing = count.standings.iter().find(|standing| standing.id == card.card_id);
            card.place = standing.map(|standing| standing.place);
        }
    }
    let winner = count.winner().map(|standing| standing.id.clone());
    meeting.winner = winner.and_then(|id| {
        let card = meeting.cards.iter().find(|card| card.card_id == id)?;
        Some(Winner { seat: card.seat.clone(), card_id: id })
    });
    meeting.record_poll(POLL, rule, candidates, ballots, count);
    Ok(())
}

/// A card as it stands for election: by its form, which is the shortest thing that tells it apart.
fn candidate(card: &Card) -> Candidate {
    Candidate {
        id: card.card_id.clone(),
        label: card.form.clone(),
        own_seats: vec![card.seat.clone()],
    }
}

async fn ballot<A: Ask>(
    table: &Table<'_, A>,
    meeting: &Meeting,
    seat: &Seat,
) -> Result<(Ballot, Result<(), Gap>), Stop> {
    let others = meeting.cards.iter().filter(|card| card.seat != seat.seat).collect();
    let label = format!("choose/{}", seat.seat);
    let shown = table.brief.seed.order(&label, others, |card: &&Card| card.card_id.clone());
    let ids: Vec<String> = shown.iter().map(|card| card.card_id.clone()).collect();
    let cards: Vec<_> = shown
        .iter()
        .map(|card| {
            context! {
                id => &card.card_id,
                form => &card.form,
                elements => &card.elements,
                function => &card.function,
                users => &card.users,
                meaning => &card.meaning,
            }
        })
        .collect();
    let task = table.pack.render("choose.md", context! { cards })?;
    let request = table.chat(table.message(meeting, seat, &task)?, Some(schema::ranking(&ids)));
    let ranked = table
        .ask_twice_counting(&Spot::chat("choose", 1, &seat.seat), request, |answer| {
            reading::ranking(&answer.text, &ids).map(|read| read.value)
        })
        .await?;
    let paper = paper(seat, meeting.role(seat), ids.clone());
    Ok(match ranked {
        Ok((ranking, status)) => (Ballot { status, ranking, ..paper }, Ok(())),
        Err(gap) => (paper, Err(gap)),
    })
}

/// The winning card becomes an image, where there is a winner and an image model.
pub(super) async fn illustrate<A: Ask>(
    table: &Table<'_, A>,
    meeting: &mut Meeting,
) -> Result<(), Stop> {
    let Some(model) = &table.brief.spec.models.image else {
        meeting.miss("illustrate", "", "no_image_model");
        return Ok(());
    };
    let winner = meeting.winner.as_ref().map(|winner| &winner.card_id);
    let Some(card) = meeting.cards.iter().find(|card| Some(&card.card_id) == winner) else {
        meeting.miss("illustrate", "", "no_winner");
        return Ok(());
    };
    let prompt = table.pack.render(
        "illustrate.md",
        context! {
            topic => table.brief.topic,
            form => &card.form,
            elements => &card.elements,
            users => &card.users,
            meaning => &card.meaning,
            image_prompt => &card.image_prompt,
            design_prompt => table.brief.design_prompt,
            keywords => &meeting.kept,
        },
    )?;
    let seed = table.brief.spec.seed;
    let request = ImageRequest {
        model: model.model.clone(),
        prompt: prompt.clone(),
        size: IMAGE_SIZE.to_owned(),
        seed,
    };
    let spot = Spot { model: ModelKind::Image, ..Spot::chat("illustrate", 1, "") };
    let image = one_image(table, &spot, Request::Image(request)).await?;
    meeting.book("illustrate", "", &image);
    meeting.generated.extend(image.ok().map(|image| Generated {
        sha256: image.sha256,
        mime: image.mime,
        prompt,
        model: model.model.clone(),
        seed,
    }));
    Ok(())
}
