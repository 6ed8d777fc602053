//! Novelty: how much of a generated text is copied from the training data.

use std::ops::{ControlFlow, Range};

use anaphora_data::Section;
use anaphora_data::copying::Copying;
use anaphora_data::texts::Event;

use crate::{Error, Result};

/// Characters of the passages that [`Novelty::share`] counts.
const PASSAGE: usize = 16;

/// How much of a text is copied from the training data.
#[derive(Clone, Debug, PartialEq)]
pub struct Novelty {
    /// Characters of the longest passage that stands in the training data too.
    pub longest: usize,
    /// That passage.
    pub passage: String,
    /// Share of the text's passages of [`Novelty::window`] characters that stand in the training data; none where the text
    /// is shorter.
    pub share: Option<f64>,
    /// Characters of the passages that are counted.
    pub window: usize,
    /// Where such passages stand in the text: places of its characters, in order and apart from one another.
    pub copied: Vec<Range<usize>>,
}

/// Compares texts with the training data; of `tunes` the notes. `observer` is asked again and again whether to go on.
///
/// # Errors
/// Training data that cannot be read, and [`Error::Stopped`] where the observer breaks.
pub fn novelty(
    texts: &[&str],
    training: &Section,
    tunes: bool,
    observer: &mut dyn FnMut() -> ControlFlow<()>,
) -> Result<Vec<Novelty>> {
    let mut go_on = || if observer().is_break() { Err(Error::Stopped) } else { Ok(()) };
    let headers: Vec<usize> = texts.iter().map(|text| if tunes { header(text) } else { 0 }).collect();
    let (whole, texts) =
        (texts, texts.iter().zip(&headers).map(|(text, &header)| &text[header..]).collect::<Vec<&str>>());
    let mut copying: Vec<Copying> = texts.iter().map(|text| Copying::new(text, PASSAGE)).collect();
    if tunes {
        training.each_piece(|tune| {
            for copying in &mut copying {
                copying.read(&tune[header(tune)..]);
                copying.end_piece();
            }
            go_on()
        })?;
    } else {
        training.replay(|event| {
            match event {
                Event::Begin { .. } => {}
                Event::Text(text) => copying.iter_mut().for_each(|copying| copying.read(text)),
                Event::End => copying.iter_mut().for_each(Copying::end_piece),
            }
            go_on()
        })?;
    }
    let novelty = |(number, (text, copying)): (usize, (&&str, &Copying))| {
        let before = whole[number][..headers[number]].chars().count();
        let shared = copying.longest();
        Novelty {
            longest: shared.as_ref().map_or(0, |shared| shared.length),
            passage: shared.map(|shared| text[shared.range].to_owned()).unwrap_or_default(),
            share: copying.share(),
            window: PASSAGE,
            copied: copying.copied().into_iter().map(|part| part.start + before..part.end + before).collect(),
        }
    };
    Ok(texts.iter().zip(&copying).enumerate().map(novelty).collect())
}

/// Bytes of the lines of a tune up to its key; none of a text that has no such line.
fn header(tune: &str) -> usize {
    let key = if tune.starts_with("K:") { Some(0) } else { tune.find("\nK:").map(|at| at + 1) };
    key.and_then(|at| Some(at + tune[at..].find('\n')? + 1)).unwrap_or(0)
}
