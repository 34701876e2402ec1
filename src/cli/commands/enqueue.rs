//! `enqueue`: takes pictures in; workers do the rest. Also the first half of `run`.

use super::run::Work;
use super::{batches, wait};
use crate::cli::errors::CliError;
use crate::cli::estimate::{self, Estimate};
use crate::cli::exit::{self, ExitCode};
use crate::cli::freeze::{self, Wishes};
use crate::cli::inputs::Input;
use crate::cli::intake::{self, Intake, Order};
use crate::cli::room;
use crate::cli::session::Home;
use crate::cli::setting::Setting;
use crate::cli::shapes::{self, Enqueued, Refused};
use crate::cli::stdout;
use crate::domain::cost::MicroUsd;
use crate::domain::job::Priority;
use crate::domain::models::Models;
use crate::domain::result::Picture;
use crate::domain::spec::Spec;
use crate::ledger::{Addition, Batch, Rejected, decide};
use crate::provider::services;
use crate::watch::took;
use crate::worker::{pictures, store};
use crate::{blobs, imaging};
use bytes::Bytes;
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// What is queued: inputs and spec.
#[derive(Debug)]
pub struct Load {
    pub inputs: Vec<Input>,
    /// Inputs that are not there.
    pub missing: Vec<Rejected>,
    pub wishes: Wishes,
    pub models: Option<Models>,
    pub topic: Option<String>,
    pub batch: String,
    pub by_path: bool,
    pub again: bool,
    pub dry_run: bool,
    pub yes: bool,
    pub priority: Priority,
    pub max_cost: Option<MicroUsd>,
    pub max_fails: Option<String>,
}

/// A batch that is in the ledger.
#[derive(Debug)]
pub struct Queued {
    pub home: Home,
    pub intake: Intake,
    pub batch: String,
    pub rehearsal: bool,
    pub estimate: Estimate,
}

/// Queues a load and says what came of it; with `wait`, stays until it is done.
pub async fn run(
    setting: &Setting,
    load: Load,
    work: &Work,
    wait: bool,
) -> Result<ExitCode, CliError> {
    let given = (load.inputs.len() + load.missing.len()) as u64;
    let queued = match take_in(setting, load, work).await? {
        Taken::In(queued) => queued,
        Taken::Estimated(code) => return Ok(code),
    };
    tell(setting, given, &queued)?;
    let mut codes = vec![code_of(&queued.intake)];
    if wait {
        let waiting =
            wait::Waiting { batches: vec![queued.batch.clone()], timeout: None, fail_fast: false };
        codes.push(wait::run(setting, &queued.home, &waiting).await?);
    }
    Ok(exit::first_of(&codes))
}

fn code_of(intake: &Intake) -> ExitCode {
    if intake.rejected.is_empty() { ExitCode::AllDone } else { ExitCode::SomeRejected }
}

fn tell(setting: &Setting, given: u64, queued: &Queued) -> Result<(), CliError> {
    let Queued { intake, batch, rehearsal, estimate, .. } = queued;
    let (ids, duplicates) = (&intake.added.queued, intake.added.duplicates);
    if setting.json {
        let shape = Enqueued {
            batch,
            given,
            queued: ids.len() as u64,
            duplicates,
            rejected: intake.rejected.iter().map(Refused::from).collect(),
            rehearsal: *rehearsal,
            estimate,
        };
        return stdout::line(&shapes::line("enqueued", shape));
    }
    if setting.quiet {
        return ids.iter().try_for_each(|id| stdout::line(id));
    }
    stdout::line(&format!(
        "batch {batch}: {} queued, {duplicates} duplicate, {} rejected",
        ids.len(),
        intake.rejected.len()
    ))
}

/// What became of a load.
#[derive(Debug)]
pub enum Taken {
    In(Box<Queued>),
    /// Nothing was written; how the dry run ends.
    Estimated(ExitCode),
}

