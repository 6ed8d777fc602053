//! Text must become numbers: one-hot, or a learned embedding.

use std::collections::BTreeMap;

use anaphora_data::builtin::{SAMPLES, part_of_speech, phrases};

use super::chapter::{Chapter, Check, Id, standard_error};
use super::lab::{Lab, Training};
use super::picture::{Axis, Drawing, Picture, Point, Series};
use super::{Experiment, Settings, language};
use crate::inspect::{Request, Source, View};
use crate::{Result, Run, tasks};

pub const EXPERIMENT: Experiment = Experiment { id: Id::Embedding, trainings, seconds: 2.0, hold };

const EMBEDDED: &str = "words-embedding";
const ONE_HOT: &str = "words-one-hot";
/// Sentences that are learnt from, and their seed.
const SENTENCES: (u64, usize) = (1, 3_000);
/// Times that a word must occur to be looked at.
const OFTEN: usize = 10;
/// Neighbours of each word.
const NEIGHBOURS: usize = 3;
/// Words whose neighbours are listed.
const LISTED: [&str; 8] = ["the", "market", "will", "old", "never", "they", "Anna", "near"];

fn sentences() -> String {
    let sample = SAMPLES.iter().find(|sample| sample.name == "text");
    sample.map_or_else(String::new, |sample| (sample.write)(SENTENCES.0, SENTENCES.1))
}

fn trainings(settings: &Settings) -> Result<Vec<Training>> {
    let effort = settings.effort();
    let training = |(name, size): (&'static str, &str)| {
        let fields = [
            ("task", "text".to_owned()),
            ("data.tokenizer", "word".to_owned()),
            ("model.hidden_size", "64".to_owned()),
            ("model.embedding_size", size.to_owned()),
            ("model.dropout", "0.2".to_owned()),
            ("training.batch", "16".to_owned()),
            ("training.length", "40".to_owned()),
        ];
        Training::new(name, effort.steps(800), effort.seconds(9.0), fields).on("sentences.txt", sentences)
    };
    let mut all: Vec<Training> = [(EMBEDDED, "32"), (ONE_HOT, "0")].map(training).into();
    all.push(language::training(settings, language::LSTM));
    Ok(all)
}

fn hold(lab: &mut Lab) -> Result<Chapter> {
    let mut chapter = Chapter::new(
        Id::Embedding,
        "Text as numbers",
        "Text must become numbers: each symbol a place of its own (one-hot), or a learned vector, in which related symbols lie close together.",
    );
    chapter.experiment = format!(
        "Two LSTMs of 64 units learn to predict the next word of {} sentences by a small grammar: one reads words one-hot, the other by \
         vectors of 32 numbers that are learnt with the rest. Nobody tells it what a noun is. Afterwards, of each word that occurs \
         {OFTEN} times or more, the {NEIGHBOURS} words with the most similar vectors are looked at (by the cosine): do they have the same \
         part in sentences (as the grammar has it) as the word itself?",
        SENTENCES.1
    );
    chapter.reading = "The lines say which model learns faster from as many steps. In the plane each point is a word, a colour a part of \
        speech. The plane shows the two directions in which the vectors differ most, of 32; words that lie apart here are apart, but words \
        that lie together may differ in another direction. The table lists nearest words in all directions."
        .into();
    chapter.limits = "The grammar is small, and words of one part stand in the same places in it. In real text classes overlap. Which of \
        the two is faster hangs on size and learning rate: one-hot input has a vector for each word too, in the first matrix of the LSTM."
        .into();
    chapter.command = format!(
        "anaphora sample text > sentences.txt\n{}\nanaphora inspect runs/{EMBEDDED} --show embedding",
        trainings(lab.settings)?[0].command("sentences.txt")
    );
    let mut curves = Vec::new();
    let mut last = Vec::new();
    for (name, label) in [(EMBEDDED, "embedding of 32"), (ONE_HOT, "one-hot")] {
        let run = lab.run(name)?;
        let losses = language::validations(&Run::open(&run)?)?;
        last.push(losses.iter().map(|point| point[2]).fold(f64::INFINITY, f64::min));
        curves.push(Series::new(label, losses.iter().map(|point| (point[0], point[2]))));
    }
    chapter.figure("loss_with_embedding", last[0]);
    chapter.figure("loss_one_hot", last[1]);
    chapter.figure("nats_that_embedding_is_ahead", last[1] - last[0]);
    chapter.pictures.push(Picture::new(
        "One-hot and embedding",
        "Loss on held-out sentences, over optimizer steps.",
        Drawing::Lines {
            x: Axis::linear("optimizer steps"),
            y: Axis::linear("nats a word"),
            series: curves,
            equal: false,
        },
    ));
    let run = lab.run(EMBEDDED)?;
    let words = vectors(lab, &run)?;
    let parts = parts_of_speech();
    let known: Vec<(&Word, &str)> =
        words.iter().filter_map(|word| Some((word, *parts.get(&word.name)?))).collect();
    let (mut same, mut asked) = (0, 0);
    let mut rows = Vec::new();
    for (at, (word, part)) in known.iter().enumerate() {
        let mut others: Vec<usize> = (0..known.len()).filter(|&other| other != at).collect();
        let near = |&other: &usize| cosine(&word.vector, &known[other].0.vector);
        others.sort_by(|a, b| near(b).total_cmp(&near(a)));
        others.truncate(NEIGHBOURS);
        asked += others.len();
        same += others.iter().filter(|&&other| known[other].1 == *part).count();
        if LISTED.contains(&word.name.as_str()) {
            let names: Vec<String> =
                others.iter().map(|&other| format!("{} {:.2}", known[other].0.name, near(&other))).collect();
            rows.push(vec![word.name.clone(), (*part).to_owned(), names.join(", ")]);
        }
    }
    let mut counts: BTreeMap<&str, f64> = BTreeMap::new();
    known.iter().for_each(|(_, part)| *counts.entry(part).or_default() += 1.0);
    let total = known.len() as f64;
    let chance =
        counts.values().map(|count| count * (count - 1.0)).sum::<f64>() / (total * (total - 1.0)).max(1.0);
    let share = same as f64 / asked.max(1) as f64;
    chapter.figure("neighbours_of_the_same_part", share);
    chapter.figure("neighbours_by_chance", chance);
    chapter.figure("words_looked_at", total);
    chapter.check(Check::at_least(
        "share of nearest words that have the same part, against twice what chance gives",
        share,
        2.0 * chance,
        2.0 * standard_error(share, asked),
    ));
    let point = |(word, part): &(&Word, &str)| Point {
        x: word.plane[0].into(),
        y: word.plane[1].into(),
        name: word.name.clone(),
        group: (*part).to_owned(),
    };
    chapter.pictures.push(plane(
        "The words in a plane",
        "First and second principal component of the learned vectors.",
        known.iter().map(point).collect(),
    ));
    chapter.pictures.push(Picture::new(
        "Nearest words",
        "By the cosine of their vectors.",
        Drawing::Table { columns: ["word", "part", "nearest"].map(str::to_owned).into(), rows },
    ));
    // The reader's own symbols: what class they are of is plain to see.
    let run = lab.run(language::LSTM)?;
    let points = vectors(lab, &run)?.into_iter().map(|word| Point {
        x: word.plane[0].into(),
        y: word.plane[1].into(),
        group: kind_of(&word.name).to_owned(),
        name: word.name,
    });
    chapter.pictures.push(plane(
        "Characters in a plane",
        &format!("The same of the LSTM that learnt {}.", language::what(lab.settings)),
        points.collect(),
    ));
    Ok(chapter)
}

