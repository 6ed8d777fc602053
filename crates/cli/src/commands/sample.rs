//! `anaphora sample`: built-in examples as a file.

use anaphora_data::builtin::{SAMPLES, Sample};
use clap::builder::PossibleValuesParser;

use crate::error::Result;
use crate::output::print;

const EXAMPLES: &str = "\
Examples:
  anaphora sample tunes > tunes.abc          then: anaphora train tunes.abc
  anaphora sample classes > names.csv              anaphora train names.csv --task classify --tokenizer character
  anaphora sample pairs > pairs.tsv                anaphora train pairs.tsv --task translate
  anaphora sample series > hours.csv               anaphora train hours.csv --task forecast
  anaphora sample tags --seed 2 > more.conll       other sentences by the same rules";

/// Write examples made by rule to standard output, in a format to learn from
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Kind of file
    #[arg(value_parser = kinds())]
    kind: String,
    /// Number of entries [default: as fits the kind]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    count: Option<u32>,
    /// Other entries by the same rules
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u32,
}

fn kinds() -> PossibleValuesParser {
    let value = |sample: Sample| clap::builder::PossibleValue::new(sample.name).help(sample.meaning);
    PossibleValuesParser::new(SAMPLES.map(value))
}

/// Writes the examples.
pub fn run(args: &Args) -> Result<()> {
    let sample = SAMPLES.into_iter().find(|sample| sample.name == args.kind).expect("clap knows the names");
    print(&(sample.write)(args.seed.into(), args.count.map_or(sample.usual, |count| count as usize)))
}
