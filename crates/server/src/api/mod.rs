//! What programs and the studio ask of any run: predictions, inspections, trainings, pieces.

pub mod builtins;
pub mod data;
mod files;
mod forms;
pub mod generate;
pub mod inspect;
pub mod look;
pub mod metrics;
pub mod names;
pub mod novelty;
pub mod predict;
pub mod runs;
pub mod sound;
mod source;
pub mod train;
pub mod trainings;

pub use data::Uploads;
pub use trainings::Trainings;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Work on a thread of its own that ends when whoever asked for it is gone.
struct Asking(Arc<AtomicBool>);

/// Whether whoever asked is gone.
#[derive(Clone)]
struct Gone(Arc<AtomicBool>);

impl Asking {
    /// Lives as long as the request is answered.
    fn new() -> (Self, Gone) {
        let gone = Arc::new(AtomicBool::new(false));
        (Self(Arc::clone(&gone)), Gone(gone))
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Gone {
    /// A break where nobody waits for the answer any more.
    fn flow(&self) -> std::ops::ControlFlow<()> {
        if self.0.load(Ordering::Relaxed) {
            std::ops::ControlFlow::Break(())
        } else {
            std::ops::ControlFlow::Continue(())
        }
    }
}

#[cfg(test)]
mod tests {
    use anaphora::{Recipe, train};

    /// A folder with a run `run` that has learnt built-in data in a step.
    pub fn trained(builtin: &str) -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        let mut recipe = Recipe::for_settings(|field| (field == "data.builtin").then(|| builtin.to_owned()));
        recipe.set("data.builtin", builtin).unwrap();
        (recipe.model.hidden_size, recipe.training.steps) = (16, Some(1));
        train(&recipe, &place.path().join("run"), &mut |_| std::ops::ControlFlow::Continue(())).unwrap();
        place
    }
}
