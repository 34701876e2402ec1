//! `discussion.json`: everything about one discussion, for programs.

use super::{BatchInput, JobInput, names};
use crate::domain::keyword::Clustering;
use crate::domain::models::{ModelRef, Models};
use crate::domain::panel::{RoleSwitch, Seat};
use crate::domain::result::{Card, Completeness, JobResult, KeywordRow, Poll, PollTally, Winner};
use crate::domain::spec::Language;
use crate::domain::transcript::Transcript;
use serde::Serialize;

/// The fields in the contract's order; what was added since stands behind them.
#[derive(Serialize)]
struct Discussion<'a> {
    schema: u32,
    batch: &'a str,
    index: u32,
    source: &'a str,
    external_id: &'a str,
    rehearsal: bool,
    spec: SpecOf<'a>,
    picture: PictureOf<'a>,
    description: &'a str,
    stages: &'a Transcript,
    keywords: &'a [KeywordRow],
    clusters: Option<&'a Clustering>,
    ballots: &'a [Poll],
    tallies: &'a [PollTally],
    switch: &'a [RoleSwitch],
    cards: &'a [Card],
    generated: Vec<GeneratedFile<'a>>,
    minutes: &'a str,
    completeness: &'a Completeness,
    winner: Option<&'a Winner>,
    given: Given<'a>,
    note: Option<&'static str>,
}

#[derive(Serialize)]
struct SpecOf<'a> {
    topic: &'a str,
    agenda: &'a str,
    panel: Vec<PanelSeat<'a>>,
    models: ModelsOf<'a>,
    language: Language,
    seed: u64,
    prompts_sha256: &'a str,
}

#[derive(Serialize)]
struct PanelSeat<'a> {
    seat: &'a str,
    role: &'a str,
    persona: &'a str,
}

/// The models, without the addresses of services: they say nothing about the method, and an
/// export is shown to others.
#[derive(Serialize)]
pub(super) struct ModelsOf<'a> {
    vision: ModelOf<'a>,
    chat: ModelOf<'a>,
    image: Option<ModelOf<'a>>,
}

#[derive(Serialize)]
struct ModelOf<'a> {
    provider: &'a str,
    model: &'a str,
}

/// The picture as it was given (`sha256`) and as the vision model saw it (the rest).
#[derive(Serialize)]
struct PictureOf<'a> {
    sha256: &'a str,
    width: u32,
    height: u32,
    mime: &'a str,
    bytes: u64,
    file: String,
    prepared_sha256: &'a str,
}

/// A generated image in the job's folder.
#[derive(Serialize)]
pub(super) struct GeneratedFile<'a> {
    file: String,
    sha256: &'a str,
    prompt: &'a str,
    model: &'a str,
    seed: u64,
    mime: &'a str,
}

/// What the user set for this picture alone.
#[derive(Serialize)]
struct Given<'a> {
    keywords: &'a [String],
    design_prompt: &'a str,
}

/// The bytes of `discussion.json`.
pub fn discussion_json(batch: &BatchInput<'_>, job: &JobInput<'_>, result: &JobResult) -> Vec<u8> {
    let row = &job.row.job;
    let discussion = Discussion {
        schema: 1,
        batch: batch.name,
        index: row.index,
        source: &row.source,
        external_id: &row.external_id,
        rehearsal: batch.rehearsal(),
        spec: SpecOf {
            topic: &row.topic,
            agenda: &batch.spec.agenda.name,
            panel: batch.spec.agenda.seats.iter().map(panel_seat).collect(),
            models: models(&batch.spec.models),
            language: batch.spec.language,
            seed: batch.spec.seed,
            prompts_sha256: batch.prompts_sha256,
        },
        picture: PictureOf {
            sha256: &row.picture_sha256,
            width: result.picture.width,
            height: result.picture.height,
            mime: &result.picture.mime,
            bytes: result.picture.bytes,
            file: names::picture_file(&result.picture.mime),
            prepared_sha256: &result.picture.sha256,
        },
        description: &result.description,
        stages: &result.stages,
        keywords: &result.keywords,
        clusters: result.clusters.as_ref(),
        ballots: &result.ballots,
        tallies: &result.tallies,
        switch: &result.switch,
        cards: &result.cards,
        generated: generated(result),
        minutes: &result.minutes,
        completeness: &result.completeness,
        winner: result.winner.as_ref(),
        given: Given { keywords: &row.keywords, design_prompt: &row.design_prompt },
        note: batch.note(),
    };
    pretty(&discussion)
}

fn panel_seat(seat: &Seat) -> PanelSeat<'_> {
    PanelSeat { seat: &seat.seat, role: &seat.role, persona: &seat.persona }
}

pub(super) fn models(models: &Models) -> ModelsOf<'_> {
    ModelsOf {
        vision: model(&models.vision),
        chat: model(&models.chat),
        image: models.image.as_ref().map(model),
    }
}

fn model(model: &ModelRef) -> ModelOf<'_> {
    ModelOf { provider: &model.endpoint.provider, model: &model.model }
}

/// The generated images with the names of their files.
pub(super) fn generated(result: &JobResult) -> Vec<GeneratedFile<'_>> {
    let numbered = (1..).zip(&result.generated);
    numbered
        .map(|(k, image)| GeneratedFile {
            file: names::generated_file(k, &image.mime),
            sha256: &image.sha256,
            prompt: &image.prompt,
            model: &image.model,
            seed: image.seed,
            mime: &image.mime,
        })
        .collect()
}

/// Indented, with a line end: these files are also read by people.
pub(super) fn pretty(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("plain structs are JSON");
    bytes.push(b'\n');
    bytes
}
