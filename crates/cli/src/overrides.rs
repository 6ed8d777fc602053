//! The recipe that a command line asks for: a recipe file and flags that override its fields.

use std::path::{Path, PathBuf};

use anaphora::recipe::{Accepts, Field, Flag, fields};
use anaphora::tasks::{Asked, Base, Setting};
use anaphora::{Recipe, Run};
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::error::Result;
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
    /// What is asked of a training on the data at `path`, where it is given, that goes on from a run, where one is.
    pub fn asked(&self, path: Option<&Path>, from: Option<&Path>) -> Asked {
        Asked {
            base: self.recipe.clone().map(Base::File),
            data: path.map(Path::to_owned),
            from: from.map(Path::to_owned),
            settings: self.overrides.0.clone(),
        }
    }

    /// The run whose recipe it is, where the file lies in one.
    pub fn of_run(&self) -> Option<&Path> {
        let folder = self.recipe.as_ref()?.parent()?;
        Run::open(folder).is_ok().then_some(folder)
    }

    /// The help of the command that has these arguments, where it is asked for.
    pub fn help(&self, mut program: Command, name: &'static str) -> Result<Option<String>> {
        let Some(which) = &self.help else { return Ok(None) };
        let asked = self.asked(None, None);
        let setting = |field: &str| asked.setting(field).map(str::to_owned);
        let recipe = match &self.recipe {
            Some(file) => Recipe::read_under(file, setting)?,
            None => Recipe::for_settings(setting),
        };
        program = program.mut_subcommand(name, |command| describe(command, &recipe, which == "all"));
        program.build();
        let command = program.find_subcommand_mut(name);
        Ok(command.map(|command| command.render_help().to_string()))
    }
}

/// The recipe that is asked for; what its data are taken for is said.
pub fn recipe_of(asked: &Asked) -> Result<Recipe> {
    let spell = |task: Option<&str>| task.map_or("--task".to_owned(), |task| format!("--task {task}"));
    Ok(asked.recipe(&spell, &mut |note| tell(&format!("Note: {note}.")))?)
}

/// What the flags on a command line set.
#[derive(Clone, Debug, Default)]
struct Overrides(Vec<Setting>);

/// The fields that have a flag; the others are set with `--set`.
fn flags() -> impl Iterator<Item = (&'static Field, Flag)> {
    fields().filter_map(|field| Some((field, field.flag?)))
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
                let (by, field) = (format!("--{}", flag.name), field.path.to_owned());
                overrides.push(Setting { by, field, value: value.clone() });
            }
        }
        for setting in matches.get_many::<String>("set").into_iter().flatten() {
            let Some((field, value)) = setting.split_once('=') else {
                let message = format!("--set {setting}: an = is missing, as in --set training.clip=0.5\n");
                return Err(clap::Error::raw(clap::error::ErrorKind::ValueValidation, message));
            };
            let (field, value) = (field.trim().to_owned(), value.trim().to_owned());
            overrides.push(Setting { by: format!("--set {setting}"), field, value });
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
        let settings = Overrides::from_arg_matches(&matches).unwrap().0;
        recipe_of(&Asked { settings, ..Asked::default() })
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
