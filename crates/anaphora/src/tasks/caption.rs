//! Captions: a sentence that describes a picture.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anaphora_data::builtin::{self, Part};
use anaphora_data::frames::{PictureFrames, PictureSteps};
use anaphora_data::lines::STANDARD_INPUT;
use anaphora_data::picture::{Colour, Fit, Picture, captions_in, read_captions};
use anaphora_data::{Place, Scaler, Sequence, Tokenizer};
use anaphora_nn::Start;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::language::corpus;
use super::shared::pairs::{
    self, InspectPairs, Pairs, Written, best_as_json, first, search, teaching, texts,
};
use super::shared::reader::{grid, reads_pictures};
use super::shared::{
    ExampleTask, Input, Lesson, PredictTask, Prediction, Reading, Splits, Using, Words, hold_out,
    note_encoding, table_options,
};
use crate::decoding::search::Search;
use crate::inspect::{Original, Pixels};
use crate::metrics::{BleuOptions, Evaluation, Smoothing, Tokenize, bleu_1_to_4};
use crate::model::{Compute, EncoderDecoder, PairBatch, Teaching};
use crate::recipe::{self, Data, Recipe, Task};
use crate::run::assets::Assets;
use crate::training::{DataSize, Shown, Validation};
use crate::{Error, Result};

/// The name of the file of how a run's model reads pictures.
const PICTURES: &str = "pictures.json";

/// The seeds from which built-in scenes are made, and how many: to learn and validate on, and for a test, whose
/// combinations of shapes are in none of the others.
const BUILTIN: [(u64, usize); 2] = [(1, 8_000), (2, 1_000)];

/// Pixels along the sides of a built-in scene.
const SCENE: usize = 32;

/// How a picture is made a sequence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct PictureReader {
    /// Pixels along both sides, to which pictures are brought: their middle is kept.
    side: usize,
    /// Scales the channels; fitted on the training pictures.
    scaler: Scaler,
    /// The kind of steps; never [`recipe::Input::Auto`].
    input: recipe::Input,
    /// Pixels along the side of a patch.
    patch: usize,
}

impl PictureReader {
    /// What is learnt of the pictures: the mean and deviation of each channel.
    fn learn(train: &[Captioned], data: &Data) -> Result<Self> {
        let side = match (data.picture_size, data.builtin) {
            (Some(side), _) => side,
            (None, Some(_)) => SCENE,
            (None, None) => 64,
        };
        let input = match data.input {
            recipe::Input::Rows | recipe::Input::Patches => data.input,
            _ => recipe::Input::Picture,
        };
        let scaler = Scaler { mean: Vec::new(), deviation: Vec::new() };
        let reader = Self { side, scaler, input, patch: data.patch.unwrap_or(8) };
        let mut pixels = Vec::new();
        for Captioned { picture, .. } in train {
            // Every few pixels will do.
            let all = picture.read(&reader.steps())?.0.pixels();
            pixels.extend(all.values.chunks_exact(3).step_by(7).flatten());
        }
        Ok(Self { scaler: Scaler::fit(&pixels, 3), ..reader })
    }

    fn steps(&self) -> PictureSteps {
        let frames = match self.input {
            recipe::Input::Rows => PictureFrames::Rows,
            recipe::Input::Patches => PictureFrames::Patches(self.patch),
            _ => PictureFrames::Whole,
        };
        PictureSteps { width: self.side, height: self.side, colour: Colour::Rgb, frames }
    }

    /// A picture as the model reads it, and what is to be said of it.
    fn sequence(&self, picture: &Image) -> Result<(Sequence, Vec<String>)> {
        let steps = self.steps();
        let (picture, notes) = picture.read(&steps)?;
        let mut frames = steps.frames(&picture)?;
        // A frame is one pixel or some behind each other: its channels alternate.
        self.scaler.apply(&mut frames.values);
        Ok((Sequence::Frames(frames), notes))
    }
}

/// A picture and its captions.
#[derive(Clone, Debug)]
pub struct Captioned {
    picture: Image,
    captions: Vec<String>,
}

/// A picture, not read yet where it is a file.
#[derive(Clone, Debug)]
enum Image {
    File(PathBuf),
    Made(Picture),
}

impl Image {
    /// The picture in its size, and what was changed of it.
    fn read(&self, steps: &PictureSteps) -> Result<(Picture, Vec<String>)> {
        Ok(match self {
            Self::File(path) => {
                let (picture, changed) = steps.read(path, Fit::Crop)?;
                (picture, changed.notes())
            }
            Self::Made(picture) => (picture.clone(), Vec::new()),
        })
    }
}

/// Converts pictures to sequences, and tokens to captions.
pub struct Captioning {
    reader: PictureReader,
    tokenizer: Tokenizer,
    teaching: Teaching,
    /// Tokens after which a caption is broken off.
    longest: usize,
}

impl Lesson for Captioning {
    type Encoded = Pairs;
    type Model = EncoderDecoder;

