//! The training loop.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use anaphora_nn::optimizer::Optimizer;
use anaphora_nn::{Device, Gradients};

use super::learner::{Description, Learner, Validation};
use super::means::{Mean, Rate};
use super::optimizer::optimizer;
use super::schedule::{DivergenceGuard, EarlyStopping, Health, Schedule};
use super::{Budget, Ended, Event, Outcome, Setup, Step, precision, threads};
use crate::machine::peak_memory_mib;
use crate::model::{Backward, Compute};
use crate::plot::loss_curve;
use crate::recipe::{Backbone, Nonlinearity, Recipe, Training, Windows};
use crate::run::log::{MetricsLog, Record, read_metrics};
use crate::run::tensorboard::EventWriter;
use crate::run::{ARITHMETIC, Run, Score, ValidationSize};
use crate::{Error, Result};

/// Optimizer steps between two lines of metrics.
const LOG_EVERY: u64 = 10;

/// A training in progress.
pub struct Trainer {
    pub(super) run: Run,
    pub(super) recipe: Recipe,
    pub(super) compute: Compute,
    pub(super) learner: Box<dyn Learner>,
    pub(super) gradients: Gradients,
    pub(super) optimizer: Box<dyn Optimizer>,
    pub(super) schedule: Schedule,
    pub(super) stopping: EarlyStopping,
    pub(super) guard: DivergenceGuard,
    pub(super) step: u64,
    pub(super) best: Option<Score>,
    /// Seconds of training before this process, or before the clock was last set.
    pub(super) seconds_before: f64,
    pub(super) clock: Instant,
    pub(super) ended: Option<String>,
    /// The step from which a resumed training continues; none for a new one.
    pub(super) resumed: Option<u64>,
    description: Description,
}

impl Trainer {
    pub(super) fn new(run: Run, recipe: Recipe, learner: Box<dyn Learner>, resumed: Option<u64>) -> Self {
        let training = &recipe.training;
        Self {
            compute: Compute::new(Device::new(threads(training.threads).0, precision(training.precision))),
            gradients: Gradients::of(learner.params()),
            optimizer: optimizer(training, learner.params()),
            schedule: Schedule::of(training),
            stopping: EarlyStopping::new(training.patience),
            guard: DivergenceGuard::new(),
            step: 0,
            best: None,
            seconds_before: 0.0,
            clock: Instant::now(),
            ended: None,
            resumed,
            description: learner.describe(),
            learner,
            recipe,
            run,
        }
    }

    /// Trains to the end, or until `observer` breaks at any event: the step under way is then finished, with the
    /// validation and checkpoint that are due after it, and the training saved so that it can be resumed.
    pub fn run(mut self, observer: &mut dyn FnMut(&Event) -> ControlFlow<()>) -> Result<Outcome> {
        let resumed = self.resumed;
        let stop = Cell::new(false);
        let observer = &mut |event: &Event| stop.set(stop.get() | observer(event).is_break());
        observer(&Event::Started(self.describe()));
        threads(self.recipe.training.threads).1.iter().for_each(|note| observer(&Event::Note(note)));
        let mut metrics = MetricsLog::open(self.run.metrics_path(), resumed)?;
        let mut board = EventWriter::create(self.run.path(), resumed)?;
        if let Some(ended) = self.ended.as_ref().and_then(|_| self.finished()) {
            return self.outcome(ended);
        }
        // Its budget has grown since it ended.
        let reopened = self.ended.take().is_some();
        if reopened || resumed.is_none_or(|step| step == 0) {
            self.save(&mut metrics)?;
        } else {
            self.run.checkpoints().discard_after(self.step)?;
        }
        let (mut losses, mut since) = (Mean::default(), Rate::new());
        let ended = loop {
            if let Some(ended) = self.finished() {
                break ended;
            }
            if stop.get() {
                break Ended::Stopped;
            }
            let learning_rate = self.schedule.learning_rate(self.step, self.done()) * self.guard.scale;
            let started = Instant::now();
            let (loss, norm, units) = self.optimize(learning_rate)?;
            since.add(units, started.elapsed());
            let health = self.guard.observe(loss.into());
            let sound = norm.is_finite() && health == Health::Good;
            if !sound {
                let note = self.retreat(health)?;
                observer(&Event::Note(&note));
                metrics.append(&Record::Note { step: self.step, text: note })?;
                continue;
            }
            self.step += 1;
            losses.add(loss.into());
            let report = self.report(loss, learning_rate, since.per_second());
            observer(&Event::Step(report));
            if self.step.is_multiple_of(LOG_EVERY) {
                let loss = losses.take();
                metrics.append(&Record::Train {
                    step: self.step,
                    epoch: report.epoch,
                    loss,
                    learning_rate,
                    gradient_norm: norm.into(),
                    tokens_per_second: report.tokens_per_second,
                    seconds: report.seconds,
                })?;
                let scalars =
                    [("loss/train", loss), ("learning_rate", learning_rate), ("gradient_norm", norm.into())];
                board.scalars(self.step, &scalars)?;
            }
            if self.step.is_multiple_of(self.recipe.training.validate_every) {
                self.validate(&mut metrics, &mut board, observer)?;
            }
            if self.step.is_multiple_of(self.recipe.training.checkpoint_every) {
                self.save(&mut metrics)?;
            }
        };
        if ended != Ended::Stopped {
            if !self.step.is_multiple_of(self.recipe.training.validate_every) || self.best.is_none() {
                self.validate(&mut metrics, &mut board, observer)?;
            }
            self.ended = Some(ended.reason().to_owned());
        }
        self.save(&mut metrics)?;
        self.outcome(ended)
    }

