//! The learning rate as a function of the step, and the two watches over a training: early stopping and the guard
//! against divergence. All of it is plain data that a checkpoint keeps.

use serde::{Deserialize, Serialize};

use crate::recipe::{ScheduleKind, Training};

/// The learning rate as a function of the step: a linear rise, then as [`Decay`] says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// The highest rate.
    pub peak: f64,
    /// Steps of the linear rise; step 0 has one part of it, the last one all. It takes no more than a tenth of a training
    /// whose end is known.
    pub warmup_steps: u64,
    /// The decay after the warm-up.
    pub decay: Decay,
}

/// What the learning rate does after the warm-up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decay {
    /// It stays at its peak.
    Constant,
    /// It falls along half a cosine (Loshchilov & Hutter 2017) to `floor` times the peak at the end.
    Cosine {
        /// The lowest rate, as a share of the peak.
        floor: f64,
    },
    /// It falls at each plateau of the validation loss, and, where the end is known, along half a cosine over the last
    /// [`TAIL`] of the training.
    Plateau(Plateau),
}

/// The share of a training at its end in which the rate falls although there is no plateau.
pub const TAIL: f64 = 0.4;

impl Schedule {
    /// The schedule that a recipe asks for.
    pub fn of(recipe: &Training) -> Self {
        let floor = recipe.min_learning_rate_factor;
        let decay = match recipe.schedule {
            ScheduleKind::Constant => Decay::Constant,
            ScheduleKind::Cosine => Decay::Cosine { floor },
            ScheduleKind::Plateau => {
                Decay::Plateau(Plateau::new(recipe.plateau_factor, recipe.plateau_patience, floor))
            }
        };
        Self { peak: recipe.learning_rate, warmup_steps: recipe.warmup_steps, decay }
    }

    /// With what `saved` has seen of the training.
    pub fn resumed(mut self, saved: Self) -> Self {
        if let (Decay::Plateau(plateau), Decay::Plateau(Plateau { scale, best, .. })) =
            (&mut self.decay, saved.decay)
        {
            (plateau.scale, plateau.best) = (scale, best);
        }
        self
    }

    /// The learning rate for optimizer step `step`, counted from 0, before which the share `done` of the training is
    /// over: of its steps, passes or minutes; 0 where no end is known.
    pub fn learning_rate(&self, step: u64, done: f64) -> f64 {
        let warmup = ((step + 1) as f64 / self.warmup(step, done).max(1.0)).min(1.0);
        let decay = match &self.decay {
            Decay::Constant => 1.0,
            Decay::Cosine { floor } => cosine(self.behind_warmup(step, done), *floor),
            Decay::Plateau(plateau) => {
                let fallen = cosine((done - (1.0 - TAIL)) / TAIL, plateau.floor);
                (plateau.scale * fallen).max(plateau.floor)
            }
        };
        self.peak * warmup * decay
    }

    /// The share of the training after the warm-up that is over.
    fn behind_warmup(&self, step: u64, done: f64) -> f64 {
        let warmup = self.warmup(step, done);
        if step as f64 <= warmup {
            return 0.0;
        }
        let warmup = done * warmup / step as f64;
        (done - warmup) / (1.0 - warmup).max(f64::MIN_POSITIVE)
    }

    /// Steps of the rise: no more than a tenth of a training whose end is known.
    fn warmup(&self, step: u64, done: f64) -> f64 {
        let most = if done > 0.0 { 0.1 * step as f64 / done } else { f64::INFINITY };
        (self.warmup_steps as f64).min(most)
    }

    /// Takes a validation loss. `true` if it lowered the rate.
    pub fn observe(&mut self, loss: f64) -> bool {
        match &mut self.decay {
            Decay::Plateau(plateau) => plateau.observe(loss),
            Decay::Constant | Decay::Cosine { .. } => false,
        }
    }
}

/// From 1 at the beginning to `floor` at the end, along half a cosine.
fn cosine(done: f64, floor: f64) -> f64 {
    floor + (1.0 - floor) * 0.5 * (1.0 + (std::f64::consts::PI * done.clamp(0.0, 1.0)).cos())
}

/// Lowers the rate by a factor whenever the validation loss has not fallen for some validations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plateau {
    /// Factor by which a plateau multiplies the rate.
    pub factor: f64,
    /// How many validations without a lower loss make a plateau.
    pub patience: u64,
    /// The lowest rate, as a share of the peak.
    pub floor: f64,
    /// The rate now, as a share of the peak.
    pub scale: f64,
    #[serde(rename = "progress")]
    best: BestLoss,
}

