//! What the server counts, for Prometheus.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// All counts.
pub struct Meter {
    registry: Registry,
    requests: Family<Answered, Counter>,
    /// Tokens of prompts that were read.
    pub prompt_tokens: Counter,
    /// Tokens that were written.
    pub written_tokens: Counter,
    /// Texts that are being written.
    pub open_texts: Gauge,
    /// Models in memory.
    pub loaded_models: Gauge,
    first_token: Histogram,
    between_tokens: Histogram,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    endpoint: String,
    status: u16,
}

/// Seconds from a tenth of a millisecond to half a minute.
const SECONDS: [f64; 12] = [1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0];

impl Meter {
    /// Nothing was counted.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("anaphora");
        let (requests, prompt_tokens, written_tokens) =
            (Family::default(), Counter::default(), Counter::default());
        let (open_texts, loaded_models) = (Gauge::default(), Gauge::default());
        let (first_token, between_tokens) = (Histogram::new(SECONDS), Histogram::new(SECONDS));
        registry.register("requests", "Requests by endpoint and status", requests.clone());
        registry.register("prompt_tokens", "Tokens of prompts that were read", prompt_tokens.clone());
        registry.register("written_tokens", "Tokens that were written", written_tokens.clone());
        registry.register("open_texts", "Texts that are being written", open_texts.clone());
        registry.register("loaded_models", "Models in memory", loaded_models.clone());
        let time = "Time from a request to its first token";
        registry.register_with_unit("first_token", time, Unit::Seconds, first_token.clone());
        let time = "Time from a token of a text to the next";
        registry.register_with_unit("between_tokens", time, Unit::Seconds, between_tokens.clone());
        Self {
            registry,
            requests,
            prompt_tokens,
            written_tokens,
            open_texts,
            loaded_models,
            first_token,
            between_tokens,
        }
    }

    /// Counts an answer.
    pub fn answered(&self, endpoint: &str, status: u16) {
        self.requests.get_or_create(&Answered { endpoint: endpoint.to_owned(), status }).inc();
    }

    /// Counts a token that came so long after its request, or after the token before it.
    pub fn token(&self, is_first: bool, waited: Duration) {
        let histogram = if is_first { &self.first_token } else { &self.between_tokens };
        histogram.observe(waited.as_secs_f64());
        self.written_tokens.inc();
    }

    /// The counts as Prometheus reads them.
    pub fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a text takes all that is written to it");
        text
    }
}