    fn task(&self) -> Task {
        Task::Caption
    }

    fn lengths(&self, pairs: &Pairs) -> Vec<usize> {
        pairs.lengths()
    }

    fn size(&self, pairs: &Pairs) -> DataSize {
        pairs::size(pairs)
    }

    fn describe(&self) -> Words {
        Words {
            example: "caption",
            unit: "token",
            maps: format!("pictures to {} words", self.tokenizer.vocab_size()),
        }
    }

    fn batch(&self, pairs: &Pairs, batch: &[usize], _: Place) -> (PairBatch, Teaching) {
        (pairs.batch(batch, self.tokenizer.end_id()), self.teaching)
    }

    fn validate(&self, model: &EncoderDecoder, compute: &mut Compute, pairs: &Pairs) -> Result<Validation> {
        pairs::validate(pairs, self.tokenizer.end_id(), model, compute)
    }
}

impl ExampleTask for Captioning {
    type Example = Captioned;

    fn built_in(data: &Data) -> Result<Splits<Captioned>> {
        let made = |(seed, count), part| -> Vec<Captioned> {
            let captioned = |scene: builtin::Scene| Captioned {
                picture: Image::Made(scene.picture),
                captions: vec![scene.caption],
            };
            builtin::scenes(seed, count, part).into_iter().map(captioned).collect()
        };
        let mut splits = Splits::of(made(BUILTIN[0], Part::Train), &hold_out(data), |_| false)?;
        splits.test.extend(made(BUILTIN[1], Part::Test));
        Ok(splits)
    }

    /// Reads a table of captions, or a folder with one in it, whose pictures lie beside it or in a folder `images`.
    fn read(from: &mut Reading<Self>) -> Result<Vec<Captioned>> {
        let (folder, table) = captions_in(from.path)?;
        if table != from.path {
            note_encoding(&table, &from.recipe.data, from.notes)?;
        }
        let read = read_captions(&folder, &table, &table_options(from.data()))?;
        from.noted(&read.notes, &read.skipped);
        let captioned = read.pictures.into_iter();
        Ok(captioned.map(|c| Captioned { picture: Image::File(c.path), captions: c.captions }).collect())
    }

    fn open(recipe: &Recipe, assets: &mut Assets, splits: &Splits<Captioned>) -> Result<Self> {
        let (data, train) = (&recipe.data, &splits.train);
        let reader = assets.json(PICTURES, || PictureReader::learn(train, data))?;
        let captions = || train.iter().flat_map(|known| known.captions.iter().map(String::as_str));
        let tokenizer = assets.tokenizer(|| corpus::tokenizer(data, captions()))?;
        let (teaching, longest) = (teaching(&recipe.training), recipe.training.length);
        Ok(Self { reader, tokenizer, teaching, longest })
    }

    fn show(&self, Captioned { picture, captions }: &Captioned) -> Result<Shown> {
        let (picture, _) = picture.read(&self.reader.steps())?;
        Ok(Shown { text: captions.join("\n"), label: None, picture: Some(picture) })
    }

    fn encode(&self, captioned: Vec<Captioned>, from: &mut Reading<Self>) -> Result<Pairs> {
        self.pairs(&captioned, from.path)
    }

    fn model(&self, recipe: &Recipe, start: Start, _: Option<&Pairs>) -> EncoderDecoder {
        let vocab_size = self.tokenizer.vocab_size();
        EncoderDecoder::new(&recipe.model, reads_pictures(&self.reader.steps()), vocab_size, start)
    }

    fn evaluate(&self, on: &mut Using<Self>, captioned: Vec<Captioned>) -> Result<Evaluation> {
        let read = self.pairs(&captioned, on.from.path)?;
        let loss = read.score(self.tokenizer.end_id(), on.model, on.compute)?;
        let written: Vec<String> = self.caption(on, &read.sources)?.iter().map(|best| first(best)).collect();
        let exact =
            written.iter().zip(&captioned).filter(|(text, known)| known.captions.contains(text)).count();
        let common = most_frequent(&captioned);
        // As captions are scored by custom.
        let options =
            BleuOptions { tokenize: Tokenize::None, smoothing: Smoothing::None, ..BleuOptions::default() };
        let all_words = |captions: &[String]| captions.iter().map(|text| words(text)).collect::<Vec<_>>();
        let references: Vec<Vec<String>> = captioned.iter().map(|known| all_words(&known.captions)).collect();
        let plain = all_words(&written);
        let scores = bleu_1_to_4(&plain, &references, &options)?;
        let baseline = bleu_1_to_4(&vec![words(&common); plain.len()], &references, &options)?;
        let mut evaluation = Evaluation::new(captioned.len(), "picture");
        evaluation.add("exact", exact as f64 / captioned.len() as f64);
        for (name, score) in ["bleu_1", "bleu_2", "bleu_3", "bleu_4"].into_iter().zip(&scores) {
            evaluation.add(name, *score);
        }
        evaluation.add("loss", loss);
        let row = |name: &str, scores: &[f64]| {
            let cells: String = scores.iter().map(|score| format!("{score:>8.1}")).collect();
            format!("{name:<24}{cells}\n")
        };
        evaluation.table = Some(
            format!("{:<24}{:>8}{:>8}{:>8}{:>8}\n", "", "BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4")
                + &row("this model", &scores)
                + &row("the most frequent one", &baseline),
        );
        evaluation.details.insert("most_frequent".into(), json!({ "caption": common, "bleu": baseline }));
        Ok(evaluation)
    }
}

