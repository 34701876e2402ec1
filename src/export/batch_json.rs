//! `batch.json`: what the batch was asked to do, word for word, and how far it came.

use super::discussion_json::{ModelsOf, models, pretty};
use super::{BatchInput, JobInput};
use crate::domain::job::StateName;
use crate::domain::spec::{Agenda, Language, PictureLimits};
use serde::Serialize;
use std::collections::BTreeMap;

/// The batch in numbers, gathered row by row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    states: BTreeMap<StateName, u32>,
    duplicates: u32,
    expected: u64,
    obtained: u64,
}

impl Totals {
    /// Counts one row. What an alias shares is counted with its original.
    pub fn add(&mut self, job: &JobInput<'_>) {
        if job.row.duplicate_of.is_some() {
            self.duplicates += 1;
            return;
        }
        *self.states.entry(job.row.job.state.name()).or_default() += 1;
        if let Some(result) = job.result {
            self.expected += u64::from(result.completeness.expected);
            self.obtained += u64::from(result.completeness.obtained);
        }
    }

    /// Jobs in a state.
    pub fn in_state(&self, state: StateName) -> u32 {
        self.states.get(&state).copied().unwrap_or(0)
    }

    /// Jobs of their own, in any state.
    pub fn jobs(&self) -> u32 {
        self.states.values().sum()
    }

    /// Alias rows.
    pub fn duplicates(&self) -> u32 {
        self.duplicates
    }

    /// Answers that the held discussions asked for and did not get.
    pub fn not_obtained(&self) -> u64 {
        self.expected.saturating_sub(self.obtained)
    }
}

#[derive(Serialize)]
struct BatchFile<'a> {
    schema: u32,
    r#type: &'static str,
    batch: &'a str,
    rehearsal: bool,
    note: Option<&'static str>,
    counts: Counts,
    spec: SpecOf<'a>,
}

#[derive(Serialize)]
struct Counts {
    jobs: u32,
    completed: u32,
    dead: u32,
    cancelled: u32,
    waiting: u32,
    queued: u32,
    running: u32,
    duplicates: u32,
    rejected: usize,
    expected: u64,
    obtained: u64,
    not_obtained: u64,
}

/// The frozen spec. Prompts are last because they are long.
#[derive(Serialize)]
struct SpecOf<'a> {
    language: Language,
    seed: u64,
    models: ModelsOf<'a>,
    picture: &'a PictureLimits,
    agenda: &'a Agenda,
    prompts_sha256: &'a str,
    prompts: &'a BTreeMap<String, String>,
}

/// The bytes of `batch.json`.
pub fn batch_json(batch: &BatchInput<'_>, totals: &Totals, rejected: usize) -> Vec<u8> {
    let spec = batch.spec;
    pretty(&BatchFile {
        schema: 1,
        r#type: "batch",
        batch: batch.name,
        rehearsal: batch.rehearsal(),
        note: batch.note(),
        counts: Counts {
            jobs: totals.jobs(),
            completed: totals.in_state(StateName::Completed),
            dead: totals.in_state(StateName::Dead),
            cancelled: totals.in_state(StateName::Cancelled),
            waiting: totals.in_state(StateName::Waiting),
            queued: totals.in_state(StateName::Queued),
            running: totals.in_state(StateName::Running),
            duplicates: totals.duplicates(),
            rejected,
            expected: totals.expected,
            obtained: totals.obtained,
            not_obtained: totals.not_obtained(),
        },
        spec: SpecOf {
            language: spec.language,
            seed: spec.seed,
            models: models(&spec.models),
            picture: &spec.picture,
            agenda: &spec.agenda,
            prompts_sha256: batch.prompts_sha256,
            prompts: &spec.prompts,
        },
    })
}
