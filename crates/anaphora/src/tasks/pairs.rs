//! Learning to write one sequence of another, and writing: what translation and captioning share.

use anaphora_data::{BatchSize, Batches, Packed, Sequence, Tokenizer};
use anaphora_nn::State;

use crate::Result;
use crate::beam::{self, BeamOptions, BeamSearch, Hypothesis};
use crate::learner::{Backward, Compute, Extent, Learnt};
use crate::model::{EncoderDecoder, PairBatch, Teaching};
use crate::recipe::Training;
use crate::sampling::log_softmax;

/// Tokens that are scored at once.
const UNITS: usize = 4_096;

/// Sequences that are written of at once.
const ROWS: usize = 64;

/// What is read, and what is to be written of it, pair by pair.
#[derive(Default)]
pub struct Pairs {
    /// What is read.
    pub sources: Vec<Sequence>,
    /// What is to be written, pair by pair, without ends.
    pub targets: Vec<Vec<u32>>,
    /// What each pair reads: several may read one source.
    pub source_of: Vec<usize>,
}

impl Pairs {
    /// How long each pair is, in the sequence that is longer.
    fn lengths(&self) -> Vec<usize> {
        let pairs = self.source_of.iter().zip(&self.targets);
        pairs.map(|(&source, target)| self.sources[source].len().max(target.len() + 1)).collect()
    }

    /// Batches to learn from.
    pub fn batches(&self, training: &Training) -> Result<Batches> {
        super::batches(self.lengths(), training)
    }

    /// Pairs, and the tokens that are written.
    pub fn extent(&self) -> Extent {
        let units = self.targets.iter().map(|target| target.len() + 1).sum();
        Extent { examples: self.targets.len(), units }
    }

    fn batch(&self, pairs: &[usize], end: u32) -> PairBatch {
        let pairs: Vec<_> = pairs
            .iter()
            .map(|&pair| (&self.sources[self.source_of[pair]], &self.targets[pair][..]))
            .collect();
        PairBatch::new(&pairs, end)
    }

    /// Learns from some pairs; see [`crate::learner::Learner::learn`].
    pub fn learn(
        &self,
        pairs: &[usize],
        end: u32,
        model: &EncoderDecoder,
        backward: &mut Backward,
        settings: Teaching,
    ) -> Result<Learnt> {
        let batch = self.batch(pairs, end);
        let units = batch.tokens();
        Ok(Learnt { loss: model.learn(backward, batch, settings)?, units })
    }

    /// Mean cross-entropy in nats a token, the true tokens before each known.
    pub fn score(&self, end: u32, model: &EncoderDecoder, compute: &mut Compute) -> Result<f64> {
        let mut sum = 0.0;
        for pairs in Batches::in_order(&self.lengths(), BatchSize::Units(UNITS)) {
            sum += model.score(compute, &self.batch(&pairs, end))?;
        }
        Ok(sum / self.extent().units.max(1) as f64)
    }
}

/// How a recipe wants pairs taught.
pub fn teaching(training: &Training) -> Teaching {
    let Training { label_smoothing, scheduled_sampling, .. } = *training;
    Teaching { label_smoothing: label_smoothing as f32, scheduled_sampling }
}

/// Hypotheses as texts, each with its score.
pub fn texts(hypotheses: &[Hypothesis], tokenizer: &Tokenizer) -> Vec<(String, f64)> {
    let text = |hypothesis: &Hypothesis| {
        let ids = hypothesis.ids.strip_suffix(&[tokenizer.end_id()]).unwrap_or(&hypothesis.ids);
        (tokenizer.decode(ids).trim().to_owned(), hypothesis.score)
    };
    hypotheses.iter().map(text).collect()
}

/// How sequences are written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Writing {
    /// The search: one beam takes the likeliest token each time.
    pub beams: BeamOptions,
    /// The longest sequence that is written of one of `n` steps: so many times `n`, and so many more.
    pub longest: (f64, usize),
    /// Sequences of this many tokens are not written twice; 0 allows them.
    pub no_repeat_ngram: usize,
    /// Where an unknown word would be written, the source's word that was looked at most takes its place.
    pub replace_unknown: bool,
}

impl Default for Writing {
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
    writing: &Writing,
) -> Result<Vec<Vec<Hypothesis>>> {
    let lengths: Vec<usize> = sources.iter().map(Sequence::len).collect();
    let mut found = vec![Vec::new(); sources.len()];
    for batch in Batches::in_order(&lengths, BatchSize::Examples(ROWS)) {
        let hypotheses = write_batch(&batch, sources, end, model, compute, writing)?;
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
    writing: &Writing,
) -> Result<Vec<Vec<Hypothesis>>> {
    let read = model.read(compute, &Packed::new(batch.iter().map(|&source| &sources[source])))?;
    let (mut state, mut rows): (State, Vec<usize>) = read.begin();
    let limit =
        |&source: &usize| (writing.longest.0 * sources[source].len() as f64) as usize + writing.longest.1;
    let mut searches = batch
        .iter()
        .map(|source| BeamSearch::new(writing.beams, end, limit(source)))
        .collect::<Result<Vec<_>, _>>()?;
    let (mut last, mut logits, mut distribution) = (vec![end; rows.len()], Vec::new(), Vec::new());
    while !rows.is_empty() {
        model.write(compute, &read, &rows, &last, &mut state, &mut logits)?;
        distribution.clear();
        let open = searches.iter().flat_map(|search| (0..search.rows()).map(move |row| search.ids(row)));
        for (ids, logits) in open.zip(logits.chunks_exact(model.vocab_size())) {
            let at = distribution.len();
            log_softmax(logits, &mut distribution)?;
            for id in crate::sampling::repeating(ids, writing.no_repeat_ngram) {
                distribution[at + id as usize] = f64::NEG_INFINITY;
            }
        }
        let next = beam::advance_together(&mut searches, &distribution);
        state.select(&next.parents);
        (rows, last) = (next.searches, next.last);
    }
    Ok(searches.into_iter().map(BeamSearch::finish).collect())
}
