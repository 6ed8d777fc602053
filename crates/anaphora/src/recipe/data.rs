//! `[data]`: what is learnt from.

use std::path::PathBuf;

pub use anaphora_data::examples::Input;
use anaphora_data::labelled::Labels;
use anaphora_data::table::Layout;
use serde::{Deserialize, Serialize};

use super::{Builtin, Tokenizer};

/// `[data]`: what is learnt from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Data {
    /// A file, or a folder of files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train: Option<PathBuf>,
    /// Data made by rule instead of a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub builtin: Option<Builtin>,
    /// A file or folder to validate on; a share of the training data where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<PathBuf>,
    /// The share of the pieces or examples that is held out for validation; of text, as many characters as that share of
    /// 10,000,000 at most.
    pub validation_fraction: f64,
    /// Which examples are held out for validation; of pieces of text and music it is the last ones.
    pub hold_out: HoldOut,
    /// Every so many examples, one is neither learnt nor validated on, but kept for a test; 0 keeps none.
    pub test_every: usize,
    /// Which of them: from 1, the last of each group where left out. Leaving out one after the other is a cross-validation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_offset: Option<usize>,
    /// The examples that are kept for a test by the names of their files: a pattern with `*`, `?` and `[0-4]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_files: Option<String>,
    /// What an example is read as.
    pub input: Input,
    /// How the cells of a table are told apart; found from the file where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// The column of labels, by its name or its number from 1; found where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_column: Option<String>,
    /// The column of texts, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_column: Option<String>,
    /// What a label is made of.
    pub labels: Labels,
    /// Leave out what cannot be read, and say so, instead of ending there.
    pub skip_bad: bool,
    /// Samples a second that sounds are resampled to; that of the first one where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_rate: Option<u32>,
    /// Bands of a sound's log-mel frames.
    pub mels: usize,
    /// Samples of a sound, numbers of a row, or pixels along the side of a picture's patch, that make a frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patch: Option<usize>,
    /// A file with what each line of `train` becomes, where that is not in a second column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<PathBuf>,
    /// The same for `validation`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_target: Option<PathBuf>,
    /// One vocabulary for what is read and what is written.
    pub shared_vocabulary: bool,
    /// Pixels along both sides to which pictures are brought; 64 for captions where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture_size: Option<usize>,
    /// What a token is.
    pub tokenizer: Tokenizer,
    /// How often a word, or a pair that BPE or WordPiece would merge, must occur to be kept.
    pub vocabulary_min_count: usize,
    /// How windows are drawn from the data.
    pub windows: Windows,
    /// Texts to be classified are read in lower case.
    pub lowercase: bool,
    /// What stands between the labels of an example that may have several; where left out, each has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_separator: Option<String>,
    /// Quarter notes that a frame of chords lasts, where they are read from MIDI files.
    pub frame: f64,
    /// Learn each piece of chords in any key in which it keeps within the range of all, another one each time.
    pub transpose: bool,
    /// Tokens of a text or of events above which they are kept in files of the run instead of in memory.
    pub tokens_in_memory: usize,
}

/// Which examples are held out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HoldOut {
    /// Any, the same ones for each training.
    #[default]
    Random,
    /// The last ones.
    End,
}

/// How windows are drawn from the data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Windows {
    /// Each begins anywhere.
    Random,
    /// Each begins where the one before it in its row ended; pieces are shuffled.
    #[default]
    Sequential,
}

impl Data {
    /// The files and folders, each by the recipe's field that names it.
    pub fn paths_mut(&mut self) -> [(&'static str, &mut Option<PathBuf>); 4] {
        [
            ("data.train", &mut self.train),
            ("data.validation", &mut self.validation),
            ("data.target", &mut self.target),
            ("data.validation_target", &mut self.validation_target),
        ]
    }
}

impl Default for Data {
    fn default() -> Self {
        Self {
            train: None,
            builtin: None,
            validation: None,
            validation_fraction: 0.1,
            hold_out: HoldOut::default(),
            test_every: 0,
            test_offset: None,
            test_files: None,
            input: Input::default(),
            layout: None,
            label_column: None,
            text_column: None,
            labels: Labels::default(),
            skip_bad: false,
            sample_rate: None,
            mels: 40,
            patch: None,
            target: None,
            validation_target: None,
            shared_vocabulary: false,
            picture_size: None,
            tokenizer: Tokenizer::default(),
            vocabulary_min_count: 2,
            windows: Windows::default(),
            lowercase: false,
            label_separator: None,
            frame: 1.0,
            transpose: true,
            tokens_in_memory: 16 << 20,
        }
    }
}
