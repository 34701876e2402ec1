//! How the table asks: one trait, one question at a time, one re-ask.

use super::Brief;
use super::meeting::Meeting;
use crate::domain::ballot::BallotStatus;
use crate::domain::call::{Class, ImageRef};
use crate::domain::event::EventKind;
use crate::domain::job::JobError;
use crate::domain::panel::Seat;
use crate::prompt::pack::{self, Pack};
use crate::prompt::reading::Unreadable;
use crate::provider::{ChatRequest, Request, Schema, Speaker};
use minijinja::context;
use serde_json::Value;
use std::future::Future;

/// Which of the spec's models a question goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelKind {
    Vision,
    Chat,
    Image,
}

/// One question, named so that it has the same name in every attempt.
#[derive(Debug, Clone)]
pub struct Question {
    pub stage: String,
    /// From 1.
    pub round: u32,
    /// Empty where a stage asks once for the whole table.
    pub seat: String,
    /// 1, or 2 for the re-ask.
    pub ask: u32,
    /// Any job that asks the very same may share the answer.
    pub shared: bool,
    pub model: ModelKind,
    pub request: Request,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub text: String,
    /// The text ends at the token limit.
    pub truncated: bool,
    pub images: Vec<ImageRef>,
}

/// How a question ended, when it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked<T> {
    Answer(T),
    /// The service will not answer it.
    Declined(Class),
    /// It answered, and not what was asked for.
    Unreadable(Unreadable),
}

/// Why a discussion cannot go on in this attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// No attempt can succeed.
    Die(JobError),
    /// Another attempt may succeed, after the policy's delay.
    Retry(JobError),
    /// A resource is gone for a while: nobody's fault, charged to nobody.
    Blocked {
        resource: String,
        /// The contract's error code, e.g. `auth.rejected`.
        error: JobError,
        /// How long, where the service said so.
        for_ms: Option<u64>,
    },
    /// The worker is stopping or has lost its lease.
    Interrupted,
}

impl Stop {
    /// Something that the checks at enqueue should have made impossible.
    pub fn internal(message: impl std::fmt::Display) -> Self {
        Self::Die(JobError {
            code: "internal".to_owned(),
            message: message.to_string(),
            hint: "this is a bug: please report it with the batch's spec".to_owned(),
        })
    }
}

impl From<pack::Error> for Stop {
    fn from(error: pack::Error) -> Self {
        Self::internal(error)
    }
}

/// The discussion's only contact with the outside.
pub trait Ask: Sync {
    /// Asks, or answers from the journal. `read` turns the answer into what the stage needs; what
    /// it cannot read is recorded as unreadable.
    fn ask<T: Send, R>(
        &self,
        question: Question,
        read: R,
    ) -> impl Future<Output = Result<Asked<T>, Stop>> + Send
    where
        R: Fn(&Answer) -> Result<T, Unreadable> + Send + Sync;

    /// Tells whoever watches.
    fn tell(&self, event: EventKind, stage: &str, round: u32, seat: &str, text: &str);
}

/// Why something was not obtained: the reasons of `labels.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gap {
    Declined(Class),
    Unreadable,
}

impl Gap {
    /// The reason's id in results.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Declined(Class::ContentBlocked) => "content_blocked",
            Self::Declined(Class::Truncated) => "truncated",
            Self::Declined(_) => "bad_reply",
            Self::Unreadable => "unreadable",
        }
    }
}

/// The table and everything that does not change during the meeting.
pub(super) struct Table<'a, A> {
    pub(super) ask: &'a A,
    pub(super) brief: &'a Brief<'a>,
    pub(super) pack: &'a Pack,
    /// The system message of every question to the panel.
    rules: String,
}

impl<'a, A: Ask> Table<'a, A> {
    pub(super) fn new(ask: &'a A, brief: &'a Brief<'a>) -> Result<Self, Stop> {
        let (agenda, pack) = (&brief.spec.agenda, brief.pack);
        let scenario = match &agenda.scenario {
            Some(name) => pack.plain("scenarios", name)?,
            None => "",
        };
        let seats: Vec<_> = agenda
            .seats
            .iter()
            .map(|seat| {
                context! { label => pack.seat_label(&seat.seat), role_label => pack.role_label(&seat.role) }
            })
            .collect();
        let rules = pack.render("rules.md", context! { topic => brief.topic, scenario, seats })?;
        Ok(Self { ask, brief, pack, rules })
    }

