//! Sentiment: many words in, one label out.

use super::chapter::{Chapter, Check, Id, standard_error};
use super::lab::{Lab, Training};
use super::picture::{Axis, Drawing, Picture, Series, Shades, Style};
use super::{Data, Experiment, Settings, opinions};
use crate::inspect::{Request, Source, View};
use crate::{Result, tasks};

pub const EXPERIMENT: Experiment = Experiment {
    id: Id::Sentiment,
    data: Data::built_in("opinions whose labels are known"),
    trainings,
    seconds: 2.0,
    hold,
};

/// Opinions that are looked into.
const SHOWN: [&str; 4] = [
    "the film is good , not bad",
    "the film is bad , not good",
    "i expected a dull plot and it is really clever",
    "to be fair , the music is warm but the ending is rather silly",
];

fn trainings(settings: &Settings) -> Result<Vec<Training>> {
    Ok(opinions::trainings(settings).into())
}

fn hold(lab: &mut Lab) -> Result<Chapter> {
    let mut chapter = Chapter::new(
        Id::Sentiment,
        "Opinions",
        "Sentiment is many to one: a whole sentence is read, word by word, and at its end there is one label.",
    );
    chapter.experiment = "An LSTM learns from 3,500 short opinions on films whether they are favourable; half of them can be told by their \
        words alone, the others by how the words stand (“not”, “but”, “rather than”). A second model has the same words without their \
        order. Then the LSTM reads four sentences. Of each word it is computed how much the answer hangs on it: the gradient of the answer \
        with respect to the word's vector, times that vector. And after each word the LSTM is asked what it would say if the sentence ended \
        there."
        .into();
    chapter.reading = "A strong shade means that the answer hangs on the word; one colour pulls towards what the model says, the other \
        away from it. In the curves, look where the answer turns: at “not”, or at the word behind it."
        .into();
    chapter.limits = "Gradients say what a small change of a word would do, not what leaving it out would do; they are a hint, not a proof. \
        The opinions are made by rule, with some thirty words of praise and blame; one in twenty-five is labelled wrongly, so that no model can tell them all."
        .into();
    chapter.commands([
        "anaphora sample opinions > opinions.csv".to_owned(),
        trainings(lab.settings)?[0].command("opinions.csv --task classify --set model.shortcut=none"),
        format!("anaphora predict runs/{} --text \"{}\"", opinions::LSTM, SHOWN[0]),
        format!("anaphora inspect runs/{} --text \"{}\" --show saliency", opinions::LSTM, SHOWN[0]),
    ]);
    let mut shares = Vec::new();
    let mut bars = Vec::new();
    for (name, label) in [(opinions::LSTM, "in order"), (opinions::BAG, "without order")] {
        let run = lab.run(name)?;
        lab.progress("reading opinions", 0.0)?;
        let score = opinions::score(lab, &run)?;
        chapter.figure(format!("{}_accuracy", name.replace('-', "_")), score.test.0);
        bars.push((label.to_owned(), vec![score.test.0]));
        shares.push(score.test);
    }
    let [(in_order, count), (without, _)] = [shares[0], shares[1]];
    let unsure = 2.0 * standard_error(in_order, count);
    chapter.figure("test_opinions", count as f64);
    chapter.check(Check::at_least("share of opinions that the LSTM tells rightly", in_order, 0.8, unsure));
    let both = unsure.hypot(2.0 * standard_error(without, count));
    chapter.check(Check::at_least("what it is better than without order", in_order - without, 0.05, both));
    let run = lab.run(opinions::LSTM)?;
    let (mut lines, mut curves, mut size) = (Vec::new(), Vec::new(), 0.0_f64);
    for text in SHOWN {
        let views = Some([View::Saliency].into());
        let request = Request { source: Source::Text(text.to_owned()), index: 0, views };
        let inspection = tasks::inspect(&run, &mut lab.compute(), &request)?;
        let words = inspection.labels.get("steps").cloned().unwrap_or_default();
        let values = |name: &str| inspection.get(name).map(|array| array.values.clone()).unwrap_or_default();
        let (classes, said) = (inspection.labels.get("classes").cloned().unwrap_or_default(), values("said"));
        let positive = classes.iter().position(|class| class == "positive").unwrap_or(0);
        let share = said.get(positive).copied().unwrap_or(f32::NAN);
        let pieces: Vec<(String, f64)> = words
            .iter()
            .zip(values("saliency"))
            .map(|(word, value)| (word.trim().to_owned(), value.into()))
            .collect();
        size = pieces.iter().fold(size, |size, piece| size.max(piece.1.abs()));
        lines.push(Shades { name: format!("{:.0} % positive", 100.0 * share), pieces });
        let after = values("running")
            .chunks_exact(classes.len().max(1))
            .map(|row| f64::from(row[positive]))
            .collect::<Vec<_>>();
        curves.push(Picture::new(
            format!("After each word: {text}"),
            "Probability of a favourable opinion if the sentence ended there.",
            Drawing::Lines {
                x: Axis::linear("words read"),
                y: Axis::linear("probability"),
                series: vec![
                    Series::new("positive", after.iter().enumerate().map(|(at, &p)| ((at + 1) as f64, p))),
                    Series::new("undecided", [(1.0, 0.5), (after.len() as f64, 0.5)]).style(Style::Dashed),
                ],
                equal: false,
            },
        ));
    }
    chapter.pictures = vec![
        Picture::new(
            "Which words the answer hangs on",
            "Gradient times input of the answer that the model gives.",
            Drawing::Shaded { meaning: "pull towards the answer".into(), lines, range: [-size, size] },
        ),
        Picture::new(
            "With and without order",
            "Share of test opinions that are told rightly.",
            Drawing::Bars {
                y: Axis::linear("share that is right"),
                names: vec!["all test opinions".into()],
                series: bars,
                marks: vec![("guessing".into(), 0.5)],
            },
        ),
    ];
    chapter.pictures.extend(curves);
    Ok(chapter)
}
