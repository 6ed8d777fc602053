//! The `anaphora` program.

fn main() -> std::process::ExitCode {
    anaphora_cli::run(std::env::args_os()).into()
}
