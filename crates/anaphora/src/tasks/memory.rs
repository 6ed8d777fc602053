//! Problems that test memory alone: adding two marked numbers, and copying symbols.
//!
//! `training.length` is how far back there is something to remember. Examples are made as they are learnt, so that none is
//! learnt twice.

use std::ops::ControlFlow;
use std::path::Path;

use anaphora_data::builtin::{
    COPY_RECALLED, COPY_REMEMBERED, COPY_SYMBOLS, CopyExample, Problem, marked_numbers, remembered_symbols,
};
use anaphora_data::{Frames, Packed, Sequence};
use anaphora_nn::{Params, Start};
use serde_json::{Value, json};

use super::shared::{
    Evaluate, Input, Looked, Names, Predict, PredictOptions, Prediction, Split, Subject, each_batch, look,
    malformed_at, malformed_position, predict_lines,
};
use crate::inspect::{Curves, Cut, Inspection, Original, Request, Says, Source, Times};
use crate::metrics::Evaluation;
use crate::model::{Backward, Compute, Objective, Reads, SequenceModel, Shape, Targets, likeliest};
use crate::recipe::{self, Builtin, Recipe, Task};
use crate::run::weights::NamedTensor;
use crate::training::{BatchLoss, DataSize, Description, Learner, Opening, Shown, Validation};
use crate::{Precision, Result, Run};

/// Examples are made without end; so many are called a pass.
const PASS: u64 = 10_000;

/// Steps that are scored at once.
const STEPS: usize = 40_000;

/// An error below which a sum counts as found (Hochreiter, Schmidhuber 1997).
const FOUND: f32 = 0.04;

/// Where examples are drawn from that are never learnt: a training's seed has 32 bits, and so has the number of its batch.
const VALIDATION: u64 = u64::MAX;
const TEST: u64 = u64::MAX - 1;

/// Examples as a model reads them, and what is true of them; all are equally long.
type Examples = (Vec<Sequence>, Vec<Sequence>);

/// Scores of a model on a problem.
struct Scored {
    /// Squared error, or cross-entropy in nats a step.
    loss: f64,
    /// Share of the sums, or of the symbols to be recalled, that are right.
    right: f64,
}

/// The problem that the recipe names.
fn problem(recipe: &Recipe) -> Problem {
    match recipe.data.builtin {
        Some(Builtin::Copy) => Problem::Copy(recipe.training.length),
        _ => Problem::Adding(recipe.training.length),
    }
}

fn model(problem: Problem, recipe: &Recipe, start: Start) -> SequenceModel {
    // What is to be remembered must lie in reach.
    let steps = problem.steps();
    let chrono = recipe.model.chrono.or((steps >= 2).then_some(steps));
    let model = recipe::Model { context: Some(steps), chrono, ..recipe.model.clone() };
    let (shape, objective) = match problem {
        Problem::Adding(_) => (
            Shape { reads: Reads::Frames(2), outputs: 1, each_step: false, causal: false },
            Objective::Squared,
        ),
        Problem::Copy(_) => {
            let symbols = COPY_SYMBOLS as usize;
            let shape =
                Shape { reads: Reads::Tokens(symbols), outputs: symbols, each_step: true, causal: true };
            (shape, Objective::Classes { label_smoothing: 0.0, weights: None })
        }
    };
    SequenceModel::new(&model, shape, objective, start)
}

/// Examples to score a model on: fewer of those with a target a step.
fn held_out(problem: Problem, seed: u64) -> Examples {
    match problem {
        Problem::Adding(length) => problem.examples(seed, &[length; 500]),
        Problem::Copy(delay) => problem.examples(seed, &[delay; 100]),
    }
}

/// The names of the loss and of the share that is right.
fn names(problem: Problem) -> [&'static str; 2] {
    match problem {
        Problem::Adding(_) => ["mean_squared_error", "sums_found"],
        Problem::Copy(_) => ["nats_a_step", "symbols_recalled"],
    }
}

/// What is true of examples, step by step as a batch has them.
fn targets(problem: Problem, targets: &[Sequence]) -> Targets {
    let packed = Packed::new(targets);
    match problem {
        Problem::Adding(_) => Targets::Values(packed.values),
        Problem::Copy(_) => Targets::Classes(packed.ids),
    }
}

fn score(
    problem: Problem,
    (inputs, truths): &Examples,
    model: &SequenceModel,
    compute: &mut Compute,
) -> Result<Scored> {
    let rows = (STEPS / problem.steps()).max(1);
    let (mut loss, mut right, mut asked) = (0.0, 0, 0);
    for (inputs, truths) in inputs.chunks(rows).zip(truths.chunks(rows)) {
        let of_batch = targets(problem, truths);
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
                for (said, &symbol) in said.zip(symbols).filter(|(_, symbol)| **symbol < COPY_RECALLED) {
                    asked += 1;
                    right += usize::from(said == symbol);
                }
            }
        }
    }
    Ok(Scored { loss: loss / inputs.len() as f64, right: right as f64 / asked as f64 })
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

