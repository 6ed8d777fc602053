//! Examples to be classified, or of which a number is learnt: texts, rows of numbers, sounds and pictures, each with its
//! label, and how they become what a model reads.

mod files;
mod reader;

pub use reader::{Named, Reader, UNKNOWN, common_characters};

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::audio::AudioError;
use crate::error::{At, DataError, counted};
use crate::folders::holds;
use crate::frames::{Frames, PictureFrames, PictureSteps, SoundFrames, SoundSteps};
use crate::labelled::{self, LabelledOptions, read_label_files, read_labelled, read_labelled_numbers};
use crate::picture::{Picture, PictureError, idx_files};
use crate::table::{Table, TableError, read_table};
use crate::tokenizer::TokenizerError;

/// Extensions of files of pictures.
const PICTURES: &[&str] = &["png", "jpg", "jpeg"];

/// The kind of input of an example.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Input {
    /// What the file is like.
    #[default]
    Auto,
    /// Text, cut into tokens.
    Text,
    /// A row of numbers, one a step.
    Numbers,
    /// A sound, as the logarithm of its energy in mel bands.
    Mel,
    /// A sound, as its samples.
    Samples,
    /// A picture, row by row.
    Rows,
    /// A picture, pixel by pixel.
    Pixels,
    /// A picture, patch by patch.
    Patches,
    /// A picture as a few convolutions see it.
    Picture,
}

/// How examples are read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExampleOptions {
    /// What they are read as.
    pub input: Input,
    /// How a table of them is read; files that cannot be read are left out where its bad rows are.
    pub labelled: LabelledOptions,
    /// Whether capitals of texts are read as small letters.
    pub lowercase: bool,
    /// Whether the tokens of texts are words.
    pub words: bool,
    /// Samples of a sound, numbers of a row, or pixels along the side of a picture's patch, that make a frame.
    pub patch: Option<usize>,
    /// Samples a second that sounds are resampled to; that of the first one where left out.
    pub sample_rate: Option<u32>,
    /// Mel bands of a sound.
    pub mels: usize,
}

/// What is read of an example.
#[derive(Clone, Debug, PartialEq)]
pub enum Raw {
    /// A text.
    Text(String),
    /// A row of numbers, a sound or a picture.
    Frames(Frames),
}

/// An example and where it comes from.
#[derive(Clone, Debug)]
pub struct Example {
    /// What is true of it.
    pub label: String,
    /// What is read.
    pub value: Raw,
    /// What its steps are made of.
    pub steps: Arc<Steps>,
    /// Its file; for messages.
    pub path: PathBuf,
    /// Its line from 1; 0 where the file is one example.
    pub line: usize,
    /// Whether the data themselves keep it for a test.
    pub test: bool,
    /// What of it is not read as it is in its file, a clause each.
    pub notes: Vec<String>,
}

