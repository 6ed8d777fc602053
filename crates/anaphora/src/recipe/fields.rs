//! The table of a recipe's fields: what each is, and which values it takes.

use std::fmt;

use toml::Value;

use super::{Builtin, RecipeError, Tokenizer};

/// One field of a recipe.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its dotted path: `training.batch`.
    pub path: &'static str,
    /// The values it takes.
    pub accepts: Accepts,
    /// What it is, in a line.
    pub help: &'static str,
}

/// The values that a field takes. `Display` says it after "it takes".
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Accepts {
    /// `true` or `false`.
    Flag,
    /// The path of a file or folder.
    Path,
    /// Any text.
    Text,
    /// A [`Tokenizer`].
    Kind,
    /// One of some words.
    Word(&'static [&'static str]),
    /// A whole number, from the first to the second.
    Whole(i64, i64),
    /// A number, from the first to the second.
    Number(f64, f64),
    /// A number, from the first to below the second.
    Below(f64, f64),
    /// A number above zero.
    Positive,
    /// Two numbers from 0 to below 1.
    Shares,
    /// One or several numbers between 0 and 1.
    Levels,
}

use Accepts::{Below, Flag, Kind, Levels, Number, Path, Positive, Shares, Text, Whole, Word};

const fn field(path: &'static str, accepts: Accepts, help: &'static str) -> Field {
    Field { path, accepts, help }
}

/// The largest size of one dimension.
const WIDE: i64 = 65_536;
/// The largest count of steps, tokens and the like.
const MANY: i64 = 1_000_000_000_000;

