//! `anaphora evaluate`: how well a model predicts what it has not learnt.

use std::path::PathBuf;

use crate::device::DeviceArgs;
use crate::error::Result;
use crate::output::{counted, print, print_json};

const EXAMPLES: &str = "\
Examples:
  anaphora evaluate runs/tunes                     on the pieces that were held out in training
  anaphora evaluate runs/tunes --data other.abc    on another file
  anaphora evaluate runs/tunes --json

The loss is the mean over all characters, the end of each piece counted as one: 0 for a model that always knows what \
comes next. Perplexity is how many equally likely symbols the model hesitates between.";

/// Score a model on data that it has not learnt
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Run folder
    run: PathBuf,
    /// File or folder to score on [default: what the training held out]
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArgs,
    /// Print the score as a line of JSON
    #[arg(long)]
    json: bool,
}

/// Evaluates.
pub fn run(args: &Args) -> Result<()> {
    let device = args.device.open(&args.run)?;
    let report = anaphora::evaluate::evaluate(&args.run, args.data.as_deref(), &device)?;
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
