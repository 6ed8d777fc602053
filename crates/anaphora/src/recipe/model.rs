//! `[model]`: what learns.

pub use anaphora_data::roll::Notes;
use serde::{Deserialize, Serialize};

use super::Accepts::{Below, Bool, Levels, Number, OneOf, Positive, Whole};
use super::Task::{
    Caption, Chorales, Classify, Events, Forecast, Memory, Music, Tag, Text, Trajectory, Translate,
};
use super::field::{WIDE, section, takes, word, words};
use super::readers::When::{Backbones, For, Is, NotTasks, Tasks, Unset};
use super::readers::{OF_TEXT, PAIRS, POOLED, RECURRENT, SERIES, SHORTCUT, TRANSFORMERS, WHOLE};

section! {
    /// `[model]`: what learns.
    Model in "model" {
        /// Kind of model.
        backbone: Backbone = Backbone::Lstm, takes(OneOf(words::<Backbone>)).common("backbone", "KIND");

        /// Activation of an rnn.
        nonlinearity: Nonlinearity = Nonlinearity::Tanh,
            takes(OneOf(words::<Nonlinearity>))
                .flag("nonlinearity", "KIND")
                .read(&[Backbones(&[Backbone::Rnn])]);

        /// Layers, one above the other.
        layers: usize = 1, takes(Whole(1, 48)).common("layers", "N");

        /// Units of each layer.
        hidden_size: usize = 512, takes(Whole(1, WIDE)).common("hidden", "N");

        /// Width of the input embedding, 0 for one-hot input; 128, or a transformer's hidden_size, where left out.
        embedding_size: Option<usize> = None, takes(Whole(0, WIDE)).flag("embedding", "N").read(&[
            NotTasks(SERIES),
            OF_TEXT,
            For(&[Memory], &Is("data.builtin", &["copy"])),
            For(&[Chorales], &Is("model.notes", &["conditioned"])),
        ]);

        /// Recurrent layers also read from the end, where the task has the whole sequence before it predicts.
        bidirectional: bool = false, takes(Bool).flag("bidirectional", "BOOL").read(&[
            Tasks(WHOLE),
            RECURRENT,
            For(&[Memory], &Is("data.builtin", &["adding"])),
        ]);

        /// How the steps of an example become one; a recurrent model's last state, others' mean, where left out.
        pooling: Option<Pooling> = None, takes(OneOf(words::<Pooling>)).flag("pooling", "KIND").read(&[
            Tasks(POOLED),
            For(&[Memory], &Is("data.builtin", &["adding"])),
        ]);

        /// Share of activations dropped on every connection that is not recurrent.
        dropout: f64 = 0.5, takes(Below(0.0, 1.0)).common("dropout", "SHARE");

        /// One dropout mask for all steps of a sequence (Gal & Ghahramani 2016) instead of one a step.
        variational_dropout: bool = false,
            takes(Bool).read(&[Backbones(&[Backbone::Window, Backbone::Rnn, Backbone::Gru, Backbone::Lstm])]);

        /// The head's weights are the embedding's (Press & Wolf 2017).
        tied_weights: bool = false,
            takes(Bool).flag("tied", "BOOL").read(&[Tasks(&[Music, Text, Events, Translate, Caption])]);

        /// What an lstm's forget gates start from (Jozefowicz et al. 2015).
        forget_bias: f64 = 1.0, takes(Number(-100.0, 100.0)).read(&[
            Backbones(&[Backbone::Lstm]),
            NotTasks(&[Memory]),
            Unset("model.chrono"),
        ]);

        /// Steps that the window backbone sees.
        window: usize = 16,
            takes(Whole(1, WIDE)).common("window", "N").read(&[Backbones(&[Backbone::Window])]);

        /// Heads of attention; one for each 64 units where left out, or the nearest smaller number that divides them.
        heads: Option<usize> = None, takes(Whole(1, WIDE)).common("heads", "N").read(&[TRANSFORMERS]);

        /// Heads of keys and values, each shared by several heads of queries; as many as heads where left out.
        kv_heads: Option<usize> = None, takes(Whole(1, WIDE)).read(&[TRANSFORMERS]);

        /// Most steps that a token attends to, itself included; training.length, or what the data need, where left out.
        context: Option<usize> = None,
            takes(Whole(1, WIDE))
                .flag("context", "N")
                .read(&[TRANSFORMERS, NotTasks(&[Forecast, Trajectory, Memory])]);

        /// How a transformer knows the order of steps.
        position: Position = Position::Rotary,
            takes(OneOf(words::<Position>)).flag("position", "KIND").read(&[TRANSFORMERS]);

        /// Base of the frequencies by which rotary positions turn, the larger the slower; 10,000 where left out.
        rotary_base: Option<f64> = None,
            takes(Number(1.0, 1e12)).read(&[TRANSFORMERS, Is("model.position", &["rotary"])]);

        /// How queries and keys are compared.
        similarity: Similarity = Similarity::Dot, takes(OneOf(words::<Similarity>)).read(&[TRANSFORMERS]);

        /// Activation of a transformer's feed-forward networks.
        feed_forward: FeedForward = FeedForward::Gelu,
            takes(OneOf(words::<FeedForward>)).read(&[TRANSFORMERS]);

        /// Units of their inner layer; 4 hidden_size, or 8/3 of it for swiglu, which has two maps there, where left out.
        feed_forward_size: Option<usize> = None, takes(Whole(1, WIDE)).read(&[TRANSFORMERS]);

        /// How a transformer normalises.
        norm: Norm = Norm::Layer, takes(OneOf(words::<Norm>)).read(&[TRANSFORMERS]);

        /// What norms add to the variance under the root; 1e-5, for rms 1e-6, where left out.
        norm_epsilon: Option<f64> = None, takes(Positive).read(&[TRANSFORMERS]);

        /// Norms in front of each part of a transformer's block instead of behind its residual sum.
        norm_first: bool = true, takes(Bool).read(&[TRANSFORMERS]);

        /// Biases in a transformer's linear maps and norms; a language model's head has none.
        bias: bool = false, takes(Bool).read(&[TRANSFORMERS]);

        /// Share of attention weights dropped.
        attention_dropout: f64 = 0.0, takes(Below(0.0, 1.0)).read(&[TRANSFORMERS]);

        /// How a recurrent decoder looks at what an encoder read; a transformer always does.
        attention: Attention = Attention::Luong,
            takes(OneOf(words::<Attention>)).common("attention", "KIND").read(&[Tasks(PAIRS), RECURRENT]);

        /// A recurrent decoder reads what it found by attention beside the next token (Luong, Pham & Manning 2015).
        input_feeding: bool = false, takes(Bool).read(&[Tasks(PAIRS), RECURRENT]);

        /// What is forecast of a number.
        head: Head = Head::Point, takes(OneOf(words::<Head>)).common("head", "KIND").read(&[Tasks(SERIES)]);

        /// Levels of the quantiles that are forecast, ascending, 0.5 among them.
        levels: Vec<f64> = vec![0.1, 0.5, 0.9],
            takes(Levels).read(&[Tasks(SERIES), Is("model.head", &["gaussian", "quantile"])]);

        /// What a forecast is counted from, so that the network learns what is left; of the class of a text, what the network's outputs are added to.
        shortcut: Shortcut = Shortcut::Linear,
            takes(OneOf(words::<Shortcut>))
                .read(&[Tasks(SHORTCUT), For(&[Classify], &Is("data.input", &["text"]))]);

        /// How the notes of a chord depend on one another.
        notes: Notes = Notes::Conditioned,
            takes(OneOf(words::<Notes>)).common("notes", "KIND").read(&[Tasks(&[Chorales])]);

        /// Steps that the gates of an lstm or gru begin fit to remember (Tallec & Ollivier 2018), instead of by forget_bias.
        chrono: Option<usize> = None,
            takes(Whole(2, WIDE)).read(&[Backbones(&[Backbone::Gru, Backbone::Lstm])]);

        /// Units a direction of the lstm that reads the characters of a word to be tagged, 0 for words alone.
        character_size: usize = 32, takes(Whole(0, WIDE)).read(&[Tasks(&[Tag])]);
    }
}

