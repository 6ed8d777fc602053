//! Problems that ask for memory and for nothing else: the sum of two marked numbers, and symbols to be said again.
//!
//! `training.length` is how far back there is something to remember. Examples are made as they are learnt, so that none is
//! learnt twice.

use std::ops::ControlFlow;
use std::path::Path;

use anaphora_data::builtin::{COPY_REMEMBERED, COPY_SYMBOLS, CopyExample, adding, copy};
use anaphora_data::{Frames, Packed, Sequence};
use anaphora_nn::Params;
use serde_json::{Value, json};

use super::shared::{
    Evaluate, Input, Predict, PredictOptions, Prediction, Split, each_line, malformed_at, malformed_position,
};
use crate::metrics::Evaluation;
use crate::model::{Backward, Compute, Objective, Reads, SequenceModel, Shape, Targets, likeliest};
use crate::recipe::{self, Backbone, Builtin, Position, Recipe, ScheduleKind, Task};
use crate::run::weights::NamedTensor;
use crate::training::{BatchLoss, DataSize, Description, Learner, Validation};
use crate::{Result, Run};

/// Examples are made without end; so many are called a pass.
const PASS: u64 = 10_000;

/// Steps that are scored at once.
const STEPS: usize = 40_000;

/// Symbols whose recollection is asked for.
const RECALLED: u32 = 8;

/// An error below which a sum counts as found (Hochreiter, Schmidhuber 1997).
const FOUND: f32 = 0.04;

/// Where examples are drawn from that are never learnt: a training's seed has 32 bits, and so has the number of its batch.
const VALIDATION: u64 = u64::MAX;
const TEST: u64 = u64::MAX - 1;

/// Better defaults for a problem of memory than a language model's.
pub fn defaults(recipe: &mut Recipe) {
    let Recipe { data, model, training, .. } = recipe;
    (model.layers, model.hidden_size, model.dropout) = (1, 64, 0.0);
    // Gates that are to open for one mark in hundreds of steps have a long way to go.
    (training.batch, training.learning_rate, training.weight_decay) = (32, 1e-2, 0.0);
    training.schedule = ScheduleKind::Constant;
    (training.validate_every, training.checkpoint_every, training.patience) = (50, 100, 0);
    training.steps = Some(2_000);
    if model.backbone == Backbone::Transformer {
        (model.layers, model.heads, model.position) = (2, Some(4), Position::Learned);
        training.learning_rate = 3e-3;
    }
    if data.builtin == Some(Builtin::Copy) {
        // Ten symbols among a thousand blanks are found first where there are few blanks.
        training.curriculum = 0.875;
    }
}

/// One of the problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Problem {
    /// The sum of two numbers among so many.
    Adding(usize),
    /// Ten symbols after so many steps.
    Copy(usize),
}

/// Examples as a model reads them; all are equally long.
struct Examples {
    inputs: Vec<Sequence>,
    targets: Vec<Target>,
}

#[derive(Clone)]
enum Target {
    Sum(f32),
    Symbols(Vec<u32>),
}

/// How well examples are solved.
struct Scored {
    /// Squared error, or cross-entropy in nats a step.
    loss: f64,
    /// Share of the sums, or of the symbols to be recalled, that are right.
    right: f64,
}

impl Problem {
    fn of(recipe: &Recipe) -> Self {
        match recipe.data.builtin {
            Some(Builtin::Copy) => Self::Copy(recipe.training.length),
            _ => Self::Adding(recipe.training.length),
        }
    }

    /// Steps of an example.
    fn steps(self) -> usize {
        match self {
            Self::Adding(length) => length,
            Self::Copy(delay) => delay + 2 * COPY_REMEMBERED,
        }
    }

