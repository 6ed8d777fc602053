//! Tasks with whole examples: the trait that each implements, and what is built on it: a training, and a trained model that
//! predicts and is scored.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anaphora_nn::Start;
use serde_json::Value;

use super::{
    Evaluate, ExampleModel, Input, Learning, Lesson, Predict, PredictOptions, Prediction, Split, Splits,
    each_batch, hold_out, predict_lines,
};
use crate::metrics::Evaluation;
use crate::model::Compute;
use crate::recipe::{Data, Recipe};
use crate::run::assets::Assets;
use crate::training::{Learner, Opening, Shown};
use crate::{Error, Precision, Result, Run};

/// The source of examples, and how they are read.
pub struct Reading<'a, T> {
    /// A file or folder; for built-in data their name for messages.
    pub path: &'a Path,
    /// The file of labels, if it is a separate one.
    pub target: Option<&'a Path>,
    /// How they are read.
    pub recipe: &'a Recipe,
    /// The input of the trained model that is to read them, if any: they must be of its kind.
    pub known: Option<&'a T>,
    /// Receives a sentence for each skipped item.
    pub notes: &'a mut dyn FnMut(&str),
}

impl<T> Reading<'_, T> {
    /// How data are read.
    pub fn data(&self) -> &Data {
        &self.recipe.data
    }

    /// Notes what is to be known of how data were read, and what was left out.
    pub fn noted(&mut self, known: &[String], skipped: &[impl std::fmt::Display]) {
        known.iter().for_each(|note| (self.notes)(note));
        skipped.iter().for_each(|skipped| (self.notes)(&format!("{skipped} (skipped)")));
    }
}

/// A task that reads whole examples. `Self` encodes examples as numbers and decodes outputs; the run folder keeps it.
pub trait ExampleTask: Lesson + Send + Sync + Sized {
    /// An example as it is read.
    type Example;

    /// The data that are made by rule, where the recipe names no file.
    fn built_in(data: &Data) -> Result<Splits<Self::Example>>;

    /// Reads examples.
    fn read(from: &mut Reading<Self>) -> Result<Vec<Self::Example>>;

    /// Reads the data to learn from, and splits them.
    fn read_splits(from: &mut Reading<Self>) -> Result<Splits<Self::Example>> {
        Ok(Splits::of(Self::read(from)?, &hold_out(from.data()), |_| false)?)
    }

    /// The part kept in the run folder: made from the splits for a new run; else read, without looking at the splits.
    fn open(recipe: &Recipe, assets: &mut Assets, splits: &Splits<Self::Example>) -> Result<Self>;

    /// An example as a person sees it.
    fn show(&self, example: &Self::Example) -> Result<Shown>;

    /// Encoded examples.
    fn encode(&self, examples: Vec<Self::Example>, from: &mut Reading<Self>) -> Result<Self::Encoded>;

    /// Examples to learn from as numbers: some may be left out that are scored all the same.
    fn encode_to_learn(
        &self,
        examples: Vec<Self::Example>,
        from: &mut Reading<Self>,
    ) -> Result<Self::Encoded> {
        self.encode(examples, from)
    }

    /// What is to be said of a simpler model on the examples that are validated on, where there is one.
    fn baseline(&self, _validation: &Self::Encoded) -> Result<Option<String>> {
        Ok(None)
    }

    /// A model that begins with such weights, to learn from examples where there are some.
    fn model(&self, recipe: &Recipe, start: Start, train: Option<&Self::Encoded>) -> Self::Model;

    /// Scores a model on some examples, one at least.
    fn evaluate(&self, on: &mut Using<Self>, examples: Vec<Self::Example>) -> Result<Evaluation>;
}

/// A task of whole examples with models that predict from input.
pub trait PredictTask: ExampleTask {
    /// Whether it writes sequences, and so reads search options.
    const SEARCHES: bool = false;

