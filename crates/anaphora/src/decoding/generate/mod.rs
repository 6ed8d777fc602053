//! Pieces of text by a language model.

mod draw;
mod search;

use std::ops::ControlFlow;

use anaphora_data::Tokenizer;

use super::beam::BeamOptions;
use super::sampling::{Choice, SamplingOptions};
use super::stream::Stream;
use crate::Result;
use crate::model::{Compute, LanguageModel};

/// Options of a generation.
#[derive(Clone, Debug, PartialEq)]
pub struct GenerateOptions {
    /// Options of sampling.
    pub sampling: SamplingOptions,
    /// Where given, the likeliest pieces are searched for instead, and of `sampling` only the rule against repeated n-grams
    /// counts; the search ends the same way each time, so `seed` and `retry` do not count.
    pub beams: Option<BeamOptions>,
    /// What pieces begin with; may be empty, and of unequal length.
    pub prompts: Vec<String>,
    /// Pieces to generate for each prompt, all side by side; a beam search finds at most as many as it has beams.
    pub count: usize,
    /// Tokens after which a piece is broken off.
    pub tokens: usize,
    /// Header fields of a tune and their values: where a line begins with the field for the first time, the value is set
    /// instead of drawn, so that a key and a metre can be asked for and the title is still the model's.
    pub fields: Vec<(char, String)>,
    /// Texts at which a piece ends; they are not part of it.
    pub stop: Vec<String>,
    /// The seed of all randomness.
    pub seed: u64,
    /// How often an incomplete piece is generated again.
    pub retry: usize,
    /// Where given, how likely each token was is kept with the piece, and so many of the likeliest tokens in its place.
    pub log_probabilities: Option<usize>,
}

impl Default for GenerateOptions {
    fn default() -> Self {
        Self {
            sampling: SamplingOptions::default(),
            beams: None,
            prompts: vec![String::new()],
            count: 1,
            tokens: 2_000,
            fields: Vec::new(),
            stop: Vec::new(),
            seed: 0,
            retry: 0,
            log_probabilities: None,
        }
    }
}

impl GenerateOptions {
    /// All pieces, those of the first prompt first.
    fn pieces(&self) -> usize {
        self.prompts.len() * self.count
    }
}

/// An event of a generation, for its observer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GenerateEvent<'a> {
    /// Piece `index` goes on with this text, its prompt first. What may yet become a stop text is held back.
    Text {
        /// Index of the piece, from 0.
        index: usize,
        /// The added text.
        text: &'a str,
    },
    /// Each piece that is still open, or each open hypothesis of a search, has grown by one token; told again, with the last
    /// number, while what a search has found is read again for the log-probabilities of its tokens.
    Step {
        /// Tokens of each, its prompt aside; frames or events where these are composed.
        tokens: usize,
    },
    /// Piece `index` is not complete and is generated anew.
    Rejected {
        /// Index of the piece, from 0.
        index: usize,
        /// Why it is not complete.
        reason: &'a str,
    },
}

/// Receives the events of a generation and can stop it by a `Break`; not called again after that.
pub type Observer<'a> = dyn FnMut(GenerateEvent) -> ControlFlow<()> + 'a;

/// A generated piece.
#[derive(Clone, Debug, PartialEq)]
pub struct Generated {
    /// The whole piece, its prompt included.
    pub text: String,
    /// Which of the prompts it begins with, from 0.
    pub prompt: usize,
    /// Tokens drawn for it, in the attempt that was kept.
    pub tokens: usize,
    /// Number of attempts.
    pub attempts: usize,
    /// Whether the observer stopped it before its end.
    pub stopped: bool,
    /// Whether it came to its end, or to a stop text, before its tokens ran out.
    pub ended: bool,
    /// Why it is not complete; none if it is. A text is not where it was stopped, and only there.
    pub incomplete: Option<String>,
    /// Of a piece that was searched for, how unlikely it is: minus the mean log-probability of its tokens, in nats.
    pub nats: Option<f64>,
    /// Where they were asked for, its tokens, those that were set and its end included; none of a search that was stopped.
    pub choices: Vec<Token>,
}