/// All fields, section by section, as a recipe file lists them.
pub const FIELDS: &[Field] = &[
    field(
        "task",
        Word(&[
            "auto",
            "music",
            "text",
            "classify",
            "regress",
            "translate",
            "caption",
            "forecast",
            "trajectory",
            "memory",
            "chorales",
            "events",
            "tag",
        ]),
        "what is learnt; auto finds it from the file",
    ),
    field(
        "data.train",
        Path,
        "a file or folder to learn from, as PATH; with a target, the lines that are read",
    ),
    field("data.builtin", Word(Builtin::NAMES), "learn from data made by rule, without a file"),
    field("data.validation", Path, "what to validate on, instead of a share of the training data"),
    field(
        "data.validation_fraction",
        Below(0.0, 1.0),
        "share of the pieces held out for validation; of text, that of 10,000,000 characters at most",
    ),
    field("data.hold_out", Word(&["random", "end"]), "which examples are held out for validation"),
    field("data.test_every", Whole(0, MANY), "keep one of so many examples for a test, 0 for none"),
    field("data.test_offset", Whole(1, MANY), "which of them, from 1; the last where left out"),
    field("data.test_files", Text, "names of the files kept for a test, as in *_[0-4].wav"),
    field(
        "data.input",
        Word(&["auto", "text", "numbers", "mel", "samples", "rows", "pixels", "patches", "picture"]),
        "what an example is read as",
    ),
    field(
        "data.layout",
        Word(&["comma", "semicolon", "tab", "space", "head"]),
        "what stands between cells; found where left out",
    ),
    field("data.label_column", Text, "column of labels, by name or number; found where left out"),
    field("data.text_column", Text, "column of texts, by name or number; found where left out"),
    field("data.labels", Word(&["cell", "sign"]), "a label is its cell, or the sign of the number in it"),
    field("data.skip_bad", Flag, "leave out what cannot be read, and say so"),
    field(
        "data.sample_rate",
        Whole(1, 1_000_000),
        "samples a second of sounds; the first one's where left out",
    ),
    field("data.mels", Whole(1, 512), "bands of a sound's mel frames"),
    field("data.patch", Whole(1, WIDE), "samples, numbers, or pixels along the side of a patch, in a frame"),
    field("data.tokenizer", Kind, "what a token is"),
    field(
        "data.vocabulary_min_count",
        Whole(1, MANY),
        "times that a word or merged pair must occur to be kept",
    ),
    field("data.windows", Word(&["random", "sequential"]), "how windows are drawn from the data"),
    field("data.target", Path, "a file with what each line becomes; else it is the second column"),
    field("data.validation_target", Path, "a file with what each line that is validated on becomes"),
    field("data.shared_vocabulary", Flag, "one vocabulary for what is read and what is written"),
    field(
        "data.picture_size",
        Whole(4, 1024),
        "pixels along both sides of pictures; 64 for captions where left out",
    ),
    field("data.lowercase", Flag, "read texts to be classified in lower case"),
    field("data.label_separator", Text, "what stands between the labels of an example with several, as in |"),
    field(
        "data.frame",
        Positive,
        "quarter notes that a frame of chords lasts, where they are read from MIDI",
    ),
    field("data.transpose", Flag, "learn pieces of chords in any key, transposed anew each time"),
    field(
        "data.tokens_in_memory",
        Whole(0, MANY),
        "tokens of text or events above which they go to files of the run",
    ),
    field("series.horizon", Whole(1, WIDE), "steps of a series that are forecast"),
    field(
        "series.lookback",
        Whole(1, WIDE),
        "steps that a forecast reads; three chunks or two seasons where left out",
    ),
    field("series.chunk", Whole(1, WIDE), "steps that are forecast at once; the horizon where left out"),
    field(
        "series.season",
        Whole(1, WIDE),
        "steps after which a series is like itself; from the dates where left out",
    ),
    field("series.date_column", Text, "column of dates, by name or number; found where left out"),
    field("series.date_format", Text, "how dates are written, as %d.%m.%Y; found where left out"),
    field("series.columns", Text, "columns of numbers, parted by commas; all others where left out"),
    field(
        "series.path_column",
        Text,
        "column that says to which path a row belongs; the first where left out",
    ),
    field(
        "series.fill",
        Word(&["previous", "linear"]),
        "what takes the place of what is missing in a series",
    ),
    field("series.transform", Word(&["none", "log", "sqrt"]), "what is learnt in place of a series' numbers"),
    field("series.normalize", Word(&["none", "last", "window"]), "what a window's numbers are counted from"),
    field(
        "series.channels",
        Word(&["independent", "joint"]),
        "whether the columns of a series are forecast together",
    ),
    field("series.calendar", Flag, "forecasts read the hour, the day and the month, too"),
    field(
        "series.patch_stride",
        Whole(1, WIDE),
        "steps from patch to patch of a series; half a patch where left out",
    ),
    field("series.validation_from", Text, "where validation begins in a series: a date, or a share of it"),
    field("series.test_from", Text, "where a series is kept for a test: a date, or a share of it"),
    field("series.until", Text, "where a series ends, what follows is left alone: a date, or a share of it"),
    field("series.test_stride", Whole(1, MANY), "steps from one forecast of a test to the next"),
    field("model.backbone", Word(&["window", "rnn", "gru", "lstm", "transformer"]), "kind of model"),
    field("model.nonlinearity", Word(&["tanh", "relu"]), "activation of an rnn"),
    field("model.layers", Whole(1, 48), "layers, one above the other"),
    field("model.hidden_size", Whole(1, WIDE), "units a layer"),
    field(
        "model.embedding_size",
        Whole(0, WIDE),
        "width of the input embedding, 0 for one-hot input; 128, a transformer's width where left out",
    ),
    field("model.bidirectional", Flag, "recurrent layers also read from the end, where the task allows it"),
    field(
        "model.pooling",
        Word(&["last", "mean", "max", "attention"]),
        "how the steps of an example become one",
    ),
    field("model.dropout", Below(0.0, 1.0), "share of activations dropped between layers"),
    field("model.variational_dropout", Flag, "one dropout mask for all steps"),
    field("model.tied_weights", Flag, "share the head's weights with the embedding"),
    field("model.forget_bias", Number(-100.0, 100.0), "what an lstm's forget gates start from"),
    field("model.window", Whole(1, WIDE), "steps that the window backbone sees"),
    field("model.heads", Whole(1, WIDE), "heads of attention; one for 64 units where left out"),
    field("model.kv_heads", Whole(1, WIDE), "heads of keys and values; as many as heads where left out"),
    field("model.context", Whole(1, WIDE), "steps that a token attends to; training.length where left out"),
    field(
        "model.position",
        Word(&["none", "sinusoidal", "learned", "rotary", "alibi"]),
        "how a transformer knows the order",
    ),
    field("model.similarity", Word(&["dot", "cosine"]), "how queries and keys are compared"),
    field(
        "model.feed_forward",
        Word(&["relu", "gelu", "gelu_tanh", "swiglu"]),
        "activation of a transformer's feed-forward networks",
    ),
    field(
        "model.feed_forward_size",
        Whole(1, WIDE),
        "units of their inner layer; 4 hidden_size where left out",
    ),
    field("model.norm", Word(&["layer", "rms"]), "how a transformer normalises"),
    field(
        "model.norm_epsilon",
        Positive,
        "what norms add to the variance; 1e-5, for rms 1e-6 where left out",
    ),
    field("model.norm_first", Flag, "norms in front of each part, not behind its residual sum"),
    field("model.bias", Flag, "biases in a transformer's linear maps and norms"),
    field("model.attention_dropout", Below(0.0, 1.0), "share of attention weights dropped"),
    field(
        "model.attention",
        Word(&["none", "luong", "bahdanau"]),
        "how a recurrent decoder looks at what an encoder read",
    ),
    field("model.input_feeding", Flag, "a recurrent decoder reads what it found beside the next token"),
    field("model.head", Word(&["point", "gaussian", "quantile"]), "what is forecast of a number"),
    field("model.levels", Levels, "levels of the quantiles that are forecast"),
    field(
        "model.shortcut",
        Word(&["none", "linear"]),
        "what a forecast is counted from: the network learns what is left",
    ),
    field(
        "model.notes",
        Word(&["independent", "conditioned"]),
        "how the notes of a chord depend on one another",
    ),
    field("model.chrono", Whole(2, WIDE), "steps that the gates of an lstm or gru begin fit to remember"),
    field(
        "model.character_size",
        Whole(0, WIDE),
        "units that read the characters of a word, 0 for words alone",
    ),
    field("training.batch", Whole(1, WIDE), "sequences a batch"),
    field("training.length", Whole(1, WIDE), "steps of time a sequence"),
    field("training.carry_state", Flag, "carry the state between sequential windows"),
    field(
        "training.batch_units",
        Whole(1, MANY),
        "tokens or frames a batch, instead of training.batch sequences",
    ),
    field("training.label_smoothing", Below(0.0, 1.0), "share of the target spread over all classes"),
    field(
        "training.scheduled_sampling",
        Number(0.0, 1.0),
        "share of true tokens that a decoder's own replace",
    ),
    field(
        "training.curriculum",
        Number(0.0, 1.0),
        "share of a batch that asks for less memory, in problems of it",
    ),
    field("training.class_weights", Word(&["none", "balanced"]), "count rare classes for more"),
    field("training.steps", Whole(1, MANY), "end after so many optimizer steps"),
    field("training.epochs", Positive, "end after so many passes over the data"),
    field("training.minutes", Positive, "end after so many minutes"),
    field("training.optimizer", Word(&["adamw", "sgd", "muon", "lion"]), "optimizer"),
    field("training.learning_rate", Positive, "peak learning rate"),
    field("training.momentum", Below(0.0, 1.0), "momentum of sgd and muon"),
    field("training.betas", Shares, "decay rates of the moments of adamw, lion and muon"),
    field("training.weight_decay", Number(0.0, f64::MAX), "decoupled weight decay"),
    field("training.warmup_steps", Whole(0, MANY), "steps over which the rate rises"),
    field("training.schedule", Word(&["constant", "cosine", "plateau"]), "how the rate falls after that"),
    field("training.min_learning_rate_factor", Number(0.0, 1.0), "lowest rate, as a share of the peak"),
    field("training.plateau_factor", Below(0.0, 1.0), "what a plateau multiplies the rate by"),
    field("training.plateau_patience", Whole(1, MANY), "validations without progress that make a plateau"),
    field("training.clip", Number(0.0, f64::MAX), "largest global norm of the gradient, 0 for no clipping"),
    field("training.accumulate", Whole(1, WIDE), "batches an optimizer step"),
    field("training.validate_every", Whole(1, MANY), "steps from validation to validation"),
    field("training.patience", Whole(0, MANY), "validations without progress that end training, 0 for never"),
    field("training.checkpoint_every", Whole(1, MANY), "steps from checkpoint to checkpoint"),
    field("training.seed", Whole(0, u32::MAX as i64), "where all randomness starts from"),
    field("training.threads", Whole(0, 1024), "threads, 0 for one a core"),
    field("training.precision", Word(&["auto", "f32", "bf16"]), "numbers that products are computed in"),
];