    /// Lets the training go on for `budget` from where it is, also where it had ended. The recipe has it in place of its own from
    /// now on, as the end from which the learning rate's schedule is counted.
    pub(super) fn extend(&mut self, budget: Budget) -> Result<()> {
        let training = &mut self.recipe.training;
        training.steps = budget.steps.map(|more| self.step.saturating_add(more));
        training.epochs = budget.epochs.map(|more| self.learner.progress() + more);
        training.minutes = budget.minutes.map(|more| self.seconds_before / 60.0 + more);
        self.stopping.wait_again();
        self.recipe.validate()?;
        self.run.write_recipe(&self.recipe)
    }

    /// One optimizer step: loss, gradient norm and units (tokens, frames). Weights are left alone where the loss or the
    /// gradient is not finite.
    fn optimize(&mut self, learning_rate: f64) -> Result<(f32, f32, usize)> {
        let Self { learner, compute, gradients, optimizer, .. } = self;
        let training = &self.recipe.training;
        gradients.zero();
        let (mut loss, mut units) = (0.0, 0);
        for part in 0..training.accumulate {
            let weight = 1.0 / training.accumulate as f32;
            let seed =
                (u64::from(training.seed) << 32) ^ (self.step * training.accumulate as u64 + part as u64);
            let learnt = learner.learn(&mut Backward { compute, gradients, seed, weight })?;
            loss += weight * learnt.loss;
            units += learnt.units;
        }
        let device = &compute.device;
        let norm = gradients.norm(device);
        if !(loss.is_finite() && norm.is_finite()) {
            return Ok((loss, norm, units));
        }
        let clip = training.clip as f32;
        let scale = if clip > 0.0 && norm > clip { clip / norm } else { 1.0 };
        optimizer.step(device, learner.params_mut(), gradients, learning_rate as f32, scale);
        Ok((loss, norm, units))
    }

    /// Scores the model; the best one becomes the run's.
    fn validate(
        &mut self,
        metrics: &mut MetricsLog,
        board: &mut EventWriter,
        observer: &mut dyn FnMut(&Event),
    ) -> Result<()> {
        let validation = self.learner.validate(&mut self.compute)?;
        let (best, step) = (self.stopping.observe(validation.cost()), self.step);
        observer(&Event::Validated { step, validation: &validation, best });
        let kept = best.then(|| self.learner.kept(&validation));
        let Validation { loss, scores, network, .. } = validation;
        let named: BTreeMap<_, _> = scores.iter().map(|&(name, score)| (name.to_owned(), score)).collect();
        let record = Record::Validation { step, loss, scores: named.clone(), best, seconds: self.seconds() };
        metrics.append(&record)?;
        board.scalars(step, &[("loss/validation", loss)])?;
        for (name, score) in &scores {
            board.scalars(step, &[(&format!("{name}/validation"), *score)])?;
        }
        network.iter().for_each(|network| self.stopping.observe_network(network.loss));
        if self.schedule.observe(network.map_or(loss, |network| network.loss)) {
            let text = format!(
                "the validation loss no longer falls: the learning rate is lowered after step {step}"
            );
            observer(&Event::Note(&text));
            metrics.append(&Record::Note { step, text })?;
        }
        if let Some(kept) = kept {
            self.run.write_model(&kept)?;
            self.best = Some(Score { step, loss, scores: named });
            self.draw()?;
        }
        Ok(())
    }