/// A token of a piece.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// Bytes of the piece's text before it. Those of a stop text are beyond its end.
    pub offset: usize,
    /// The token, and how likely it was.
    pub choice: Choice,
}

/// Why a whole piece is not complete, by its prompt and its text; none where it is.
pub type Problem<'a> = dyn Fn(&str, &str) -> Option<String> + 'a;

/// Generates pieces, those of an attempt side by side. Where there is a `problem` that may be found with them, a piece is
/// complete if it came to its end without one; else any is. Where `observer` breaks, what there is by then is returned.
///
/// # Errors
/// Options out of range and logits that are not numbers ([`Error::Sampling`](crate::Error::Sampling)), prompts or
/// fields that the tokenizer cannot encode.
pub fn generate(
    model: &LanguageModel,
    tokenizer: &Tokenizer,
    compute: &mut Compute,
    options: &GenerateOptions,
    problem: Option<&Problem>,
    observer: &mut Observer,
) -> Result<Vec<Generated>> {
    let request = Request::new(model, tokenizer, options, problem)?;
    match options.beams {
        Some(beams) => search::likeliest(&request, compute, beams, observer),
        None => drawn(&request, compute, observer),
    }
}

/// Draws pieces, and those anew that are not complete.
fn drawn(request: &Request, compute: &mut Compute, observer: &mut Observer) -> Result<Vec<Generated>> {
    let Request { options, .. } = request;
    let mut pieces: Vec<Option<Generated>> = vec![None; options.pieces()];
    let mut open: Vec<usize> = (0..pieces.len()).collect();
    for attempt in 0..=options.retry {
        let (written, mut going) = draw::attempt(request, compute, attempt, &open, observer)?;
        for (index, piece) in std::mem::take(&mut open).into_iter().zip(written) {
            if let (Some(reason), true, true) =
                (&piece.incomplete, attempt < options.retry, going.is_continue())
            {
                going = observer(GenerateEvent::Rejected { index, reason });
                open.push(index);
            }
            // What was cut short says less than the whole piece of an earlier attempt.
            if !piece.stopped || pieces[index].is_none() {
                pieces[index] = Some(piece);
            }
        }
        if open.is_empty() || going.is_break() {
            break;
        }
    }
    Ok(pieces.into_iter().flatten().collect())
}

/// A prepared generation.
struct Request<'a> {
    model: &'a LanguageModel,
    tokenizer: &'a Tokenizer,
    options: &'a GenerateOptions,
    problem: Option<&'a Problem<'a>>,
    /// The tokens of each prompt, behind the one that ends the piece before.
    prompts: Vec<Vec<u32>>,
    /// What follows the name of a field that is set: its value to the end of the line.
    fields: Vec<(char, Vec<u32>)>,
}

impl<'a> Request<'a> {
    fn new(
        model: &'a LanguageModel,
        tokenizer: &'a Tokenizer,
        options: &'a GenerateOptions,
        problem: Option<&'a Problem<'a>>,
    ) -> Result<Self> {
        let mut prompts = Vec::with_capacity(options.prompts.len());
        for prompt in &options.prompts {
            let mut ids = vec![tokenizer.end_id()];
            tokenizer.encode_into(prompt, &mut ids)?;
            prompts.push(ids);
        }
        let mut fields = Vec::with_capacity(options.fields.len());
        for (field, value) in &options.fields {
            fields.push((*field, tokenizer.encode(&format!("{value}\n"))?));
        }
        Ok(Self { model, tokenizer, options, problem, prompts, fields })
    }

    /// A piece that continues a prompt.
    fn stream(&self, prompt: usize) -> Stream<'a> {
        let begin = (&self.prompts[prompt][..], &self.options.prompts[prompt][..]);
        Stream::new(self.tokenizer, begin, &self.fields, &self.options.stop)
    }

    /// The first reason why a piece is not complete, as a sentence.
    fn incomplete(&self, prompt: usize, stream: &Stream, stopped: bool) -> Option<String> {
        match (self.problem, stream.ended) {
            (_, None) if stopped => Some("it was stopped".to_owned()),
            (Some(_), None) => Some("it did not come to its end".to_owned()),
            (Some(problem), Some(_)) => problem(&self.options.prompts[prompt], &stream.text),
            (None, _) => None,
        }
    }
}
