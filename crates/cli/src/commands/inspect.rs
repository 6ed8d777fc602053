//! `anaphora inspect`: what happens inside a model.

use std::io::Write;
use std::path::{Path, PathBuf};

use anaphora::inspect::{self, Request, Source, View};
use anaphora::model::Compute;
use anaphora::run::atomic::write_atomic;
use anaphora::{Device, Precision, tasks};
use serde_json::json;

use crate::error::{Failure, Result};
use crate::input::Spool;
use crate::output::{free_path, print, print_json, refuse_overwriting, tell};

const EXAMPLES: &str = "\
Examples:
  anaphora inspect runs/tunes                                    a page with all that there is to see: runs/tunes/inspect.html
  anaphora inspect runs/tunes --text \"X:1\" --show gates,next    only some of it, of a text of your own
  anaphora inspect runs/lstm runs/gru --out page.html            several models, laid over each other
  anaphora inspect runs/tunes --data tune.abc --json             the numbers, one JSON object
  anaphora inspect runs/tunes --data tune.abc --out x.safetensors    the same as tensors";

/// Look inside a trained model while it reads an input
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Run folders
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// A text to read
    #[arg(long, value_name = "TEXT", conflicts_with = "data")]
    text: Option<String>,
    /// File of what the task reads, - for standard input [default: what the training held out]
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// File with the truths, where they are not in the one named with --data: translations, line by line
    #[arg(long, value_name = "PATH", requires = "data")]
    reference: Option<PathBuf>,
    /// Which piece or example of the data, from 1
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    index: u32,
    /// Views to make, by names and commas [default: all that apply and are quick]
    #[arg(long, value_name = "VIEWS", value_delimiter = ',')]
    show: Vec<View>,
    /// Where to write: a page (.html) or the numbers as tensors (.safetensors) [default: inspect.html in the run folder; of several
    /// runs a new inspect.html here]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write over the file where it is there already
    #[arg(long, requires = "out")]
    force: bool,
    /// Threads to compute with, 0 for one a core
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=1024))]
    threads: u16,
    /// Print all numbers as a line of JSON
    #[arg(long)]
    json: bool,
}

/// Inspects.
pub fn run(args: &Args) -> Result<()> {
    let out = match (&args.out, &args.runs[..]) {
        (Some(path), _) => {
            refuse_overwriting(path, args.force)?;
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            if path.is_dir() || folder.is_some_and(|folder| !folder.is_dir()) {
                let path = path.display();
                return Err(Failure::call(format!(
                    "--out {path}: a file in a folder that is there is needed"
                )));
            }
            Some((path.clone(), Kind::of(path, args.runs.len())?))
        }
        (None, _) if args.json => None,
        (None, [only]) => Some((only.join(PAGE), Kind::Page)),
        (None, _) => Some((free_path(Path::new(PAGE)), Kind::Page)),
    };
    let mut spool = Spool::default();
    let source = match (&args.text, &args.data) {
        (Some(text), _) => Source::Text(text.clone()),
        (None, Some(path)) => {
            let reference = args.reference.as_ref().map(|path| spool.file(path)).transpose()?;
            Source::File(spool.file(path)?, reference)
        }
        (None, None) => Source::HeldOut,
    };
    let views = (!args.show.is_empty()).then(|| args.show.iter().copied().collect());
    let request = Request { source, index: args.index as usize - 1, views };
    let (threads, note) = anaphora::training::threads(args.threads.into());
    note.iter().for_each(|note| tell(&format!("Note: {note}.")));
    // What is shown is exact: no product is rounded to bf16.
    let mut compute = Compute::new(Device::new(threads, Precision::F32));
    let mut inspections = Vec::with_capacity(args.runs.len());
    for run in &args.runs {
        inspections.push(tasks::inspect(run, &mut compute, &request)?);
    }
    inspect::overlay(&mut inspections)?;
    for (run, inspection) in args.runs.iter().zip(&inspections) {
        let of = if args.runs.len() > 1 { format!("{}: ", run.display()) } else { String::new() };
        inspection.notes.iter().for_each(|note| tell(&format!("Note: {of}{note}.")));
    }
    if let Some((path, kind)) = &out {
        match (kind, &inspections[..]) {
            (Kind::Tensors, [only]) => only.write(path)?,
            (_, several) => {
                let page = anaphora_pages::inspection(several);
                write_atomic(path, |writer| writer.write_all(page.as_bytes()))?;
            }
        }
    }
    match (&inspections[..], &out) {
        ([only], _) if args.json => print_json(only),
        (several, _) if args.json => print_json(&json!({ "runs": several })),
        (_, Some((path, kind))) => {
            print(&format!("{}\n", path.display()))?;
            if matches!(kind, Kind::Page) {
                tell("Open it in a browser; it needs no network.");
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// The page of a run, in its folder.
const PAGE: &str = "inspect.html";

/// What is written.
#[derive(Clone, Copy)]
enum Kind {
    Page,
    Tensors,
}

impl Kind {
    /// What a file's name says.
    fn of(path: &Path, runs: usize) -> Result<Self> {
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
        match (extension.as_deref(), runs) {
            (Some("html"), _) => Ok(Self::Page),
            (Some("safetensors"), 1) => Ok(Self::Tensors),
            (Some("safetensors"), _) => Err(Failure::call(
                "--out FILE.safetensors holds one run's numbers; name one run, or use --json",
            )),
            _ => Err(Failure::call(format!(
                "--out {}: the name of a page ends in .html, that of tensors in .safetensors",
                path.display()
            ))),
        }
    }
}
