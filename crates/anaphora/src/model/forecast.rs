//! Forecasts of series: what a model reads of one and gives for it, its linear map, and its network on windows.

use std::path::Path;

use anaphora_data::error::counted;
use anaphora_data::series::{Collection, Feature, Member, Origin, Window, frames_in};
use anaphora_data::{Frames, Packed, Scaler, Sequence};
use anaphora_nn::Start;
use serde::{Deserialize, Serialize};

use super::{Compute, Linear, Objective, Reads, SequenceModel, Shape, Sums, Targets, normal_quantile};
use crate::Result;
use crate::error::{listed, malformed_at};
use crate::recipe::{self, Channels, Head, Normalize, Transform};

/// Windows forecast at once.
const ROWS: usize = 256;
/// How strongly weights of the linear map are held back, of which the validation chooses.
const RIDGES: [f64; 7] = [1e-8, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1];
/// Windows that validate, at most: a sample of many is as good.
pub const VALIDATED: usize = 2_000;

/// Numbers of steps read and forecast, and of a season, after which a series repeats roughly.
#[derive(Clone, Copy)]
pub struct Lengths {
    pub lookback: usize,
    pub chunk: usize,
    pub horizon: usize,
    pub season: usize,
}

/// How a series is read, what of it was learnt from the training data, and the linear map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interface {
    /// Names of the columns.
    pub names: Vec<String>,
    /// Number of steps read.
    pub lookback: usize,
    /// Number of steps forecast at once.
    pub chunk: usize,
    /// Number of steps forecast.
    pub horizon: usize,
    /// The season: steps after which the series repeats roughly.
    pub season: usize,
    /// Steps in a frame of the model's input, and from one frame to the next.
    pub patch: [usize; 2],
    /// Features of dates that the model reads.
    pub features: Vec<Feature>,
    pub transform: Transform,
    pub normalize: Normalize,
    pub channels: Channels,
    pub head: Head,
    /// Levels of the forecast quantiles; 0.5 alone for a point forecast.
    pub levels: Vec<f32>,
    /// The transformed columns.
    pub scaler: Scaler,
    /// The columns in their own unit, for scores that are free of it.
    pub unit: Scaler,
    /// How far each column is from itself a season before, in the mean, in its own unit.
    pub season_errors: Vec<f32>,
    /// For all columns, or one for each where they are forecast together.
    pub linear: Vec<Linear>,
    /// Whether the network learns the residuals of the linear map.
    pub residual: bool,
}

/// A series as the model reads it.
pub struct Prepared {
    /// `[steps, columns]`, transformed and scaled.
    values: Vec<f32>,
    /// Sine and cosine of each feature of the dates, `[steps + horizon, 2 * features]`.
    waves: Vec<f32>,
}

/// What takes a window's column, what was read of it and what came.
type See<'a> = dyn FnMut(usize, &[f32], &[f32]) + 'a;

/// A network and its device.
pub type Network<'a> = Option<(&'a SequenceModel, &'a mut Compute)>;

impl Interface {
    /// Columns that a window holds.
    pub fn width(&self) -> usize {
        match self.channels {
            Channels::Independent => 1,
            Channels::Joint => self.names.len(),
        }
    }

    /// Windows at each origin.
    pub fn per_origin(&self) -> usize {
        self.names.len() / self.width()
    }

    /// Frames that the model reads of a window.
    pub fn frames(&self) -> usize {
        frames_in(self.lookback, self.patch)
    }

    /// A model of these windows.
    pub fn model(&self, model: &recipe::Model, start: Start) -> SequenceModel {
        let width = self.width() * self.patch[0] + 2 * self.features.len();
        let shape = Shape {
            reads: Reads::Frames(width),
            outputs: self.chunk * self.width(),
            each_step: false,
            causal: false,
        };
        // A transformer must see the whole window, a feed-forward network need not see more.
        let frames = self.frames();
        let model = recipe::Model { context: Some(frames), ..model.clone() };
        SequenceModel::new(&model, shape, self.objective(), start)
    }

    fn objective(&self) -> Objective {
        match self.head {
            Head::Point => Objective::Squared,
            Head::Gaussian => Objective::Gaussian,
            Head::Quantile => Objective::Quantiles(self.levels.clone()),
        }
    }

    /// Refuses series with other columns than the model reads.
    pub fn check(&self, collection: &Collection, path: &Path) -> Result<()> {
        let (names, known) = (&collection.names, &self.names);
        if names != known {
            let reason = format!("the columns are {} where the model reads {}", listed(names), listed(known));
            return Err(malformed_at(path, 0, reason));
        }
        if !self.features.is_empty() && collection.members.iter().any(|member| member.calendar.is_none()) {
            let reason = "there are no dates, which the model reads too; add the column of dates";
            return Err(malformed_at(path, 0, reason));
        }
        Ok(())
    }

