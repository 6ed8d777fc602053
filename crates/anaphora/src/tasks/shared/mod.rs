//! What tasks have in common.

mod examples;
mod inputs;
mod learning;
pub mod pairs;
mod predicting;
pub mod reader;
mod splits;

pub use examples::{ExampleTask, PredictTask, Reading, TrainedTask, Using, learner, name, trained};
pub use inputs::{Input, column, each_line, malformed_at, one_class, table_options};
pub use learning::{ExampleModel, Learning, Lesson, malformed_position};
pub use predicting::{Compose, Evaluate, Predict, PredictOptions, Prediction, Split};
pub use splits::{Splits, hold_out};
