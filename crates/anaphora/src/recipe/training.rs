//! `[training]`: how it learns.

use serde::{Deserialize, Serialize};

/// `[training]`: how it learns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Training {
    /// Sequences a batch.
    pub batch: usize,
    /// Tokens or frames a batch of whole examples, instead of so many sequences: long ones then share it with fewer others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_units: Option<usize>,
    /// Steps of time a sequence.
    pub length: usize,
    /// Carry the state from each window to the one that follows it (truncated back-propagation) instead of resetting it;
    /// windows drawn at random follow none.
    pub carry_state: bool,
    /// The share of a target's probability that is spread over all classes (Szegedy et al. 2016).
    pub label_smoothing: f64,
    /// The share of the true tokens before each in whose place a decoder reads its own while it learns (Bengio et al. 2015).
    pub scheduled_sampling: f64,
    /// The share of a batch whose examples ask for less memory than the problem does, so that the easy ones show what to
    /// look for in the hard ones (Bengio et al. 2009).
    pub curriculum: f64,
    /// How much a class counts.
    pub class_weights: ClassWeights,
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
    /// Momentum of `sgd` and `muon`.
    pub momentum: f64,
    /// Decay rates of the moments of `adamw` and `lion`, and of what `muon` leaves to AdamW.
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

/// How much a class counts in training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClassWeights {
    /// By how often it occurs.
    #[default]
    None,
    /// As much as any other: each example by one over the frequency of its class.
    Balanced,
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
    /// Orthogonal steps of hidden matrices, AdamW for all else (Jordan et al. 2024).
    Muon,
    /// Steps of one size by the sign of the gradient's running mean (Chen et al. 2023).
    Lion,
}

/// How the learning rate falls after the warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScheduleKind {
    /// It stays.
    Constant,
    /// Along half a cosine to the end of training.
    Cosine,
    /// By a factor whenever the validation loss no longer falls, and along half a cosine towards an end that is known.
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

impl Default for Training {
    fn default() -> Self {
        Self {
            batch: 32,
            batch_units: None,
            length: 100,
            carry_state: true,
            label_smoothing: 0.0,
            scheduled_sampling: 0.0,
            curriculum: 0.0,
            class_weights: ClassWeights::default(),
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
