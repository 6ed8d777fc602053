//! Texts, rows of numbers, sounds and pictures as examples of a task: how the recipe says they are read, and what of it is
//! kept in the run folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anaphora_data::audio::MelOptions;
use anaphora_data::error::{counted, grouped};
use anaphora_data::examples::{self, Example, ExampleOptions, Named, Raw, Reader, Steps, common_characters};
use anaphora_data::frames::{PictureFrames, PictureSteps, SoundFrames};
use anaphora_data::labelled::LabelledOptions;
use anaphora_data::lines::STANDARD_INPUT;
use anaphora_data::picture::Picture;
use anaphora_data::table::{Column, TableOptions};
use anaphora_data::{BatchSize, Batches, Kind, Packed, Sequence, Tokenizer, wanted};
use anaphora_nn::Stem;

use super::{Input, Looked, Prepares, Reading, Splits, column, table_options};
use crate::inspect::{Curves, Cut, Original, Pixels, Times};
use crate::model::{Compute, Reads, SequenceModel};
use crate::recipe::{self, Backbone, Data, Model, Recipe};
use crate::run::assets::Assets;
use crate::tasks::language::corpus;
use crate::training::Shown;
use crate::{Error, Result};

/// Sequences that are scored at once.
const ROWS: usize = 256;
/// The share of texts that are one word each from which on characters are read: words of which each stands alone are not met again.
const ALONE: f64 = 0.95;

/// How the recipe's examples are read.
pub fn options(data: &Data) -> ExampleOptions {
    let (label, text) = (data.label_column.as_deref().map(column), data.text_column.as_deref().map(column));
    let by_name = [&label, &text].into_iter().flatten().any(|column| matches!(column, Column::Name(_)));
    // A column that is called by a name has one.
    let table = TableOptions { header: by_name.then_some(true), ..table_options(data) };
    ExampleOptions {
        input: data.input,
        labelled: LabelledOptions { table, label, text, labels: data.labels, numeric: false },
        lowercase: data.lowercase,
        words: matches!(data.tokenizer, recipe::Tokenizer::Word { .. } | recipe::Tokenizer::Auto),
        patch: data.patch,
        sample_rate: data.sample_rate,
        mels: data.mels,
    }
}

/// Reads examples of the kind that `known` was learnt on.
pub fn read<T>(
    from: &mut Reading<T>,
    options: &ExampleOptions,
    known: Option<&Reader>,
) -> Result<Vec<Example>> {
    Ok(examples::read(from.path, options, known.map(|known| &known.steps), from.notes)?)
}

/// Whether a text has no blank within.
fn is_one_word(text: &&str) -> bool {
    !text.trim().contains(char::is_whitespace)
}

/// Decides what a token of the texts to learn from is, where the recipe leaves it to them.
pub fn settle(examples: &mut [Example], data: &Data, notes: &mut dyn FnMut(&str)) {
    let Some(Steps::Text { lowercase, .. }) = examples.first().map(|example| &*example.steps) else { return };
    let (all, alone) = (examples.len(), examples.iter().filter_map(text).filter(is_one_word).count());
    if data.tokenizer != recipe::Tokenizer::Auto || (alone as f64) < ALONE * all as f64 {
        return;
    }
    let steps = Arc::new(Steps::Text { lowercase: *lowercase, words: false });
    examples.iter_mut().for_each(|example| example.steps = steps.clone());
    if let Some(path) = &data.train {
        notes(&format!(
            "{}: {} of {} texts are one word each, so a token is a character; set data.tokenizer to word to learn them as wholes",
            path.display(),
            grouped(alone as u64),
            grouped(all as u64),
        ));
    }
}

/// Writes into the recipe what a token of the texts is, where they have decided it.
pub fn complete(steps: &Steps, recipe: &mut Recipe) {
    if recipe.data.tokenizer == recipe::Tokenizer::Auto {
        recipe.data.tokenizer = token(steps).unwrap_or(recipe::Tokenizer::Auto);
    }
}

/// What a token of the texts is, where they have decided it.
fn token(steps: &Steps) -> Option<recipe::Tokenizer> {
    match steps {
        Steps::Text { words: true, .. } => Some(recipe::Tokenizer::WORDS),
        Steps::Text { words: false, .. } => Some(recipe::Tokenizer::Character),
        _ => None,
    }
}

