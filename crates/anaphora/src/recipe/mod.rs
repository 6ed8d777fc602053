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

mod data;
mod fields;
mod model;
mod series;
mod task;
mod tokenizer;
mod training;

use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

pub use data::{Data, HoldOut, Input, Windows};
pub use fields::{Accepts, FIELDS, Field};
pub(crate) use model::CONTEXT;
pub use model::{
    Attention, Backbone, FeedForward, Head, Model, Nonlinearity, Norm, Notes, Pooling, Position, Shortcut,
    Similarity,
};
pub use series::{Channels, Normalize, Series, Transform};
pub use task::{Builtin, Task};
pub use tokenizer::{NoTokenizer, Tokenizer};
pub use training::{ClassWeights, Optimizer, Precision, ScheduleKind, Training};

use crate::error::{Error, Result};
use crate::run::atomic::write_atomic;
use crate::tasks;

/// What is to be learnt, from what, by which model and how.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recipe {
    /// What is learnt; the file's kind decides where it is `Auto`.
    pub task: Task,
    /// What it is learnt from.
    pub data: Data,
    /// What of a series is read and forecast.
    pub series: Series,
    /// What learns.
    pub model: Model,
    /// How it learns.
    pub training: Training,
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

/// Most layers of a recurrent model: gradients hardly come through more.
const RECURRENT_LAYERS: usize = 8;

impl Recipe {
    /// The defaults of a language model with this backbone.
    pub fn for_backbone(backbone: Backbone) -> Self {
        let mut recipe = Self::default();
        recipe.model.backbone = backbone;
        if backbone == Backbone::Transformer {
            let Self { data, model, training, .. } = &mut recipe;
            // What learns most from a text of a megabyte in some minutes: many small steps of a small model.
            data.windows = Windows::Random;
            (model.layers, model.hidden_size, model.heads, model.dropout) = (4, 128, Some(4), 0.0);
            (model.feed_forward, model.norm) = (FeedForward::Swiglu, Norm::Rms);
            (training.batch, training.length, training.learning_rate) = (12, 64, 3e-3);
            (training.betas, training.weight_decay) = ([0.9, 0.99], 0.1);
            // Its steps are short beside a validation.
            (training.validate_every, training.checkpoint_every) = (500, 500);
        }
        recipe
    }

    /// The defaults for what some fields are going to be: `setting` gives a field's value, where it will have one. The task
    /// may follow from the data, and so does the backbone from the task where none is named. A value that a field does not
    /// take is passed over here; it is refused where it is set.
    pub fn for_settings(setting: impl Fn(&str) -> Option<String>) -> Self {
        let mut wanted = Self::default();
        let mut named = None;
        for field in ["task", "data.builtin", "data.target", "model.backbone"] {
            let known = setting(field).is_some_and(|value| wanted.set(field, &value).is_ok());
            named = (known && field == "model.backbone").then_some(wanted.model.backbone);
        }
        let task = match (wanted.task, wanted.data.builtin) {
            (Task::Auto, Some(builtin)) => builtin.task(),
            (Task::Auto, None) if wanted.data.target.is_some() => Task::Translate,
            (task, _) => task,
        };
        let mut recipe = Self { task, ..Self::for_backbone(named.unwrap_or(task.backbone())) };
        recipe.data.builtin = wanted.data.builtin;
        tasks::defaults(&mut recipe);
        recipe
    }

