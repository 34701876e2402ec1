//! The words we send, and how replies are read.

pub mod reading;
pub mod schema;
pub mod pack;
