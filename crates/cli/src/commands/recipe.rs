//! `anaphora recipe`: what a training would use.

use std::path::PathBuf;

use crate::error::Result;
use crate::output::{print, print_json};
use crate::overrides::{RecipeArgs, recipe_of};

const EXAMPLES: &str = "\
Examples:
  anaphora recipe                                    every field that a language model reads
  anaphora recipe --task classify > mine.toml        then change it, and `anaphora train DATA --recipe mine.toml`
  anaphora recipe --builtin copy --backbone transformer
  anaphora recipe --recipe runs/novel/recipe.toml --backbone gru

Each field has a comment that says what it means and what it takes; fields that the task and the backbone do not read are \
left out. Any field can be set on the command line of `anaphora train` by --set FIELD=VALUE.";

/// Print the recipe that a training would use: every field with its default and what it means
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, disable_help_flag = true)]
pub struct Args {
    /// What to learn from, as for `anaphora train`; what is in it decides the task where none is named
    path: Option<PathBuf>,
    #[command(flatten)]
    recipe: RecipeArgs,
    /// Print it as one object of JSON
    #[arg(long)]
    json: bool,
}

/// Prints the recipe.
pub fn run(args: &Args) -> Result<()> {
    if let Some(help) = args.recipe.help(crate::program(), "recipe")? {
        return print(&help);
    }
    let asked = args.recipe.asked(args.path.as_deref(), None);
    let recipe = recipe_of(&asked)?;
    recipe.validate_without_data().map_err(anaphora::Error::from)?;
    asked.refuse_unread(&recipe)?;
    if args.json {
        return print_json(&recipe.to_json().map_err(anaphora::Error::from)?);
    }
    print(&recipe.to_toml().map_err(anaphora::Error::from)?)
}
