//! What a validation came to, and which of its numbers tells most of a model.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::log;

/// The result of a validation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The optimizer step.
    pub step: u64,
    /// Mean loss: nats a symbol, where the task predicts symbols.
    pub loss: f64,
    /// Other scores by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "log::scores")]
    pub scores: BTreeMap<String, f64>,
}

/// Scores of which the greatest chooses a run's weights, where there are such; the loss does elsewhere.
const CHOOSING: [&str; 3] = ["micro_f1", "span_f1", "accuracy"];

impl Score {
    /// The score that tells most of the model, by its name: the one that chose it, another that its task has, or the loss.
    pub fn main(&self) -> (&str, f64) {
        let chosen = CHOOSING.iter().find_map(|name| self.scores.get_key_value(*name));
        let main = chosen.or_else(|| self.scores.first_key_value());
        main.map_or(("loss", self.loss), |(name, &score)| (name.as_str(), score))
    }

    /// The same for people: `accuracy 0.912`.
    pub fn text(&self) -> String {
        let (name, value) = self.main();
        format!("{} {value:.3}", spoken(name))
    }

    /// What chose it among the validations of its run, and its value: a score of which more is better, or the loss.
    pub fn criterion(&self) -> (&str, f64) {
        let main = self.main();
        if CHOOSING.contains(&main.0) { main } else { ("loss", self.loss) }
    }

    /// The order of two results, the better one first, as the validations of one task rank them.
    pub fn better_first(&self, other: &Self) -> Ordering {
        let cost = |score: &Self| match score.criterion() {
            ("loss", loss) => loss,
            (_, good) => -good,
        };
        cost(self).total_cmp(&cost(other)).then(self.loss.total_cmp(&other.loss))
    }
}

/// The name of a score as people read it: `macro_f1` as `macro F1`.
pub fn spoken(name: &str) -> String {
    let word = |word: &str| match word {
        "f1" | "r2" | "mae" => word.to_uppercase(),
        word => word.to_owned(),
    };
    name.split('_').map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_main_score_is_the_tasks_own() {
        for (scores, expected, criterion) in [
            (&[][..], "loss 1.500", "loss"),
            (&[("perplexity", 4.482)], "perplexity 4.482", "loss"),
            (&[("r2", 0.5), ("mae", 0.25)], "MAE 0.250", "loss"),
            (&[("a_score", 0.1), ("accuracy", 0.9125)], "accuracy 0.912", "accuracy"),
            (&[("macro_f1", 0.5), ("span_f1", 0.75)], "span F1 0.750", "span_f1"),
        ] {
            let scores = scores.iter().map(|&(name, score)| (name.to_owned(), score)).collect();
            let score = Score { step: 1, loss: 1.5, scores };
            assert_eq!((&*score.text(), score.criterion().0), (expected, criterion));
        }
    }
}
