//! A training whose rate is far too high goes back and lowers it, and says so.

use std::ops::ControlFlow;

use anaphora::recipe::{Builtin, Optimizer};
use anaphora::train;
use anaphora::training::Event;
use anaphora::{Error, Recipe};

fn recipe(learning_rate: f64) -> Recipe {
    let mut recipe = Recipe::default();
    recipe.data.builtin = Some(Builtin::Tunes);
    recipe.model.hidden_size = 32;
    recipe.model.embedding_size = Some(8);
    let training = &mut recipe.training;
    (training.batch, training.length) = (4, 24);
    (training.optimizer, training.clip, training.warmup_steps) = (Optimizer::Sgd, 0.0, 0);
    (training.learning_rate, training.steps) = (learning_rate, Some(40));
    (training.validate_every, training.checkpoint_every) = (20, 10);
    recipe
}

#[test]
fn goes_back_with_a_lower_rate() {
    let folder = tempfile::tempdir().unwrap();
    let mut notes = Vec::new();
    let outcome = train(&recipe(40.0), &folder.path().join("run"), &mut |event| {
        if let Event::Note(note) = event {
            notes.push(note.to_string());
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    assert!(
        notes.iter().any(|note| note.contains("back to step 0 with 0.5 times the learning rate")),
        "{notes:?}"
    );
    assert_eq!(outcome.steps, 40);
    assert!(outcome.best.as_ref().unwrap().loss < 4.2, "{outcome:?}");
}

#[test]
fn gives_up_where_no_rate_helps() {
    let folder = tempfile::tempdir().unwrap();
    let error =
        train(&recipe(1e30), &folder.path().join("run"), &mut |_| ControlFlow::Continue(())).unwrap_err();
    assert!(matches!(error, Error::Diverged { .. }), "{error}");
    assert!(error.to_string().contains("training.learning_rate"), "{error}");
}