impl Field {
    /// The part of the path before the dot.
    pub(super) fn section(&self) -> &'static str {
        self.path.split_once('.').map_or("", |(section, _)| section)
    }

    /// The field with this dotted path, or an error with the nearest name.
    pub fn find(path: &str) -> Result<&'static Field, RecipeError> {
        FIELDS
            .iter()
            .find(|field| field.path == path)
            .ok_or_else(|| RecipeError::UnknownField { field: path.to_owned(), nearest: nearest(path) })
    }

    /// Whether the field takes this value.
    pub(super) fn check(&self, value: &Value) -> Result<(), RecipeError> {
        if self.accepts.takes(value) {
            return Ok(());
        }
        // Tables and long texts would make a sentence of many lines.
        let mut found: String = value.to_string().replace('\n', " ");
        if found.chars().count() > 60 {
            found = found.chars().take(60).chain(" …".chars()).collect();
        }
        Err(RecipeError::Value { field: self.path, found, accepts: self.accepts })
    }
}

/// The known field whose name is most like the last part of `path`, or whose path is most like all of it.
fn nearest(path: &str) -> Option<&'static str> {
    let name = |path: &str| path.rsplit('.').next().unwrap_or_default().to_lowercase();
    let likeness = |field: &Field| {
        let names = strsim::jaro_winkler(&name(path), &name(field.path));
        // The whole path decides between equal names only.
        names + 0.01 * strsim::jaro_winkler(path, field.path)
    };
    let best = FIELDS.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) > 0.8).then_some(best.path)
}

