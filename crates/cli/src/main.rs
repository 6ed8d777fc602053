//! The `anaphora` program.

mod commands;

use std::process::ExitCode;

use clap::Parser;

/// Learn from sequences: train, generate, evaluate
#[derive(Debug, Parser)]
#[command(name = "anaphora", version)]
enum Command {
    Bench(commands::bench::Args),
}

fn main() -> ExitCode {
    let Command::Bench(args) = Command::parse();
    match commands::bench::run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
