//! The recipe that a command line asks for: a recipe file and flags that override its fields.

use std::path::{Path, PathBuf};

use anaphora::recipe::{Accepts, Backbone, Field, Flag, RecipeError, Task, fields};
use anaphora::tasks;
use anaphora::{Recipe, Run};
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::error::{Failure, Result};
use crate::input::is_read_once;
use crate::output::tell;

/// A recipe file and flags.
#[derive(clap::Args)]
pub struct RecipeArgs {
    /// Recipe file (TOML) to start from
    #[arg(long, value_name = "FILE")]
    recipe: Option<PathBuf>,
    #[command(flatten)]
    overrides: Overrides,
    /// Print help, with the defaults of --task, --builtin and --backbone; --help all lists every flag
    #[arg(short, long, value_name = "all", num_args = 0..=1, default_missing_value = "common")]
    #[arg(value_parser = ["all", "common"], hide_possible_values = true)]
    help: Option<String>,
}

impl RecipeArgs {
    /// The recipe of a training on the data at `path`, where it is given, that goes on from a run, where one is.
    pub fn recipe(&self, path: Option<&Path>, from: Option<&Path>) -> Result<Recipe> {
        let Self { recipe: file, overrides, .. } = self;
        let source = overrides.setting("data.train").map(PathBuf::from);
        let named = file.is_some()
            || from.is_some()
            || ["task", "data.builtin", "data.target"].iter().any(|field| overrides.setting(field).is_some());
        let found = if named {
            None
        } else {
            path.or(source.as_deref()).filter(|path| !is_read_once(path)).and_then(|path| self.task_of(path))
        };
        let quickest =
            found.filter(|_| !named).and_then(|task| self.quickest(path.or(source.as_deref())?, task));
        let found = found.filter(|task| !task.continues());
        let setting = |field: &str| match (field, found, quickest) {
            ("task", Some(task), _) => Some(task.to_string()),
            ("model.backbone", _, Some(backbone)) => Some(backbone.to_string()),
            _ => overrides.setting(field),
        };
        let (mut recipe, before) = match (file, from) {
            (_, Some(from)) => {
                overrides.refuse_sizes(from)?;
                (Run::open(from)?.recipe()?.to_go_on(), None)
            }
            (Some(file), _) => (Recipe::read_under(file, setting)?, Some(Recipe::read_unvalidated(file)?)),
            (None, _) => (Recipe::for_settings(setting), None),
        };
        if let Some(path) = path {
            recipe.data.train = Some(path.to_owned());
            recipe.data.builtin = None;
        }
        overrides.apply(&mut recipe)?;
        if let Some(before) = before {
            let settled = recipe.settle(&before, |field| overrides.setting(field).is_some());
            settled.map_err(anaphora::Error::from)?;
        }
        Ok(recipe)
    }

    /// The backbone that learns most in the minutes that there are, where it is another than the usual one; it is said.
    fn quickest(&self, path: &Path, task: Task) -> Option<Backbone> {
        let settings: Vec<_> =
            self.overrides.0.iter().map(|(_, field, value)| (&**field, &**value)).collect();
        let backbone = tasks::quickest_backbone(path, task, &settings)?;
        let (shown, usual) = (path.display(), task.backbone());
        tell(&format!(
            "Note: of a text as long as {shown} a {backbone} learns more in this time than an {usual}; --backbone {usual} takes that."
        ));
        Some(backbone)
    }

    /// The task that data look made for; what they are taken for is said where it is another than text or music.
    fn task_of(&self, path: &Path) -> Option<Task> {
        let encoding = self.overrides.setting("data.encoding").and_then(|name| name.parse().ok());
        // What cannot be read is told of by whoever reads it.
        let (task, found) = tasks::of_data(path, encoding.unwrap_or_default()).ok()?;
        let shown = path.display();
        let is_table = path.extension().is_some_and(|end| end == "csv" || end == "tsv");
        match task {
            Task::Text if is_table => {
                tell(&format!(
                    "Note: {shown} is taken for text, which is learnt by its characters; --task names what a table is for."
                ));
                Some(task)
            }
            Task::Text if path.is_dir() => {
                tell(&format!(
                    "Note: {shown} is taken for a folder of texts; --task classify takes the name of each file for the class of its lines."
                ));
                Some(task)
            }
            Task::Text | Task::Music => Some(task),
            task => {
                tell(&format!(
                    "Note: {shown} {found}, so the task is {task}; --task names another, as in --task text."
                ));
                Some(task)
            }
        }
    }