/// A symbol and its vector.
struct Word {
    name: String,
    vector: Vec<f32>,
    plane: [f32; 2],
}

/// The embedding of a run.
fn vectors(lab: &mut Lab, run: &std::path::Path) -> Result<Vec<Word>> {
    let request = Request { source: Source::HeldOut, index: 0, views: Some([View::Embedding].into()) };
    let inspection = tasks::inspect(run, &mut lab.compute(), &request)?;
    let Some(table) = inspection.get("embedding") else { return Ok(Vec::new()) };
    let plane = inspection.get("embedding.plane").map(|plane| plane.values.clone()).unwrap_or_default();
    let names = inspection.labels.get("symbols").cloned().unwrap_or_default();
    let width = table.shape[1];
    let word = |(at, name): (usize, String)| Word {
        name: if name.trim().is_empty() { name } else { name.trim().to_owned() },
        vector: table.values[at * width..][..width].to_vec(),
        plane: [plane[2 * at], plane[2 * at + 1]],
    };
    Ok(names.into_iter().enumerate().map(word).collect())
}

/// The part of each common word.
fn parts_of_speech() -> BTreeMap<String, &'static str> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (word, _) in phrases(SENTENCES.0, SENTENCES.1).into_iter().flatten() {
        *counts.entry(word).or_default() += 1;
    }
    let often = counts.into_iter().filter(|(_, count)| *count >= OFTEN);
    often.filter_map(|(word, _)| part_of_speech(&word).map(|part| (word, part))).collect()
}

/// What kind of character a symbol is.
fn kind_of(name: &str) -> &'static str {
    match name.chars().next() {
        Some(c) if c.is_ascii_digit() => "digit",
        Some('a'..='g') => "letter a to g",
        Some('A'..='G') => "capital A to G",
        Some(c) if c.is_lowercase() => "other letter",
        Some(c) if c.is_uppercase() => "other capital",
        _ => "mark",
    }
}

fn plane(title: &str, caption: &str, points: Vec<Point>) -> Picture {
    let (x, y) = (Axis::linear("first component"), Axis::linear("second component"));
    Picture::new(title, caption, Drawing::Points { x, y, points })
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(f32::MIN_POSITIVE)
}
