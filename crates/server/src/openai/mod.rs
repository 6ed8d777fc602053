//! The endpoints that clients of OpenAI's API know.

pub mod completions;
pub mod models;
