//! The state of a training as a checkpoint keeps it.

use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::trainer::Trainer;
use crate::run::Score;
use crate::run::checkpoint::Checkpoint;
use crate::run::weights::NamedTensor;
use crate::training::schedule::{DivergenceGuard, EarlyStopping, Schedule};
use crate::{Error, Result};

/// What a checkpoint keeps beside the tensors.
#[derive(Serialize, Deserialize)]
struct SavedTraining {
    /// The learner's position in the data.
    position: Value,
    schedule: Schedule,
    stopping: EarlyStopping,
    guard: DivergenceGuard,
    best: Option<Score>,
    seconds: f64,
    ended: Option<String>,
}

impl Trainer {
    pub(super) fn checkpoint(&self) -> Result<Checkpoint<'_>> {
        let params = self.learner.params();
        let mut tensors = vec![NamedTensor::new("weights", vec![params.len()], params.values())];
        let moments = self.optimizer.state().tensors();
        tensors.extend(moments.map(|(name, values)| NamedTensor::new(name, vec![values.len()], values)));
        tensors.extend(self.learner.carried());
        let saved = SavedTraining {
            position: self.learner.position(),
            schedule: self.schedule.clone(),
            stopping: self.stopping.clone(),
            guard: self.guard.clone(),
            best: self.best.clone(),
            seconds: self.seconds(),
            ended: self.ended.clone(),
        };
        let state = serde_json::to_value(&saved).expect("plain data always serialises");
        Ok(Checkpoint { step: self.step, tensors, state })
    }

    pub(super) fn restore(&mut self, checkpoint: Checkpoint) -> Result<()> {
        let folder = self.run.path().to_owned();
        let malformed = |reason: String| Error::Malformed { path: folder.join("checkpoints"), reason };
        let saved: SavedTraining = serde_json::from_value(checkpoint.state)
            .map_err(|error| malformed(format!("training state: {error}")))?;
        let mut tensors = checkpoint.tensors.iter();
        let mut load = |name: String, into: &mut [f32]| -> Result<()> {
            let tensor = tensors.next().filter(|tensor| tensor.name == name.as_str());
            let data = tensor.map(|tensor| &tensor.data[..]).filter(|data| data.len() == into.len());
            let wanted = into.len();
            into.copy_from_slice(data.ok_or_else(|| {
                malformed(format!("the checkpoint has no tensor {name} of {wanted} values"))
            })?);
            Ok(())
        };
        load("weights".into(), self.learner.params_mut().values_mut())?;
        let optimizer = self.optimizer.state_mut();
        for (name, moments) in optimizer.tensors_mut() {
            load(name, moments)?;
        }
        optimizer.steps = checkpoint.step;
        self.learner.resume(saved.position, tensors.as_slice())?;
        self.step = checkpoint.step;
        // What the recipe says holds, also where it was edited since.
        self.schedule = Schedule::of(&self.recipe.training).resumed(saved.schedule);
        self.stopping = EarlyStopping::new(self.recipe.training.patience).resumed(saved.stopping);
        self.guard = saved.guard;
        self.best = saved.best;
        self.ended = saved.ended;
        (self.seconds_before, self.clock) = (saved.seconds, Instant::now());
        Ok(())
    }
}
