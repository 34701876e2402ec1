//! Discussions for tests: six seats, a gap or two, real votes counted by the real rules.

mod held;

use super::{BatchInput, JobInput};
use crate::domain::call::{Call, Open, Outcome, PriceSource, Record, Settle};
use crate::domain::cost::{MicroUsd, Usage};
use crate::domain::job::{
    Attempt, Ending, Job, JobError, PictureSource, Priority, Progress, State,
};
use crate::domain::models::{Endpoint, ImageApi, ModelRef, Models, Structured};
use crate::domain::result::JobResult;
use crate::domain::spec::{Agenda, Language, PictureLimits, Spec};
use crate::ledger::Row;
use crate::prompt::pack::{Pack, built_in};
use held::{Words, result};
use sha2::{Digest, Sha256};

/// The bytes that stand for a prepared picture and a generated image.
pub(super) const PICTURE: &[u8] = b"the prepared picture";
pub(super) const IMAGE: &[u8] = b"the generated image";

/// A batch of one discussion, and everything around it.
pub(super) struct Sample {
    pub(super) spec: Spec,
    pub(super) pack: Pack,
    pub(super) row: Row,
    pub(super) result: JobResult,
    pub(super) rows: u32,
}

impl Sample {
    pub(super) fn batch(&self) -> BatchInput<'_> {
        BatchInput {
            name: "june",
            spec: &self.spec,
            prompts_sha256: "9f2feb0f1ef425b292f2f94bc8482494df430413d09c8b4cf1f6d1f2b2a3c4d5",
            pack: &self.pack,
            rows: self.rows,
        }
    }

    pub(super) fn job(&self) -> JobInput<'_> {
        JobInput { row: &self.row, result: Some(&self.result) }
    }

    /// The same row without a discussion.
    pub(super) fn dead(&self) -> Row {
        let mut row = self.row.clone();
        row.job.state = State::Dead {
            error: JobError {
                code: "provider.content_blocked".to_owned(),
                message: "no description of the picture was obtained".to_owned(),
                hint: "another vision model may not refuse it".to_owned(),
            },
        };
        row
    }
}

/// An ordinary discussion with the gaps an ordinary night leaves.
pub(super) fn teapot(language: Language) -> Sample {
    let words = match language {
        Language::En => include_str!("../../tests/fixtures/exports/teapot.en.toml"),
        Language::Zh => include_str!("../../tests/fixtures/exports/teapot.zh.toml"),
    };
    let words: Words = toml::from_str(words).unwrap();
    let spec = spec(language);
    let pack = Pack::new(spec.prompts.clone()).unwrap();
    let result = result(&words, &spec);
    let row = Row { job: job(&words.topic, "pictures/Teapot (blue).jpg"), duplicate_of: None };
    Sample { spec, pack, row, result, rows: 7 }
}

/// Everything that strangers may write, written.
pub(super) const HOSTILE: [&str; 8] = [
    "<script>alert('x')</script>",
    "=cmd|' /C calc'!A0",
    "# heading\n\n---\n<h1>html</h1>",
    "\"quoted\", 'single', `code`\r\nnext line",
    "\u{202e}override \u{5e9}\u{5dc}\u{5d5}\u{5dd} \u{645}\u{631}\u{62d}\u{628}\u{627}",
    "🫖👩‍🎨 剪纸，「纸」",
    "</style></title></p>{{ 7 * 7 }}{% raw %}",
    "- item\n1. list\n> quote\n![x](http://example.org/x.png)",
];

/// The same discussion in the words of [`HOSTILE`].
pub(super) fn hostile() -> Sample {
    let mut sample = teapot(Language::En);
    let mut next = HOSTILE.iter().cycle().map(|text| (*text).to_owned());
    let mut hostile = || next.next().unwrap();
    let job = &mut sample.row.job;
    (job.topic, job.source, job.external_id) = (hostile(), hostile(), hostile());
    let result = &mut sample.result;
    result.description = hostile();
    result.minutes = hostile();
    for round in result.stages.stages.iter_mut().flat_map(|stage| &mut stage.rounds) {
        for turn in round.turns.iter_mut().filter(|turn| turn.was_heard()) {
            turn.text = hostile();
        }
    }
    for row in &mut result.keywords {
        row.keyword = hostile();
        row.cluster = Some(hostile());
    }
    for card in &mut result.cards {
        (card.form, card.elements, card.function) = (hostile(), hostile(), hostile());
        (card.users, card.meaning, card.image_prompt) = (hostile(), hostile(), hostile());
    }
    for poll in &mut result.ballots {
        for candidate in &mut poll.candidates {
            candidate.label = hostile();
        }
    }
    for standing in result.tallies.iter_mut().flat_map(|poll| &mut poll.tally.standings) {
        standing.label = hostile();
    }
    for image in &mut result.generated {
        (image.prompt, image.model) = (hostile(), hostile());
    }
    if let Some(clustering) = &mut result.clusters {
        clustering.core_concept = hostile();
        for cluster in &mut clustering.clusters {
            cluster.title = hostile();
            cluster.keywords.iter_mut().for_each(|keyword| *keyword = hostile());
        }
    }
    sample
}

