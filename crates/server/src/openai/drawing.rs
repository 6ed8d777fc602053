//! How tokens are drawn: the fields that completions and chats have in common.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::SystemTime;

use anaphora::decoding::sampling::SamplingOptions;
use anaphora_data::Tokenizer;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::engine::Ask;
use crate::error::{ApiError, ApiResult};

/// How tokens are drawn.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
pub struct Drawing {
    /// The model's name, from `GET /v1/models`.
    pub model: String,
    /// Texts of each prompt; 1 where left out.
    #[schema(minimum = 1, maximum = 128)]
    pub n: Option<usize>,
    /// The same text comes for a seed, whatever else the server is asked. One by chance where left out.
    pub seed: Option<i64>,
    /// Texts before which the text ends, four at most.
    pub stop: Option<Stop>,
    /// Whether the text is sent as it comes, as server-sent events.
    pub stream: Option<bool>,
    /// What a stream has beside the text.
    pub stream_options: Option<StreamOptions>,
    /// Takes so much off a token's logit for each time that it has come.
    #[schema(minimum = -2, maximum = 2)]
    pub frequency_penalty: Option<f32>,
    /// Takes so much off a token's logit if it has come.
    #[schema(minimum = -2, maximum = 2)]
    pub presence_penalty: Option<f32>,
    /// What is added to the logits of tokens, by their numbers.
    pub logit_bias: Option<BTreeMap<String, f32>>,
    /// Below 1 the likely becomes likelier, above 1 less so; 0 always takes the likeliest. 1 where left out.
    #[schema(minimum = 0, maximum = 2)]
    pub temperature: Option<f32>,
    /// Keeps the fewest likeliest tokens whose probabilities add up to this.
    #[schema(exclusive_minimum = 0, maximum = 1)]
    pub top_p: Option<f32>,
    /// Keeps so many of the likeliest tokens; 0 for all.
    pub top_k: Option<usize>,
    /// Keeps tokens that are so many times as likely as the likeliest.
    #[schema(minimum = 0, maximum = 1)]
    pub min_p: Option<f32>,
    /// Divides the logits of tokens that have come, where they are positive, and multiplies them where they are not.
    #[schema(minimum = 0.01, maximum = 100)]
    pub repetition_penalty: Option<f32>,
    /// The likeliest texts are searched for with so many open ones side by side, instead of drawn.
    #[schema(minimum = 1, maximum = 64)]
    pub beams: Option<usize>,
    /// Who asks. Nothing hangs on it.
    pub user: Option<String>,
}

/// Texts before which a text ends.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(untagged, expecting = "a text or a list of texts is needed")]
pub enum Stop {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

/// What a stream has beside the text.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamOptions {
    /// Whether the count of tokens comes last.
    #[serde(default)]
    pub include_usage: bool,
}

/// A field's number, where it lies in a range.
pub fn within<T: PartialOrd + Display>(
    field: &str,
    value: Option<T>,
    usual: T,
    range: RangeInclusive<T>,
) -> ApiResult<T> {
    match value {
        Some(value) if !range.contains(&value) => {
            let (low, high) = range.into_inner();
            Err(ApiError::field(field, format!("{field} is {value}; it takes a number from {low} to {high}")))
        }
        value => Ok(value.unwrap_or(usual)),
    }
}

impl Drawing {
    /// Texts that are written of each prompt.
    ///
    /// # Errors
    /// A number out of range.
    pub fn texts(&self) -> ApiResult<usize> {
        within("n", self.n, 1, 1..=128)
    }

    /// Whether the text is sent as it comes.
    pub fn streams(&self) -> bool {
        self.stream.unwrap_or(false)
    }

    /// Whether a stream ends with a count of tokens.
    ///
    /// # Errors
    /// Options of a stream for what is none.
    pub fn tells_usage(&self) -> ApiResult<bool> {
        match self.stream_options {
            Some(_) if !self.streams() => {
                Err(ApiError::field("stream_options", "stream_options is for streams; set stream to true"))
            }
            options => Ok(options.is_some_and(|options| options.include_usage)),
        }
    }

