//! A perceptron sees one step; recurrence passes a state on.

use anaphora_data::builtin::{ASKS, RECALLED, recall};

use super::chapter::{Chapter, Check, Id, OwnFile};
use super::lab::{Fields, Lab, Training};
use super::picture::{Axis, Drawing, Picture, Series, Step, Style};
use super::{Data, Experiment, Settings, language};
use crate::decoding::Sequences;
use crate::inspect::{Request, Source, View, cross_entropy};
use crate::model::softmax;
use crate::tasks::language::Trained;
use crate::{Precision, Result, Run, tasks};

pub const EXPERIMENT: Experiment = Experiment {
    id: Id::Recurrence,
    data: Data {
        own_file: OwnFile::Shown,
        of_file: "the unrolled network",
        built_in: "the lines that decide, of which it is known how far back the letter stands that is asked for",
    },
    trainings,
    seconds: 3.0,
    hold,
};

/// Steps that the window sees.
const WINDOW: usize = 8;
/// The longest distance between a letter and the question for it.
const FAR: usize = 24;
/// Lines that are scored at each distance.
const ASKED: usize = 64;
/// Steps and units of the unrolled model that are shown, and guesses of each.
const SHOWN: (usize, usize, usize) = (8, 16, 3);

const RUNS: [(&str, &str, Fields); 3] = [
    (
        "recall-window",
        "window of 8",
        &[("model.backbone", "window"), ("model.window", "8"), ("model.hidden_size", "64")],
    ),
    ("recall-rnn", "tanh RNN", &[("model.backbone", "rnn"), ("model.hidden_size", "96")]),
    ("recall-lstm", "LSTM", &[("model.hidden_size", "40")]),
];

/// Lines to learn from: other ones than are asked for.
fn lines() -> String {
    let lines = recall(1, 12_000, FAR);
    lines.chunks(60).map(|block| block.join("\n") + "\n").collect::<Vec<_>>().join("\n")
}

fn trainings(settings: &Settings) -> Result<Vec<Training>> {
    let effort = settings.effort();
    let training = |(name, _, own): (&'static str, &str, &[(&'static str, &str)])| {
        let common = [
            ("task", "text".to_owned()),
            ("model.embedding_size", "16".to_owned()),
            ("model.dropout", "0".to_owned()),
            ("training.batch", "32".to_owned()),
            ("training.length", "100".to_owned()),
            ("training.learning_rate", "0.003".to_owned()),
        ];
        let own = own.iter().map(|(field, value)| (*field, (*value).to_owned()));
        Training::new(name, effort.steps(1_500), effort.seconds(14.0), common.into_iter().chain(own))
            .on("recall.txt", lines)
    };
    let mut all: Vec<Training> = RUNS.map(training).into();
    all.push(language::training(settings, language::RNN));
    Ok(all)
}

fn hold(lab: &mut Lab) -> Result<Chapter> {
    let mut chapter = Chapter::new(
        Id::Recurrence,
        "A state that is passed on",
        "A perceptron sees one step at a time. A recurrent network passes a state on, h(t) = f(x(t), h(t-1)), with the same weights at every step.",
    );
    chapter.experiment = format!(
        "Three models with about as many weights read lines such as “c....?c”: a letter, some dots, a question mark, and the \
         first letter again. One model sees the last {WINDOW} characters and nothing else; the other two have a state. On new lines the \
         loss of the letter behind the question mark is measured, by how far back the letter stands. Who does not know it guesses one of \
         eight, which costs ln 8 = 2.08 nats. Below that, a tanh RNN that learnt {} is unrolled over the beginning of a text.",
        language::what(lab.settings)
    );
    chapter.reading = "A loss near zero means that the letter is remembered; at the dashed line it is guessed. The window's loss leaps up \
        where the letter falls out of the window, however long it is trained. In the unrolled network every column is one step: what is \
        read, the state behind it, the likeliest guesses, and the loss of what really comes next. The matrices are the same in every \
        column; the loss that is learnt from is the sum over the columns."
        .into();
    chapter.limits = "That a state can hold a letter does not mean that training finds out how: over longer distances the plain RNN \
        fails too, see the chapters on gradients and remedies. The models have about as many weights, not exactly."
        .into();
    chapter.commands([
        "anaphora sample recall > recall.txt".to_owned(),
        trainings(lab.settings)?[0].command("recall.txt"),
        trainings(lab.settings)?[1].command("recall.txt"),
        format!("anaphora compare runs/{} runs/{}", RUNS[0].0, RUNS[1].0),
    ]);
    let asked: Vec<Vec<String>> = (1..=FAR).map(of_distance).collect();
    let mut series = Vec::new();
    let mut losses = Vec::new();
    for (name, label, _) in RUNS {
        let run = lab.run(name)?;
        lab.progress(&format!("asking {name}"), 0.0)?;
        let trained = Trained::predicting(&run, Precision::F32)?;
        let mut compute = lab.compute();
        let mut of_model = Vec::new();
        for lines in &asked {
            let ids = |line: &String| -> Result<Vec<u32>> {
                let before = line.trim_end_matches(|c| c != ASKS);
                // In the middle of a piece, as where it was learnt.
                Ok(trained.tokenizer.encode(&format!("\n{before}"))?)
            };
            let prompts = lines.iter().map(ids).collect::<Result<Vec<_>>>()?;
            let sequences = Sequences::read(&trained.model, &mut compute, &prompts)?;
            let mut sum = 0.0;
            for (logits, line) in sequences.logits().zip(lines) {
                let answer = line.chars().next().unwrap_or_default().to_string();
                sum += cross_entropy(logits, trained.tokenizer.encode(&answer)?[0]);
            }
            of_model.push(sum / lines.len() as f64);
        }
        chapter.figure(format!("{}_weights", name.replace('-', "_")), trained.model.params().len() as f64);
        series
            .push(Series::new(label, of_model.iter().enumerate().map(|(at, &loss)| ((at + 1) as f64, loss))));
        losses.push(of_model);
    }
    let chance = (RECALLED.len() as f64).ln();
    // The question mark is seen too.
    let (near, beyond) = (0..WINDOW - 1, WINDOW..2 * WINDOW);
    let mean = |model: usize, range: std::ops::Range<usize>| {
        let count = range.len() as f64;
        losses[model][range].iter().sum::<f64>() / count
    };
    for (model, (name, ..)) in RUNS.iter().enumerate() {
        let name = name.replace('-', "_");
        chapter.figure(format!("{name}_loss_within_the_window"), mean(model, near.clone()));
        chapter.figure(format!("{name}_loss_beyond_the_window"), mean(model, beyond.clone()));
        chapter.figure(format!("{name}_loss_at_distance_{FAR}"), losses[model][FAR - 1]);
    }
    let gain = mean(0, beyond.clone()) - mean(1, beyond.clone());
    chapter.check(Check::at_least(
        format!(
            "loss of the window behind its end (distance {} to {}), which stays near guessing",
            WINDOW + 1,
            2 * WINDOW
        ),
        mean(0, beyond.clone()),
        0.9 * chance,
        0.0,
    ));
    chapter.check(Check::at_least("what the RNN is better there, in nats", gain, 0.2, 0.0));
    series.push(Series::new("guessing", [(1.0, chance), (FAR as f64, chance)]).style(Style::Dashed));
    chapter.pictures.push(Picture::new(
        "Loss by the memory that is needed",
        "Nats for the letter behind the question mark, by how many characters back the letter stands.",
        Drawing::Lines {
            x: Axis::linear("characters between the letter and the question"),
            y: Axis::linear("nats"),
            series,
            equal: false,
        },
    ));
    let (picture, sum) = unrolled(lab)?;
    chapter.figure("unrolled_sum_of_losses", sum);
    chapter.pictures.push(picture);
    Ok(chapter)
}

