//! A series to be continued.

use std::f64::consts::TAU;
use std::path::PathBuf;

use super::{normal, seeded};
use crate::series::{Calendar, Series, Step};

const HOUR: i64 = 3_600_000;

/// An hourly series from the first hour of 2024, as of the use of power: a trend, a day and a week that come back, less on
/// weekends, and noise in which each value keeps 0.7 of the one before.
///
/// # Panics
/// If there are less than two steps.
pub fn seasonal(seed: u64, steps: usize) -> Series {
    assert!(steps >= 2, "a series of {steps} steps, 2 or more are needed");
    let mut random = seeded(seed);
    let mut noise = 0.0;
    let values = (0..steps).map(|step| {
        let hour = step as f64;
        let day = 12.0 * (TAU * (hour - 9.0) / 24.0).sin() + 5.0 * (TAU * (hour - 4.0) / 12.0).sin();
        // 2024 begins on a Monday.
        let weekend = if step / 24 % 7 > 4 { -10.0 } else { 0.0 };
        noise = 0.7 * noise + normal(&mut random);
        (100.0 + 0.002 * hour + day + weekend + noise) as f32
    });
    Series {
        path: PathBuf::from("seasonal"),
        names: vec!["load".to_owned()],
        values: values.collect(),
        calendar: Some(Calendar::new(
            jiff::civil::datetime(2024, 1, 1, 0, 0, 0, 0),
            Step::Milliseconds(HOUR),
        )),
        repaired: vec![],
        notes: Vec::new(),
    }
}