impl InspectPairs for Captioning {
    fn target(&self) -> &Tokenizer {
        &self.tokenizer
    }

    fn source(&self) -> Option<&Tokenizer> {
        None
    }

    fn original(&self, source: &Sequence) -> Option<Original> {
        let Sequence::Frames(frames) = source else { return None };
        let (steps, mut values) = (self.reader.steps(), frames.values.clone());
        self.reader.scaler.invert(&mut values);
        Some(Original::Picture(Pixels::of_frames(steps, grid(&steps), &values)))
    }

    fn notes_of(&self, captioned: &Captioned) -> Result<Vec<String>> {
        Ok(self.reader.sequence(&captioned.picture)?.1)
    }

    fn look_at_input(&self, input: &Input) -> Result<(Sequence, Vec<String>)> {
        let path = input.text().map_or(input.path().to_owned(), |text| text.trim().into());
        self.reader.sequence(&Image::File(path))
    }
}

impl PredictTask for Captioning {
    const SEARCHES: bool = true;

    /// A line of standard input names a picture.
    fn reads_lines(&self, path: &Path) -> Result<bool> {
        Ok(path == Path::new(STANDARD_INPUT))
    }

    fn nothing(&self, text: &str) -> Value {
        json!({ "picture": text, "caption": null, "best": null })
    }

    fn predict(&self, with: &mut Using<Self>, inputs: &[Input]) -> Result<Vec<Prediction>> {
        let path = |input: &Input| input.text().map_or(input.path().to_owned(), |text| text.trim().into());
        let paths: Vec<PathBuf> = inputs.iter().map(path).collect();
        let read = |path: &PathBuf| self.reader.sequence(&Image::File(path.clone()));
        let read = paths.iter().map(read).collect::<Result<Vec<_>>>()?;
        let (pictures, notes): (Vec<Sequence>, Vec<Vec<String>>) = read.into_iter().unzip();
        let found = self.caption(with, &pictures)?;
        let predict = |((path, notes), mut best): ((PathBuf, Vec<String>), Vec<Written>)| {
            best.truncate(with.options.n_best);
            let line = |best: &Written| format!("{}: {}", path.display(), best.text);
            let text = best.iter().map(line).collect::<Vec<_>>().join("\n");
            let json = json!({ "picture": path, "caption": first(&best), "best": best_as_json(&best) });
            Prediction::new(text, json).noted(&notes)
        };
        Ok(paths.into_iter().zip(notes).zip(found).map(predict).collect())
    }
}

impl Captioning {
    /// Pictures and captions as a model reads and writes them; `path` is that of pictures that are no files.
    fn pairs(&self, captioned: &[Captioned], path: &Path) -> Result<Pairs> {
        let mut pairs = Pairs::default();
        for (number, Captioned { picture, captions }) in captioned.iter().enumerate() {
            pairs.sources.push(self.reader.sequence(picture)?.0);
            for caption in captions {
                let path = match picture {
                    Image::File(path) => path,
                    Image::Made(_) => path,
                };
                let path = || path.to_owned();
                let ids = self.tokenizer.encode(caption);
                pairs.targets.push(ids.map_err(|source| Error::Tokens { path: path(), source })?);
                pairs.source_of.push(number);
            }
        }
        Ok(pairs)
    }

    /// The best captions of each picture, the likeliest first.
    fn caption(&self, with: &mut Using<Self>, pictures: &[Sequence]) -> Result<Vec<Vec<Written>>> {
        let usual = Search { longest: (0.0, self.longest), ..Search::default() };
        let found = search(with, pictures, self.tokenizer.end_id(), usual)?;
        Ok(found.iter().map(|best| texts(best, &self.tokenizer)).collect())
    }
}

/// The words of a caption in lower case, without punctuation.
fn words(caption: &str) -> String {
    let caption = caption.to_lowercase();
    let words = caption.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric));
    words.collect::<Vec<_>>().join(" ")
}

/// The caption that is there most often; of several the first in the alphabet.
fn most_frequent(captioned: &[Captioned]) -> String {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    captioned
        .iter()
        .flat_map(|known| &known.captions)
        .for_each(|caption| *counts.entry(caption).or_default() += 1);
    let best = counts.into_iter().max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(a.0)));
    best.map(|(caption, _)| caption.to_owned()).unwrap_or_default()
}
