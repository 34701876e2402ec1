//! The program is `tableround::cli`; this file is a formality.

fn main() {}
