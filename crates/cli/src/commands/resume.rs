//! `anaphora resume`: go on with a training.

use std::path::PathBuf;

use anaphora::Run;
use anaphora::training::Budget;

use crate::error::{Failure, Result};
use crate::numbers::whole;
use crate::output::{counted, tell};
use crate::training;

const EXAMPLES: &str = "\
Examples:
  anaphora resume runs/tunes                 to the end that its recipe sets
  anaphora resume runs/tunes --minutes 5     five minutes more, also where it had ended

The training goes on from its newest checkpoint as if it had never been stopped: it ends with the same bits. With --steps, --epochs or \
--minutes it goes on for so much more than it has done; recipe.toml has the new end then, in place of the old one, and the learning rate \
falls towards that. Other fields of recipe.toml may be edited before, such as training.learning_rate.";

/// Go on with a training that was stopped, killed or came to its end
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Run folder
    run: PathBuf,
    /// Optimizer steps to go on for
    #[arg(long, value_name = "N", value_parser = whole::<u64>(1, u64::MAX))]
    steps: Option<u64>,
    /// Passes over the data to go on for
    #[arg(long, value_name = "X")]
    epochs: Option<f64>,
    /// Minutes to go on for
    #[arg(long, value_name = "X")]
    minutes: Option<f64>,
    /// Print a line of JSON an event on standard output, and nothing else there
    #[arg(long)]
    json: bool,
}

/// Resumes.
pub fn run(args: &Args) -> Result<()> {
    let Args { run, steps, epochs, minutes, json } = args;
    let budget = Budget { steps: *steps, epochs: *epochs, minutes: *minutes };
    for (flag, value) in [("--epochs", epochs), ("--minutes", minutes)] {
        if let Some(value) = value.filter(|value| !(value.is_finite() && *value > 0.0)) {
            return Err(Failure::call(format!("{flag} is {value}; it takes a number above 0")));
        }
    }
    let before = Run::open(run)?.info().clone();
    let outcome = training::show(run, *json, |observer| anaphora::resume(run, budget, observer))?;
    if *json {
        return Ok(());
    }
    match before.ended.filter(|_| outcome.steps == before.steps) {
        Some(why) => {
            let (steps, run) = (counted(before.steps as usize, "step"), training::quoted(run));
            let way = format!("anaphora resume {run} --steps 1000");
            tell(&format!(
                "This training had ended after {steps}: {why}.\n\
                 Go on with     {way}\n\
                 or for so many --epochs or --minutes more."
            ));
        }
        None => training::summarise(run, &outcome),
    }
    Ok(())
}