    /// Reads a recipe file and validates it.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        read_with(path.as_ref(), Self::parse)
    }

    /// Reads a recipe file that overrides will complete; see [`parse_unvalidated`](Self::parse_unvalidated).
    pub fn read_unvalidated(path: impl AsRef<Path>) -> Result<Self> {
        read_with(path.as_ref(), Self::parse_unvalidated)
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
        // What a file leaves out has the defaults of its task and backbone.
        let mut recipe = Self::for_settings(|field| lookup(&table, field)?.as_str().map(str::to_owned));
        recipe.apply("", table)?;
        Ok(recipe)
    }

    /// Writes the recipe as [`to_toml`](Self::to_toml) gives it, whole or not at all.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let text = self.to_toml()?;
        write_atomic(path, |writer| writer.write_all(text.as_bytes()))
    }

    /// Overrides one field by its dotted path: `set("training.batch", "32")`. The value is written as in TOML;
    /// words and paths need no quotes.
    pub fn set(&mut self, field: &str, value: &str) -> Result<(), RecipeError> {
        let parsed = format!("value = {value}").parse::<Table>().ok();
        // A text that goes on after the value (`1\nx = 2`) is no value.
        let parsed = parsed.filter(|table| table.len() == 1).and_then(|mut table| table.remove("value"));
        // A file may be named 1923.
        let text = matches!(
            Field::find(field)?.accepts,
            Accepts::Path | Accepts::Text | Accepts::Kind | Accepts::Word(_)
        );
        let parsed = parsed.filter(|parsed| !text || parsed.is_str());
        self.apply_one(field, parsed.unwrap_or_else(|| Value::String(value.to_owned())))
    }

    /// The recipe as a TOML file: every field, with a comment that says what it is and what it takes. `[series]` is left out
    /// where the task reads none.
    pub fn to_toml(&self) -> Result<String, RecipeError> {
        let table = self.table()?;
        let mut text = String::new();
        let mut section = "";
        let no_series = !self.task.forecasts();
        for field in FIELDS {
            if no_series && field.section() == "series" {
                continue;
            }
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
        self.validate_fields()?;
        let conflict =
            self.data_conflict().or_else(|| self.model_conflict()).or_else(|| self.training_conflict());
        conflict.map_or(Ok(()), |sentence| Err(RecipeError::Conflict(sentence)))
    }

    /// Like [`validate`](Self::validate), for a model that is there already: there need be no data and no end of training.
    pub fn validate_model(&self) -> Result<(), RecipeError> {
        self.validate_fields()?;
        self.model_conflict().map_or(Ok(()), |sentence| Err(RecipeError::Conflict(sentence)))
    }

    fn validate_fields(&self) -> Result<(), RecipeError> {
        let table = self.table()?;
        for field in FIELDS {
            if let Some(value) = lookup(&table, field.path) {
                field.check(value)?;
            }
        }
        Ok(())
    }

    /// The first thing in which the data's fields do not go together.
    fn data_conflict(&self) -> Option<String> {
        let data = &self.data;
        if self.task == Task::Memory && data.builtin.is_none() {
            return Some("the task memory makes its own examples; set data.builtin to adding or copy".into());
        }
        if data.builtin == Some(Builtin::Adding) && self.training.length < 2 {
            let length = self.training.length;
            return Some(format!(
                "training.length is {length}, and data.builtin = \"adding\" marks two numbers; it takes 2 or more"
            ));
        }
        if let (Task::Forecast | Task::Trajectory | Task::Memory, Some(path)) = (self.task, &data.validation)
        {
            let (task, path) = (self.task, path.display());
            return Some(format!(
                "data.validation is {path}, but the task {task} validates on a share of what it learns from; leave it out"
            ));
        }
        if let Some(field) = self.series_field().filter(|_| !self.task.forecasts()) {
            let task = self.task;
            return Some(format!(
                "{field} is set, but the task {task} reads no series; leave it out, or set task to forecast"
            ));
        }
        let builtin = match (&data.train, data.builtin) {
            (None, None) => {
                let what = "field data.train is missing; it names the file or folder to learn from";
                return Some(format!("{what} (data.builtin = \"tunes\" takes the built-in tunes instead)"));
            }
            (Some(train), Some(_)) => {
                let train = train.display();
                return Some(format!(
                    "data.train is {train} while data.builtin is set; leave one of them out"
                ));
            }
            (_, builtin) => builtin?,
        };
        let (task, needed) = (self.task, builtin.task());
        (task != Task::Auto && task != needed)
            .then(|| format!("task is {task}, but data.builtin is {builtin}, which is for {needed}"))
    }

    /// The first field of `[series]` that is not as it is by default.
    fn series_field(&self) -> Option<&'static str> {
        let (own, usual) = (self.table().ok()?, Self::default().table().ok()?);
        let mut fields = FIELDS.iter().filter(|field| field.section() == "series").map(|field| field.path);
        fields.find(|path| lookup(&own, path) != lookup(&usual, path))
    }

    /// The first thing in which the model's fields do not go together.
    fn model_conflict(&self) -> Option<String> {
        let model = &self.model;
        if model.tied_weights && model.embedding_size() != model.hidden_size {
            let (embedding, hidden) = (model.embedding_size(), model.hidden_size);
            let needs = "model.tied_weights needs model.embedding_size and model.hidden_size to be equal";
            return Some(format!("{needs}, but they are {embedding} and {hidden}"));
        }
        if model.nonlinearity == Nonlinearity::Relu && model.backbone != Backbone::Rnn {
            return Some("model.nonlinearity = \"relu\" goes with model.backbone = \"rnn\" only".into());
        }
        let transformer = Some(model).filter(|model| model.backbone == Backbone::Transformer);
        if let Some(conflict) = transformer.and_then(|model| crate::model::transformer(model).conflict()) {
            return Some(format!("{conflict}; set model.heads, model.kv_heads or model.hidden_size"));
        }
        if model.backbone == Backbone::Window && matches!(self.task, Task::Translate | Task::Caption) {
            return Some("model.backbone = \"window\" cannot write a sequence of another; choose a recurrent one or transformer".into());
        }
        if model.input_feeding && (transformer.is_some() || model.attention == Attention::None) {
            let backbone =
                if transformer.is_some() { "backbone = \"transformer\"" } else { "attention = \"none\"" };
            return Some(format!(
                "model.input_feeding goes with a recurrent decoder that has attention, and model.{backbone}"
            ));
        }
        if model.input_feeding && model.variational_dropout {
            return Some("model.variational_dropout keeps a mask for all steps, and with model.input_feeding the decoder goes a step at a time; leave one of them out".into());
        }
        let levels = &model.levels;
        if !levels.is_sorted_by(|a, b| a < b) || !levels.contains(&0.5) {
            return Some(format!("model.levels is {levels:?}; it takes ascending levels, 0.5 among them"));
        }
        let recurrent = matches!(model.backbone, Backbone::Rnn | Backbone::Gru | Backbone::Lstm);
        if recurrent && model.layers > RECURRENT_LAYERS {
            let layers = model.layers;
            return Some(format!(
                "model.layers is {layers}; a recurrent model has {RECURRENT_LAYERS} at most"
            ));
        }
        None
    }

    /// The first thing in which the training's fields do not go together, or with the model's.
    fn training_conflict(&self) -> Option<String> {
        let Recipe { model, training, .. } = self;
        let windows = model.backbone == Backbone::Transformer && self.task.continues();
        let context = model.context.filter(|_| windows);
        if let Some(context) = context.filter(|&context| context < training.length) {
            let length = training.length;
            return Some(format!(
                "training.length is {length}, but model.context only {context}; a window has to fit into the context"
            ));
        }
        let known_end = training.steps.is_some() || training.epochs.is_some() || training.minutes.is_some();
        if training.schedule == ScheduleKind::Cosine && !known_end {
            let needs =
                "training.schedule = \"cosine\" needs training.steps, training.epochs or training.minutes";
            return Some(format!("{needs}, for it must know where it ends"));
        }
        if !known_end && training.patience == 0 {
            let set = "set training.steps, training.epochs, training.minutes or training.patience";
            return Some(format!("nothing would end this training; {set}"));
        }
        None
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

fn read_with(path: &Path, parse: impl FnOnce(&str) -> Result<Recipe, RecipeError>) -> Result<Recipe> {
    let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
    parse(&text).map_err(|source| Error::RecipeFile { path: path.to_owned(), source })
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
