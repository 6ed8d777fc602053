//! What a model reads, from what a caller has: tokens, numbers in their own units, sounds, pictures.

use anaphora_data::Scaler;
use anaphora_data::audio::{LogMel, MelOptions};
use anaphora_data::examples::Steps;
use anaphora_data::frames::{PictureFrames, PictureSteps, SoundFrames, SoundSteps};

use super::graph::{Graph, Name};
use super::protobuf::Attribute::{Int, Ints};
use super::protobuf::{Kind, Size};
use super::{recurrent, transformer};
use crate::model::{Reads, speller};
use crate::recipe::Model;
use crate::tasks::Prepares;
use crate::{Error, Result};

/// What a backbone is fed with.
pub struct Read {
    /// `[batch, time, size]`.
    pub x: Name,
    /// Steps of each sequence, `[batch]`; empty where all have all of them.
    pub lengths: Name,
}

/// The input whose steps are counted by `sequence_lens`.
fn lengths(graph: &mut Graph) -> Name {
    graph.input(
        "sequence_lens",
        Kind::I32,
        &["batch".into()],
        "steps of each sequence; what is behind them is not read",
    )
}

/// Adds the inputs of a model whose weights begin with `prefix`; if sequences of a batch may differ in length, `counts` say how
/// long each is.
pub fn read(
    graph: &mut Graph,
    prefix: &str,
    model: &Model,
    reads: Reads,
    prepares: &Prepares,
    counts: bool,
) -> Result<Read> {
    let steps: [Size; 2] = ["batch".into(), "time".into()];
    let all = Name::new();
    Ok(match (reads, prepares) {
        (Reads::Tokens(count), _) => {
            let ids = graph.input("input_ids", Kind::I64, &steps, "symbols by their numbers");
            let lengths = if counts { lengths(graph) } else { all };
            Read { x: embedding(graph, prefix, count, &ids), lengths }
        }
        (Reads::Words { words, .. }, _) => {
            let ids = graph.input("input_ids", Kind::I64, &steps, "words by their numbers");
            let lengths = if counts { lengths(graph) } else { all };
            let x = embedding(graph, prefix, words, &ids);
            let spelt = spelling(graph, prefix, model);
            graph.part("input");
            Read { x: graph.concat(&[&x, &spelt], 2), lengths }
        }
        (_, Prepares::Steps(Steps::Picture(steps), scaler)) => {
            let x = picture(graph, *steps, scaler);
            let x = if let Reads::Pictures { channels, .. } = reads {
                stem(graph, &format!("{prefix}stem"), channels, &x)
            } else {
                x
            };
            Read { x, lengths: all }
        }
        (_, Prepares::Steps(Steps::Sound(SoundSteps { rate, frames: SoundFrames::Mel(bands) }), scaler)) => {
            let options = MelOptions { bands: *bands, ..MelOptions::default() };
            let mel = LogMel::new(*rate, &options).map_err(|error| Error::NotOnnx(error.to_string()))?;
            mel_frames(graph, &mel, *rate, scaler, counts)
        }
        (Reads::Frames(width), _) => {
            let about = match prepares {
                Prepares::Steps(..) => "frames of numbers in their own unit",
                _ => "frames of numbers",
            };
            let shape = ["batch".into(), "time".into(), width.into()];
            let frames = graph.input("frames", Kind::F32, &shape, about);
            let lengths = if counts { lengths(graph) } else { all };
            let x = match prepares {
                Prepares::Steps(_, scaler) => scaled(graph, &frames, scaler),
                _ => frames,
            };
            Read { x, lengths }
        }
        (Reads::Pictures { .. }, _) => unreachable!("a model of pictures knows how they are scaled"),
    })
}

/// A row of the embedding for each symbol, or a one at its place.
pub fn embedding(graph: &mut Graph, prefix: &str, count: usize, ids: &Name) -> Name {
    let name = format!("{prefix}embedding");
    graph.part(&name);
    let weight = format!("{name}.weight");
    if graph.has(&weight) {
        let table = graph.weight(&weight);
        return graph.gather(&table, ids, 0);
    }
    let (count, values) = (graph.int(count as i64), graph.floats(&[2], vec![0.0, 1.0]));
    graph.op("OneHot", &[ids, &count, &values], &[("axis", Int(-1))])
}

