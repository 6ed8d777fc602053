//! The likeliest pieces, by beam search.

use super::stream::{End, Stream};
use super::{Begun, GenerateOptions, Generated, Generator, Progress, incomplete};
use crate::Result;
use crate::decoding::beam::{self, BeamOptions, BeamSearch};
use crate::decoding::sampling::{log_softmax, repeating};
use crate::tasks::language::Trained;

impl Generator {
    /// The likeliest pieces of each prompt, the best first: as many as are asked for, at most as many as there are beams.
    ///
    /// All beams of all prompts are rows of one batch. What is set instead of chosen counts as certain, and so does the end after
    /// a stop text; a token that would repeat a sequence is impossible, and what it leaves to the others does not make them
    /// likelier.
    pub(super) fn likeliest(
        &mut self,
        options: &GenerateOptions,
        beams: BeamOptions,
        observer: &mut dyn FnMut(Progress),
    ) -> Result<Vec<Generated>> {
        let mut begun = self.begin(options)?;
        let mut logits = begun.select(0..options.prompts.len());
        let Begun { prompts, fields, mut state, .. } = begun;
        let Self { trained, compute } = self;
        let task = trained.task();
        let Trained { model, tokenizer, .. } = trained;
        let (vocab_size, end) = (model.vocab_size(), tokenizer.end_id());
        let begun: Vec<Stream> = std::iter::zip(&prompts, &options.prompts)
            .map(|(ids, text)| Stream::new(tokenizer, (ids, text), &fields, &options.stop))
            .collect();

        let mut searches = vec![BeamSearch::new(beams, end, options.tokens)?; begun.len()];
        let mut streams = begun.clone();
        let mut log_probabilities = Vec::new();
        let mut tokens = 0;
        while searches.iter().any(|search| search.rows() > 0) {
            log_probabilities.clear();
            for (stream, logits) in streams.iter().zip(logits.chunks_exact(vocab_size)) {
                let from = log_probabilities.len();
                log_softmax(logits, &mut log_probabilities)?;
                let of_row = &mut log_probabilities[from..];
                let only = if stream.ended == Some(End::Stop) { Some(end) } else { stream.set() };
                if let Some(id) = only {
                    of_row.fill(f64::NEG_INFINITY);
                    of_row[id as usize] = 0.0;
                } else {
                    for id in repeating(&stream.ids[1..], options.sampling.no_repeat_ngram) {
                        of_row[id as usize] = f64::NEG_INFINITY;
                    }
                }
            }
            let rows = beam::advance_together(&mut searches, &log_probabilities);
            tokens += 1;
            observer(Progress::Searched { tokens });
            if !rows.last.is_empty() {
                let chosen = rows.parents.iter().zip(&rows.last);
                streams = chosen.map(|(&parent, &id)| followed_by(&streams[parent], id)).collect();
                state.select(&rows.parents);
                model.advance(compute, &rows.last, &[rows.last.len()], &mut state, &mut logits)?;
            }
        }
        let mut found = Vec::with_capacity(options.pieces());
        for (prompt, (search, begun)) in searches.into_iter().zip(&begun).enumerate() {
            for hypothesis in search.finish().into_iter().take(options.count) {
                let stream =
                    hypothesis.ids.iter().fold(begun.clone(), |stream, &id| followed_by(&stream, id));
                // The end behind a stop text is none of the model's.
                let tokens =
                    hypothesis.ids.len() - usize::from(stream.ended == Some(End::Stop) && hypothesis.ended);
                found.push(Generated {
                    prompt,
                    tokens,
                    attempts: 1,
                    incomplete: incomplete(task, &stream.text, stream.ended),
                    nats: Some(-hypothesis.log_probability / tokens.max(1) as f64),
                    text: stream.text,
                });
            }
        }
        Ok(found)
    }
}

/// The piece with a token more.
fn followed_by<'a>(stream: &Stream<'a>, id: u32) -> Stream<'a> {
    let mut stream = stream.clone();
    if stream.ended.is_none() {
        stream.push(id);
    }
    stream
}
