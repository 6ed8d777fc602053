//! Training goes back through time, and gradients multiply: they vanish or explode.

use anaphora_data::{Packed, Sequence};

use super::chapter::{Chapter, Check, Id, OwnFile};
use super::lab::{Lab, Training};
use super::picture::{Axis, Drawing, Picture, Series, Style};
use super::{Data, Experiment, Settings, language};
use crate::inspect::{self, Inspection, QUANTILES, Request, Source, View};
use crate::model::{LanguageModel, Observe, softmax};
use crate::recipe::{Backbone, Model, Nonlinearity};
use crate::{Result, tasks};

pub const EXPERIMENT: Experiment = Experiment {
    id: Id::Gradients,
    data: Data {
        own_file: OwnFile::Decides,
        of_file: "the trained models",
        built_in: "the networks before training, which read random symbols so that nothing learnt counts",
    },
    trainings,
    seconds: 6.0,
    hold,
};

/// Units, symbols, steps and sequences of the untrained networks.
const UNITS: usize = 64;
const SYMBOLS: usize = 32;
const STEPS: usize = 80;
const SEQUENCES: usize = 24;
/// What the inputs of recurrent networks are multiplied by, so that states are not driven to where tanh is flat.
const QUIET: f32 = 0.1;
/// The share of the gradient of which it is asked how far it comes.
const KEPT: f64 = 0.01;
/// A distance at which all are compared.
const FAR: usize = 40;

/// A network before training: a name, what its recurrent weights are multiplied by, and the state that is looked at.
struct Fresh {
    label: &'static str,
    key: &'static str,
    backbone: Backbone,
    nonlinearity: Nonlinearity,
    times: f32,
    state: &'static str,
}

const FRESH: [Fresh; 7] = [
    Fresh::tanh("tanh RNN, small weights", "tanh_small", 0.5),
    Fresh::tanh("tanh RNN, orthogonal", "tanh_orthogonal", 1.0),
    Fresh::tanh("tanh RNN, large weights", "tanh_large", 3.0),
    Fresh {
        label: "ReLU RNN, identity",
        key: "relu_identity",
        backbone: Backbone::Rnn,
        nonlinearity: Nonlinearity::Relu,
        times: 1.0,
        state: "hidden.l0",
    },
    Fresh {
        label: "GRU",
        key: "gru",
        backbone: Backbone::Gru,
        nonlinearity: Nonlinearity::Tanh,
        times: 1.0,
        state: "hidden.l0",
    },
    Fresh {
        label: "LSTM (cell state)",
        key: "lstm",
        backbone: Backbone::Lstm,
        nonlinearity: Nonlinearity::Tanh,
        times: 1.0,
        state: "cell.l0",
    },
    Fresh {
        label: "Transformer (first block)",
        key: "transformer",
        backbone: Backbone::Transformer,
        nonlinearity: Nonlinearity::Tanh,
        times: 1.0,
        state: "hidden.b0",
    },
];

impl Fresh {
    const fn tanh(label: &'static str, key: &'static str, times: f32) -> Self {
        let (backbone, nonlinearity, state) = (Backbone::Rnn, Nonlinearity::Tanh, "hidden.l0");
        Self { label, key, backbone, nonlinearity, times, state }
    }
}

/// Trained models, and the state that is looked at.
const TRAINED: [(&str, &str, &str, &str); 3] = [
    (language::RNN, "tanh RNN", "tanh", "hidden.l0"),
    (language::LSTM, "LSTM (cell state)", "lstm", "cell.l0"),
    (language::TRANSFORMER, "Transformer (first block)", "transformer", "hidden.b0"),
];

fn trainings(settings: &Settings) -> Result<Vec<Training>> {
    Ok(TRAINED.map(|(name, ..)| language::training(settings, name)).into())
}

