//! Where a ball goes next cannot be said from one position; from its history it can.

use std::ops::ControlFlow;

use anaphora_data::builtin::{Ball, flights};
use serde_json::Value;

use super::chapter::{Chapter, Check, Id};
use super::lab::{Lab, Training};
use super::picture::{Axis, Drawing, Picture, Series, Style};
use super::{Data, Experiment, Settings};
use crate::tasks::{self, Input, PredictOptions, Split};
use crate::{Precision, Result};

pub const EXPERIMENT: Experiment = Experiment {
    id: Id::Ball,
    data: Data::built_in("throws of a ball, of which it is known where it really went"),
    trainings,
    seconds: 3.0,
    hold,
};

/// The runs, and how many positions each reads.
const READ: [(&str, usize); 3] = [("ball-1", 1), ("ball-2", 2), ("ball-10", 10)];
/// Positions that are forecast.
const AHEAD: usize = 20;
/// Throws that are drawn, and the seed that they come from: not those that were learnt from.
const DRAWN: (u64, usize) = (7, 4);

fn trainings(settings: &Settings) -> Result<Vec<Training>> {
    let effort = settings.effort();
    let training = |(name, read): (&'static str, usize)| {
        let fields = [
            ("data.builtin", "ball".to_owned()),
            ("series.lookback", read.to_string()),
            ("series.horizon", AHEAD.to_string()),
        ];
        Training::new(name, effort.steps(1_200), effort.seconds(14.0), fields)
    };
    Ok(READ.map(training).into())
}

fn hold(lab: &mut Lab) -> Result<Chapter> {
    let mut chapter = Chapter::new(
        Id::Ball,
        "Where does the ball go?",
        "Where a ball goes next cannot be said from one position. From where it has been it can.",
    );
    let milliseconds = (1e3 * AHEAD as f64 * Ball::default().step).round();
    chapter.experiment = format!(
        "Three LSTMs of one size learn from the same 10,000 throws of a ball in a box and forecast its next {AHEAD} positions, {milliseconds} \
         milliseconds. One reads the last position only, one the last two, one the last ten; each position is seen to 2 cm. They are scored on \
         throws that were kept aside, by the mean distance from where the ball really went."
    );
    chapter.reading = "Each colour in the first pictures is what one model expects. From one position there is no velocity: the best \
        guess is the middle of all ways that lead away. Two give a velocity, spoilt by what is seen wrongly; ten average that out. The \
        curves tell how far off the forecasts are, step by step."
        .into();
    chapter.limits = "The ball is simulated, and its rules never change. That ten positions are better than two has to do with the \
        noise: seen without it, two would almost do."
        .into();
    let train = trainings(lab.settings)?.into_iter().map(|one| one.command("paths.csv --task trajectory"));
    chapter.commands(["anaphora sample paths > paths.csv".to_owned()].into_iter().chain(train));
    let throws = flights(DRAWN.0, DRAWN.1, &Ball::default());
    let longest = READ[READ.len() - 1].1;
    let mut paths: Vec<Vec<Series>> = throws
        .iter()
        .map(|throw| {
            let points = |frames: &anaphora_data::Frames, range: std::ops::Range<usize>| -> Vec<(f64, f64)> {
                range.map(|at| (f64::from(frames.frame(at)[0]), f64::from(frames.frame(at)[1]))).collect()
            };
            vec![
                Series::new("seen", points(&throw.seen, 0..longest)).style(Style::Dots),
                Series::new("where it went", points(&throw.truth, longest - 1..longest + AHEAD))
                    .style(Style::Dashed),
            ]
        })
        .collect();
    let (mut by_step, mut distances) = (Vec::new(), Vec::new());
    for (name, read) in READ {
        let run = lab.run(name)?;
        lab.progress(&format!("forecasts from {read}"), 0.0)?;
        let opened = tasks::open(&run, Precision::F32)?;
        let mut compute = lab.compute();
        let evaluation =
            opened.evaluate(&run)?.evaluate(&mut compute, &Split::Test, &PredictOptions::default())?;
        let of_model = evaluation.details.get("contenders").and_then(|all| all.get("this_model"));
        let steps: Vec<f64> = of_model.and_then(|one| numbers(&one["by_step"])).unwrap_or_default();
        let mean = steps.iter().sum::<f64>() / steps.len() as f64;
        let s = if read == 1 { "" } else { "s" };
        let label = format!("{read} position{s}");
        chapter.figure(format!("distance_from_{read}"), mean);
        distances.push(mean);
        let timed = steps.iter().enumerate();
        by_step.push(Series::new(&label, timed.map(|(at, &d)| ((at + 1) as f64 * Ball::default().step, d))));
        let mut csv = String::from("path,x,y\n");
        for (number, throw) in throws.iter().enumerate() {
            for at in longest - read..longest {
                let point = throw.seen.frame(at);
                csv += &format!("{},{},{}\n", number + 1, point[0], point[1]);
            }
        }
        let file = lab.file(&format!("{name}.csv"), &csv)?;
        let mut number = 0;
        opened.predict(&run)?.predict(
            &mut compute,
            &[Input::File(file)],
            &PredictOptions::default(),
            &mut |prediction| {
                let steps = prediction.json["forecast"].as_array().cloned().unwrap_or_default();
                let point = |step: &Value| Some((step["x"].as_f64()?, step["y"].as_f64()?));
                if let Some(path) = paths.get_mut(number) {
                    path.push(Series::new(&label, steps.iter().filter_map(point)));
                }
                number += 1;
                ControlFlow::Continue(())
            },
        )?;
    }
    let ratio = distances[2] / distances[0];
    chapter.figure("error_with_history_over_error_without", ratio);
    chapter.check(Check::at_most("error from ten positions, as a share of that from one", ratio, 0.5, 0.0));
    for (number, series) in paths.into_iter().enumerate() {
        chapter.pictures.push(Picture::new(
            format!("Throw {}", number + 1),
            "Metres across and above the floor; a forecast begins one step behind the last seen point.",
            Drawing::Lines {
                x: Axis::linear("across, m"),
                y: Axis::linear("height, m"),
                series,
                equal: true,
            },
        ));
    }
    chapter.pictures.push(Picture::new(
        "How far off",
        "Mean distance between forecast and ball, over the time ahead.",
        Drawing::Lines {
            x: Axis::linear("seconds ahead"),
            y: Axis::linear("mean distance, m"),
            series: by_step,
            equal: false,
        },
    ));
    Ok(chapter)
}

fn numbers(list: &Value) -> Option<Vec<f64>> {
    list.as_array()?.iter().map(Value::as_f64).collect()
}
