//! `report.html`: the whole batch for people, in pages of [`names::REPORT_ROWS_MAX`] rows.

use super::batch_json::Totals;
use super::view::shortened;
use super::words::{self, word};
use super::{BatchInput, JobInput, facts, names, pages};
use crate::domain::job::{JobError, State, StateName};
use crate::ledger::Rejected;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Kept keywords that the report shows.
const TOP_KEYWORDS_MAX: usize = 24;
/// Refused inputs that the report lists; all are in `rejected.csv`.
const REJECTED_SHOWN_MAX: usize = 100;
/// Characters of a text in a row.
const ROW_CHARS_MAX: usize = 140;

/// A page's file and its bytes.
pub type Page = (String, Vec<u8>);

/// The report in the making. It holds the rows of its first page and those of the current one.
#[derive(Debug, Default)]
pub struct Report {
    topic: String,
    first: Vec<RowView>,
    current: Vec<RowView>,
    keywords: BTreeMap<String, u32>,
    not_held: BTreeMap<String, Ending>,
}

/// Pictures that ended without a result for one reason.
#[derive(Debug, Clone, Serialize)]
struct Ending {
    code: String,
    pictures: u32,
    /// The first of its messages, and what to do.
    message: String,
    hint: String,
}

#[derive(Debug, Serialize)]
struct RowView {
    index: u32,
    name: String,
    /// Where it is not the batch's.
    topic: Option<String>,
    state: &'static str,
    folder: String,
    picture: Option<(String, u32, u32)>,
    image: Option<String>,
    form: String,
    core_concept: String,
    keywords: Vec<String>,
    not_obtained: u32,
    duplicate_of: Option<(String, u32)>,
    error: Option<String>,
}

#[derive(Serialize)]
struct PageView<'a> {
    lang: &'static str,
    note: Option<String>,
    batch: &'a str,
    topic: &'a str,
    agenda: &'a str,
    seats: usize,
    models: Vec<(&'static str, String)>,
    page: u32,
    /// Every page's file, in order.
    files: Vec<String>,
    rows: &'a [RowView],
    summary: Option<Summary<'a>>,
}

/// What only the first page shows.
#[derive(Serialize)]
struct Summary<'a> {
    counts: Vec<(&'static str, u32)>,
    not_obtained: u64,
    keywords: Vec<KeywordBar>,
    not_held: Vec<&'a Ending>,
    rejected: &'a [Rejected],
    rejected_more: usize,
}

#[derive(Serialize)]
struct KeywordBar {
    keyword: String,
    pictures: u32,
    /// Per cent of the most frequent one.
    share: u32,
}

impl Report {
    /// Adds a row; returns a page that it completes. The first page waits for [`Report::finish`].
    pub fn add(&mut self, batch: &BatchInput<'_>, job: &JobInput<'_>) -> Option<Page> {
        if self.topic.is_empty() {
            self.topic.clone_from(&job.row.job.topic);
        }
        let row = self.row(job);
        if job.row.duplicate_of.is_none() {
            self.count(&row, &job.row.job.state);
        }
        let page = names::report_page_of(row.index);
        if page == 1 {
            self.first.push(row);
            return None;
        }
        let is_full = row.index.is_multiple_of(names::REPORT_ROWS_MAX);
        self.current.push(row);
        is_full.then(|| self.turn_over(batch)).flatten()
    }

    /// The pages that are left: the last one and the first.
    pub fn finish(
        mut self,
        batch: &BatchInput<'_>,
        totals: &Totals,
        rejected: &[Rejected],
    ) -> Vec<Page> {
        let last = self.turn_over(batch);
        let shown = rejected.get(..REJECTED_SHOWN_MAX).unwrap_or(rejected);
        let summary = Summary {
            counts: counts(totals, rejected.len()),
            not_obtained: totals.not_obtained(),
            keywords: top(&self.keywords),
            not_held: self.not_held.values().collect(),
            rejected: shown,
            rejected_more: rejected.len() - shown.len(),
        };
        let first = self.page(batch, 1, &self.first, Some(summary));
        last.into_iter().chain([first]).collect()
    }

    fn turn_over(&mut self, batch: &BatchInput<'_>) -> Option<Page> {
        let rows = std::mem::take(&mut self.current);
        let page = names::report_page_of(rows.first()?.index);
        Some(self.page(batch, page, &rows, None))
    }

