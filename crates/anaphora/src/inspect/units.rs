//! Which unit tracks what (Karpathy, Johnson, Fei-Fei 2015; Strobelt et al. 2018, "LSTMVis").

use anaphora_nn::trace::{Place, Trace};

use super::Inspection;
use super::features::Features;
use super::pass::{block_of, layer_of, part_of};
use super::statistics::{auroc, rank_correlation, ranks};

/// The units of a model with their values at some steps: `[steps]` each.
#[derive(Clone, Debug, Default)]
pub struct Tracked {
    names: Vec<String>,
    values: Vec<Vec<f32>>,
}

impl Tracked {
    /// Whether there is no unit that carries something from step to step.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Adds the values of all units at some steps of one sequence: hidden and cell states of recurrent layers, the residual stream
    /// behind each block.
    pub fn read(&mut self, trace: &Trace, steps: &[usize]) {
        let mut all: Vec<(String, usize, &[f32])> = Vec::new();
        for layer in &trace.layers {
            let (part, rest) = part_of(&layer.weight);
            let width = layer.hidden.len() / layer.batch_sizes.len().max(1);
            let name = |what| format!("{}{}.{what}", part.prefix, layer_of(rest));
            all.push((name("h"), width, &layer.hidden));
            if layer.cell.has_cell_state()
                && let Some(cells) = layer.activations.last()
            {
                all.push((name("c"), width, cells));
            }
        }
        for block in trace.watched.iter().filter(|watched| watched.place == Place::Block) {
            let (part, rest) = part_of(&block.weight);
            all.push((format!("{}b{}", part.prefix, block_of(rest)), block.cols, &block.values));
        }
        if self.names.is_empty() {
            for (name, width, _) in &all {
                self.names.extend((0..*width).map(|unit| format!("{name}{unit}")));
            }
            self.values = vec![Vec::new(); self.names.len()];
        }
        let columns =
            all.iter().flat_map(|&(_, width, values)| (0..width).map(move |unit| (width, values, unit)));
        for (to, (width, values, unit)) in self.values.iter_mut().zip(columns) {
            to.extend(steps.iter().map(|step| values[step * width + unit]));
        }
    }
}

/// Adds `units.auroc [tracked, features]`, the area under the ROC curve of each unit for each property that holds or does not,
/// and `units.correlation [tracked, numbers]`, its rank correlation with each number; 0.5 and 0 where all steps are alike.
/// `prefix` stands in front of the names.
pub fn units(inspection: &mut Inspection, prefix: &str, tracked: &Tracked, features: &Features) {
    let known: Vec<(Vec<usize>, Vec<f64>)> = features
        .numbers
        .iter()
        .map(|(_, numbers)| {
            let places: Vec<usize> = (0..numbers.len()).filter(|&step| numbers[step].is_finite()).collect();
            let numbers: Vec<f32> = places.iter().map(|&step| numbers[step]).collect();
            (places, ranks(&numbers))
        })
        .collect();
    let (mut areas, mut correlations) = (Vec::new(), Vec::new());
    for values in &tracked.values {
        let ranked = ranks(values);
        for (_, is) in &features.flags {
            areas.push(auroc(&ranked, is).unwrap_or(0.5) as f32);
        }
        for (places, of_numbers) in &known {
            let own: Vec<f32> = places.iter().map(|&step| values[step]).collect();
            correlations.push(rank_correlation(&ranks(&own), of_numbers).unwrap_or(0.0) as f32);
        }
    }
    let names = |all: &[&str]| all.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>();
    let flags: Vec<&str> = features.flags.iter().map(|(name, _)| *name).collect();
    let numbers: Vec<&str> = features.numbers.iter().map(|(name, _)| *name).collect();
    let count = tracked.names.len();
    inspection.labels.insert("tracked".into(), tracked.names.clone());
    inspection.labels.insert("features".into(), names(&flags));
    inspection.labels.insert("numbers".into(), names(&numbers));
    let what = "how well the unit tells where a property holds: 0.5 not at all, 1 or 0 without fail";
    inspection.add(
        format!("{prefix}units.auroc"),
        &["tracked", "features"],
        &[count, flags.len()],
        areas,
        what,
    );
    let what = "rank correlation of the unit with a number that follows from the text";
    let shape = [count, numbers.len()];
    inspection.add(format!("{prefix}units.correlation"), &["tracked", "numbers"], &shape, correlations, what);
}

/// Adds `features [steps, features]` and `numbers [steps, numbers]`, for one input; not numbers for the `first` steps, which
/// come before the text.
pub fn features(inspection: &mut Inspection, features: &Features, first: usize) {
    let steps = first + features.flags.first().map_or(0, |(_, flags)| flags.len());
    let mut flags = vec![f32::NAN; first * features.flags.len()];
    let mut numbers = vec![f32::NAN; first * features.numbers.len()];
    for step in 0..steps - first {
        flags.extend(features.flags.iter().map(|(_, all)| f32::from(all[step])));
        numbers.extend(features.numbers.iter().map(|(_, all)| all[step]));
    }
    let (shape, what) = ([steps, features.flags.len()], "1 where a property holds");
    inspection.add("features", &["steps", "features"], &shape, flags, what);
    let (shape, what) = ([steps, features.numbers.len()], "numbers that follow from the text");
    inspection.add("numbers", &["steps", "numbers"], &shape, numbers, what);
}
