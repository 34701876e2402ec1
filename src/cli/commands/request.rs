//! From typed arguments to what `run`, `enqueue` and `worker` are asked to do.

use super::enqueue::Load;
use super::run::{self, Work};
use super::worker::{self, Duty};
use crate::cli::args::{
    EnqueueArgs, InputArgs, LimitArgs, RunArgs, SpecArgs, WorkArgs, WorkerArgs,
};
use crate::cli::errors::CliError;
use crate::cli::exit::ExitCode;
use crate::cli::freeze::Wishes;
use crate::cli::inputs::{self, Wanted};
use crate::cli::setting::{self, Setting};
use crate::config::{Environment, ServiceWish};
use crate::domain::models::{ModelRef, Models};
use crate::ledger::Rejected;
use crate::provider::presets;
use std::path::PathBuf;
use std::time::Duration;

/// How long `run` lets a block hold everything up before it ends.
const RUN_MAX_WAIT: Duration = Duration::from_mins(10);
/// The calls in flight that an enqueue's estimate reckons with.
const USUAL_WORK: WorkArgs =
    WorkArgs { concurrency: 16, max_calls: 32, deadline: Duration::from_mins(30) };

/// `run`
pub async fn run(
    setting: &Setting,
    environment: &Environment,
    args: RunArgs,
) -> Result<ExitCode, CliError> {
    let work = work(setting, &args.work, args.output, RUN_MAX_WAIT);
    if let Some(batch) = &args.resume {
        let limits = run::Limits {
            max_cost: args.limits.max_cost,
            max_fails: args.limits.max_fails.map(|max| max.to_string()),
        };
        return run::resume(setting, batch, limits, &work).await;
    }
    let load = load(setting, environment, &args.input, args.spec, &args.limits)?;
    run::run(setting, load, &work).await
}

/// `enqueue`
pub async fn enqueue(
    setting: &Setting,
    environment: &Environment,
    args: EnqueueArgs,
) -> Result<ExitCode, CliError> {
    let work = work(setting, &USUAL_WORK, None, RUN_MAX_WAIT);
    let load = load(setting, environment, &args.input, args.spec, &args.limits)?;
    super::enqueue::run(setting, load, &work, args.wait).await
}

/// `worker`
pub async fn worker(setting: &Setting, args: &WorkerArgs) -> Result<ExitCode, CliError> {
    let duty = Duty {
        work: work(setting, &args.work, None, args.max_wait),
        drain: args.drain,
        max_jobs: args.max_jobs,
        export: !args.no_export,
    };
    worker::run(setting, &duty).await
}

fn work(setting: &Setting, args: &WorkArgs, output: Option<PathBuf>, max_wait: Duration) -> Work {
    Work {
        slots: args.concurrency as usize,
        max_calls: args.max_calls as usize,
        max_wait,
        deadline: args.deadline,
        exports: output.unwrap_or_else(|| setting.places.exports.clone()),
    }
}

fn load(
    setting: &Setting,
    environment: &Environment,
    input: &InputArgs,
    spec: SpecArgs,
    limits: &LimitArgs,
) -> Result<Load, CliError> {
    let models = if spec.rehearse { None } else { Some(models(setting, environment, &spec)?) };
    let found = inputs::collect(&Wanted::new(input, limits), &mut std::io::stdin().lock())?;
    for warning in &found.warnings {
        setting.say(&format!("warning: {warning}"));
    }
    let missing = found.missing.into_iter().map(|missing| Rejected {
        source: missing.source,
        external_id: missing.external_id.unwrap_or_default(),
        code: missing.code.to_owned(),
        reason: missing.reason,
    });
    Ok(Load {
        inputs: found.inputs,
        missing: missing.collect(),
        wishes: Wishes {
            job: spec.job,
            lang: spec.lang,
            rounds: spec.rounds,
            order: spec.order,
            seed: spec.seed,
            rehearse: spec.rehearse,
        },
        models,
        topic: spec.topic,
        batch: spec.batch.unwrap_or_else(batch_name),
        by_path: input.by_path,
        again: spec.again,
        dry_run: limits.dry_run,
        yes: limits.yes,
        priority: limits.priority,
        max_cost: limits.max_cost,
        max_fails: limits.max_fails.map(|max| max.to_string()),
    })
}

/// The models of a spec that asks a real service.
fn models(
    setting: &Setting,
    environment: &Environment,
    spec: &SpecArgs,
) -> Result<Models, CliError> {
    let wish = ServiceWish {
        provider: spec.provider.as_deref(),
        base_url: spec.base_url.as_deref(),
        vision_model: spec.vision_model.as_deref(),
        chat_model: spec.chat_model.as_deref(),
        image_model: spec.image_model.as_deref(),
    };
    let known: Vec<&str> = presets::names().collect();
    let service = setting.providers.resolve(&wish, environment, &setting::preset, &known)?;
    let model = |model: String| ModelRef { endpoint: service.endpoint.clone(), model };
    Ok(Models {
        vision: model(service.vision_model.clone()),
        chat: model(service.chat_model.clone()),
        image: service.image_model.clone().map(model),
    })
}

/// `YYYYMMDD-HHMMSS-xxxx` in UTC: sorted by time, and told apart within a second.
fn batch_name() -> String {
    let now = jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S");
    format!("{now}-{:04x}", getrandom::u32().unwrap_or_default() & 0xffff)
}