    fn model(self, recipe: &Recipe, seed: Option<u64>) -> SequenceModel {
        // What is to be remembered must lie in reach.
        let steps = self.steps();
        let chrono = recipe.model.chrono.or((steps >= 2).then_some(steps));
        let model = recipe::Model { context: Some(steps), chrono, ..recipe.model.clone() };
        let (shape, objective) = match self {
            Self::Adding(_) => (
                Shape { reads: Reads::Frames(2), outputs: 1, each_step: false, causal: false },
                Objective::Squared,
            ),
            Self::Copy(_) => {
                let symbols = COPY_SYMBOLS as usize;
                let shape =
                    Shape { reads: Reads::Tokens(symbols), outputs: symbols, each_step: true, causal: true };
                (shape, Objective::Classes { label_smoothing: 0.0, weights: None })
            }
        };
        SequenceModel::new(&model, shape, objective, seed)
    }

    /// Examples that ask for as much memory as each of `lengths`.
    fn examples(self, seed: u64, lengths: &[usize]) -> Examples {
        let pairs: Vec<(Sequence, Target)> = match self {
            Self::Adding(_) => adding(seed, lengths)
                .into_iter()
                .map(|example| (Sequence::Frames(example.input), Target::Sum(example.target)))
                .collect(),
            Self::Copy(_) => copy(seed, lengths)
                .into_iter()
                .map(|example| (Sequence::Tokens(example.input), Target::Symbols(example.target)))
                .collect(),
        };
        let (inputs, targets) = pairs.into_iter().unzip();
        Examples { inputs, targets }
    }

    /// The lengths of a batch, the longest first: a share of them are shorter, evenly on a logarithmic scale.
    fn lengths(self, batch: usize, shorter: f64) -> Vec<usize> {
        let (Self::Adding(length) | Self::Copy(length)) = self;
        let shortest = if matches!(self, Self::Adding(_)) { 2 } else { 1 };
        let count = (batch as f64 * shorter).round() as usize;
        let length_of = |index: usize| {
            let exponent = (count - index) as f64 / (count + 1) as f64;
            ((length as f64).powf(exponent).round() as usize).clamp(shortest.min(length), length)
        };
        std::iter::repeat_n(length, batch - count).chain((0..count).map(length_of)).collect()
    }

    /// Examples to score a model on: fewer of those with a target a step.
    fn held_out(self, seed: u64) -> Examples {
        match self {
            Self::Adding(length) => self.examples(seed, &[length; 500]),
            Self::Copy(delay) => self.examples(seed, &[delay; 100]),
        }
    }

    /// What a model without memory comes to: always saying 1, or blanks and then any symbol.
    fn memoryless(self) -> f64 {
        match self {
            Self::Adding(_) => 1.0 / 6.0,
            Self::Copy(_) => COPY_REMEMBERED as f64 * f64::from(RECALLED).ln() / self.steps() as f64,
        }
    }

    /// The names of the loss and of the share that is right.
    fn names(self) -> [&'static str; 2] {
        match self {
            Self::Adding(_) => ["mean squared error", "sums found"],
            Self::Copy(_) => ["nats a step", "symbols recalled"],
        }
    }
}

impl Examples {
    /// What is true of these, step by step as a batch has them.
    fn targets(targets: &[Target]) -> Targets {
        let mut sums = Vec::new();
        let mut symbols: Vec<&[u32]> = Vec::new();
        for target in targets {
            match target {
                Target::Sum(sum) => sums.push(*sum),
                Target::Symbols(ids) => symbols.push(ids),
            }
        }
        match symbols.first() {
            None => Targets::Values(sums),
            Some(first) => {
                let step = |t: usize| symbols.iter().map_while(move |ids| ids.get(t).copied());
                Targets::Classes((0..first.len()).flat_map(step).collect())
            }
        }
    }

