//! `anaphora export`: a model for other programs.

use std::path::{Path, PathBuf};

use anaphora::interop::{huggingface, onnx};
use clap::ValueEnum;

use crate::error::{Failure, Result};
use crate::output::{print, print_json, refuse_overwriting};

const EXAMPLES: &str = "\
Examples:
  anaphora export runs/novel --to onnx                         into runs/novel/model.onnx
  anaphora export runs/reverse --to onnx --out x.onnx          a translator: x.encoder.onnx and x.decoder.onnx
  anaphora export runs/novel --to huggingface                  into runs/novel/huggingface
  anaphora export runs/novel --to huggingface --out novel-hf

Every model goes into ONNX, which onnxruntime, OpenVINO and others run. A Transformer goes into Hugging Face's format where it has the shape \
of Llama, as by default, or of GPT-2:
  anaphora train novel.txt --backbone transformer
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
    /// File to write, or for huggingface folder, new or empty [default: model.onnx or huggingface in the run folder]
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
    /// Of onnx: sequences of a batch are equally long, for runtimes whose recurrent layers take no lengths (OpenVINO, tract, rten)
    #[arg(long)]
    equal_lengths: bool,
    /// Write over a file that is there already
    #[arg(long)]
    force: bool,
    /// Print a line of JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// config.json, model.safetensors and tokenizer.json of a Llama or GPT-2
    Huggingface,
    /// A graph of operators with its weights
    Onnx,
}

/// Exports.
pub fn run(args: &Args) -> Result<()> {
    match args.to {
        Format::Huggingface => to_huggingface(args),
        Format::Onnx => to_onnx(args),
    }
}

fn to_huggingface(args: &Args) -> Result<()> {
    if args.force || args.equal_lengths {
        let sentence = "--force and --equal-lengths are for onnx, and --to huggingface writes a new folder";
        return Err(Failure::call(sentence));
    }
    let out = args.out.clone().unwrap_or_else(|| args.run.join("huggingface"));
    huggingface::export(&args.run, &out)?;
    if args.json {
        return print_json(&serde_json::json!({ "folder": out }));
    }
    print(&format!("Written to {}\n", out.display()))
}

fn to_onnx(args: &Args) -> Result<()> {
    let out = match &args.out {
        // What is in the run's own folder is the program's.
        None => args.run.join("model.onnx"),
        Some(out) => {
            let folder = out.parent().filter(|folder| *folder != Path::new(""));
            if out.extension().is_none_or(|ending| ending != "onnx") || folder.is_some_and(|f| !f.is_dir()) {
                let out = out.display();
                return Err(Failure::call(format!(
                    "--out {out}: a name that ends in .onnx, in a folder that is there, is needed"
                )));
            }
            onnx::files(&args.run, out)?.iter().try_for_each(|file| refuse_overwriting(file, args.force))?;
            out.clone()
        }
    };
    let lengths = if args.equal_lengths { onnx::Lengths::Equal } else { onnx::Lengths::Any };
    let files = onnx::export(&args.run, &out, lengths)?;
    if args.json {
        return print_json(&serde_json::json!({ "files": files }));
    }
    let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    print(&format!("Written to {}\n", files.join(" and ")))
}