/// Takes a load in, or only estimates it.
pub async fn take_in(setting: &Setting, load: Load, work: &Work) -> Result<Taken, CliError> {
    let spec = Arc::new(freeze::freeze(&load.wishes, load.models)?);
    need_keys(setting, &spec)?;
    let encoded = store::encode(&*spec)?;
    let given = (load.inputs.len() + load.missing.len()) as u64;
    let order = Order {
        batch: Batch {
            name: load.batch.clone(),
            spec: blobs::digest(&encoded),
            rehearsal: spec.rehearsal,
            resources: resources(&spec),
            max_cost: load.max_cost,
            max_fails: load.max_fails,
            prices: setting.prices.set_for(&spec.models),
        },
        topic: load.topic.clone().unwrap_or_else(|| spec.agenda.topic.clone()),
        spec: Arc::clone(&spec),
        priority: load.priority,
        by_path: load.by_path,
        again: load.again,
    };
    if load.dry_run {
        let bar = intake_bar(setting, given, "checking");
        let first = first_picture(&load.inputs, &order);
        let intake = intake::intake(&order, None, load.inputs, load.missing, |n| bar.inc(n as u64));
        let intake = intake.await?;
        bar.finish_and_clear();
        let sizes = (intake.fingerprints.len() as u64, intake.pictures.len() as u64);
        let estimate = estimated(setting, &order, sizes, first, work).await?;
        tell_estimate(setting, &order, given, &intake, &estimate)?;
        return Ok(Taken::Estimated(code_of(&intake)));
    }
    let inputs = load.inputs.len() as u64;
    let first = first_picture(&load.inputs, &order);
    let estimate = estimated(setting, &order, (inputs, inputs), first.clone(), work).await?;
    if order.batch.max_cost.is_some() && !estimate.unknown_prices.is_empty() {
        return Err(CliError::unknown_prices(&estimate.unknown_prices));
    }
    confirm(setting, &estimate, load.yes)?;
    let home = setting.home().await?;
    if !load.by_path {
        room::check(&spec, &home.blobs, &load.inputs).await?;
    }
    let hold = home.blobs.hold()?;
    home.blobs.put(&encoded)?;
    // From here on the spec is referred to.
    home.ledger.add(&order.batch, Addition::default()).await?;
    hold.release();
    let bar = intake_bar(setting, given, "preparing");
    let to = Some((&*home.ledger, &home.blobs));
    let intake = intake::intake(&order, to, load.inputs, load.missing, |n| bar.inc(n as u64));
    let intake = intake.await?;
    bar.finish_and_clear();
    for refused in &intake.rejected {
        let Rejected { source, code, reason, external_id: _ } = refused;
        setting.say(&format!("rejected: {source}: {reason} ({code})"));
    }
    tracing::info!(
        batch = %load.batch,
        queued = intake.added.queued.len(),
        duplicates = intake.added.duplicates,
        rejected = intake.rejected.len(),
        "taken in"
    );
    let pictures = (intake.pictures.len() as u64).min(intake.added.queued.len() as u64);
    let sizes = (intake.added.queued.len() as u64, pictures);
    // Now it is known what is really there to be discussed.
    let estimate = estimated(setting, &order, sizes, first, work).await?;
    if load.max_cost.is_some() {
        // The batch may have been there before, stopped by a smaller budget.
        batches::lift_budget(&home, &load.batch).await?;
    }
    let (batch, rehearsal) = (load.batch, spec.rehearsal);
    Ok(Taken::In(Box::new(Queued { home, intake, batch, rehearsal, estimate })))
}

