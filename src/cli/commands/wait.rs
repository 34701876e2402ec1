//! `wait`: until batches are done.

use super::summary;
use crate::cli::errors::CliError;
use crate::cli::exit::{self, ExitCode};
use crate::cli::session::Home;
use crate::cli::setting::Setting;
use crate::domain::job::StateName;
use std::time::{Duration, Instant};

/// How often the ledger is asked.
const POLL: Duration = Duration::from_millis(500);

/// What is waited for.
#[derive(Debug)]
pub struct Waiting {
    pub batches: Vec<String>,
    pub timeout: Option<Duration>,
    pub fail_fast: bool,
}

/// Waits, then prints a summary for each batch.
pub async fn run(setting: &Setting, home: &Home, wait: &Waiting) -> Result<ExitCode, CliError> {
    let started = Instant::now();
    let mut codes = Vec::new();
    loop {
        let mut pending = 0;
        let mut dead = 0;
        for batch in &wait.batches {
            let row = summary::batch_of(home, batch).await?;
            for (state, count) in &row.states {
                pending += if state.is_final() { 0 } else { *count };
                dead += if *state == StateName::Dead { *count } else { 0 };
            }
        }
        let out_of_time = wait.timeout.is_some_and(|timeout| started.elapsed() >= timeout);
        if pending == 0 || out_of_time || (wait.fail_fast && dead > 0) {
            if pending > 0 {
                codes.push(ExitCode::Pending);
            }
            break;
        }
        tokio::time::sleep(POLL).await;
    }
    for batch in &wait.batches {
        codes.push(summary::summarise(setting, home, batch, started.elapsed()).await?);
    }
    Ok(exit::first_of(&codes))
}
