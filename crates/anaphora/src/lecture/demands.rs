//! What is asked of a sequence model: unequal lengths, long dependencies, order, shared parameters.

use anaphora_data::{Packed, Sequence};

use super::chapter::{Chapter, Check, Id, OwnFile, standard_error};
use super::lab::{Lab, Training};
use super::picture::{Axis, Drawing, Picture, Series};
use super::{Data, Experiment, Settings, language, opinions};
use crate::inspect::{Request, Source, View};
use crate::model::{Objective, Reads, SequenceModel, Shape};
use crate::recipe::{Backbone, Model};
use crate::{Error, Result, tasks};

pub const EXPERIMENT: Experiment = Experiment {
    id: Id::Demands,
    data: Data {
        own_file: OwnFile::Decides,
        of_file: "the loss by what is visible",
        built_in: "sequences of given lengths, and opinions of which it is known that order alone tells them apart",
    },
    trainings,
    seconds: 6.0,
    hold,
};

const MODELS: [(&str, &str); 4] = [
    (language::WINDOW, "window of 8"),
    (language::RNN, "tanh RNN"),
    (language::LSTM, "LSTM"),
    (language::TRANSFORMER, "Transformer"),
];
/// Held-out pieces over which the loss by context is averaged.
const PIECES: usize = 6;
/// Steps that are compared: what is gained from the first to the second.
const FEW: usize = 8;
/// Lengths of the sequences of a batch.
const LENGTHS: [usize; 6] = [40, 31, 17, 9, 4, 1];
/// Lengths for which weights are counted.
const COUNTED: [usize; 4] = [10, 100, 1_000, 10_000];

fn trainings(settings: &Settings) -> Result<Vec<Training>> {
    let language = MODELS.map(|(name, _)| language::training(settings, name));
    Ok(language.into_iter().chain(opinions::trainings(settings)).collect())
}

fn hold(lab: &mut Lab) -> Result<Chapter> {
    let mut chapter = Chapter::new(
        Id::Demands,
        "Four demands",
        "A sequence model must take sequences of unequal lengths, remember over long distances, keep the order, and use the same weights at every step.",
    );
    chapter.experiment = format!(
        "Lengths: {} sequences of 1 to 40 symbols are read in one packed batch and one by one. Distance: models that learnt {} predict \
         the next character when only the last 1, 2, 4, … characters are shown to them. Order: two classifiers learn opinions; one is an \
         LSTM, the other takes the mean of what each word says by itself. Both are asked for pairs of opinions with the same words: “the \
         film is good , not bad” and “the film is bad , not good”. Weights: those of an LSTM and of a plain network that takes the whole \
         sequence at once are counted, for sequences of 10 to 10,000 steps.",
        LENGTHS.len(),
        language::what(lab.settings)
    );
    chapter.reading = "In the first picture a line that no longer falls has no more use for what lies further back: the window by \
        construction, the plain RNN because it has forgotten. In the second, a model without order cannot be better than half on the \
        pairs: it gives both of a pair the same answer. In the third, one line grows with the length, the other does not."
        .into();
    chapter.limits = "How far back it pays to look hangs on the text: where nothing depends on what was long ago, no memory helps."
        .into();
    chapter.commands(
        language::commands(lab.settings, &[language::LSTM]).into_iter().chain([
            format!("anaphora inspect runs/{} --show context", language::LSTM),
            "anaphora sample opinions > opinions.csv".to_owned(),
            opinions::trainings(lab.settings)[1]
                .command("opinions.csv --task classify --set model.shortcut=none"),
        ]),
    );
    let difference = packed_and_alone(lab)?;
    chapter.figure("largest_difference_packed_and_alone", difference);
    let padded = (LENGTHS.len() * LENGTHS[0]) as f64;
    chapter.figure(
        "share_of_a_padded_batch_that_is_padding",
        1.0 - LENGTHS.iter().sum::<usize>() as f64 / padded,
    );
    chapter.check(Check::at_most(
        "difference between sequences in one batch and one by one",
        difference,
        1e-5,
        0.0,
    ));

    let mut lines = Vec::new();
    for (name, label) in MODELS {
        let run = lab.run(name)?;
        lab.progress("losses by context", 0.0)?;
        let points = loss_by_context(lab, &run)?;
        let at = |wanted: usize| {
            points.iter().find(|point| point.0 == wanted as f64).map_or(f64::NAN, |point| point.1)
        };
        let best = points.iter().map(|point| point.1).fold(f64::INFINITY, f64::min);
        let name = name.replace('-', "_");
        chapter.figure(format!("{name}_loss_with_{FEW}_visible"), at(FEW));
        chapter.figure(format!("{name}_best_loss"), best);
        if name == language::LSTM.replace('-', "_") {
            let gain = at(FEW) - best;
            chapter.check(Check::at_least(
                format!("what the LSTM gains by more than the last {FEW} characters, in nats"),
                gain,
                0.02,
                0.0,
            ));
        }
        lines.push(Series::new(label, points));
    }
    chapter.pictures.push(Picture::new(
        "Loss by what is visible",
        "Nats a character when only the last so many characters are shown, on held-out text.",
        Drawing::Lines {
            x: Axis::log("characters visible"),
            y: Axis::linear("nats"),
            series: lines,
            equal: false,
        },
    ));

    let mut bars = Vec::new();
    for (name, label) in [(opinions::BAG, "without order"), (opinions::LSTM, "in order")] {
        let run = lab.run(name)?;
        let score = opinions::score(lab, &run)?;
        let (share, count) = score.twins;
        let name = name.replace('-', "_");
        chapter.figure(format!("{name}_accuracy_on_pairs"), share);
        let unsure = 2.0 * standard_error(share, count);
        chapter.check(if name.ends_with("bag") {
            Check::at_most(
                "share of the pairs that a model without order tells apart, which stays at half",
                share,
                0.55,
                0.0,
            )
        } else {
            Check::at_least("share that a model with order tells apart", share, 0.75, unsure)
        });
        bars.push((label.to_owned(), vec![score.test.0, share]));
    }
    chapter.pictures.push(Picture::new(
        "Order",
        "Share of opinions told rightly: all kinds, and pairs that differ by their order alone.",
        Drawing::Bars {
            y: Axis::linear("share that is right"),
            names: vec!["all opinions".into(), "good, not bad / bad, not good".into()],
            series: bars,
            marks: vec![("guessing".into(), 0.5)],
        },
    ));

    let weights = |backbone: Backbone, window: usize| {
        let model = Model { backbone, window, hidden_size: 64, embedding_size: Some(32), ..Model::default() };
        model_of(&model, 1).params().len() as f64
    };
    // Those of a window of a few steps are counted, and how they grow with it: more would only fill the memory.
    let (one, two) = (weights(Backbone::Window, 1), weights(Backbone::Window, 2));
    let lstm = weights(Backbone::Lstm, 1);
    let points = |of: &dyn Fn(f64) -> f64| -> Vec<(f64, f64)> {
        COUNTED.iter().map(|&length| (length as f64, of(length as f64))).collect()
    };
    let plain = points(&|length| one + (two - one) * (length - 1.0));
    chapter.figure("lstm_weights", lstm);
    chapter.figure("weights_of_a_plain_network_for_10_steps", plain[0].1);
    chapter.figure("weights_of_a_plain_network_for_10000_steps", plain[3].1);
    chapter.check(Check::at_least(
        "weights of a plain network for 1,000 steps, over those of the LSTM for any length",
        plain[2].1 / lstm,
        10.0,
        0.0,
    ));
    chapter.pictures.push(Picture::new(
        "Weights by length",
        "How many numbers have to be learnt for sequences of that length.",
        Drawing::Lines {
            x: Axis::log("steps of the sequence"),
            y: Axis::log("weights"),
            series: vec![Series::new("plain network", plain), Series::new("LSTM", points(&|_| lstm))],
            equal: false,
        },
    ));
    Ok(chapter)
}

