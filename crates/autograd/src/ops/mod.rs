//! The operations: one file each, forward beside backward.

mod activation;
mod add;
mod additive;
mod attention;
mod concat;
mod cross_entropy;
mod dropout;
mod embedding;
mod linear;
pub mod norm;
pub mod recurrent;
mod rotary;
mod window;