/// Why examples could not be read, or not be understood by a model.
#[derive(Debug, thiserror::Error)]
pub enum ExampleError {
    /// A file could not be read.
    #[error(transparent)]
    File(#[from] DataError),
    /// A table could not be read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A sound could not be read.
    #[error(transparent)]
    Audio(#[from] AudioError),
    /// A picture could not be read.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// An example that cannot be used.
    #[error(transparent)]
    Example(#[from] At<ExampleFault>),
}

/// Faults of an example.
#[derive(Debug, thiserror::Error)]
pub enum ExampleFault {
    /// A folder without any.
    #[error("no {0} to learn from was found; a folder has a subfolder for each class, with its files")]
    None(&'static str),
    /// A text without a character.
    #[error("the text is empty, at least one character is needed")]
    Empty,
    /// A text that the tokenizer does not understand.
    #[error(transparent)]
    Text(#[from] TokenizerError),
    /// Something else than what was learnt from.
    #[error("there is {found} where the model reads {wanted}")]
    Kind {
        /// What it is.
        found: &'static str,
        /// The model's input.
        wanted: &'static str,
    },
    /// Frames of another width than those that were learnt from.
    #[error("a frame has {} where the model reads {wanted}", counted(*found, "number"))]
    Width {
        /// Numbers of a frame.
        found: usize,
        /// The model's input.
        wanted: usize,
    },
    /// Something that is no number in a row of them.
    #[error("{0} is no finite number")]
    NotANumber(String),
    /// A row of another length than those that were learnt from.
    #[error("there {} {}, {wanted} as in training are needed", if *found == 1 { "is" } else { "are" }, counted(*found, "number"))]
    Count {
        /// Numbers of the row.
        found: usize,
        /// Those of the rows in training.
        wanted: usize,
    },
    /// A picture of another size, in a file that does not let it be brought to one.
    #[error(
        "picture {number} has {}x{} gray pixels, {}x{} as in training are needed",
        found[0], found[1], wanted[0], wanted[1]
    )]
    Size {
        /// Its place in the file, from 1.
        number: usize,
        /// Pixels across and down.
        found: [usize; 2],
        /// Those of the pictures in training.
        wanted: [usize; 2],
    },
    /// A text in place of a file.
    #[error("the model reads {0}; name a file")]
    NoFile(&'static str),
}

/// The kind of an example's steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Steps {
    /// The tokens of a text.
    Text {
        /// Whether capitals are read as small letters.
        lowercase: bool,
        /// Whether tokens are words: the first one of a text then has the space before it that the others have.
        words: bool,
    },
    /// The numbers of a row.
    Numbers {
        /// How many each row has.
        columns: usize,
        /// How many of them make a frame.
        width: usize,
    },
    /// Frames of a sound.
    Sound(SoundSteps),
    /// Frames of a picture.
    Picture(PictureSteps),
}

impl Steps {
    /// What they are read as.
    pub fn input(&self) -> Input {
        match self {
            Self::Text { .. } => Input::Text,
            Self::Numbers { .. } => Input::Numbers,
            Self::Sound(SoundSteps { frames: SoundFrames::Mel(_), .. }) => Input::Mel,
            Self::Sound(_) => Input::Samples,
            Self::Picture(steps) => match steps.frames {
                PictureFrames::Rows => Input::Rows,
                PictureFrames::Pixels => Input::Pixels,
                PictureFrames::Patches(_) => Input::Patches,
                PictureFrames::Whole => Input::Picture,
            },
        }
    }

    /// What a step is called.
    pub fn unit(&self) -> &'static str {
        match self {
            Self::Text { .. } => "token",
            Self::Picture(PictureSteps { frames: PictureFrames::Rows, .. }) => "row",
            Self::Picture(PictureSteps { frames: PictureFrames::Pixels | PictureFrames::Whole, .. }) => {
                "pixel"
            }
            Self::Picture(_) => "patch",
            _ => "frame",
        }
    }

    /// Whether the columns of a frame are alike, samples or pixels, so that one scale serves them all.
    fn columns_are_alike(&self) -> bool {
        match self {
            Self::Text { .. } => false,
            Self::Sound(steps) => matches!(steps.frames, SoundFrames::Samples(_)),
            Self::Numbers { .. } | Self::Picture(_) => true,
        }
    }

    /// The files that a prediction is made from.
    fn files(&self) -> &'static str {
        match self {
            Self::Sound(_) => "sounds (WAV)",
            Self::Picture(_) => "pictures (PNG, JPEG or IDX)",
            _ => "lines of text",
        }
    }

    /// A text as it is cut into tokens.
    pub fn text(&self, text: &str) -> String {
        let Self::Text { lowercase, words } = *self else { return text.to_owned() };
        let space = if words { " " } else { "" };
        let text = format!("{space}{}", text.trim());
        if lowercase { text.to_lowercase() } else { text }
    }
}

impl Example {
    /// Labelled texts that are in no file; `path` is what messages call them.
    pub fn texts(
        texts: impl IntoIterator<Item = (String, String)>,
        options: &ExampleOptions,
        path: &Path,
    ) -> Vec<Self> {
        let texts = texts.into_iter().map(|(label, text)| (label, Raw::Text(text)));
        Self::made(texts, options.text_steps(), path)
    }

    /// Labelled rows of so many numbers, likewise.
    pub fn rows(
        rows: impl IntoIterator<Item = (String, Vec<f32>)>,
        columns: usize,
        options: &ExampleOptions,
        path: &Path,
    ) -> Vec<Self> {
        let width = options.row_width();
        let rows = rows.into_iter().map(|(label, row)| (label, Raw::Frames(Frames::of_row(row, width))));
        Self::made(rows, Steps::Numbers { columns, width }, path)
    }

    /// Labelled pictures of one size, patch by patch.
    ///
    /// # Errors
    /// Patches that do not fill them.
    pub fn pictures(
        pictures: impl IntoIterator<Item = (String, Picture)>,
        steps: PictureSteps,
        path: &Path,
    ) -> Result<Vec<Self>, PictureError> {
        let frames = |(label, picture)| Ok((label, Raw::Frames(steps.frames(&picture)?)));
        let frames: Vec<_> = pictures.into_iter().map(frames).collect::<Result<_, PictureError>>()?;
        Ok(Self::made(frames.into_iter(), Steps::Picture(steps), path))
    }

