//! Limits of recurrence: one vector for all that was read, one step after the other, a memory that is not long.

use std::time::Instant;

use anaphora_data::builtin::reverse;
use anaphora_data::{Packed, Sequence};
use anaphora_nn::Gradients;

use super::chapter::{Chapter, Check, Id};
use super::lab::{Lab, Training};
use super::picture::{Axis, Drawing, Picture, Series, Style};
use super::{Experiment, Settings};
use crate::model::{Backward, Compute, Objective, Reads, SequenceModel, Shape, Targets};
use crate::recipe::{Backbone, Model};
use crate::tasks::{self, PredictOptions, Split};
use crate::{Device, Precision, Result, Run, training};

pub const EXPERIMENT: Experiment = Experiment { id: Id::Limits, trainings, seconds: 25.0, hold };

/// Numbers of the longest list that is turned round.
const LONGEST: usize = 20;
/// Lists that are learnt from.
const LISTS: usize = 12_000;
/// Copying after so many steps.
const DELAYS: [(&str, usize); 3] = [("copy-10", 10), ("copy-40", 40), ("copy-160", 160)];
/// Lengths of which a training step is timed, sequences of a batch, and repetitions of which the fastest counts.
const TIMED: [usize; 4] = [32, 64, 128, 256];
const ROWS: usize = 8;
const REPEATED: usize = 7;

const MODELS: [(&str, &str, &str); 2] =
    [("reverse-fixed", "one fixed vector", "none"), ("reverse-attention", "attention", "luong")];

fn lists() -> String {
    reverse(1, LISTS, LONGEST).into_iter().map(|(source, target)| format!("{source}\t{target}\n")).collect()
}

fn trainings(settings: &Settings) -> Result<Vec<Training>> {
    let effort = settings.effort();
    let translation = |(name, _, attention): (&'static str, &str, &str)| {
        let fields = [
            ("task", "translate".to_owned()),
            ("data.tokenizer", "word".to_owned()),
            ("model.attention", attention.to_owned()),
            ("model.hidden_size", "64".to_owned()),
            ("model.embedding_size", "32".to_owned()),
            ("model.dropout", "0".to_owned()),
            ("training.batch", "24".to_owned()),
            ("training.learning_rate", "0.004".to_owned()),
            ("training.label_smoothing", "0".to_owned()),
        ];
        Training::new(name, effort.steps(2_000), effort.seconds(45.0), fields).on("lists.tsv", lists)
    };
    let copying = |(name, delay): (&'static str, usize)| {
        let fields = [
            ("data.builtin", "copy".to_owned()),
            ("training.length", delay.to_string()),
            ("training.curriculum", "0".to_owned()),
        ];
        Training::new(name, effort.steps(400), effort.seconds(5.0 + delay as f64 / 15.0), fields)
    };
    Ok(MODELS.map(translation).into_iter().chain(DELAYS.map(copying)).collect())
}

fn hold(lab: &mut Lab) -> Result<Chapter> {
    let mut chapter = Chapter::new(
        Id::Limits,
        "Limits of recurrence",
        "All that was read must pass through one vector (a bottleneck); steps cannot be computed side by side; and the memory is not long.",
    );
    chapter.experiment = format!(
        "Bottleneck: two models learn to turn round lists of 1 to {LONGEST} numbers. Both read the list with an LSTM and write with another; \
         one hands over its last state alone, the other may look back at every step it read (attention). Time: a training step of an LSTM \
         and of a Transformer is timed at four lengths, with one thread and with two. Memory: an LSTM is to say ten symbols again after 10, \
         40 and 160 steps of silence, with the same number of training steps each time."
    );
    chapter.reading = "In the first picture the line of the fixed vector falls with the length: more numbers than the vector can hold. In \
        the second, the closer a line lies to half the time, the better two threads share the work. In the third, a longer silence costs \
        more of what was to be remembered."
        .into();
    chapter.limits = "Two threads are few: a processor with many cores or a graphics card shows the second limit more strongly, and here \
        the work of one step of an LSTM over several sequences is shared well too. Times are of this machine and of whatever else it did; \
        the verdict does not hang on them. A larger vector or a longer training moves where things fail."
        .into();
    chapter.command = [
        "anaphora sample pairs > pairs.tsv".to_owned(),
        trainings(lab.settings)?[0].command("pairs.tsv"),
        trainings(lab.settings)?[1].command("pairs.tsv"),
        format!("anaphora evaluate runs/{}", MODELS[0].0),
        trainings(lab.settings)?[4].command("--builtin copy"),
    ]
    .join("\n");
    let (mut lines, mut shortest, mut longest) = (Vec::new(), Vec::new(), Vec::new());
    for (name, label, _) in MODELS {
        let run = lab.run(name)?;
        lab.progress(&format!("translating with {name}"), 0.0)?;
        let opened = tasks::open(&run, Precision::F32)?;
        let evaluation = opened.evaluate(&run)?.evaluate(
            &mut lab.compute(),
            &Split::Validation,
            &PredictOptions::default(),
        )?;
        let rows =
            evaluation.details.get("by_length").and_then(|rows| rows.as_array()).cloned().unwrap_or_default();
        let point = |row: &serde_json::Value| {
            let (least, most) = (row["words"][0].as_f64()?, row["words"][1].as_f64()?);
            Some(((least + most) / 2.0, row["bleu"].as_f64()?))
        };
        let points: Vec<(f64, f64)> = rows.iter().filter_map(point).collect();
        let key = name.replace('-', "_");
        chapter
            .figure(format!("{key}_bleu_of_the_shortest"), points.first().map_or(f64::NAN, |point| point.1));
        chapter.figure(format!("{key}_bleu_of_the_longest"), points.last().map_or(f64::NAN, |point| point.1));
        chapter.figure(format!("{key}_bleu_a_number_more"), slope(&points));
        shortest.push(points.first().map_or(f64::NAN, |point| point.1));
        longest.push(points.last().map_or(f64::NAN, |point| point.1));
        lines.push(Series::new(label, points));
    }
    chapter.check(Check::at_least(
        "what the fixed vector loses from the shortest lists to the longest, in BLEU",
        shortest[0] - longest[0],
        20.0,
        0.0,
    ));
    chapter.check(Check::at_least(
        "what attention is better at the longest lists, in BLEU",
        longest[1] - longest[0],
        10.0,
        0.0,
    ));
    chapter.pictures.push(Picture::new(
        "The bottleneck",
        "BLEU of lists turned round (100 is without a mistake), by their length.",
        Drawing::Lines {
            x: Axis::linear("numbers in the list"),
            y: Axis::linear("BLEU"),
            series: lines,
            equal: false,
        },
    ));
    let mut recalled = Vec::new();
    for (name, delay) in DELAYS {
        let run = lab.run(name)?;
        let best = Run::open(&run)?.info().best.clone();
        let share = best.and_then(|best| best.scores.get("symbols_recalled").copied()).unwrap_or(f64::NAN);
        chapter.figure(format!("symbols_recalled_after_{delay}"), share);
        recalled.push((delay as f64, share));
    }
    chapter.check(Check::at_least(
        "share of symbols that is lost between the shortest silence and the longest",
        recalled[0].1 - recalled[DELAYS.len() - 1].1,
        0.05,
        0.0,
    ));
    timed(lab, &mut chapter)?;
    let guessing = [(10.0, 0.125), (160.0, 0.125)];
    chapter.pictures.push(Picture::new(
        "Memory",
        "Share of ten symbols that an LSTM says again, by how long it had to keep them.",
        Drawing::Lines {
            x: Axis::log("steps of silence"),
            y: Axis::linear("share recalled"),
            series: vec![
                Series::new("LSTM", recalled),
                Series::new("guessing", guessing).style(Style::Dashed),
            ],
            equal: false,
        },
    ));
    Ok(chapter)
}

