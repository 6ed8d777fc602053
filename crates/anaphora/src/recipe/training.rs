//! `[training]`: how it learns.

use serde::{Deserialize, Serialize};

use super::Accepts::{Below, Bool, Number, OneOf, Pair, Positive, Whole};
use super::Task::{Caption, Classify, Events, Memory, Music, Tag, Text, Translate};
use super::field::{MANY, WIDE, section, takes, words};
use super::readers::When::{Is, Tasks, Unset};
use super::readers::{BATCHED, PAIRS, STREAMED};

section! {
    /// `[training]`: how it learns.
    Training in "training" {
        /// Sequences a batch.
        batch: usize = 32, takes(Whole(1, WIDE)).common("batch", "N").read(&[Unset("training.batch_units")]);

        /// Tokens or frames a batch of whole examples, instead of so many sequences: long ones share it with fewer others.
        batch_units: Option<usize> = None,
            takes(Whole(1, MANY)).flag("batch-units", "N").read(&[Tasks(BATCHED)]);

        /// Steps of time a sequence; longer sentence pairs are left out, longer captions not written.
        length: usize = 100,
            takes(Whole(1, WIDE))
                .common("length", "N")
                .read(&[Tasks(&[Music, Text, Events, Translate, Caption, Memory])]);

        /// Carry the state from each window to the one that follows it (truncated backpropagation) instead of resetting it.
        carry_state: bool = true,
            takes(Bool).read(&[Tasks(STREAMED), Is("data.windows", &["sequential"])]);

        /// Share of a target's probability that is spread over all classes (Szegedy et al. 2016).
        label_smoothing: f64 = 0.0, takes(Below(0.0, 1.0)).flag("label-smoothing", "SHARE").read(&[
            Tasks(&[Classify, Tag, Translate, Caption]),
            Unset("data.label_separator"),
        ]);

        /// Share of the true tokens in whose place a decoder reads its own while it learns (Bengio et al. 2015).
        scheduled_sampling: f64 = 0.0, takes(Number(0.0, 1.0)).read(&[Tasks(PAIRS)]);

        /// Share of a batch whose examples ask for less memory than the problem does (curriculum, Bengio et al. 2009).
        curriculum: f64 = 0.0, takes(Number(0.0, 1.0)).read(&[Tasks(&[Memory])]);

        /// How much a class counts: by how often it occurs, or as much as any other.
        class_weights: ClassWeights = ClassWeights::None,
            takes(OneOf(words::<ClassWeights>))
                .flag("class-weights", "KIND")
                .read(&[Tasks(&[Classify, Tag]), Unset("data.label_separator")]);

        /// End after so many optimizer steps.
        steps: Option<u64> = None, takes(Whole(1, MANY)).common("steps", "N");

        /// End after so many passes over the data.
        epochs: Option<f64> = None, takes(Positive).common("epochs", "X");

        /// End after so many minutes of training.
        minutes: Option<f64> = None, takes(Positive).common("minutes", "X");

        /// Optimizer.
        optimizer: Optimizer = Optimizer::AdamW, takes(OneOf(words::<Optimizer>)).common("optimizer", "KIND");

        /// Peak learning rate.
        learning_rate: f64 = 3e-3, takes(Positive).common("learning-rate", "X");

        /// Momentum of sgd and muon.
        momentum: f64 = 0.9, takes(Below(0.0, 1.0)).read(&[Is("training.optimizer", &["sgd", "muon"])]);

        /// Decay rates of the moments of adamw and lion, and of what muon leaves to adamw.
        betas: [f64; 2] = [0.9, 0.999],
            takes(Pair).read(&[Is("training.optimizer", &["adamw", "lion", "muon"])]);

        /// Weight decay: decoupled from the gradient, but for sgd, where it is part of it.
        weight_decay: f64 = 0.01, takes(Number(0.0, f64::MAX)).flag("weight-decay", "X");

        /// Steps over which the learning rate rises linearly to its peak.
        warmup_steps: u64 = 100, takes(Whole(0, MANY)).flag("warmup", "N");

        /// How the learning rate falls after that.
        schedule: ScheduleKind = ScheduleKind::Plateau,
            takes(OneOf(words::<ScheduleKind>)).flag("schedule", "KIND");

        /// Lowest learning rate, as a share of the peak.
        min_learning_rate_factor: f64 = 0.01,
            takes(Number(0.0, 1.0)).read(&[Is("training.schedule", &["cosine", "plateau"])]);

        /// What a plateau multiplies the learning rate by.
        plateau_factor: f64 = 0.5, takes(Below(0.0, 1.0)).read(&[Is("training.schedule", &["plateau"])]);

        /// Validations without a better loss that make a plateau.
        plateau_patience: u64 = 2, takes(Whole(1, MANY)).read(&[Is("training.schedule", &["plateau"])]);

        /// Largest global norm of the gradient, 0 for no clipping.
        clip: f64 = 1.0, takes(Number(0.0, f64::MAX)).flag("clip", "X");

        /// Batches whose gradients are summed before an optimizer step.
        accumulate: usize = 1, takes(Whole(1, WIDE)).flag("accumulate", "N");

        /// Steps from one validation to the next.
        validate_every: u64 = 100, takes(Whole(1, MANY)).flag("validate-every", "N");

        /// Validations without a better loss that end training, 0 for never.
        patience: u64 = 6, takes(Whole(0, MANY)).common("patience", "N");

        /// Steps from one checkpoint to the next.
        checkpoint_every: u64 = 200, takes(Whole(1, MANY)).flag("checkpoint-every", "N");

        /// Where all randomness starts from.
        seed: u32 = 1, takes(Whole(0, u32::MAX as i64)).common("seed", "N");

        /// Threads to compute with, 0 for one a core.
        threads: usize = 0, takes(Whole(0, 1024)).common("threads", "N");

        /// Numbers that products are computed in.
        precision: Precision = Precision::Auto, takes(OneOf(words::<Precision>)).common("precision", "KIND");
    }
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