/// The progress of a long intake, on a terminal.
fn intake_bar(setting: &Setting, given: u64, doing: &'static str) -> ProgressBar {
    if !setting.progress || setting.quiet || given < 50 {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(
        "{msg} {bar:40} {human_pos} of {human_len} pictures, {per_sec}, eta {eta}",
    )
    .expect("the template is well formed");
    ProgressBar::new(given).with_style(style).with_message(doing)
}

/// Every key the spec needs, or the way out.
fn need_keys(setting: &Setting, spec: &Spec) -> Result<(), CliError> {
    let endpoints = spec.models.all().map(|model| &model.endpoint);
    let missing: BTreeSet<&String> = endpoints
        .filter_map(|endpoint| endpoint.key_env.as_ref())
        .filter(|key| !setting.keys.contains_key(*key))
        .collect();
    match missing.first() {
        Some(key) => Err(CliError::key_missing(key)),
        None => Ok(()),
    }
}

/// What the batch's jobs need: services, and keys for them.
fn resources(spec: &Spec) -> Vec<String> {
    let mut resources = BTreeSet::new();
    for model in spec.models.all() {
        resources.insert(decide::provider_resource(&model.endpoint.provider));
        resources.extend(model.endpoint.key_env.as_deref().map(services::requirement));
    }
    resources.into_iter().collect()
}

/// The first picture that can be read: what an estimate is made from.
fn first_picture(inputs: &[Input], order: &Order) -> Option<(Bytes, Picture)> {
    let limits = pictures::limits(&order.spec.picture);
    inputs.iter().find_map(|input| {
        let bytes = std::fs::read(&input.path).ok()?;
        Some(pictures::facts(imaging::prepare(&bytes, &limits).ok()?))
    })
}

async fn estimated(
    setting: &Setting,
    order: &Order,
    (jobs, pictures): (u64, u64),
    picture: Option<(Bytes, Picture)>,
    work: &Work,
) -> Result<Estimate, CliError> {
    let batch = estimate::Batch {
        spec: &order.spec,
        topic: &order.topic,
        jobs,
        pictures,
        concurrency: work.slots,
        max_calls: work.max_calls,
        picture,
    };
    Ok(estimate::estimate(&batch, &setting.prices).await?)
}

/// Asks before more is spent than the configuration lets pass.
fn confirm(setting: &Setting, estimate: &Estimate, yes: bool) -> Result<(), CliError> {
    let Some(cost) = estimate.cost_usd.filter(|cost| *cost > setting.confirm_above) else {
        return Ok(());
    };
    if yes {
        return Ok(());
    }
    let text = format!("about {cost} USD for {} calls", estimate.calls);
    if setting.confirmed(&format!("this will cost {text}; go on?")) {
        return Ok(());
    }
    Err(CliError::needs_yes(&text))
}

fn tell_estimate(
    setting: &Setting,
    order: &Order,
    given: u64,
    intake: &Intake,
    estimate: &Estimate,
) -> Result<(), CliError> {
    for refused in &intake.rejected {
        let Rejected { source, code, reason, external_id: _ } = refused;
        setting.say(&format!("would be rejected: {source}: {reason} ({code})"));
    }
    let duplicates = intake.readable - intake.fingerprints.len() as u64;
    if setting.json {
        let shape = Enqueued {
            batch: &order.batch.name,
            given,
            queued: 0,
            duplicates,
            rejected: intake.rejected.iter().map(Refused::from).collect(),
            rehearsal: order.spec.rehearsal,
            estimate,
        };
        return stdout::line(&shapes::line("estimate", shape));
    }
    let jobs = intake.fingerprints.len();
    let rejected = intake.rejected.len();
    let row = |stage: &str, calls: u64| format!("  {stage:<20} {calls:>8} calls");
    let mut lines = vec![
        format!(
            "{given} given: {jobs} to be discussed, {duplicates} duplicates, {rejected} rejected"
        ),
        String::new(),
    ];
    lines.extend(estimate.stages.iter().map(|(stage, calls)| row(stage, *calls)));
    lines.push(format!("{}, {} a picture", row("all", estimate.calls), estimate.calls_per_job));
    lines.push(String::new());
    let (tokens_in, tokens_out) = (estimate.tokens_in, estimate.tokens_out);
    lines.push(format!("tokens: about {tokens_in} in, {tokens_out} out"));
    lines.push(match &estimate.cost_usd {
        Some(cost) => format!("cost:   about {cost} USD"),
        None => format!(
            "cost:   unknown; no price for {} (set it under [prices] in tableround.toml)",
            estimate.unknown_prices.join(", ")
        ),
    });
    if order.spec.models.image.is_none() {
        lines.push("images: none; no image model is set".to_owned());
    }
    lines.push(format!("time:   about {}", took(Duration::from_secs(estimate.seconds))));
    lines.push("nothing was queued, nothing was spent".to_owned());
    stdout::line(&lines.join("\n"))
}
