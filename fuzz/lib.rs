//! What each target does with a content. A panic is a fault.

use std::path::Path;
use std::sync::Arc;

use anaphora::Recipe;
use anaphora::run::Run;
use anaphora::run::log::read_metrics;
use anaphora::run::weights::read_weights;
use anaphora_data::audio::parse_wav;
use anaphora_data::labelled::{LabelledOptions, read_labelled, read_labelled_numbers};
use anaphora_data::parallel::{read_parallel, read_parallel_table};
use anaphora_data::picture::{Colour, parse_images, parse_labels, parse_picture};
use anaphora_data::roll::parse_chorales;
use anaphora_data::series::{SeriesOptions, parse_series};
use anaphora_data::table::{TableOptions, parse_table};
use anaphora_data::tagged::{TaggedOptions, read_tagged, read_words};
use anaphora_data::texts::Format;
use anaphora_data::{Kind, Section, Spill, Texts, TokenStream, Tokenizer, split};
use anaphora_music as music;

/// A text in ABC notation: read, checked, played and written again.
pub fn abc(content: &[u8]) {
    let text = String::from_utf8_lossy(content);
    let (tunes, _) = music::abc::parse(&text);
    for tune in &tunes {
        let score = tune.score();
        music::midi::read(&music::midi::write(&score)).ok();
        let (again, _) = music::abc::parse_tune(&music::abc::write(tune));
        assert_eq!(again.score().parts.len(), score.parts.len(), "what is written reads the same");
    }
}

/// A MIDI file: read, written as MIDI and as ABC, and read again.
pub fn midi(content: &[u8]) {
    let Ok(score) = music::midi::read(content) else { return };
    music::midi::read(&music::midi::write(&score)).expect("what is written can be read");
    music::abc::parse_tune(&music::abc::write(&music::abc::from_score(&score)));
}

/// A WAV file, as it is and at another rate.
pub fn wav(content: &[u8]) {
    parse_wav(content, "a.wav".as_ref(), None).ok();
    parse_wav(content, "a.wav".as_ref(), Some(8_000)).ok();
}

/// A PNG or JPEG picture, and files of digits.
pub fn picture(content: &[u8]) {
    parse_picture(content, "a.png".as_ref(), Colour::Rgb, None).ok();
    parse_images(content, "images".as_ref()).ok();
    parse_labels(content, "labels".as_ref()).ok();
}

/// A table, by itself, as labelled texts and as rows of numbers.
pub fn table(content: &[u8]) {
    for skip_bad in [false, true] {
        let table = TableOptions { skip_bad, ..TableOptions::default() };
        parse_table(content, "a.csv".as_ref(), &table).ok();
        let options = LabelledOptions { table, ..LabelledOptions::default() };
        in_file("a.csv", content, |path| {
            read_labelled(path, &options).ok();
            read_labelled_numbers(path, &options).ok();
        });
    }
}

/// A table of a time series.
pub fn series(content: &[u8]) {
    for skip_bad in [false, true] {
        let table = TableOptions { skip_bad, ..TableOptions::default() };
        let options = SeriesOptions { table, ..SeriesOptions::default() };
        if let Ok(series) = parse_series(content, "a.csv".as_ref(), &options) {
            assert!(series.values.iter().all(|value| value.is_finite()));
            if let Some(calendar) = series.calendar {
                calendar.date(series.len());
            }
        }
    }
}

/// Sentences in columns, and parallel text.
pub fn tagged(content: &[u8]) {
    in_file("a.conll", content, |path| {
        read_tagged(path, &TaggedOptions::default()).ok();
        read_words(path, &TaggedOptions::default()).ok();
        read_parallel(path, path, &TableOptions { skip_bad: true, ..TableOptions::default() }).ok();
        read_parallel_table(path, None, &TableOptions::default()).ok();
    });
}

/// A text or a collection of tunes, in pieces and as tokens.
pub fn texts(content: &[u8]) {
    for format in [None, Some(Format::Abc), Some(Format::Text)] {
        let Ok(texts) = Texts::of(content, "a.txt".as_ref(), format) else { continue };
        let texts = Arc::new(texts);
        let whole = Section::whole(texts.clone());
        if let Ok(tokenizer) = Tokenizer::train(Kind::Byte, []) {
            TokenStream::of(&tokenizer, &whole, &Spill::to_scratch()).ok();
        }
        split(texts, 0.1).ok();
    }
}

/// A tokenizer's file, of our own and of Hugging Face's format.
pub fn tokenizer(content: &[u8]) {
    let text = String::from_utf8_lossy(content);
    for tokenizer in
        [Tokenizer::from_json(&text), Tokenizer::from_huggingface(&text, None)].into_iter().flatten()
    {
        if let Ok(ids) = tokenizer.encode("Ein Text, a text: äöü 12\n") {
            tokenizer.decode(&ids);
        }
    }
}

/// Chorales as JSON.
pub fn chorales(content: &[u8]) {
    parse_chorales(content, "a.json".as_ref()).ok();
}

/// A recipe: what is read is written and read the same.
pub fn recipe(content: &[u8]) {
    let Ok(recipe) = Recipe::parse(&String::from_utf8_lossy(content)) else { return };
    if recipe.refuse_unread().is_ok() {
        let text = recipe.to_toml().expect("what was read can be written");
        assert_eq!(Recipe::parse(&text).expect("what was written can be read"), recipe);
    }
}

/// The files of a run folder: weights, checkpoints, information and metrics.
pub fn run(content: &[u8]) {
    in_file("model.safetensors", content, |path| {
        read_weights(path).ok();
        read_metrics(path).ok();
    });
    in_file("run.json", content, |path| {
        let folder = path.parent().expect("it lies in a folder");
        Run::open(folder).ok();
        let checkpoints = folder.join("checkpoints");
        std::fs::create_dir(&checkpoints).expect("there is room for a folder");
        std::fs::write(checkpoints.join("step-000001.safetensors"), content)
            .expect("there is room for a file");
        if let Ok(run) = Run::open(folder) {
            run.checkpoints().latest_valid().ok();
        }
    });
}

/// The content as a file of that name, for readers that take a path.
fn in_file<T>(name: &str, content: &[u8], read: impl FnOnce(&Path) -> T) -> T {
    let folder = tempfile::tempdir().expect("there is room for a file");
    let path = folder.path().join(name);
    std::fs::write(&path, content).expect("there is room for a file");
    read(&path)
}