/// What is read of the characters of each word: `[batch, time, 2 * size]`.
fn spelling(graph: &mut Graph, prefix: &str, model: &Model) -> Name {
    let letters: [Size; 3] = ["batch".into(), "time".into(), "letters".into()];
    let about = "the characters of each word by their numbers";
    let characters = graph.input("characters", Kind::I64, &letters, about);
    let about = "characters of each word; where there is none, 1 or less";
    let counts = graph.input("character_lens", Kind::I32, &letters[..2], about);
    let prefix = format!("{prefix}characters.");
    let model = speller(model);
    graph.part(&prefix);
    let last = graph.ints(&[-1]);
    let shape = graph.op("Shape", &[&characters], &[]);
    let [words, letters] = [graph.slice(&shape, 0, 0, 2), graph.slice(&shape, 0, 2, 3)];
    let flat = graph.concat(&[&last, &letters], 0);
    let ids = graph.op("Reshape", &[&characters, &flat], &[]);
    let counts = graph.op("Reshape", &[&counts, &last], &[]);
    let one = graph.ints(&[1]);
    let one = graph.cast(&one, Kind::I32);
    let counts = graph.op("Max", &[&counts, &one], &[]);
    let x = embedding(graph, &prefix, 0, &ids);
    let spelt = recurrent::layers(graph, &model, &format!("{prefix}rnn."), true, &x, &counts, &[]);
    graph.part(&prefix);
    let spelt = spelt.last(graph);
    let shape = graph.concat(&[&words, &last], 0);
    graph.op("Reshape", &[&spelt, &shape], &[])
}

/// Numbers less their mean, in deviations.
pub fn scaled(graph: &mut Graph, x: &Name, scaler: &Scaler) -> Name {
    let Scaler { mean, deviation } = scaler;
    graph.part("scale");
    let mean = graph.floats(&[mean.len()], mean.clone());
    let deviation = graph.floats(&[deviation.len()], deviation.clone());
    let x = graph.sub(x, &mean);
    graph.div(&x, &deviation)
}

/// Pictures as frames: `[batch, time, size]`, or `[batch, height, width, channels]` where convolutions make the steps.
fn picture(graph: &mut Graph, steps: PictureSteps, scaler: &Scaler) -> Name {
    let PictureSteps { width, height, frames, .. } = steps;
    let channels = steps.channels();
    let shape = ["batch".into(), height.into(), width.into(), channels.into()];
    let about = "pixels from 0 to 1, row by row; gray, or red, green and blue";
    let pixels = graph.input("picture", Kind::F32, &shape, about);
    graph.part("frames");
    let [h, w, c] = [height, width, channels].map(|size| size as i64);
    let x = match frames {
        PictureFrames::Rows => graph.reshape(&pixels, &[0, h, w * c]),
        PictureFrames::Pixels => graph.reshape(&pixels, &[0, h * w, c]),
        PictureFrames::Whole => pixels,
        PictureFrames::Patches(side) => {
            let side = side as i64;
            let cut = graph.reshape(&pixels, &[0, h / side, side, w / side, side * c]);
            let patches = graph.transpose(&cut, &[0, 1, 3, 2, 4]);
            graph.reshape(&patches, &[0, h / side * (w / side), side * side * c])
        }
    };
    let size = steps.frame_width();
    let times = size / scaler.mean.len();
    let scaler = Scaler { mean: scaler.mean.repeat(times), deviation: scaler.deviation.repeat(times) };
    scaled(graph, &x, &scaler)
}

