//! `anaphora export`: a model for other programs.

use std::path::PathBuf;

use anaphora::interop::huggingface;
use clap::ValueEnum;

use crate::error::Result;
use crate::output::{print, print_json};

const EXAMPLES: &str = "\
Examples:
  anaphora export runs/novel --to huggingface                  into runs/novel/huggingface
  anaphora export runs/novel --to huggingface --out novel-hf

A model goes into Hugging Face's format where it has GPT-2's shape:
  anaphora train novel.txt --backbone transformer --position learned
In Python, transformers.AutoModelForCausalLM.from_pretrained(FOLDER) loads it.";

/// Write a run's model in another program's format
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Run folder
    run: PathBuf,
    /// The format
    #[arg(long, value_enum)]
    to: Format,
    /// Folder to write, new or empty [default: one of the format's name in the run folder]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Print a line of JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// config.json, model.safetensors and tokenizer.json of a GPT-2
    Huggingface,
}

/// Exports.
pub fn run(args: &Args) -> Result<()> {
    let Format::Huggingface = args.to;
    let out = args.out.clone().unwrap_or_else(|| args.run.join("huggingface"));
    huggingface::export(&args.run, &out)?;
    if args.json {
        return print_json(&serde_json::json!({ "folder": out }));
    }
    print(&format!("Written to {}\n", out.display()))
}
