//! What happens at the table.
//!
//! A discussion is a deterministic program whose only contact with the outside is [`Ask`]. Given
//! the same answers it asks the same questions and leaves the same result; running it again from
//! the top is how it resumes. It knows no queue, no ledger, no HTTP, and it never sleeps.

mod asking;
mod designing;
mod keywords;
mod meeting;
mod minutes;
pub mod plan;
mod speaking;

pub use self::asking::{Answer, Ask, Asked, ModelKind, Question, Stop};

use self::asking::Table;
use self::meeting::Meeting;
use crate::domain::event::EventKind;
use crate::domain::result::{JobResult, Picture};
use crate::domain::seed::Seed;
use crate::domain::spec::{Spec, StageKind};
use crate::prompt::pack::Pack;
use crate::provider;

/// What a discussion starts from.
#[derive(Debug)]
pub struct Brief<'a> {
    pub spec: &'a Spec,
    /// The spec's own prompts, compiled.
    pub pack: &'a Pack,
    pub topic: &'a str,
    /// Keywords the user set; they replace what the vote keeps.
    pub keywords: &'a [String],
    /// What the user asks of the design; may be empty.
    pub design_prompt: &'a str,
    /// The prepared picture, to send and to describe in the result.
    pub picture: provider::Picture,
    pub facts: Picture,
    /// Decides everything left to chance in this job.
    pub seed: Seed,
}

/// Holds the whole discussion: every stage of the agenda, in its order.
pub async fn hold<A: Ask>(ask: &A, brief: &Brief<'_>) -> Result<JobResult, Stop> {
    let table = Table::new(ask, brief)?;
    let mut meeting = Meeting::new(&brief.spec.agenda.seats);
    for plan in &brief.spec.agenda.stages {
        let stage = plan.stage.id();
        ask.tell(EventKind::StageStarted, stage, 0, "", "");
        match plan.stage {
            StageKind::Describe => speaking::describe(&table, &mut meeting).await?,
            StageKind::Introduce => speaking::introduce(&table, &mut meeting).await?,
            StageKind::Story => speaking::story(&table, &mut meeting, plan).await?,
            StageKind::Discuss => speaking::discuss(&table, &mut meeting, plan).await?,
            StageKind::Cluster => keywords::cluster(&table, &mut meeting).await?,
            StageKind::Vote => keywords::vote(&table, &mut meeting).await?,
            StageKind::Switch => speaking::switch(&table, &mut meeting, plan).await?,
            StageKind::Rediscuss => speaking::rediscuss(&table, &mut meeting, plan).await?,
            StageKind::Design => designing::design(&table, &mut meeting).await?,
            StageKind::Choose => designing::choose(&table, &mut meeting, plan).await?,
            StageKind::Illustrate => designing::illustrate(&table, &mut meeting).await?,
            StageKind::Minutes => meeting.minutes = minutes::write(&table, &meeting)?,
        }
        ask.tell(EventKind::StageFinished, stage, 0, "", "");
    }
    Ok(meeting.into_result(brief.facts.clone()))
}
