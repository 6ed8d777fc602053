//! `anaphora completions`: what a shell completes of a call.

use clap_complete::Shell;

use crate::error::{Failure, Result};
use crate::output::print;

const EXAMPLES: &str = "\
Examples:
  anaphora completions bash > ~/.local/share/bash-completion/completions/anaphora
  anaphora completions zsh > _anaphora          in a folder of $fpath, before compinit
  anaphora completions fish > ~/.config/fish/completions/anaphora.fish
  anaphora completions powershell >> $PROFILE";

/// Write what a shell needs to complete calls of this program
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The shell
    shell: Shell,
}

/// Writes the script to standard output.
pub fn run(args: &Args, mut program: clap::Command) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut program, "anaphora", &mut script);
    print(&String::from_utf8(script).map_err(Failure::failed)?)
}
