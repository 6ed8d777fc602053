//! The recipe: everything that defines a training, as a TOML file in which every field has a good default.
//!
//! A whole recipe:
//!
//! ```
//! let recipe = anaphora::Recipe::parse("[data]\ntrain = 'tunes.abc'").unwrap();
//! assert_eq!(recipe.model.backbone, anaphora::recipe::Backbone::Lstm);
//! ```
//!
//! [`FIELDS`] says of each field what it is and which values it takes. Files, overrides by dotted path
//! ([`Recipe::set`]) and [`Recipe::validate`] all go through that one table.

mod fields;

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

pub use fields::{Accepts, FIELDS, Field};

use crate::atomic::write_atomic;
use crate::error::{Error, Result};

/// What is to be learnt, from what, by which model and how.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recipe {
    /// What is learnt; the file's kind decides where it is `Auto`.
    pub task: Task,
    /// What it is learnt from.
    pub data: Data,
    /// What learns.
    pub model: Model,
    /// How it learns.
    pub training: Training,
}

/// How raw data become examples, what is predicted and how it is scored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Music for ABC files, text for all others.
    #[default]
    Auto,
    /// Tunes in ABC notation, split by tune.
    Music,
    /// Text, split by document or block.
    Text,
}

/// `[data]`: what is learnt from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Data {
    /// A file, or a folder of files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train: Option<PathBuf>,
    /// The built-in tunes instead of a file.
    pub builtin: bool,
    /// A file or folder to validate on; a share of the training data where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<PathBuf>,
    /// The share of the pieces that is held out for validation, from the end.
    pub validation_fraction: f64,
    /// What a symbol is.
    pub tokenizer: Tokenizer,
    /// The largest number of words that a word tokenizer keeps.
    pub vocabulary_size: usize,
    /// How often a word must occur for a word tokenizer to keep it.
    pub vocabulary_min_count: usize,
    /// How windows are drawn from the data.
    pub windows: Windows,
}

/// What a symbol is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tokenizer {
    /// A Unicode character that occurs in the data.
    #[default]
    Character,
    /// One of 256 bytes.
    Byte,
    /// A word or mark of punctuation; rare ones are `<unk>`.
    Word,
}

/// How windows are drawn from the data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Windows {
    /// Each begins anywhere.
    #[default]
    Random,
    /// Each begins where the one before it in its row ended.
    Sequential,
}

/// `[model]`: what learns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Model {
    /// The kind of model.
    pub backbone: Backbone,
    /// The activation of a plain `rnn`.
    pub nonlinearity: Nonlinearity,
    /// How many layers are stacked.
    pub layers: usize,
    /// Units a layer.
    pub hidden_size: usize,
    /// The width of the input embedding; 0 feeds one-hot symbols.
    pub embedding_size: usize,
    /// The share of activations dropped between layers.
    pub dropout: f64,
    /// One dropout mask for all steps (Gal & Ghahramani 2016) instead of one a step.
    pub variational_dropout: bool,
    /// The head's weights are the embedding's (Press & Wolf 2017).
    pub tied_weights: bool,
    /// What the LSTM's forget gates start from (Jozefowicz et al. 2015).
    pub forget_bias: f64,
    /// How many steps the feed-forward baseline sees.
    pub window: usize,
}

/// The kind of model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backbone {
    /// A feed-forward network over a fixed window: the baseline.
    Window,
    /// An Elman network.
    Rnn,
    /// Gated recurrent units, PyTorch's reset-after form.
    Gru,
    /// Long short-term memory.
    #[default]
    Lstm,
}

/// The activation of a plain recurrent network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Nonlinearity {
    /// Hyperbolic tangent.
    #[default]
    Tanh,
    /// Rectifier, with identity recurrent initialisation (Le, Jaitly & Hinton 2015).
    Relu,
}

/// `[training]`: how it learns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Training {
    /// Sequences a batch.
    pub batch: usize,
    /// Steps of time a sequence.
    pub length: usize,
    /// Carry the recurrent state from window to window (truncated back-propagation) instead of resetting it.
    pub carry_state: bool,
    /// End after so many optimizer steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// End after so many passes over the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<f64>,
    /// End after so many minutes of training.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minutes: Option<f64>,
    /// The optimizer.
    pub optimizer: Optimizer,
    /// The peak learning rate.
    pub learning_rate: f64,
    /// Momentum of `sgd`.
    pub momentum: f64,
    /// Decay rates of `adamw`'s two moments.
    pub betas: [f64; 2],
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Steps over which the rate rises linearly to its peak.
    pub warmup_steps: u64,
    /// How the rate falls after the warm-up.
    pub schedule: ScheduleKind,
    /// The lowest rate, as a share of `learning_rate`.
    pub min_learning_rate_factor: f64,
    /// What a plateau multiplies the rate by.
    pub plateau_factor: f64,
    /// Validations without a better loss that make a plateau.
    pub plateau_patience: u64,
    /// The largest global norm of the gradient; 0 does not clip.
    pub clip: f64,
    /// Batches whose gradients are summed before an optimizer step.
    pub accumulate: usize,
    /// Validate every so many steps.
    pub validate_every: u64,
    /// Validations without a better loss after which training ends; 0 never ends it.
    pub patience: u64,
    /// Save a checkpoint every so many steps.
    pub checkpoint_every: u64,
    /// Where all randomness starts from.
    pub seed: u32,
    /// Threads to compute with; 0 takes one a core.
    pub threads: usize,
    /// The numbers that products are computed in.
    pub precision: Precision,
}