    fn score(&self, model: &SequenceModel, compute: &mut Compute) -> Result<Scored> {
        let rows = (STEPS / self.inputs.first().map_or(1, Sequence::len)).max(1);
        let (mut loss, mut right, mut asked) = (0.0, 0, 0);
        for (inputs, targets) in self.inputs.chunks(rows).zip(self.targets.chunks(rows)) {
            let of_batch = Self::targets(targets);
            let (values, mean) = model.predict(compute, &Packed::new(inputs), Some(&of_batch))?;
            loss += f64::from(mean.unwrap_or(f32::NAN)) * inputs.len() as f64;
            match &of_batch {
                Targets::Values(sums) => {
                    asked += sums.len();
                    let found = values.iter().zip(sums).filter(|(value, sum)| (*value - *sum).abs() < FOUND);
                    right += found.count();
                }
                Targets::Classes(symbols) => {
                    let said = values.chunks_exact(COPY_SYMBOLS as usize).map(|row| likeliest(row) as u32);
                    for (said, &symbol) in said.zip(symbols).filter(|(_, symbol)| **symbol < RECALLED) {
                        asked += 1;
                        right += usize::from(said == symbol);
                    }
                }
            }
        }
        Ok(Scored { loss: loss / self.inputs.len() as f64, right: right as f64 / asked as f64 })
    }
}

/// A model that learns one of the problems.
pub struct MemoryLearner {
    problem: Problem,
    model: SequenceModel,
    /// Of each batch.
    lengths: Vec<usize>,
    seed: u32,
    /// Batches drawn.
    drawn: u64,
    validation: Examples,
}

impl MemoryLearner {
    /// The problem that the recipe names.
    pub fn new(recipe: &Recipe) -> Self {
        let (problem, training) = (Problem::of(recipe), &recipe.training);
        Self {
            model: problem.model(recipe, Some(training.seed.into())),
            validation: problem.held_out(VALIDATION),
            lengths: problem.lengths(training.batch, training.curriculum),
            problem,
            seed: training.seed,
            drawn: 0,
        }
    }
}

impl Learner for MemoryLearner {
    fn task(&self) -> Task {
        Task::Memory
    }

    fn describe(&self) -> Description {
        let steps = self.problem.steps();
        let size = |examples: usize| DataSize { examples, units: examples * steps };
        let (unit, maps) = match self.problem {
            Problem::Adding(_) => ("frame", "a number and a mark a frame, one number".to_owned()),
            Problem::Copy(_) => ("symbol", format!("{COPY_SYMBOLS} symbols")),
        };
        Description {
            example: "example",
            unit,
            train: size(PASS as usize),
            validation: size(self.validation.inputs.len()),
            maps: format!("{maps}; {:.4} without memory", self.problem.memoryless()),
            characters: None,
        }
    }

    fn params(&self) -> &Params {
        self.model.params()
    }

    fn params_mut(&mut self) -> &mut Params {
        self.model.params_mut()
    }

    fn progress(&self) -> f64 {
        self.drawn as f64 / PASS.div_ceil(self.lengths.len() as u64) as f64
    }

    fn learn(&mut self, backward: &mut Backward) -> Result<BatchLoss> {
        let examples = self.problem.examples((u64::from(self.seed) << 32) + self.drawn, &self.lengths);
        self.drawn += 1;
        let packed = Packed::new(&examples.inputs);
        let targets = Examples::targets(&examples.targets);
        let loss = self.model.learn(backward, &packed, &targets)?;
        Ok(BatchLoss { loss, units: packed.units() })
    }

    fn validate(&mut self, compute: &mut Compute) -> Result<Validation> {
        let Scored { loss, right } = self.validation.score(&self.model, compute)?;
        Ok(Validation { loss, cost: loss, scores: vec![(self.problem.names()[1], right)] })
    }

    fn position(&self) -> Value {
        json!({ "batch": self.drawn })
    }

    fn resume(&mut self, position: Value, _: &[NamedTensor]) -> Result<()> {
        let number = position["batch"].as_u64();
        let missing = || malformed_position(format!("the position {position} has no number of a batch"));
        self.drawn = number.ok_or_else(missing)?;
        Ok(())
    }
}

