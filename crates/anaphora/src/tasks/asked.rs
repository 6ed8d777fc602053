//! What a caller asks of a training, and the recipe that it comes to: a recipe to start from, data, a run to go on from, fields.

use std::path::{Path, PathBuf};

use crate::recipe::{Backbone, Recipe, RecipeError, Task};
use crate::{Error, Result, Run, tasks};

/// What is asked of a training.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The recipe to start from, instead of the defaults.
    pub base: Option<Base>,
    /// What to learn from; what is in it decides the task where none is named.
    pub data: Option<PathBuf>,
    /// The run to go on from: tokenizer, sizes and all other fields are its own, but data and end.
    pub from: Option<PathBuf>,
    /// Fields that are set, the last of each counts.
    pub settings: Vec<Setting>,
}

/// A recipe to start from.
#[derive(Clone, Debug)]
pub enum Base {
    /// That of a file.
    File(PathBuf),
    /// This one.
    Recipe(Box<Recipe>),
}

/// A field of the recipe that is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// What the caller wrote to set it, as a flag; messages begin with it.
    pub by: String,
    /// The field's dotted path.
    pub field: String,
    /// Its value, as [`Recipe::set`] takes it.
    pub value: String,
}

/// How a caller names a task: None is what takes it, as `task`, Some a task that is named.
pub type Spelling<'a> = dyn Fn(Option<&str>) -> String + 'a;

/// Fields that a run's weights are for, or the beginnings of their names.
const DECIDED: [&str; 14] = [
    "model.",
    "data.tokenizer",
    "data.vocabulary_min_count",
    "data.lowercase",
    "data.input",
    "data.patch",
    "data.sample_rate",
    "data.mels",
    "data.frame",
    "series.lookback",
    "series.horizon",
    "series.chunk",
    "series.patch_stride",
    "series.transform",
];

impl Asked {
    /// The recipe that is asked for. What data without a task are taken for is passed to `note`, a clause; `spell` says how the
    /// caller would name a task.
    ///
    /// # Errors
    /// A recipe or a run that cannot be read, and a field that is refused ([`Error::Setting`]).
    pub fn recipe(&self, spell: &Spelling, note: &mut dyn FnMut(&str)) -> Result<Recipe> {
        let Self { base, data, from, .. } = self;
        let source = self.setting("data.train").map(PathBuf::from);
        let named = base.is_some()
            || from.is_some()
            || ["task", "data.builtin", "data.target"].iter().any(|field| self.setting(field).is_some());
        // What can be read once only is read by the training.
        let path = data.as_deref().or(source.as_deref()).filter(|path| path.is_file() || path.is_dir());
        let found = path.filter(|_| !named).and_then(|path| self.task_of(path, spell, note));
        let is_text = base.is_none() && from.is_none() && self.setting("task") == Some("text");
        let task = found.or(is_text.then_some(Task::Text));
        let quickest = path.zip(task).and_then(|(path, task)| self.quickest(path, task, note));
        let found = found.filter(|task| !task.continues());
        let setting = |field: &str| match (field, found, quickest) {
            ("task", Some(task), _) => Some(task.to_string()),
            ("model.backbone", _, Some(backbone)) => Some(backbone.to_string()),
            _ => self.setting(field).map(str::to_owned),
        };
        let (mut recipe, before) = match (base, from) {
            (_, Some(from)) => {
                self.refuse_sizes(from)?;
                (Run::open(from)?.recipe()?.to_go_on(), None)
            }
            (Some(Base::File(file)), _) => {
                (Recipe::read_under(file, setting)?, Some(Recipe::read_unvalidated(file)?))
            }
            (Some(Base::Recipe(recipe)), _) => (Recipe::clone(recipe), Some(Recipe::clone(recipe))),
            (None, None) => (Recipe::for_settings(setting), None),
        };
        if let Some(path) = data {
            recipe.data.train = Some(path.to_owned());
            recipe.data.builtin = None;
        }
        recipe.set_all(&self.pairs()).map_err(|(number, error)| refused(&self.settings[number].by, error))?;
        if let Some(before) = before {
            recipe.settle(&before, |field| self.setting(field).is_some())?;
        }
        Ok(recipe)
    }

