//! `anaphora predict`: what a model says of new input.

use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::path::PathBuf;

use anaphora::model::Compute;
use anaphora::tasks::{self, Input};

use crate::device::DeviceArgs;
use crate::error::Result;
use crate::input::{STANDARD_INPUT, Spool};
use crate::output::{counted, print, print_json, refuse_overwriting, save_picture, tell};
use crate::search::SearchArgs;

const EXAMPLES: &str = "\
Examples:
  anaphora predict runs/tweets --text \"what a day\"      one text
  anaphora predict runs/tweets new.txt                  each line of a file; empty ones give an empty line
  anaphora predict runs/digits seven.wav eight.wav      each file
  cut -f2 more.tsv | anaphora predict runs/tweets       each line of standard input, as it comes
  anaphora predict runs/sales --plot forecast.svg       how the series goes on that it learnt from
  anaphora predict runs/tweets new.txt --json           an object a line, with all there is to know";

/// Predict from new input
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Run folder
    run: PathBuf,
    /// Files to predict from, - for standard input [default: the lines of standard input]
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A text to predict from; may be repeated
    #[arg(long, value_name = "TEXT")]
    text: Vec<String>,
    /// Draw what is predicted, as SVG
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Write over the picture's file where it is there already
    #[arg(long, requires = "plot")]
    force: bool,
    #[command(flatten)]
    search: SearchArgs,
    #[command(flatten)]
    device: DeviceArgs,
    /// Print a line of JSON for each prediction
    #[arg(long)]
    json: bool,
}

/// Predicts.
pub fn run(args: &Args) -> Result<()> {
    args.plot.iter().try_for_each(|path| refuse_overwriting(path, args.force))?;
    let device = args.device.open(&args.run)?;
    let opened = tasks::open(&args.run, device.precision())?;
    let model = opened.predict(&args.run)?;
    let options = args.search.options(model.searches())?;
    let mut compute = Compute::new(device);
    let texts = args.text.iter().cloned().map(Input::Text);
    let mut inputs: Vec<Input> = texts.chain(args.files.iter().cloned().map(Input::File)).collect();
    if inputs.is_empty() && !model.continues_training_data() {
        if std::io::stdin().is_terminal() {
            tell("Type what is to be predicted from, a line each; end with Ctrl-D.");
        }
        inputs = vec![Input::File(STANDARD_INPUT.into())];
    }
    let mut spool = Spool::default();
    for input in &mut inputs {
        // What is read as a whole may be read twice.
        if let Input::File(path) = input
            && !model.reads_lines(path)?
        {
            *path = spool.file(path)?;
        }
    }
    let (mut failure, mut between, mut noted) = (None, "", 0);
    model.predict(&mut compute, &inputs, &options, &mut |prediction| {
        let printed = if args.json {
            print_json(&prediction.json)
        } else {
            for note in &prediction.notes {
                noted += 1;
                if noted <= NOTED {
                    let line = if prediction.line > 0 {
                        format!("line {}: ", prediction.line)
                    } else {
                        String::new()
                    };
                    tell(&format!("Note: {line}{note}."));
                }
            }
            // A line is ended at once, for whoever waits for it.
            print(&format!("{between}{}\n", prediction.text))
        };
        between = model.separator().strip_prefix('\n').unwrap_or_default();
        match printed {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        }
    })?;
    if let Some(failure) = failure {
        return Err(failure);
    }
    if noted > NOTED {
        tell(&format!(
            "Note: there are {} more; with --json each is in its object.",
            counted(noted - NOTED, "note")
        ));
    }
    match &args.plot {
        Some(path) => save_picture(path, model.plot(&mut compute, &inputs)?),
        None => Ok(()),
    }
}

/// Notes that are shown one by one.
const NOTED: usize = 20;
