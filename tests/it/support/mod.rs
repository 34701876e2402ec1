//! What the tests are made with: a witness, a program to run, folders to compare.

pub(crate) mod folders;
pub(crate) mod machines;
pub(crate) mod program;
pub(crate) mod provider_server;
pub(crate) mod proxy;
pub(crate) mod redis;
pub(crate) mod wire;