impl Plateau {
    /// Without any validation yet.
    pub fn new(factor: f64, patience: u64, floor: f64) -> Self {
        Self { factor, patience, floor, scale: 1.0, best: BestLoss::default() }
    }

    /// Takes a validation loss. `true` if it lowered the rate.
    pub fn observe(&mut self, loss: f64) -> bool {
        if self.best.observe(loss) || self.best.waited < self.patience || self.scale <= self.floor {
            return false;
        }
        self.scale = (self.scale * self.factor).max(self.floor);
        self.best.waited = 0;
        true
    }
}

/// Ends a training whose validation loss has not fallen for some validations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EarlyStopping {
    /// How many validations without a lower loss end the training; 0 never ends it.
    pub patience: u64,
    #[serde(rename = "progress")]
    best: BestLoss,
    /// That of a network by itself, where its outputs are added to a simpler model's: it may help once it has learnt more.
    #[serde(default)]
    network: BestLoss,
}

impl EarlyStopping {
    /// Without any validation yet.
    pub fn new(patience: u64) -> Self {
        Self { patience, best: BestLoss::default(), network: BestLoss::default() }
    }

    /// With what `saved` has seen of the training.
    pub fn resumed(self, saved: Self) -> Self {
        Self { best: saved.best, network: saved.network, ..self }
    }

    /// Takes a validation loss. `true` if it is the best so far.
    pub fn observe(&mut self, loss: f64) -> bool {
        self.best.observe(loss)
    }

    /// Takes the validation loss of a network whose outputs are added to a simpler model's: it is waited for while it still learns.
    pub fn observe_network(&mut self, loss: f64) {
        self.network.observe(loss);
    }

    /// The best validation loss so far.
    pub fn best(&self) -> Option<f64> {
        self.best.loss
    }

    /// Validations since the best one.
    pub fn waited(&self) -> u64 {
        self.network.loss.map_or(self.best.waited, |_| self.best.waited.min(self.network.waited))
    }

    /// Counts validations without a lower loss from now on.
    pub fn wait_again(&mut self) {
        (self.best.waited, self.network.waited) = (0, 0);
    }

    /// Whether it is time to stop.
    pub fn exhausted(&self) -> bool {
        self.patience > 0 && self.waited() >= self.patience
    }
}

/// The best of a sequence of losses, and how long ago it was.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct BestLoss {
    #[serde(rename = "best")]
    loss: Option<f64>,
    /// Validations since then.
    waited: u64,
}

impl BestLoss {
    /// `true` if `loss` is the best so far; not-a-number never is.
    fn observe(&mut self, loss: f64) -> bool {
        let better = loss.is_finite() && self.loss.is_none_or(|best| loss < best);
        if better {
            *self = Self { loss: Some(loss), waited: 0 };
        } else {
            self.waited += 1;
        }
        better
    }
}

/// Notices when training diverges: when the loss of a step is not a number, or stays far above what it was.
///
/// The training then goes back to its last good checkpoint and calls [`retreat`](Self::retreat), which lowers the
/// rate for all that follows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DivergenceGuard {
    /// Factor on the learning rate.
    pub scale: f64,
    /// Number of returns to an earlier checkpoint.
    pub retreats: u32,
    /// Exponential means of the training loss: over some 10 steps, and the lowest that was.
    recent: Option<f64>,
    lowest: Option<f64>,
    /// A mean over some 50 steps, and the mean distance of steps from it. Batches of short examples may cost far less than
    /// those of long ones: what a few of them cost says little then.
    usual: Option<f64>,
    spread: f64,
}

/// What [`DivergenceGuard::observe`] finds in a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Health {
    /// Go on.
    Good,
    /// The loss is infinite or not a number.
    NonFinite,
    /// The loss of the last steps is far above the lowest.
    FarAbove {
        /// The mean of about the last ten steps.
        recent: f64,
        /// The lowest such mean before.
        lowest: f64,
    },
}

impl DivergenceGuard {
    /// Weight of the newest loss in the recent mean, and in the usual one.
    const NEWEST: [f64; 2] = [0.1, 0.02];
    /// How many times the usual distance is no alarm.
    const SPREADS: f64 = 3.0;
    /// How far above the lowest mean is too far: both by a half and by one nat, or more where batches differ much.
    const TIMES: f64 = 1.5;
    const NATS: f64 = 1.0;
    /// Factor by which a retreat multiplies the rate.
    const LOWER: f64 = 0.5;
    /// Retreats after which lower rates are not tried.
    pub const MOST_RETREATS: u32 = 8;

