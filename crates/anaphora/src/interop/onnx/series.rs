//! Forecasts: the window in the series' own units, counted and cut as the model reads it, and back.

use super::graph::{Graph, Name};
use super::input::scaled;
use super::protobuf::Attribute::Int;
use super::protobuf::{Kind, Size};
use super::sequence::Plan;
use crate::model::forecast::Interface;
use crate::model::normal_quantile;
use crate::recipe::{Channels, Head, Normalize, Transform};

/// What a window's numbers are counted from and in, `[rows, 1, width]`; none where from zero, or in ones.
struct Counted {
    centre: Option<Name>,
    spread: Option<Name>,
}

/// Adds `past [batch, lookback, columns]`, `waves` where dates are read, and `forecast [batch, chunk, columns, levels]`.
pub fn build(graph: &mut Graph, plan: &Plan, interface: &Interface) {
    let Interface { lookback, chunk, ref features, ref levels, .. } = *interface;
    let (columns, waved) = (interface.names.len(), 2 * features.len());
    let shape = ["batch".into(), lookback.into(), columns.into()];
    let past = graph.input("past", Kind::F32, &shape, "the latest steps of the series, in its own units");
    let waves = (waved > 0).then(|| {
        let about = "sine and cosine of each feature of the date at each of these steps";
        graph.input("waves", Kind::F32, &["batch".into(), lookback.into(), waved.into()], about)
    });
    graph.part("series");
    let x = match interface.transform {
        Transform::None => past,
        Transform::Log => graph.unary("Log", &past),
        Transform::Sqrt => graph.unary("Sqrt", &past),
    };
    let x = scaled(graph, &x, &interface.scaler);
    // One row for each forecast: each column by itself, or all together.
    let x = match interface.channels {
        Channels::Joint => x,
        Channels::Independent => {
            let x = graph.transpose(&x, &[0, 2, 1]);
            graph.reshape(&x, &[-1, lookback as i64, 1])
        }
    };
    let (x, counted) = count(graph, &x, interface.normalize);
    let frames = frames(graph, interface, &x, waves);
    let output = plan.of_frames(graph, frames);
    graph.part("forecast");
    let mut y = read_levels(graph, interface, &output);
    if interface.residual {
        let line = by_line(graph, interface, &x);
        y = graph.add(&y, &line);
    }
    for (operator, by) in [("Mul", counted.spread), ("Add", counted.centre)] {
        if let Some(by) = by {
            let by = graph.unsqueeze(&by, &[3]);
            y = graph.op(operator, &[&y, &by], &[]);
        }
    }
    if interface.channels == Channels::Independent {
        let [columns, chunk, levels] = [columns, chunk, levels.len()].map(|size| size as i64);
        y = graph.reshape(&y, &[-1, columns, chunk, levels]);
        y = graph.transpose(&y, &[0, 2, 1, 3]);
    }
    let (mean, deviation) = (interface.scaler.mean.clone(), interface.scaler.deviation.clone());
    let [mean, deviation] = [mean, deviation].map(|values| graph.floats(&[columns, 1], values));
    let y = graph.mul(&y, &deviation);
    let y = graph.add(&y, &mean);
    let y = match interface.transform {
        Transform::None => y,
        Transform::Log => {
            let most = graph.float(80.0);
            let y = graph.op("Min", &[&y, &most], &[]);
            graph.unary("Exp", &y)
        }
        Transform::Sqrt => {
            let y = graph.unary("Relu", &y);
            graph.mul(&y, &y)
        }
    };
    let shape: [Size; 4] = ["batch".into(), chunk.into(), columns.into(), levels.len().into()];
    graph.output(
        "forecast",
        &y,
        Kind::F32,
        &shape,
        "the steps that follow at each level, in the series' own units",
    );
}

/// The window `x [rows, lookback, width]` counted as the model counts it.
fn count(graph: &mut Graph, x: &Name, normalize: Normalize) -> (Name, Counted) {
    match normalize {
        Normalize::None => (x.clone(), Counted { centre: None, spread: None }),
        Normalize::Last => {
            let centre = graph.slice(x, 1, -1, i64::MAX);
            (graph.sub(x, &centre), Counted { centre: Some(centre), spread: None })
        }
        Normalize::Window => {
            let centre = graph.reduce("ReduceMean", x, 1, true);
            let x = graph.sub(x, &centre);
            let squares = graph.mul(&x, &x);
            let variance = graph.reduce("ReduceMean", &squares, 1, true);
            let (root, least) = (graph.unary("Sqrt", &variance), graph.float(0.01));
            let spread = graph.add(&root, &least);
            (graph.div(&x, &spread), Counted { centre: Some(centre), spread: Some(spread) })
        }
    }
}

