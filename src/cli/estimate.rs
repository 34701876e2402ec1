//! What a batch will take, before anything is spent.
//!
//! One discussion is held on the spot with the rehearsal's answers and nobody asked: the requests
//! it would send are real, so their tokens are counted and not guessed.

use crate::discussion::{self, Answer, Ask, Asked, Brief, ModelKind, Question, Stop, plan};
use crate::domain::cost::MicroUsd;
use crate::domain::event::EventKind;
use crate::domain::models::{ModelRef, Models};
use crate::domain::result::Picture;
use crate::domain::seed::Seed;
use crate::domain::spec::Spec;
use crate::prompt::pack::Pack;
use crate::prompt::reading::Unreadable;
use crate::provider::price::Prices;
use crate::provider::{self, Request, tokens};
use bytes::Bytes;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

/// How long one call takes, in seconds: the middle of what services need for a few hundred
/// tokens. Measured times of a batch replace it as soon as it runs.
const CALL_SECONDS: f64 = 4.0;

/// The estimate of a batch.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Estimate {
    pub calls: u64,
    pub calls_per_job: u32,
    pub tokens_in: u64,
    pub tokens_out: u64,
    /// None where a price is unknown.
    pub cost_usd: Option<MicroUsd>,
    pub unknown_prices: Vec<String>,
    pub seconds: u64,
    /// Calls of the whole batch by stage, in the order of the agenda.
    pub stages: Vec<(String, u64)>,
}

/// One kind of call, counted.
#[derive(Debug, Default, Clone, Copy)]
struct Count {
    calls: u64,
    tokens_in: u64,
    tokens_out: u64,
}

/// By shared or not, stage, provider and model.
type Counts = BTreeMap<(bool, String, String, String), Count>;

/// Counts one discussion instead of holding it.
#[derive(Debug)]
struct Counting<'a> {
    spec: &'a Spec,
    counts: Mutex<Counts>,
}

impl Ask for Counting<'_> {
    async fn ask<T: Send, R>(&self, question: Question, read: R) -> Result<Asked<T>, Stop>
    where
        R: Fn(&Answer) -> Result<T, Unreadable> + Send + Sync,
    {
        let models = &self.spec.models;
        let model = match question.model {
            ModelKind::Vision => &models.vision,
            ModelKind::Chat => &models.chat,
            ModelKind::Image => models.image.as_ref().unwrap_or(&models.chat),
        };
        let (answer, tokens_in) = match &question.request {
            Request::Chat(chat) => {
                let answer = provider::rehearse(chat, &model.endpoint).map_err(Stop::internal)?;
                let answer = Answer { text: answer.text, truncated: false, images: vec![] };
                (answer, tokens::tokens_of(chat))
            }
            Request::Image(image) => {
                let image_ref = crate::domain::call::ImageRef {
                    sha256: String::new(),
                    mime: "image/png".to_owned(),
                };
                let answer =
                    Answer { text: String::new(), truncated: false, images: vec![image_ref] };
                (answer, tokens::of_text(&image.prompt))
            }
        };
        let key = (
            question.shared,
            question.stage.clone(),
            model.endpoint.provider.clone(),
            model.model.clone(),
        );
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(key).or_default();
        count.calls += 1;
        count.tokens_in += tokens_in;
        count.tokens_out += tokens::of_text(&answer.text);
        drop(counts);
        Ok(match read(&answer) {
            Ok(value) => Asked::Answer(value),
            Err(why) => Asked::Unreadable(why),
        })
    }

    fn tell(&self, _: EventKind, _: &str, _: u32, _: &str, _: &str) {}
}

/// What to estimate.
#[derive(Debug)]
pub struct Batch<'a> {
    pub spec: &'a Spec,
    pub topic: &'a str,
    /// Jobs to be held, and different pictures among them.
    pub jobs: u64,
    pub pictures: u64,
    /// Discussions held at once, and calls in flight.
    pub concurrency: usize,
    pub max_calls: usize,
    /// Any picture of the batch: its size in tokens is the same for all.
    pub picture: Option<(Bytes, Picture)>,
}