    /// A guard before the first step.
    pub fn new() -> Self {
        Self { scale: 1.0, retreats: 0, recent: None, lowest: None, usual: None, spread: 0.0 }
    }

    /// Takes the training loss of a step, in nats a symbol.
    pub fn observe(&mut self, loss: f64) -> Health {
        if !loss.is_finite() {
            return Health::NonFinite;
        }
        let mean = |mean: Option<f64>, newest: f64| mean.map_or(loss, |mean| mean + newest * (loss - mean));
        let recent = mean(self.recent, Self::NEWEST[0]);
        let usual = mean(self.usual, Self::NEWEST[1]);
        let lowest = self.lowest.map_or(recent, |lowest| lowest.min(recent));
        let far = Self::NATS.max(Self::SPREADS * self.spread);
        self.spread += Self::NEWEST[1] * ((loss - usual).abs() - self.spread);
        (self.recent, self.usual, self.lowest) = (Some(recent), Some(usual), Some(lowest));
        if recent > Self::TIMES * lowest && recent > lowest + far {
            Health::FarAbove { recent, lowest }
        } else {
            Health::Good
        }
    }

    /// After going back to a checkpoint, whose guard this is: half the rate. `false` where it has been tried too
    /// often and training should end. `retreats` must be the count of before going back: a checkpoint does not
    /// know what came after it.
    #[must_use]
    pub fn retreat(&mut self, retreats: u32) -> bool {
        self.retreats = retreats + 1;
        self.scale = Self::LOWER.powi(self.retreats as i32);
        self.retreats <= Self::MOST_RETREATS
    }
}

impl Default for DivergenceGuard {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(warmup_steps: u64, decay: Decay) -> Schedule {
        Schedule { peak: 0.5, warmup_steps, decay }
    }

