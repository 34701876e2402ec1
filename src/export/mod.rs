//! What a batch leaves behind: rows to bytes.
//!
//! Everything here is a pure function of the batch, its rows and their results, except
//! [`collect`], which puts the bytes on disk. There is no clock, no ledger and no terminal on this
//! floor. Nothing holds more than one job at a time: tables and pages are made row by row, so
//! that a batch of 100 000 needs no more memory than one of ten.
//!
//! Two kinds of files, never mixed: *results* say the same whatever happened on the way;
//! *telemetry* ([`telemetry`]) says what did happen.

pub mod names;
pub mod codebook;
mod sheet;
mod facts;
pub mod tables;
pub mod telemetry;
pub mod discussion_json;
pub mod batch_json;
pub mod manifest;
mod markdown;
mod minutes;
mod words;
mod view;
pub mod pages;
pub mod report;
mod place;
pub mod collect;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;

use crate::domain::result::JobResult;
use crate::domain::spec::Spec;
use crate::ledger::Row;
use crate::prompt::pack::Pack;

/// What everything that comes from a rehearsal is labelled with.
pub const REHEARSAL_NOTE: &str = "rehearsal: no model was asked";

/// A batch, without its jobs.
#[derive(Debug, Clone, Copy)]
pub struct BatchInput<'a> {
    pub name: &'a str,
    pub spec: &'a Spec,
    /// SHA-256 of the frozen prompts, hex.
    pub prompts_sha256: &'a str,
    /// The spec's own prompts, compiled: how seats, roles and reasons are called.
    pub pack: &'a Pack,
    /// Rows the batch has, aliases included: how many pages its report has.
    pub rows: u32,
}

impl BatchInput<'_> {
    /// Whether no model was asked.
    pub fn rehearsal(&self) -> bool {
        self.spec.rehearsal
    }

    /// The label of a rehearsal's files; none for a real batch.
    pub fn note(&self) -> Option<&'static str> {
        self.rehearsal().then_some(REHEARSAL_NOTE)
    }
}

/// A row of the batch and, once it is completed, its result. An alias has its original's.
#[derive(Debug, Clone, Copy)]
pub struct JobInput<'a> {
    pub row: &'a Row,
    pub result: Option<&'a JobResult>,
}
