//! The library as a program uses it.

mod batcher;
mod divergence;
mod huggingface;
mod kill;
mod onnx;
mod rooms;
mod scores;
mod sharing;
mod stop;
mod wanted;