    fn made(values: impl Iterator<Item = (String, Raw)>, steps: Steps, path: &Path) -> Vec<Self> {
        let steps = Arc::new(steps);
        let example = |(label, value)| {
            let (steps, path) = (steps.clone(), path.to_owned());
            Self { label, value, steps, path, line: 0, test: false, notes: Vec::new() }
        };
        values.map(example).collect()
    }
}

impl ExampleOptions {
    fn text_steps(&self) -> Steps {
        Steps::Text { lowercase: self.lowercase, words: self.words }
    }

    fn row_width(&self) -> usize {
        self.patch.unwrap_or(1)
    }

    fn skip_bad(&self) -> bool {
        self.labelled.table.skip_bad
    }
}

/// Reads a file or folder; `known` is what the steps of a trained model's examples are made of. `notes` takes a sentence for
/// each thing that was passed over.
///
/// # Errors
/// Those of the reader that fits: of tables, of folders with files named after labels or folders of them, of sounds and of
/// pictures.
pub fn read(
    path: &Path,
    options: &ExampleOptions,
    known: Option<&Steps>,
    notes: &mut dyn FnMut(&str),
) -> Result<Vec<Example>, ExampleError> {
    let input = match (known, options.input) {
        (Some(known), _) => known.input(),
        (None, Input::Auto) => found(path, options)?,
        (None, input) => input,
    };
    let options = &ExampleOptions { input, ..options.clone() };
    match input {
        Input::Numbers => numbers(path, options, notes),
        Input::Mel | Input::Samples => files::sounds(path, options, known, notes),
        Input::Rows | Input::Pixels | Input::Patches | Input::Picture => {
            files::pictures(path, options, known, notes)
        }
        Input::Auto | Input::Text => texts(path, options, notes),
    }
}

/// What a file or folder holds.
fn found(path: &Path, options: &ExampleOptions) -> Result<Input, ExampleError> {
    if !path.is_dir() {
        // A table that cannot be read is no reason to complain here: whoever reads it says it better.
        let table = read_table(path, &options.labelled.table).ok();
        return Ok(if table.is_some_and(|table| holds_numbers(&table)) {
            Input::Numbers
        } else {
            Input::Text
        });
    }
    Ok(if holds(path, &["wav"])? {
        Input::Mel
    } else if !idx_files(path)?.is_empty() || holds(path, PICTURES)? {
        Input::Rows
    } else {
        Input::Text
    })
}

/// Whether a table has numbers in all of its columns but one at most, and in three or more; one cell in ten may be bad.
fn holds_numbers(table: &Table) -> bool {
    let words = |&column: &usize| !table.mostly_numbers(column);
    table.data_columns().count() > 3 && table.data_columns().filter(words).count() < 2
}

fn texts(
    path: &Path,
    options: &ExampleOptions,
    notes: &mut dyn FnMut(&str),
) -> Result<Vec<Example>, ExampleError> {
    let read = match path.is_dir() {
        true => read_label_files(path, &options.labelled.table)?,
        false => read_labelled(path, &options.labelled)?,
    };
    Ok(labelled(read, options.text_steps(), Raw::Text, notes))
}

fn numbers(
    path: &Path,
    options: &ExampleOptions,
    notes: &mut dyn FnMut(&str),
) -> Result<Vec<Example>, ExampleError> {
    let read = read_labelled_numbers(path, &options.labelled)?;
    let (columns, width) = (read.examples[0].value.len(), options.row_width());
    let frames = |values| Raw::Frames(Frames::of_row(values, width));
    Ok(labelled(read, Steps::Numbers { columns, width }, frames, notes))
}

fn labelled<T>(
    read: labelled::Labelled<T>,
    steps: Steps,
    value: impl Fn(T) -> Raw,
    notes: &mut dyn FnMut(&str),
) -> Vec<Example> {
    read.notes.iter().for_each(|note| notes(note));
    read.skipped.iter().for_each(|skipped| notes(&format!("{skipped} (skipped)")));
    if read.unsigned > 0 {
        let (rows, path) = (counted(read.unsigned, "row"), read.files[0].display());
        let which = if read.unsigned == 1 { "has" } else { "have" };
        notes(&format!(
            "{path}: {rows} {which} the number 0, without a sign, and left out; with data.labels sign-or-zero they are a class"
        ));
    }
    let (files, steps) = (read.files, Arc::new(steps));
    let example = |labelled::Example { label, value: of, file, line }| {
        let (steps, path) = (steps.clone(), files[file].clone());
        Example { label, value: value(of), steps, path, line, test: false, notes: Vec::new() }
    };
    read.examples.into_iter().map(example).collect()
}