    pub(super) fn seats(&self) -> &'a [Seat] {
        &self.brief.spec.agenda.seats
    }

    /// The user message of a seat: the common part first, so that services find it in their
    /// prefix caches, then who is asked, then the task.
    pub(super) fn message(
        &self,
        meeting: &Meeting,
        seat: &Seat,
        task: &str,
    ) -> Result<String, Stop> {
        Ok(format!(
            "{}\n\n{}\n\n{task}",
            meeting.on_the_table(self.pack)?,
            self.who(meeting, seat)?
        ))
    }

    /// Who a seat is: the person and the role worn now.
    pub(super) fn who(&self, meeting: &Meeting, seat: &Seat) -> Result<String, Stop> {
        let role = meeting.role(seat);
        Ok(self.pack.render(
            "persona.md",
            context! {
                seat_label => self.pack.seat_label(&seat.seat),
                persona => self.pack.plain("personas", &seat.persona)?,
                role_label => self.pack.role_label(role),
                role_text => self.pack.plain("roles", role)?,
                switched => role != seat.role,
            },
        )?)
    }

    /// A chat request with the rules, this message and perhaps a schema.
    pub(super) fn chat(&self, message: String, schema: Option<(&str, Value)>) -> ChatRequest {
        let spec = self.brief.spec;
        ChatRequest {
            model: spec.models.chat.model.clone(),
            messages: vec![(Speaker::System, self.rules.clone()), (Speaker::User, message)],
            picture: None,
            schema: schema.map(|(name, schema)| Schema { name: name.to_owned(), schema }),
            temperature: spec.agenda.sampling.temperature,
            tokens_max: spec.agenda.sampling.tokens_max,
            seed: spec.seed,
        }
    }

    /// Asks; an unreadable reply is asked for once more, with what was wrong.
    pub(super) async fn ask_twice<T: Send, R>(
        &self,
        spot: &Spot<'_>,
        request: ChatRequest,
        read: R,
    ) -> Result<Result<T, Gap>, Stop>
    where
        R: Fn(&Answer) -> Result<T, Unreadable> + Send + Sync,
    {
        let asked = self.ask_twice_counting(spot, request, read).await?;
        Ok(asked.map(|(value, _)| value))
    }

    /// The same, and whether it took the second ask.
    pub(super) async fn ask_twice_counting<T: Send, R>(
        &self,
        spot: &Spot<'_>,
        request: ChatRequest,
        read: R,
    ) -> Result<Result<(T, BallotStatus), Gap>, Stop>
    where
        R: Fn(&Answer) -> Result<T, Unreadable> + Send + Sync,
    {
        let first = spot.question(1, Request::Chat(request.clone()));
        let why = match self.ask.ask(first, &read).await? {
            Asked::Answer(value) => return Ok(Ok((value, BallotStatus::Valid))),
            Asked::Declined(class) => return Ok(Err(Gap::Declined(class))),
            Asked::Unreadable(why) => why,
        };
        let again = self.with_reask(request, &why)?;
        let second = spot.question(2, Request::Chat(again));
        Ok(match self.ask.ask(second, &read).await? {
            Asked::Answer(value) => Ok((value, BallotStatus::Reasked)),
            Asked::Declined(class) => Err(Gap::Declined(class)),
            Asked::Unreadable(_) => Err(Gap::Unreadable),
        })
    }

    fn with_reask(&self, mut request: ChatRequest, why: &Unreadable) -> Result<ChatRequest, Stop> {
        let reask = self.pack.render("reask.md", context! { problem => why.to_string() })?;
        if let Some((_, last)) = request.messages.last_mut() {
            last.push_str("\n\n");
            last.push_str(&reask);
        }
        // A reply that ran into the limit gets more room the second time.
        request.tokens_max = request.tokens_max.saturating_mul(2);
        Ok(request)
    }
}

/// Where in the meeting a question is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot<'a> {
    pub(super) stage: &'a str,
    pub(super) round: u32,
    /// Empty: the whole table.
    pub(super) seat: &'a str,
    pub(super) shared: bool,
    pub(super) model: ModelKind,
}

impl<'a> Spot<'a> {
    /// A question of one job to the chat model.
    pub(super) fn chat(stage: &'a str, round: u32, seat: &'a str) -> Self {
        Self { stage, round, seat, shared: false, model: ModelKind::Chat }
    }

    pub(super) fn question(&self, ask: u32, request: Request) -> Question {
        Question {
            stage: self.stage.to_owned(),
            round: self.round,
            seat: self.seat.to_owned(),
            ask,
            shared: self.shared,
            model: self.model,
            request,
        }
    }
}
