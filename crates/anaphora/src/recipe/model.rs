//! `[model]`: what learns.

pub use anaphora_data::roll::Notes;
use serde::{Deserialize, Serialize};

/// `[model]`: what learns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Model {
    /// The kind of model.
    pub backbone: Backbone,
    /// The activation of a plain `rnn`.
    pub nonlinearity: Nonlinearity,
    /// How many layers are stacked.
    pub layers: usize,
    /// Units a layer.
    pub hidden_size: usize,
    /// The width of the input embedding; 0 feeds one-hot symbols. Left out, a Transformer's is its `hidden_size`, others'
    /// 128.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedding_size: Option<usize>,
    /// Recurrent layers read from both ends, where the task has the whole sequence before it predicts.
    pub bidirectional: bool,
    /// How the steps of an example become one, where one thing is predicted of it. Left out, a recurrent model's last
    /// state, a Transformer's mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pooling: Option<Pooling>,
    /// The share of activations dropped on every connection that is not recurrent.
    pub dropout: f64,
    /// One dropout mask for all steps (Gal & Ghahramani 2016) instead of one a step.
    pub variational_dropout: bool,
    /// The head's weights are the embedding's (Press & Wolf 2017).
    pub tied_weights: bool,
    /// What the LSTM's forget gates start from (Jozefowicz et al. 2015).
    pub forget_bias: f64,
    /// How many steps the feed-forward baseline sees.
    pub window: usize,
    /// Heads of attention. Left out, one for 64 units, or the nearest smaller number that divides them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heads: Option<usize>,
    /// Heads of keys and values, each shared by several heads of queries; as many as those where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kv_heads: Option<usize>,
    /// Most steps that a token attends to, itself included; as long as the windows of training where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<usize>,
    /// How a Transformer knows the order of symbols.
    pub position: Position,
    /// How queries and keys are compared.
    pub similarity: Similarity,
    /// The activation of a Transformer's feed-forward networks.
    pub feed_forward: FeedForward,
    /// The units of their inner layer. Left out, four times `hidden_size`, or for `swiglu`, which has two maps there, 8/3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feed_forward_size: Option<usize>,
    /// How a Transformer normalises.
    pub norm: Norm,
    /// What norms add to the variance under the root. Left out, PyTorch's 1e-5 for LayerNorm, LLaMA's 1e-6 for RMSNorm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub norm_epsilon: Option<f64>,
    /// Norms in front of each part instead of behind its residual sum.
    pub norm_first: bool,
    /// Biases in a Transformer's linear maps and norms; its head has none.
    pub bias: bool,
    /// The share of attention weights dropped.
    pub attention_dropout: f64,
    /// How a recurrent decoder looks at what an encoder read; a Transformer always does.
    pub attention: Attention,
    /// A recurrent decoder reads what it found by attention beside the next token (Luong, Pham & Manning 2015); it then goes
    /// a step at a time while it learns, too.
    pub input_feeding: bool,
    /// What is forecast of a number.
    pub head: Head,
    /// The levels of quantiles, ascending, 0.5 among them.
    pub levels: Vec<f64>,
    /// What a forecast is counted from: the network learns what is left.
    pub shortcut: Shortcut,
    /// How the notes of a chord depend on one another.
    pub notes: Notes,
    /// The gates of an LSTM or GRU begin as if there were something to remember for 1 to so many steps (Tallec & Ollivier
    /// 2018), instead of by `forget_bias`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chrono: Option<usize>,
    /// Units a direction of the LSTM that reads the characters of each word to be tagged, and the width of their embedding;
    /// 0 for words alone.
    pub character_size: usize,
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

/// What a forecast is counted from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shortcut {
    /// What the window is counted from.
    None,
    /// A linear map of the window, by least squares.
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

impl Default for Model {
    fn default() -> Self {
        Self {
            backbone: Backbone::default(),
            nonlinearity: Nonlinearity::default(),
            layers: 1,
            hidden_size: 512,
            embedding_size: None,
            bidirectional: false,
            pooling: None,
            dropout: 0.5,
            variational_dropout: false,
            tied_weights: false,
            forget_bias: 1.0,
            window: 16,
            heads: None,
            kv_heads: None,
            context: None,
            position: Position::default(),
            similarity: Similarity::default(),
            feed_forward: FeedForward::default(),
            feed_forward_size: None,
            norm: Norm::default(),
            norm_epsilon: None,
            norm_first: true,
            bias: false,
            attention_dropout: 0.0,
            attention: Attention::default(),
            input_feeding: false,
            head: Head::default(),
            levels: vec![0.1, 0.5, 0.9],
            shortcut: Shortcut::default(),
            notes: Notes::default(),
            chrono: None,
            character_size: 32,
        }
    }
}
