//! What is true: the nouns of the table and the only functions that change them.
//!
//! No I/O, no clock, no async, no randomness: time and seeds come in as arguments.

pub mod cost;
pub mod seed;
pub mod share;
pub mod keyword;
pub mod panel;
pub mod ballot;
pub mod tally;
pub mod models;
pub mod spec;
pub mod call;
pub mod stats;
pub mod transcript;
pub mod result;
pub mod job;
pub mod event;
pub mod retry;
