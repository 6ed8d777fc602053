//! `anaphora compare`: several runs side by side.

use std::io::Write;
use std::path::{Path, PathBuf};

use anaphora::plot::compare::{Compared, Summary, by_character, compare, picture};
use anaphora::run::atomic::write_atomic;

use crate::error::{Failure, Result};
use crate::output::{clock, grouped, print, print_json, short, size, table, tell};

const EXAMPLES: &str = "\
Examples:
  anaphora compare runs/lstm runs/gru              a table, and the curves in compare.svg
  anaphora compare runs/* --out curves.svg         all runs, the picture under another name
  anaphora compare runs/lstm runs/gru --json       for programs; no picture without --out

The best run comes first. Nats and bits are a character, so that runs of different tokenizers can be compared; \
perplexity is a token. Time is that of training, validations included; tokens a second leave them out.";

/// Compare runs: size, speed, score, and how the loss fell
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Run folders
    #[arg(required = true, num_args = 2.., value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// File for the picture [default: compare.svg]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print a line of JSON a run on standard output, and nothing else there
    #[arg(long)]
    json: bool,
}

/// Compares.
pub fn run(args: &Args) -> Result<()> {
    let default = (!args.json).then(|| Path::new("compare.svg"));
    let out = args.out.as_deref().or(default);
    if let Some(out) = out.filter(|out| out.extension().is_none_or(|extension| extension != "svg")) {
        let right = format!(
            "the picture is SVG, so the name is to be such as {}",
            out.with_extension("svg").display()
        );
        return Err(Failure::call(format!("--out is {}; {right}", out.display())));
    }
    let runs = compare(&args.runs)?;
    if args.json {
        runs.iter().try_for_each(|run| print_json(&run.summary))?;
    } else {
        let head = [
            "RUN",
            "BACKBONE",
            "PARAMETERS",
            "STEPS",
            "TIME",
            "TOKENS/S",
            "NATS",
            "BITS",
            "PERPLEXITY",
            "MEMORY",
        ];
        let mut rows = vec![head.map(str::to_owned)];
        rows.extend(runs.iter().map(|run| row(&run.summary)));
        print(&table(&rows, &[0, 1]))?;
    }
    if let Some(out) = out {
        write_atomic(out, |writer| writer.write_all(picture(&runs).as_bytes()))?;
    }
    if !args.json {
        notes(&runs).iter().for_each(|note| tell(note));
        out.into_iter().for_each(|out| tell(&format!("Curves in {}", out.display())));
    }
    Ok(())
}

fn row(run: &Summary) -> [String; 10] {
    let known = |value: Option<f64>, say: &dyn Fn(f64) -> String| value.map_or_else(|| "–".to_owned(), say);
    let three = |value: f64| format!("{value:.3}");
    [
        run.run.display().to_string(),
        format!("{} {}×{}", name(run), run.layers, run.hidden_size),
        short(run.parameters),
        grouped(run.steps),
        clock(run.seconds),
        known(run.tokens_per_second, &|rate| grouped(rate.round() as u64)),
        known(run.nats_per_character, &three),
        known(run.bits_per_character, &three),
        known(run.perplexity, &|perplexity| format!("{perplexity:.2}")),
        known(run.memory_mib, &|mib| size((mib * 1024.0 * 1024.0) as u64)),
    ]
}

/// The backbone as recipes write it.
fn name(run: &Summary) -> String {
    let name = serde_json::to_value(run.backbone).ok();
    name.as_ref().and_then(|name| name.as_str()).unwrap_or_default().to_owned()
}

/// What a person should know before they judge by the table.
fn notes(runs: &[Compared]) -> Vec<String> {
    let mut notes = Vec::new();
    let listed = |of: &dyn Fn(&Compared) -> bool| {
        let named = runs.iter().filter(|run| of(run)).map(|run| run.path.display().to_string());
        Some(named.collect::<Vec<_>>().join(", ")).filter(|names| !names.is_empty())
    };
    if let Some(others) = listed(&|run| !run.same_data(&runs[0])) {
        let first = runs[0].path.display();
        notes.push(format!(
            "Note: not all runs learnt from and were validated on the same data ({others}: not those of {first}), so their \
             scores say little of the models."
        ));
    }
    if runs.iter().any(|run| run.recipe.data.tokenizer != runs[0].recipe.data.tokenizer) {
        notes.push(
            "Note: the tokenizers differ, so perplexities do not compare, and tokens a second hardly."
                .to_owned(),
        );
    }
    if !by_character(runs)
        && let Some(unknown) = listed(&|run| run.characters_per_token().is_none())
    {
        notes.push(format!(
            "Note: how many characters a token stands for is not known of {unknown}, written by an earlier version, so the \
             picture and the order are by nats a token; `anaphora evaluate` tells the loss a character."
        ));
    }
    if let Some(open) = listed(&|run| !run.summary.ended) {
        notes.push(format!("Note: not finished: {open}."));
    }
    notes
}
