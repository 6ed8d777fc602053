//! Optimizers: one trait, and a file each.

mod adamw;
mod lion;
mod muon;
mod sgd;

pub use adamw::{AdamW, AdamWOptions};
pub use lion::{Lion, LionOptions};
pub use muon::{Muon, MuonOptions};
pub use sgd::{Sgd, SgdOptions};

use anaphora_kernels::Buffer;

use crate::{Device, Gradients, Params};

/// An optimizer updates weights by their gradients, step after step.
pub trait Optimizer: Send {
    /// One step on `gradients` times `scale`, a factor that clips them; `learning_rate` is that of this step.
    ///
    /// # Panics
    ///
    /// If the optimizer was made for parameters of another number of weights.
    fn step(
        &mut self,
        device: &Device,
        params: &mut Params,
        gradients: &Gradients,
        learning_rate: f32,
        scale: f32,
    );

    /// The whole state: with it a training resumes to the same bits.
    fn state(&self) -> &OptimizerState;

    /// The whole state, for loading a checkpoint.
    fn state_mut(&mut self) -> &mut OptimizerState;
}

/// The state of an optimizer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OptimizerState {
    /// Steps done.
    pub steps: u64,
    /// Running means of gradients and the like, each over all weights or some of them.
    moments: Vec<Buffer>,
}

impl OptimizerState {
    /// Zeros of these lengths.
    fn zeros<const N: usize>(lengths: [usize; N]) -> Self {
        Self { steps: 0, moments: lengths.map(Buffer::zeros).into() }
    }

    /// The tensors with their names, `moments.0` and so on.
    pub fn tensors(&self) -> impl Iterator<Item = (String, &[f32])> {
        self.moments.iter().enumerate().map(|(i, moments)| (name(i), &moments[..]))
    }

    /// The tensors with their names, for writing.
    pub fn tensors_mut(&mut self) -> impl Iterator<Item = (String, &mut [f32])> {
        self.moments.iter_mut().enumerate().map(|(i, moments)| (name(i), &mut moments[..]))
    }

    fn moments_mut<const N: usize>(&mut self) -> &mut [Buffer; N] {
        (&mut self.moments[..]).try_into().expect("an optimizer makes its own state")
    }
}

fn name(number: usize) -> String {
    format!("moments.{number}")
}