/// How much more a score is for a step further, by least squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let both: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    both / points.iter().map(|point| (point.0 - x).powi(2)).sum::<f64>()
}

/// Times training steps, with one thread and with two.
fn timed(lab: &mut Lab, chapter: &mut Chapter) -> Result<()> {
    let (most, _) = training::threads(2);
    let mut series = Vec::new();
    for (backbone, label) in [(Backbone::Lstm, "LSTM"), (Backbone::Transformer, "Transformer")] {
        let mut by_threads = Vec::new();
        for threads in [1, most] {
            let mut points = Vec::new();
            for length in TIMED {
                lab.progress(&format!("timing {label}"), 0.0)?;
                points.push((length as f64, 1e3 * step_seconds(backbone, length, threads)?));
            }
            let s = if threads == 1 { "" } else { "s" };
            let line = Series::new(format!("{label}, {threads} thread{s}"), points.clone());
            series.push(if threads == 1 { line.style(Style::Dashed) } else { line });
            by_threads.push(points);
        }
        let key = label.to_lowercase();
        let last = TIMED.len() - 1;
        chapter.time(format!("{key}_milliseconds_a_step_at_256"), by_threads[0][last].1);
        chapter.time(
            format!("{key}_speed_up_of_two_threads_at_256"),
            by_threads[0][last].1 / by_threads[1][last].1,
        );
    }
    chapter.pictures.push(Picture::new(
        "Time of a training step",
        format!("Milliseconds for {ROWS} sequences, by their length; the fastest of {REPEATED}. Times are of this machine."),
        Drawing::Lines { x: Axis::log("steps of the sequence"), y: Axis::log("milliseconds"), series, equal: false },
    ));
    Ok(())
}

/// Seconds that a training step of a model takes at best.
fn step_seconds(backbone: Backbone, length: usize, threads: usize) -> Result<f64> {
    const SYMBOLS: usize = 64;
    let model = Model {
        backbone,
        hidden_size: 128,
        layers: 2,
        heads: Some(4),
        dropout: 0.0,
        context: Some(length),
        ..Model::default()
    };
    let shape = Shape { reads: Reads::Tokens(SYMBOLS), outputs: SYMBOLS, each_step: true, causal: true };
    let model =
        SequenceModel::new(&model, shape, Objective::Classes { label_smoothing: 0.0, weights: None }, 1);
    let row = |row: usize| {
        Sequence::Tokens((0..length).map(|step| ((step * 11 + row * 5) % SYMBOLS) as u32).collect())
    };
    let batch = Packed::new(&(0..ROWS).map(row).collect::<Vec<_>>());
    let targets = Targets::Classes(batch.ids.clone());
    let mut compute = Compute::new(Device::new(threads, Precision::F32));
    let mut gradients = Gradients::of(model.params());
    let mut best = f64::INFINITY;
    // The first lays out memory.
    for number in 0..=REPEATED {
        gradients.zero();
        let started = Instant::now();
        let backward =
            &mut Backward { compute: &mut compute, gradients: &mut gradients, seed: 1, weight: 1.0 };
        model.learn(backward, &batch, &targets)?;
        if number > 0 {
            best = best.min(started.elapsed().as_secs_f64());
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::slope;

    #[test]
    fn a_slope_is_that_of_the_nearest_line() {
        assert!((slope(&[(1.0, 5.0), (2.0, 3.0), (3.0, 1.0)]) + 2.0).abs() < 1e-12);
        assert!(slope(&[(1.0, 5.0)]).is_nan());
    }
}
