//! How much memory a training needs.

use crate::machine::free_memory;
use crate::model::numbers_a_unit;
use crate::recipe::{Optimizer, Recipe};
use crate::{Error, Result};

/// Refuses a training that needs more memory than there is. `taken` bytes of what it needs are taken already; `units` are the
/// tokens or frames of a batch, 0 where they are not known yet.
pub(super) fn refuse_too_large(recipe: &Recipe, parameters: usize, taken: u64, units: f64) -> Result<()> {
    let Some(free) = free_memory() else { return Ok(()) };
    let needed = needed(recipe, parameters, units);
    if needed > free.saturating_add(taken) {
        return Err(Error::Memory { needed, free });
    }
    Ok(())
}

/// About how many bytes a training holds: weights, their packed copies, gradients, the optimizer's state and the activations of
/// a batch.
fn needed(recipe: &Recipe, parameters: usize, units: f64) -> u64 {
    // Numbers that are kept of each weight: itself, its gradient, its copy for products, and means of gradients.
    let moments = match recipe.training.optimizer {
        Optimizer::AdamW => 2,
        Optimizer::Sgd | Optimizer::Muon | Optimizer::Lion => 1,
    };
    let weights = 4 * (3 + moments) * parameters as u64;
    weights.saturating_add((4.0 * units * numbers_a_unit(&recipe.model)) as u64)
}
