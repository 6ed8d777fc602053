//! The recipe: everything that defines a training, as a TOML file in which every field has a good default.
//!
//! A whole recipe:
//!
//! ```
//! let recipe = anaphora::Recipe::parse("[data]\ntrain = 'tunes.abc'").unwrap();
//! assert_eq!(recipe.model.backbone, anaphora::recipe::Backbone::Lstm);
//! ```
//!
//! Each field is written once, in the file of its section: name, type, default, the values it takes, what it means, the flag
//! that sets it, and who reads it. The structures, [`fields`], the comments of `recipe.toml` and the flags of the command line
//! follow from that. Better defaults than a language model's are in `defaults.rs`, rules between fields in `rules.rs`.

mod data;
mod defaults;
mod error;
mod field;
mod model;
mod readers;
mod rules;
mod series;
mod task;
mod text;
mod tokenizer;
mod training;

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

pub use data::{Data, HoldOut, Input, Windows};
pub use error::RecipeError;
pub use field::{Accepts, Field, Flag, words};
pub(crate) use model::CONTEXT;
pub use model::{
    Attention, Backbone, FeedForward, Head, Model, Nonlinearity, Norm, Notes, Pooling, Position, Shortcut,
    Similarity,
};
pub use series::{Channels, Normalize, Series, Transform};
pub use task::{Builtin, Task};
pub use tokenizer::{NoTokenizer, Tokenizer};
pub use training::{ClassWeights, Optimizer, Precision, ScheduleKind, Training};

use readers::View;

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

/// The one field outside of all sections.
const TASK: &[Field] = &[Field {
    path: "task",
    doc: "What is learnt; auto finds it from the file.",
    ..field::takes(Accepts::OneOf(words::<Task>)).common("task", "TASK")
}];

/// All fields, section by section, as a recipe file lists them.
pub fn fields() -> impl Iterator<Item = &'static Field> {
    [TASK, data::FIELDS, series::FIELDS, model::FIELDS, training::FIELDS].into_iter().flatten()
}

impl Recipe {
    /// The defaults of a language model with this backbone.
    pub fn for_backbone(backbone: Backbone) -> Self {
        defaults::defaults(Task::Auto, backbone, None)
    }

    /// The defaults for what some fields are going to be: `setting` gives a field's value, where it will have one. The task
    /// may follow from the data, and so does the backbone from the task where none is named. A value that a field does not
    /// take is passed over here; it is refused where it is set.
    pub fn for_settings(setting: impl Fn(&str) -> Option<String>) -> Self {
        let mut wanted = Self::default();
        let mut is_set = |field: &str| setting(field).is_some_and(|value| wanted.set(field, &value).is_ok());
        for field in ["task", "data.builtin", "data.target"] {
            is_set(field);
        }
        let (backbone, batch) = (is_set("model.backbone"), is_set("training.batch"));
        let task = match wanted.task_at_hand() {
            Task::Auto if wanted.data.target.is_some() => Task::Translate,
            task => task,
        };
        let backbone = if backbone { wanted.model.backbone } else { task.backbone() };
        let mut recipe = defaults::defaults(task, backbone, wanted.data.builtin);
        if batch {
            recipe.training.batch_units = None;
        }
        recipe
    }