/// A model of sequences of symbols that gives two numbers.
fn model_of(model: &Model, seed: u64) -> SequenceModel {
    let shape = Shape { reads: Reads::Tokens(50), outputs: 2, each_step: false, causal: false };
    SequenceModel::new(model, shape, Objective::Squared, seed)
}

/// The largest difference between the outputs of an LSTM for sequences in one packed batch and one by one.
fn packed_and_alone(lab: &Lab) -> Result<f64> {
    let model = Model { hidden_size: 64, embedding_size: Some(32), dropout: 0.0, ..Model::default() };
    let model = model_of(&model, u64::from(lab.settings.seed));
    let sequence = |(number, &length): (usize, &usize)| {
        Sequence::Tokens(
            (0..length).map(|step| ((step * 7 + number * 13 + step * step) % 50) as u32).collect(),
        )
    };
    let sequences: Vec<Sequence> = LENGTHS.iter().enumerate().map(sequence).collect();
    let mut compute = lab.compute();
    let (together, _) = model.predict(&mut compute, &Packed::new(&sequences), None)?;
    let mut largest = 0.0_f64;
    for (sequence, together) in sequences.iter().zip(together.chunks_exact(2)) {
        let (alone, _) = model.predict(&mut compute, &Packed::new([sequence]), None)?;
        let differences = alone.iter().zip(together).map(|(a, b)| f64::from((a - b).abs()));
        largest = differences.fold(largest, f64::max);
    }
    Ok(largest)
}

/// The mean loss of a language model over some held-out pieces, by how many symbols are visible.
fn loss_by_context(lab: &Lab, run: &std::path::Path) -> Result<Vec<(f64, f64)>> {
    let mut sums: Vec<(f64, f64, f64)> = Vec::new();
    for index in 0..PIECES {
        let request = Request { source: Source::HeldOut, index, views: Some([View::Context].into()) };
        // A corpus may have few pieces, and some may be too short.
        let inspection = match tasks::inspect(run, &mut lab.compute(), &request) {
            Ok(inspection) => inspection,
            Err(Error::View { .. }) => continue,
            Err(Error::Inspect(_)) if index > 0 => break,
            Err(error) => return Err(error),
        };
        let Some(losses) = inspection.get("context.loss") else { continue };
        let lengths = inspection.labels.get("lengths").cloned().unwrap_or_default();
        for (at, (length, &loss)) in lengths.iter().zip(&losses.values).enumerate() {
            let length: f64 = length.parse().unwrap_or(f64::NAN);
            if sums.len() <= at {
                sums.push((length, 0.0, 0.0));
            }
            sums[at].1 += f64::from(loss);
            sums[at].2 += 1.0;
        }
    }
    // A length that few pieces have is not one of the same text.
    let most = sums.first().map_or(0.0, |first| first.2);
    let points = sums.into_iter().filter(|(_, _, count)| *count == most);
    Ok(points.map(|(length, sum, count)| (length, sum / count)).collect())
}