fn hold(lab: &mut Lab) -> Result<Chapter> {
    let mut chapter = Chapter::new(
        Id::Gradients,
        "Gradients through time",
        "Training goes back through time. At each step the gradient is multiplied again, so that it vanishes or explodes.",
    );
    chapter.experiment = format!(
        "Seven networks of {UNITS} units that have learnt nothing read {SEQUENCES} sequences of {STEPS} random symbols, of which recurrent ones get a tenth of the usual size, so that no state is driven to where tanh is flat. From the loss at the \
         end of each sequence the gradient is followed back: how long is the gradient with respect to the state k steps earlier, beside \
         that of the last state? The recurrent weights of the tanh network are orthogonal (a rotation), the same times 0.5, and times 3. \
         Of an LSTM it is the cell state that is looked at, of a Transformer what comes out of its first block. Then the same is done with \
         the models that learnt {}, on held-out text.",
        language::what(lab.settings)
    );
    chapter.reading = "To the right, how many steps back; upwards, what is left of the gradient, on \
        an axis of powers of ten. A straight line down means that the same share is lost at each step. Below the dashed line less than a \
        hundredth is left, and what happened there can hardly be learnt from. Bands hold the middle half of the sequences. \
        A Transformer's line falls once and then stays: from any place there is one way to the end, through attention."
        .into();
    chapter.limits = "A long gradient is needed to learn from what was long ago, but not enough: it must also point somewhere useful. What \
        training makes of the gradients hangs on the data: a model that needs no memory lets them vanish."
        .into();
    let inspect = format!("anaphora inspect runs/{} runs/{} --show gradients", language::RNN, language::LSTM);
    let train = language::commands(lab.settings, &[language::RNN, language::LSTM]);
    chapter.commands(train.into_iter().chain([inspect]));
    let mut before = Vec::new();
    let mut kept = Vec::new();
    for fresh in &FRESH {
        lab.progress(&format!("following gradients of {}", fresh.label), 0.0)?;
        let curve = of_fresh(lab, fresh)?;
        let far = curve.median.get(FAR).copied().unwrap_or(f64::NAN);
        let steps = curve.keeps(KEPT);
        chapter.figure(format!("untrained_{}_left_after_{FAR}", fresh.key), far);
        chapter.figure(format!("untrained_{}_factor_a_step", fresh.key), far.powf(1.0 / FAR as f64));
        chapter.figure(format!("untrained_{}_keeps_a_hundredth_for", fresh.key), steps as f64);
        kept.push((far, steps as f64));
        before.push(curve.series(fresh.label));
    }
    let [(small, small_kept), (_, orthogonal_kept), (large, _)] = [kept[0], kept[1], kept[2]];
    chapter.check(Check::at_most(
        format!("small weights: share of the gradient that is left {FAR} steps back (it vanishes)"),
        small,
        KEPT,
        0.0,
    ));
    chapter.check(Check::at_least("large weights: the same (it explodes)", large, 10.0, 0.0));
    chapter.check(Check::at_least(
        "steps for which orthogonal weights keep a hundredth, more than small ones do",
        orthogonal_kept - small_kept,
        1.0,
        0.0,
    ));
    let mut after = Vec::new();
    let mut reaches = Vec::new();
    for (name, label, key, state) in TRAINED {
        let run = lab.run(name)?;
        lab.progress(&format!("following gradients of {label}"), 0.0)?;
        let request = Request { source: Source::HeldOut, index: 0, views: Some([View::Gradients].into()) };
        let inspection = tasks::inspect(&run, &mut lab.compute(), &request)?;
        for (prefix, word) in [("", "trained"), ("untrained.", "before")] {
            let Some(curve) = Curve::of(&inspection, prefix, state) else { continue };
            let steps = curve.keeps(KEPT);
            chapter.figure(format!("{word}_{key}_on_text_keeps_a_hundredth_for"), steps as f64);
            let series = curve.series(&format!("{label}, {word}"));
            if prefix.is_empty() {
                reaches.push(steps as f64);
                after.push(series);
            } else {
                after.push(Series { band: Vec::new(), ..series }.style(Style::Dashed));
            }
        }
    }
    if let [tanh, lstm, ..] = reaches[..] {
        chapter.check(Check::at_least(
            "trained: steps for which the LSTM keeps a hundredth, more than the tanh RNN",
            lstm - tanh,
            1.0,
            0.0,
        ));
    }
    for (title, caption, mut series) in [
        ("Before training", "Networks that have learnt nothing, on random symbols.", before),
        (
            "After training",
            "The models that learnt, on held-out text; broken lines: the same before training.",
            after,
        ),
    ] {
        let end =
            series.iter().filter_map(|line| line.points.last()).map(|point| point[0]).fold(0.0, f64::max);
        series.push(Series::new("a hundredth", [(0.0, KEPT), (end, KEPT)]).style(Style::Dashed));
        chapter.pictures.push(Picture::new(
            title,
            caption,
            Drawing::Lines {
                x: Axis::linear("steps back"),
                y: Axis::log("gradient, as a share of the last"),
                series,
                equal: false,
            },
        ));
    }
    Ok(chapter)
}

/// What is left of a gradient, by the number of steps back: as a share of its median at the last step.
struct Curve {
    median: Vec<f64>,
    /// Where the middle half lies.
    band: Vec<[f64; 2]>,
}