    /// Refuses to learn from series as another model reads them.
    pub fn fits(&self, collection: &Collection, lengths: &Lengths) -> Result<()> {
        let path: &Path = collection.members[0].name.as_ref();
        self.check(collection, path)?;
        let Lengths { lookback, chunk, horizon, .. } = *lengths;
        let known = [self.lookback, self.chunk, self.horizon];
        if known != [lookback, chunk, horizon] {
            let words = |[lookback, chunk, horizon]: [usize; 3]| {
                format!("a look-back of {lookback}, {} at once and {horizon} in all", counted(chunk, "step"))
            };
            let (found, known) = (words([lookback, chunk, horizon]), words(known));
            let right = "set series.lookback, series.chunk and series.horizon to those";
            let reason = format!("{found} are to be learnt, and the model has {known}; {right}");
            return Err(malformed_at(path, 0, reason));
        }
        Ok(())
    }

    /// Transforms and scales the series.
    pub fn prepare(&self, collection: &Collection) -> Result<Vec<Prepared>> {
        collection.check(self.transform)?;
        Ok(collection.members.iter().map(|member| self.prepared(member)).collect())
    }

    fn prepared(&self, member: &Member) -> Prepared {
        let mut values: Vec<f32> = member.values.iter().map(|&value| self.transform.forth(value)).collect();
        self.scaler.apply(&mut values);
        let steps = values.len() / self.names.len() + self.horizon;
        let waves = member.calendar.and_then(|calendar| calendar.waves(0..steps, &self.features));
        // A series of the same columns, but without dates, is read as if each wave stood still.
        let waves = waves.unwrap_or_else(|| vec![0.0; steps * 2 * self.features.len()]);
        Prepared { values, waves }
    }

    /// The window of `past[lookback, columns]` that begins with column `first`.
    fn window(&self, past: &[f32], first: usize) -> Window {
        Window::new(past, self.names.len(), first, self.width(), self.normalize)
    }

    /// What the network reads of a window behind which `waves[lookback, 2 * features]` lie.
    fn sequence(&self, window: &Window, waves: &[f32]) -> Sequence {
        Sequence::Frames(window.frames(self.patch, waves))
    }

    /// What the linear map makes of a window, `[chunk, width]`, counted as the window is.
    fn by_line(&self, window: &Window) -> Vec<f32> {
        let width = self.width();
        let mut y = vec![0.0; self.chunk * width];
        for column in 0..width {
            let line = &self.linear[column % self.linear.len()];
            let values = line.apply(&window.column(column));
            for (y, value) in y.iter_mut().skip(column).step_by(width).zip(values) {
                *y = value;
            }
        }
        y
    }

    /// What the network is to give for a window, `[chunk, width]`: the truth, counted as the window is, less what the linear
    /// map knows.
    fn target(&self, window: &Window, truth: &[f32], first: usize) -> Vec<f32> {
        let (columns, width) = (self.names.len(), self.width());
        let mut y = if self.residual { self.by_line(window) } else { vec![0.0; self.chunk * width] };
        for (y, truth) in y.chunks_exact_mut(width).zip(truth.chunks_exact(columns)) {
            for (column, y) in y.iter_mut().enumerate() {
                *y = window.forth(column, truth[first + column]) - *y;
            }
        }
        y
    }

    /// The names of the numbers that the network gives for a window: those of the first of its columns.
    pub fn output_names(&self) -> Vec<String> {
        let width = self.width();
        let of = |index: usize| {
            let ahead = format!("+{}", index / width + 1);
            if width > 1 { format!("{} {ahead}", self.names[index % width]) } else { ahead }
        };
        let numbers: Vec<String> = (0..self.chunk * width).map(of).collect();
        match self.head {
            Head::Point => numbers,
            Head::Gaussian => {
                let spread = numbers.iter().map(|name| format!("{name} log variance"));
                numbers.iter().map(|name| format!("{name} mean")).chain(spread).collect()
            }
            Head::Quantile => numbers
                .iter()
                .flat_map(|name| self.levels.iter().map(move |level| format!("{name} q{level}")))
                .collect(),
        }
    }

    /// What the network reads of one window, and what is to come out where it has come.
    pub fn window_at(
        &self,
        prepared: &[Prepared],
        (origin, part): (Origin, usize),
        has_come: bool,
    ) -> (Packed, Option<Targets>) {
        if has_come {
            let (batch, targets) = self.batch(prepared, &[(origin, part)]);
            return (batch, Some(targets));
        }
        (Packed::new([&self.read(&prepared[origin.member], origin.at, part).1]), None)
    }

