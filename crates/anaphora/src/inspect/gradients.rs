//! How far gradients reach back: the norm of the gradient of a loss at the end of a sequence with respect to each state
//! and input before it, by distance (Hochreiter 1991; Bengio, Simard, Frasconi 1994).

use std::collections::BTreeMap;

use anaphora_data::{Packed, Sequence};
use anaphora_nn::trace::{Place, Watched, rows_of};

use super::pass::{block_of, layer_of, part_of};
use super::{Inspection, QUANTILES, quantiles};
use crate::Result;
use crate::model::{Compute, Observe, Pull};

/// Adds `gradients.input`, `gradients.hidden.…` and `gradients.cell.…`, `[distances, quantiles]`: of the norms of the gradients of
/// the loss of each of `sequences`, longest first, at its end, by the number of steps before that; and as
/// `gradients.norms.…`, `[sequences, distances]`, the norms themselves, not a number where a sequence has no such step. `pull`
/// gives the gradient of all losses together with respect to the model's outputs. `prefix` stands in front of all names.
///
/// # Errors
/// Sequences that the model cannot read.
pub fn gradients(
    inspection: &mut Inspection,
    prefix: &str,
    compute: &mut Compute,
    model: &dyn Observe,
    sequences: &[Sequence],
    pull: Pull,
) -> Result<()> {
    let batch = Packed::new(sequences);
    let observed = model.observe(compute, &batch, Some(pull))?;
    let lengths: Vec<usize> = sequences.iter().map(Sequence::len).collect();
    let longest = lengths.first().copied().unwrap_or(0);
    let mut named: BTreeMap<String, Vec<&Watched>> = BTreeMap::new();
    for watched in &observed.trace.watched {
        named.entry(name_of(watched)).or_default().push(watched);
    }
    for (name, parts) in named {
        // A tensor for each step, or one for all.
        let rows: usize = parts.iter().map(|part| part.values.len() / part.cols.max(1)).sum();
        if rows != batch.units() {
            continue;
        }
        let is_reverse = name.ends_with("_reverse");
        let mut norms = vec![f32::NAN; sequences.len() * longest];
        for (sequence, &length) in lengths.iter().enumerate() {
            let place = rows_of(&batch.batch_sizes, sequence);
            for step in 0..length {
                let distance = if is_reverse { step } else { length - 1 - step };
                let norm = match &parts[..] {
                    [whole] => norm(whole, place[step]),
                    steps => norm(steps[if is_reverse { longest - 1 - step } else { step }], sequence),
                };
                norms[sequence * longest + distance] = norm;
            }
        }
        let mut all = Vec::with_capacity(longest * QUANTILES.len());
        for distance in 0..longest {
            let of_distance = norms.iter().skip(distance).step_by(longest).copied();
            all.extend(quantiles(of_distance.filter(|norm| norm.is_finite()).collect()));
        }
        let what = "norm of the gradient of a loss, by the number of steps before it";
        let shape = [longest, QUANTILES.len()];
        inspection.add(format!("{prefix}gradients.{name}"), &["distances", "quantiles"], &shape, all, what);
        let what = "the same for each sequence that ends in a loss";
        let shape = [sequences.len(), longest];
        inspection.add(
            format!("{prefix}gradients.norms.{name}"),
            &["ends", "distances"],
            &shape,
            norms,
            what,
        );
    }
    inspection.labels.insert("quantiles".into(), QUANTILES.map(|level| level.to_string()).to_vec());
    Ok(())
}

/// The name of what is watched.
fn name_of(watched: &Watched) -> String {
    let (part, rest) = part_of(&watched.weight);
    let name = match watched.place {
        Place::Input => "input".to_owned(),
        Place::Hidden => format!("hidden.{}", layer_of(rest)),
        Place::Cell => format!("cell.{}", layer_of(rest)),
        Place::Block => format!("hidden.b{}", block_of(rest)),
    };
    format!("{}{name}", part.prefix)
}

/// The Euclidean norm of a row's gradient; zero where none has come.
fn norm(watched: &Watched, row: usize) -> f32 {
    let values = watched.gradient.get(row * watched.cols..(row + 1) * watched.cols).unwrap_or_default();
    values.iter().map(|&value| f64::from(value) * f64::from(value)).sum::<f64>().sqrt() as f32
}
