//! `anaphora studio`: a page on which people train models and use them, served to the browser of this machine.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use anaphora_server::Pages;

use super::serve::{ServerArgs, not_listening};
use crate::error::{Failure, Result};
use crate::output::tell;

const EXAMPLES: &str = "\
Examples:
  anaphora studio                                 train, look inside and write, in the browser
  anaphora studio my-runs --port 9000             another folder, another port
  anaphora studio --no-open                       without opening a browser, as on another machine";

/// Open the studio: train models and use them in a browser
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    server: ServerArgs,
    /// Folder that `anaphora lecture` wrote its page to
    #[arg(long, value_name = "DIR", default_value = "lecture")]
    lecture: PathBuf,
    /// Only say where the studio is, and open no browser
    #[arg(long)]
    no_open: bool,
}

/// Serves the studio and opens it.
pub fn run(args: &Args) -> Result<()> {
    let Args { server, lecture, no_open } = args;
    std::fs::create_dir_all(&server.folder).map_err(Failure::io("create", &server.folder))?;
    let settings = server.settings(Some(Pages { lecture: lecture.clone() }))?;
    let ready = |address: SocketAddr| {
        let page = page(address);
        tell(&format!("The studio is at {page}"));
        if !no_open && has_browser() {
            // A browser that stays in the foreground keeps nobody waiting.
            std::thread::spawn(move || webbrowser::open(&page));
        }
    };
    let address = server.address();
    let served = anaphora_server::serve(&settings, address, ready);
    match served {
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse && server.port.is_none() => {
            let (port, free) = (address.port(), SocketAddr::new(address.ip(), 0));
            tell(&format!("Another program listens at port {port}, so the studio takes a free one."));
            anaphora_server::serve(&settings, free, ready).map_err(|error| not_listening(free, &error))
        }
        served => served.map_err(|error| not_listening(address, &error)),
    }
}

/// Where this machine finds the page.
fn page(address: SocketAddr) -> String {
    let ip = if address.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { address.ip() };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

/// Whether there is a screen for a browser.
fn has_browser() -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_where_this_machine_finds_it() {
        for (address, expected) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("0.0.0.0:9000", "http://127.0.0.1:9000"),
            ("[::1]:80", "http://[::1]:80"),
        ] {
            assert_eq!(page(address.parse().unwrap()), expected);
        }
    }
}
