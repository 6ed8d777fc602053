//! The endpoints that clients of OpenAI's API know.

pub mod answer;
pub mod chat;
pub mod completions;
pub mod drawing;
pub mod embeddings;
pub mod models;
pub mod prompt;
pub mod stream;
