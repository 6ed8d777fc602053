//! Flags that override fields of the recipe.

use anaphora::Recipe;
use anaphora::recipe::{Accepts, Field};
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::error::{Failure, Result};

/// A flag, the field that it sets, and what its value is called.
struct Flag(&'static str, &'static str, &'static str);

/// The fields that are set often enough to have a flag; the others are set with `--set`.
const FLAGS: &[Flag] = &[
    Flag("task", "task", "TASK"),
    Flag("builtin", "data.builtin", "NAME"),
    Flag("valid", "data.validation", "PATH"),
    Flag("source", "data.train", "FILE"),
    Flag("target", "data.target", "FILE"),
    Flag("valid-target", "data.validation_target", "FILE"),
    Flag("input", "data.input", "KIND"),
    Flag("label", "data.label_column", "COLUMN"),
    Flag("text", "data.text_column", "COLUMN"),
    Flag("labels", "data.labels", "KIND"),
    Flag("test-every", "data.test_every", "N"),
    Flag("test-files", "data.test_files", "PATTERN"),
    Flag("skip-bad", "data.skip_bad", "BOOL"),
    Flag("tokenizer", "data.tokenizer", "KIND"),
    Flag("horizon", "series.horizon", "N"),
    Flag("lookback", "series.lookback", "N"),
    Flag("test-from", "series.test_from", "DATE"),
    Flag("backbone", "model.backbone", "KIND"),
    Flag("nonlinearity", "model.nonlinearity", "KIND"),
    Flag("layers", "model.layers", "N"),
    Flag("hidden", "model.hidden_size", "N"),
    Flag("embedding", "model.embedding_size", "N"),
    Flag("heads", "model.heads", "N"),
    Flag("position", "model.position", "KIND"),
    Flag("attention", "model.attention", "KIND"),
    Flag("pooling", "model.pooling", "KIND"),
    Flag("head", "model.head", "KIND"),
    Flag("notes", "model.notes", "KIND"),
    Flag("dropout", "model.dropout", "SHARE"),
    Flag("batch", "training.batch", "N"),
    Flag("length", "training.length", "N"),
    Flag("steps", "training.steps", "N"),
    Flag("epochs", "training.epochs", "X"),
    Flag("minutes", "training.minutes", "X"),
    Flag("learning-rate", "training.learning_rate", "X"),
    Flag("seed", "training.seed", "N"),
    Flag("threads", "training.threads", "N"),
    Flag("precision", "training.precision", "KIND"),
];

/// What the flags on a command line set: flag, field and value.
#[derive(Clone, Debug, Default)]
pub struct Overrides(Vec<(String, String, String)>);

impl Overrides {
    /// What a field is asked to be, if it is: what is left out follows it. What is no value is refused when all is applied.
    pub fn setting(&self, field: &str) -> Option<String> {
        let (_, _, word) = self.0.iter().rev().find(|(_, named, _)| named == field)?;
        Some(word.clone())
    }

    /// Changes the recipe; what `--set` says comes last.
    pub fn apply(&self, recipe: &mut Recipe) -> Result<()> {
        for (flag, field, value) in &self.0 {
            recipe.set(field, value).map_err(|error| Failure::call(format!("{flag}: {error}")))?;
        }
        Ok(())
    }
}

impl clap::Args for Overrides {
    fn augment_args(mut command: Command) -> Command {
        let defaults = serde_json::to_value(Recipe::default()).unwrap_or_default();
        for Flag(flag, path, value) in FLAGS {
            let field = Field::find(path).expect("each flag names a field of the recipe");
            let (section, name) = path.split_once('.').unwrap_or(("", path));
            let default = if section.is_empty() { &defaults[name] } else { &defaults[section][name] };
            let default = match default {
                serde_json::Value::Null => String::new(),
                serde_json::Value::String(word) => format!(" [default: {word}]"),
                number => format!(" [default: {number}]"),
            };
            let accepts = match field.accepts {
                Accepts::Word(_) | Accepts::Kind => format!(": {}", field.accepts),
                _ => String::new(),
            };
            let heading = match section {
                "series" => "Series",
                "model" => "Model",
                "training" => "Training",
                _ => "Data",
            };
            let mut help = field.help.to_owned();
            help[..1].make_ascii_uppercase();
            let mut arg = Arg::new(*path);
            if matches!(field.accepts, Accepts::Flag) {
                // The flag alone says yes.
                arg = arg.num_args(0..=1).require_equals(true).default_missing_value("true");
            }
            command = command.arg(
                arg.long(*flag)
                    .value_name(*value)
                    .help(format!("{help}{accepts}{default}"))
                    .help_heading(heading)
                    // So that "-3" is looked at as a number, and refused as one.
                    .allow_negative_numbers(true),
            );
        }
        command.arg(
            Arg::new("set")
                .long("set")
                .value_name("FIELD=VALUE")
                .help("Set any field of the recipe, as in --set training.clip=0.5; may be repeated")
                .action(ArgAction::Append),
        )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for Overrides {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut overrides = Vec::new();
        for Flag(flag, path, _) in FLAGS {
            if let Some(value) = matches.get_one::<String>(path) {
                overrides.push((format!("--{flag}"), (*path).to_owned(), value.clone()));
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
