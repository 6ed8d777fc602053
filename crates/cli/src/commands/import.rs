//! `anaphora import`: a model that another program trained.

use std::path::PathBuf;

use anaphora::Run;
use anaphora::interop::huggingface;

use crate::error::Result;
use crate::output::{counted, print, print_json, tell};

const EXAMPLES: &str = "\
Examples:
  anaphora import gpt2/                        the run goes to runs/gpt2
  anaphora import gpt2/ --out runs/english
  anaphora generate runs/english --prompt \"The sea\"

FOLDER holds config.json, model.safetensors and tokenizer.json of a GPT-2, Llama or Mistral, as Hugging Face's `transformers` saves \
them. Weights in parts with an index, in 16 bits, and vocab.json with merges.txt are read too; what is kept is in 32.

A PyTorch module with nn.Embedding, nn.LSTM (nn.GRU, nn.RNN) and nn.Linear is such a folder too: its state_dict as model.safetensors, \
{\"model_type\": \"lstm\"} as config.json, and the numbers of its characters as vocab.json. The guide's page on Hugging Face shows it.";

/// Make a run of a model that PyTorch trained: a folder in Hugging Face's format
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Folder with config.json, model.safetensors and tokenizer.json
    folder: PathBuf,
    /// Run folder to write [default: runs/NAME, after the folder]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Print a line of JSON
    #[arg(long)]
    json: bool,
}

/// Imports.
pub fn run(args: &Args) -> Result<()> {
    let out = match &args.out {
        Some(out) => out.clone(),
        None => {
            // What is not there is told of by whoever reads it.
            let folder = args.folder.canonicalize().unwrap_or_else(|_| args.folder.clone());
            let name = folder.file_name().unwrap_or("model".as_ref()).to_string_lossy().into_owned();
            Run::default_path("runs", &name)
        }
    };
    let run = huggingface::import(&args.folder, &out, &mut |note| tell(&format!("Note: {note}.")))?;
    let parameters = run.info().parameters;
    if args.json {
        return print_json(&serde_json::json!({ "run": run.path(), "parameters": parameters }));
    }
    let parameters = counted(parameters as usize, "parameter");
    print(&format!("A model of {parameters}, imported to {}\n", run.path().display()))
}