    /// The window that ends before a step, and what the network reads of it.
    fn read(&self, Prepared { values, waves }: &Prepared, at: usize, part: usize) -> (Window, Sequence) {
        let (columns, waved) = (self.names.len(), 2 * self.features.len());
        let begin = at - self.lookback;
        let window = self.window(&values[begin * columns..at * columns], part * self.width());
        let sequence = self.sequence(&window, &waves[begin * waved..at * waved]);
        (window, sequence)
    }

    /// A batch of examples: windows and what is to come out.
    pub fn batch(&self, prepared: &[Prepared], examples: &[(Origin, usize)]) -> (Packed, Targets) {
        let columns = self.names.len();
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        for &(Origin { member, at }, part) in examples {
            let (window, sequence) = self.read(&prepared[member], at, part);
            inputs.push(sequence);
            let truth = &prepared[member].values[at * columns..(at + self.chunk) * columns];
            targets.extend(self.target(&window, truth, part * self.width()));
        }
        (Packed::new(&inputs), Targets::Values(targets))
    }

    /// Fits the linear map to the windows at `train`, held back as suits those at `validation` best.
    pub fn fit(&mut self, prepared: &[Prepared], train: &[Origin], validation: &[Origin]) {
        let (columns, width, chunk) = (self.names.len(), self.width(), self.chunk);
        let mut sums: Vec<Sums> = (0..width).map(|_| Sums::new(self.lookback, chunk)).collect();
        let each = |origins: &[Origin], see: &mut See| {
            for &Origin { member, at } in origins {
                let values = &prepared[member].values;
                for first in (0..columns).step_by(width) {
                    let window = self.window(&values[(at - self.lookback) * columns..at * columns], first);
                    for column in 0..width {
                        let pick = |index: usize| values[index * columns + first + column];
                        let y: Vec<f32> = (at..at + chunk).map(|i| window.forth(column, pick(i))).collect();
                        see(column, &window.column(column), &y);
                    }
                }
            }
        };
        each(train, &mut |column, x, y| sums[column].add(x, y));
        let mut best: Option<(f64, Vec<Linear>)> = None;
        for ridge in RIDGES {
            let lines: Vec<Linear> = sums.iter().map(|sums| sums.solve(ridge)).collect();
            let mut error = 0.0;
            each(&sample(validation, VALIDATED), &mut |column, x, y| {
                let square = |(found, y): (f32, &f32)| f64::from(found - y).powi(2);
                error += lines[column].apply(x).into_iter().zip(y).map(square).sum::<f64>();
            });
            if best.as_ref().is_none_or(|(least, _)| error < *least) {
                best = Some((error, lines));
            }
        }
        self.linear = best.map(|(_, lines)| lines).unwrap_or_default();
    }

    /// Forecasts from each origin, `[origins, horizon, columns, levels]` in the series' own unit; the linear map's alone,
    /// of one level, without a network. Where a chunk is not the whole horizon, each level goes on from what was forecast at
    /// it.
    pub fn forecast(
        &self,
        prepared: &[Prepared],
        origins: &[Origin],
        mut network: Network,
    ) -> Result<Vec<f32>> {
        let levels = if network.is_some() { self.levels.len() } else { 1 };
        let per_origin = self.per_origin() * levels;
        let mut forecasts = Vec::with_capacity(origins.len() * self.horizon * self.names.len() * levels);
        for origins in origins.chunks((ROWS / per_origin).max(1)) {
            self.forecast_some(prepared, origins, levels, &mut network, &mut forecasts)?;
        }
        Ok(forecasts)
    }