impl std::fmt::Display for Backbone {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(&word(self))
    }
}

/// What is forecast of a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Head {
    /// Its mean, by the squared error.
    #[default]
    Point,
    /// Mean and variance of a normal distribution, by the likelihood.
    Gaussian,
    /// Its quantiles, by the pinball loss.
    Quantile,
}

/// What a forecast is counted from, or what the network's outputs are added to where it tells the class of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shortcut {
    /// What the window is counted from; for a class, nothing.
    None,
    /// A linear map: of the window by least squares, of a text's words and characters by logistic regression.
    #[default]
    Linear,
}

/// How a recurrent decoder looks at what an encoder read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Attention {
    /// Not at all: it knows one fixed vector.
    None,
    /// By the product of a linear map of the one with the other (Luong, Pham & Manning 2015).
    #[default]
    Luong,
    /// By a small network on both (Bahdanau, Cho & Bengio 2015).
    Bahdanau,
}

/// How the steps of an example become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// What is known after the last step, in both directions where there are two.
    Last,
    /// Their mean.
    Mean,
    /// The largest of each feature.
    Max,
    /// Their mean, weighted by how well they fit a query that is learnt.
    Attention,
}

/// How a Transformer knows the order of symbols.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Position {
    /// By the causal mask alone.
    None,
    /// Fixed waves added to the input.
    Sinusoidal,
    /// A learned row for each place, added to the input.
    Learned,
    /// Queries and keys that turn by their place.
    #[default]
    Rotary,
    /// Weights that fall with the distance.
    Alibi,
}

