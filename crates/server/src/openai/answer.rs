//! Texts on their way: asked of an engine, put together from their parts.

use std::time::{SystemTime, UNIX_EPOCH};

use anaphora::decoding::beam::BeamOptions;
use anaphora::decoding::sampling::Choice;
use anaphora::decoding::{GenerateOptions, generate};
use serde::Serialize;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use utoipa::ToSchema;

use super::prompt::Read;
use crate::engine::{Ask, Drawn, Engine, Finish, Part, Refused, Trouble};
use crate::error::{ApiError, ApiResult};

/// Texts that one request may ask for, at most.
const MOST_TEXTS: usize = 128;
/// Tokens that all of them together may have.
const MOST_TOKENS: usize = 1 << 20;

/// A text as it comes, or a part of it.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// The text.
    pub text: String,
    /// The log-probabilities of the prompt's tokens but the first.
    pub prompt: Vec<Choice>,
    /// The tokens.
    pub drawn: Vec<Drawn>,
    /// Why it ended, if it has.
    pub finish: Option<Finish>,
}

/// How many tokens were read and written.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Usage {
    /// Tokens of the prompts.
    pub prompt_tokens: usize,
    /// Tokens of the texts.
    pub completion_tokens: usize,
    /// Both.
    pub total_tokens: usize,
}

impl Usage {
    /// The tokens of prompts and of what was written.
    pub fn new(prompts: &[Read], completion_tokens: usize) -> Self {
        let prompt_tokens = prompts.iter().map(|prompt| prompt.shown).sum();
        Self { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens }
    }
}

impl From<Trouble> for ApiError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Model(message) => Self::server(message),
            Trouble::Closing => Self::closing(),
        }
    }
}

impl Written {
    /// A part by itself.
    ///
    /// # Errors
    /// A text that breaks off.
    pub fn part(part: Part) -> ApiResult<Self> {
        Ok(match part {
            Part::Prompt(prompt) => Self { prompt, ..Self::default() },
            Part::Text(text, drawn) => Self { text, drawn, ..Self::default() },
            Part::End(finish) => Self { finish: Some(finish), ..Self::default() },
            Part::Failed(trouble) => return Err(trouble.into()),
        })
    }

    /// With a part behind it.
    pub fn extend(&mut self, part: Self) {
        self.text += &part.text;
        self.prompt.extend(part.prompt);
        self.drawn.extend(part.drawn);
        self.finish = part.finish.or(self.finish);
    }

    /// The mean log-probability of its tokens.
    pub fn mean(&self) -> f64 {
        let choices = self.drawn.iter().filter_map(|drawn| drawn.choice.as_ref());
        choices.map(|choice| choice.log_probability).sum::<f64>() / self.drawn.len().max(1) as f64
    }
}

/// The texts of a request while they are written.
pub struct Texts {
    parts: UnboundedReceiver<(usize, Part)>,
    /// How many there are.
    pub count: usize,
}

impl Texts {
    /// Asks for so many texts of each prompt.
    ///
    /// # Errors
    /// More than one request may ask for, or than the model can take now.
    pub fn ask(engine: &Engine, prompts: &[Read], each: usize, ask: &Ask) -> ApiResult<Self> {
        check_size(prompts, each, ask.max_tokens)?;
        let count = prompts.len() * each;
        let (answer, parts) = unbounded_channel();
        for index in 0..count {
            // Texts of one prompt are told apart by their stream; the first is what a request for one alone gives.
            let (prompt, stream) = (prompts[index / each].ids.clone(), (index % each) as u64);
            let refused = engine.ask(Ask { prompt, index, stream, ..ask.clone() }, answer.clone());
            refused.map_err(|refused| match refused {
                Refused::Busy => ApiError::busy(),
                Refused::Gone => ApiError::server("the model has stopped; ask again"),
            })?;
        }
        Ok(Self { parts, count })
    }

    /// The next part, and of which text; none where all have ended.
    pub async fn next(&mut self) -> Option<(usize, Part)> {
        self.parts.recv().await
    }

    /// The parts that have come already.
    pub fn there(&mut self) -> impl Iterator<Item = (usize, Part)> {
        std::iter::from_fn(|| self.parts.try_recv().ok())
    }

