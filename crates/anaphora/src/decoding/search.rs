//! Beam search with an encoder–decoder: the likeliest targets of many sources, side by side.

use anaphora_data::{BatchSize, Batches, Packed, Sequence, wanted};
use anaphora_nn::State;

use super::beam::{self, BeamOptions, BeamSearch, Hypothesis};
use super::sampling::{log_softmax, repeating};
use crate::Result;
use crate::model::{Compute, EncoderDecoder};

/// Sources searched for at once.
const ROWS: usize = 64;

/// Options of a beam search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Search {
    /// The search: one beam takes the likeliest token each time.
    pub beams: BeamOptions,
    /// The longest sequence that is written of one of `n` steps: so many times `n`, and so many more.
    pub longest: (f64, usize),
    /// Sequences of this many tokens are not written twice; 0 allows them.
    pub no_repeat_ngram: usize,
    /// Where an unknown word would be written, the source's word that was looked at most takes its place.
    pub replace_unknown: bool,
}

impl Default for Search {
    fn default() -> Self {
        let beams = BeamOptions { beams: 5, length_penalty: 1.0 };
        Self { beams, longest: (1.5, 20), no_repeat_ngram: 0, replace_unknown: false }
    }
}

/// Writes of each source: for each the best hypotheses, at most as many as there are beams. Many are searched for side by
/// side.
pub fn write(
    sources: &[Sequence],
    end: u32,
    model: &EncoderDecoder,
    compute: &mut Compute,
    search: &Search,
) -> Result<Vec<Vec<Hypothesis>>> {
    let lengths: Vec<usize> = sources.iter().map(Sequence::len).collect();
    let mut found = vec![Vec::new(); sources.len()];
    for batch in Batches::in_order(&lengths, BatchSize::Examples(ROWS)) {
        let hypotheses = write_batch(&batch, sources, end, model, compute, search)?;
        batch.iter().zip(hypotheses).for_each(|(&source, hypotheses)| found[source] = hypotheses);
    }
    Ok(found)
}

fn write_batch(
    batch: &[usize],
    sources: &[Sequence],
    end: u32,
    model: &EncoderDecoder,
    compute: &mut Compute,
    search: &Search,
) -> Result<Vec<Vec<Hypothesis>>> {
    let read = model.read(compute, &Packed::new(batch.iter().map(|&source| &sources[source])))?;
    let (mut state, mut rows): (State, Vec<usize>) = read.begin();
    let limit =
        |&source: &usize| (search.longest.0 * sources[source].len() as f64) as usize + search.longest.1;
    let mut searches = batch
        .iter()
        .map(|source| BeamSearch::new(search.beams, end, limit(source)))
        .collect::<Result<Vec<_>, _>>()?;
    let (mut last, mut logits, mut distribution) = (vec![end; rows.len()], Vec::new(), Vec::new());
    while !rows.is_empty() {
        wanted::check()?;
        model.write(compute, &read, &rows, &last, &mut state, &mut logits)?;
        distribution.clear();
        let open = searches.iter().flat_map(|search| (0..search.rows()).map(move |row| search.ids(row)));
        for (ids, logits) in open.zip(logits.chunks_exact(model.vocab_size())) {
            let at = distribution.len();
            log_softmax(logits, &mut distribution)?;
            for id in repeating(ids, search.no_repeat_ngram) {
                distribution[at + id as usize] = f64::NEG_INFINITY;
            }
        }
        let next = beam::advance_together(&mut searches, &distribution);
        state.select(&next.parents);
        (rows, last) = (next.searches, next.last);
    }
    Ok(searches.into_iter().map(BeamSearch::finish).collect())
}
