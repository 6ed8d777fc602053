//! `anaphora demo`: all of it in a minute, without a file.

use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use anaphora::decoding::GenerateOptions;
use anaphora::decoding::sampling::SamplingOptions;
use anaphora::model::Compute;
use anaphora::recipe::Builtin;
use anaphora::tasks::language::Generator;
use anaphora::training::Ended;
use anaphora::{Device, Recipe, Run};

use crate::error::{Failure, Result};
use crate::interrupt;
use crate::keep::Keeper;
use crate::novelty;
use crate::output::{print, tell};
use crate::training;

/// Of the seconds that the demonstration is to take, those that are not for training.
const WRITING: f64 = 4.0;

/// How often a tune that is not complete is written anew: short trainings leave many such.
const RETRY: usize = 10;

/// Tunes that are written for one to be shown.
const TUNES: usize = 6;

/// A number for the tune: each occurs once, so the model cannot have learnt to make them up.
const PROMPT: &str = "X:1\nT:";

/// Learn from built-in tunes for a minute, write a new one and play it; needs no file
#[derive(clap::Args)]
pub struct Args {
    /// About how long it may take
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(10..=86_400))]
    seconds: u32,
}

/// Shows what the program does.
pub fn run(args: &Args) -> Result<()> {
    let folder = Run::default_path("runs", "demo");
    let recipe = recipe(f64::from(args.seconds) - WRITING);
    tell("Learning from the built-in tunes, to write a new one.\n");
    let outcome = training::show(&folder, false, |observer| anaphora::train(&recipe, &folder, observer))?;
    if outcome.ended == Ended::Stopped {
        training::summarise(&folder, &outcome);
        return Ok(());
    }
    let precision = anaphora::training::precision(recipe.training.precision);
    let generator = Generator::open(&folder, precision)?;
    let mut compute = Compute::new(Device::new(recipe.training.threads, precision));
    let sampling = SamplingOptions { temperature: 0.7, ..SamplingOptions::default() };
    let options = GenerateOptions {
        prompts: vec![PROMPT.into()],
        sampling,
        count: TUNES,
        seed: 1,
        retry: RETRY,
        ..GenerateOptions::default()
    };
    let interrupted = interrupt::watch("Stopping.")?;
    let pieces = generator.generate(&mut compute, &options, &mut |_| {
        if interrupted.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    if interrupted.load(Ordering::Relaxed) {
        return Err(Failure::Interrupted);
    }
    // A complete tune may be a single bar: the longest of several is worth hearing.
    let best = pieces.iter().max_by_key(|piece| (piece.incomplete.is_none(), piece.text.len()));
    let piece = best.expect("at least one tune was asked for");
    tell("\nA new tune:\n");
    print(&piece.text)?;
    if let Some(reason) = &piece.incomplete {
        tell(&format!("It is not complete: {reason}. More time, as with --seconds 180, helps."));
    }
    let files = Keeper::new(Some(folder.join("generated")), true, true, true, None)?.keep(&piece.text)?;
    tell("\nIt is in these files; the last one can be played:");
    for file in &files {
        tell(&format!("  {}", file.display()));
    }
    let written = piece.text.strip_prefix(PROMPT).unwrap_or_default();
    let training = generator.trained().corpus()?.train;
    tell(&novelty::line(&generator.novelty(&[written], &training)?));
    let run = folder.display();
    let next = [
        (format!("anaphora generate {run} --count 3 --wav"), "more of them"),
        (format!("anaphora generate {run} --meter 6/8 --key G"), "one to your taste"),
        ("anaphora train your-tunes.abc".to_owned(), "learn from your own"),
        ("anaphora --help".to_owned(), "all else"),
    ];
    tell("\nWhat to do next:");
    let width = next.iter().map(|(command, _)| command.len()).max().unwrap_or(0);
    for (command, what) in &next {
        tell(&format!("  {command:<width$}  {what}"));
    }
    Ok(())
}

/// A small model that learns fast.
fn recipe(seconds: f64) -> Recipe {
    let mut recipe = Recipe::default();
    recipe.data.builtin = Some(Builtin::Tunes);
    recipe.model.hidden_size = 256;
    recipe.model.embedding_size = Some(64);
    recipe.model.dropout = 0.1;
    recipe.training.minutes = Some(seconds / 60.0);
    recipe.training.batch = 16;
    recipe.training.length = 64;
    recipe.training.learning_rate = 4e-3;
    recipe.training.warmup_steps = 20;
    recipe.training.validate_every = 200;
    recipe
}
