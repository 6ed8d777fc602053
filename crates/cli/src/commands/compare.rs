//! `anaphora compare`: several runs side by side.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use anaphora::plot::compare::{Compared, Summary, all_continue, by_character, compare, picture};
use anaphora::run::atomic::write_atomic;
use anaphora::run::spoken;

use crate::error::{Failure, Result};
use crate::output::{
    clock, free_path, grouped, print, print_json, refuse_overwriting, short, size, table, tell,
};

const EXAMPLES: &str = "\
Examples:
  anaphora compare runs/lstm runs/gru              a table, and the curves in compare.svg
  anaphora compare runs/* --out curves.svg         all runs, the picture under another name
  anaphora compare runs/lstm runs/gru --json       for programs; no picture without --out

The best run comes first. Of models that continue text, nats and bits are a character, so that runs of different tokenizers can be \
compared; perplexity is a token. Of others the loss and the scores of their task are shown. Time is that of training, validations included; tokens a second leave them out.";

/// Compare runs: size, speed, score, and how the loss fell
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Run folders
    #[arg(required = true, num_args = 2.., value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// File for the picture [default: compare.svg; compare-2.svg where that is there already, and so on]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write over the file of --out where it is there already
    #[arg(long, requires = "out")]
    force: bool,
    /// Print a line of JSON a run on standard output, and nothing else there
    #[arg(long)]
    json: bool,
}

/// Compares.
pub fn run(args: &Args) -> Result<()> {
    args.out.iter().try_for_each(|out| refuse_overwriting(out, args.force))?;
    let default = (!args.json).then(|| free_path(Path::new("compare.svg")));
    let out = args.out.clone().or(default);
    if let Some(out) = out.as_ref().filter(|out| out.extension().is_none_or(|extension| extension != "svg")) {
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
        print(&table(&rows(&runs), &[0, 1]))?;
    }
    if let Some(out) = &out {
        write_atomic(out, |writer| writer.write_all(picture(&runs).as_bytes()))?;
    }
    if !args.json {
        notes(&runs).iter().for_each(|note| tell(note));
        out.iter().for_each(|out| tell(&format!("Curves in {}", out.display())));
    }
    Ok(())
}

/// The table, with the scores that the runs' tasks have.
fn rows(runs: &[Compared]) -> Vec<Vec<String>> {
    let names: BTreeSet<&str> =
        runs.iter().flat_map(|run| run.summary.scores.keys()).map(String::as_str).collect();
    let scores: Vec<String> = match all_continue(runs) {
        true => ["NATS", "BITS", "PERPLEXITY"].map(str::to_owned).into(),
        false => ["loss"]
            .into_iter()
            .chain(names.iter().copied())
            .map(|name| spoken(name).to_uppercase())
            .collect(),
    };
    let speed = if all_continue(runs) { "TOKENS/S" } else { "UNITS/S" };
    let head = ["RUN", "BACKBONE", "PARAMETERS", "STEPS", "TIME", speed].map(str::to_owned);
    let mut rows = vec![[&head[..], &scores, &["MEMORY".to_owned()]].concat()];
    rows.extend(runs.iter().map(|Compared { summary: run, .. }| {
        let known =
            |value: Option<f64>, say: &dyn Fn(f64) -> String| value.map_or_else(|| "–".to_owned(), say);
        let three = |value: f64| format!("{value:.3}");
        let mut row = vec![
            run.run.display().to_string(),
            format!("{} {}×{}", name(run), run.layers, run.hidden_size),
            short(run.parameters),
            grouped(run.steps),
            clock(run.seconds),
            known(run.tokens_per_second, &|rate| grouped(rate.round() as u64)),
        ];
        if all_continue(runs) {
            row.push(known(run.nats_per_character, &three));
            row.push(known(run.bits_per_character, &three));
            row.push(known(run.perplexity, &|perplexity| format!("{perplexity:.2}")));
        } else {
            row.push(known(run.loss, &three));
            row.extend(names.iter().map(|&name| known(run.scores.get(name).copied(), &three)));
        }
        row.push(known(run.memory_mib, &|mib| size((mib * 1024.0 * 1024.0) as u64)));
        row
    }));
    rows
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
    if let Some(others) = listed(&|run| run.summary.loss_unit != runs[0].summary.loss_unit) {
        let (first, unit) = (runs[0].path.display(), runs[0].summary.loss_unit);
        notes.push(format!(
            "Note: the loss of {first} is in {unit}, that of {others} is not, so they do not compare."
        ));
    }
    if all_continue(runs) && runs.iter().any(|run| run.recipe.data.tokenizer != runs[0].recipe.data.tokenizer)
    {
        notes.push(
            "Note: the tokenizers differ, so perplexities do not compare, and tokens a second hardly."
                .to_owned(),
        );
    }
    if all_continue(runs)
        && !by_character(runs)
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
