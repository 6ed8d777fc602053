//! Sequences are everywhere, in four shapes: one to one, many to one, one to many, many to many.

use std::collections::BTreeMap;

use anaphora_data::builtin::{Part, reverse, scenes};

use super::chapter::{Chapter, Check, Id, standard_error};
use super::lab::{Lab, Training};
use super::picture::{Axis, Drawing, Picture};
use super::{Data, Experiment, Settings};
use crate::metrics::{BleuOptions, Evaluation, Tokenize, bleu};
use crate::tasks::{self, PredictOptions, Split};
use crate::{Precision, Result};

pub const EXPERIMENT: Experiment = Experiment {
    id: Id::Shapes,
    data: Data::built_in("a task of each shape, which no one file has"),
    trainings,
    seconds: 15.0,
    hold,
};

/// A task of a shape.
struct Task {
    run: &'static str,
    shape: &'static str,
    what: &'static str,
    /// Steps, and seconds that they take about.
    work: (u64, f64),
    fields: &'static [(&'static str, &'static str)],
    /// The name of its score.
    score: &'static str,
    /// What a model that learnt nothing of sequences does.
    plain: &'static str,
}

const TASKS: [Task; 5] = [
    Task {
        run: "shape-wave",
        shape: "one to one",
        what: "a picture of a wave, all at once, to its form",
        work: (400, 4.0),
        fields: &[("data.builtin", "waves"), ("data.patch", "100"), ("data.test_every", "10")],
        score: "accuracy",
        plain: "the most frequent form",
    },
    Task {
        run: "shape-name",
        shape: "many to one",
        what: "a surname, letter by letter, to its language",
        work: (300, 12.0),
        fields: &[("data.builtin", "names"), ("data.test_every", "10"), ("model.hidden_size", "64")],
        score: "accuracy",
        plain: "the most frequent language",
    },
    Task {
        run: "shape-scene",
        shape: "one to many",
        what: "a picture to a sentence",
        work: (250, 25.0),
        fields: &[("data.builtin", "scenes")],
        score: "bleu_4",
        plain: "always the most frequent sentence",
    },
    Task {
        run: "shape-reverse",
        shape: "many to many, read first",
        what: "a list of numbers to the same turned round",
        work: (600, 12.0),
        fields: &[
            ("task", "translate"),
            ("data.tokenizer", "word"),
            ("model.hidden_size", "64"),
            ("model.embedding_size", "32"),
            ("model.dropout", "0"),
            ("training.batch", "24"),
            ("training.label_smoothing", "0"),
            ("training.learning_rate", "0.004"),
        ],
        score: "bleu",
        plain: "the list left as it is",
    },
    Task {
        run: "shape-tags",
        shape: "many to many, step by step",
        what: "a sentence to the tag of each word",
        work: (300, 12.0),
        fields: &[("data.builtin", "phrases"), ("model.hidden_size", "64")],
        score: "accuracy",
        plain: "the most frequent tag",
    },
];

/// Short lists, but of three numbers or more: turned round, shorter ones are often what they were.
fn lists() -> String {
    let lists = reverse(1, 24_000, 5).into_iter().filter(|(source, _)| source.split(' ').count() > 2);
    lists.map(|(source, target)| format!("{source}\t{target}\n")).collect()
}

fn trainings(settings: &Settings) -> Result<Vec<Training>> {
    let effort = settings.effort();
    let training = |task: &Task| {
        let fields = task.fields.iter().map(|(field, value)| (*field, (*value).to_owned()));
        let training =
            Training::new(task.run, effort.steps(task.work.0), effort.seconds(task.work.1), fields);
        if task.run == "shape-reverse" { training.on("short-lists.tsv", lists) } else { training }
    };
    Ok(TASKS.iter().map(training).collect())
}