pub(super) fn spec(language: Language) -> Spec {
    let mut agenda: Agenda = toml::from_str(include_str!("../../jobs/roundtable.toml")).unwrap();
    agenda.language = language;
    let model = |provider: &str, model: &str| ModelRef {
        endpoint: Endpoint {
            provider: provider.to_owned(),
            base_url: "https://models.internal/v1".to_owned(),
            key_env: Some("OPENROUTER_API_KEY".to_owned()),
            structured: Structured::JsonSchema,
            image_api: ImageApi::Openai,
            completion_tokens_field: false,
        },
        model: model.to_owned(),
    };
    Spec {
        agenda,
        language,
        models: Models {
            vision: model("openrouter", "seer-2"),
            chat: model("openrouter", "talker-5"),
            image: Some(model("openrouter", "painter-1")),
        },
        seed: 42,
        picture: PictureLimits::default(),
        prompts: built_in(language),
        rehearsal: false,
    }
}

fn job(topic: &str, source: &str) -> Job {
    Job {
        id: "01JCQ5V8Z3T8Q4XW2N6R7P9D0E".to_owned(),
        batch: "june".to_owned(),
        index: 3,
        source: source.to_owned(),
        external_id: "SKU-0042".to_owned(),
        topic: topic.to_owned(),
        picture_sha256: "ab".repeat(32),
        picture: PictureSource::Path("pictures/teapot.png".to_owned()),
        keywords: Vec::new(),
        design_prompt: String::new(),
        fingerprint: "cd".repeat(32),
        priority: Priority::Normal,
        state: State::Completed { result: "ef".repeat(32) },
        version: 9,
        attempts: 0,
        interruptions: 1,
        crashes: 0,
        suspect: false,
        progress: Progress::default(),
        cost: MicroUsd(41_230),
        history: vec![
            attempt(1, 1_700_000_000_000, Some((1_700_000_060_000, Ending::Released)), "discuss"),
            attempt(2, 1_700_000_100_000, Some((1_700_000_160_500, Ending::Completed)), "minutes"),
        ],
    }
}

fn attempt(attempt: u32, started_at: i64, ended: Option<(i64, Ending)>, stage: &str) -> Attempt {
    Attempt {
        attempt,
        worker: "host-1-aa".to_owned(),
        started_at,
        ended_at: ended.map(|(at, _)| at),
        ending: ended.map(|(_, ending)| ending),
        stage: stage.to_owned(),
    }
}

/// A call on behalf of the sample's job, answered at a cost.
pub(super) fn record(stage: &str, seat: &str, opened_at: i64) -> Record {
    let job = "01JCQ5V8Z3T8Q4XW2N6R7P9D0E";
    Record {
        open: Open {
            call: Call {
                scope: job.to_owned(),
                stage: stage.to_owned(),
                round: 1,
                seat: seat.to_owned(),
                ask: 1,
            },
            r#try: 1,
            request_sha256: "12".repeat(32),
            batch: "june".to_owned(),
            job: job.to_owned(),
            worker: "host-1-aa".to_owned(),
            attempt: "token".to_owned(),
            provider: "openrouter".to_owned(),
            model_asked: "talker-5".to_owned(),
            reserved: Some(MicroUsd(9_000)),
        },
        opened_at,
        settle: Some(Settle {
            text: "hello".to_owned(),
            usage: Usage {
                tokens_in: Some(1200),
                tokens_cached: Some(800),
                tokens_out: Some(150),
                tokens_reasoning: None,
            },
            cost: Some(MicroUsd(1_234)),
            price_source: Some(PriceSource::Reply),
            model_used: Some("talker-5-0613".to_owned()),
            request_id: Some("req-1".to_owned()),
            ..Settle::without_reply(Outcome::Answered, 1_500)
        }),
        duplicate: false,
    }
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