    /// Refuses a field that is set and not read, by what sets it.
    ///
    /// # Errors
    /// [`Error::Setting`], and [`Error::Recipe`] where nothing is known to set it.
    pub fn refuse_unread(&self, recipe: &Recipe) -> Result<()> {
        // Who sets a field by hand means something by it, also by its default.
        for Setting { by, field, .. } in &self.settings {
            recipe.refuse_field(field).map_err(|error| refused(by, error))?;
        }
        recipe.refuse_unread().map_err(|error| {
            let RecipeError::Unread { field, .. } = error else { return error.into() };
            let by = self.settings.iter().rev().find(|set| set.field == field).map(|set| set.by.clone());
            let file = || match &self.base {
                Some(Base::File(file)) => Some(file.display().to_string()),
                _ => None,
            };
            match by.or_else(file) {
                Some(by) => refused(&by, error),
                None => error.into(),
            }
        })
    }

    /// What a field is asked to be, if it is: what is left out follows it. What is no value is refused when all is applied.
    pub fn setting(&self, field: &str) -> Option<&str> {
        self.settings.iter().rev().find(|set| set.field == field).map(|set| set.value.as_str())
    }

    /// Fields and their values.
    fn pairs(&self) -> Vec<(&str, &str)> {
        self.settings.iter().map(|set| (set.field.as_str(), set.value.as_str())).collect()
    }

    /// The backbone that learns most in the minutes that there are, where it is another than the usual one; it is said.
    fn quickest(&self, path: &Path, task: Task, note: &mut dyn FnMut(&str)) -> Option<Backbone> {
        let backbone = tasks::quickest_backbone(path, task, &self.pairs())?;
        let (shown, usual) = (path.display(), task.backbone());
        note(&format!(
            "{shown} is long for so short a time, in which a {backbone} learns more of it than an {usual}; model.backbone names another"
        ));
        Some(backbone)
    }

    /// The task that data look made for; what they are taken for is said where it is another than text or music.
    fn task_of(&self, path: &Path, spell: &Spelling, note: &mut dyn FnMut(&str)) -> Option<Task> {
        let encoding = self.setting("data.encoding").and_then(|name| name.parse().ok());
        // What cannot be read is told of by whoever reads it.
        let (task, found) = tasks::of_data(path, encoding.unwrap_or_default()).ok()?;
        let (shown, by) = (path.display(), spell(None));
        let is_table = path.extension().is_some_and(|end| end == "csv" || end == "tsv");
        match task {
            Task::Text if is_table => {
                note(&format!(
                    "{shown} is taken for text, which is learnt by its characters; {by} names what a table is for"
                ));
                Some(task)
            }
            Task::Text if path.is_dir() => {
                let classify = spell(Some("classify"));
                note(&format!(
                    "{shown} is taken for a folder of texts; {classify} takes the name of each file for the class of its lines"
                ));
                Some(task)
            }
            Task::Text | Task::Music => Some(task),
            task => {
                let text = spell(Some("text"));
                note(&format!("{shown} {found}, so the task is {task}; {by} names another, as in {text}"));
                Some(task)
            }
        }
    }

    /// Refuses to change what a run's weights and tokenizer decide.
    fn refuse_sizes(&self, from: &Path) -> Result<()> {
        let known = Run::open(from)?.recipe()?;
        for Setting { by, field, value } in &self.settings {
            let mut asked = known.clone();
            asked.set(field, value).map_err(|error| refused(by, error))?;
            let decided =
                DECIDED.iter().any(|decided| field.starts_with(decided)) && !field.ends_with("dropout");
            if decided && asked != known {
                let there = known.get(field).unwrap_or_else(|| "none".to_owned());
                let from = from.display();
                let sentence = format!(
                    "{field} is {value}, and {there} in {from}; leave it out, for its weights are for that"
                );
                return Err(refused(by, RecipeError::Conflict(sentence)));
            }
        }
        Ok(())
    }
}

fn refused(by: &str, source: RecipeError) -> Error {
    Error::Setting { by: by.to_owned(), source }
}
