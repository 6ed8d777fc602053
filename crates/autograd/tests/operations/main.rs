//! Operations, weights and optimizers.

mod consumed;
mod embedding_table;
mod gradients;
mod linear;
mod optimizers;
mod shapes;
mod sharing;
mod steps;