/// The tokenizer of a run whose examples are texts: made of those to learn from where the run is new. Where it knows
/// characters, rare ones are one.
pub fn tokenizer(train: &[Example], data: &Data, assets: &mut Assets) -> Result<Option<Tokenizer>> {
    let read = |example: &Example| Some(example.steps.text(text(example)?));
    let make = || {
        let mut texts: Vec<String> = train.iter().filter_map(read).collect();
        let tokenizer = match (&data.tokenizer, &*train[0].steps) {
            (recipe::Tokenizer::Auto, steps) => token(steps).unwrap_or_default(),
            (named, _) => named.clone(),
        };
        let data = &Data { tokenizer, ..data.clone() };
        if data.tokenizer_kind() == Some(Kind::Character) {
            texts = vec![common_characters(texts.iter().map(String::as_str), data.vocabulary_min_count)];
        }
        corpus::tokenizer(data, texts.iter().map(String::as_str))
    };
    match train.first().map(|example| &*example.steps) {
        Some(Steps::Text { .. }) => assets.tokenizer(make).map(Some),
        _ => Ok(None),
    }
}

/// Fits a reader to the training examples; the longest of all examples read with them has to fit.
pub fn learn(splits: &Splits<Example>, tokenizer: Option<Tokenizer>, model: &Model) -> Result<Reader> {
    let mut reader = Reader::learn(&splits.train, tokenizer);
    if model.backbone == Backbone::Transformer {
        let longest = reader.longest(splits.of_one_reading())?;
        // Room for what is longer than all of these.
        reader.context = Some(model.context.unwrap_or(2 * longest));
    }
    Ok(reader)
}

/// The reader of a run, with what it reads numbers by, and with the run's tokenizer if it needs one.
pub fn opened(
    mut reader: Reader,
    data: &Data,
    assets: &mut Assets,
    made: Option<Tokenizer>,
) -> Result<Reader> {
    reader.decimal = data.decimal;
    reader.tokenizer = match (made, &reader.steps) {
        (None, Steps::Text { .. }) => Some(assets.tokenizer(|| Err(Error::NoExamples(PathBuf::new())))?),
        (made, _) => made,
    };
    Ok(reader)
}

/// The recipe's model, completed with what the data decide.
pub fn sized(reader: &Reader, model: &Model) -> Model {
    Model { context: reader.context.or(model.context), ..model.clone() }
}

/// The encoder's input for examples.
pub fn reads(reader: &Reader) -> Reads {
    match (&reader.steps, reader.width()) {
        (Steps::Picture(steps), _) => reads_pictures(steps),
        (_, Some(width)) => Reads::Frames(width),
        (_, None) => Reads::Tokens(reader.tokenizer.as_ref().map_or(0, Tokenizer::vocab_size)),
    }
}

/// The pictures that are read, where they are such.
pub fn pictures(reader: &Reader) -> Option<PictureSteps> {
    match reader.steps {
        Steps::Picture(steps) => Some(steps),
        _ => None,
    }
}

/// The encoder's input for pictures.
pub fn reads_pictures(steps: &PictureSteps) -> Reads {
    match steps.frames {
        PictureFrames::Whole => {
            Reads::Pictures { size: [steps.height, steps.width], channels: steps.channels() }
        }
        _ => Reads::Frames(steps.frame_width()),
    }
}

/// Encodes inputs to predict from.
pub fn inputs(reader: &Reader, inputs: &[Input]) -> Result<(Vec<Sequence>, Vec<Named>)> {
    let mut all = Vec::new();
    for input in inputs {
        all.extend(match input {
            Input::Text(text) => reader.text(text, input.path())?,
            Input::Line { path, number, text } => vec![reader.line(text, path, *number)?],
            Input::File(path) => reader.file(path)?,
        });
    }
    Ok(all.into_iter().unzip())
}

/// How frames are cut and scaled; texts are plain tokens.
pub fn prepares(reader: &Reader) -> Prepares {
    match reader.scaler() {
        Some(scaler) => Prepares::Steps(reader.steps.clone(), scaler.clone()),
        None => Prepares::Plain,
    }
}

/// A sequence to look at: the names of its symbols are its steps'.
pub fn look_at(reader: &Reader, batch: &Packed) -> Option<Vec<String>> {
    let tokenizer = reader.tokenizer.as_ref()?;
    Some(batch.ids.iter().map(|&id| tokenizer.name(id).unwrap_or_default()).collect())
}

/// Inputs to look at, without their truth.
pub fn look_at_inputs(reader: &Reader, input: &Input) -> Result<Vec<Looked>> {
    let input = std::slice::from_ref(input);
    let looked = |(sequence, named): (Sequence, Named)| {
        let batch = Packed::new([&sequence]);
        let steps = look_at(reader, &batch);
        let text = steps.is_some().then_some(named.name);
        Looked { batch, steps, text, notes: named.notes }
    };
    let (sequences, names) = inputs(reader, input)?;
    Ok(sequences.into_iter().zip(names).map(looked).collect())
}