/// An example as a person sees it.
fn shown(problem: Problem, seed: u64) -> Shown {
    let spaced = |words: Vec<String>| words.join(" ");
    let (inputs, truths) = match problem {
        Problem::Adding(length) => problem.examples(seed, &[length]),
        Problem::Copy(delay) => problem.examples(seed, &[delay]),
    };
    let (inputs, truths) = (Packed::new(&inputs), Packed::new(&truths));
    let (text, label) = match problem {
        Problem::Adding(_) => {
            let number = |frame: &[f32]| format!("{:.2}{}", frame[0], if frame[1] > 0.5 { "*" } else { "" });
            (inputs.values.chunks_exact(2).map(number).collect(), format!("{:.2}", truths.values[0]))
        }
        Problem::Copy(_) => {
            let recalled = truths.ids.iter().filter(|symbol| **symbol < COPY_RECALLED);
            let recalled = recalled.map(ToString::to_string).collect();
            (inputs.ids.iter().map(ToString::to_string).collect(), spaced(recalled))
        }
    };
    Shown { text: spaced(text), label: Some(label), picture: None }
}

/// Makes the model that is to learn the problem that the recipe names.
pub fn learner(opening: &mut Opening) -> Result<Box<dyn Learner>> {
    let recipe = opening.recipe;
    let (problem, training) = (problem(recipe), &recipe.training);
    opening.show(&[0, 1, 2], |&seed| Ok(shown(problem, seed)))?;
    Ok(Box::new(MemoryLearner {
        model: opening.model(|start| model(problem, recipe, start))?,
        validation: held_out(problem, VALIDATION),
        lengths: problem.lengths(training.batch, training.curriculum),
        problem,
        seed: training.seed,
        drawn: 0,
    }))
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
            validation: size(self.validation.0.len()),
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
        let seed = (u64::from(self.seed) << 32) + self.drawn;
        let (inputs, truths) = self.problem.examples(seed, &self.lengths);
        self.drawn += 1;
        let packed = Packed::new(&inputs);
        let loss = self.model.learn(backward, &packed, &targets(self.problem, &truths))?;
        Ok(BatchLoss { loss, units: packed.units() })
    }

    fn validate(&mut self, compute: &mut Compute) -> Result<Validation> {
        let Scored { loss, right } = score(self.problem, &self.validation, &self.model, compute)?;
        Ok(Validation::by_loss(loss, vec![(names(self.problem)[1], right)]))
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
    /// Opens a run to predict in a precision.
    pub fn open(run: Run, precision: Precision) -> Result<Self> {
        let recipe = run.recipe()?;
        let problem = problem(&recipe);
        let mut model = model(problem, &recipe, Start::zeros());
        run.load_weights(model.params_mut(), Some(precision))?;
        Ok(Self { run, problem, model })
    }

    /// Looks into the model of a run while it reads an example of the problem, or the question that is asked.
    pub fn inspect(run: Run, compute: &mut Compute, request: &Request) -> Result<Inspection> {
        let recipe = run.recipe()?;
        let problem = problem(&recipe);
        let mut own = model(problem, &recipe, Start::zeros());
        run.load_weights(own.params_mut(), None)?;
        let known = Self { run, problem, model: own };
        let examples = held_out(problem, VALIDATION);
        let (input, truth) = match &request.source {
            Source::HeldOut => {
                let count = examples.0.len();
                let index = request.index.min(count - 1);
                (examples.0[index].clone(), Some(targets(problem, &examples.1[index..=index])))
            }
            Source::Text(text) => match known.question(text.trim(), Path::new("the text given"), 0)? {
                Question::Sum(input, _) => (Sequence::Frames(input), None),
                Question::Symbols(symbols, delay) => {
                    (Sequence::Tokens(CopyExample::new(symbols, delay).input), None)
                }
            },
            Source::File(path, _) => {
                let reason =
                    "a problem of memory makes its own examples and reads no file; give a text, or nothing";
                return Err(malformed_at(path, 0, reason));
            }
        };
        let names = match problem {
            Problem::Adding(_) => Names {
                outputs: vec!["sum".into()],
                symbols: None,
                says: Says::PLAIN,
                unit: "frame",
                is_each_step: false,
            },
            Problem::Copy(_) => {
                let symbols: Vec<String> = (0..COPY_SYMBOLS).map(|symbol| symbol.to_string()).collect();
                Names {
                    outputs: symbols.clone(),
                    symbols: Some(symbols),
                    says: Says::Classes,
                    unit: "symbol",
                    is_each_step: true,
                }
            }
        };
        let count = examples.0.len().min((STEPS / problem.steps()).clamp(1, 64));
        let others = Some((Packed::new(&examples.0[..count]), targets(problem, &examples.1[..count])));
        let fresh = &|| model(problem, &recipe, u64::from(recipe.training.seed).into());
        let original = match &input {
            Sequence::Frames(frames) => Some(Original::Curves(Curves {
                what: "numbers, and 1 where one is marked".into(),
                channels: ["number", "marked"].map(String::from).to_vec(),
                values: frames.values.clone(),
                times: Times::Even { unit: "steps", apart: 1.0 },
                cut: Cut::every(1),
            })),
            Sequence::Tokens(_) => None,
        };
        let (run, model) = (&known.run, &known.model);
        let sounding = Vec::new();
        let subject = Subject { run, recipe: &recipe, model, fresh, names, original, sounding };
        let looked = Looked { batch: Packed::new([&input]), steps: None, text: None, notes: Vec::new() };
        let mut inspection = Inspection::default();
        look(&mut inspection, subject, compute, request, (looked, truth), others)?;
        Ok(inspection)
    }

    /// What a line asks.
    fn question(&self, text: &str, path: &Path, line: usize) -> Result<Question> {
        match self.problem {
            Problem::Adding(_) => marked_numbers(text).map(|(input, sum)| Question::Sum(input, sum)),
            Problem::Copy(delay) => remembered_symbols(text).map(|symbols| Question::Symbols(symbols, delay)),
        }
        .map_err(|reason| malformed_at(path, line, reason))
    }

    /// What the model answers to the question of a line.
    fn answer(&self, compute: &mut Compute, text: &str, question: Question) -> Result<Prediction> {
        match question {
            Question::Sum(input, truth) => {
                let packed = Packed::new(&[Sequence::Frames(input)]);
                let (values, _) = self.model.predict(compute, &packed, None)?;
                let sum = values[0];
                let json = json!({ "input": text, "sum": sum, "truth": truth });
                Ok(Prediction::new(format!("{sum:.3}  (the sum is {truth:.3})"), json))
            }
            Question::Symbols(symbols, delay) => {
                let example = CopyExample::new(symbols, delay);
                let packed = Packed::new(&[Sequence::Tokens(example.input)]);
                let (values, _) = self.model.predict(compute, &packed, None)?;
                let said: Vec<usize> = values.chunks_exact(COPY_SYMBOLS as usize).map(likeliest).collect();
                let said = &said[said.len() - COPY_REMEMBERED..];
                let right = said.iter().zip(&symbols).filter(|(said, symbol)| **said == **symbol as usize);
                let right = right.count();
                let words: Vec<String> = said.iter().map(usize::to_string).collect();
                let json = json!({ "input": text, "said": said, "right": right });
                let said = words.join(" ");
                Ok(Prediction::new(format!("{said}  ({right} of {COPY_REMEMBERED} right)"), json))
            }
        }
    }
}

