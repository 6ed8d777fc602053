//! Time of a training step, by the length of its sequences and by threads: where recurrence must wait, attention need not.

use std::time::Instant;

use anaphora_data::wanted;
use anaphora_nn::{Device, Gradients, Params, Precision, ShapeError};

use super::Inspection;
use crate::Result;
use crate::model::{Backward, Compute};

/// Tokens of a step, whatever its length.
const TOKENS: usize = 2_048;
/// The shortest and the longest sequences.
const LENGTHS: [usize; 2] = [8, 512];
/// Steps that are measured for each length; their median counts. One more before them warms up.
const MEASURED: usize = 5;

/// Adds `speed.seconds [lengths_read, threads]`: seconds a token of a forward and a backward pass over sequences of 8, 16 … steps, at
/// most `longest`, and so many of them that a step has the same number of tokens whatever their length; with 1, 2, 4 … threads up to
/// one a core. `learn` does one such step, of `[rows, length]`.
///
/// # Errors
/// Those of `learn`.
pub fn speed(
    inspection: &mut Inspection,
    params: &Params,
    longest: usize,
    mut learn: impl FnMut(&mut Backward, [usize; 2]) -> Result<f32, ShapeError>,
) -> Result<()> {
    let lengths: Vec<usize> =
        std::iter::successors(Some(LENGTHS[0].min(longest.max(1))), |length| Some(2 * length))
            .take_while(|&length| length <= LENGTHS[1].min(longest.max(1)))
            .collect();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads: Vec<usize> = std::iter::successors(Some(1), |threads| Some(2 * threads))
        .take_while(|&threads| threads <= cores)
        .collect();
    let mut gradients = Gradients::of(params);
    let mut seconds = vec![0.0; lengths.len() * threads.len()];
    for (column, &count) in threads.iter().enumerate() {
        let mut compute = Compute::new(Device::new(count, Precision::auto()));
        for (row, &length) in lengths.iter().enumerate() {
            let rows = (TOKENS / length).max(1);
            let mut step = || -> Result<f64> {
                wanted::check()?;
                let began = Instant::now();
                let (compute, gradients) = (&mut compute, &mut gradients);
                learn(&mut Backward { compute, gradients, seed: 1, weight: 0.0 }, [rows, length])?;
                Ok(began.elapsed().as_secs_f64() / (rows * length) as f64)
            };
            step()?;
            let mut times = (0..MEASURED).map(|_| step()).collect::<Result<Vec<f64>>>()?;
            times.sort_by(f64::total_cmp);
            seconds[row * threads.len() + column] = times[MEASURED / 2] as f32;
        }
    }
    let names = |numbers: &[usize]| numbers.iter().map(usize::to_string).collect::<Vec<String>>();
    inspection.labels.insert("lengths_read".into(), names(&lengths));
    inspection.labels.insert("threads".into(), names(&threads));
    let shape = [lengths.len(), threads.len()];
    let what = "seconds a token of a training step, by length and threads";
    inspection.add("speed.seconds", &["lengths_read", "threads"], &shape, seconds, what);
    Ok(())
}