    /// The separator of two predictions in text.
    const SEPARATOR: &str = "\n";

    /// The names of what is said of an input.
    fn outputs(&self) -> &[String] {
        &[]
    }

    /// Whether a file is read line by line, so that each line is an input.
    fn reads_lines(&self, path: &Path) -> Result<bool>;

    /// The object that is said of an empty line.
    fn nothing(&self, text: &str) -> Value;

    /// Predicts from inputs: of lines as many predictions as there are.
    fn predict(&self, with: &mut Using<Self>, inputs: &[Input]) -> Result<Vec<Prediction>>;
}

/// A trained model in use.
pub struct Using<'a, T: Lesson> {
    /// The model.
    pub model: &'a T::Model,
    /// The device and workspace.
    pub compute: &'a mut Compute,
    /// What it reads.
    pub from: Reading<'a, T>,
    /// Options of the prediction.
    pub options: &'a PredictOptions,
}

/// What messages call the data that a recipe learns from.
pub fn name(data: &Data) -> PathBuf {
    match (&data.train, data.builtin) {
        (Some(path), _) => path.clone(),
        (None, Some(builtin)) => format!("the built-in {builtin}").into(),
        (None, None) => PathBuf::new(),
    }
}

/// Says what a file of text is read as, where it is not UTF-8. Sounds and pictures are no text, and lie in folders.
pub fn note_encoding(path: &Path, data: &Data, notes: &mut dyn FnMut(&str)) -> Result<()> {
    if let Some(note) = data.encoding.note(path)? {
        notes(&note);
    }
    Ok(())
}

/// Reads what the recipe names and splits it.
pub fn splits<T: ExampleTask>(
    recipe: &Recipe,
    known: Option<&T>,
    notes: &mut dyn FnMut(&str),
) -> Result<Splits<T::Example>> {
    let data = &recipe.data;
    for path in [&data.train, &data.target, &data.validation, &data.validation_target].into_iter().flatten() {
        note_encoding(path, data, notes)?;
    }
    let mut splits = match &data.train {
        Some(path) => {
            T::read_splits(&mut Reading { path, target: data.target.as_deref(), recipe, known, notes })?
        }
        None => T::built_in(data)?,
    };
    if let Some(path) = &data.validation {
        let target = data.validation_target.as_deref();
        splits.validation = T::read(&mut Reading { path, target, recipe, known, notes })?;
        splits.own_validation = true;
    }
    Ok(splits)
}

/// Reads what the recipe names, and makes the model that is to learn it.
pub fn learner<T: ExampleTask + 'static>(opening: &mut Opening) -> Result<Box<dyn Learner>> {
    let recipe = opening.recipe;
    let splits = splits::<T>(recipe, None, &mut |note| opening.note(note))?;
    let task = T::open(recipe, opening.assets, &splits)?;
    opening.show(&splits.train, |example| task.show(example))?;
    let path = name(&recipe.data);
    let notes = &mut |note: &str| opening.note(note);
    let mut from = Reading { path: &path, target: None, recipe, known: Some(&task), notes };
    let train = task.encode_to_learn(splits.train, &mut from)?;
    from.path = recipe.data.validation.as_ref().unwrap_or(&path);
    let validation = task.encode(splits.validation, &mut from)?;
    if let Some(note) = task.baseline(&validation)? {
        opening.note(&note);
    }
    let model = opening.model(|start| task.model(recipe, start, Some(&train)))?;
    Ok(Box::new(Learning::new(task, model, [train, validation], &recipe.training)?))
}

/// A trained model of such a task.
pub struct TrainedTask<T: ExampleTask> {
    run: Run,
    recipe: Recipe,
    task: T,
    model: T::Model,
}

