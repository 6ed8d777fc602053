//! Slices in, slices out: matrix products, recurrent cells over whole sequences, losses and optimizer steps, each
//! forward beside its backward; processor detection; the worker pool.

pub mod amx;
pub mod isa;
pub mod matmul;
pub mod matrix;
pub mod pool;
pub mod shared;
pub mod simd;

pub use isa::Isa;
pub use matrix::Matrix;
pub use pool::Pool;
