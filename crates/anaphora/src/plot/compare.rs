//! Several runs side by side: size, speed and score, and how their losses fell.
//!
//! Of models that continue text, a loss a token says little of two tokenizers, for a token may stand for a letter or for a word. Losses are compared a character: a
//! run folder knows how many characters a token of its validation data stands for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::plot::{Curve, Point, comparison};
use crate::recipe::{self, Recipe};
use crate::run::log::{Record, read_metrics};
use crate::run::{Run, RunInfo, Score};
use crate::{Error, Result};

/// A run and what its training came to.
#[derive(Clone, Debug)]
pub struct Compared {
    /// The run folder, as it was named.
    pub path: PathBuf,
    /// What it says of itself.
    pub info: RunInfo,
    /// How it was trained.
    pub recipe: Recipe,
    /// The figures.
    pub summary: Summary,
    /// The best validation.
    best: Option<Score>,
    /// Its losses in nats a token.
    curve: Curve,
}

/// The figures of a run. What is not known is none.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The run folder, as it was named.
    pub run: PathBuf,
    /// Kind of the backbone.
    pub backbone: recipe::Backbone,
    /// Its layers.
    pub layers: usize,
    /// Units of each.
    pub hidden_size: usize,
    /// Numbers in the model.
    pub parameters: u64,
    /// Optimizer steps done.
    pub steps: u64,
    /// Seconds of training, validations included.
    pub seconds: f64,
    /// Tokens learnt a second, validations left out: the median over the training.
    pub tokens_per_second: Option<f64>,
    /// The optimizer step of the best validation.
    pub best_step: Option<u64>,
    /// The best validation's loss.
    pub loss: Option<f64>,
    /// What that loss is measured in.
    pub loss_unit: &'static str,
    /// The other scores of that validation by name.
    pub scores: BTreeMap<String, f64>,
    /// Of models that continue text or music: the loss in nats a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nats_per_token: Option<f64>,
    /// The same in nats a character, the end of a piece counted as one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nats_per_character: Option<f64>,
    /// The same in bits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bits_per_character: Option<f64>,
    /// The exponential of the loss a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub perplexity: Option<f64>,
    /// The most memory that the training has held, in MiB.
    pub memory_mib: Option<f64>,
    /// Whether the training has ended.
    pub ended: bool,
}

/// Reads the runs, and sorts them by score: a character where that is known of all, else a token. Of equal ones, and of those
/// without a score, the order stays.
pub fn compare(paths: &[PathBuf]) -> Result<Vec<Compared>> {
    let mut seen = BTreeSet::new();
    let mut runs = Vec::with_capacity(paths.len());
    for path in paths {
        let run = Compared::read(path)?;
        if !seen.insert(path.canonicalize().map_err(Error::io("read", path))?) {
            return Err(Error::RunTwice(path.clone()));
        }
        runs.push(run);
    }
    if by_character(&runs) {
        let score = |run: &Compared| run.summary.nats_per_character.filter(|score| score.is_finite());
        runs.sort_by(|a, b| score(a).unwrap_or(f64::INFINITY).total_cmp(&score(b).unwrap_or(f64::INFINITY)));
    } else {
        runs.sort_by(|a, b| match (&a.best, &b.best) {
            (Some(a), Some(b)) => a.better_first(b),
            (a, b) => b.is_some().cmp(&a.is_some()),
        });
    }
    Ok(runs)
}

/// Whether all runs continue text or music.
pub fn all_continue(runs: &[Compared]) -> bool {
    runs.iter().all(|run| run.info.task.continues())
}

/// Whether all runs continue text, and it is known of each how many characters a token stands for.
pub fn by_character(runs: &[Compared]) -> bool {
    all_continue(runs) && runs.iter().all(|run| run.characters_per_token().is_some())
}

/// The loss of the runs against optimizer steps and against time, as SVG.
pub fn picture(runs: &[Compared]) -> String {
    let by_character = by_character(runs);
    let of = |run: &Compared| {
        let scale = if by_character { run.characters_per_token().unwrap_or(1.0) } else { 1.0 };
        let mut curve = run.curve.clone();
        let loss = if by_character { run.summary.nats_per_character } else { run.summary.loss };
        let loss = loss.map_or_else(String::new, |loss| format!(": {loss:.3}"));
        curve.name = format!("{}{loss}", run.path.display());
        curve.train.iter_mut().chain(&mut curve.validation).for_each(|point| point.loss /= scale);
        curve
    };
    let units: BTreeSet<_> = runs.iter().map(|run| run.summary.loss_unit).collect();
    let unit = match (by_character, units.len()) {
        (true, _) => "nats a character",
        (false, 1) => runs[0].summary.loss_unit,
        (false, _) => "in units of each run's own",
    };
    comparison(&runs.iter().map(of).collect::<Vec<_>>(), unit)
}

