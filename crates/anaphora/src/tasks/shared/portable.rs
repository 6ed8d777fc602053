//! Trained models for other programs: the weights, and what must be known to read with them and to understand what they say.

use std::fs;

use anaphora_data::Scaler;
use anaphora_data::examples::Steps;
use anaphora_data::frames::PictureSteps;
use anaphora_nn::{Params, Start};

use super::{InspectTask, Names, Splits};
use crate::inspect::Says;
use crate::model::forecast::Interface;
use crate::model::{EncoderDecoder, LanguageModel, Linear, SequenceModel};
use crate::recipe::Recipe;
use crate::run::assets::Assets;
use crate::{Error, Result, Run};

/// A run's model with its weights as they are, and what belongs to it.
pub struct Portable {
    /// The run.
    pub run: Run,
    /// How the model was trained.
    pub recipe: Recipe,
    /// The model.
    pub model: AnyModel,
    /// How what is read becomes numbers.
    pub(crate) prepares: Prepares,
    /// How outputs become what they say; none of a model that writes.
    pub says: Option<Says>,
    /// What the columns of the output are called; none where they are the symbols of a tokenizer.
    pub outputs: Option<Vec<String>>,
    /// The symbol that ends what is read or written, where there is one.
    pub end: Option<u32>,
    /// The run's files of tokenizers and of what the model reads: what each is, and its content.
    pub files: Vec<(&'static str, String)>,
}

/// A model of any shape.
pub enum AnyModel {
    /// It goes on with a sequence of symbols.
    Language(Box<LanguageModel>),
    /// It says something of a sequence, or of each of its steps.
    Sequence(Box<SequenceModel>),
    /// It reads one sequence and writes another.
    Pairs(Box<EncoderDecoder>),
}

impl AnyModel {
    /// The weights.
    pub fn params(&self) -> &Params {
        match self {
            Self::Language(model) => model.params(),
            Self::Sequence(model) => model.params(),
            Self::Pairs(model) => model.params(),
        }
    }

    fn params_mut(&mut self) -> &mut Params {
        match self {
            Self::Language(model) => model.params_mut(),
            Self::Sequence(model) => model.params_mut(),
            Self::Pairs(model) => model.params_mut(),
        }
    }
}

/// How what is read becomes the numbers of a model.
pub(crate) enum Prepares {
    /// It is them.
    Plain,
    /// It is them, and what a linear map says of the text's n-grams is added to what the model says.
    Ngrams(Box<Linear>),
    /// Rows of numbers, sounds or pictures: cut into frames, and scaled.
    Steps(Steps, Scaler),
    /// Windows of series.
    Series(Box<Interface>),
}

impl Prepares {
    /// Of pictures alone.
    pub fn pictures(steps: PictureSteps, scaler: Scaler) -> Self {
        Self::Steps(Steps::Picture(steps), scaler)
    }
}

impl Portable {
    /// A run's model, whose weights are still to be read, and its `files` as [`Portable::of`] takes them.
    pub(in crate::tasks) fn read(
        run: Run,
        recipe: Recipe,
        mut model: AnyModel,
        files: &[(&'static str, &str)],
    ) -> Result<Self> {
        run.load_weights(model.params_mut(), None)?;
        Self::of(run, recipe, model, files)
    }

    /// A run's model, and those of `files` that the run has: what each is, and its name in the folder.
    pub(in crate::tasks) fn of(
        run: Run,
        recipe: Recipe,
        model: AnyModel,
        files: &[(&'static str, &str)],
    ) -> Result<Self> {
        let mut found = Vec::new();
        for &(what, name) in files {
            let path = run.path().join(name);
            if path.exists() {
                found.push((what, fs::read_to_string(&path).map_err(Error::io("read", path))?));
            }
        }
        let (says, outputs, end) = (None, None, None);
        Ok(Self { run, recipe, model, prepares: Prepares::Plain, says, outputs, end, files: found })
    }
}

/// A run of a task that says something of sequences.
pub fn portable<T: InspectTask>(run: Run) -> Result<Portable> {
    let recipe = run.recipe()?;
    let task = T::open(&recipe, &mut Assets::of(run.path()), &Splits::default())?;
    let model = AnyModel::Sequence(Box::new(task.model(&recipe, Start::zeros(), None)));
    let files = [("tokenizer", crate::run::assets::TOKENIZER), ("reads", task.file())];
    let Names { outputs, says, .. } = task.names();
    let prepares = task.prepares();
    let end = task.end();
    let mut portable = Portable::read(run, recipe, model, &files)?;
    portable.files.extend(task.vocabularies());
    Ok(Portable { prepares, says: Some(says), outputs: Some(outputs), end, ..portable })
}
