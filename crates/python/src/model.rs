//! Trained models.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anaphora::Precision;
use anaphora::model::Compute;
use anaphora::run::Names;
use anaphora::tasks::{self, Input, Opened, Predict, SearchAsked, Split};
use anaphora::{Device, Error, Result, Run, training};
use pyo3::prelude::*;
use serde_json::{Value, json};

use crate::value::to_python;
use crate::work::{work, work_on, wrong_call};

/// A model, shared by all threads that use it.
#[pyclass(frozen, module = "anaphora._anaphora")]
pub struct Model(pub Arc<Trained>);

/// A run that is opened, and what is computed on.
pub struct Trained {
    pub path: PathBuf,
    pub opened: Opened,
    threads: usize,
    precision: anaphora::Precision,
    idle: Mutex<Idle>,
}

/// What nobody computes on now, of one process: threads do not outlive a fork.
struct Idle {
    process: u32,
    computes: Vec<Compute>,
}

/// An input: whether it is a file, the path or the text, and of a text that stands in a list its number, from 1.
type Given = (bool, PathBuf, Option<usize>);

/// What is asked of a search: beams, length penalty, n best, no repeated n-gram, whether unknown words are replaced.
type Searching = (Option<usize>, Option<f64>, Option<usize>, Option<usize>, bool);

/// The tokens of a text: numbers, names, log-probabilities.
type Chosen = (Vec<u32>, Vec<String>, Vec<f64>);

/// Computes that are kept while nobody uses them, at most: each has threads of its own.
const KEPT: usize = 8;

impl Trained {
    /// Does something on a compute of its own.
    pub fn with<T>(&self, work: impl FnOnce(&mut Compute) -> Result<T>) -> Result<T> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let before = {
            let mut idle = idle();
            if idle.process != std::process::id() {
                // Nobody answers there who could be waited for.
                std::mem::take(&mut idle.computes).into_iter().for_each(std::mem::forget);
                idle.process = std::process::id();
            }
            idle.computes.pop()
        };
        let mut compute = before.unwrap_or_else(|| Compute::new(Device::new(self.threads, self.precision)));
        let done = work(&mut compute)?;
        let mut idle = idle();
        if idle.computes.len() < KEPT {
            idle.computes.push(compute);
        }
        Ok(done)
    }
}

#[pymethods]
impl Model {
    /// Opens a run.
    #[new]
    fn new(
        py: Python,
        run: PathBuf,
        threads: usize,
        precision: Option<&str>,
        note: Py<PyAny>,
    ) -> PyResult<Self> {
        let numbers = match precision {
            None => None,
            Some("auto") => Some(Precision::auto()),
            Some("f32") => Some(Precision::F32),
            Some("bf16") => Some(Precision::Bf16),
            Some("int8") => Some(Precision::Int8),
            Some(other) => {
                let sentence = format!("precision is '{other}'; it takes 'auto', 'f32', 'bf16' or 'int8'");
                return Err(wrong_call(py, sentence));
            }
        };
        let (trained, noted) = work(py, |_| {
            let (device, noted) = training::device(&Run::open(&run)?, threads, numbers)?;
            let opened = tasks::open(&run, device.precision())?;
            let (threads, precision) = (device.threads(), device.precision());
            let idle = Idle { process: std::process::id(), computes: vec![Compute::new(device)] };
            Ok((Trained { path: run, opened, threads, precision, idle: Mutex::new(idle) }, noted))
        })?;
        if let Some(noted) = noted {
            note.call1(py, (noted,))?;
        }
        Ok(Self(Arc::new(trained)))
    }

    /// The names of what is said of an input, in order; none of a model that says something else.
    fn outputs(&self) -> Vec<String> {
        match &self.0.opened {
            Opened::Predicts(model) => model.outputs().to_vec(),
            _ => Vec::new(),
        }
    }

    /// Whether a text is an input, and not the path of one.
    fn reads_text(&self, py: Python) -> PyResult<bool> {
        let trained = &*self.0;
        work(py, |_| predicts(trained)?.reads_lines("a text".as_ref()))
    }

    /// Whether it predicts without an input, from where its training data end.
    fn continues(&self, py: Python) -> PyResult<bool> {
        let trained = &*self.0;
        work(py, |_| Ok(predicts(trained)?.continues_training_data()))
    }

