//! The state of a training as a checkpoint keeps it.

use std::time::Instant;

use anaphora_data::Position;
use anaphora_nn::State;
use serde::{Deserialize, Serialize};

use super::trainer::{Trainer, carries_state};
use crate::checkpoint::Checkpoint;
use crate::run::Score;
use crate::schedule::{DivergenceGuard, EarlyStopping, Schedule};
use crate::weights::NamedTensor;
use crate::{Error, Result};

/// What a checkpoint keeps beside the tensors.
#[derive(Serialize, Deserialize)]
struct Progress {
    position: Position,
    schedule: Schedule,
    stopping: EarlyStopping,
    guard: DivergenceGuard,
    best: Option<Score>,
    seconds: f64,
    /// Sequences whose state is carried on.
    rows: usize,
    ended: Option<String>,
}

impl Trainer {
    pub fn checkpoint(&self) -> Result<Checkpoint<'_>> {
        let params = self.model.params();
        let mut tensors = vec![NamedTensor::new("weights", vec![params.len()], params.values())];
        for (i, moments) in self.moments.iter().enumerate() {
            tensors.push(NamedTensor::new(format!("moments.{i}"), vec![moments.len()], &moments[..]));
        }
        let rows = if carries_state(&self.recipe) { self.state.rows() } else { 0 };
        if rows > 0 {
            for part in 0..self.state.parts() {
                let values = self.state.part(part);
                tensors.push(NamedTensor::new(format!("state.{part}"), vec![values.len()], values));
            }
        }
        let progress = Progress {
            position: self.windows.position().clone(),
            schedule: self.schedule.clone(),
            stopping: self.stopping.clone(),
            guard: self.guard.clone(),
            best: self.best,
            seconds: self.seconds(),
            rows,
            ended: self.ended.clone(),
        };
        let state = serde_json::to_value(&progress).expect("plain data always serialises");
        Ok(Checkpoint { step: self.step, tensors, state })
    }

    pub fn restore(&mut self, checkpoint: Checkpoint) -> Result<()> {
        let folder = self.run.path().to_owned();
        let malformed = |reason: String| Error::Malformed { path: folder.join("checkpoints"), reason };
        let progress: Progress = serde_json::from_value(checkpoint.state)
            .map_err(|error| malformed(format!("training state: {error}")))?;
        self.state =
            if progress.rows > 0 { self.model.initial_state(progress.rows) } else { State::default() };
        let load = |name: String, into: &mut [f32]| -> Result<()> {
            let tensor = checkpoint.tensors.iter().find(|tensor| tensor.name == name.as_str());
            let data = tensor.map(|tensor| &tensor.data[..]).filter(|data| data.len() == into.len());
            let wanted = into.len();
            into.copy_from_slice(data.ok_or_else(|| {
                malformed(format!("the checkpoint has no tensor {name} of {wanted} values"))
            })?);
            Ok(())
        };
        load("weights".into(), self.model.params_mut().values_mut())?;
        for (i, moments) in self.moments.iter_mut().enumerate() {
            load(format!("moments.{i}"), moments)?;
        }
        for part in 0..self.state.parts() {
            load(format!("state.{part}"), self.state.part_mut(part))?;
        }
        self.windows.resume(&progress.position)?;
        self.step = checkpoint.step;
        self.schedule = progress.schedule;
        self.stopping = progress.stopping;
        self.guard = progress.guard;
        self.best = progress.best;
        self.ended = progress.ended;
        (self.seconds_before, self.clock) = (progress.seconds, Instant::now());
        Ok(())
    }
}
