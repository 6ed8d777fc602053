//! How far gradients reach back: the norm of the gradient of a loss at the end of a sequence with respect to each state
//! and input before it, by distance (Hochreiter 1991; Bengio, Simard, Frasconi 1994).

use std::collections::BTreeMap;

use anaphora_nn::trace::{Place, Trace, Watched, rows_of};

use super::pass::{block_of, layer_of, part_of};
use super::statistics::quantiles;
use super::{Inspection, QUANTILES};

/// Adds `gradients.input`, `gradients.hidden.…` and `gradients.cell.…`, `[distances, quantiles]`: of the norms of the gradients of
/// the loss at the end of each sequence of a packed batch, by the number of steps before that; and as `gradients.norms.…`,
/// `[ends, distances]`, the norms themselves, not a number where a sequence has no such step. `trace` is that of a
/// backward pass from all losses together. `prefix` stands in front of all names. `part` is the part of the model whose batch that
/// is, by the prefix of its names; an encoder's axes are its own.
pub fn gradients(
    inspection: &mut Inspection,
    prefix: &str,
    trace: &Trace,
    part: &str,
    batch_sizes: &[usize],
) {
    let (longest, count) = (batch_sizes.len(), batch_sizes.first().copied().unwrap_or(0));
    let tokens: usize = batch_sizes.iter().sum();
    let distances = if part.is_empty() { "distances" } else { "source_distances" };
    let mut named: BTreeMap<String, Vec<&Watched>> = BTreeMap::new();
    for watched in trace.watched.iter().filter(|watched| part_of(&watched.weight).0.prefix == part) {
        named.entry(name_of(watched)).or_default().push(watched);
    }
    for (name, parts) in named {
        // A tensor for each step, or one for all.
        let rows: usize = parts.iter().map(|part| part.rows).sum();
        if rows != tokens {
            continue;
        }
        let is_reverse = name.ends_with("_reverse");
        let mut norms = vec![f32::NAN; count * longest];
        for sequence in 0..count {
            let place = rows_of(batch_sizes, sequence);
            let length = place.len();
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
        inspection.add(
            format!("{prefix}{part}gradients.{name}"),
            &[distances, "quantiles"],
            &shape,
            all,
            what,
        );
        let what = "the same for each sequence that ends in a loss";
        let shape = [count, longest];
        inspection.add(
            format!("{prefix}{part}gradients.norms.{name}"),
            &["ends", distances],
            &shape,
            norms,
            what,
        );
    }
    inspection.labels.insert("quantiles".into(), QUANTILES.map(|level| level.to_string()).to_vec());
}

/// The name of what is watched.
fn name_of(watched: &Watched) -> String {
    let (_, rest) = part_of(&watched.weight);
    match watched.place {
        Place::Input => "input".to_owned(),
        Place::Hidden => format!("hidden.{}", layer_of(rest)),
        Place::Cell => format!("cell.{}", layer_of(rest)),
        Place::Block => format!("hidden.b{}", block_of(rest)),
    }
}

/// The Euclidean norm of a row's gradient; zero where none has come.
fn norm(watched: &Watched, row: usize) -> f32 {
    let values = watched.gradient.get(row * watched.cols..(row + 1) * watched.cols).unwrap_or_default();
    values.iter().map(|&value| f64::from(value) * f64::from(value)).sum::<f64>().sqrt() as f32
}
