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
mod matmul;
mod mul;
pub mod norm;
pub mod pool;
pub mod recurrent;
mod rotary;
mod scale;
mod slice;
mod softmax;
mod stack;
mod sub;
mod window;
