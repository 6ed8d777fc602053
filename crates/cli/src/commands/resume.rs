//! `anaphora resume`: go on with a training.

use std::path::PathBuf;

use crate::error::Result;
use crate::training;

const EXAMPLES: &str = "\
Examples:
  anaphora resume runs/tunes

The training goes on from its newest checkpoint as if it had never been stopped: it ends with the same bits.";

/// Go on with a training that was stopped or killed
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Run folder
    run: PathBuf,
    /// Print a line of JSON an event on standard output, and nothing else there
    #[arg(long)]
    json: bool,
}

/// Resumes.
pub fn run(args: &Args) -> Result<()> {
    let outcome = training::show(&args.run, args.json, |observer| anaphora::resume(&args.run, observer))?;
    if !args.json {
        training::summarise(&args.run, &outcome);
    }
    Ok(())
}
