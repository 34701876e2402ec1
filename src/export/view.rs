//! A job as people read it: everything named and placed, nothing escaped yet. The page and the
//! transcript are two renderings of this one view.

mod speech;
mod voting;

use super::minutes::{self, Block};
use super::words::{self, word};
use super::{BatchInput, JobInput, facts, names};
use crate::domain::models::ModelRef;
use crate::domain::result::{self, JobResult};
use serde::Serialize;
use speech::{Place, StageView};
use voting::PollView;

/// One job's page.
#[derive(Debug, Serialize)]
pub(super) struct JobView {
    lang: &'static str,
    /// A rehearsal's banner.
    note: Option<String>,
    batch: String,
    index: u32,
    /// The page of the report that lists the job.
    report: String,
    name: String,
    source: String,
    external_id: String,
    topic: String,
    duplicate_of: Option<DuplicateView>,
    picture: PictureView,
    description: String,
    core_concept: String,
    keywords: Vec<String>,
    /// The user's own keywords instead of the vote's.
    keywords_given: bool,
    design_given: String,
    winner: Option<CardView>,
    /// Why there is no winner: a word's key, and its numbers.
    no_winner: Option<(String, usize, usize)>,
    images: Vec<ImageView>,
    no_image: Option<String>,
    places: Vec<Place>,
    stages: Vec<StageView>,
    clusters: Vec<ClusterView>,
    ungrouped: Vec<String>,
    polls: Vec<PollView>,
    cards: Vec<CardView>,
    /// Sentences.
    differed: Vec<String>,
    missing: Vec<MissingView>,
    expected: u32,
    obtained: u32,
    minutes: Vec<Block>,
    colophon: Colophon,
}

#[derive(Debug, Serialize)]
struct DuplicateView {
    batch: String,
    index: u32,
}

#[derive(Debug, Serialize)]
struct PictureView {
    file: String,
    width: u32,
    height: u32,
    alt: String,
}

#[derive(Debug, Serialize)]
struct ImageView {
    file: String,
    alt: String,
    prompt: String,
    model: String,
}

#[derive(Debug, Serialize)]
struct ClusterView {
    title: String,
    keywords: Vec<String>,
}

/// A design card and whose it is.
#[derive(Debug, Clone, Serialize)]
struct CardView {
    id: String,
    no: usize,
    label: String,
    role: String,
    form: String,
    elements: String,
    function: String,
    users: String,
    meaning: String,
    image_prompt: String,
    place: Option<u32>,
    won: bool,
}

#[derive(Debug, Serialize)]
struct MissingView {
    stage: String,
    label: String,
    reason: String,
}

/// What a careful reader looks for at the end of a book.
#[derive(Debug, Serialize)]
struct Colophon {
    agenda: String,
    language: &'static str,
    seed: u64,
    vision: String,
    chat: String,
    image: Option<String>,
    prompts_sha256: String,
    picture_sha256: String,
    prepared_sha256: String,
}

/// The view of a held discussion.
pub(super) fn of(batch: &BatchInput<'_>, job: &JobInput<'_>, result: &JobResult) -> JobView {
    let row = &job.row.job;
    let cards: Vec<CardView> = result.cards.iter().map(|it| card(batch, result, it)).collect();
    let clusters = result.clusters.as_ref();
    JobView {
        lang: words::tag(batch.spec.language),
        note: batch.rehearsal().then(|| word(batch, "rehearsal_note")),
        batch: batch.name.to_owned(),
        index: row.index,
        report: names::report_file(names::report_page_of(row.index)),
        name: names::file_name(&row.source),
        source: row.source.clone(),
        external_id: row.external_id.clone(),
        topic: row.topic.clone(),
        duplicate_of: job
            .row
            .duplicate_of
            .as_ref()
            .map(|original| DuplicateView { batch: original.batch.clone(), index: original.index }),
        picture: PictureView {
            file: names::picture_file(&result.picture.mime),
            width: result.picture.width,
            height: result.picture.height,
            alt: shortened(&result.description, ALT_CHARS_MAX),
        },
        description: result.description.clone(),
        core_concept: clusters.map_or_else(String::new, |found| found.core_concept.clone()),
        keywords: facts::kept_keywords(job).into_iter().map(str::to_owned).collect(),
        keywords_given: !row.keywords.is_empty(),
        design_given: row.design_prompt.clone(),
        winner: cards.iter().find(|card| card.won).cloned(),
        no_winner: voting::no_winner(result),
        images: images(batch, result),
        no_image: reason_of(batch, result, "illustrate", ""),
        places: speech::places(batch, result),
        stages: speech::stages(batch, result),
        clusters: clusters.map_or_else(Vec::new, |found| {
            let view = |cluster: &crate::domain::keyword::Cluster| ClusterView {
                title: cluster.title.clone(),
                keywords: cluster.keywords.clone(),
            };
            found.clusters.iter().map(view).collect()
        }),
        ungrouped: clusters.map_or_else(Vec::new, |found| found.ungrouped.clone()),
        polls: voting::polls(batch, result),
        cards,
        differed: voting::differed(batch, result),
        missing: result.completeness.missing.iter().map(|gap| missing(batch, gap)).collect(),
        expected: result.completeness.expected,
        obtained: result.completeness.obtained,
        minutes: minutes::blocks(&result.minutes),
        colophon: colophon(batch, job, result),
    }
}

