//! The stages in which people talk: description, introductions, stories, discussions.

use super::asking::{Ask, Gap, ModelKind, Spot, Stop, Table};
use super::meeting::Meeting;
use super::{Answer, Asked, plan};
use crate::domain::call::Class;
use crate::domain::event::EventKind;
use crate::domain::job::JobError;
use crate::domain::keyword::Mention;
use crate::domain::panel::{Seat, switch_roles};
use crate::domain::spec::{Collect, Order, StagePlan};
use crate::domain::transcript::{Turn, TurnStatus};
use crate::prompt::reading::{self, Prose, Unreadable};
use crate::provider::{ChatRequest, Request, Speaker};
use futures_util::future::join_all;
use minijinja::context;

/// Characters of an introduction.
const INTRODUCTION_CHARS: [u32; 2] = [250, 300];
/// Characters of a story.
const STORY_CHARS: u32 = 500;
/// Characters of a turn in a discussion.
const DISCUSSION_CHARS: [u32; 2] = [150, 300];
/// Characters of the reflection at the switch of roles.
const REFLECTION_CHARS: [u32; 2] = [200, 300];
/// Keywords a turn is asked for.
const KEYWORDS_ASKED: [u32; 2] = [3, 8];

/// The vision model describes the picture: once for all jobs that would ask it the same. Without
/// a description there is no discussion.
pub(super) async fn describe<A: Ask>(
    table: &Table<'_, A>,
    meeting: &mut Meeting,
) -> Result<(), Stop> {
    let spec = table.brief.spec;
    let request = ChatRequest {
        model: spec.models.vision.model.clone(),
        messages: vec![(Speaker::User, table.pack.render("describe.md", context! {})?)],
        picture: Some(table.brief.picture.clone()),
        schema: None,
        temperature: spec.agenda.sampling.temperature,
        tokens_max: spec.agenda.sampling.tokens_max,
        seed: spec.seed,
    };
    let spot =
        Spot { stage: "describe", round: 1, seat: "", shared: true, model: ModelKind::Vision };
    let described = table.ask_twice(&spot, request, |answer| speech(answer, false)).await?;
    meeting.book("describe", "", &described);
    match described {
        Ok(speech) => meeting.description = speech.prose.text,
        Err(gap) => return Err(Stop::Die(no_description(gap))),
    }
    table.ask.tell(EventKind::Turn, "describe", 1, "", &meeting.description);
    Ok(())
}

fn no_description(gap: Gap) -> JobError {
    let (code, hint) = match gap {
        Gap::Declined(Class::ContentBlocked) => (
            "provider.content_blocked",
            "the vision model's content filter refuses this picture; another vision model may not",
        ),
        Gap::Declined(_) | Gap::Unreadable => (
            "provider.unavailable",
            "check that the vision model can see pictures, then `tableround jobs retry`",
        ),
    };
    JobError {
        code: code.to_owned(),
        message: format!("no description of the picture was obtained ({})", gap.reason()),
        hint: hint.to_owned(),
    }
}

/// Everybody introduces themselves: once for all jobs that would ask it the same.
pub(super) async fn introduce<A: Ask>(
    table: &Table<'_, A>,
    meeting: &mut Meeting,
) -> Result<(), Stop> {
    let [chars_min, chars_max] = INTRODUCTION_CHARS;
    let task = table.pack.render("introduce.md", context! { chars_min, chars_max })?;
    let speech = |seat: &Seat| Ok(format!("{}\n\n{task}", table.who(meeting, seat)?));
    let messages = table.seats().iter().map(speech).collect::<Result<Vec<_>, Stop>>()?;
    let asked = table.seats().iter().zip(messages).map(|(seat, message)| async {
        let spot = Spot { shared: true, ..Spot::chat("introduce", 1, &seat.seat) };
        let request = table.chat(message, None);
        let speech = table.ask_twice(&spot, request, speech_of).await?;
        tell_turn(table, &spot, &speech);
        Ok(speech)
    });
    let spoken = join_all(asked).await.into_iter().collect::<Result<Vec<_>, Stop>>()?;
    for (seat, speech) in table.seats().iter().zip(spoken) {
        take_turn(meeting, Spot::chat("introduce", 1, &seat.seat), seat, speech);
    }
    Ok(())
}

fn speech_of(answer: &Answer) -> Result<Speech, Unreadable> {
    speech(answer, false)
}

/// Everybody tells the story that the picture calls up; nobody has heard another's.
pub(super) async fn story<A: Ask>(
    table: &Table<'_, A>,
    meeting: &mut Meeting,
    plan: &StagePlan,
) -> Result<(), Stop> {
    let task = table.pack.render("story.md", context! { chars => STORY_CHARS })?;
    let round = RoundPlan { stage: "story", round: 1, order: Order::Parallel, plan };
    go_round(table, meeting, &round, |_, _| Ok(task.clone())).await
}