    /// The run whose recipe it is, where the file lies in one.
    pub fn of_run(&self) -> Option<&Path> {
        let folder = self.recipe.as_ref()?.parent()?;
        Run::open(folder).is_ok().then_some(folder)
    }

    /// Refuses a field that is set and not read, by the flag or the file that sets it.
    pub fn refuse_unread(&self, recipe: &Recipe) -> Result<()> {
        // Who sets a field by hand means something by it, also by its default.
        for (flag, field, _) in &self.overrides.0 {
            recipe.refuse_field(field).map_err(|refused| Failure::call(format!("{flag}: {refused}")))?;
        }
        let Err(refused) = recipe.refuse_unread() else { return Ok(()) };
        let RecipeError::Unread { field, .. } = refused else { return Err(Failure::call(refused)) };
        let flag = self.overrides.flag(field).map(str::to_owned);
        let set_by = flag.or_else(|| Some(self.recipe.as_ref()?.display().to_string()));
        Err(Failure::call(set_by.map_or(refused.to_string(), |by| format!("{by}: {refused}"))))
    }

    /// The help of the command that has these arguments, where it is asked for.
    pub fn help(&self, mut program: Command, name: &'static str) -> Result<Option<String>> {
        let Some(which) = &self.help else { return Ok(None) };
        let recipe = match &self.recipe {
            Some(file) => Recipe::read_under(file, |field| self.overrides.setting(field))?,
            None => Recipe::for_settings(|field| self.overrides.setting(field)),
        };
        program = program.mut_subcommand(name, |command| describe(command, &recipe, which == "all"));
        program.build();
        let command = program.find_subcommand_mut(name);
        Ok(command.map(|command| command.render_help().to_string()))
    }
}

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

/// What the flags on a command line set: flag, field and value.
#[derive(Clone, Debug, Default)]
struct Overrides(Vec<(String, String, String)>);

/// The fields that have a flag; the others are set with `--set`.
fn flags() -> impl Iterator<Item = (&'static Field, Flag)> {
    fields().filter_map(|field| Some((field, field.flag?)))
}

impl Overrides {
    /// What a field is asked to be, if it is: what is left out follows it. What is no value is refused when all is applied.
    fn setting(&self, field: &str) -> Option<String> {
        let (_, _, value) = self.0.iter().rev().find(|(_, named, _)| named == field)?;
        Some(value.clone())
    }

    /// Refuses to change what a run's weights and tokenizer decide.
    fn refuse_sizes(&self, from: &Path) -> Result<()> {
        let known = Run::open(from)?.recipe()?;
        for (flag, field, value) in &self.0 {
            let mut asked = known.clone();
            asked.set(field, value).map_err(|error| Failure::call(format!("{flag}: {error}")))?;
            let decided =
                DECIDED.iter().any(|decided| field.starts_with(decided)) && !field.ends_with("dropout");
            if decided && asked != known {
                let there = known.get(field).unwrap_or_else(|| "none".to_owned());
                let from = from.display();
                return Err(Failure::call(format!(
                    "{flag}: {field} is {value}, and {there} in {from}; leave it out, for its weights are for that"
                )));
            }
        }
        Ok(())
    }

    /// The flag that sets a field, as it was written.
    fn flag(&self, field: &str) -> Option<&str> {
        let (flag, _, _) = self.0.iter().rev().find(|(_, named, _)| named == field)?;
        Some(flag)
    }

    /// Changes the recipe; what `--set` says comes last.
    fn apply(&self, recipe: &mut Recipe) -> Result<()> {
        let settings: Vec<_> =
            self.0.iter().map(|(_, field, value)| (field.as_str(), value.as_str())).collect();
        let refused = |(number, error): (usize, RecipeError)| {
            let (flag, _, _) = &self.0[number];
            Failure::call(format!("{flag}: {error}"))
        };
        recipe.set_all(&settings).map_err(refused)
    }
}

