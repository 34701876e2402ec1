//! One binary for all integration tests: the dependencies are linked once.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "figures and what was not run are for people")]

mod architecture;
mod away;
mod blobs;
mod deploy;
mod doctor;
mod faults;
mod imaging;
mod cli_batches;
mod cli_files;
mod cli_inputs;
mod cli_json;
mod cli_provider;
mod cli_terminal;
mod kills;
mod live_words;
mod ledger_conformance;
mod logs;
mod machines;
mod measured;
mod provider_contract;
mod prune;
mod readme;
mod rehearsal;
mod samples;
mod screen;
mod stats;
mod support;
mod tickets;
