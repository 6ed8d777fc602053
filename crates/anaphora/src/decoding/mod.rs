//! From a model's logits to tokens: drawn one by one, or searched for.

pub mod beam;
pub mod sampling;
pub mod search;
