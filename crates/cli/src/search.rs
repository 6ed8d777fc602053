//! How a model that writes sequences searches for them.

use anaphora::decoding::beam::BeamOptions;
use anaphora::decoding::search::Search;
use anaphora::tasks::PredictOptions;

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
        let Self { beams, length_penalty, n_best, no_repeat_ngram, replace_unknown } = *self;
        if beams.is_none()
            && length_penalty.is_none()
            && n_best.is_none()
            && no_repeat_ngram.is_none()
            && !replace_unknown
        {
            return Ok(PredictOptions::default());
        }
        if !searches {
            return Err(Failure::call(
                "--beams, --length-penalty, --n-best, --no-repeat-ngram and --replace-unknown are for models that write, \
                 as in translation",
            ));
        }
        let usual = Search::default();
        let n_best = n_best.map_or(1, usize::from);
        let beams = BeamOptions {
            beams: beams.map_or(usual.beams.beams, usize::from).max(n_best),
            length_penalty: length_penalty.unwrap_or(usual.beams.length_penalty),
        };
        let no_repeat_ngram = no_repeat_ngram.unwrap_or(usual.no_repeat_ngram);
        Ok(PredictOptions {
            search: Some(Search { beams, no_repeat_ngram, replace_unknown, ..usual }),
            n_best,
        })
    }
}
