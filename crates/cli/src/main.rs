//! The `anaphora` program.

fn main() {}
