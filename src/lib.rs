//! Round-table discussions about pictures, held as a batch.
//!
//! The modules below are in reading order, from the ground floor up. **A module imports only
//! modules listed above it**; `tests/it/architecture.rs` reads this list and enforces it.

pub mod failpoint;
pub mod domain;
pub mod imaging;
pub mod prompt;
pub mod provider;
pub mod redis_server;
pub mod blobs;
pub mod ledger;
pub mod discussion;
pub mod journal;
pub mod export;
pub mod queue;
pub mod worker;
pub mod watch;
pub mod config;
pub mod cli;