/// Opens a run of such a task to predict in a precision.
pub fn trained<T: ExampleTask>(run: Run, precision: Precision) -> Result<TrainedTask<T>> {
    let recipe = run.recipe()?;
    let task = T::open(&recipe, &mut Assets::of(run.path()), &Splits::default())?;
    let mut model = task.model(&recipe, Start::zeros(), None);
    run.load_weights(model.params_mut(), Some(precision))?;
    Ok(TrainedTask { run, recipe, task, model })
}

impl<T: ExampleTask> TrainedTask<T> {
    /// Encodes examples as numbers and decodes outputs.
    pub fn task(&self) -> &T {
        &self.task
    }

    /// The model.
    pub fn model(&self) -> &T::Model {
        &self.model
    }
}

impl<T: ExampleTask> Evaluate for TrainedTask<T> {
    fn evaluate(&self, compute: &mut Compute, split: &Split, options: &PredictOptions) -> Result<Evaluation> {
        let (mut recipe, mut notes) = (self.recipe.clone(), Vec::new());
        let known = Some(&self.task);
        if !matches!(split, Split::Data(..)) {
            recipe.data = self.run.data(&recipe.data)?;
        }
        let (learnt, target) = (name(&recipe.data), None);
        let path = match (split, &recipe.data.validation) {
            (Split::Data(path, _), _) | (Split::Validation, Some(path)) => path,
            _ => &learnt,
        };
        let mut note = |note: &str| notes.push(note.to_owned());
        let examples = match split {
            Split::Data(path, target) => {
                for path in [Some(path), target.as_ref()].into_iter().flatten() {
                    note_encoding(path, &recipe.data, &mut note)?;
                }
                let (target, notes) = (target.as_deref(), &mut note);
                T::read(&mut Reading { path, target, recipe: &recipe, known, notes })?
            }
            Split::Validation => splits(&recipe, known, &mut |_| {})?.validation,
            Split::Test => splits(&recipe, known, &mut |_| {})?.test,
        };
        if examples.is_empty() {
            return Err(Error::NoExamples(self.run.path().to_owned()));
        }
        let from = Reading { path, target, recipe: &recipe, known, notes: &mut note };
        let mut using = Using { model: &self.model, compute, from, options };
        let mut evaluation = self.task.evaluate(&mut using, examples)?;
        if evaluation.examples == 0 {
            return Err(Error::NoExamples(self.run.path().to_owned()));
        }
        evaluation.notes = notes;
        Ok(evaluation)
    }
}

impl<T: PredictTask> Predict for TrainedTask<T> {
    fn predict(
        &self,
        compute: &mut Compute,
        inputs: &[Input],
        options: &PredictOptions,
        each: &mut dyn FnMut(Prediction) -> ControlFlow<()>,
    ) -> Result<()> {
        let (path, known, notes) = (self.run.path(), Some(&self.task), &mut |_: &str| {});
        let from = Reading { path, target: None, recipe: &self.recipe, known, notes };
        let mut using = Using { model: &self.model, compute, from, options };
        each_batch(
            inputs,
            |path| self.task.reads_lines(path),
            |(inputs, notes)| {
                let mut notes = Some(notes).filter(|notes| !notes.is_empty());
                let each = &mut |prediction: Prediction| {
                    let of_file = notes.take().unwrap_or_default();
                    each(prediction.noted(of_file))
                };
                match inputs {
                    [Input::Line { .. }, ..] => {
                        let predict = &mut |inputs: &[Input]| self.task.predict(&mut using, inputs);
                        predict_lines(inputs, &|text| self.task.nothing(text), predict, each)
                    }
                    _ => Ok(self.task.predict(&mut using, inputs)?.into_iter().try_for_each(each)),
                }
            },
        )
    }

    fn reads_lines(&self, path: &Path) -> Result<bool> {
        self.task.reads_lines(path)
    }

    fn outputs(&self) -> &[String] {
        self.task.outputs()
    }

    fn separator(&self) -> &'static str {
        T::SEPARATOR
    }

    fn searches(&self) -> bool {
        T::SEARCHES
    }
}
