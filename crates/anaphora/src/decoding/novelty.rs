//! Novelty: how much of a generated text is copied from the training data.

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
}

/// Compares texts with the training data; of `tunes` the notes.
pub fn novelty(texts: &[&str], training: &Section, tunes: bool) -> Result<Vec<Novelty>> {
    let texts: Vec<&str> = texts.iter().map(|text| if tunes { without_header(text) } else { text }).collect();
    let mut copying: Vec<Copying> = texts.iter().map(|text| Copying::new(text, PASSAGE)).collect();
    if tunes {
        training.each_piece(|tune| {
            for copying in &mut copying {
                copying.read(without_header(tune));
                copying.end_piece();
            }
            Ok::<_, Error>(())
        })?;
    } else {
        training.replay(|event| {
            match event {
                Event::Begin { .. } => {}
                Event::Text(text) => copying.iter_mut().for_each(|copying| copying.read(text)),
                Event::End => copying.iter_mut().for_each(Copying::end_piece),
            }
            Ok::<_, Error>(())
        })?;
    }
    let novelty = |(text, copying): (&&str, &Copying)| {
        let shared = copying.longest();
        Novelty {
            longest: shared.as_ref().map_or(0, |shared| shared.length),
            passage: shared.map(|shared| text[shared.range].to_owned()).unwrap_or_default(),
            share: copying.share(),
            window: PASSAGE,
        }
    };
    Ok(texts.iter().zip(&copying).map(novelty).collect())
}

/// A tune without the lines up to its key; a text that has no such line as it is.
fn without_header(tune: &str) -> &str {
    let key = if tune.starts_with("K:") { Some(0) } else { tune.find("\nK:").map(|at| at + 1) };
    key.and_then(|at| tune[at..].split_once('\n')).map_or(tune, |(_, notes)| notes)
}