/// The names of the symbols that are read, where there are any.
pub fn symbols(reader: &Reader) -> Option<Vec<String>> {
    let tokenizer = reader.tokenizer.as_ref()?;
    Some((0..tokenizer.vocab_size() as u32).map(|id| tokenizer.name(id).unwrap_or_default()).collect())
}

/// What a model reads of an example in its own units, `values [steps, width]`; none of a text.
pub fn original(reader: &Reader, values: &[f32]) -> Option<Original> {
    let mut values = reader.unscaled(values)?;
    let (what, channels, times, cut) = match &reader.steps {
        Steps::Text { .. } => return None,
        Steps::Picture(steps) => {
            return Some(Original::Picture(Pixels::of_frames(*steps, grid(steps), &values)));
        }
        Steps::Numbers { columns, width } => {
            // What fills the last frame was not in the row.
            values.truncate(*columns);
            let times = Times::Even { unit: "place in the row", apart: 1.0 };
            ("numbers of the row", vec!["value".to_owned()], times, Cut::every(*width))
        }
        Steps::Sound(steps) => match steps.frames {
            SoundFrames::Samples(width) => {
                let times = Times::Even { unit: "seconds", apart: 1.0 / f64::from(steps.rate) };
                ("amplitude of the sound", vec!["amplitude".to_owned()], times, Cut::every(width))
            }
            SoundFrames::Mel(bands) => {
                let options = MelOptions { bands, ..MelOptions::default() };
                let band = |hertz: f64| format!("{hertz:.0} Hz");
                let times = Times::Even { unit: "seconds", apart: options.hop };
                let channels = options.centres(steps.rate).into_iter().map(band).collect();
                ("logarithm of the power in bands of pitch", channels, times, Cut::every(1))
            }
        },
    };
    Some(Original::Curves(Curves { what: what.into(), channels, values, times, cut }))
}

/// Rows and columns of the steps that a model reads of a picture.
pub fn grid(steps: &PictureSteps) -> [usize; 2] {
    let (height, width) = (steps.height, steps.width);
    match steps.frames {
        PictureFrames::Rows => [height, 1],
        PictureFrames::Pixels => [height, width],
        PictureFrames::Patches(side) => [height / side, width / side],
        PictureFrames::Whole => Stem::grid([height, width]),
    }
}

/// An example as a person sees it.
pub fn shown(example: &Example) -> Shown {
    let file = || example.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (text, picture) = match (&example.value, &*example.steps) {
        (Raw::Text(text), _) => (text.clone(), None),
        (Raw::Frames(frames), Steps::Picture(steps)) => {
            let Pixels { values, .. } = Pixels::of_frames(*steps, grid(steps), &frames.values);
            let pixels = values.iter().map(|value| (value * 255.0).round() as u8).collect();
            let (width, height, channels) = (steps.width, steps.height, steps.channels());
            (file(), Some(Picture { width, height, channels, pixels }))
        }
        (Raw::Frames(frames), Steps::Numbers { columns, .. }) => {
            let numbers = frames.values.iter().take(*columns).map(ToString::to_string);
            (numbers.collect::<Vec<_>>().join(", "), None)
        }
        (Raw::Frames(frames), _) => (format!("{}, {}", file(), counted(frames.len(), "frame")), None),
    };
    Shown { text, label: Some(example.label.clone()), picture }
}

/// The text of an example, where it is one.
pub fn text(example: &Example) -> Option<&str> {
    match &example.value {
        Raw::Text(text) => Some(text),
        Raw::Frames(_) => None,
    }
}

/// What is to be said of an example as a model reads it.
pub fn notes_of(reader: &Reader, example: &Example) -> Vec<String> {
    example.notes.iter().cloned().chain(reader.note_unknown(&example.value)).collect()
}

/// Whether a file is read line by line: what names a file of sounds or pictures cannot stand in standard input either.
pub fn reads_lines(reader: &Reader, path: &Path) -> bool {
    matches!(reader.steps, Steps::Text { .. } | Steps::Numbers { .. }) || path == Path::new(STANDARD_INPUT)
}

/// The model's output for each sequence, `[sequences, outputs]`.
pub fn outputs(
    model: &SequenceModel,
    compute: &mut Compute,
    inputs: &[Sequence],
    outputs: usize,
) -> Result<Vec<f32>> {
    let lengths: Vec<usize> = inputs.iter().map(Sequence::len).collect();
    let mut all = vec![0.0; inputs.len() * outputs];
    for batch in Batches::in_order(&lengths, BatchSize::Examples(ROWS)) {
        wanted::check()?;
        let packed = Packed::new(batch.iter().map(|&example| &inputs[example]));
        let (values, _) = model.predict(compute, &packed, None)?;
        for (&example, values) in batch.iter().zip(values.chunks_exact(outputs)) {
            all[example * outputs..][..outputs].copy_from_slice(values);
        }
    }
    Ok(all)
}
