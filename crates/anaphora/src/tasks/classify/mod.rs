//! Classification: the class of a text, a series, a sound or a picture, or several labels of it.

mod examples;
mod files;
mod interface;
mod predictor;
mod read;
mod steps;

pub use predictor::Classifier;

use anaphora_data::Batches;
use anaphora_nn::Params;
use serde_json::{Value, json};

use self::examples::Examples;
use self::interface::{CLASSES, Interface};
use self::read::{Labelled, labels, read};
use self::steps::Steps;
use super::classes::{class_weights, seen_once};
use super::parts::hold_out;
use crate::model::SequenceModel;
use crate::recipe::{Data, Recipe, RecipeError, Task};
use crate::run::assets::Assets;
use crate::training::{Compute, Description, Learner, Learnt, Validation};
use crate::{Error, Result};

/// A classifier and the examples that it learns.
pub struct Classify {
    model: SequenceModel,
    interface: Interface,
    train: Examples,
    validation: Examples,
    batches: Batches,
}

/// What is learnt, validated on and kept for a test.
pub(crate) struct Parts {
    train: Labelled,
    validation: Labelled,
    test: Labelled,
    /// Whether the validation is data of its own.
    own_validation: bool,
}

impl Parts {
    /// Those that come from the data to learn from.
    fn of_one_reading(&self) -> impl Iterator<Item = &Labelled> + Clone {
        let validation = Some(&self.validation).filter(|_| !self.own_validation);
        [Some(&self.train), validation, Some(&self.test)].into_iter().flatten()
    }
}

/// Reads what the recipe names and shares it out; `known` is what the steps of a trained model are made of.
fn parts(data: &Data, known: Option<&Steps>, notes: &mut dyn FnMut(&str)) -> Result<Parts> {
    let mut all = read(data, None, known)?;
    all.notes.iter().for_each(|note| notes(note));
    let separator = data.label_separator.as_deref();
    let labelled = all.examples.iter().flat_map(|example| {
        let place = (example.path.as_path(), example.line);
        labels(&example.label, separator).into_iter().map(move |label| (label, place))
    });
    seen_once("label", labelled).iter().for_each(|note| notes(note));
    if let Some(pattern) = &data.test_files {
        mark_tests(pattern, &mut all)?;
    }
    let Labelled { examples, steps, .. } = all;
    let shared = super::parts::Parts::share(examples, &hold_out(data), |example| example.test)?;
    let labelled = |examples| Labelled { examples, steps: steps.clone(), notes: Vec::new() };
    let validation = match &data.validation {
        Some(path) => {
            let held_out = read(data, Some(path), Some(&steps))?;
            held_out.notes.iter().for_each(|note| notes(note));
            held_out
        }
        None => labelled(shared.validation),
    };
    Ok(Parts {
        train: labelled(shared.train),
        validation,
        test: labelled(shared.test),
        own_validation: data.validation.is_some(),
    })
}

/// Keeps the examples for a test whose file's name is like the pattern.
fn mark_tests(pattern: &str, all: &mut Labelled) -> Result<()> {
    let conflict = |sentence: String| Error::Recipe(RecipeError::Conflict(sentence));
    let matcher = glob::Pattern::new(pattern).map_err(|error| {
        let sentence = format!("data.test_files is {pattern}, which is no pattern such as *_[0-4].wav");
        conflict(format!("{sentence} ({})", error.msg))
    })?;
    for example in &mut all.examples {
        let name = example.path.file_name().unwrap_or_default().to_string_lossy();
        example.test |= matcher.matches(&name);
    }
    if !all.examples.iter().any(|example| example.test) {
        let name = all.examples[0].path.display();
        return Err(conflict(format!(
            "data.test_files is {pattern}, which is like the name of no file ({name} is the first)"
        )));
    }
    Ok(())
}

impl Classify {
    /// Reads what the recipe names.
    pub fn open(recipe: &Recipe, assets: &mut Assets, notes: &mut dyn FnMut(&str)) -> Result<Self> {
        let Recipe { data, training, .. } = recipe;
        let separator = data.label_separator.as_deref();
        let parts = parts(data, None, notes)?;
        let tokenizer = match parts.train.steps {
            Steps::Text { .. } => Some(assets.tokenizer(|| parts.train.tokenizer(data))?),
            _ => None,
        };
        let tokenizer = tokenizer.as_ref();
        let interface =
            assets.json(CLASSES, || Interface::learn(&parts, tokenizer, separator, &recipe.model))?;
        let Parts { train, validation, .. } = parts;
        let train = interface.examples(tokenizer, train, data.skip_bad, notes)?;
        let validation = interface.examples(tokenizer, validation, data.skip_bad, notes)?;
        let weights =
            class_weights(training.class_weights, train.classes.iter().flatten(), interface.labels.len());
        let objective = interface.objective(training.label_smoothing as f32, weights);
        let (model, shape) = (interface.model(&recipe.model), interface.shape(tokenizer));
        Ok(Self {
            model: SequenceModel::new(&model, shape, objective, Some(training.seed.into())),
            batches: super::batches(train.lengths(), training)?,
            interface,
            train,
            validation,
        })
    }
}

impl Learner for Classify {
    fn task(&self) -> Task {
        Task::Classify
    }

    fn describe(&self) -> Description {
        let Interface { steps, scaler, labels, separator, .. } = &self.interface;
        let reads = match scaler.as_ref().map(|scaler| scaler.mean.len()) {
            Some(1) => format!("one number a {}", steps.unit()),
            Some(width) => format!("{width} numbers a {}", steps.unit()),
            None => format!("{}s", steps.unit()),
        };
        let what = if separator.is_some() {
            format!("any of {} labels", labels.len())
        } else {
            format!("one of {} classes", labels.len())
        };
        Description {
            example: "example",
            unit: steps.unit(),
            train: self.train.extent(),
            validation: self.validation.extent(),
            maps: format!("{reads}, {what}"),
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
        self.batches.progress()
    }

    fn learn(&mut self, compute: &mut Compute, seed: u64, weight: f32) -> Result<Learnt> {
        let batch = self.batches.next_batch();
        let (packed, targets) = self.train.batch(&batch, &self.interface);
        let loss = self.model.learn(compute, &packed, &targets, seed, weight)?;
        Ok(Learnt { loss, units: packed.units() })
    }

    fn validate(&mut self, compute: &mut Compute) -> Result<Validation> {
        Ok(self.validation.score(&mut self.model, compute, &self.interface)?.validation())
    }

    fn position(&self) -> Value {
        json!(self.batches.place())
    }

    fn resume(&mut self, position: Value, _: &[crate::run::weights::NamedTensor]) -> Result<()> {
        super::resume(&mut self.batches, position)
    }
}
