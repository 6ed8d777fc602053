//! Generation by sampling.

use std::ops::ControlFlow;

use super::{GenerateEvent, Generated, Observer, Request, Token};
use crate::Result;
use crate::decoding::sampling::{Choice, Sampler, stream};
use crate::decoding::sequences::Sequences;
use crate::decoding::stream::Stream;
use crate::model::Compute;

/// Draws the pieces `indices` once, side by side; returns them in that order, and whether the observer lets the
/// generation go on.
pub fn attempt(
    request: &Request,
    compute: &mut Compute,
    attempt: usize,
    indices: &[usize],
    observer: &mut Observer,
) -> Result<(Vec<Generated>, ControlFlow<()>)> {
    let Request { model, options, prompts, .. } = request;
    let prompt_of = |index: usize| index / options.count;
    // Each prompt is read once, and its state copied to all of its pieces.
    let mut sequences = Sequences::read(model, compute, prompts)?;
    sequences.select(&indices.iter().map(|&index| prompt_of(index)).collect::<Vec<_>>());
    let piece = |&index: &usize| {
        let sampler = Sampler::new(options.sampling, options.seed, stream(index, attempt))?;
        let (stream, choices) = (request.stream(prompt_of(index)), Vec::new());
        Ok(Piece { index, sampler, stream, tokens: 0, shown: 0, choices })
    };
    let mut pieces = indices.iter().map(piece).collect::<Result<Vec<_>>>()?;
    let mut going = pieces.iter_mut().try_for_each(|piece| piece.show(observer));
    let mut open: Vec<usize> = (0..pieces.len()).collect();
    for step in 1..=options.tokens {
        if open.is_empty() || going.is_break() {
            break;
        }
        for (&at, logits) in open.iter().zip(sequences.logits()) {
            pieces[at].draw(logits, options.log_probabilities)?;
        }
        going = open.iter().try_for_each(|&at| pieces[at].show(observer));
        if going.is_continue() {
            going = observer(GenerateEvent::Step { tokens: step });
        }
        if step < options.tokens && going.is_continue() {
            let last = |&at: &usize| {
                let stream = &pieces[at].stream;
                stream.ids.last().copied().filter(|_| stream.ended.is_none())
            };
            let next: Vec<_> = open.iter().map(last).collect();
            sequences.advance_open(&mut open, &next)?;
        }
    }
    let generated = pieces.into_iter().map(|piece| {
        let Piece { index, stream, tokens, choices, .. } = piece;
        let stopped = stream.ended.is_none() && going.is_break() && tokens < options.tokens;
        let (prompt, ended) = (prompt_of(index), stream.ended.is_some());
        let incomplete = request.incomplete(prompt, &stream, stopped);
        let text = stream.text;
        let attempts = attempt + 1;
        Generated { text, prompt, tokens, attempts, stopped, ended, incomplete, nats: None, choices }
    });
    Ok((generated.collect(), going))
}

struct Piece<'a> {
    index: usize,
    sampler: Sampler,
    stream: Stream<'a>,
    /// Tokens behind the prompt.
    tokens: usize,
    /// Bytes of the text that the observer has seen.
    shown: usize,
    choices: Vec<Token>,
}

impl Piece<'_> {
    fn draw(&mut self, logits: &[f32], log_probabilities: Option<usize>) -> Result<()> {
        let id = match self.stream.set() {
            Some(id) => id,
            // The first token is the end of the piece before, which is none of this one's.
            None => self.sampler.sample(logits, &self.stream.ids[1..])?,
        };
        if let Some(k) = log_probabilities {
            let offset = self.stream.text.len();
            self.choices.push(Token { offset, choice: Choice::new(logits, id, k)? });
        }
        self.tokens += 1;
        self.stream.push(id);
        Ok(())
    }

    /// Tells the observer what is new.
    fn show(&mut self, observer: &mut Observer) -> ControlFlow<()> {
        let (index, settled) = (self.index, self.stream.settled());
        if settled <= self.shown {
            return ControlFlow::Continue(());
        }
        let text = &self.stream.text[self.shown..settled];
        self.shown = settled;
        observer(GenerateEvent::Text { index, text })
    }
}
