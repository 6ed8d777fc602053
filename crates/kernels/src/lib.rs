//! Slices in, slices out: matrix products, recurrent cells over whole sequences, attention, losses and optimizer steps,
//! each forward beside its backward; processor detection; the worker pool.
//!
//! ```
//! use anaphora_kernels::activation::Activation;
//! use anaphora_kernels::matmul::linear::PackedColumns;
//! use anaphora_kernels::{Matrix, Pool, Precision};
//!
//! // `y = relu(x · wᵀ + b)` on two threads, with the weights packed once for many such products.
//! let (pool, mut weights) = (Pool::new(2), PackedColumns::new());
//! let w = [1.0, 0.0, -1.0, 0.5, 0.5, 0.5];
//! weights.pack(&pool, Precision::F32, Matrix::new(&w, 2, 3).transposed(), 1);
//! let x = [1.0, 2.0, 3.0];
//! let (mut sums, mut y) = ([0.0; 2], [0.0; 2]);
//! let function = Some((Activation::Relu, &mut y[..]));
//! weights.product(&pool, Matrix::new(&x, 1, 3), Some(&[0.0, 1.0]), &mut sums, function);
//! assert_eq!((sums, y), ([-2.0, 4.0], [0.0, 4.0]));
//! ```

pub mod activation;
pub mod additive;
pub mod amx;
pub mod attention;
mod buffer;
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

pub use buffer::Buffer;
pub use isa::Isa;
pub use matmul::Precision;
pub use matrix::Matrix;
pub use pool::Pool;
