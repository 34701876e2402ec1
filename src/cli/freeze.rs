//! Freezing a spec: agenda, prompts, models and limits become one document that travels with the
//! batch.

use super::errors::CliError;
use crate::domain::models::{Endpoint, ImageApi, ModelRef, Models, Structured};
use crate::domain::spec::{Agenda, Language, Order, PictureLimits, Spec, StageKind};
use crate::prompt::pack::{self, Files, Pack};
use crate::provider::services::REHEARSAL;
use include_dir::{Dir, include_dir};
use std::path::{Path, PathBuf};

static JOBS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/jobs");

/// What a person asked for, as far as it decides the spec.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// A name or a file of an agenda.
    pub job: String,
    pub lang: Option<Language>,
    pub rounds: Option<u32>,
    pub order: Option<Order>,
    pub seed: u64,
    pub rehearse: bool,
}

/// Reads and checks everything, and gives the frozen spec.
pub fn freeze(wishes: &Wishes, models: Option<Models>) -> Result<Spec, CliError> {
    let (mut agenda, folder) = agenda(&wishes.job)?;
    if let Some(rounds) = wishes.rounds {
        each_stage(&mut agenda, StageKind::Discuss, |plan| plan.rounds = rounds);
    }
    if let Some(order) = wishes.order {
        each_stage(&mut agenda, StageKind::Discuss, |plan| plan.order = order);
        each_stage(&mut agenda, StageKind::Rediscuss, |plan| plan.order = order);
    }
    let problems = agenda.problems();
    if !problems.is_empty() {
        return Err(CliError::config(format!("agenda `{}`: {}", wishes.job, problems.join("; "))));
    }
    let language = wishes.lang.unwrap_or(agenda.language);
    let mut prompts = pack::built_in(language);
    if let (Some(own), Some(folder)) = (&agenda.prompts, &folder) {
        overlay(&mut prompts, &folder.join(own))?;
    }
    check_names(&agenda, prompts.clone())?;
    let models = if wishes.rehearse { rehearsal_models() } else { models.ok_or_else(no_models)? };
    Ok(Spec {
        agenda,
        language,
        models,
        seed: wishes.seed,
        picture: PictureLimits::default(),
        prompts,
        rehearsal: wishes.rehearse,
    })
}

fn each_stage(
    agenda: &mut Agenda,
    kind: StageKind,
    change: impl Fn(&mut crate::domain::spec::StagePlan),
) {
    agenda.stages.iter_mut().filter(|plan| plan.stage == kind).for_each(change);
}

fn no_models() -> CliError {
    CliError::config("no models are set")
}

/// The agenda of that name: a path, then `./jobs/`, then the built-in ones. With the folder that
/// its relative paths start from.
fn agenda(name: &str) -> Result<(Agenda, Option<PathBuf>), CliError> {
    let beside = PathBuf::from("jobs").join(format!("{name}.toml"));
    let file = [PathBuf::from(name), beside].into_iter().find(|path| path.is_file());
    let (text, folder) = match file {
        Some(path) => {
            let text = std::fs::read_to_string(&path).map_err(|error| {
                CliError::config(format!("agenda {} cannot be read: {error}", path.display()))
            })?;
            (text, Some(path.parent().unwrap_or(Path::new("")).to_owned()))
        }
        None => (built_in(name)?.to_owned(), None),
    };
    let agenda = toml::from_str(&text)
        .map_err(|error| CliError::config(format!("agenda `{name}`: {error}")))?;
    Ok((agenda, folder))
}

fn built_in(name: &str) -> Result<&'static str, CliError> {
    let file = JOBS.get_file(format!("{name}.toml"));
    file.and_then(include_dir::File::contents_utf8).ok_or_else(|| {
        let names: Vec<String> = JOBS
            .files()
            .filter_map(|file| Some(file.path().file_stem()?.to_string_lossy().into_owned()))
            .collect();
        CliError::config(format!(
            "there is no agenda `{name}`: no such file, none in ./jobs, and the built-in ones are {}",
            names.join(", ")
        ))
    })
}

/// Lays a folder's files over the built-in ones.
fn overlay(prompts: &mut Files, folder: &Path) -> Result<(), CliError> {
    fn walk(root: &Path, folder: &Path, prompts: &mut Files) -> std::io::Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                walk(root, &path, prompts)?;
            } else {
                let name = path.strip_prefix(root).unwrap_or(&path);
                let name = name.to_string_lossy().replace('\\', "/");
                prompts.insert(name, std::fs::read_to_string(&path)?);
            }
        }
        Ok(())
    }
    walk(folder, folder, prompts).map_err(|error| {
        CliError::config(format!("prompts {} cannot be read: {error}", folder.display()))
    })
}

/// Every prompt the agenda names must be there and be well formed before anything is queued.
fn check_names(agenda: &Agenda, prompts: Files) -> Result<(), CliError> {
    let wrong = |error: pack::Error| CliError::config(format!("agenda `{}`: {error}", agenda.name));
    let pack = Pack::new(prompts).map_err(wrong)?;
    if let Some(scenario) = &agenda.scenario {
        pack.plain("scenarios", scenario).map_err(wrong)?;
    }
    for seat in &agenda.seats {
        pack.plain("roles", &seat.role).map_err(wrong)?;
        pack.plain("personas", &seat.persona).map_err(wrong)?;
    }
    Ok(())
}

/// The rehearsal answers for every model.
fn rehearsal_models() -> Models {
    let rehearsal = ModelRef {
        endpoint: Endpoint {
            provider: REHEARSAL.to_owned(),
            base_url: String::new(),
            key_env: None,
            structured: Structured::JsonSchema,
            image_api: ImageApi::Openai,
            completion_tokens_field: false,
        },
        model: REHEARSAL.to_owned(),
    };
    Models { vision: rehearsal.clone(), chat: rehearsal.clone(), image: Some(rehearsal) }
}
