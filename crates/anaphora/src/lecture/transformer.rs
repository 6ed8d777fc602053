//! Attention in the place of recurrence: LSTM and Transformer on the same data.

use std::ops::ControlFlow;

use super::chapter::{Chapter, Check, Id};
use super::lab::{Lab, Training};
use super::picture::{Axis, Drawing, Picture, Series, Tune};
use super::{Data, Experiment, Settings, language};
use crate::decoding::GenerateOptions;
use crate::decoding::sampling::SamplingOptions;
use crate::tasks::language::Generator;
use crate::{Precision, Result, Run};

pub const EXPERIMENT: Experiment =
    Experiment { id: Id::Transformer, data: Data::file(), trainings, seconds: 6.0, hold };

const MODELS: [(&str, &str); 2] = [(language::LSTM, "LSTM"), (language::TRANSFORMER, "Transformer")];
/// Characters of a sample.
const LONGEST: usize = 600;
/// A loss so much higher counts as no higher: another seed moves it as much.
const EQUAL: f64 = 0.02;

fn trainings(settings: &Settings) -> Result<Vec<Training>> {
    Ok(MODELS.map(|(name, _)| language::training(settings, name)).into())
}

fn hold(lab: &mut Lab) -> Result<Chapter> {
    let mut chapter = Chapter::new(
        Id::Transformer,
        "Attention instead of recurrence",
        "A model can do without recurrence: attention alone, the Transformer, learns sequences at least as well.",
    );
    chapter.experiment = format!(
        "An LSTM and a Transformer learn {}: the same characters in batches of the same size, with as many steps. After each tenth of the \
         training their loss on held-out text is measured. Then each writes.",
        language::what(lab.settings)
    );
    chapter.reading = "The first picture compares what is learnt from as much text, the second what is learnt in as much time on this \
        machine. A nat less means that the next character is taken for e = 2.7 times as likely."
        .into();
    chapter.limits = "Both models are small and their settings usual, not tuned to be equal: their numbers of weights differ. Which \
        is ahead hangs on the data, the sizes and how long both learn. That Transformers gain more from much more data and larger machines is \
        not tried here."
        .into();
    let compare = format!("anaphora compare runs/{} runs/{}", language::LSTM, language::TRANSFORMER);
    let train = language::commands(lab.settings, &MODELS.map(|(name, _)| name));
    chapter.commands(train.into_iter().chain([compare]));
    let (mut by_step, mut by_time, mut best, mut texts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (name, label) in MODELS {
        let folder = lab.run(name)?;
        let run = Run::open(&folder)?;
        let losses = language::validations(&run)?;
        let lowest = losses.iter().map(|point| point[2]).fold(f64::INFINITY, f64::min);
        let key = label.to_lowercase();
        chapter.figure(format!("{key}_loss"), lowest);
        chapter.figure(format!("{key}_weights"), run.info().parameters as f64);
        chapter.time(format!("{key}_seconds"), losses.last().map_or(f64::NAN, |point| point[1]));
        best.push(lowest);
        by_step.push(Series::new(label, losses.iter().map(|point| (point[0], point[2]))));
        by_time.push(Series::new(label, losses.iter().map(|point| (point[1], point[2]))));
        let generator = Generator::open(&folder, Precision::F32)?;
        let options = GenerateOptions {
            sampling: SamplingOptions { temperature: 0.7, ..SamplingOptions::default() },
            tokens: LONGEST,
            seed: u64::from(lab.settings.seed),
            ..GenerateOptions::default()
        };
        let mut stopped = Ok(());
        let pieces = generator.generate(&mut lab.compute(), &options, &mut |_| match lab
            .progress(&format!("{label} writes"), 0.0)
        {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                stopped = Err(error);
                ControlFlow::Break(())
            }
        })?;
        stopped?;
        texts.extend(pieces.into_iter().map(|piece| Tune {
            name: label.to_owned(),
            complete: piece.incomplete.is_none(),
            abc: piece.text,
            given: 0,
        }));
    }
    let ahead = best[0] - best[1];
    chapter.figure("nats_that_the_transformer_is_ahead", ahead);
    chapter.check(Check::at_least(
        "nats a character that the Transformer is ahead (a little behind counts as equal)",
        ahead,
        -EQUAL,
        0.0,
    ));
    for (title, x, series) in [
        ("By steps", "optimizer steps", by_step),
        ("By time", "seconds of training on this machine", by_time),
    ] {
        chapter.pictures.push(Picture::new(
            title,
            "Loss on held-out text.",
            Drawing::Lines { x: Axis::linear(x), y: Axis::linear("nats a character"), series, equal: false },
        ));
    }
    let drawing = if language::is_music(lab)? {
        Drawing::Tunes { tunes: texts }
    } else {
        let rows = texts.into_iter().map(|text| vec![text.name, text.abc]).collect();
        Drawing::Table { columns: vec!["model".into(), "text".into()], rows }
    };
    chapter.pictures.push(Picture::new(
        "What they write",
        "The first piece of each, as it was drawn.",
        drawing,
    ));
    Ok(chapter)
}
