//! Gates and states of recurrent layers, and the streams of blocks: planes to look at, and what is to be said of them exactly.

use anaphora::inspect::{Array, Inspection};
use serde::Serialize;

use super::pack::{Bits, Packed};

/// Bars of a histogram.
const BARS: usize = 20;

/// What units did over the steps.
#[derive(Debug, Serialize)]
pub struct Plane {
    /// The name of its array.
    name: String,
    /// The axis of its steps.
    axis: String,
    /// How many steps share a row: their mean is kept.
    pooled: usize,
    /// `[steps / pooled, units]`.
    values: Packed,
    /// The mean of each unit over all steps.
    means: Vec<f32>,
    /// Of a gate: how its numbers are distributed.
    #[serde(skip_serializing_if = "Option::is_none")]
    gate: Option<Gate>,
    /// Time constant of each unit in steps, from its mean forgetting; of forget and update gates.
    #[serde(skip_serializing_if = "Option::is_none")]
    time_constants: Option<Vec<f64>>,
}

impl Plane {
    /// The name of its array.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// How the numbers of a gate are distributed.
#[derive(Debug, Serialize)]
struct Gate {
    /// Shares of numbers in equal parts from 0 to 1.
    histogram: Vec<f64>,
    /// The share below 0.1.
    closed: f64,
    /// The share above 0.9.
    open: f64,
}

/// All planes, steps pooled where they would take more than `room` bytes together.
pub fn planes(inspection: &Inspection, room: usize, notes: &mut Vec<String>) -> Vec<Plane> {
    let is_plane = |name: &str, array: &Array| {
        array.axes.len() == 2
            && (name.contains("gates.") || name.split('.').any(|part| part == "hidden"))
            && ["units", "width"].contains(&array.axes[1].as_str())
    };
    let arrays: Vec<(&str, &Array)> =
        inspection.arrays().filter(|(name, array)| is_plane(name, array)).collect();
    let total: usize = arrays.iter().map(|(_, array)| array.values.len()).sum();
    // Bytes in base64 if nothing were gained by deflating.
    let pooled = (total * 4 / 3).div_ceil(room.max(1)).max(1);
    if pooled > 1 {
        notes.push(format!("gates and states are shown as means over {pooled} steps each; what is said of them is of all steps"));
    }
    arrays.iter().map(|(name, array)| plane(name, array, pooled)).collect()
}

fn plane(name: &str, array: &Array, pooled: usize) -> Plane {
    let units = array.shape[1].max(1);
    let mean = |rows: &[f32], unit: usize| -> f32 {
        let values = rows.iter().skip(unit).step_by(units).map(|&value| f64::from(value));
        (values.sum::<f64>() / (rows.len() / units).max(1) as f64) as f32
    };
    let means: Vec<f32> = (0..array.shape[1]).map(|unit| mean(&array.values, unit)).collect();
    let values = if pooled == 1 {
        Packed::new(&array.shape, &array.values, Bits::Eight)
    } else {
        let groups = array.values.chunks(units * pooled);
        let values: Vec<f32> = groups
            .flat_map(|rows| (0..array.shape[1]).map(move |unit| mean(rows, unit)).collect::<Vec<_>>())
            .collect();
        Packed::new(&[array.shape[0].div_ceil(pooled), array.shape[1]], &values, Bits::Eight)
    };
    let what = name.rsplit('.').next().unwrap_or_default();
    // The share of the state that stays from one step to the next: an LSTM's forget gate, a GRU's update gate.
    let time_constants = ["f", "z"]
        .contains(&what)
        .then(|| means.iter().map(|&stays| -1.0 / f64::from(stays.clamp(1e-6, 1.0 - 1e-6)).ln()).collect());
    Plane {
        name: name.to_owned(),
        axis: array.axes[0].clone(),
        pooled,
        values,
        means,
        gate: ["i", "f", "o", "r", "z"].contains(&what).then(|| gate(&array.values)),
        time_constants,
    }
}

fn gate(values: &[f32]) -> Gate {
    let count = values.len().max(1) as f64;
    let mut histogram = vec![0.0; BARS];
    for &value in values {
        histogram[((value * BARS as f32) as usize).min(BARS - 1)] += 1.0 / count;
    }
    let share = |is: &dyn Fn(f32) -> bool| values.iter().filter(|value| is(**value)).count() as f64 / count;
    Gate { histogram, closed: share(&|value| value < 0.1), open: share(&|value| value > 0.9) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_have_shares_and_time_constants() {
        let mut inspection = Inspection::default();
        // One unit forgets half at each step, the other nothing but a hundredth.
        let values = [[0.5, 0.99]; 4].concat();
        inspection.add("gates.l0.f", &["steps", "units"], &[4, 2], values, "");
        inspection.add("gates.l0.h", &["steps", "units"], &[4, 2], vec![0.0; 8], "");
        let planes = planes(&inspection, 1 << 20, &mut Vec::new());
        let [half, long] = planes[0].time_constants.as_ref().expect("of forget gates")[..] else { panic!() };
        assert!((half - 1.0 / 2_f64.ln()).abs() < 1e-5 && (long - 99.5).abs() < 0.01, "{half} {long}");
        let gate = planes[0].gate.as_ref().expect("a gate");
        assert_eq!((gate.closed, gate.open), (0.0, 0.5));
        assert!(planes[1].gate.is_none() && planes[1].time_constants.is_none());
    }

    #[test]
    fn what_is_too_large_is_pooled_and_it_is_said() {
        let mut inspection = Inspection::default();
        let values = (0..300).map(|k| (k / 3) as f32).collect();
        inspection.add("gates.l0.h", &["steps", "units"], &[100, 3], values, "");
        let mut notes = Vec::new();
        let planes = planes(&inspection, 100, &mut notes);
        assert_eq!((planes[0].pooled, &planes[0].values.shape[..]), (4, &[25, 3][..]));
        assert!(notes[0].contains("4 steps each"), "{notes:?}");
        assert_eq!(planes[0].means, [49.5; 3]);
    }
}
