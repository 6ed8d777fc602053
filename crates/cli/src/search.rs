//! How a model that writes sequences searches for them.

use anaphora::Error;
use anaphora::tasks::{PredictOptions, SearchAsked};

use crate::error::{Failure, Result};
use crate::numbers::whole;

/// Flags for it.
#[derive(clap::Args)]
pub struct SearchArgs {
    /// Hypotheses that are kept side by side where sequences are written, 1 for greedy search [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    beams: Option<u16>,
    /// Power of its length that a hypothesis' log-probability is divided by [default: 1]
    #[arg(long, value_name = "X")]
    length_penalty: Option<f64>,
    /// How many of the best to give [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    n_best: Option<u16>,
    /// Never write N tokens in a row twice, 0 to allow it [default: 0]
    #[arg(long, value_name = "N", value_parser = whole::<usize>(0, u64::MAX))]
    no_repeat_ngram: Option<usize>,
    /// Put the source's word that was looked at most where an unknown one would be written
    #[arg(long)]
    replace_unknown: bool,
}

impl SearchArgs {
    /// What was asked for; `searches` says whether the model writes sequences.
    pub fn options(&self, searches: bool) -> Result<PredictOptions> {
        let asked = SearchAsked {
            beams: self.beams.map(usize::from),
            length_penalty: self.length_penalty,
            n_best: self.n_best.map(usize::from),
            no_repeat_ngram: self.no_repeat_ngram,
            replace_unknown: self.replace_unknown,
        };
        asked.options(searches).map_err(|error| match error {
            Error::NoSearch => Failure::call(
                "--beams, --length-penalty, --n-best, --no-repeat-ngram and --replace-unknown are for models that write, \
                 as in translation",
            ),
            error => error.into(),
        })
    }
}