/// A model that has learnt one of the problems.
pub struct MemoryModel {
    run: Run,
    problem: Problem,
    model: SequenceModel,
}

impl MemoryModel {
    /// Opens a run.
    pub fn open(run: Run) -> Result<Self> {
        let recipe = run.recipe()?;
        let problem = Problem::of(&recipe);
        let mut model = problem.model(&recipe, None);
        run.load_weights(model.params_mut())?;
        Ok(Self { run, problem, model })
    }

    /// What the model says of a line.
    fn line(&self, compute: &mut Compute, text: &str, path: &Path, line: usize) -> Result<Prediction> {
        let malformed = |reason| malformed_at(path, line, reason);
        match self.problem {
            Problem::Adding(_) => {
                let (input, truth) = marked(text).map_err(malformed)?;
                let packed = Packed::new(&[Sequence::Frames(input)]);
                let (values, _) = self.model.predict(compute, &packed, None)?;
                let sum = values[0];
                Ok(Prediction {
                    text: format!("{sum:.3}  (the sum is {truth:.3})"),
                    json: json!({ "input": text, "sum": sum, "truth": truth }),
                })
            }
            Problem::Copy(delay) => {
                let symbols = symbols(text).map_err(malformed)?;
                let packed = Packed::new(&[Sequence::Tokens(CopyExample::new(symbols, delay).input)]);
                let (values, _) = self.model.predict(compute, &packed, None)?;
                let said: Vec<usize> = values.chunks_exact(COPY_SYMBOLS as usize).map(likeliest).collect();
                let said = &said[said.len() - COPY_REMEMBERED..];
                let right = said.iter().zip(&symbols).filter(|(said, symbol)| **said == **symbol as usize);
                let right = right.count();
                let words: Vec<String> = said.iter().map(usize::to_string).collect();
                Ok(Prediction {
                    text: format!("{}  ({right} of {COPY_REMEMBERED} right)", words.join(" ")),
                    json: json!({ "input": text, "said": said, "right": right }),
                })
            }
        }
    }
}

/// Numbers, two of them marked by a star behind them, and the sum of these.
fn marked(line: &str) -> Result<(Frames, f32), String> {
    let wanted = "numbers are needed, two of them marked, as in 0.3 0.25* 0.9 0.5*";
    let mut values = Vec::new();
    let (mut marks, mut sum) = (0, 0.0);
    for word in line.split_whitespace() {
        let number = word.strip_suffix('*');
        let value: f32 = number
            .unwrap_or(word)
            .parse()
            .ok()
            .filter(|value: &f32| value.is_finite())
            .ok_or_else(|| format!("{word} is no number; {wanted}"))?;
        values.extend([value, f32::from(u8::from(number.is_some()))]);
        if number.is_some() {
            marks += 1;
            sum += value;
        }
    }
    if marks != 2 {
        return Err(format!("{marks} numbers are marked; {wanted}"));
    }
    Ok((Frames { width: 2, values }, sum))
}

/// The symbols to be remembered.
fn symbols(line: &str) -> Result<[u32; COPY_REMEMBERED], String> {
    let wanted = format!("{COPY_REMEMBERED} symbols from 0 to {} are needed", RECALLED - 1);
    let symbol = |word: &str| {
        let known = word.parse().ok().filter(|&symbol: &u32| symbol < RECALLED);
        known.ok_or_else(|| format!("{word} is no symbol; {wanted}"))
    };
    let symbols = line.split_whitespace().map(symbol).collect::<Result<Vec<_>, _>>()?;
    let found = symbols.len();
    symbols.try_into().map_err(|_| format!("there are {found} symbols; {wanted}"))
}

impl Predict for MemoryModel {
    fn predict(
        &self,
        compute: &mut Compute,
        inputs: &[Input],
        _: &PredictOptions,
        each: &mut dyn FnMut(Prediction) -> ControlFlow<()>,
    ) -> Result<()> {
        let mut go_on = ControlFlow::Continue(());
        each_line(inputs, |input, number, line| {
            if go_on.is_continue() {
                go_on = each(self.line(compute, line, input.path(), number)?);
            }
            Ok(())
        })
    }
}

