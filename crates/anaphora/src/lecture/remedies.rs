//! Exploding gradients are clipped; vanishing ones are met by ReLU, identity weights and gates.

use super::chapter::{Chapter, Check, Id};
use super::lab::{Fields, Lab, Training};
use super::picture::{Axis, Drawing, Picture, Series, Style};
use super::{Data, Experiment, Settings};
use crate::run::Run;
use crate::run::log::{Record, read_metrics};
use crate::{Error, Result};

pub const EXPERIMENT: Experiment = Experiment {
    id: Id::Remedies,
    data: Data::built_in("numbers to be added, made so that nothing but memory helps"),
    trainings,
    seconds: 1.0,
    hold,
};

/// Steps between the first number and the answer, at most.
const LENGTH: usize = 100;
/// The error of who always guesses 1.
const GUESSING: f64 = 1.0 / 6.0;
/// From here on the gradient is clipped.
const CLIP: f64 = 1.0;

/// What is tried: the run, its name for people, the backbone and the fields that make it what it is.
const REMEDIES: [(&str, &str, Fields); 4] = [
    ("adding-tanh", "tanh RNN", &[("model.backbone", "rnn"), ("training.learning_rate", "0.001")]),
    (
        "adding-relu",
        "ReLU RNN, identity",
        &[("model.backbone", "rnn"), ("model.nonlinearity", "relu"), ("training.learning_rate", "0.0003")],
    ),
    ("adding-gru", "GRU", &[("model.backbone", "gru")]),
    ("adding-lstm", "LSTM", &[("model.backbone", "lstm")]),
];

fn trainings(settings: &Settings) -> Result<Vec<Training>> {
    let effort = settings.effort();
    let steps = effort.steps(1_500);
    let training = |(name, _, fields): (&'static str, &str, &[(&'static str, &str)])| {
        let own = fields.iter().map(|(field, value)| (*field, (*value).to_owned()));
        let common = [
            ("data.builtin", "adding".to_owned()),
            ("training.length", LENGTH.to_string()),
            ("training.clip", CLIP.to_string()),
        ];
        let seconds =
            effort.seconds(if name.ends_with("gru") || name.ends_with("lstm") { 20.0 } else { 8.0 });
        Training::new(name, steps, seconds, common.into_iter().chain(own))
    };
    Ok(REMEDIES.map(training).into())
}

fn hold(lab: &mut Lab) -> Result<Chapter> {
    let mut chapter = Chapter::new(
        Id::Remedies,
        "Remedies",
        "Exploding gradients are clipped. Vanishing ones are met by ReLU, by recurrent weights that begin as the identity, and best by gates.",
    );
    chapter.experiment = format!(
        "Four networks of 64 units read {LENGTH} pairs of a random number and a mark. Two marks are set, one in each half, and at the end \
         the sum of the two marked numbers is asked for: nothing but memory helps. Who remembers nothing does best by always saying 1, \
         with a mean squared error of 1/6. Before each optimizer step the norm of the whole gradient is measured; above {CLIP} it is \
         scaled down to {CLIP}."
    );
    chapter.reading = "In the first picture a line that stays at the dashed one has learnt nothing from its gradient; one that falls has \
        carried the first number to the end. In the second, the gradient's norm is shown before clipping: what is above \
        the dashed line was cut, and would each have been a leap of the weights."
        .into();
    chapter.limits = "One length, one size and one seed. A tanh network that learns longer, or with its weights held orthogonal, can \
        come further than it does here; and clipping is seen at work, but what would happen without it is not tried."
        .into();
    chapter.commands(trainings(lab.settings)?.iter().map(|training| training.command("--builtin adding")));
    let (mut errors, mut norms) = (Vec::new(), Vec::new());
    let mut last = Vec::new();
    for (name, label, _) in REMEDIES {
        let run = match lab.run(name) {
            // That is an outcome too: what was measured by then is shown.
            Err(Error::Diverged { found, .. }) => {
                chapter.notes.push(format!("The training of the {label} diverged: {found}."));
                lab.folder(name)
            }
            run => run?,
        };
        let records = read_metrics(Run::open(&run)?.metrics_path())?;
        let validated = line(&records, |record| match *record {
            Record::Validation { step, loss, .. } => Some((step as f64, loss)),
            _ => None,
        });
        let measured = line(&records, |record| match *record {
            Record::Train { step, gradient_norm, .. } => Some((step as f64, gradient_norm)),
            _ => None,
        });
        let best = validated.iter().map(|point| point.1).fold(f64::INFINITY, f64::min);
        let clipped =
            measured.iter().filter(|point| point.1 > CLIP).count() as f64 / measured.len().max(1) as f64;
        let key = name.replace('-', "_");
        chapter.figure(format!("{key}_squared_error"), best);
        chapter.figure(format!("{key}_share_of_steps_clipped"), clipped);
        chapter
            .figure(format!("{key}_largest_norm"), measured.iter().map(|point| point.1).fold(0.0, f64::max));
        last.push(best);
        errors.push(Series::new(label, validated));
        norms.push(Series::new(label, measured));
    }
    chapter.check(Check::at_least(
        "error of the tanh network, which stays near that of guessing (1/6)",
        last[0],
        0.9 * GUESSING,
        0.0,
    ));
    chapter.check(Check::at_most("error of the LSTM", last[3], 0.01, 0.0));
    chapter.check(Check::at_most(
        "error of the ReLU network, which is below that of guessing",
        last[1],
        0.9 * GUESSING,
        0.0,
    ));
    chapter.check(Check::at_least("that error, over the LSTM's", last[1] / last[3], 1.0, 0.0));
    let steps = lab.effort.steps(1_500) as f64;
    let across = |name: &str, y: f64| Series::new(name, [(0.0, y), (steps, y)]).style(Style::Dashed);
    errors.push(across("always 1", GUESSING));
    norms.push(across("clipped above", CLIP));
    chapter.pictures = vec![
        Picture::new(
            "The adding problem",
            "Mean squared error on examples that were never learnt, over optimizer steps.",
            Drawing::Lines {
                x: Axis::linear("optimizer steps"),
                y: Axis::log("mean squared error"),
                series: errors,
                equal: false,
            },
        ),
        Picture::new(
            "Gradients before clipping",
            "The norm of the whole gradient at every tenth step.",
            Drawing::Lines {
                x: Axis::linear("optimizer steps"),
                y: Axis::log("norm of the gradient"),
                series: norms,
                equal: false,
            },
        ),
    ];
    Ok(chapter)
}

/// What is taken from the records of a training, but for what it did before it went back to an earlier step.
fn line(records: &[Record], taken: impl Fn(&Record) -> Option<(f64, f64)>) -> Vec<(f64, f64)> {
    let mut line: Vec<(f64, f64)> = Vec::new();
    for point in records.iter().filter_map(taken) {
        while line.pop_if(|last| last.0 >= point.0).is_some() {}
        line.push(point);
    }
    line
}
