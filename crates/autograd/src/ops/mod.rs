//! The operations: one file each, forward beside backward.

pub mod activation;
mod attention;
mod cross_entropy;
mod dropout;
mod embedding;
mod linear;
pub mod recurrent;
mod window;