    fn page(
        &self,
        batch: &BatchInput<'_>,
        page: u32,
        rows: &[RowView],
        summary: Option<Summary<'_>>,
    ) -> Page {
        let pages = names::report_page_of(batch.rows.max(1));
        let models = &batch.spec.models;
        let image = models.image.as_ref().map(|image| ("model_image", image.model.clone()));
        let view = PageView {
            lang: words::tag(batch.spec.language),
            note: batch.rehearsal().then(|| word(batch, "rehearsal_note")),
            batch: batch.name,
            topic: &self.topic,
            agenda: &batch.spec.agenda.name,
            seats: batch.spec.agenda.seats.len(),
            models: [
                ("model_vision", models.vision.model.clone()),
                ("model_chat", models.chat.model.clone()),
            ]
            .into_iter()
            .chain(image)
            .collect(),
            page,
            files: (1..=pages).map(names::report_file).collect(),
            rows,
            summary,
        };
        (names::report_file(page), pages::render(batch, "report.html", &view))
    }

    fn row(&self, job: &JobInput<'_>) -> RowView {
        let row = &job.row.job;
        let result = job.result;
        let winner = result.and_then(facts::winning_card);
        let concept = result.and_then(|result| result.clusters.as_ref());
        let picture = result.map(|result| &result.picture);
        let image = result.and_then(|result| result.generated.first());
        RowView {
            index: row.index,
            name: names::file_name(&row.source),
            topic: (row.topic != self.topic).then(|| row.topic.clone()),
            state: row.state.name().as_str(),
            folder: names::job_folder(row.index, &row.source),
            picture: picture.map(|it| (names::picture_file(&it.mime), it.width, it.height)),
            image: image.map(|image| names::generated_file(1, &image.mime)),
            form: winner.map(|card| shortened(&card.form, ROW_CHARS_MAX)).unwrap_or_default(),
            core_concept: concept
                .map(|found| shortened(&found.core_concept, ROW_CHARS_MAX))
                .unwrap_or_default(),
            keywords: facts::kept_keywords(job).into_iter().map(str::to_owned).collect(),
            not_obtained: result.map_or(0, |result| {
                result.completeness.expected.saturating_sub(result.completeness.obtained)
            }),
            duplicate_of: job
                .row
                .duplicate_of
                .as_ref()
                .map(|original| (original.batch.clone(), original.index)),
            error: error(&row.state).map(|error| error.message.clone()),
        }
    }

    fn count(&mut self, row: &RowView, state: &State) {
        for keyword in &row.keywords {
            *self.keywords.entry(keyword.clone()).or_default() += 1;
        }
        if let Some(error) = error(state) {
            let ending = self.not_held.entry(error.code.clone()).or_insert_with(|| Ending {
                code: error.code.clone(),
                pictures: 0,
                message: error.message.clone(),
                hint: error.hint.clone(),
            });
            ending.pictures += 1;
        }
    }
}

fn error(state: &State) -> Option<&JobError> {
    match state {
        State::Dead { error } => Some(error),
        State::Queued
        | State::Running { .. }
        | State::Waiting { .. }
        | State::Completed { .. }
        | State::Cancelled => None,
    }
}

/// Words with numbers; what did not happen is left out.
fn counts(totals: &Totals, rejected: usize) -> Vec<(&'static str, u32)> {
    let states = [
        StateName::Completed,
        StateName::Dead,
        StateName::Cancelled,
        StateName::Running,
        StateName::Waiting,
        StateName::Queued,
    ];
    let rejected = u32::try_from(rejected).unwrap_or(u32::MAX);
    states
        .into_iter()
        .map(|state| (state.as_str(), totals.in_state(state)))
        .chain([("duplicates", totals.duplicates()), ("rejected", rejected)])
        .filter(|(word, count)| *count > 0 || *word == "completed")
        .collect()
}

/// The keywords of most pictures, then by name.
fn top(keywords: &BTreeMap<String, u32>) -> Vec<KeywordBar> {
    let mut counted: Vec<_> = keywords.iter().collect();
    counted.sort_by_key(|(keyword, pictures)| (Reverse(**pictures), *keyword));
    let most = counted.first().map_or(1, |(_, pictures)| **pictures);
    let bar = |(keyword, pictures): (&String, &u32)| KeywordBar {
        keyword: keyword.clone(),
        pictures: *pictures,
        share: pictures * 100 / most,
    };
    counted.into_iter().take(TOP_KEYWORDS_MAX).map(bar).collect()
}
