//! The tasks: how raw data become examples, what is predicted, how it is scored. One file a task.

mod language;

pub use language::Language;

use crate::Result;
use crate::assets::Assets;
use crate::learner::Learner;
use crate::recipe::{Recipe, Task};

/// Reads what the recipe names and makes the model that is to learn it. `notes` takes a sentence for each thing that was
/// passed over.
pub fn open(recipe: &Recipe, assets: &mut Assets, notes: &mut dyn FnMut(&str)) -> Result<Box<dyn Learner>> {
    Ok(match recipe.task {
        Task::Auto | Task::Music | Task::Text => Box::new(Language::open(recipe, assets, notes)?),
    })
}

/// Sets what a task has better defaults for than those of a language model.
pub fn defaults(recipe: &mut Recipe) {
    match recipe.task {
        Task::Auto | Task::Music | Task::Text => {}
    }
}