    /// Waits for all texts.
    ///
    /// # Errors
    /// A text that breaks off.
    pub async fn whole(mut self) -> ApiResult<Vec<Written>> {
        let mut all = vec![Written::default(); self.count];
        while let Some((index, part)) = self.next().await {
            all[index].extend(Written::part(part)?);
        }
        if all.iter().any(|written| written.finish.is_none()) {
            return Err(broken_off());
        }
        Ok(all)
    }
}

/// A text whose model is gone.
pub fn broken_off() -> ApiError {
    ApiError::server("the model stopped before the text had ended")
}

fn check_size(prompts: &[Read], each: usize, max_tokens: usize) -> ApiResult<()> {
    let texts = prompts.len() * each;
    let read = prompts.iter().map(|prompt| prompt.shown).sum::<usize>() * each;
    if read > MOST_TOKENS {
        let message =
            format!("prompts of {read} tokens are to be read; all together may have {MOST_TOKENS} at most");
        return Err(ApiError::field("prompt", message));
    }
    if texts > MOST_TEXTS {
        return Err(ApiError::field(
            "n",
            format!("{texts} texts are asked for at once; {MOST_TEXTS} at most may be"),
        ));
    }
    if texts.saturating_mul(max_tokens) > MOST_TOKENS {
        let message = format!(
            "{texts} texts of {max_tokens} tokens are asked for; all together may have {MOST_TOKENS} at most"
        );
        return Err(ApiError::field("max_tokens", message));
    }
    Ok(())
}

/// Searches for the likeliest texts of each prompt, which may be fewer than are asked for.
///
/// # Errors
/// More than one request may ask for, and a model that cannot go on.
pub async fn search(
    engine: &Engine,
    prompts: &[Read],
    each: usize,
    beams: usize,
    ask: &Ask,
) -> ApiResult<Vec<Vec<Written>>> {
    check_size(prompts, beams, ask.max_tokens)?;
    let tokenizer = &engine.trained().tokenizer;
    // A search begins with texts: tokens that their text would not give are not what it would go on from.
    let is_text = |prompt: &Read| {
        tokenizer.encode(&tokenizer.decode(prompt.own())).is_ok_and(|ids| ids == prompt.own())
    };
    if !prompts.iter().all(is_text) {
        let message =
            "with beams the prompt's tokens must be those that its text is split into; send it as a text";
        return Err(ApiError::field("prompt", message));
    }
    let options = GenerateOptions {
        beams: Some(BeamOptions { beams, ..BeamOptions::default() }),
        prompts: prompts.iter().map(|prompt| tokenizer.decode(prompt.own())).collect(),
        count: each,
        tokens: ask.max_tokens,
        stop: ask.stop.clone(),
        log_probabilities: Some(ask.log_probabilities.unwrap_or(0)),
        ..GenerateOptions::default()
    };
    let searching = engine.work(move |trained, compute, gone| {
        let go_on = &mut |_: anaphora::decoding::GenerateEvent| gone.flow();
        let found = generate(&trained.model, &trained.tokenizer, compute, &options, None, go_on);
        Ok((found.map_err(|error| ApiError::server(error.to_string()))?, options.prompts))
    });
    let (found, texts) = searching.await?;
    let written = |piece: anaphora::decoding::Generated| {
        let before = texts[piece.prompt].len();
        let drawn = piece.choices.into_iter().map(|token| Drawn {
            id: token.choice.token,
            choice: ask.log_probabilities.is_some().then_some(token.choice),
        });
        let finish = if piece.ended { Finish::Stop } else { Finish::Length };
        Written {
            text: piece.text[before..].to_owned(),
            prompt: Vec::new(),
            drawn: drawn.collect(),
            finish: Some(finish),
        }
    };
    let mut all = vec![Vec::new(); prompts.len()];
    found.into_iter().for_each(|piece| all[piece.prompt].push(written(piece)));
    Ok(all)
}

/// The name and time of an answer.
pub fn stamp(kind: &str) -> (String, u64) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (format!("{kind}-{:x}", now.as_nanos()), now.as_secs())
}
