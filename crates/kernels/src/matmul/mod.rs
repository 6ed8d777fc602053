//! Products of matrices with packed right-hand sides.

pub mod bf16;
