//! `anaphora train`: learn from a file.

use std::path::{Path, PathBuf};

use anaphora::Run;
use anaphora::run::Kept;

use crate::error::{Failure, Result};
use crate::input::{self, is_read_once};
use crate::output::{print, tell};
use crate::overrides::{RecipeArgs, recipe_of};
use crate::training;

const EXAMPLES: &str = "\
Examples:
  anaphora train tunes.abc                           all by default; the run goes to runs/tunes
  anaphora train novel.txt --minutes 5               end after five minutes
  anaphora train novel.txt --valid other.txt --backbone gru --layers 2 --hidden 512 --out runs/novel
  anaphora train novel.txt --tokenizer bpe:4096
  anaphora train tweets.tsv --task classify          the class of a text, a series, a sound or a picture
  anaphora train sentences.conll --task tag          a tag for each word of a sentence
  anaphora train --source train.de --target train.en --valid dev.de --valid-target dev.en
  anaphora train --builtin names                     without a file
  anaphora train --recipe runs/novel/recipe.toml --seed 2 --out runs/novel-2
  anaphora train new.txt --from runs/novel           from the weights of another run
  anaphora train --task classify --help              the options of a task; --help all for every flag

A recipe file overrides the defaults, flags override the recipe, --set overrides both. `anaphora recipe` prints every field \
and what it means before a training; the recipe that was used is in the run folder as recipe.toml. Where no end is set, training ends when the \
validation loss no longer falls. Ctrl-C saves and stops; `anaphora resume` goes on, also after a crash.";

/// Learn from a file: tunes, text, labelled examples, sentence pairs, captions, series
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, disable_help_flag = true)]
pub struct Args {
    /// What to learn from: a file, a folder, or - for standard input; what is in it decides what is learnt, or --task
    path: Option<PathBuf>,
    /// Run folder to write [default: runs/NAME, after the data]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Run to go on from: its weights are those to begin with; tokenizer, sizes and all other fields are its own, but data and end
    #[arg(long, value_name = "RUN", conflicts_with = "recipe")]
    from: Option<PathBuf>,
    #[command(flatten)]
    recipe: RecipeArgs,
    /// Print a line of JSON an event on standard output, and nothing else there
    #[arg(long)]
    json: bool,
}

/// Trains.
pub fn run(args: &Args) -> Result<()> {
    if let Some(help) = args.recipe.help(crate::program(), "train")? {
        return print(&help);
    }
    let mut kept = Piped::default();
    let path = match &args.path {
        Some(path) if is_read_once(path) => Some(kept.keep(path, "data.train", args.out.as_deref())?),
        path => path.clone(),
    };
    let asked = args.recipe.asked(path.as_deref(), args.from.as_deref());
    let mut recipe = recipe_of(&asked)?;
    for (field, path) in recipe.data.paths_mut() {
        if let Some(path) = path.as_mut().filter(|path| is_read_once(path)) {
            *path = kept.keep(path, field, args.out.as_deref())?;
        }
    }
    recipe.validate().map_err(anaphora::Error::from)?;
    asked.refuse_unread(&recipe)?;
    let folder = match (kept.run(), &args.out) {
        (Some(run), _) => run.to_owned(),
        (None, Some(folder)) => folder.clone(),
        (None, None) => Run::default_for(&recipe)?,
    };
    if let Some(run) = args.recipe.of_run().filter(|_| args.out.is_none()) {
        let resume = format!("anaphora resume {}", training::quoted(run));
        tell(&format!("Note: this is a new run, from the beginning; `{resume}` goes on with that one."));
    }
    let outcome = training::show(&folder, args.json, |observer| match &args.from {
        Some(from) => anaphora::fine_tune(&recipe, from, &folder, observer),
        None => anaphora::train(&recipe, &folder, observer),
    })?;
    if !args.json {
        training::summarise(&folder, &outcome);
    }
    Ok(())
}

/// What came from standard input or pipes, kept in the run that is to learn it.
#[derive(Default)]
struct Piped(Option<Kept>);

impl Piped {
    /// Keeps what the field of the recipe names, in the run `out` or in one of a name of its own.
    fn keep(&mut self, path: &Path, field: &str, out: Option<&Path>) -> Result<PathBuf> {
        if self.0.is_none() {
            let run = out.map_or_else(|| Run::default_path("runs", "stdin"), Path::to_owned);
            self.0 = Some(Kept::new(run).map_err(|error| match error {
                taken @ anaphora::Error::FolderTaken(_) => Failure::call(taken),
                error => error.into(),
            })?);
        }
        let Some(kept) = &self.0 else { unreachable!("it was made") };
        let (file, mut writer) = kept.create(field)?;
        input::copy(path, &mut writer)?;
        Ok(file)
    }

    /// The run, where something was kept in it.
    fn run(&self) -> Option<&Path> {
        self.0.as_ref().map(Kept::run)
    }
}
