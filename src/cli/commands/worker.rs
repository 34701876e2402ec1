//! `worker`: works on what is queued.

use super::run::{self, Work};
use super::summary;
use crate::cli::errors::CliError;
use crate::cli::exit::ExitCode;
use crate::cli::session;
use crate::cli::setting::Setting;
use crate::provider::rehearsal::Rehearsal;
use crate::worker::{Ended, Options};

/// How a worker process ends.
#[derive(Debug, Clone)]
pub struct Duty {
    pub work: Work,
    pub drain: bool,
    pub max_jobs: Option<u64>,
    pub export: bool,
}

/// Works until it is stopped, or with `drain` until nothing is left.
pub async fn run(setting: &Setting, duty: &Duty) -> Result<ExitCode, CliError> {
    let home = setting.home_when_ready().await?;
    let rehearsal = Rehearsal::start().await;
    let rehearsal =
        rehearsal.map_err(|error| CliError::internal(format!("no rehearsal: {error}")))?;
    let exports = duty.export.then(|| duty.work.exports.clone());
    let solo = setting.solo(exports.as_deref(), duty.work.calls_of_one())?;
    let options = Options {
        slots: duty.work.slots,
        only: None,
        drain: duty.drain,
        max_wait: duty.work.max_wait,
        max_jobs: duty.max_jobs,
        exports,
        lease: setting.lease,
        deadline: duty.work.deadline,
        solo: Some(solo),
    };
    let services = setting.services(Some(&rehearsal))?;
    let session = session::session(&home, services, duty.work.max_calls, options).await?;
    let ended = run::show(setting, &home, None, duty.work.max_calls, session).await?;
    Ok(match ended {
        Ended::Drained | Ended::MaxJobs => ExitCode::AllDone,
        Ended::Stopped => ExitCode::Interrupted,
        Ended::Blocked(blocks) => {
            for block in &blocks {
                setting.say(&format!("held up: {}", block.reason));
            }
            setting.say("go on with: tableround worker --drain");
            summary::code_of_blocks(&blocks)
        }
    })
}