/// The window cut into frames, behind each the waves of its last step: `[rows, frames, size]`.
fn frames(graph: &mut Graph, interface: &Interface, x: &Name, waves: Option<Name>) -> Name {
    let [patch, stride] = interface.patch;
    let (count, width) = (interface.frames(), interface.width());
    let first = interface.lookback - patch - (count - 1) * stride;
    let begins = || (0..count).map(|frame| (first + frame * stride) as i64);
    let places: Vec<i64> = begins().flat_map(|begin| begin..begin + patch as i64).collect();
    let places = graph.ints(&places);
    let x = graph.gather(x, &places, 1);
    let x = graph.reshape(&x, &[-1, count as i64, (patch * width) as i64]);
    let Some(waves) = waves else { return x };
    let ends: Vec<i64> = begins().map(|begin| begin + patch as i64 - 1).collect();
    let ends = graph.ints(&ends);
    let mut waves = graph.gather(&waves, &ends, 1);
    if interface.channels == Channels::Independent {
        let waved = 2 * interface.features.len();
        let shape = graph.ints(&[1, interface.names.len() as i64, 1, 1]);
        let each = graph.unsqueeze(&waves, &[1]);
        let each = graph.op("Expand", &[&each, &shape], &[]);
        waves = graph.reshape(&each, &[-1, count as i64, waved as i64]);
    }
    graph.concat(&[&x, &waves], 2)
}

/// What the network gives at each level: `[rows, chunk, width, levels]`.
fn read_levels(graph: &mut Graph, interface: &Interface, output: &Name) -> Name {
    let Interface { chunk, ref levels, .. } = *interface;
    let width = interface.width();
    let shape = |last: usize| [-1, chunk as i64, width as i64, last as i64];
    match interface.head {
        Head::Point => graph.reshape(output, &shape(1)),
        Head::Gaussian => {
            let half = (chunk * width) as i64;
            let sizes = graph.ints(&[half, half]);
            let [mean, log] = graph.ops("Split", &[output, &sizes], &[("axis", Int(-1))]);
            let [mean, log] = [mean, log].map(|x| graph.reshape(&x, &shape(1)));
            let (low, high, half) = (graph.float(-14.0), graph.float(14.0), graph.float(0.5));
            let log = graph.op("Clip", &[&log, &low, &high], &[]);
            let log = graph.mul(&log, &half);
            let deviation = graph.unary("Exp", &log);
            let quantiles = levels.iter().map(|&level| normal_quantile(level.into()) as f32).collect();
            let quantiles = graph.floats(&[levels.len()], quantiles);
            let away = graph.mul(&deviation, &quantiles);
            graph.add(&mean, &away)
        }
        Head::Quantile => {
            let y = graph.reshape(output, &shape(levels.len()));
            let count = graph.ints(&[levels.len() as i64]);
            let [sorted, _] = graph.ops("TopK", &[&y, &count], &[("axis", Int(-1)), ("largest", Int(0))]);
            sorted
        }
    }
}

/// What the linear map makes of windows `x [rows, lookback, width]`: `[rows, chunk, width, 1]`.
fn by_line(graph: &mut Graph, interface: &Interface, x: &Name) -> Name {
    let Interface { lookback, chunk, ref linear, .. } = *interface;
    let (mut weights, mut biases) = (Vec::new(), Vec::new());
    for line in linear {
        let (weight, bias) = line.weight.split_at(lookback * chunk);
        weights.extend_from_slice(weight);
        biases.extend_from_slice(bias);
    }
    let weight = graph.tensor("linear.weight", &[linear.len(), lookback, chunk], weights);
    let bias = graph.tensor("linear.bias", &[linear.len(), 1, chunk], biases);
    let x = graph.transpose(x, &[0, 2, 1]);
    let x = graph.unsqueeze(&x, &[2]);
    let y = graph.matmul(&x, &weight);
    let y = graph.add(&y, &bias);
    graph.transpose(&y, &[0, 3, 1, 2])
}
