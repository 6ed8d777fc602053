//! Which tasks, backbones and values of other fields read a field.
//!
//! A field that is set where nothing reads it is refused ([`Recipe::refuse_unread`]): whoever sets it expects
//! that it changes something. A new task is added to those of the lists below to which it belongs.

use toml::{Table, Value};

use super::Backbone::{Gru, Lstm, Rnn, Transformer};
use super::Task::{
    Auto, Caption, Chorales, Classify, Events, Forecast, Memory, Music, Regress, Tag, Text, Trajectory,
    Translate,
};
use super::field::{listed, word};
use super::{Backbone, Builtin, Input, Recipe, Task, lookup};

/// One condition under which a field is read.
#[derive(Clone, Copy, Debug)]
pub(super) enum When {
    /// The task is one of these.
    Tasks(&'static [Task]),
    /// The task is none of these.
    NotTasks(&'static [Task]),
    /// The backbone is one of these.
    Backbones(&'static [Backbone]),
    /// A field has one of these words, or one that only the data decide.
    Is(&'static str, &'static [&'static str]),
    /// A field has none of these words.
    Not(&'static str, &'static [&'static str]),
    /// A field is set, and not to 0 or false.
    Set(&'static str),
    /// A field is left out, 0 or false.
    Unset(&'static str),
    /// The condition holds where the task is one of these; other tasks do not ask for it.
    For(&'static [Task], &'static When),
}

use When::{Backbones, For, Is, Not, NotTasks, Set, Tasks, Unset};

/// Language models: their data are one stream of tokens, from which windows are drawn.
pub(super) const STREAMED: &[Task] = &[Music, Text, Events];
/// Tasks that cut text into tokens.
pub(super) const TOKENIZED: &[Task] = &[Music, Text, Classify, Regress, Translate, Caption, Tag];
/// Tasks whose examples are split into those to learn, to validate on and to test on.
pub(super) const SPLIT: &[Task] = &[Classify, Regress, Translate, Caption, Trajectory, Chorales, Events, Tag];
/// Tasks whose data may be a table.
pub(super) const TABLES: &[Task] = &[Classify, Regress, Translate, Caption, Forecast, Trajectory, Tag];
/// Tasks whose examples are texts, rows of numbers, sounds or pictures, each with what is predicted of it.
pub(super) const EXAMPLES: &[Task] = &[Classify, Regress];
/// Tasks whose data have a column of what is predicted.
pub(super) const LABELLED: &[Task] = &[Classify, Regress, Tag];
/// Tasks that read one sequence and write another.
pub(super) const PAIRS: &[Task] = &[Translate, Caption];
/// Tasks that forecast series.
pub(super) const SERIES: &[Task] = &[Forecast, Trajectory];
/// Tasks with a linear map beside the network.
pub(super) const SHORTCUT: &[Task] = &[Classify, Forecast, Trajectory];
/// Tasks that predict one thing of a whole sequence.
pub(super) const POOLED: &[Task] = &[Classify, Regress, Forecast, Trajectory, Memory];
/// Tasks that read the whole sequence before they predict.
pub(super) const WHOLE: &[Task] = &[Classify, Regress, Translate, Caption, Forecast, Trajectory, Memory, Tag];
/// Tasks whose batches are whole examples.
pub(super) const BATCHED: &[Task] =
    &[Classify, Regress, Translate, Caption, Forecast, Trajectory, Chorales, Tag];

/// The backbone is a Transformer.
pub(super) const TRANSFORMERS: When = Backbones(&[Transformer]);
/// The backbone is recurrent.
pub(super) const RECURRENT: When = Backbones(&[Rnn, Gru, Lstm]);
/// The data are not made by rule.
pub(super) const FROM_FILE: When = Unset("data.builtin");
/// Examples that may be of several kinds are texts.
pub(super) const OF_TEXT: When = For(EXAMPLES, &Is("data.input", &["text"]));
/// They are rows of a table.
pub(super) const OF_TABLE: When = For(EXAMPLES, &Is("data.input", &["text", "numbers"]));

/// A recipe as conditions see it.
pub(super) struct View {
    pub task: Task,
    backbone: Backbone,
    input: Option<Input>,
    table: Table,
}

impl View {
    pub fn of(recipe: &Recipe, table: Table) -> Self {
        let task = recipe.task_at_hand();
        let input = match (task, recipe.data.builtin, recipe.data.input) {
            (Forecast | Trajectory, ..) | (Classify, Some(Builtin::Waves), _) => Some(Input::Numbers),
            (Classify, Some(Builtin::Shapes), _) => Some(Input::Patches),
            (Classify | Regress, Some(_), _) => Some(Input::Text),
            (Caption, _, Input::Auto) => Some(Input::Picture),
            (_, _, Input::Auto) => None,
            (_, _, input) => Some(input),
        };
        Self { task, backbone: recipe.model.backbone, input, table }
    }

    pub fn value(&self, path: &str) -> Option<&Value> {
        lookup(&self.table, path)
    }

    /// The word that a field has; none where it has none, or where the data decide.
    fn word(&self, path: &str) -> Option<String> {
        match path {
            "data.input" => self.input.map(word),
            // Without its size.
            "data.tokenizer" => {
                let text = self.value(path)?.as_str()?;
                let kind = text.split(':').next().unwrap_or(text);
                Some(if text.ends_with(".json") { "file" } else { kind }.to_owned())
            }
            _ => self.value(path)?.as_str().map(str::to_owned),
        }
    }

    fn is_set(&self, path: &str) -> bool {
        match self.value(path) {
            None | Some(Value::Boolean(false) | Value::Integer(0)) => false,
            Some(_) => true,
        }
    }

    /// Whether the task may be one of these.
    fn may_be(&self, tasks: &[Task]) -> bool {
        match self.task {
            Auto => tasks.contains(&Music) || tasks.contains(&Text),
            task => tasks.contains(&task),
        }
    }

    /// Why a field is not read, if it is not: what reads it, and what there is instead.
    pub fn unread(&self, readers: &[When]) -> Option<(String, String)> {
        let broken = readers.iter().find(|when| !when.holds(self))?;
        Some((broken.phrase(), broken.instead(self)))
    }
}

impl When {
    fn holds(&self, view: &View) -> bool {
        match *self {
            Tasks(tasks) => view.may_be(tasks),
            NotTasks(tasks) => view.task == Auto || !tasks.contains(&view.task),
            Backbones(backbones) => backbones.contains(&view.backbone),
            Is("data.input", words) => view.word("data.input").is_none_or(|word| words.contains(&&*word)),
            Is(path, words) => view.word(path).is_some_and(|word| words.contains(&&*word)),
            Not(path, words) => view.word(path).is_none_or(|word| !words.contains(&&*word)),
            Set(path) => view.is_set(path),
            Unset(path) => !view.is_set(path),
            For(tasks, when) => !tasks.contains(&view.task) || when.holds(view),
        }
    }

    /// What reads the field, as it stands behind "it is read".
    pub fn phrase(&self) -> String {
        let words = |values: &[_]| listed(&values.iter().map(Task::to_string).collect::<Vec<_>>(), "and");
        let s = |count: usize| if count == 1 { "" } else { "s" };
        match *self {
            Tasks(tasks) => format!("by the task{} {} only", s(tasks.len()), words(tasks)),
            NotTasks(tasks) => format!("by all tasks but {}", words(tasks)),
            Backbones(backbones) => {
                let names: Vec<String> = backbones.iter().map(word).collect();
                format!("by the backbone{} {} only", s(names.len()), listed(&names, "and"))
            }
            Is(path, words) => format!("only where {path} is {}", listed(words, "or")),
            Not(path, words) => format!("only where {path} is not {}", listed(words, "or")),
            Set(path) => format!("only where {path} is set"),
            Unset(path) => format!("only where {path} is left out"),
            For(_, when) => when.phrase(),
        }
    }

    /// What there is where it does not hold, as it stands behind "and".
    fn instead(&self, view: &View) -> String {
        match *self {
            Tasks(_) | NotTasks(_) if view.task == Auto => "this one is music or text".to_owned(),
            Tasks(_) | NotTasks(_) => format!("this one is {}", view.task),
            Backbones(_) => format!("this one is {}", view.backbone),
            Is(path, _) | Not(path, _) => match view.word(path) {
                Some(word) => format!("it is {word}"),
                None => "it is left out".to_owned(),
            },
            Set(_) => "it is not".to_owned(),
            Unset(path) => match view.value(path) {
                Some(value) => format!("it is {value}"),
                None => "it is set".to_owned(),
            },
            For(_, when) => when.instead(view),
        }
    }
}