/// How queries and keys are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Similarity {
    /// By their scaled dot product.
    #[default]
    Dot,
    /// By the cosine of their angle, times a learned number a head.
    Cosine,
}

/// The activation of a Transformer's feed-forward networks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedForward {
    /// Rectifier.
    Relu,
    /// GELU (Hendrycks & Gimpel 2016).
    #[default]
    Gelu,
    /// Its approximation by tanh, GPT-2's.
    GeluTanh,
    /// A gated linear unit (Shazeer 2020).
    Swiglu,
}

/// How a Transformer normalises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Norm {
    /// LayerNorm.
    #[default]
    Layer,
    /// RMSNorm.
    Rms,
}

/// The kind of model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backbone {
    /// A feed-forward network over a fixed window: the baseline.
    Window,
    /// An Elman network.
    Rnn,
    /// Gated recurrent units, PyTorch's reset-after form.
    Gru,
    /// Long short-term memory.
    #[default]
    Lstm,
    /// Blocks of self-attention.
    Transformer,
}

impl Backbone {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        words::<Self>().iter().filter_map(|word| serde_json::from_value((*word).into()).ok())
    }

    /// What it is, in a line for people.
    pub fn about(self) -> &'static str {
        match self {
            Self::Window => {
                "A feed-forward network that sees the last few steps and nothing before them: the baseline"
            }
            Self::Rnn => "A plain recurrent network: its state carries all that it knows, and forgets soon",
            Self::Gru => "A recurrent network with two gates that decide what of its state is kept",
            Self::Lstm => {
                "A recurrent network with a memory beside its state and three gates to it: remembers long"
            }
            Self::Transformer => "Blocks of attention: each step looks back at all steps before it",
        }
    }
}

/// The activation of a plain recurrent network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Nonlinearity {
    /// Hyperbolic tangent.
    #[default]
    Tanh,
    /// Rectifier, with identity recurrent initialisation (Le, Jaitly & Hinton 2015).
    Relu,
}

/// The context of a Transformer for which neither a recipe nor a training says it.
pub(crate) const CONTEXT: usize = 256;

impl Model {
    /// The width of the input embedding, 0 for one-hot input.
    pub fn embedding_size(&self) -> usize {
        self.embedding_size.unwrap_or(match self.backbone {
            Backbone::Transformer => self.hidden_size,
            _ => 128,
        })
    }

    /// How the steps of an example become one.
    pub fn pooling(&self) -> Pooling {
        self.pooling.unwrap_or(match self.backbone {
            Backbone::Transformer | Backbone::Window => Pooling::Mean,
            _ => Pooling::Last,
        })
    }

    /// Heads of attention.
    pub fn heads(&self) -> usize {
        self.heads.unwrap_or_else(|| {
            let most = (self.hidden_size / 64).max(1);
            (1..=most).rev().find(|heads| self.hidden_size.is_multiple_of(*heads)).unwrap_or(1)
        })
    }

    /// The base of rotary frequencies.
    pub fn rotary_base(&self) -> f64 {
        self.rotary_base.unwrap_or(f64::from(anaphora_nn::ROTARY_BASE))
    }

    /// What norms add to the variance under the root.
    pub fn norm_epsilon(&self) -> f64 {
        self.norm_epsilon.unwrap_or(match self.norm {
            Norm::Layer => 1e-5,
            Norm::Rms => 1e-6,
        })
    }

    /// Units of the inner layer of a Transformer's feed-forward networks.
    pub fn feed_forward_size(&self) -> usize {
        self.feed_forward_size.unwrap_or(match self.feed_forward {
            // As many weights as the others, in whole vectors.
            FeedForward::Swiglu => (self.hidden_size * 8 / 3).next_multiple_of(16),
            _ => 4 * self.hidden_size,
        })
    }
}
