//! One file per command.

pub mod summary;
pub mod run;
pub mod wait;
pub mod enqueue;
pub mod worker;
pub mod attempt;
pub mod request;
pub mod status;
pub mod watch;
pub mod jobs;
pub mod batches;
pub mod export;
pub mod stats;
pub mod prune;
pub mod config;
pub mod doctor;
pub mod generate;
pub mod compress;