/// What a line asks a model of.
enum Question {
    /// The sum of the marked numbers, and what it is.
    Sum(Frames, f32),
    /// These symbols, after so many steps.
    Symbols([u32; COPY_REMEMBERED], usize),
}

impl Predict for MemoryModel {
    fn predict(
        &self,
        compute: &mut Compute,
        inputs: &[Input],
        _: &PredictOptions,
        each: &mut dyn FnMut(Prediction) -> ControlFlow<()>,
    ) -> Result<()> {
        let mut answer = |inputs: &[Input]| -> Result<Vec<Prediction>> {
            let answer = |input: &Input| {
                let text = input.text().unwrap_or_default().trim();
                let question = self.question(text, input.path(), input.line())?;
                self.answer(compute, text, question)
            };
            inputs.iter().map(answer).collect()
        };
        let nothing = |text: &str| match self.problem {
            Problem::Adding(_) => json!({ "input": text, "sum": null, "truth": null }),
            Problem::Copy(_) => json!({ "input": text, "said": null, "right": null }),
        };
        each_batch(
            inputs,
            |path| self.reads_lines(path),
            |(inputs, _)| match inputs {
                [Input::Line { .. }, ..] => predict_lines(inputs, &nothing, &mut answer, each),
                _ => Ok(answer(inputs)?.into_iter().try_for_each(&mut *each)),
            },
        )
    }

    fn reads_lines(&self, _: &Path) -> Result<bool> {
        Ok(true)
    }
}

impl Evaluate for MemoryModel {
    fn evaluate(&self, compute: &mut Compute, split: &Split, _: &PredictOptions) -> Result<Evaluation> {
        let examples = match split {
            Split::Validation => held_out(self.problem, VALIDATION),
            Split::Test => held_out(self.problem, TEST),
            Split::Data(..) => {
                let reason = "a problem of memory makes its own examples and reads no file; name none";
                return Err(malformed_at(self.run.path(), 0, reason));
            }
        };
        let Scored { loss, right } = score(self.problem, &examples, &self.model, compute)?;
        let [of_loss, of_right] = names(self.problem);
        let mut evaluation = Evaluation::new(examples.0.len(), "example");
        evaluation.add(of_loss, loss);
        evaluation.add("without_memory", self.problem.memoryless());
        evaluation.add(of_right, right);
        Ok(evaluation)
    }
}