/// Estimates a batch.
pub async fn estimate(batch: &Batch<'_>, prices: &Prices) -> Result<Estimate, Stop> {
    let counts = count(batch).await?;
    let mut estimate = Estimate {
        calls: 0,
        calls_per_job: plan::expected(&batch.spec.agenda, batch.spec.models.image.is_some()),
        tokens_in: 0,
        tokens_out: 0,
        cost_usd: Some(MicroUsd(0)),
        unknown_prices: vec![],
        seconds: 0,
        stages: vec![],
    };
    let mut unknown = BTreeSet::new();
    let mut by_stage: BTreeMap<String, u64> = BTreeMap::new();
    for ((shared, stage, provider, model), count) in counts {
        let times = match (shared, stage.as_str()) {
            (true, "describe") => batch.pictures,
            (true, _) => batch.jobs.min(1),
            (false, _) => batch.jobs,
        };
        *by_stage.entry(stage.clone()).or_default() += count.calls * times;
        estimate.calls += count.calls * times;
        estimate.tokens_in += count.tokens_in * times;
        estimate.tokens_out += count.tokens_out * times;
        let price = if stage == "illustrate" {
            prices.estimate_image(&provider, &model)
        } else {
            prices.estimate(&provider, &model, count.tokens_in, count.tokens_out)
        };
        match (price, &mut estimate.cost_usd) {
            (Some(price), Some(sum)) => *sum += MicroUsd(price.0.saturating_mul(times)),
            (Some(_), None) => {}
            (None, _) => {
                unknown.insert(format!("{provider}/{model}"));
                estimate.cost_usd = None;
            }
        }
    }
    estimate.unknown_prices = unknown.into_iter().collect();
    estimate.seconds = seconds(batch, estimate.calls);
    estimate.stages = plan::questions(&batch.spec.agenda, true)
        .into_iter()
        .filter_map(|stage| Some((stage.stage.clone(), by_stage.remove(&stage.stage)?)))
        .collect();
    Ok(estimate)
}

/// The longer of two bounds: the critical path of all discussions over the slots, and all calls
/// over the calls in flight.
fn seconds(batch: &Batch<'_>, calls: u64) -> u64 {
    let path: u32 = plan::questions(&batch.spec.agenda, batch.spec.models.image.is_some())
        .iter()
        .map(|stage| stage.in_sequence)
        .sum();
    #[expect(clippy::cast_precision_loss, reason = "seconds need no more than 52 bits")]
    let by_slots = batch.jobs.div_ceil(batch.concurrency.max(1) as u64) as f64 * f64::from(path);
    #[expect(clippy::cast_precision_loss, reason = "seconds need no more than 52 bits")]
    let by_calls = calls as f64 / batch.max_calls.max(1) as f64;
    let per_call = if batch.spec.rehearsal { 0.02 } else { CALL_SECONDS };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a positive number of seconds"
    )]
    let seconds = (by_slots.max(by_calls) * per_call).ceil() as u64;
    seconds
}

async fn count(batch: &Batch<'_>) -> Result<Counts, Stop> {
    if batch.jobs == 0 {
        return Ok(Counts::new());
    }
    let pack = Pack::new(batch.spec.prompts.clone())?;
    let Some((bytes, facts)) = batch.picture.clone() else { return Ok(Counts::new()) };
    let brief = Brief {
        spec: batch.spec,
        pack: &pack,
        topic: batch.topic,
        keywords: &[],
        design_prompt: "",
        picture: provider::Picture {
            sha256: facts.sha256.clone(),
            mime: facts.mime.clone(),
            bytes,
        },
        facts,
        seed: Seed::from(batch.spec.seed),
    };
    let counting = Counting { spec: batch.spec, counts: Mutex::default() };
    discussion::hold(&counting, &brief).await?;
    Ok(counting.counts.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// `provider/model` of every model whose price nobody knows.
pub fn without_price(models: &Models, prices: &Prices) -> Vec<String> {
    let name = |model: &ModelRef| format!("{}/{}", model.endpoint.provider, model.model);
    let talks = [&models.vision, &models.chat].into_iter();
    let mut names: Vec<String> = talks
        .filter(|model| prices.estimate(&model.endpoint.provider, &model.model, 1, 1).is_none())
        .map(name)
        .collect();
    let paints = models.image.iter();
    names.extend(
        paints
            .filter(|model| prices.estimate_image(&model.endpoint.provider, &model.model).is_none())
            .map(name),
    );
    names.dedup();
    names
}