    fn bits_after_json<T: Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug>(state: &T) {
        let text = serde_json::to_string(state).unwrap();
        assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), state, "{text}");
    }

    #[test]
    fn is_what_the_recipe_asks_for() {
        let mut recipe = Training { learning_rate: 0.5, warmup_steps: 10, ..Training::default() };
        recipe.min_learning_rate_factor = 0.1;
        for (kind, last) in
            [(ScheduleKind::Constant, 0.5), (ScheduleKind::Cosine, 0.05), (ScheduleKind::Plateau, 0.05)]
        {
            recipe.schedule = kind;
            let schedule = Schedule::of(&recipe);
            assert_eq!(schedule.learning_rate(0, 0.0), 0.05);
            assert!((schedule.learning_rate(100, 1.0) - last).abs() < 1e-12, "{kind:?}");
            assert_eq!(schedule.learning_rate(1_000, 0.0), 0.5, "{kind:?}: no end is known");
        }
    }

    #[test]
    fn warms_up_to_the_peak() {
        let constant = schedule(4, Decay::Constant);
        let rates: Vec<_> = (0..6).map(|step| constant.learning_rate(step, 0.0)).collect();
        assert_eq!(rates, [0.125, 0.25, 0.375, 0.5, 0.5, 0.5]);
        assert_eq!(schedule(0, Decay::Constant).learning_rate(0, 0.0), 0.5);
    }

    #[test]
    fn the_cosine_falls_to_its_floor() {
        let cosine = schedule(10, Decay::Cosine { floor: 0.1 });
        let rate = |step: u64| cosine.learning_rate(step, step as f64 / 110.0);
        let near = |step, expected: f64| assert!((rate(step) - expected).abs() < 1e-12, "{step}");
        near(9, 0.5);
        near(10, 0.5);
        near(60, 0.5 * 0.55);
        near(110, 0.05);
        near(1_000_000, 0.05);
        let rates: Vec<_> = (10..=110).map(rate).collect();
        assert!(rates.windows(2).all(|pair| pair[1] < pair[0]));
        // A training shorter than ten times its warm-up rises faster.
        let short = schedule(100, Decay::Constant);
        assert_eq!((short.learning_rate(4, 0.04), short.learning_rate(9, 0.09)), (0.25, 0.5));
        assert!(schedule(10, Decay::Cosine { floor: 0.0 }).learning_rate(7, 1.4).is_finite());
    }

    #[test]
    fn a_plateau_lowers_the_rate() {
        let mut schedule = schedule(0, Decay::Plateau(Plateau::new(0.5, 2, 0.2)));
        let lowered: Vec<_> = [3.0, 2.0, 2.5, 2.0, 2.4, 1.9, f64::NAN, 2.0, 2.0, 2.0, 2.0, 2.0]
            .map(|loss| schedule.observe(loss))
            .into();
        let at: Vec<_> = (0..lowered.len()).filter(|&i| lowered[i]).collect();
        assert_eq!(at, [3, 7, 9]);
        assert_eq!(schedule.learning_rate(50, 0.0), 0.5 * 0.2);
        bits_after_json(&schedule);
    }

    #[test]
    fn a_known_end_lowers_the_rate_too() {
        let schedule = schedule(0, Decay::Plateau(Plateau::new(0.5, 2, 0.1)));
        let rate = |done| schedule.learning_rate(50, done);
        assert_eq!((rate(0.0), rate(0.6)), (0.5, 0.5));
        assert!((rate(0.8) - 0.5 * 0.55).abs() < 1e-12 && (rate(1.0) - 0.05).abs() < 1e-12);
    }

    #[test]
    fn stops_when_patience_ends() {
        let mut stopping = EarlyStopping::new(2);
        assert!(stopping.observe(2.0) && stopping.observe(1.9));
        assert!(!stopping.observe(1.9));
        assert!(!stopping.exhausted());
        assert!(!stopping.observe(f64::NAN));
        assert!(stopping.exhausted());
        assert_eq!((stopping.best(), stopping.waited()), (Some(1.9), 2));
        bits_after_json(&stopping);
        // While a network beside a simpler model still learns, it is waited for.
        let mut stopping = EarlyStopping::new(2);
        for (loss, is_over) in [(0.9, false), (0.8, false), (0.7, false), (0.7, false), (0.8, true)] {
            stopping.observe(0.3);
            stopping.observe_network(loss);
            assert_eq!(stopping.exhausted(), is_over, "{loss}");
        }
        bits_after_json(&stopping);
        let mut never = EarlyStopping::new(0);
        (0..100).for_each(|_| _ = never.observe(1.0));
        assert!(!never.exhausted());
    }

    #[test]
    fn the_guard_lets_a_healthy_training_be() {
        let mut guard = DivergenceGuard::new();
        for step in 0..1000 {
            // Falls from 5 to 1 with noise, and one bad batch.
            let loss = 1.0 + 4.0 * (-0.01 * step as f64).exp() + 0.3 * (step as f64 * 1.7).sin();
            let loss = if step == 500 { 8.0 } else { loss };
            assert_eq!(guard.observe(loss), Health::Good, "step {step}");
        }
        // Batches of short and of long examples, some of a kind in a row: the short ones are learnt first.
        let mut guard = DivergenceGuard::new();
        for step in 0..3000_u64 {
            let long = step.wrapping_mul(2_654_435_761) % 1_000 < 500;
            let loss = if long { 3.0 } else { 0.5 + 2.5 * (-0.02 * step as f64).exp() };
            assert_eq!(guard.observe(loss), Health::Good, "step {step}");
        }
        // A nearly learnt text may double its tiny loss.
        let mut guard = DivergenceGuard::new();
        assert!([0.01, 0.2, 0.3, 0.3].iter().all(|&loss| guard.observe(loss) == Health::Good));
        bits_after_json(&guard);
    }

    #[test]
    fn the_guard_sees_divergence() {
        for loss in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(DivergenceGuard::new().observe(loss), Health::NonFinite);
        }
        let mut guard = DivergenceGuard::new();
        (0..50).for_each(|_| assert_eq!(guard.observe(1.5), Health::Good));
        let seen = (0..50).position(|_| guard.observe(4.4) != Health::Good);
        assert!((3..12).contains(&seen.unwrap()), "{seen:?}");
    }

    #[test]
    fn each_retreat_halves_the_rate_until_it_is_hopeless() {
        let at_checkpoint = DivergenceGuard::new();
        let mut retreats = 0;
        for expected in [0.5, 0.25, 0.125] {
            let mut guard = at_checkpoint.clone();
            assert!(guard.retreat(retreats));
            assert_eq!(guard.scale, expected);
            retreats = guard.retreats;
        }
        assert!(!at_checkpoint.clone().retreat(DivergenceGuard::MOST_RETREATS));
    }
}