/// Characters of an alternative text at most: screen readers read it in one breath.
const ALT_CHARS_MAX: usize = 250;

/// The beginning of a text, with an ellipsis where it goes on.
pub(super) fn shortened(text: &str, chars_max: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(chars_max) {
        None => line,
        Some((end, _)) => {
            let (kept, _) = line.split_at(end);
            format!("{}…", kept.trim_end())
        }
    }
}

/// A seat's number in the order of the table, from 1: what its colour follows from.
fn seat_no(batch: &BatchInput<'_>, seat: &str) -> usize {
    let seats = &batch.spec.agenda.seats;
    seats.iter().position(|candidate| candidate.seat == seat).map_or(0, |before| before + 1)
}

fn card(batch: &BatchInput<'_>, result: &JobResult, card: &result::Card) -> CardView {
    CardView {
        id: card.card_id.clone(),
        no: seat_no(batch, &card.seat),
        label: batch.pack.seat_label(&card.seat).to_owned(),
        role: batch.pack.role_label(&card.role).to_owned(),
        form: card.form.clone(),
        elements: card.elements.clone(),
        function: card.function.clone(),
        users: card.users.clone(),
        meaning: card.meaning.clone(),
        image_prompt: card.image_prompt.clone(),
        place: card.place,
        won: result.winner.as_ref().is_some_and(|winner| winner.card_id == card.card_id),
    }
}

fn images(batch: &BatchInput<'_>, result: &JobResult) -> Vec<ImageView> {
    let form = facts::winning_card(result).map_or("", |card| &card.form);
    let alt = word(batch, "generated_alt").replace("{form}", &shortened(form, ALT_CHARS_MAX));
    let numbered = (1..).zip(&result.generated);
    numbered
        .map(|(k, image)| ImageView {
            file: names::generated_file(k, &image.mime),
            alt: alt.clone(),
            prompt: image.prompt.clone(),
            model: image.model.clone(),
        })
        .collect()
}

/// Why a stage, or a seat in it, gave nothing.
fn reason_of(
    batch: &BatchInput<'_>,
    result: &JobResult,
    stage: &str,
    seat: &str,
) -> Option<String> {
    let gaps = &result.completeness.missing;
    let gap = gaps.iter().find(|gap| gap.stage == stage && gap.seat == seat)?;
    Some(batch.pack.reason(&gap.reason).to_owned())
}

fn missing(batch: &BatchInput<'_>, gap: &result::Missing) -> MissingView {
    let label = match gap.seat.as_str() {
        "" => word(batch, "whole_table"),
        seat => batch.pack.seat_label(seat).to_owned(),
    };
    MissingView {
        stage: stage_title(batch, &gap.stage),
        label,
        reason: batch.pack.reason(&gap.reason).to_owned(),
    }
}

/// A stage's title; the calls that collect a stage's keywords are `STAGE.keywords`.
fn stage_title(batch: &BatchInput<'_>, stage: &str) -> String {
    match stage.strip_suffix(".keywords") {
        Some(turn) => format!("{} · {}", batch.pack.stage_title(turn), word(batch, "keywords")),
        None => batch.pack.stage_title(stage).to_owned(),
    }
}

fn colophon(batch: &BatchInput<'_>, job: &JobInput<'_>, result: &JobResult) -> Colophon {
    let model = |model: &ModelRef| format!("{} · {}", model.endpoint.provider, model.model);
    let models = &batch.spec.models;
    Colophon {
        agenda: batch.spec.agenda.name.clone(),
        language: batch.spec.language.code(),
        seed: batch.spec.seed,
        vision: model(&models.vision),
        chat: model(&models.chat),
        image: models.image.as_ref().map(model),
        prompts_sha256: batch.prompts_sha256.to_owned(),
        picture_sha256: job.row.job.picture_sha256.clone(),
        prepared_sha256: result.picture.sha256.clone(),
    }
}
