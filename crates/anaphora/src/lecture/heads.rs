//! Several heads look for different things.

use anaphora_data::{Packed, Sequence};
use anaphora_nn::trace::Trace;

use super::chapter::{Chapter, Check, Id};
use super::lab::{Lab, Training};
use super::picture::{Drawing, Map, Picture};
use super::{Data, Experiment, Settings, language};
use crate::model::{LanguageModel, Observe};
use crate::tasks::language::Trained;
use crate::{Error, Result};

pub const EXPERIMENT: Experiment =
    Experiment { id: Id::Heads, data: Data::file(), trainings, seconds: 2.0, hold };

/// Steps of a held-out piece that are read, at most.
const READ: usize = 128;
/// Steps that are drawn.
const DRAWN: usize = 48;

fn trainings(settings: &Settings) -> Result<Vec<Training>> {
    Ok(vec![language::training(settings, language::TRANSFORMER)])
}

fn hold(lab: &mut Lab) -> Result<Chapter> {
    let mut chapter = Chapter::new(
        Id::Heads,
        "Several heads",
        "Attention has several heads, and after training they look for different things.",
    );
    chapter.experiment = format!(
        "The Transformer that learnt {}, and the same network before training, read a held-out piece of {READ} characters. Of each head it \
         is measured how spread its attention is (the entropy, as a share of the most that is possible), how far it looks back on average, \
         how much it looks at the character just before, and how much at earlier places with the same character. How different two heads are \
         is the share of their attention that would have to be moved to make the one the other.",
        language::what(lab.settings)
    );
    chapter.reading = "Each small picture is one head: a row is a character that asks, a column one that is looked at. A dark line just \
        beside the diagonal looks at the character before; upright stripes look at marks such as bar lines or line ends; spots far to the left \
        look for what was there before. Before training all heads look at everything alike."
        .into();
    chapter.limits = "One piece and one model: other seeds divide the work differently. That heads differ does not say which of them are needed."
        .into();
    chapter.commands(
        language::commands(lab.settings, &[language::TRANSFORMER])
            .into_iter()
            .chain([format!("anaphora inspect runs/{} --show attention", language::TRANSFORMER)]),
    );
    let run = lab.run(language::TRANSFORMER)?;
    lab.progress("comparing heads", 0.0)?;
    let trained = Trained::open(&run)?;
    let mut piece = String::new();
    trained.corpus()?.validation.each_piece(|text| {
        if piece.is_empty() {
            piece = text.to_owned();
        }
        Ok::<_, Error>(())
    })?;
    let mut ids = vec![trained.tokenizer.end_id()];
    trained.tokenizer.encode_into(&piece, &mut ids)?;
    ids.truncate(READ.min(trained.recipe.model.context.unwrap_or(READ)));
    let batch = Packed::new(&[Sequence::Tokens(ids.clone())]);
    let fresh = LanguageModel::new(
        &trained.recipe.model,
        trained.tokenizer.vocab_size(),
        u64::from(trained.recipe.training.seed),
    );
    let mut compute = lab.compute();
    let own = heads_of(&trained.model.observe(&mut compute, &batch, None)?.trace);
    let untrained = heads_of(&fresh.observe(&mut compute, &batch, None)?.trace);
    let (difference, before) = (largest_difference(&own), largest_difference(&untrained));
    chapter.figure("largest_difference_of_two_heads", difference);
    chapter.figure("largest_difference_of_two_heads_untrained", before);
    chapter.check(Check::at_least(
        "how different the two most different heads are, against those of an untrained model",
        difference,
        before,
        0.0,
    ));
    let mut rows = Vec::new();
    for head in &own {
        let scores = head.scores(&ids);
        let key = format!("layer_{}_head_{}", head.layer + 1, head.number + 1);
        chapter.figure(format!("{key}_entropy"), scores.entropy);
        chapter.figure(format!("{key}_mean_distance"), scores.distance);
        chapter.figure(format!("{key}_previous"), scores.previous);
        chapter.figure(format!("{key}_same"), scores.same);
        rows.push(vec![
            head.name(),
            format!("{:.2}", scores.entropy),
            format!("{:.1}", scores.distance),
            format!("{:.2}", scores.previous),
            format!("{:.2}", scores.same),
        ]);
    }
    let names: Vec<String> = ids.iter().map(|&id| trained.tokenizer.name(id).unwrap_or_default()).collect();
    for (title, heads) in [("After training", &own), ("Before training", &untrained)] {
        let map = |head: &Head| {
            let shown = DRAWN.min(head.weights.len());
            let first = head.weights.len() - shown;
            Map {
                name: head.name(),
                rows: names[first..].to_vec(),
                columns: names[first..].to_vec(),
                values: head.weights[first..].iter().map(|row| row[first..].to_vec()).collect(),
            }
        };
        chapter.pictures.push(Picture::new(
            title,
            "A row asks, a column is looked at; the end of the piece that was read.",
            Drawing::Heat {
                rows: "asks".into(),
                columns: "is looked at".into(),
                maps: heads.iter().map(map).collect(),
                range: [0.0, 0.5],
            },
        ));
    }
    let columns = ["head", "entropy", "mean distance back", "on the one before", "on the same character"];
    chapter.pictures.push(Picture::new(
        "What heads look at",
        "Averages over all characters of the piece, after training.",
        Drawing::Table { columns: columns.map(str::to_owned).into(), rows },
    ));
    Ok(chapter)
}

