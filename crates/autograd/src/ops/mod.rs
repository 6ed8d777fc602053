//! The operations: one file each, forward beside backward.

mod activation;
mod add;
mod additive;
mod attention;
mod concat;
mod dropout;
mod embedding;
mod gather;
mod linear;
pub mod losses;
pub mod norm;
pub mod pool;
pub mod recurrent;
mod rotary;
mod stack;
mod window;
