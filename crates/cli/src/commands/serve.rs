//! `anaphora serve`: trained models over HTTP.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use crate::error::{Failure, Result};
use crate::output::tell;

const EXAMPLES: &str = "\
Examples:
  anaphora serve                                  every run in runs/, at http://127.0.0.1:8080
  anaphora serve runs/tunes --port 0              one run, at a free port
  curl -s localhost:8080/v1/completions -d '{\"model\":\"tunes\",\"prompt\":\"X:1\\n\",\"max_tokens\":200}'";

/// Serve trained models over HTTP, to clients of OpenAI's API
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Folder of runs, or a run
    #[arg(default_value = "runs", value_name = "FOLDER")]
    folder: PathBuf,
    /// Port to listen at, 0 for any that is free
    #[arg(long, default_value_t = 8080, value_name = "N")]
    port: u16,
    /// Address to listen at
    #[arg(long, default_value = "127.0.0.1", value_name = "ADDRESS")]
    host: IpAddr,
    /// Threads to compute with, 0 for one a core
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=1024))]
    threads: u16,
}

/// Serves.
pub fn run(args: &Args) -> Result<()> {
    if !args.host.is_loopback() {
        let host = args.host;
        return Err(Failure::call(format!(
            "--host {host} can be reached by others, and there is no key yet; listen at 127.0.0.1"
        )));
    }
    let (threads, note) = anaphora::training::threads(args.threads.into());
    note.iter().for_each(|note| tell(&format!("Note: {note}.")));
    let address = SocketAddr::new(args.host, args.port);
    anaphora_server::serve(&args.folder, address, threads, |address| tell(&format!("http://{address}")))
        .map_err(|error| Failure::failed(format!("cannot listen at {address}: {error}")))
}