/// The attention of a head over one sequence.
struct Head {
    layer: usize,
    number: usize,
    /// Row by row, a query each.
    weights: Vec<Vec<f32>>,
}

/// What a head looks at, on average.
struct Scores {
    /// Of 1, where all is looked at alike.
    entropy: f64,
    /// Steps back.
    distance: f64,
    /// The share that goes to the step before.
    previous: f64,
    /// The share that goes to earlier steps with the same symbol.
    same: f64,
}

fn heads_of(trace: &Trace) -> Vec<Head> {
    let mut all = Vec::new();
    for (layer, attention) in trace.attentions.iter().enumerate() {
        let Some(own) = attention.sequences.first() else { continue };
        let [heads, queries, keys] = own.shape;
        for number in 0..heads {
            let row = |query: usize| own.weights[(number * queries + query) * keys..][..keys].to_vec();
            all.push(Head { layer, number, weights: (0..queries).map(row).collect() });
        }
    }
    all
}

/// The share of attention that two heads, the most different ones, have in different places.
fn largest_difference(heads: &[Head]) -> f64 {
    let mut largest = 0.0_f64;
    for (at, one) in heads.iter().enumerate() {
        for other in &heads[at + 1..] {
            let moved = one
                .weights
                .iter()
                .zip(&other.weights)
                .map(|(a, b)| a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs())).sum::<f64>() / 2.0);
            largest = largest.max(moved.sum::<f64>() / one.weights.len() as f64);
        }
    }
    largest
}

impl Head {
    fn name(&self) -> String {
        format!("layer {}, head {}", self.layer + 1, self.number + 1)
    }

    fn scores(&self, ids: &[u32]) -> Scores {
        // The first has nothing to choose from.
        let count = (self.weights.len() - 1).max(1) as f64;
        let mut scores = Scores { entropy: 0.0, distance: 0.0, previous: 0.0, same: 0.0 };
        for (query, row) in self.weights.iter().enumerate().skip(1) {
            let entropy: f64 =
                row.iter().filter(|w| **w > 0.0).map(|&w| -f64::from(w) * f64::from(w).ln()).sum();
            scores.entropy += entropy / ((query + 1) as f64).ln() / count;
            scores.previous += f64::from(row[query - 1]) / count;
            for (key, &weight) in row[..=query].iter().enumerate() {
                scores.distance += (query - key) as f64 * f64::from(weight) / count;
                if key < query && ids[key] == ids[query] {
                    scores.same += f64::from(weight) / count;
                }
            }
        }
        scores
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(weights: &[&[f32]]) -> Head {
        Head { layer: 0, number: 0, weights: weights.iter().map(|row| row.to_vec()).collect() }
    }

    #[test]
    fn scores_of_heads_are_those_of_their_rows() {
        let previous = head(&[&[1.0, 0.0, 0.0], &[1.0, 0.0, 0.0], &[0.0, 1.0, 0.0]]);
        let even = head(&[&[1.0, 0.0, 0.0], &[0.5, 0.5, 0.0], &[1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0]]);
        let ids = [7, 8, 7];
        let scores = previous.scores(&ids);
        assert_eq!((scores.entropy, scores.distance, scores.previous, scores.same), (0.0, 1.0, 1.0, 0.0));
        let scores = even.scores(&ids);
        assert!((scores.entropy - 1.0).abs() < 1e-6, "{}", scores.entropy);
        assert!((scores.same - 1.0 / 6.0).abs() < 1e-6 && (scores.distance - 0.75).abs() < 1e-6);
        let difference = largest_difference(&[previous, even]);
        assert!((difference - (0.5 + 2.0 / 3.0) / 3.0).abs() < 1e-6, "{difference}");
    }
}
