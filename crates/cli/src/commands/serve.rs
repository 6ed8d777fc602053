//! `anaphora serve`: trained models over HTTP.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use anaphora_server::{Guard, Pages, Settings};

use crate::device::Numbers;
use crate::error::{Failure, Result};
use crate::output::tell;

const EXAMPLES: &str = "\
Examples:
  anaphora serve                                  every run in runs/, at http://127.0.0.1:8080
  anaphora serve runs/tunes --port 0              one run, at a free port
  anaphora serve --host 0.0.0.0 --api-key-file key.txt    for others too, who show a key
  curl -s localhost:8080/v1/completions -d '{\"model\":\"tunes\",\"prompt\":\"X:1\\n\",\"max_tokens\":200}'";

/// The port where none is named.
const PORT: u16 = 8080;

/// Serve trained models over HTTP, to clients of OpenAI's API
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    server: ServerArgs,
}

// What is served, where and to whom.
#[derive(clap::Args)]
pub struct ServerArgs {
    /// Folder of runs, or a run
    #[arg(default_value = "runs", value_name = "FOLDER")]
    pub folder: PathBuf,
    /// Port to listen at, 8080 where left out; 0 for any that is free
    #[arg(long, value_name = "N")]
    pub port: Option<u16>,
    /// Address to listen at; one that others can reach needs --api-key-file
    #[arg(long, default_value = "127.0.0.1", value_name = "ADDRESS")]
    host: IpAddr,
    /// File with the keys of which one must be shown, a line each; nobody else may be able to read it
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<PathBuf>,
    /// Origin whose pages may ask from a browser, as http://localhost:3000; may be given several times
    #[arg(long, value_name = "ORIGIN")]
    origin: Vec<String>,
    /// Megabytes of models that are kept in memory; those that were not asked for longest make room
    #[arg(long, value_name = "MB", default_value_t = 4096, value_parser = clap::value_parser!(u64).range(1..=1 << 30))]
    memory: u64,
    /// Threads to compute with, 0 for one a core
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=1024))]
    threads: u16,
    /// Numbers that products are computed in, int8 for half the memory of bf16
    #[arg(long, value_name = "KIND", default_value = "auto")]
    precision: Numbers,
}

/// Serves.
pub fn run(args: &Args) -> Result<()> {
    let args = &args.server;
    let settings = args.settings(None)?;
    let address = args.address();
    let ready = |address| tell(&format!("Serving {} at http://{address}", args.folder.display()));
    anaphora_server::serve(&settings, address, ready).map_err(|error| not_listening(address, &error))
}

impl ServerArgs {
    /// Where to listen.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.port.unwrap_or(PORT))
    }

    /// What is served, with pages or without.
    pub fn settings(&self, pages: Option<Pages>) -> Result<Settings> {
        let keys = self.api_key_file.as_deref().map(keys).transpose()?.unwrap_or_default();
        if !self.host.is_loopback() && keys.is_empty() {
            let host = self.host;
            return Err(Failure::call(format!(
                "--host {host} can be reached by others; name a file of keys with --api-key-file, or listen at 127.0.0.1"
            )));
        }
        if !self.folder.is_dir() {
            let folder = self.folder.display();
            return Err(Failure::failed(format!(
                "{folder}: there is no such folder; name a folder of runs, or a run"
            )));
        }
        let (threads, note) = anaphora::training::threads(self.threads.into());
        note.iter().for_each(|note| tell(&format!("Note: {note}.")));
        Ok(Settings {
            folder: self.folder.clone(),
            threads,
            precision: self.precision.precision(),
            memory: self.memory * 1_000_000,
            guard: Guard { keys, origins: self.origin.clone() },
            pages,
        })
    }
}

/// An address that cannot be listened at.
pub fn not_listening(address: SocketAddr, error: &std::io::Error) -> Failure {
    let hint = match error.kind() {
        std::io::ErrorKind::AddrInUse => "; another program listens there, name another --port",
        _ => "",
    };
    Failure::failed(format!("cannot listen at {address}: {error}{hint}"))
}

/// The keys in a file.
fn keys(path: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(path).map_err(Failure::io("read", path))?;
    let shown = path.display();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = path.metadata().map_err(Failure::io("read", path))?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(Failure::failed(format!(
                "{shown} can be read by others (mode {mode:03o}); take their rights away: chmod 600 {shown}"
            )));
        }
    }
    let keys: Vec<String> =
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    match keys.iter().find(|key| key.len() < 16 || !key.bytes().all(|byte| byte.is_ascii_graphic())) {
        None if keys.is_empty() => {
            Err(Failure::failed(format!("{shown} has no key in it; write one on a line")))
        }
        None => Ok(keys),
        Some(_) => Err(Failure::failed(format!(
            "{shown} has a key that is too easy; take 16 printable ASCII characters or more"
        ))),
    }
}
