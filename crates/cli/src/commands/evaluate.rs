//! `anaphora evaluate`: how well a model predicts what it has not learnt.

use std::path::PathBuf;

use anaphora::model::Compute;
use anaphora::tasks::{self, Opened, Split};
use anaphora::{Device, Run};
use clap::ValueEnum;

use crate::device::DeviceArgs;
use crate::error::{Failure, Result};
use crate::input::Spool;
use crate::output::{counted, print, print_json, refuse_overwriting, save_picture, tell};
use crate::search::SearchArgs;

const EXAMPLES: &str = "\
Examples:
  anaphora evaluate runs/tunes                     on the pieces that were held out in training
  anaphora evaluate runs/tunes --data other.abc    on another file
  anaphora evaluate runs/tunes --json
  anaphora evaluate runs/splice --split test       on the examples that --test-every kept

The loss is the mean over all characters, the end of each piece counted as one: 0 for a model that always knows what \
comes next. A perplexity of N is the uncertainty of a choice among N equally likely symbols.";

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SplitName {
    /// What was held out to choose the best model by
    Validation,
    /// What was kept away from the training
    Test,
}

/// Score a model on data that it has not learnt
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Run folder
    run: PathBuf,
    /// File or folder to score on, - for standard input [default: what the training held out]
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// File with the truths, where they are not in the one named with --data: translations, line by line
    #[arg(long, value_name = "PATH", requires = "data")]
    target: Option<PathBuf>,
    #[command(flatten)]
    search: SearchArgs,
    /// Which of the examples of the training to score on
    #[arg(long, value_name = "SPLIT", conflicts_with = "data")]
    split: Option<SplitName>,
    /// Draw the first of the forecasts, as SVG
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Write over the picture's file where it is there already
    #[arg(long, requires = "plot")]
    force: bool,
    #[command(flatten)]
    device: DeviceArgs,
    /// Print the score as a line of JSON
    #[arg(long)]
    json: bool,
}

/// Evaluates.
pub fn run(args: &Args) -> Result<()> {
    args.plot.iter().try_for_each(|path| refuse_overwriting(path, args.force))?;
    let device = args.device.open(&args.run)?;
    if Run::open(&args.run)?.info().task.continues() {
        language(args, device)
    } else {
        examples(args, device)
    }
}

/// Scores a model that continues texts.
fn language(args: &Args, device: Device) -> Result<()> {
    if args.split == Some(SplitName::Test) {
        let sentence = "--split test: a model of text or music keeps no test data; name a file with --data";
        return Err(Failure::call(sentence));
    }
    let mut spool = Spool::default();
    let data = args.data.as_ref().map(|path| spool.file(path)).transpose()?;
    let report = anaphora::tasks::language::evaluate(&args.run, data.as_deref(), &mut Compute::new(device))?;
    if args.json {
        return print_json(&report);
    }
    let rows = [
        ("loss", format!("{:.4} nats a character", report.loss)),
        ("bits", format!("{:.4} a character", report.bits)),
        ("perplexity", format!("{:.3}", report.perplexity)),
        (
            "read",
            format!("{} in {}", counted(report.characters, "character"), counted(report.pieces, "piece")),
        ),
    ];
    print(&rows.map(|(name, value)| format!("{name:<12}{value}\n")).concat())
}

/// Scores a model that predicts from examples.
fn examples(args: &Args, device: Device) -> Result<()> {
    let mut spool = Spool::default();
    let split = match (&args.data, args.split) {
        (Some(path), _) => {
            let target = args.target.as_ref().map(|target| spool.file(target)).transpose()?;
            Split::Data(spool.file(path)?, target)
        }
        (None, Some(SplitName::Test)) => Split::Test,
        (None, _) => Split::Validation,
    };
    let opened = tasks::open(&args.run, device.precision())?;
    let options = args.search.options(matches!(&opened, Opened::Predicts(model) if model.searches()))?;
    let mut report = opened.evaluate(&args.run)?.evaluate(&mut Compute::new(device), &split, &options)?;
    if !args.json {
        report.notes.iter().for_each(|note| tell(&format!("Note: {note}.")));
    }
    if let Some(path) = &args.plot {
        save_picture(path, report.picture.take())?;
    }
    if args.json {
        return print_json(&report.to_json());
    }
    let width = report.scores.iter().map(|(name, _)| name.len() + 2).max().unwrap_or(0).max(12);
    let row = |(name, score): &(&str, f64)| format!("{:<width$}{score:.4}\n", name.replace('_', " "));
    let mut text: String = report.scores.iter().map(row).collect();
    text += &format!("{:<width$}{}\n", "scored", counted(report.examples, report.example));
    if let Some(table) = &report.table {
        text += &format!("\n{table}");
    }
    print(&text)
}
