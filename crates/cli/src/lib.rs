//! The `anaphora` program as a function of its arguments, for the binary and for whoever else installs it.

mod commands;
mod device;
mod error;
mod formats;
mod input;
mod interrupt;
mod keep;
mod novelty;
mod numbers;
mod output;
mod overrides;
mod progress;
mod search;
mod training;
mod version;

use std::ffi::OsString;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use commands::{
    bench, compare, completions, convert, demo, doctor, evaluate, export, generate, import, inspect, lecture,
    man, predict, recipe, resume, runs, sample, serve, studio, train,
};
use error::Failure;

const EXAMPLES: &str = "\
Examples:
  anaphora demo                                   learn from built-in tunes, about a minute
  anaphora train tunes.abc                        learn from your own; the model goes to runs/tunes
  anaphora generate runs/tunes --count 3 --wav    write new ones and play them
  anaphora train --builtin names                  learn to tell classes apart; then `anaphora predict`
  anaphora studio                                 the same and more in a browser
  anaphora lecture                                see what a lecture on sequence models states happen here
  anaphora COMMAND --help                         all there is to a command

Results go to standard output, all else to standard error. The exit code is 0 for success, 2 for a wrong call or \
recipe, 130 for what Ctrl-C cut short (a training that is saved is a success), 1 for anything else that went wrong.";

/// Learn from tunes and texts, and write new ones
#[derive(Parser)]
#[command(name = "anaphora", version, after_help = EXAMPLES, args_override_self = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Args),
    Train(train::Args),
    Recipe(recipe::Args),
    Sample(sample::Args),
    Resume(resume::Args),
    Generate(generate::Args),
    Predict(predict::Args),
    Evaluate(evaluate::Args),
    Inspect(inspect::Args),
    Convert(convert::Args),
    Import(import::Args),
    Export(export::Args),
    Runs(runs::Args),
    Serve(serve::Args),
    Studio(studio::Args),
    Compare(compare::Args),
    Lecture(lecture::Args),
    Bench(bench::Args),
    Doctor(doctor::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// Does what the arguments say, of which the first is the program's own name, and returns the exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let parsed = program().try_get_matches_from(arguments);
    let parsed = parsed.and_then(|mut matches| Cli::from_arg_matches_mut(&mut matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return refuse(&error.format(&mut program())),
    };
    let done = match &cli.command {
        Command::Demo(args) => demo::run(args),
        Command::Train(args) => train::run(args),
        Command::Recipe(args) => recipe::run(args),
        Command::Sample(args) => sample::run(args),
        Command::Resume(args) => resume::run(args),
        Command::Generate(args) => generate::run(args),
        Command::Predict(args) => predict::run(args),
        Command::Evaluate(args) => evaluate::run(args),
        Command::Inspect(args) => inspect::run(args),
        Command::Convert(args) => convert::run(args),
        Command::Import(args) => import::run(args),
        Command::Export(args) => export::run(args),
        Command::Runs(args) => runs::run(args),
        Command::Serve(args) => serve::run(args),
        Command::Studio(args) => studio::run(args),
        Command::Compare(args) => compare::run(args),
        Command::Lecture(args) => lecture::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Doctor(args) => doctor::run(args),
        Command::Completions(args) => completions::run(args, program()),
        Command::Man(args) => man::run(args, program()),
    };
    match done {
        Ok(()) => 0,
        Err(failure) => fail(&failure),
    }
}

/// The program's command line.
fn program() -> clap::Command {
    with_negative_numbers(Cli::command().long_version(version::with_instructions().leak() as &str))
}

/// The command with flags that look at "-1" as a number, to refuse it with their range, and not as at another flag.
fn with_negative_numbers(command: clap::Command) -> clap::Command {
    let takes = |arg: clap::Arg| {
        let is_flag = arg.get_long().is_some() && arg.get_action().takes_values();
        if is_flag { arg.allow_negative_numbers(true) } else { arg }
    };
    command.mut_args(takes).mut_subcommands(with_negative_numbers)
}

fn fail(failure: &Failure) -> u8 {
    if let Some(sentence) = failure.sentence() {
        output::tell(&format!("anaphora: {sentence}"));
    }
    failure.code()
}

/// What clap found wrong with the call, or the help and the version that it was asked for.
fn refuse(error: &clap::Error) -> u8 {
    if error.use_stderr() && error.kind() != clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    {
        // In one sentence: what is wrong, and what would be right.
        let text = error.render().to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        let parts = text.lines().map(|line| line.trim().trim_matches(['[', ']']));
        let passed_over = |part: &&str| {
            part.is_empty() || part.starts_with("Usage:") || part.starts_with("For more information")
        };
        let parts: Vec<&str> = parts.filter(|part| !passed_over(part)).collect();
        return fail(&Failure::call(parts.join("; ").replace(":; ", ": ")));
    }
    // Where nobody reads the help there is nobody to complain to.
    let _ = error.print();
    error.exit_code() as u8
}
