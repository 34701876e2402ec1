//! `attempt`: one suspect in this process and nothing else, on behalf of the worker that started it.

use crate::cli::args::AttemptArgs;
use crate::cli::errors::CliError;
use crate::cli::exit::ExitCode;
use crate::cli::leave_now;
use crate::cli::session::{self, Home};
use crate::cli::setting::Setting;
use crate::ledger::Filter;
use crate::provider::rehearsal::Rehearsal;
use crate::worker::{Options, solo};
use std::io::{BufRead, BufReader};
use std::time::Duration;

/// Takes the lease from standard input and works on the job. Ends when the parent does.
pub async fn run(setting: &Setting, args: &AttemptArgs) -> Result<ExitCode, CliError> {
    let failed = |what: &str, error: std::io::Error| CliError::internal(format!("{what}: {error}"));
    solo::limit_memory().map_err(|error| failed("no memory limit", error))?;
    let mut parent = BufReader::new(std::io::stdin());
    let mut token = String::new();
    parent.read_line(&mut token).map_err(|error| failed("no lease", error))?;
    std::thread::spawn(move || {
        // Nothing more is ever said; the end of it is the end of the parent.
        while parent.read_line(&mut String::new()).is_ok_and(|bytes| bytes > 0) {}
        leave_now();
    });
    let home = Home { carrier: None, ..setting.existing_home().await? };
    let filter = Filter::one(&args.id);
    let row = home.ledger.jobs(&filter).await?.into_iter().next();
    let Some(job) = row
        .map(|row| row.job)
        .filter(|job| job.lease().is_some_and(|lease| lease.token == token.trim_end()))
    else {
        // It was taken away between the claim and now; its new owner knows what to do.
        return Ok(ExitCode::AllDone);
    };
    let rehearsal = Rehearsal::start().await.map_err(|error| failed("no rehearsal", error))?;
    let services = setting.services(Some(&rehearsal))?;
    let exports = args.output.clone().unwrap_or_else(|| setting.places.exports.clone());
    let options = Options {
        slots: 1,
        only: None,
        drain: true,
        max_wait: Duration::ZERO,
        max_jobs: Some(1),
        exports: (!args.no_export).then_some(exports),
        lease: setting.lease,
        // The parent watches the clock.
        deadline: Duration::MAX,
        solo: None,
    };
    let session = session::session(&home, services, args.max_calls as usize, options).await?;
    session.work_on(job).await?;
    Ok(ExitCode::AllDone)
}
