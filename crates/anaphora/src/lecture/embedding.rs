//! Text must become numbers: one-hot, or a learned embedding.

use std::collections::BTreeMap;

use anaphora_data::builtin::{SAMPLES, part_of_speech, phrases};

use super::chapter::{Chapter, Check, Id, OwnFile, standard_error};
use super::lab::{Lab, Training};
use super::picture::{Axis, Drawing, Picture, Point, Series};
use super::{Data, Experiment, Settings, language};
use crate::inspect::{Request, Source, View};
use crate::{Result, Run, tasks};

pub const EXPERIMENT: Experiment = Experiment {
    id: Id::Embedding,
    data: Data {
        own_file: OwnFile::Shown,
        of_file: "the plane of characters",
        built_in: "the sentences that decide, made by a grammar, so that the part of speech of each word is known",
    },
    trainings,
    seconds: 2.0,
    hold,
};

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
         vectors of 32 numbers that are learnt with the rest. Neither is told what part of speech a word is. Afterwards, of each word that occurs \
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
    chapter.commands([
        "anaphora sample text > sentences.txt".to_owned(),
        trainings(lab.settings)?[0].command("sentences.txt"),
        format!("anaphora inspect runs/{EMBEDDED} --show embedding"),
    ]);
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
    let words = vectors_of(lab, &run)?;
    let parts = parts_of_speech();
    let known: Vec<(&Word, &str)> =
        words.iter().filter_map(|word| Some((word, *parts.get(&word.name)?))).collect();
    let (vectors, classes): (Vec<&[f32]>, Vec<&str>) =
        known.iter().map(|(word, part)| (&word.vector[..], *part)).unzip();
    let mut rows = Vec::new();
    for (at, (word, part)) in known.iter().enumerate() {
        let is_listed = |row: &Vec<String>| row[0] == word.name;
        // A word with and without a blank are two symbols of one name: the first is listed.
        if LISTED.contains(&word.name.as_str()) && !rows.iter().any(is_listed) {
            let near = nearest(&vectors, at);
            let names: Vec<String> =
                near.iter().map(|&(other, cosine)| format!("{} {cosine:.2}", known[other].0.name)).collect();
            rows.push(vec![word.name.clone(), (*part).to_owned(), names.join(", ")]);
        }
    }
    let Alike { share, asked, chance } = alike(&vectors, &classes);
    let total = known.len() as f64;
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
    // The reader's own symbols: what kind they are of is plain to see.
    let is_music = language::is_music(lab)?;
    let run = lab.run(language::LSTM)?;
    let characters = vectors_of(lab, &run)?;
    let kinds: Vec<&str> = characters.iter().map(|one| kind_of(&one.name, is_music)).collect();
    let vectors: Vec<&[f32]> = characters.iter().map(|one| &one.vector[..]).collect();
    let Alike { share, chance, .. } = alike(&vectors, &kinds);
    chapter.figure("neighbours_of_the_same_kind_of_character", share);
    chapter.figure("neighbours_of_the_same_kind_of_character_by_chance", chance);
    let caption = format!(
        "The same of the LSTM that learnt {}. Of the nearest characters {:.0} % are of the same kind; by chance it would be {:.0} %.",
        language::what(lab.settings),
        100.0 * share,
        100.0 * chance
    );
    let points = characters.iter().zip(kinds).map(|(one, kind)| Point {
        x: one.plane[0].into(),
        y: one.plane[1].into(),
        name: one.name.clone(),
        group: kind.to_owned(),
    });
    chapter.pictures.push(plane("Characters in a plane", &caption, points.collect()));
    Ok(chapter)
}

/// A symbol and its vector.
struct Word {
    name: String,
    vector: Vec<f32>,
    plane: [f32; 2],
}

/// The embedding of a run.
fn vectors_of(lab: &mut Lab, run: &std::path::Path) -> Result<Vec<Word>> {
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

/// How often near symbols are of one class.
struct Alike {
    /// The share of near symbols that have the class of the symbol itself.
    share: f64,
    /// Of how many.
    asked: usize,
    /// The share that chance gives.
    chance: f64,
}

/// How often the nearest of each symbol are of its class.
fn alike(vectors: &[&[f32]], classes: &[&str]) -> Alike {
    let near =
        (0..vectors.len()).flat_map(|at| nearest(vectors, at).into_iter().map(move |near| (at, near.0)));
    let pairs: Vec<(usize, usize)> = near.collect();
    let same = pairs.iter().filter(|&&(at, other)| classes[at] == classes[other]).count();
    let mut counts: BTreeMap<&str, f64> = BTreeMap::new();
    classes.iter().for_each(|class| *counts.entry(class).or_default() += 1.0);
    let total = classes.len() as f64;
    let chance =
        counts.values().map(|count| count * (count - 1.0)).sum::<f64>() / (total * (total - 1.0)).max(1.0);
    Alike { share: same as f64 / pairs.len().max(1) as f64, asked: pairs.len(), chance }
}

/// The symbols nearest to one, and the cosines.
fn nearest(vectors: &[&[f32]], at: usize) -> Vec<(usize, f32)> {
    let others = (0..vectors.len()).filter(|&other| other != at);
    let mut others: Vec<(usize, f32)> =
        others.map(|other| (other, cosine(vectors[at], vectors[other]))).collect();
    others.sort_by(|a, b| b.1.total_cmp(&a.1));
    others.truncate(NEIGHBOURS);
    others
}

/// What kind of character a symbol is: in tunes letters from A to G are notes.
fn kind_of(name: &str, is_music: bool) -> &'static str {
    let letter = name.chars().next().unwrap_or(' ');
    match letter {
        _ if name.chars().nth(1).is_some() => "mark",
        'a'..='g' | 'A'..='G' if is_music => "note",
        c if c.is_numeric() => "digit",
        'a' | 'e' | 'i' | 'o' | 'u' | 'y' if !is_music => "vowel",
        c if c.is_uppercase() => "capital",
        c if c.is_alphabetic() => "other letter",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_one_class_are_counted_beside_chance() {
        let vectors: [&[f32]; 4] = [&[1.0, 0.0], &[0.9, 0.1], &[0.0, 1.0], &[0.1, 0.9]];
        assert_eq!(nearest(&vectors, 0).iter().map(|near| near.0).collect::<Vec<_>>(), [1, 3, 2]);
        let found = alike(&vectors, &["a", "a", "b", "b"]);
        assert_eq!((found.share, found.asked), (1.0 / 3.0, 12));
        assert!((found.chance - 1.0 / 3.0).abs() < 1e-12, "{}", found.chance);
    }

    #[test]
    fn kinds_of_characters_are_those_of_tunes_or_of_a_text() {
        let kinds =
            |is_music| ["a", "B", "e", "t", "7", "|", "\\n", "K", "ж"].map(|name| kind_of(name, is_music));
        let note = "note";
        let other = "other letter";
        assert_eq!(kinds(true), [note, note, note, other, "digit", "mark", "mark", "capital", other]);
        assert_eq!(
            kinds(false),
            ["vowel", "capital", "vowel", other, "digit", "mark", "mark", "capital", other]
        );
    }
}