impl Evaluate for MemoryModel {
    fn evaluate(&self, compute: &mut Compute, split: &Split, _: &PredictOptions) -> Result<Evaluation> {
        let examples = match split {
            Split::Validation => self.problem.held_out(VALIDATION),
            Split::Test => self.problem.held_out(TEST),
            Split::Data(..) => {
                let reason = "a problem of memory makes its own examples; leave --data out";
                return Err(malformed_at(self.run.path(), 0, reason));
            }
        };
        let Scored { loss, right } = examples.score(&self.model, compute)?;
        let [of_loss, of_right] = self.problem.names();
        let mut evaluation = Evaluation::new(examples.inputs.len(), "example");
        evaluation.add(of_loss, loss);
        evaluation.add("without memory", self.problem.memoryless());
        evaluation.add(of_right, right);
        Ok(evaluation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_or_refused() {
        let (frames, sum) = marked("0.25 0.5* 1 0.125*").unwrap();
        assert_eq!((frames.values, sum), (vec![0.25, 0.0, 0.5, 1.0, 1.0, 0.0, 0.125, 1.0], 0.625));
        assert!(marked("0.5* 1").unwrap_err().starts_with("1 numbers are marked"));
        assert!(marked("0.5* x 1*").unwrap_err().starts_with("x is no number"));
        assert!(marked("inf* 1*").is_err());
        assert_eq!(symbols("0 1 2 3 4 5 6 7 0 1").unwrap(), [0, 1, 2, 3, 4, 5, 6, 7, 0, 1]);
        assert!(symbols("0 1").unwrap_err().starts_with("there are 2 symbols"));
        assert!(symbols("0 1 2 3 4 5 6 8 0 1").unwrap_err().starts_with("8 is no symbol"));
    }

    #[test]
    fn guessing_costs_what_is_stated() {
        let Targets::Values(sums) =
            Examples::targets(&Problem::Adding(50).examples(1, &[50; 20_000]).targets)
        else {
            panic!("sums are numbers");
        };
        let mean = sums.iter().map(|sum| f64::from(sum - 1.0).powi(2)).sum::<f64>() / sums.len() as f64;
        assert!((mean - Problem::Adding(50).memoryless()).abs() < 0.005, "{mean}");
        assert!((Problem::Copy(1_000).memoryless() - 0.0204).abs() < 1e-4);
    }

    #[test]
    fn a_share_of_a_batch_is_shorter() {
        assert_eq!(Problem::Copy(1_000).lengths(6, 0.5), [1_000, 1_000, 1_000, 178, 32, 6]);
        assert_eq!(Problem::Adding(600).lengths(2, 0.0), [600, 600]);
        assert!(Problem::Adding(3).lengths(40, 1.0).iter().all(|length| (2..=3).contains(length)));
        let Examples { inputs, targets } = Problem::Copy(50).examples(5, &Problem::Copy(50).lengths(9, 0.7));
        let Targets::Classes(targets) = Examples::targets(&targets) else { panic!("symbols are classes") };
        let packed = Packed::new(&inputs);
        let signs = packed.ids.iter().filter(|&&id| id == 9).count();
        assert_eq!((packed.ids.len(), signs), (targets.len(), 9));
    }

    #[test]
    fn targets_lie_as_a_batch_does() {
        let Examples { inputs, targets } = Problem::Copy(3).examples(5, &[3; 4]);
        let packed = Packed::new(&inputs);
        let Targets::Classes(targets) = Examples::targets(&targets) else { panic!("symbols are classes") };
        assert_eq!(packed.ids[..4 * COPY_REMEMBERED], targets[targets.len() - 4 * COPY_REMEMBERED..]);
    }
}