impl Curve {
    /// From the arrays of an inspection.
    fn of(inspection: &Inspection, prefix: &str, state: &str) -> Option<Self> {
        let array = inspection.get(&format!("{prefix}gradients.{state}"))?;
        let at = |level: f32| QUANTILES.iter().position(|&known| known == level);
        let (low, middle, high) = (at(0.25)?, at(0.5)?, at(0.75)?);
        let rows: Vec<&[f32]> = array.values.chunks_exact(QUANTILES.len()).collect();
        let first = f64::from(rows.first()?[middle]);
        let share = |value: f32| f64::from(value) / first;
        Some(Self {
            median: rows.iter().map(|row| share(row[middle])).collect(),
            band: rows.iter().map(|row| [share(row[low]), share(row[high])]).collect(),
        })
    }

    /// The first number of steps behind which less than a share is left: as many as there are where that never happens.
    fn keeps(&self, share: f64) -> usize {
        self.median.iter().position(|&left| left < share).unwrap_or(self.median.len())
    }

    fn series(&self, name: &str) -> Series {
        // Zero has no logarithm: it ends the line.
        let shown = self.median.iter().zip(&self.band).enumerate();
        let shown =
            shown.take_while(|(_, (median, band))| **median > 1e-12 && **median < 1e12 && band[0] > 0.0);
        let (points, band) = shown.map(|(at, (&median, &band))| ([at as f64, median], band)).unzip();
        Series { name: name.to_owned(), points, band, style: Style::Solid }
    }
}

/// The gradients of a network that has learnt nothing.
fn of_fresh(lab: &Lab, fresh: &Fresh) -> Result<Curve> {
    let model = Model {
        backbone: fresh.backbone,
        nonlinearity: fresh.nonlinearity,
        hidden_size: UNITS,
        embedding_size: Some(UNITS),
        layers: if fresh.backbone == Backbone::Transformer { 2 } else { 1 },
        heads: Some(4),
        dropout: 0.0,
        context: Some(STEPS),
        ..Model::default()
    };
    let mut model = LanguageModel::new(&model, SYMBOLS, u64::from(lab.settings.seed));
    if let Some(id) = model.params().find("rnn.weight_hh_l0") {
        model.params_mut().value_mut(id).iter_mut().for_each(|weight| *weight *= fresh.times);
    }
    if let Some(id) =
        model.params().find("embedding.weight").filter(|_| fresh.backbone != Backbone::Transformer)
    {
        model.params_mut().value_mut(id).iter_mut().for_each(|value| *value *= QUIET);
    }
    // A few rounds of a linear generator (Knuth's) are random enough for symbols.
    let mut random = u64::from(lab.settings.seed);
    let mut symbol = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as u32 % SYMBOLS as u32
    };
    let sequences: Vec<Sequence> =
        (0..SEQUENCES).map(|_| Sequence::Tokens((0..STEPS).map(|_| symbol()).collect())).collect();
    let targets: Vec<u32> = (0..SEQUENCES).map(|_| symbol()).collect();
    let batch = Packed::new(&sequences);
    let last = (STEPS - 1) * SEQUENCES;
    let pull = &mut |logits: &[f32]| {
        let mut gradient = vec![0.0; logits.len()];
        for (sequence, &target) in targets.iter().enumerate() {
            let row = (last + sequence) * SYMBOLS..(last + sequence + 1) * SYMBOLS;
            gradient[row.clone()].copy_from_slice(&logits[row.clone()]);
            softmax(&mut gradient[row.clone()]);
            gradient[row.start + target as usize] -= 1.0;
        }
        gradient
    };
    let observed = model.observe(&mut lab.compute(), &batch, Some(pull))?;
    let mut inspection = Inspection::default();
    inspect::gradients(&mut inspection, "", &observed.trace, "", &batch.batch_sizes);
    let missing = Curve { median: Vec::new(), band: Vec::new() };
    Ok(Curve::of(&inspection, "", fresh.state).unwrap_or(missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_ends_where_too_little_is_left() {
        let curve = |median: &[f64]| Curve {
            median: median.to_vec(),
            band: median.iter().map(|&m| [m, m]).collect(),
        };
        assert_eq!(curve(&[1.0, 0.1, 0.009, 0.2]).keeps(0.01), 2);
        assert_eq!(curve(&[1.0, 2.0, 4.0]).keeps(0.01), 3);
        assert_eq!(curve(&[1.0, 0.5, 0.0]).series("x").points.len(), 2);
    }
}
