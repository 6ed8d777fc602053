//! What the chapters on order and on sentiment share: classifiers of opinions, with and without order.

use std::ops::ControlFlow;
use std::path::Path;

use anaphora_data::builtin::{OPINIONS, twins};

use super::lab::Training;
use super::{Lab, Settings};
use crate::tasks::{self, Input, PredictOptions, Split};
use crate::{Precision, Result};

/// The classifier that reads in order.
pub const LSTM: &str = "opinions-lstm";
/// The classifier to which the order is lost: the mean of what each word says by itself.
pub const BAG: &str = "opinions-bag";

/// Pairs of opinions of the same words, and the seed that they come from: not that of the training.
const TWINS: (u64, usize) = (9, 300);

/// Both trainings.
pub fn trainings(settings: &Settings) -> [Training; 2] {
    let effort = settings.effort();
    let lstm: &[(&'static str, &str)] =
        &[("model.hidden_size", "64"), ("model.bidirectional", "false"), ("model.pooling", "last")];
    let bag: &[(&'static str, &str)] = &[
        ("model.backbone", "window"),
        ("model.window", "1"),
        ("model.hidden_size", "64"),
        ("model.pooling", "mean"),
    ];
    [(LSTM, 20.0, lstm), (BAG, 5.0, bag)].map(|(name, seconds, own)| {
        let common = [
            ("data.builtin", "opinions".to_owned()),
            ("data.test_every", "8".to_owned()),
            ("model.embedding_size", "32".to_owned()),
            ("model.dropout", "0.2".to_owned()),
        ];
        let own = own.iter().map(|(field, value)| (*field, (*value).to_owned()));
        Training::new(name, effort.steps(1_200), effort.seconds(seconds), common.into_iter().chain(own))
    })
}

/// How well a classifier does.
pub struct Score {
    /// Share of the test opinions that it tells rightly, and how many there are.
    pub test: (f64, usize),
    /// Share of twins' opinions that it tells rightly, and how many there are.
    pub twins: (f64, usize),
}

/// Scores a run.
pub fn score(lab: &Lab, run: &Path) -> Result<Score> {
    let opened = tasks::open(run, Precision::F32)?;
    let mut compute = lab.compute();
    let options = PredictOptions::default();
    let evaluation = opened.evaluate(run)?.evaluate(&mut compute, &Split::Test, &options)?;
    let accuracy =
        evaluation.scores.iter().find(|(name, _)| *name == "accuracy").map_or(f64::NAN, |score| score.1);
    let pairs = twins(TWINS.0, TWINS.1);
    let (inputs, truths): (Vec<Input>, Vec<&str>) = pairs
        .into_iter()
        .flat_map(|[negative, positive]| {
            [(Input::Text(negative), OPINIONS[0]), (Input::Text(positive), OPINIONS[1])]
        })
        .unzip();
    let mut right = 0;
    let mut at = 0;
    opened.predict(run)?.predict(&mut compute, &inputs, &options, &mut |prediction| {
        right += usize::from(prediction.json["label"] == truths[at]);
        at += 1;
        ControlFlow::Continue(())
    })?;
    Ok(Score {
        test: (accuracy, evaluation.examples),
        twins: (right as f64 / truths.len() as f64, truths.len()),
    })
}