    /// The predictions from inputs, an object each; `names` are what the caller knows files by, `lines` the name of a list.
    fn predict<'py>(
        &self,
        py: Python<'py>,
        inputs: Vec<Given>,
        names: Vec<(PathBuf, String)>,
        lines: PathBuf,
        search: Searching,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let trained = &*self.0;
        let names = known(names);
        let made = work_on(py, &names, |caller| {
            let model = predicts(trained)?;
            let options = searching(search).options(model.searches())?;
            let inputs = inputs.into_iter().map(|(is_file, path, number)| match number {
                _ if is_file => Input::File(path),
                Some(number) => {
                    Input::Line { path: lines.clone(), number, text: path.to_string_lossy().into_owned() }
                }
                None => Input::Text(path.to_string_lossy().into_owned()),
            });
            let (inputs, mut all) = (inputs.collect::<Vec<_>>(), Vec::new());
            trained.with(|compute| {
                model.predict(compute, &inputs, &options, &mut |prediction| {
                    let mut json = prediction.json;
                    if let Value::Object(object) = &mut json {
                        object.entry("text").or_insert_with(|| prediction.text.into());
                    }
                    names.rename(&mut json);
                    all.push(json);
                    caller.flow()
                })
            })?;
            Ok(all)
        })?;
        made.iter().map(|json| to_python(py, json)).collect()
    }

    /// How likely each token of texts is behind those before it: of each text the tokens' numbers, names and log-probabilities.
    fn choices(&self, py: Python, texts: Vec<String>, ended: bool) -> PyResult<Vec<Chosen>> {
        let trained = &*self.0;
        work(py, |_| {
            let model = writes(trained)?;
            let name = |token: u32| model.tokenizer.name(token).unwrap_or_default();
            let score = |text: &String| {
                let choices = trained.with(|compute| model.choices(compute, text, ended, 0))?;
                let tokens: Vec<u32> = choices.iter().map(|choice| choice.token).collect();
                let names = tokens.iter().map(|&token| name(token)).collect();
                Ok((tokens, names, choices.iter().map(|choice| choice.log_probability).collect()))
            };
            texts.iter().map(score).collect()
        })
    }

    /// Scores the model: on what the training held out, on what it kept for a test where `test`, or on data and the file of their truths.
    fn evaluate<'py>(
        &self,
        py: Python<'py>,
        data: Option<(PathBuf, Option<PathBuf>)>,
        names: Vec<(PathBuf, String)>,
        test: bool,
        search: Searching,
    ) -> PyResult<Bound<'py, PyAny>> {
        let trained = &*self.0;
        let names = known(names);
        let score = work_on(py, &names, |_| {
            let split = match data {
                Some((path, truths)) => Split::Data(path, truths),
                None if test => Split::Test,
                None => Split::Validation,
            };
            let mut score = match (&trained.opened, split) {
                (Opened::Writes(_), Split::Test) => {
                    return Err(Error::NoExamples(trained.path.clone()));
                }
                (Opened::Writes(model), split) => {
                    let path = if let Split::Data(path, _) = &split { Some(path.as_path()) } else { None };
                    json!(trained.with(|compute| model.evaluate(path, compute))?)
                }
                (opened, split) => {
                    let searches = matches!(opened, Opened::Predicts(model) if model.searches());
                    let options = searching(search).options(searches)?;
                    let model = opened.evaluate(&trained.path)?;
                    trained.with(|compute| model.evaluate(compute, &split, &options))?.to_json()
                }
            };
            names.rename(&mut score);
            Ok(score)
        })?;
        to_python(py, &score)
    }
}

/// The model, where it predicts.
fn predicts(trained: &Trained) -> Result<&dyn Predict> {
    trained.opened.predict(&trained.path)
}

/// The model, where it continues texts.
pub fn writes(trained: &Trained) -> Result<&tasks::language::Trained> {
    match &trained.opened {
        Opened::Writes(model) => Ok(model),
        _ => {
            let task = Run::open(&trained.path)?.info().task;
            Err(Error::Predicts { path: trained.path.clone(), task })
        }
    }
}

fn searching((beams, length_penalty, n_best, no_repeat_ngram, replace_unknown): Searching) -> SearchAsked {
    SearchAsked { beams, length_penalty, n_best, no_repeat_ngram, replace_unknown }
}

/// What the caller knows files by.
pub fn known(all: Vec<(PathBuf, String)>) -> Names {
    let mut names = Names::new();
    all.iter().for_each(|(path, name)| names.add(path, name));
    names
}
