//! Products in bf16 with f32 accumulation.