/// Lines whose letter stands so far in front of the question mark.
fn of_distance(distance: usize) -> Vec<String> {
    let at = |line: &String| line.chars().position(|c| c == ASKS) == Some(distance);
    let mut found: Vec<String> = Vec::new();
    // Each distance is as likely: enough are there.
    for seed in 2.. {
        found.extend(recall(seed, 4 * ASKED * FAR, FAR).into_iter().filter(at));
        if found.len() >= ASKED {
            break;
        }
    }
    found.truncate(ASKED);
    found
}

/// The plain recurrent network over the beginning of a held-out text, and the sum of its losses.
fn unrolled(lab: &mut Lab) -> Result<(Picture, f64)> {
    let run = lab.run(language::RNN)?;
    let mut compute = lab.compute();
    let request =
        Request { source: Source::HeldOut, index: 0, views: Some([View::Next, View::Gates].into()) };
    let inspection = tasks::inspect(&run, &mut compute, &request)?;
    let names = |axis: &str| inspection.labels.get(axis).cloned().unwrap_or_default();
    let (symbols, read) = (names("symbols"), names("steps"));
    let values = |name: &str| inspection.get(name).map(|array| array.values.clone()).unwrap_or_default();
    let (logits, states, targets) = (values("logits"), values("gates.l0.h"), values("targets"));
    let (width, units) = (symbols.len(), states.len() / read.len().max(1));
    // Of a tune its notes, else its beginning. A name shows a line's end as it is written in code.
    let is_end = |name: &String| name == "\n" || name == "\\n";
    let key = read.windows(3).position(|names| is_end(&names[0]) && names[1] == "K" && names[2] == ":");
    let first = key.and_then(|at| read[at + 1..].iter().position(is_end).map(|end| at + 2 + end));
    let first = first.unwrap_or(0).min(read.len().saturating_sub(SHOWN.0 + 1));
    let mut steps = Vec::new();
    for step in first..(first + SHOWN.0).min(read.len()) {
        let row = &logits[step * width..][..width];
        let target = targets[step];
        if target < 0.0 {
            break;
        }
        let mut likely = row.to_vec();
        softmax(&mut likely);
        let mut order: Vec<usize> = (0..width).collect();
        order.sort_by(|&a, &b| likely[b].total_cmp(&likely[a]));
        steps.push(Step {
            input: read[step].clone(),
            target: symbols[target as usize].clone(),
            guesses: order
                .iter()
                .take(SHOWN.2)
                .map(|&at| (symbols[at].clone(), f64::from(likely[at])))
                .collect(),
            state: states[step * units..][..SHOWN.1.min(units)].to_vec(),
            loss: cross_entropy(row, target as u32),
        });
    }
    let sum = steps.iter().map(|step| step.loss).sum();
    let trained = Trained::predicting(Run::open(&run)?.path(), Precision::F32)?;
    let params = trained.model.params();
    let shape = |(label, name): (&str, &str)| {
        let shape = params.find(name).map(|id| params.shape(id).to_vec())?;
        Some((label.to_owned(), [shape[0], *shape.get(1)?]))
    };
    let matrices = [("W_xh", "rnn.weight_ih_l0"), ("W_hh", "rnn.weight_hh_l0"), ("W_hy", "head.weight")];
    let drawing = Drawing::Unrolled { steps, matrices: matrices.into_iter().filter_map(shape).collect() };
    let caption = "The same three matrices at each step; the sum of the losses below is what is learnt from. Of the state 16 units are shown.";
    Ok((Picture::new("The network, unrolled", caption, drawing), sum))
}
