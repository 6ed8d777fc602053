//! Slices in, slices out: matrix products, recurrent cells over whole sequences, attention, losses and optimizer steps,
//! each forward beside its backward; processor detection; the worker pool.

pub mod activation;
pub mod additive;
pub mod amx;
pub mod attention;
pub mod cross_entropy;
pub mod dropout;
pub mod elementwise;
pub mod embedding;
mod functions;
pub mod gather;
pub mod isa;
mod lanes;
pub mod losses;
pub mod matmul;
pub mod matrix;
pub mod norm;
pub mod optimizer;
pub mod orthogonal;
pub mod pool;
pub mod pooling;
mod prefetch;
pub mod random;
pub mod recurrent;
pub mod rotary;
pub mod shared;
pub mod simd;
pub mod softmax;

pub use isa::Isa;
pub use matmul::Precision;
pub use matrix::Matrix;
pub use pool::Pool;
