//! Code shared by tasks.

mod examples;
mod inputs;
mod inspecting;
mod learning;
pub mod pairs;
mod portable;
mod predicting;
pub mod reader;
mod splits;

pub(super) use crate::error::malformed_at;
pub use anaphora_data::Splits;
pub use examples::{
    ExampleTask, PredictTask, Reading, TrainedTask, Using, learner, name, note_encoding, trained,
};
pub use inputs::{Input, column, each_batch, one_class, predict_lines, table_options};
pub use inspecting::{InspectTask, Looked, Names, Subject, inspect, look};
pub use learning::{ExampleModel, Learning, Lesson, Words, malformed_position};
pub(crate) use portable::Prepares;
pub use portable::{AnyModel, Portable, portable};
pub use predicting::{Compose, Evaluate, Predict, PredictOptions, Prediction, SearchAsked, Split};
pub use splits::hold_out;
