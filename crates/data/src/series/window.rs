//! Windows of series: what a forecast reads, and from where.

use serde::{Deserialize, Serialize};

use super::{Collection, Cuts};
use crate::frames::Frames;
use crate::holdout::Splits;

/// The reference from which a window's numbers are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Normalize {
    /// The mean of the training data.
    None,
    /// The last number that is read (Zeng et al. 2023, NLinear).
    #[default]
    Last,
    /// The mean of what is read, in units of its deviation (Kim et al. 2022, RevIN).
    Window,
}

/// A step of one of several series: a forecast begins there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Which series.
    pub member: usize,
    /// The first step that is forecast.
    pub at: usize,
}

/// From where forecasts are learnt, validated and tested.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    /// To learn from.
    pub train: Vec<Origin>,
    /// To validate on.
    pub validation: Vec<Origin>,
    /// For a test.
    pub test: Vec<Origin>,
}

impl Cuts {
    /// Where forecasts of a series alone begin: of `chunk` steps in training and validation, of `horizon` in the test, each
    /// behind `lookback` known steps.
    pub fn origins(&self, lookback: usize, chunk: usize, horizon: usize, stride: usize) -> Origins {
        let from = |first: usize, end: usize, ahead: usize, stride: usize| -> Vec<Origin> {
            let behind = end.checked_sub(ahead).map_or(0, |last| last + 1);
            (first.max(lookback)..behind).step_by(stride).map(|at| Origin { member: 0, at }).collect()
        };
        Origins {
            train: from(0, self.validation, chunk, 1),
            validation: from(self.validation, self.test, chunk, 1),
            test: from(self.test, self.end, horizon, stride),
        }
    }
}

impl Origins {
    /// Where forecasts of many paths begin: in training anywhere, in the test behind what is read first.
    pub fn of_paths(
        collection: &Collection,
        splits: &Splits<usize>,
        lookback: usize,
        chunk: usize,
        horizon: usize,
    ) -> Self {
        let anywhere = |members: &[usize]| -> Vec<Origin> {
            let of = |&member: &usize| {
                let behind = collection.steps(member).checked_sub(chunk).map_or(0, |last| last + 1);
                (lookback..behind).map(move |at| Origin { member, at })
            };
            members.iter().flat_map(of).collect()
        };
        let test = splits.test.iter().filter(|&&member| collection.steps(member) >= lookback + horizon);
        Self {
            train: anywhere(&splits.train),
            validation: anywhere(&splits.validation),
            test: test.map(|&member| Origin { member, at: lookback }).collect(),
        }
    }
}

/// What is read of a series, of one column or some.
pub struct Window {
    width: usize,
    /// `[lookback, width]`, counted from `centre` in units of `spread`.
    past: Vec<f32>,
    /// `[width]`.
    centre: Vec<f32>,
    /// `[width]`.
    spread: Vec<f32>,
}

impl Window {
    /// The `width` columns from `first` on of `past[lookback, columns]`.
    pub fn new(past: &[f32], columns: usize, first: usize, width: usize, normalize: Normalize) -> Self {
        let mut past: Vec<f32> =
            past.chunks_exact(columns).flat_map(|step| &step[first..first + width]).copied().collect();
        let column = |index: usize| past.iter().skip(index).step_by(width).copied();
        let count = (past.len() / width) as f32;
        let (centre, spread): (Vec<f32>, Vec<f32>) = match normalize {
            Normalize::None => (vec![0.0; width], vec![1.0; width]),
            Normalize::Last => (past[past.len() - width..].to_vec(), vec![1.0; width]),
            Normalize::Window => (0..width)
                .map(|index| {
                    let mean = column(index).sum::<f32>() / count;
                    let variance = column(index).map(|x| (x - mean).powi(2)).sum::<f32>() / count;
                    // In a window that stands still, all is counted from a hundredth of the usual deviation.
                    (mean, variance.sqrt() + 0.01)
                })
                .unzip(),
        };
        for step in past.chunks_exact_mut(width) {
            for ((value, centre), spread) in step.iter_mut().zip(&centre).zip(&spread) {
                *value = (*value - centre) / spread;
            }
        }
        Self { width, past, centre, spread }
    }

    /// What is read of a column, `[lookback]`.
    pub fn column(&self, column: usize) -> Vec<f32> {
        self.past.iter().skip(column).step_by(self.width).copied().collect()
    }

    /// A number of a column, counted as the window is.
    pub fn forth(&self, column: usize, x: f32) -> f32 {
        (x - self.centre[column]) / self.spread[column]
    }

    /// The number that such a one comes from.
    pub fn back(&self, column: usize, x: f32) -> f32 {
        x * self.spread[column] + self.centre[column]
    }

    /// The window in frames of `patch` steps, from each to the next `stride`; behind each frame stand the waves of its last
    /// step, of `waves[lookback, ..]`. Frames end with the window: what does not fill one is left out where it is oldest.
    pub fn frames(&self, [patch, stride]: [usize; 2], waves: &[f32]) -> Frames {
        let lookback = self.past.len() / self.width;
        let waved = waves.len() / lookback;
        let count = frames_in(lookback, [patch, stride]);
        let first = lookback - patch - (count - 1) * stride;
        let mut values = Vec::with_capacity(count * (patch * self.width + waved));
        for frame in 0..count {
            let (begin, end) = (first + frame * stride, first + frame * stride + patch);
            values.extend_from_slice(&self.past[begin * self.width..end * self.width]);
            values.extend_from_slice(&waves[(end - 1) * waved..end * waved]);
        }
        Frames { width: patch * self.width + waved, values }
    }
}

/// Frames of `patch` steps, from each to the next `stride`, in a window of `lookback`.
pub fn frames_in(lookback: usize, [patch, stride]: [usize; 2]) -> usize {
    1 + (lookback - patch) / stride
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forecasts_begin_where_enough_is_known_and_enough_follows() {
        let origins = Cuts { validation: 96, test: 108, end: 144 }.origins(24, 12, 36, 1);
        assert_eq!(origins.train.first(), Some(&Origin { member: 0, at: 24 }));
        assert_eq!((origins.train.len(), origins.validation.len(), origins.test.len()), (61, 1, 1));
        assert_eq!(Cuts { validation: 9, test: 10, end: 10 }.origins(4, 12, 36, 1), Origins::default());
    }

    #[test]
    fn a_window_is_cut_into_frames_that_end_with_it() {
        let past: Vec<f32> = (0..10).map(|x| x as f32).collect();
        let window = Window::new(&past, 2, 1, 1, Normalize::Last);
        assert_eq!(window.column(0), [-8.0, -6.0, -4.0, -2.0, 0.0]);
        assert_eq!((window.forth(0, 10.0), window.back(0, 1.0)), (1.0, 10.0));
        let frames = window.frames([2, 2], &[0.0, 0.1, 0.2, 0.3, 0.4]);
        assert_eq!((frames.width, frames.len()), (3, frames_in(5, [2, 2])));
        assert_eq!(frames.values, [-6.0, -4.0, 0.2, -2.0, 0.0, 0.4]);
    }
}