/// The optimizer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimizer {
    /// Adam with decoupled weight decay (Loshchilov & Hutter 2019).
    #[default]
    AdamW,
    /// Stochastic gradient descent with momentum.
    Sgd,
}

/// How the learning rate falls after the warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScheduleKind {
    /// It stays.
    Constant,
    /// Along half a cosine to the end of training.
    Cosine,
    /// By a factor whenever the validation loss no longer falls.
    #[default]
    Plateau,
}

/// The numbers that products are computed in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// `Bf16` where the processor has matrix units for it, else `F32`.
    #[default]
    Auto,
    /// Single precision.
    F32,
    /// Products in bfloat16, all else in single precision.
    Bf16,
}

impl Default for Data {
    fn default() -> Self {
        Self {
            train: None,
            builtin: false,
            validation: None,
            validation_fraction: 0.1,
            tokenizer: Tokenizer::default(),
            vocabulary_size: 20_000,
            vocabulary_min_count: 2,
            windows: Windows::default(),
        }
    }
}

impl Default for Model {
    fn default() -> Self {
        Self {
            backbone: Backbone::default(),
            nonlinearity: Nonlinearity::default(),
            layers: 1,
            hidden_size: 1024,
            embedding_size: 256,
            dropout: 0.0,
            variational_dropout: false,
            tied_weights: false,
            forget_bias: 1.0,
            window: 16,
        }
    }
}

impl Default for Training {
    fn default() -> Self {
        Self {
            batch: 32,
            length: 100,
            carry_state: false,
            steps: None,
            epochs: None,
            minutes: None,
            optimizer: Optimizer::default(),
            learning_rate: 1e-3,
            momentum: 0.9,
            betas: [0.9, 0.999],
            weight_decay: 0.01,
            warmup_steps: 100,
            schedule: ScheduleKind::default(),
            min_learning_rate_factor: 0.01,
            plateau_factor: 0.5,
            plateau_patience: 2,
            clip: 1.0,
            accumulate: 1,
            validate_every: 100,
            patience: 6,
            checkpoint_every: 200,
            seed: 1,
            threads: 0,
            precision: Precision::default(),
        }
    }
}

/// Why a recipe is refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RecipeError {
    /// The text is not TOML.
    #[error("line {line}: this is not TOML: {reason}")]
    Toml {
        /// The line, from 1.
        line: usize,
        /// What the parser says.
        reason: String,
    },
    /// There is no such field.
    #[error("there is no field {field}{}", nearest.map(|name| format!("; did you mean {name}?")).unwrap_or_default())]
    UnknownField {
        /// Its dotted path.
        field: String,
        /// The known field with the most similar name.
        nearest: Option<&'static str>,
    },
    /// A field has a value that it does not take.
    #[error("field {field} is {found}; it takes {accepts}")]
    Value {
        /// Its dotted path.
        field: &'static str,
        /// The value, as TOML.
        found: String,
        /// What would be right.
        accepts: Accepts,
    },
    /// Two fields do not go together, or one that is needed is missing.
    #[error("{0}")]
    Conflict(String),
}

