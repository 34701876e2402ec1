//! How many questions an agenda asks, known before anything is asked.

use crate::domain::spec::{Agenda, Collect, StageKind, StagePlan};

/// The questions of one stage for one picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageQuestions {
    pub stage: String,
    pub questions: u32,
    /// Jobs of a batch share them.
    pub shared: bool,
    /// Questions on the critical path: those that wait for one another.
    pub in_sequence: u32,
}

/// The stage name of a call that collects the keywords of a turn.
pub fn keywords_stage(stage: &str) -> String {
    format!("{stage}.keywords")
}

/// What the agenda asks for one picture, without re-asks, stage by stage.
pub fn questions(agenda: &Agenda, has_image_model: bool) -> Vec<StageQuestions> {
    agenda
        .stages
        .iter()
        .flat_map(|plan| stage_questions(plan, agenda, has_image_model))
        .filter(|stage| stage.questions > 0)
        .collect()
}

/// All questions of one picture.
pub fn expected(agenda: &Agenda, has_image_model: bool) -> u32 {
    questions(agenda, has_image_model).iter().map(|stage| stage.questions).sum()
}

fn stage_questions(
    plan: &StagePlan,
    agenda: &Agenda,
    has_image_model: bool,
) -> Vec<StageQuestions> {
    let seats = u32::try_from(agenda.seats.len()).unwrap_or(u32::MAX);
    let id = plan.stage.id();
    let stage = |questions, in_sequence| StageQuestions {
        stage: id.to_owned(),
        questions,
        shared: matches!(plan.stage, StageKind::Describe | StageKind::Introduce),
        in_sequence,
    };
    let turns = |rounds: u32| {
        let sequential = plan.order == crate::domain::spec::Order::Sequential
            && matches!(plan.stage, StageKind::Discuss | StageKind::Rediscuss);
        let in_sequence = if sequential { seats * rounds } else { rounds };
        let mut asked = vec![stage(seats * rounds, in_sequence)];
        if plan.keywords == Collect::Call {
            asked.push(StageQuestions {
                stage: keywords_stage(id),
                ..stage(seats * rounds, in_sequence)
            });
        }
        asked
    };
    match plan.stage {
        StageKind::Describe | StageKind::Cluster => vec![stage(1, 1)],
        StageKind::Introduce | StageKind::Vote | StageKind::Design | StageKind::Choose => {
            vec![stage(seats, 1)]
        }
        StageKind::Story | StageKind::Rediscuss => turns(1),
        StageKind::Discuss => turns(plan.rounds),
        StageKind::Switch if plan.reflect => turns(1),
        StageKind::Illustrate if has_image_model => vec![stage(1, 1)],
        StageKind::Switch | StageKind::Illustrate | StageKind::Minutes => vec![],
    }
}