/// Rounds of discussion.
pub(super) async fn discuss<A: Ask>(
    table: &Table<'_, A>,
    meeting: &mut Meeting,
    plan: &StagePlan,
) -> Result<(), Stop> {
    let ([chars_min, chars_max], rounds) = (DISCUSSION_CHARS, plan.rounds);
    for round in 1..=rounds {
        let values = context! { round, rounds, chars_min, chars_max };
        let task = table.pack.render("discuss.md", values)?;
        let round = RoundPlan { stage: "discuss", round, order: plan.order, plan };
        go_round(table, meeting, &round, |_, _| Ok(task.clone())).await?;
    }
    Ok(())
}

/// Roles change seats; with `reflect`, every seat looks back before it goes on.
pub(super) async fn switch<A: Ask>(
    table: &Table<'_, A>,
    meeting: &mut Meeting,
    plan: &StagePlan,
) -> Result<(), Stop> {
    meeting.switch_roles(switch_roles(table.seats(), table.brief.seed));
    if !plan.reflect {
        return Ok(());
    }
    let round = RoundPlan { stage: "switch", round: 1, order: Order::Parallel, plan };
    go_round(table, meeting, &round, |meeting, seat| {
        new_role_task(table, meeting, seat, "switch.md", REFLECTION_CHARS)
    })
    .await
}

/// One more round, in the new roles.
pub(super) async fn rediscuss<A: Ask>(
    table: &Table<'_, A>,
    meeting: &mut Meeting,
    plan: &StagePlan,
) -> Result<(), Stop> {
    let round = RoundPlan { stage: "rediscuss", round: 1, order: plan.order, plan };
    go_round(table, meeting, &round, |meeting, seat| {
        new_role_task(table, meeting, seat, "rediscuss.md", DISCUSSION_CHARS)
    })
    .await
}

fn new_role_task<A: Ask>(
    table: &Table<'_, A>,
    meeting: &Meeting,
    seat: &Seat,
    template: &str,
    [chars_min, chars_max]: [u32; 2],
) -> Result<String, Stop> {
    let values = context! {
        from_role_label => table.pack.role_label(&seat.role),
        to_role_label => table.pack.role_label(meeting.role(seat)),
        chars_min,
        chars_max,
    };
    Ok(table.pack.render(template, values)?)
}

/// Once around the table.
#[derive(Debug, Clone, Copy)]
struct RoundPlan<'a> {
    stage: &'static str,
    round: u32,
    order: Order,
    plan: &'a StagePlan,
}

/// What a seat said, and with which keywords.
#[derive(Debug)]
struct Speech {
    prose: Prose,
    truncated: bool,
    /// Keywords were asked for in a call of their own.
    keyword_call: Option<Result<Vec<String>, Gap>>,
}

fn speech(answer: &Answer, wants_keywords: bool) -> Result<Speech, Unreadable> {
    let prose = reading::prose(&answer.text, wants_keywords)?.value;
    Ok(Speech { prose, truncated: answer.truncated, keyword_call: None })
}

/// Lets every seat speak. In a sequential round each hears those before; in a parallel one all
/// have heard the finished rounds, and the turns are folded in seat order.
async fn go_round<A: Ask>(
    table: &Table<'_, A>,
    meeting: &mut Meeting,
    round: &RoundPlan<'_>,
    task: impl Fn(&Meeting, &Seat) -> Result<String, Stop> + Sync,
) -> Result<(), Stop> {
    match round.order {
        Order::Sequential => {
            for seat in table.seats() {
                let task = task(meeting, seat)?;
                let speech = speak(table, meeting, round, seat, &task).await?;
                let spot = Spot::chat(round.stage, round.round, &seat.seat);
                take_turn(meeting, spot, seat, speech);
            }
        }
        Order::Parallel => {
            let heard: &Meeting = meeting;
            let speaking = table.seats().iter().map(|seat| {
                let task = task(heard, seat);
                async move { speak(table, heard, round, seat, &task?).await }
            });
            // All finish before the first stop counts: a paid call is never cut off by another.
            let spoken = join_all(speaking).await.into_iter().collect::<Result<Vec<_>, _>>()?;
            for (seat, speech) in table.seats().iter().zip(spoken) {
                let spot = Spot::chat(round.stage, round.round, &seat.seat);
                take_turn(meeting, spot, seat, speech);
            }
        }
    }
    Ok(())
}