impl Compared {
    /// Reads a run folder.
    pub fn read(path: &Path) -> Result<Self> {
        let run = Run::open(path)?;
        let (info, recipe) = (run.info().clone(), run.recipe()?);
        let records = read_metrics(run.metrics_path())?;
        if records.iter().all(|record| matches!(record, Record::Note { .. })) {
            return Err(Error::NoMetrics(path.to_owned()));
        }
        let mut rates: Vec<f64> = records.iter().filter_map(rate).collect();
        rates.sort_by(f64::total_cmp);
        let seconds = records.iter().filter_map(point).map(|point| point.seconds).fold(0.0, f64::max);
        let best = records.iter().rev().find_map(|record| match *record {
            Record::Validation { step, loss, best: true, ref scores, .. } => {
                Some(Score { step, loss, scores: scores.clone() })
            }
            _ => None,
        });
        let continues = info.task.continues();
        let loss = best.as_ref().map(|best| best.loss);
        let mut compared = Self {
            curve: curve(&records),
            path: path.to_owned(),
            summary: Summary {
                run: path.to_owned(),
                backbone: recipe.model.backbone,
                layers: recipe.model.layers,
                hidden_size: recipe.model.hidden_size,
                parameters: info.parameters,
                steps: records.last().map_or(0, Record::step),
                seconds,
                tokens_per_second: rates.get(rates.len() / 2).copied(),
                best_step: best.as_ref().map(|best| best.step),
                loss,
                loss_unit: recipe.loss_unit(),
                scores: best.as_ref().map(|best| best.scores.clone()).unwrap_or_default(),
                nats_per_token: loss.filter(|_| continues),
                nats_per_character: None,
                bits_per_character: None,
                perplexity: loss.filter(|_| continues).map(f64::exp),
                memory_mib: info.memory_mib,
                ended: info.ended.is_some(),
            },
            best,
            info,
            recipe,
        };
        if let (Some(loss), Some(characters)) =
            (compared.summary.nats_per_token, compared.characters_per_token())
        {
            compared.summary.nats_per_character = Some(loss / characters);
            compared.summary.bits_per_character = Some(loss / characters / std::f64::consts::LN_2);
        }
        Ok(compared)
    }

    /// How many characters a token of the validation data stands for on average, ends of pieces counted as one.
    pub fn characters_per_token(&self) -> Option<f64> {
        match (self.info.validated, &self.recipe.data.tokenizer) {
            (Some(size), _) => Some(size.characters as f64 / size.tokens.max(1) as f64),
            (None, recipe::Tokenizer::Character) => Some(1.0),
            (None, _) => None,
        }
    }

    /// Whether both runs learnt from the same data and were validated on the same, wherever these lie.
    pub fn same_data(&self, other: &Self) -> bool {
        let data = |run: &Self| {
            let sources = run.info.sources.iter();
            let sums: Vec<_> =
                sources.map(|(field, source)| (field.clone(), source.bytes, source.crc32.clone())).collect();
            // What tells how the data are split, but for where they lie.
            let mut split = run.recipe.data.clone();
            split.paths_mut().into_iter().for_each(|(_, path)| *path = None);
            split.tokenizer = recipe::Tokenizer::default();
            (split.windows, split.vocabulary_min_count) = Default::default();
            (run.info.task, sums, split, run.recipe.series.clone())
        };
        data(self) == data(other)
    }
}

fn rate(record: &Record) -> Option<f64> {
    match *record {
        Record::Train { tokens_per_second, .. } => Some(tokens_per_second),
        _ => None,
    }
}

fn point(record: &Record) -> Option<Point> {
    match *record {
        Record::Train { step, loss, seconds, .. } | Record::Validation { step, loss, seconds, .. } => {
            Some(Point { step, seconds, loss })
        }
        Record::Note { .. } => None,
    }
}

/// The losses of a run; what it did before it went back to an earlier step is left out.
fn curve(records: &[Record]) -> Curve {
    let mut curve = Curve::default();
    for record in records {
        let Some(point) = point(record) else { continue };
        let line = match record {
            Record::Train { .. } => &mut curve.train,
            _ => &mut curve.validation,
        };
        while line.pop_if(|last| last.step >= point.step).is_some() {}
        line.push(point);
    }
    curve
}
