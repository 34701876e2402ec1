//! One binary for all integration tests: the dependencies are linked once.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod architecture;
mod blobs;
mod ledger_conformance;
mod provider_contract;
mod rehearsal;
mod support;
mod tickets;