    /// After a step that shows divergence: back to the newest checkpoint, with a lower rate.
    fn retreat(&mut self, health: Health) -> Result<String> {
        let step = self.step + 1;
        let found = match health {
            Health::FarAbove { recent, lowest } => format!("the loss rose to {recent:.3} from {lowest:.3}"),
            Health::Good => "the gradient was not finite".to_owned(),
            Health::NonFinite => "the loss was not finite".to_owned(),
        };
        let (retreats, seconds) = (self.guard.retreats, self.seconds());
        match self.run.checkpoints().latest_valid()?.checkpoint {
            Some((_, checkpoint)) => self.restore(checkpoint)?,
            None => return Err(self.diverged(step, found)),
        }
        (self.seconds_before, self.clock) = (seconds, Instant::now());
        if !self.guard.retreat(retreats) {
            return Err(self.diverged(step, found));
        }
        // Saved before anything else: killed now, the training goes on from here with the lower rate.
        self.run.checkpoints().save(&self.checkpoint()?)?;
        self.run.checkpoints().discard_after(self.step)?;
        let (back, scale) = (self.step, self.guard.scale);
        Ok(format!("{found} at step {step}: back to step {back} with {scale} times the learning rate"))
    }

    fn diverged(&self, step: u64, found: String) -> Error {
        let Recipe { data, model, .. } = &self.recipe;
        let is_relu = model.backbone == Backbone::Rnn && model.nonlinearity == Nonlinearity::Relu;
        let carries = self.learner.task().continues() && data.windows == Windows::Sequential;
        Error::Diverged { step, found, accumulates: is_relu && carries }
    }

    /// Writes a checkpoint and what goes with it.
    fn save(&mut self, metrics: &mut MetricsLog) -> Result<()> {
        metrics.sync()?;
        self.run.checkpoints().save(&self.checkpoint()?)?;
        let (steps, best, ended) = (self.step, self.best.clone(), self.ended.clone());
        let (tokens, memory) = (self.description.validation.units, peak_memory_mib());
        let validated = self.description.characters.map(|characters| ValidationSize { tokens, characters });
        self.run.update(|info| {
            (info.steps, info.best, info.ended) = (steps, best, ended);
            info.validated = validated;
            info.arithmetic = ARITHMETIC;
            info.memory_mib = info.memory_mib.into_iter().chain(memory).reduce(f64::max);
        })?;
        self.draw()
    }

    fn draw(&self) -> Result<()> {
        let records = read_metrics(self.run.metrics_path())?;
        let title =
            self.run.path().file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        self.run.write("loss.svg", loss_curve(&title, self.recipe.loss_unit(), &records).as_bytes())
    }

    /// Why the training is over, if it is.
    fn finished(&self) -> Option<Ended> {
        if self.done() >= 1.0 {
            return Some(Ended::Budget);
        }
        self.stopping.exhausted().then_some(Ended::NoProgress)
    }

    /// The share of the recipe's budget that is used up: of steps, passes or minutes, whichever ends first; 0 where there is
    /// none.
    fn done(&self) -> f64 {
        let Training { steps, epochs, minutes, .. } = self.recipe.training;
        let shares = [
            steps.map(|steps| self.step as f64 / steps as f64),
            epochs.map(|epochs| self.learner.progress() / epochs),
            minutes.map(|minutes| self.seconds() / (60.0 * minutes)),
        ];
        shares.into_iter().flatten().fold(0.0, f64::max)
    }

    pub(super) fn seconds(&self) -> f64 {
        self.seconds_before + self.clock.elapsed().as_secs_f64()
    }

    fn report(&self, loss: f32, learning_rate: f64, tokens_per_second: f64) -> Step {
        let training = &self.recipe.training;
        let (seconds, epoch) = (self.seconds(), self.learner.progress());
        let left = |done: f64, all: f64| {
            if done > 0.0 { seconds * (all - done).max(0.0) / done } else { f64::INFINITY }
        };
        let ends = [
            training.steps.map(|steps| left(self.step as f64, steps as f64)),
            training.epochs.map(|epochs| left(epoch, epochs)),
            training.minutes.map(|minutes| (60.0 * minutes - seconds).max(0.0)),
        ];
        let remaining = ends.into_iter().flatten().reduce(f64::min);
        let remaining = remaining.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let (step, end) = (self.step, training.steps);
        Step { step, end, epoch, loss, learning_rate, tokens_per_second, seconds, remaining }
    }

    fn describe(&self) -> Setup<'_> {
        Setup {
            folder: self.run.path(),
            recipe: &self.recipe,
            task: self.run.info().task,
            data: &self.description,
            parameters: self.learner.params().len(),
            precision: self.compute.device.precision().name(),
            threads: self.compute.device.threads(),
            step: self.step,
        }
    }

    fn outcome(&self, ended: Ended) -> Result<Outcome> {
        Ok(Outcome { steps: self.step, best: self.best.clone(), ended, seconds: self.seconds() })
    }
}