impl Recipe {
    /// Reads a recipe file and validates it.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
        Self::parse(&text).map_err(|source| Error::RecipeFile { path: path.to_owned(), source })
    }

    /// Reads a recipe from the text of a file and validates it.
    pub fn parse(text: &str) -> Result<Self, RecipeError> {
        let recipe = Self::parse_unvalidated(text)?;
        recipe.validate()?;
        Ok(recipe)
    }

    /// Like [`parse`](Self::parse), for a file that overrides will complete: single values are checked, but not
    /// yet whether they go together.
    pub fn parse_unvalidated(text: &str) -> Result<Self, RecipeError> {
        let table: Table = text.parse().map_err(|error| toml_error(text, &error))?;
        let mut recipe = Self::default();
        recipe.apply("", table)?;
        Ok(recipe)
    }

    /// Writes the recipe as [`to_toml`](Self::to_toml) gives it, whole or not at all.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let text = self.to_toml()?;
        write_atomic(path, |writer| writer.write_all(text.as_bytes()))
    }

    /// Overrides one field by its dotted path: `set("training.batch", "32")`. The value is written as in TOML;
    /// strings need no quotes.
    pub fn set(&mut self, field: &str, value: &str) -> Result<(), RecipeError> {
        let quoted = || Value::String(value.to_owned());
        let parsed = format!("value = {value}").parse::<Table>().ok();
        // A text that goes on after the value (`1\nx = 2`) is no value.
        let value = parsed.filter(|table| table.len() == 1).and_then(|mut table| table.remove("value"));
        self.apply_one(field, value.unwrap_or_else(quoted))
    }

    /// The recipe as a TOML file: every field, with a comment that says what it is and what it takes.
    pub fn to_toml(&self) -> Result<String, RecipeError> {
        let table = self.table()?;
        let mut text = String::new();
        let mut section = "";
        for field in FIELDS {
            let (in_section, name) = field.path.split_once('.').unwrap_or(("", field.path));
            if in_section != section {
                section = in_section;
                text.push_str(&format!("\n[{section}]\n"));
            }
            let setting = match lookup(&table, field.path) {
                Some(value) => format!("{name} = {value}"),
                None => format!("# {name} ="),
            };
            text.push_str(&format!("{setting:<32} # {}: {}\n", field.help, field.accepts));
        }
        Ok(text)
    }

    /// Checks each field against [`FIELDS`], and that they go together.
    pub fn validate(&self) -> Result<(), RecipeError> {
        let table = self.table()?;
        for field in FIELDS {
            if let Some(value) = lookup(&table, field.path) {
                field.check(value)?;
            }
        }
        let conflict = |sentence: String| Err(RecipeError::Conflict(sentence));
        let Recipe { data, model, training, .. } = self;
        match (&data.train, data.builtin) {
            (None, false) => {
                return conflict(
                    "field data.train is missing; it names the file or folder to learn from \
                                 (data.builtin = true takes the built-in tunes instead)"
                        .into(),
                );
            }
            (Some(train), true) => {
                return conflict(format!(
                    "data.train names {} while data.builtin = true asks for the built-in tunes; \
                                         leave one of them out",
                    train.display()
                ));
            }
            _ => {}
        }
        if model.tied_weights && model.embedding_size != model.hidden_size {
            return conflict(format!(
                "model.tied_weights needs model.embedding_size and model.hidden_size to be equal, \
                                     but they are {} and {}",
                model.embedding_size, model.hidden_size
            ));
        }
        if model.nonlinearity == Nonlinearity::Relu && model.backbone != Backbone::Rnn {
            return conflict(
                "model.nonlinearity = \"relu\" is for model.backbone = \"rnn\" only; \
                             leave it out or change the backbone"
                    .into(),
            );
        }
        if training.carry_state && data.windows != Windows::Sequential {
            return conflict(
                "training.carry_state = true needs data.windows = \"sequential\": \
                             the state of a window drawn at random has nothing to go on from"
                    .into(),
            );
        }
        if training.schedule == ScheduleKind::Cosine && training.steps.is_none() && training.epochs.is_none()
        {
            return conflict(
                "training.schedule = \"cosine\" needs training.steps or training.epochs, \
                             for it must know where it ends"
                    .into(),
            );
        }
        let budget = training.steps.is_some() || training.epochs.is_some() || training.minutes.is_some();
        if !budget && training.patience == 0 {
            return conflict(
                "nothing would end this training; set training.steps, training.epochs, \
                             training.minutes or training.patience"
                    .into(),
            );
        }
        Ok(())
    }

    /// Sets all fields in `table`, which lies at `path` in the recipe.
    fn apply(&mut self, path: &str, table: Table) -> Result<(), RecipeError> {
        for (name, value) in table {
            let path = if path.is_empty() { name } else { format!("{path}.{name}") };
            let section = FIELDS.iter().any(|field| field.section() == path);
            match value {
                Value::Table(table) if section => self.apply(&path, table)?,
                value => self.apply_one(&path, value)?,
            }
        }
        Ok(())
    }

    fn apply_one(&mut self, path: &str, value: Value) -> Result<(), RecipeError> {
        let field = Field::find(path)?;
        field.check(&value)?;
        let refused =
            RecipeError::Value { field: field.path, found: value.to_string(), accepts: field.accepts };
        let mut table = self.table()?;
        match field.path.split_once('.') {
            None => table.insert(field.path.into(), value),
            Some((section, name)) => table
                .get_mut(section)
                .and_then(Value::as_table_mut)
                .and_then(|table| table.insert(name.into(), value)),
        };
        *self = table.try_into().map_err(|_| refused)?;
        Ok(())
    }

    /// All fields that have a value. Fails where a count is beyond TOML's 64-bit signed numbers.
    fn table(&self) -> Result<Table, RecipeError> {
        Table::try_from(self)
            .map_err(|error| RecipeError::Conflict(format!("the recipe cannot be written as TOML ({error})")))
    }
}

/// The value at a dotted path.
fn lookup<'a>(table: &'a Table, path: &str) -> Option<&'a Value> {
    match path.split_once('.') {
        None => table.get(path),
        Some((section, name)) => table.get(section)?.as_table()?.get(name),
    }
}

/// The parser's message without its drawing of the text.
fn toml_error(text: &str, error: &toml::de::Error) -> RecipeError {
    let at = error.span().map_or(0, |span| span.start.min(text.len()));
    let line = 1 + text.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count();
    RecipeError::Toml { line, reason: error.message().lines().collect::<Vec<_>>().join("; ") }
}

#[cfg(test)]
mod tests;
