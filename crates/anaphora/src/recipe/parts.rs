//! The parts of a recipe, as plain data with their defaults.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Tokenizer;

/// What is to be learnt, from what, by which model and how.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recipe {
    /// What is learnt; the file's kind decides where it is `Auto`.
    pub task: Task,
    /// What it is learnt from.
    pub data: Data,
    /// What learns.
    pub model: Model,
    /// How it learns.
    pub training: Training,
}

/// How raw data become examples, what is predicted and how it is scored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Music for ABC files, text for all others.
    #[default]
    Auto,
    /// Tunes in ABC notation, split by tune.
    Music,
    /// Text, split by document or block.
    Text,
}

/// `[data]`: what is learnt from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Data {
    /// A file, or a folder of files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train: Option<PathBuf>,
    /// The built-in tunes instead of a file.
    pub builtin: bool,
    /// A file or folder to validate on; a share of the training data where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<PathBuf>,
    /// The share of the pieces that is held out for validation, from the end.
    pub validation_fraction: f64,
    /// What a token is.
    pub tokenizer: Tokenizer,
    /// How often a word, or a pair that BPE or WordPiece would merge, must occur to be kept.
    pub vocabulary_min_count: usize,
    /// How windows are drawn from the data.
    pub windows: Windows,
}

/// How windows are drawn from the data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Windows {
    /// Each begins anywhere.
    Random,
    /// Each begins where the one before it in its row ended; pieces are shuffled.
    #[default]
    Sequential,
}

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

/// `[training]`: how it learns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Training {
    /// Sequences a batch.
    pub batch: usize,
    /// Steps of time a sequence.
    pub length: usize,
    /// Carry the state from each window to the one that follows it (truncated back-propagation) instead of resetting it;
    /// windows drawn at random follow none.
    pub carry_state: bool,
    /// End after so many optimizer steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// End after so many passes over the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<f64>,
    /// End after so many minutes of training.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minutes: Option<f64>,
    /// The optimizer.
    pub optimizer: Optimizer,
    /// The peak learning rate.
    pub learning_rate: f64,
    /// Momentum of `sgd`.
    pub momentum: f64,
    /// Decay rates of `adamw`'s two moments.
    pub betas: [f64; 2],
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Steps over which the rate rises linearly to its peak.
    pub warmup_steps: u64,
    /// How the rate falls after the warm-up.
    pub schedule: ScheduleKind,
    /// The lowest rate, as a share of `learning_rate`.
    pub min_learning_rate_factor: f64,
    /// What a plateau multiplies the rate by.
    pub plateau_factor: f64,
    /// Validations without a better loss that make a plateau.
    pub plateau_patience: u64,
    /// The largest global norm of the gradient; 0 does not clip.
    pub clip: f64,
    /// Batches whose gradients are summed before an optimizer step.
    pub accumulate: usize,
    /// Validate every so many steps.
    pub validate_every: u64,
    /// Validations without a better loss after which training ends; 0 never ends it.
    pub patience: u64,
    /// Save a checkpoint every so many steps.
    pub checkpoint_every: u64,
    /// Where all randomness starts from.
    pub seed: u32,
    /// Threads to compute with; 0 takes one a core.
    pub threads: usize,
    /// The numbers that products are computed in.
    pub precision: Precision,
}

/// The optimizer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimizer {
    /// Adam with decoupled weight decay (Loshchilov & Hutter 2019).
    #[default]
    AdamW,
    /// Stochastic gradient descent with momentum.
    Sgd,
}

/// How the learning rate falls after the warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScheduleKind {
    /// It stays.
    Constant,
    /// Along half a cosine to the end of training.
    Cosine,
    /// By a factor whenever the validation loss no longer falls.
    #[default]
    Plateau,
}

/// The numbers that products are computed in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// `Bf16` where the processor has matrix units for it, else `F32`.
    #[default]
    Auto,
    /// Single precision.
    F32,
    /// Products in bfloat16, all else in single precision.
    Bf16,
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

impl Default for Data {
    fn default() -> Self {
        Self {
            train: None,
            builtin: false,
            validation: None,
            validation_fraction: 0.1,
            tokenizer: Tokenizer::default(),
            vocabulary_min_count: 2,
            windows: Windows::default(),
        }
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
        }
    }
}

impl Default for Training {
    fn default() -> Self {
        Self {
            batch: 32,
            length: 100,
            carry_state: true,
            steps: None,
            epochs: None,
            minutes: None,
            optimizer: Optimizer::default(),
            learning_rate: 3e-3,
            momentum: 0.9,
            betas: [0.9, 0.999],
            weight_decay: 0.01,
            warmup_steps: 100,
            schedule: ScheduleKind::default(),
            min_learning_rate_factor: 0.01,
            plateau_factor: 0.5,
            plateau_patience: 2,
            clip: 1.0,
            accumulate: 1,
            validate_every: 100,
            patience: 6,
            checkpoint_every: 200,
            seed: 1,
            threads: 0,
            precision: Precision::default(),
        }
    }
}
