//! `[data]`: what is learnt from.

use std::path::PathBuf;

use anaphora_data::Encoding;
pub use anaphora_data::examples::Input;
use anaphora_data::labelled::Labels;
pub use anaphora_data::table::Decimal;
use anaphora_data::table::Layout;
use serde::{Deserialize, Serialize};

use super::Accepts::{Below, Bool, Encoded, OneOf, Path, Positive, Text, Tokens, Whole};
use super::Task::{Caption, Chorales, Classify, Forecast, Memory, Music, Regress, Trajectory, Translate};
use super::field::{MANY, WIDE, section, takes, words};
use super::readers::When::{For, Is, Not, NotTasks, Set, Tasks, Unset};
use super::readers::{EXAMPLES, FROM_FILE, LABELLED, OF_TABLE, OF_TEXT, SPLIT, STREAMED, TABLES, TOKENIZED};
use super::{Builtin, Task, Tokenizer};

section! {
    /// `[data]`: what is learnt from.
    Data in "data" {
        /// A file or folder to learn from, as PATH; with a target, the lines that are read.
        train: Option<PathBuf> = None, takes(Path).flag("source", "FILE");

        /// Learn from data made by rule, without a file.
        builtin: Option<Builtin> = None, takes(OneOf(words::<Builtin>)).common("builtin", "NAME");

        /// A file or folder to validate on, instead of a share of the training data.
        validation: Option<PathBuf> = None,
            takes(Path).common("valid", "PATH").read(&[NotTasks(&[Forecast, Trajectory, Memory])]);

        /// Share of the pieces or examples held out for validation; of text, that of 10,000,000 characters at most.
        validation_fraction: f64 = 0.1, takes(Below(0.0, 1.0)).flag("validation-fraction", "SHARE").read(&[
            NotTasks(&[Memory]),
            Unset("data.validation"),
            Unset("series.validation_from"),
            For(&[Chorales], &FROM_FILE),
        ]);

        /// Which examples are held out for validation: random ones, the same for each training, or the last ones.
        hold_out: HoldOut = HoldOut::Random,
            takes(OneOf(words::<HoldOut>)).read(&[Tasks(SPLIT), For(&[Chorales], &FROM_FILE)]);

        /// Keep one of so many examples for a test, neither learnt nor validated on; 0 for none.
        test_every: usize = 0,
            takes(Whole(0, MANY))
                .common("test-every", "N")
                .read(&[Tasks(SPLIT), For(&[Chorales], &FROM_FILE)]);

        /// Which of them, from 1; the last where left out. One after the other, they make a cross-validation.
        test_offset: Option<usize> = None,
            takes(Whole(1, MANY)).read(&[Tasks(SPLIT), Set("data.test_every")]);

        /// Names of the files kept for a test: a pattern with *, ? and [0-4], as in *_[0-4].wav.
        test_files: Option<String> = None,
            takes(Text).flag("test-files", "PATTERN").read(&[Tasks(&[Classify, Regress]), FROM_FILE]);

        /// What an example is read as; auto finds it from the file.
        input: Input = Input::Auto,
            takes(OneOf(words::<Input>))
                .common("input", "KIND")
                .read(&[Tasks(&[Classify, Regress, Caption]), For(EXAMPLES, &FROM_FILE)]);

        /// The encoding of texts and tables: auto finds it, others are named, as in utf-8, windows-1252, utf-16le, shift_jis.
        encoding: Encoding = Encoding::AUTO,
            takes(Encoded).flag("encoding", "NAME").read(&[NotTasks(&[Memory]), FROM_FILE]);

        /// How the cells of a table are told apart; found from the file where left out.
        layout: Option<Layout> = None,
            takes(OneOf(words::<Layout>)).read(&[Tasks(TABLES), FROM_FILE, Unset("data.target"), OF_TABLE]);

        /// The mark before the decimals of numbers in a table; found from the file where left out.
        decimal: Option<Decimal> = None, takes(OneOf(words::<Decimal>)).read(&[
            Tasks(&[Classify, Regress, Forecast, Trajectory]),
            FROM_FILE,
            OF_TABLE,
        ]);

        /// Column of labels, or of numbers to be predicted, by its name or its number from 1; found where left out.
        label_column: Option<String> = None,
            takes(Text).common("label", "COLUMN").read(&[Tasks(LABELLED), FROM_FILE, OF_TABLE]);

        /// Column of texts, by its name or its number from 1; found where left out.
        text_column: Option<String> = None,
            takes(Text).common("text", "COLUMN").read(&[Tasks(LABELLED), FROM_FILE, OF_TEXT]);

        /// What a label is made of: its cell, or the sign of the number in it, without zeros or with neutral for them.
        labels: Labels = Labels::Cell,
            takes(OneOf(words::<Labels>))
                .flag("labels", "KIND")
                .read(&[Tasks(&[Classify]), FROM_FILE, OF_TEXT]);

        /// Leave out what cannot be read, and say so, instead of ending there.
        skip_bad: bool = false,
            takes(Bool).flag("skip-bad", "BOOL").read(&[NotTasks(&[Music, Task::Text, Memory]), FROM_FILE]);

        /// Samples a second to which sounds are resampled; the first one's where left out.
        sample_rate: Option<u32> = None,
            takes(Whole(1, 1_000_000)).read(&[Tasks(EXAMPLES), Is("data.input", &["mel", "samples"])]);

        /// Bands of a sound's log-mel frames.
        mels: usize = 40, takes(Whole(1, 512)).read(&[Tasks(EXAMPLES), Is("data.input", &["mel"])]);

        /// Samples of a sound, numbers of a row or series, or pixels along the side of a picture's patch, in a frame.
        patch: Option<usize> = None, takes(Whole(1, WIDE)).flag("patch", "N").read(&[
            Tasks(&[Classify, Regress, Caption, Forecast, Trajectory]),
            Is("data.input", &["numbers", "samples", "patches"]),
        ]);

        /// A file with what each line becomes; else it is the second column.
        target: Option<PathBuf> = None,
            takes(Path).common("target", "FILE").read(&[Tasks(&[Translate]), FROM_FILE]);

        /// A file with what each line that is validated on becomes.
        validation_target: Option<PathBuf> = None,
            takes(Path).common("valid-target", "FILE").read(&[Tasks(&[Translate]), Set("data.validation")]);

        /// One vocabulary for what is read and what is written.
        shared_vocabulary: bool = false,
            takes(Bool).flag("shared-vocabulary", "BOOL").read(&[Tasks(&[Translate])]);

        /// Pixels along both sides to which pictures are brought; 64 where left out.
        picture_size: Option<usize> = None, takes(Whole(4, 1024)).read(&[Tasks(&[Caption]), FROM_FILE]);

        /// What a token is; auto is a word, or a character where nearly all texts have one word each.
        tokenizer: Tokenizer = Tokenizer::Character,
            takes(Tokens).common("tokenizer", "KIND").read(&[Tasks(TOKENIZED), OF_TEXT]);

        /// Times that a word, or a pair that bpe or wordpiece would merge, must occur to be kept.
        vocabulary_min_count: usize = 2, takes(Whole(1, MANY)).read(&[
            Tasks(TOKENIZED),
            OF_TEXT,
            Not("data.tokenizer", &["byte", "unigram", "file"]),
            For(&[Music, Task::Text, Translate, Caption], &Not("data.tokenizer", &["character"])),
        ]);

        /// How windows are drawn from the data: each begins anywhere, or where the one before it in its row ended.
        windows: Windows = Windows::Sequential, takes(OneOf(words::<Windows>)).read(&[Tasks(STREAMED)]);

        /// Read texts that are classified or stand for a number, or words to be tagged, in lower case.
        lowercase: bool = false, takes(Bool).read(&[Tasks(LABELLED), OF_TEXT]);

        /// What stands between the labels of an example that may have several, as in |; where left out, each has one.
        label_separator: Option<String> = None, takes(Text).read(&[Tasks(&[Classify])]);

        /// Quarter notes that a frame of chords lasts, where they are read from or written to MIDI.
        frame: f64 = 1.0, takes(Positive).read(&[Tasks(&[Chorales])]);

        /// Learn each piece of chords in any key in which it keeps within the range of all, another one each time.
        transpose: bool = true, takes(Bool).read(&[Tasks(&[Chorales])]);

        /// Tokens of text or events above which they go to files of the run instead of memory.
        tokens_in_memory: usize = 16 << 20, takes(Whole(0, MANY)).read(&[Tasks(STREAMED)]);
    }
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
