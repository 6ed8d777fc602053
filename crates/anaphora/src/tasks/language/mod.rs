//! Language models of text and tunes.

pub(super) mod corpus;
mod evaluate;
mod generator;
mod inspect;
mod trained;

pub use self::evaluate::{LanguageScore, evaluate, score};
pub use self::generator::{Generator, has_field, header_value, spelling};
pub use self::inspect::inspect;
pub(super) use self::inspect::{Stream, longest, read_symbols};
pub use self::trained::Trained;

use std::cell::OnceCell;
use std::sync::Arc;

use anaphora_data::error::counted;
use anaphora_data::{Batch, Plan, TokenStream, Windows, read_text};
use anaphora_music::abc;
use anaphora_nn::{Params, State};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::corpus::Corpus;
pub(super) use self::evaluate::Evaluator;
use self::evaluate::continue_state;
use crate::model::{Backward, Compute, LanguageModel};
use crate::recipe::{self, Data, Recipe, Task, Training};
use crate::run::assets::Half;
use crate::run::weights::NamedTensor;
use crate::training::{BatchLoss, DataSize, Description, Event, Learner, Opening, Shown, Validation};
use crate::{Error, Result};

/// Problems of tunes that are listed one by one.
const LISTED: usize = 5;

/// What of the tunes in a file cannot be read as notes, a clause each with its line; they are learnt as they stand.
///
/// # Errors
/// A file that cannot be read.
pub fn problems(data: &Data) -> Result<Vec<String>> {
    let Some(path) = data.train.as_ref().filter(|path| path.is_file()) else { return Ok(Vec::new()) };
    let (_, problems) = abc::parse(&read_text(path, data.encoding)?);
    let mut said: Vec<String> = problems.iter().take(LISTED).map(ToString::to_string).collect();
    if problems.len() > LISTED {
        let more = counted(problems.len() - LISTED, "other place");
        said.push(format!(
            "{more} of the tunes cannot be read as notes either; all are learnt as they stand"
        ));
    }
    Ok(said)
}

/// A language model and windows on the text that it learns.
pub struct LanguageLearner {
    task: Task,
    recipe: Recipe,
    model: LanguageModel,
    windows: Windows,
    batch: Batch,
    /// Where carried from window to window, the state of the batch's sequences.
    state: State,
    evaluator: Evaluator,
    description: Description,
}

/// The data of a language model, whatever its symbols stand for.
pub struct Symbols {
    /// The task.
    pub task: Task,
    /// Pieces to learn from.
    pub train: Arc<TokenStream>,
    /// Pieces to validate on.
    pub validation: Arc<TokenStream>,
    /// How many there are.
    pub count: usize,
    /// A description for the observer.
    pub description: Description,
}

/// The position of a training in its text.
#[derive(Serialize, Deserialize)]
struct Place {
    windows: anaphora_data::Position,
    /// Sequences whose state is carried on.
    rows: usize,
}

impl LanguageLearner {
    /// Reads what the recipe names.
    fn open(opening: &mut Opening) -> Result<Self> {
        let Opening { recipe, assets, observer, .. } = opening;
        let data = &recipe.data;
        let opened = OnceCell::new();
        // A resumed training may have all it needs without a look at its texts.
        let mut corpus = || {
            if opened.get().is_none() {
                let corpus = Corpus::open(recipe.task, data)?;
                corpus.skipped.iter().for_each(|note| _ = observer(&Event::Note(note)));
                let _ = opened.set(corpus);
            }
            Ok::<_, Error>(opened.get().expect("it was set"))
        };
        let tokenizer = assets.tokenizer(|| corpus()?.tokenizer(data))?;
        let symbols = tokenizer.vocab_size();
        let [train, validation] = assets.streams(symbols, data.tokens_in_memory, |half, spill| {
            let Corpus { train, validation, .. } = corpus()?;
            let section = if half == Half::Train { train } else { validation };
            corpus::stream(&tokenizer, section, &corpus::name(data), spill)
        })?;
        let task = if recipe.task == Task::Auto { corpus()?.task } else { recipe.task };
        let size = |stream: &TokenStream| DataSize { examples: stream.piece_count(), units: stream.len() };
        let description = Description {
            example: if task == Task::Music { "tune" } else { "piece" },
            unit: data.tokenizer.unit(),
            train: size(&train),
            validation: size(&validation),
            maps: counted(symbols, "symbol"),
            characters: Some(corpus::characters(&tokenizer, &validation)?),
        };
        if let Some(Corpus { train: section, .. }) = opened.into_inner().filter(|_| opening.to_show() > 0) {
            // What there is little of is shown passage by passage.
            let is_long = task != Task::Music && train.piece_count() < opening.to_show();
            let passages = corpus::beginning(&section, opening.to_show(), is_long)?;
            opening.show(&passages, |text| Ok(Shown { text: text.clone(), ..Shown::default() }))?;
        }
        Self::of(opening, Symbols { task, train, validation, count: symbols, description })
    }