    /// The number of hypotheses of a search, where one is asked for.
    ///
    /// # Errors
    /// A number out of range, and fields that say how to draw.
    pub fn beams(&self) -> ApiResult<Option<usize>> {
        let Some(beams) = self.beams else { return Ok(None) };
        let beams = within("beams", Some(beams), 1, 1..=64)?;
        let draws = [
            ("stream", self.streams()),
            ("seed", self.seed.is_some()),
            ("temperature", self.temperature.is_some()),
            ("top_p", self.top_p.is_some()),
            ("top_k", self.top_k.is_some()),
            ("min_p", self.min_p.is_some()),
            ("repetition_penalty", self.repetition_penalty.is_some()),
            ("frequency_penalty", self.frequency_penalty.is_some()),
            ("presence_penalty", self.presence_penalty.is_some()),
            ("logit_bias", self.logit_bias.is_some()),
        ];
        if let Some((field, _)) = draws.iter().find(|(_, is_set)| *is_set) {
            return Err(ApiError::field(
                field,
                format!("{field} has no meaning where beams searches for the likeliest text"),
            ));
        }
        if self.texts()? > beams {
            return Err(ApiError::field(
                "n",
                format!("a search with {beams} beams finds {beams} texts at most"),
            ));
        }
        Ok(Some(beams))
    }

    /// Texts before which the text ends.
    ///
    /// # Errors
    /// Too many, or empty ones.
    pub fn stops(&self) -> ApiResult<Vec<String>> {
        let stops = match self.stop.clone() {
            None => Vec::new(),
            Some(Stop::One(stop)) => vec![stop],
            Some(Stop::Several(stops)) => stops,
        };
        if stops.len() > 4 || stops.iter().any(String::is_empty) {
            return Err(ApiError::field("stop", "stop takes one to four texts, none of them empty"));
        }
        Ok(stops)
    }

    /// What is asked of a model's engine for each text.
    ///
    /// # Errors
    /// Numbers out of their ranges, and tokens that there are not.
    pub fn ask(&self, max_tokens: usize, tokenizer: &Tokenizer) -> ApiResult<Ask> {
        let sampling = SamplingOptions {
            temperature: within("temperature", self.temperature, 1.0, 0.0..=2.0)?,
            top_p: within("top_p", self.top_p, 1.0, f32::MIN_POSITIVE..=1.0)?,
            top_k: self.top_k.unwrap_or(0),
            min_p: within("min_p", self.min_p, 0.0, 0.0..=1.0)?,
            repetition_penalty: within("repetition_penalty", self.repetition_penalty, 1.0, 0.01..=100.0)?,
            no_repeat_ngram: 0,
        };
        let size = tokenizer.vocab_size();
        let bias = |(id, bias): (&String, &f32)| {
            let known = id.parse::<u32>().ok().filter(|&id| (id as usize) < size);
            let none = || {
                ApiError::field("logit_bias", format!("'{id}' is no token of the model, which has {size}"))
            };
            Ok((known.ok_or_else(none)?, within("logit_bias", Some(*bias), 0.0, -100.0..=100.0)?))
        };
        Ok(Ask {
            prompt: Vec::new(),
            sampling,
            seed: self.seed.map_or_else(random_seed, |seed| seed as u64),
            index: 0,
            stream: 0,
            max_tokens,
            stop: self.stops()?,
            log_probabilities: None,
            of_prompt: false,
            bias: self.logit_bias.iter().flatten().map(bias).collect::<ApiResult<_>>()?,
            presence_penalty: within("presence_penalty", self.presence_penalty, 0.0, -2.0..=2.0)?,
            frequency_penalty: within("frequency_penalty", self.frequency_penalty, 0.0, -2.0..=2.0)?,
        })
    }
}

/// A seed for who names none.
pub fn random_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(SystemTime::now())
}
