//! What the tests are made with: a witness, a program to run, folders to compare.

pub(crate) mod folders;
pub(crate) mod machines;
pub(crate) mod process;
pub(crate) mod program;
pub(crate) mod provider_server;
pub(crate) mod proxy;
pub(crate) mod redis;
pub(crate) mod s3_server;
pub(crate) mod wire;

/// A word to the tests themselves, from whoever runs them.
#[expect(clippy::disallowed_methods, reason = "what is there to test with is said by its name")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