impl Accepts {
    fn takes(&self, value: &Value) -> bool {
        let number = match value {
            Value::Integer(whole) => Some(*whole as f64),
            Value::Float(number) => Some(*number),
            _ => None,
        };
        match *self {
            Flag => value.is_bool(),
            Path | Text => value.as_str().is_some_and(|text| !text.is_empty()),
            Kind => value.as_str().is_some_and(|text| text.parse::<Tokenizer>().is_ok()),
            Word(words) => value.as_str().is_some_and(|word| words.contains(&word)),
            Whole(from, to) => value.as_integer().is_some_and(|x| (from..=to).contains(&x)),
            Number(from, to) => number.is_some_and(|x| (from..=to).contains(&x)),
            Below(from, to) => number.is_some_and(|x| (from..to).contains(&x)),
            Positive => number.is_some_and(|x| x > 0.0 && x.is_finite()),
            Shares => value
                .as_array()
                .is_some_and(|pair| pair.len() == 2 && pair.iter().all(|x| Below(0.0, 1.0).takes(x))),
            Levels => value.as_array().is_some_and(|levels| {
                !levels.is_empty() && levels.iter().all(|x| x.as_float().is_some_and(|x| x > 0.0 && x < 1.0))
            }),
        }
    }
}

impl fmt::Display for Accepts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Flag => f.write_str("true or false"),
            Path => f.write_str("the path of a file or folder, in quotes"),
            Text => f.write_str("a text, in quotes"),
            Kind => f.write_str(
                "character, byte, word, bpe, wordpiece or unigram, the last four with a size if wanted \
                 (bpe:4096), or the path of a tokenizer's .json file",
            ),
            Word(words) => match words.split_last() {
                Some((last, others)) if !others.is_empty() => write!(f, "{} or {last}", others.join(", ")),
                _ => f.write_str(&words.concat()),
            },
            Whole(from, MANY) => write!(f, "a whole number from {from} on"),
            Whole(from, to) => write!(f, "a whole number from {from} to {to}"),
            Number(from, f64::MAX) => write!(f, "a number from {from} on"),
            Number(from, to) => write!(f, "a number from {from} to {to}"),
            Below(from, to) => write!(f, "a number from {from} to below {to}"),
            Positive => f.write_str("a number above 0"),
            Shares => f.write_str("two numbers from 0 to below 1, as in [0.9, 0.999]"),
            Levels => f.write_str("numbers between 0 and 1, as in [0.1, 0.5, 0.9]"),
        }
    }
}