/// The convolutions `name` of a stem over `[batch, height, width, channels]`: `[batch, places, filters]`.
fn stem(graph: &mut Graph, name: &str, mut channels: usize, x: &Name) -> Name {
    graph.part(name);
    let mut x = graph.transpose(x, &[0, 3, 1, 2]);
    for number in 0.. {
        let weight = format!("{name}.{number}.weight");
        if !graph.has(&weight) {
            break;
        }
        let (shape, values) = graph.weight_of(&weight);
        let (filters, places) = (shape[0], shape[1] / channels);
        let side = places.isqrt();
        // [filters, places, channels] there.
        let own = |filter: usize, channel: usize, place: usize| {
            values[(filter * places + place) * channels + channel]
        };
        let values: Vec<f32> = (0..filters)
            .flat_map(|filter| (0..channels).map(move |channel| (filter, channel)))
            .flat_map(|(filter, channel)| (0..places).map(move |place| own(filter, channel, place)))
            .collect();
        let kernel = graph.tensor(&weight, &[filters, channels, side, side], values);
        let bias = graph.weight(&format!("{name}.{number}.bias"));
        let attributes = [("strides", Ints(&[2, 2])), ("pads", Ints(&[1; 4]))];
        let y = graph.op("Conv", &[&x, &kernel, &bias], &attributes);
        x = graph.unary("Relu", &y);
        channels = filters;
    }
    let places = graph.reshape(&x, &[0, channels as i64, -1]);
    graph.transpose(&places, &[0, 2, 1])
}

/// Log-mel frames of sounds: a convolution whose kernels are the waves of a Fourier transform, times its window.
fn mel_frames(graph: &mut Graph, mel: &LogMel, rate: u32, scaler: &Scaler, counts: bool) -> Read {
    let shape = ["batch".into(), "samples".into()];
    let about = format!("a sound at {rate} samples a second, from -1 to 1");
    let samples = graph.input("samples", Kind::F32, &shape, &about);
    let about = "samples of each sound; what is behind them is not read";
    let counts = counts.then(|| graph.input("sample_lens", Kind::I64, &shape[..1], about));
    graph.part("frames");
    let (window, hop) = (mel.window(), mel.hop() as i64);
    let (size, lines) = (window.len(), window.len() / 2 + 1);
    let wave = |line: usize, at: usize, sine: bool| {
        let angle = std::f64::consts::TAU * ((line * at) % size) as f64 / size as f64;
        let value = if sine { -angle.sin() } else { angle.cos() };
        (value * f64::from(window[at])) as f32
    };
    let waves: Vec<f32> = [false, true]
        .into_iter()
        .flat_map(|sine| (0..lines).map(move |line| (line, sine)))
        .flat_map(|(line, sine)| (0..size).map(move |at| wave(line, at, sine)))
        .collect();
    let waves = graph.floats(&[2 * lines, 1, size], waves);
    // Behind a sound there is silence.
    let heard = match &counts {
        Some(counts) => {
            let all = graph.length(&samples, 1);
            let places = graph.range(&all);
            let inside = transformer::below(graph, &places, counts, &[]);
            let zero = graph.float(0.0);
            graph.choose(&inside, &samples, &zero)
        }
        None => samples,
    };
    let x = graph.unsqueeze(&heard, &[1]);
    let half = (size / 2) as i64;
    let attributes = [("strides", Ints(&[hop])), ("pads", Ints(&[half, half])), ("dilations", Ints(&[1]))];
    let spectrum = graph.op("Conv", &[&x, &waves], &attributes);
    let squares = graph.mul(&spectrum, &spectrum);
    let sizes = graph.ints(&[lines as i64; 2]);
    let [real, imaginary] = graph.ops("Split", &[&squares, &sizes], &[("axis", Int(1))]);
    let power = graph.add(&real, &imaginary);
    let power = graph.transpose(&power, &[0, 2, 1]);
    let bands = mel.bands();
    let mut weights = vec![0.0; lines * bands.len()];
    for (band, (first, own)) in bands.iter().enumerate() {
        own.iter()
            .enumerate()
            .for_each(|(line, weight)| weights[(first + line) * bands.len() + band] = *weight);
    }
    let weights = graph.floats(&[lines, bands.len()], weights);
    let power = graph.matmul(&power, &weights);
    let least = graph.float(1e-10);
    let power = graph.op("Max", &[&power, &least], &[]);
    let x = graph.unary("Log", &power);
    let x = scaled(graph, &x, scaler);
    let Some(counts) = counts else { return Read { x, lengths: Name::new() } };
    graph.part("frames");
    let (hop, one) = (graph.int(hop), graph.int(1));
    let lengths = graph.div(&counts, &hop);
    let lengths = graph.add(&lengths, &one);
    Read { x, lengths: graph.cast(&lengths, Kind::I32) }
}
