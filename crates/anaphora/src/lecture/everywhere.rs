//! Language models, DNA and pictures in patches are the same idea.

use anaphora_data::builtin::MOTIFS;

use super::chapter::{Chapter, Check, Id, OwnFile, standard_error};
use super::lab::{Lab, Training};
use super::picture::{Axis, Drawing, Picture};
use super::{Data, Experiment, Settings, language};
use crate::run::log::{Record, read_metrics};
use crate::tasks::{self, PredictOptions, Split};
use crate::{Precision, Result, Run};

pub const EXPERIMENT: Experiment = Experiment {
    id: Id::Everywhere,
    data: Data {
        own_file: OwnFile::Decides,
        of_file: "the next character",
        built_in: "DNA and pictures, which a text does not have",
    },
    trainings,
    seconds: 4.0,
    hold,
};

const DNA: &str = "transformer-dna";
const SHAPES: &str = "transformer-shapes";

fn trainings(settings: &Settings) -> Result<Vec<Training>> {
    let effort = settings.effort();
    let training = |(name, builtin, steps, seconds): (&'static str, &str, u64, f64)| {
        let fields = [
            ("data.builtin", builtin.to_owned()),
            ("model.backbone", "transformer".to_owned()),
            ("model.layers", "2".to_owned()),
            ("model.hidden_size", "64".to_owned()),
            ("model.heads", "4".to_owned()),
            ("data.test_every", "8".to_owned()),
        ];
        Training::new(name, effort.steps(steps), effort.seconds(seconds), fields)
    };
    Ok(vec![
        training((DNA, "motifs", 1_500, 40.0)),
        training((SHAPES, "shapes", 600, 12.0)),
        language::training(settings, language::TRANSFORMER),
    ])
}

fn hold(lab: &mut Lab) -> Result<Chapter> {
    let mut chapter = Chapter::new(
        Id::Everywhere,
        "The same idea elsewhere",
        "Language, proteins and DNA, pictures cut into patches: to a Transformer they are all sequences of tokens.",
    );
    chapter.experiment = format!(
        "Transformers of one form, of two or three small blocks, learn three things. Stretches of 30 to 50 bases of DNA, one of four classes: {} or none of these, anywhere in \
         them, with one base in sixteen changed. Pictures of 32 by 32 pixels, cut into 16 patches, that show a circle, a square or a \
         triangle. And {}, of which it predicts the next character. What they are fed by differs: a row for each base or character, a \
         linear map for each patch.",
        MOTIFS[1..].iter().map(|(name, motif)| format!("a {name} ({motif})")).collect::<Vec<_>>().join(", "),
        language::what(lab.settings)
    );
    chapter.reading = "Bars are shares of examples that were not learnt from and are told rightly; the line beside each is the share of \
        the most frequent class. For the next character it is the loss, beside that of who knows only how frequent each character is."
        .into();
    chapter.limits = "The data are made by rule and small. Some stretches of DNA cannot be told: a motif may be spoilt, and one may stand \
        in a stretch by chance. Real proteins and photographs need models a thousand times as large."
        .into();
    chapter.commands(
        [
            "anaphora sample dna > dna.csv".to_owned(),
            trainings(lab.settings)?[0]
                .command("dna.csv --task classify --tokenizer character --set model.shortcut=none"),
            trainings(lab.settings)?[1].command("--builtin shapes"),
        ]
        .into_iter()
        .chain(language::commands(lab.settings, &[language::TRANSFORMER])),
    );
    let (mut names, mut own, mut chances, mut rows) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (name, label) in [(DNA, "DNA"), (SHAPES, "pictures in patches")] {
        let run = lab.run(name)?;
        lab.progress(&format!("scoring {name}"), 0.0)?;
        let opened = tasks::open(&run, Precision::F32)?;
        let evaluation =
            opened.evaluate(&run)?.evaluate(&mut lab.compute(), &Split::Test, &PredictOptions::default())?;
        let accuracy =
            evaluation.scores.iter().find(|(name, _)| *name == "accuracy").map_or(f64::NAN, |score| score.1);
        let classes = evaluation.details.get("classes").and_then(|classes| classes.as_array());
        let counts: Vec<f64> =
            classes.into_iter().flatten().filter_map(|class| class["support"].as_f64()).collect();
        let chance = counts.iter().copied().fold(0.0, f64::max) / counts.iter().sum::<f64>();
        let key = name.replace('-', "_");
        chapter.figure(format!("{key}_accuracy"), accuracy);
        chapter.figure(format!("{key}_chance"), chance);
        let unsure = 2.0 * standard_error(accuracy, evaluation.examples);
        chapter.check(Check::at_least(
            format!("{label}: share told rightly, against chance"),
            accuracy,
            chance,
            unsure,
        ));
        names.push(label.to_owned());
        own.push(accuracy);
        chances.push(chance);
    }
    let folder = lab.run(language::TRANSFORMER)?;
    let loss = read_metrics(Run::open(&folder)?.metrics_path())?
        .iter()
        .filter_map(|record| match *record {
            Record::Validation { loss, .. } => Some(loss),
            _ => None,
        })
        .fold(f64::INFINITY, f64::min);
    let frequencies = unigram(&folder)?;
    chapter.figure("next_character_loss", loss);
    chapter.figure("next_character_loss_by_frequency", frequencies);
    chapter.check(Check::at_most(
        "loss of the next character, against that of frequencies alone",
        loss,
        frequencies,
        0.0,
    ));
    rows.push(vec!["next character, nats".to_owned(), format!("{loss:.3}"), format!("{frequencies:.3}")]);
    chapter.pictures = vec![
        Picture::new(
            "DNA and pictures",
            "Share of test examples that are told rightly.",
            Drawing::Bars {
                y: Axis::linear("share that is right"),
                names,
                series: vec![("Transformer".into(), own), ("most frequent class".into(), chances)],
                marks: Vec::new(),
            },
        ),
        Picture::new(
            "Next character",
            "Loss on held-out text; lower is better.",
            Drawing::Table {
                columns: ["", "Transformer", "frequencies alone"].map(str::to_owned).into(),
                rows,
            },
        ),
    ];
    Ok(chapter)
}

/// Nats a character on held-out text of who knows how frequent each character is in what was learnt from, and nothing else.
fn unigram(run: &std::path::Path) -> Result<f64> {
    let trained = tasks::language::Trained::predicting(run, Precision::F32)?;
    let corpus = trained.corpus()?;
    let symbols = trained.tokenizer.vocab_size();
    let count = |section: &anaphora_data::Section| -> Result<Vec<f64>> {
        let mut counts = vec![0.0; symbols];
        section.each_piece(|piece| {
            // What was never learnt from cannot be counted; there is none where the tokenizer was made of both.
            for id in trained.tokenizer.encode(piece).unwrap_or_default() {
                counts[id as usize] += 1.0;
            }
            counts[trained.tokenizer.end_id() as usize] += 1.0;
            Ok::<_, crate::Error>(())
        })?;
        Ok(counts)
    };
    let (train, held_out) = (count(&corpus.train)?, count(&corpus.validation)?);
    let total: f64 = train.iter().map(|count| count + 1.0).sum();
    let cost = train.iter().zip(&held_out).map(|(known, times)| times * (total / (known + 1.0)).ln());
    Ok(cost.sum::<f64>() / held_out.iter().sum::<f64>())
}