    /// A new model of these symbols.
    pub fn of(opening: &mut Opening, symbols: Symbols) -> Result<Self> {
        let recipe = opening.recipe;
        let Symbols { task, train, validation, count, description } = symbols;
        let training = &recipe.training;
        Ok(Self {
            task,
            evaluator: Evaluator::new(validation, training.batch * training.length)?,
            windows: windows(recipe, train)?,
            batch: Batch::default(),
            state: State::default(),
            model: opening.model(|start| LanguageModel::new(&recipe.model, count, start))?,
            recipe: recipe.clone(),
            description,
        })
    }
}

impl Learner for LanguageLearner {
    fn task(&self) -> Task {
        self.task
    }

    fn describe(&self) -> Description {
        self.description.clone()
    }

    fn params(&self) -> &Params {
        self.model.params()
    }

    fn params_mut(&mut self) -> &mut Params {
        self.model.params_mut()
    }

    fn progress(&self) -> f64 {
        self.windows.progress()
    }

    fn learn(&mut self, backward: &mut Backward) -> Result<BatchLoss> {
        let Self { model, windows, batch, state, .. } = self;
        windows.next_into(batch)?;
        if !carries_state(&self.recipe) {
            *state = State::default();
        }
        continue_state(state, batch, model);
        let loss = model.learn(backward, batch, state)?;
        Ok(BatchLoss { loss, units: batch.tokens() })
    }

    fn validate(&mut self, compute: &mut Compute) -> Result<Validation> {
        Ok(Validation::by_loss(self.evaluator.loss(&self.model, compute)?, Vec::new()))
    }

    fn position(&self) -> Value {
        let rows = if carries_state(&self.recipe) { self.state.rows() } else { 0 };
        let place = Place { windows: self.windows.position().clone(), rows };
        serde_json::to_value(place).expect("plain data always serialises")
    }

    fn carried(&self) -> Vec<NamedTensor<'_>> {
        let parts = if carries_state(&self.recipe) { self.state.parts() } else { 0 };
        let part = |part| {
            let values = self.state.part(part);
            NamedTensor::new(format!("state.{part}"), vec![values.len()], values)
        };
        (0..parts).map(part).collect()
    }

    fn resume(&mut self, position: Value, carried: &[NamedTensor]) -> Result<()> {
        let malformed = |reason| Error::Malformed { path: "checkpoints".into(), reason };
        let place: Place = serde_json::from_value(position).map_err(|error| malformed(error.to_string()))?;
        self.state = if place.rows > 0 { self.model.initial_state(place.rows) } else { State::default() };
        if carried.len() != self.state.parts() {
            let (found, wanted) = (carried.len(), self.state.parts());
            return Err(malformed(format!(
                "the checkpoint carries {found} states where the model has {wanted}"
            )));
        }
        for (part, tensor) in carried.iter().enumerate() {
            let into = self.state.part_mut(part);
            if tensor.data.len() != into.len() {
                let (name, found, wanted) = (&tensor.name, tensor.data.len(), into.len());
                return Err(malformed(format!("{name} has {found} values where the model has {wanted}")));
            }
            into.copy_from_slice(&tensor.data);
        }
        Ok(self.windows.resume(&place.windows)?)
    }
}

/// Reads what the recipe names and makes the model that is to learn it.
pub fn learner(opening: &mut Opening) -> Result<Box<dyn Learner>> {
    Ok(Box::new(LanguageLearner::open(opening)?))
}

/// Whether a window goes on from the state that the one before it left.
fn carries_state(recipe: &Recipe) -> bool {
    recipe.training.carry_state && recipe.data.windows == recipe::Windows::Sequential
}

/// How the recipe draws windows from a stream.
fn windows(recipe: &Recipe, stream: Arc<TokenStream>) -> Result<Windows> {
    let Training { batch, length, seed, .. } = recipe.training;
    let plan = match recipe.data.windows {
        recipe::Windows::Random => Plan::Random { batch, length },
        recipe::Windows::Sequential => Plan::Sequential { batch, length, shuffle: true },
    };
    Ok(Windows::new(stream, plan, seed.into())?)
}
