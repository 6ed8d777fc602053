//! The likeliest pieces, by beam search.

use std::ops::ControlFlow;

use super::{GenerateEvent, Generated, Observer, Request, Token};
use crate::Result;
use crate::decoding::beam::{self, BeamOptions, BeamSearch};
use crate::decoding::sampling::{Choice, log_softmax, repeating};
use crate::decoding::sequences::Sequences;
use crate::decoding::stream::{End, Stream};
use crate::model::Compute;

/// The likeliest pieces of each prompt, the best first: as many as are asked for, at most as many as there are beams.
///
/// All beams of all prompts are rows of one batch. What is set instead of chosen counts as certain, and so does the end after
/// a stop text; a token that would repeat an n-gram is impossible, and what it leaves to the others does not make them
/// likelier. A search that is stopped takes its open hypotheses as they are.
pub fn likeliest(
    request: &Request,
    compute: &mut Compute,
    beams: BeamOptions,
    observer: &mut Observer,
) -> Result<Vec<Generated>> {
    let Request { model, tokenizer, options, prompts, .. } = request;
    let end = tokenizer.end_id();
    let begun: Vec<Stream> = (0..prompts.len()).map(|prompt| request.stream(prompt)).collect();
    let mut sequences = Sequences::read(model, compute, prompts)?;
    let mut searches = vec![BeamSearch::new(beams, end, options.tokens)?; begun.len()];
    let mut streams = begun.clone();
    let mut log_probabilities = Vec::new();
    let (mut tokens, mut stopped) = (0, false);
    while searches.iter().any(|search| search.rows() > 0) && !stopped {
        log_probabilities.clear();
        for (stream, logits) in streams.iter().zip(sequences.logits()) {
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
        stopped = observer(GenerateEvent::Step { tokens }).is_break();
        if !rows.last.is_empty() && !stopped {
            let chosen = rows.parents.iter().zip(&rows.last);
            streams = chosen.map(|(&parent, &id)| followed_by(&streams[parent], id)).collect();
            sequences.advance(&rows.parents, &rows.last)?;
        }
    }
    let mut found = Vec::with_capacity(options.pieces());
    for (prompt, (search, begun)) in searches.into_iter().zip(&begun).enumerate() {
        let open = search.rows() > 0;
        for hypothesis in search.finish().into_iter().take(options.count) {
            let mut stream = begun.clone();
            let mut of_text = Vec::new();
            for &id in hypothesis.ids.iter() {
                // The end behind a stop text is none of the model's.
                if stream.ended.is_none() {
                    of_text.push((stream.text.len(), id));
                    stream.push(id);
                }
            }
            let stopped = stopped && open && stream.ended.is_none();
            let tokens = of_text.len();
            let piece = Generated {
                prompt,
                tokens,
                attempts: 1,
                stopped,
                ended: stream.ended.is_some(),
                incomplete: request.incomplete(prompt, &stream, stopped),
                nats: Some(-hypothesis.log_probability / tokens.max(1) as f64),
                text: stream.text,
                choices: Vec::new(),
            };
            found.push((piece, of_text));
        }
    }
    if let Some(k) = options.log_probabilities.filter(|_| !stopped) {
        let mut go_on = || observer(GenerateEvent::Step { tokens });
        choose(request, compute, &mut found, k, &mut go_on)?;
    }
    Ok(found.into_iter().map(|(piece, _)| piece).collect())
}

/// Reads the pieces that were found again, with the offsets of their tokens, and notes how likely each token was; of none,
/// where `go_on` breaks before the end.
fn choose(
    request: &Request,
    compute: &mut Compute,
    found: &mut [(Generated, Vec<(usize, u32)>)],
    k: usize,
    go_on: &mut dyn FnMut() -> ControlFlow<()>,
) -> Result<()> {
    let mut sequences = Sequences::read(request.model, compute, &request.prompts)?;
    sequences.select(&found.iter().map(|(piece, _)| piece.prompt).collect::<Vec<_>>());
    let mut open: Vec<usize> = (0..found.len()).collect();
    for step in 0.. {
        for (&at, logits) in open.iter().zip(sequences.logits()) {
            let (piece, tokens) = &mut found[at];
            if let Some(&(offset, id)) = tokens.get(step) {
                piece.choices.push(Token { offset, choice: Choice::new(logits, id, k)? });
            }
        }
        let rows: Vec<usize> = (0..open.len()).filter(|&row| step + 1 < found[open[row]].1.len()).collect();
        open = rows.iter().map(|&row| open[row]).collect();
        if open.is_empty() {
            break;
        }
        let last: Vec<u32> = open.iter().map(|&at| found[at].1[step].1).collect();
        if go_on().is_break() {
            found.iter_mut().for_each(|(piece, _)| piece.choices.clear());
            break;
        }
        sequences.advance(&rows, &last)?;
    }
    Ok(())
}

/// The piece with a token more.
fn followed_by<'a>(stream: &Stream<'a>, id: u32) -> Stream<'a> {
    let mut stream = stream.clone();
    if stream.ended.is_none() {
        stream.push(id);
    }
    stream
}