/// One seat speaks: its prose, and its keywords where the plan collects them.
async fn speak<A: Ask>(
    table: &Table<'_, A>,
    meeting: &Meeting,
    round: &RoundPlan<'_>,
    seat: &Seat,
    task: &str,
) -> Result<Result<Speech, Gap>, Stop> {
    let in_line = round.plan.keywords == Collect::Line;
    let mut task = task.to_owned();
    if in_line {
        let [count_min, count_max] = KEYWORDS_ASKED;
        task.push_str("\n\n");
        task.push_str(&table.pack.render("keywords_line.md", context! { count_min, count_max })?);
    }
    let spot = Spot::chat(round.stage, round.round, &seat.seat);
    let request = table.chat(table.message(meeting, seat, &task)?, None);
    let spoken = table.ask_twice(&spot, request, |answer| speech(answer, in_line)).await?;
    tell_turn(table, &spot, &spoken);
    let mut speech = match spoken {
        Ok(speech) => speech,
        Err(gap) => return Ok(Err(gap)),
    };
    let forgotten = in_line && speech.prose.keywords.is_none();
    if forgotten || round.plan.keywords == Collect::Call {
        let keywords = ask_keywords(table, meeting, &spot, seat, &speech.prose.text).await?;
        speech.keyword_call = Some(keywords);
    }
    Ok(Ok(speech))
}

/// Keywords of what a seat said, by a call of their own.
async fn ask_keywords<A: Ask>(
    table: &Table<'_, A>,
    meeting: &Meeting,
    spot: &Spot<'_>,
    seat: &Seat,
    text: &str,
) -> Result<Result<Vec<String>, Gap>, Stop> {
    let [count_min, count_max] = KEYWORDS_ASKED;
    let task = table.pack.render("keywords.md", context! { text, count_min, count_max })?;
    let message = format!("{}\n\n{task}", table.who(meeting, seat)?);
    let stage = plan::keywords_stage(spot.stage);
    let spot = Spot { stage: &stage, ..*spot };
    let request = table.chat(message, None);
    table
        .ask_twice(&spot, request, |answer| reading::keywords(&answer.text).map(|read| read.value))
        .await
}

/// Tells those who look on what a seat said, as soon as it has: a round in which all speak at once
/// is folded only when the last has spoken.
fn tell_turn<A: Ask>(table: &Table<'_, A>, spot: &Spot<'_>, speech: &Result<Speech, Gap>) {
    let text = speech.as_ref().map_or("", |speech| &speech.prose.text);
    table.ask.tell(EventKind::Turn, spot.stage, spot.round, spot.seat, text);
}

/// Writes a turn into the meeting, whatever became of it.
fn take_turn(meeting: &mut Meeting, spot: Spot<'_>, seat: &Seat, speech: Result<Speech, Gap>) {
    meeting.book(spot.stage, spot.seat, &speech);
    let role = meeting.role(seat).to_owned();
    let (status, text) = match speech {
        Ok(speech) => {
            let status = if speech.truncated { TurnStatus::Truncated } else { TurnStatus::Spoken };
            let text = speech.prose.text.clone();
            note_keywords(meeting, &spot, speech);
            (status, text)
        }
        Err(Gap::Declined(Class::ContentBlocked)) => (TurnStatus::Blocked, String::new()),
        Err(Gap::Declined(_) | Gap::Unreadable) => (TurnStatus::NotObtained, String::new()),
    };
    let turn = Turn { seat: seat.seat.clone(), role, status, text };
    meeting.hear(spot.stage, spot.round, turn);
}

/// Books and keeps the keywords of a turn.
fn note_keywords(meeting: &mut Meeting, spot: &Spot<'_>, speech: Speech) {
    let in_line = speech.prose.keywords;
    let keywords = match speech.keyword_call {
        None => in_line.unwrap_or_default(),
        Some(called) => {
            meeting.book(&plan::keywords_stage(spot.stage), spot.seat, &called);
            called.unwrap_or_default()
        }
    };
    let mentions =
        keywords.iter().filter_map(|keyword| Mention::new(spot.stage, spot.seat, keyword));
    meeting.mentions.extend(mentions);
}

/// Asks for one image; used by the illustration.
pub(super) async fn one_image<A: Ask>(
    table: &Table<'_, A>,
    spot: &Spot<'_>,
    request: Request,
) -> Result<Result<crate::domain::call::ImageRef, Gap>, Stop> {
    let first = |answer: &Answer| answer.images.first().cloned().ok_or_else(no_image);
    Ok(match table.ask.ask(spot.question(1, request), first).await? {
        Asked::Answer(image) => Ok(image),
        Asked::Declined(class) => Err(Gap::Declined(class)),
        Asked::Unreadable(_) => Err(Gap::Unreadable),
    })
}

fn no_image() -> Unreadable {
    Unreadable { why: reading::Why::Empty }
}