    fn forecast_some(
        &self,
        prepared: &[Prepared],
        origins: &[Origin],
        levels: usize,
        network: &mut Network,
        forecasts: &mut Vec<f32>,
    ) -> Result<()> {
        let (columns, width, waved) = (self.names.len(), self.width(), 2 * self.features.len());
        // What is known or forecast, `[lookback + ..., columns]`, a history for each origin and level.
        let mut histories: Vec<Vec<f32>> = Vec::new();
        for origin in origins {
            let known =
                &prepared[origin.member].values[(origin.at - self.lookback) * columns..origin.at * columns];
            histories.extend(std::iter::repeat_n(known.to_vec(), levels));
        }
        for done in (0..self.horizon).step_by(self.chunk) {
            let (mut windows, mut inputs) = (Vec::new(), Vec::new());
            for (index, history) in histories.iter().enumerate() {
                let Origin { member, at } = origins[index / levels];
                let begin = at + done - self.lookback;
                let waves = &prepared[member].waves[begin * waved..(at + done) * waved];
                for first in (0..columns).step_by(width) {
                    let window = self.window(&history[done * columns..], first);
                    if network.is_some() {
                        inputs.push(self.sequence(&window, waves));
                    }
                    windows.push(window);
                }
            }
            let outputs = match network {
                Some((model, compute)) => model.predict(compute, &Packed::new(&inputs), None)?.0,
                None => Vec::new(),
            };
            let per_window = outputs.len() / windows.len();
            for (index, history) in histories.iter_mut().enumerate() {
                let begin = history.len();
                history.resize(begin + self.chunk * columns, 0.0);
                for part in 0..self.per_origin() {
                    let row = index * self.per_origin() + part;
                    let window = &windows[row];
                    let mut y = match self.residual || network.is_none() {
                        true => self.by_line(window),
                        false => vec![0.0; self.chunk * width],
                    };
                    if network.is_some() {
                        self.add_level(&mut y, &outputs[row * per_window..][..per_window], index % levels);
                    }
                    for (step, y) in y.chunks_exact(width).enumerate() {
                        for (column, y) in y.iter().enumerate() {
                            let place = begin + step * columns + part * width + column;
                            history[place] = window.back(column, *y);
                        }
                    }
                }
            }
        }
        let mut values: Vec<Vec<f32>> = Vec::new();
        for history in histories {
            let mut forecast = history[self.lookback * columns..][..self.horizon * columns].to_vec();
            self.scaler.invert(&mut forecast);
            forecast.iter_mut().for_each(|value| *value = self.transform.back(*value));
            values.push(forecast);
        }
        for of_origin in values.chunks_exact(levels) {
            for index in 0..self.horizon * columns {
                let at = forecasts.len();
                forecasts.extend(of_origin.iter().map(|forecast| forecast[index]));
                // A path that began lower may end higher.
                forecasts[at..].sort_by(f32::total_cmp);
            }
        }
        Ok(())
    }

    /// The forecast at once of a window, `[frames, chunk, width]` in the series' own unit, after each frame: what the linear map
    /// makes of the whole window, and what the network adds where it has read so far.
    pub fn running(
        &self,
        prepared: &[Prepared],
        (origin, part): (Origin, usize),
        (model, compute): (&SequenceModel, &mut Compute),
    ) -> Result<Vec<f32>> {
        let width = self.width();
        let (window, sequence) = self.read(&prepared[origin.member], origin.at, part);
        let Sequence::Frames(frames) = sequence else { unreachable!("windows are frames") };
        let prefix = |end: usize| {
            Sequence::Frames(Frames {
                width: frames.width,
                values: frames.values[..end * frames.width].to_vec(),
            })
        };
        let prefixes: Vec<Sequence> = (1..=frames.len()).rev().map(prefix).collect();
        let (outputs, _) = model.predict(compute, &Packed::new(&prefixes), None)?;
        let line = if self.residual { self.by_line(&window) } else { vec![0.0; self.chunk * width] };
        let mut running = Vec::with_capacity(frames.len() * line.len());
        for output in outputs.chunks_exact(outputs.len() / prefixes.len()).rev() {
            let mut y = line.clone();
            self.add_level(&mut y, output, self.middle());
            running.extend(y.iter().enumerate().map(|(index, &y)| {
                let column = index % width;
                let (mean, deviation) = (&self.scaler.mean, &self.scaler.deviation);
                let own = part * width + column;
                self.transform.back(window.back(column, y) * deviation[own] + mean[own])
            }));
        }
        Ok(running)
    }

    /// Adds what the network gives at a level to `y[chunk * width]`.
    fn add_level(&self, y: &mut [f32], output: &[f32], level: usize) {
        let count = y.len();
        let levels = self.levels.len();
        for (index, y) in y.iter_mut().enumerate() {
            *y += match self.head {
                Head::Point => output[index],
                Head::Gaussian => {
                    let deviation = (0.5 * output[count + index].clamp(-14.0, 14.0)).exp();
                    output[index] + deviation * normal_quantile(self.levels[level].into()) as f32
                }
                Head::Quantile => {
                    let mut quantiles = output[index * levels..][..levels].to_vec();
                    quantiles.sort_by(f32::total_cmp);
                    quantiles[level]
                }
            };
        }
    }

    /// The level that is the forecast where only one number is wanted.
    pub fn middle(&self) -> usize {
        self.levels.iter().position(|&level| level == 0.5).unwrap_or(0)
    }
}

/// At most so many of some origins, evenly spread.
pub fn sample(origins: &[Origin], most: usize) -> Vec<Origin> {
    origins.iter().step_by(origins.len().div_ceil(most).max(1)).copied().collect()
}
