//! Which program this is.

use anaphora::{Precision, machine};

/// The version of the package.
pub const NUMBER: &str = env!("CARGO_PKG_VERSION");

/// The commit that it was built from; none where it was built from a package.
pub const COMMIT: Option<&str> = option_env!("ANAPHORA_COMMIT");

/// Version, commit and what it was built for, in a line: `0.1.0 (1a2b3c4d5e6f), x86_64-linux`.
pub fn long() -> String {
    let commit = COMMIT.map_or(String::new(), |commit| format!(" ({commit})"));
    format!("{NUMBER}{commit}, {}-{}", std::env::consts::ARCH, std::env::consts::OS)
}

/// The same with the instruction set that it computes with here, for `--version`.
pub fn with_instructions() -> String {
    let ([_, used], precision) = (machine::instructions(), Precision::auto().name());
    format!("{}\ncomputes with {used}, products in {precision}", long())
}