fn hold(lab: &mut Lab) -> Result<Chapter> {
    let mut chapter = Chapter::new(
        Id::Shapes,
        "Four shapes",
        "Sequences are everywhere, and tasks on them have four shapes: one to one, many to one, one to many, many to many.",
    );
    chapter.experiment = "One small task of each shape is learnt by recurrent networks and scored on examples that were not learnt from: a \
        wave all at once, surnames, pictures, lists, sentences. Beside each score stands that of a plain answer that reads no \
        sequence."
        .into();
    chapter.reading = "Each pair of bars is a task: the trained model, and the plain answer below it. Where a class or a tag is asked for the \
        bar is the share that is right. Sentences on pictures and lists are scored by BLEU, which counts how many sequences of one to four \
        words are those of the right answer, with 1 for no mistake."
        .into();
    chapter.limits = "The built-in surnames are made by rule and can be told without a mistake, which real ones cannot. The tasks differ in how hard they are and in how long they were trained, so that their scores cannot be compared \
        with each other."
        .into();
    let train = trainings(lab.settings)?.into_iter().map(|training| match training.builtin() {
        Some(builtin) => training.command(&builtin),
        None => training.command("pairs.tsv"),
    });
    chapter.commands(["anaphora sample pairs > pairs.tsv".to_owned()].into_iter().chain(train));
    let (mut rows, mut names, mut own, mut plain_bars) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for task in &TASKS {
        let run = lab.run(task.run)?;
        lab.progress(&format!("scoring {}", task.run), 0.0)?;
        let opened = tasks::open(&run, Precision::F32)?;
        let split = if task.run == "shape-reverse" { Split::Validation } else { Split::Test };
        let evaluation =
            opened.evaluate(&run)?.evaluate(&mut lab.compute(), &split, &PredictOptions::default())?;
        let score =
            evaluation.scores.iter().find(|(name, _)| *name == task.score).map_or(f64::NAN, |score| score.1);
        // BLEU is a percentage.
        let score = if task.score.starts_with("bleu") { score / 100.0 } else { score };
        let plain = plain_of(task, &evaluation)?;
        let unsure = 2.0 * standard_error(score, evaluation.examples);
        let key = task.run.replace('-', "_");
        chapter.figure(format!("{key}_{}", task.score), score);
        chapter.figure(format!("{key}_plain"), plain);
        chapter.check(Check::at_least(
            format!("{}: {}, against {}", task.shape, task.what, task.plain),
            score,
            plain,
            unsure,
        ));
        let cells = [
            task.shape,
            task.what,
            &format!("{:.1} %", 100.0 * score),
            &format!("{:.1} %", 100.0 * plain),
            task.plain,
        ];
        rows.push(cells.map(str::to_owned).to_vec());
        names.push(task.shape.to_owned());
        own.push(score);
        plain_bars.push(plain);
    }
    chapter.pictures = vec![
        Picture::new(
            "Scores",
            "Scores on examples that were not learnt from, 1 at best: accuracy, or BLEU where a sequence is written.",
            Drawing::Bars {
                y: Axis::linear("score"),
                names,
                series: vec![("this model".into(), own), ("plain answer".into(), plain_bars)],
                marks: Vec::new(),
            },
        ),
        Picture::new(
            "The tasks",
            "What goes in and what comes out.",
            Drawing::Table {
                columns: ["shape", "task", "score", "plain answer's score", "plain answer"]
                    .map(str::to_owned)
                    .into(),
                rows,
            },
        ),
    ];
    Ok(chapter)
}

/// The score of the plain answer.
fn plain_of(task: &Task, evaluation: &Evaluation) -> Result<f64> {
    let options = BleuOptions { tokenize: Tokenize::None, ..BleuOptions::default() };
    Ok(match task.run {
        "shape-scene" => {
            let made = scenes(2, evaluation.examples, Part::Test);
            let captions: Vec<String> = made.into_iter().map(|scene| scene.caption).collect();
            let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
            captions.iter().for_each(|caption| *counts.entry(caption).or_default() += 1);
            let common =
                counts.into_iter().max_by_key(|(_, count)| *count).map_or("", |(caption, _)| caption);
            let references: Vec<[&str; 1]> = captions.iter().map(|caption| [caption.as_str()]).collect();
            bleu(&vec![common; captions.len()], &references, &options)?.score / 100.0
        }
        "shape-reverse" => {
            let text = lists();
            let pairs: Vec<(&str, &str)> = text.lines().filter_map(|line| line.split_once('\t')).collect();
            let (sources, targets): (Vec<&str>, Vec<[&str; 1]>) =
                pairs.into_iter().map(|(source, target)| (source, [target])).unzip();
            bleu(&sources, &targets, &options)?.score / 100.0
        }
        _ => {
            let classes = evaluation.details.get("classes").and_then(|classes| classes.as_array());
            let counts: Vec<f64> =
                classes.into_iter().flatten().filter_map(|class| class["support"].as_f64()).collect();
            counts.iter().copied().fold(0.0, f64::max) / counts.iter().sum::<f64>()
        }
    })
}