    /// What the loss is measured in.
    pub fn loss_unit(&self) -> &'static str {
        match (self.task_at_hand(), self.model.head) {
            (Task::Auto | Task::Music | Task::Text | Task::Events | Task::Translate | Task::Caption, _) => {
                "nats a token"
            }
            (Task::Classify, _) => "nats an example",
            (Task::Tag, _) => "nats a word",
            (Task::Chorales, _) => "nats a frame",
            (Task::Regress, _) => "squared error, in squared deviations",
            (Task::Memory, _) if self.data.builtin == Some(Builtin::Copy) => "nats a step",
            (Task::Memory, _) => "squared error",
            (Task::Forecast | Task::Trajectory, Head::Point) => "squared error of scaled numbers",
            (Task::Forecast | Task::Trajectory, Head::Gaussian) => "nats a scaled number",
            (Task::Forecast | Task::Trajectory, Head::Quantile) => "pinball loss of scaled numbers",
        }
    }

    /// The recipe of a further training with the same model: it names no data and no end.
    pub fn to_go_on(mut self) -> Self {
        self.data.paths_mut().into_iter().for_each(|(_, path)| *path = None);
        self.data.builtin = None;
        let Training { steps, epochs, minutes, .. } = &mut self.training;
        (*steps, *epochs, *minutes) = (None, None, None);
        self
    }

    /// The task, or that of the built-in data where it is `Auto`.
    fn task_at_hand(&self) -> Task {
        match (self.task, self.data.builtin) {
            (Task::Auto, Some(builtin)) => builtin.task(),
            (task, _) => task,
        }
    }

    /// Checks the value of each field, and that they go together.
    pub fn validate(&self) -> Result<(), RecipeError> {
        self.validate_model()?;
        refuse(rules::data(self).or_else(|| rules::missing(self)).or_else(|| rules::training(self)))
    }

    /// Like [`validate`](Self::validate), for a recipe that is still to be given its data.
    pub fn validate_without_data(&self) -> Result<(), RecipeError> {
        self.validate_model()?;
        refuse(rules::data(self).or_else(|| rules::training(self)))
    }

    /// Like [`validate`](Self::validate), for a model that is there already: there need be no data and no end of training.
    pub fn validate_model(&self) -> Result<(), RecipeError> {
        let table = self.table()?;
        for field in fields() {
            if let Some(value) = lookup(&table, field.path) {
                field.check(value)?;
            }
        }
        refuse(rules::model(self))
    }

    /// Whether a training by this recipe reads the field. One that the data decide, as of which kind they are, may be.
    pub fn reads(&self, field: &Field) -> bool {
        self.view().is_ok_and(|view| view.unread(field.readers).is_none())
    }

    /// Refuses a field that is set to something else than its default although nothing reads it.
    pub fn refuse_unread(&self) -> Result<(), RecipeError> {
        let (view, usual) = (self.view()?, self.usual()?);
        for field in fields().filter(|field| !usual.contains(field, view.value(field.path))) {
            if let Some((readers, found)) = view.unread(field.readers) {
                return Err(RecipeError::Unread { field: field.path, readers, found });
            }
        }
        Ok(())
    }

    /// Refuses a field that nothing reads, whatever its value.
    pub fn refuse_field(&self, path: &str) -> Result<(), RecipeError> {
        let field = Field::find(path)?;
        match self.view()?.unread(field.readers) {
            Some((readers, found)) => Err(RecipeError::Unread { field: field.path, readers, found }),
            None => Ok(()),
        }
    }

    /// Gives fields that are no longer read their default again: `before` is the recipe before it was changed, say, to
    /// another backbone, and `changed` says which fields were named in that.
    pub fn settle(&mut self, before: &Self, changed: impl Fn(&str) -> bool) -> Result<(), RecipeError> {
        let (old, usual) = (before.view()?, before.usual()?);
        let (new, default) = (self.view()?, self.defaults().table()?);
        for field in fields().filter(|field| !changed(field.path)) {
            let asked = old.unread(field.readers).is_some() && !usual.contains(field, old.value(field.path));
            if new.unread(field.readers).is_some() && !asked {
                self.put(field, lookup(&default, field.path).cloned())?;
            }
        }
        Ok(())
    }

    /// The defaults of its task, backbone and built-in data.
    fn defaults(&self) -> Self {
        defaults::defaults(self.task_at_hand(), self.model.backbone, self.data.builtin)
    }

    fn view(&self) -> Result<View, RecipeError> {
        Ok(View::of(self, self.table()?))
    }

    /// The values that fields have without being set.
    fn usual(&self) -> Result<Usual, RecipeError> {
        let mut defaults = self.defaults();
        if self.model.backbone != Backbone::Transformer {
            // Recipes of earlier versions have it for every language model.
            defaults.model.context = Some(self.training.length);
        }
        // And words where the data decide now.
        let mut earlier = defaults.clone();
        if earlier.data.tokenizer == Tokenizer::Auto {
            earlier.data.tokenizer = Tokenizer::WORDS;
        }
        Ok(Usual([defaults.table()?, earlier.table()?, Self::default().table()?]))
    }
}

/// Values that a field has without being set: by its task and backbone, by those in an earlier version, or by its own default.
struct Usual([Table; 3]);

impl Usual {
    fn contains(&self, field: &Field, value: Option<&Value>) -> bool {
        self.0.iter().any(|table| lookup(table, field.path) == value)
    }
}

fn refuse(conflict: Option<String>) -> Result<(), RecipeError> {
    conflict.map_or(Ok(()), |sentence| Err(RecipeError::Conflict(sentence)))
}

/// The value at a dotted path.
fn lookup<'a>(table: &'a Table, path: &str) -> Option<&'a Value> {
    match path.split_once('.') {
        None => table.get(path),
        Some((section, name)) => table.get(section)?.as_table()?.get(name),
    }
}

#[cfg(test)]
mod tests;
