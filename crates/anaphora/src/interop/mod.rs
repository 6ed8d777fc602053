//! Models in the formats of other programs.

pub mod huggingface;
pub mod onnx;
