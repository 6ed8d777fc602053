//! What operations compute, and their gradients against finite differences.

mod attention;
mod general;
mod losses;
mod model;
mod operations;
mod rows;