/// Gives each flag its help: what it means, what it takes, and its default in a recipe. Flags that the recipe does not read
/// are hidden, and, but for `all`, uncommon ones, too.
fn describe(mut command: Command, recipe: &Recipe, all: bool) -> Command {
    for (field, flag) in flags() {
        let accepts = match field.accepts {
            Accepts::OneOf(_) | Accepts::Tokens => format!(": {}", field.accepts),
            _ => String::new(),
        };
        let read = recipe.reads(field);
        let note = match recipe.get(field.path) {
            _ if !read => field.readers().map(|readers| format!(" [read {readers}]")),
            default => default.map(|value| format!(" [default: {value}]")),
        };
        let help = format!("{}{accepts}{}", field.help(), note.unwrap_or_default());
        let shown = all || read && flag.common;
        command = command.mut_arg(field.path, |arg| arg.help(help).hide(!shown));
    }
    command
}

impl clap::Args for Overrides {
    fn augment_args(mut command: Command) -> Command {
        for (field, flag) in flags() {
            let heading = match field.section() {
                "series" => "Series",
                "model" => "Model",
                "training" => "Training",
                _ => "Data",
            };
            let mut arg = Arg::new(field.path);
            if matches!(field.accepts, Accepts::Bool) {
                // The flag alone says yes.
                arg = arg.num_args(0..=1).require_equals(true).default_missing_value("true");
            }
            let arg = arg.long(flag.name).value_name(flag.value);
            command = command.arg(arg.help_heading(heading));
        }
        let set = Arg::new("set").long("set").value_name("FIELD=VALUE").action(ArgAction::Append);
        let help = "Set any field of the recipe, as in --set training.momentum=0.5; may be repeated, and \
                    `anaphora recipe` lists the fields";
        describe(command.arg(set.help(help)), &Recipe::default(), false)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for Overrides {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut overrides = Vec::new();
        for (field, flag) in flags() {
            if let Some(value) = matches.get_one::<String>(field.path) {
                overrides.push((format!("--{}", flag.name), field.path.to_owned(), value.clone()));
            }
        }
        for setting in matches.get_many::<String>("set").into_iter().flatten() {
            let Some((field, value)) = setting.split_once('=') else {
                let message = format!("--set {setting}: an = is missing, as in --set training.clip=0.5\n");
                return Err(clap::Error::raw(clap::error::ErrorKind::ValueValidation, message));
            };
            let (field, value) = (field.trim().to_owned(), value.trim().to_owned());
            overrides.push((format!("--set {setting}"), field, value));
        }
        Ok(Self(overrides))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args, FromArgMatches};

    use super::*;

    fn overrides(call: &[&str]) -> Result<Recipe> {
        let command = Overrides::augment_args(Command::new("train").no_binary_name(true));
        let command = crate::with_negative_numbers(command);
        let matches = command.try_get_matches_from(call).unwrap();
        let mut recipe = Recipe::default();
        Overrides::from_arg_matches(&matches).unwrap().apply(&mut recipe)?;
        Ok(recipe)
    }

    #[test]
    fn flags_and_settings_reach_the_recipe() {
        let call = ["--hidden", "64", "--learning-rate", "2e-3", "--set", "training.betas=[0.8, 0.9]"];
        let recipe = overrides(&call).unwrap();
        assert_eq!((recipe.model.hidden_size, recipe.training.learning_rate), (64, 2e-3));
        assert_eq!(recipe.training.betas, [0.8, 0.9]);
        let recipe = overrides(&["--set", "training.batch=7", "--batch", "5"]).unwrap();
        assert_eq!(recipe.training.batch, 7, "--set comes last");
        let recipe = overrides(&["--bidirectional", "--skip-bad=false"]).unwrap();
        assert!(recipe.model.bidirectional && !recipe.data.skip_bad);
    }

    #[test]
    fn no_two_flags_have_one_name() {
        let mut names: Vec<&str> = flags().map(|(_, flag)| flag.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn what_is_refused_names_the_flag() {
        let refused = |call: &[&str]| overrides(call).unwrap_err().sentence().unwrap().to_owned();
        let sentence = refused(&["--hidden", "-3"]);
        assert_eq!(
            sentence,
            "--hidden: field model.hidden_size is -3; it takes a whole number from 1 to 65536"
        );
        let sentence = refused(&["--set", "training.bach=3"]);
        assert!(
            sentence.ends_with("there is no field training.bach; did you mean training.batch?"),
            "{sentence}"
        );
    }
}
