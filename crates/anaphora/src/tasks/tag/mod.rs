//! Tagging: a tag for each word of a sentence, by all of its words.

mod examples;
mod lexicon;

use anaphora_data::tagged::{Sentence, Tagged, TaggedOptions, is_in_columns, read_tagged, read_words};
use anaphora_data::{Packed, Place, builtin};
use serde_json::json;

use self::examples::Examples;
use self::lexicon::LEXICON;
pub use self::lexicon::Lexicon;
use super::shared::classes::{class_weights, likeliest, seen_once};
use super::shared::{
    ExampleTask, Input, Lesson, PredictTask, Prediction, Reading, Splits, Using, column, each_line, hold_out,
    malformed_at, table_options,
};
use crate::Result;
use crate::metrics::{Evaluation, Span, spans};
use crate::model::{Compute, Objective, SequenceModel, Targets};
use crate::recipe::{self, Backbone, Data, Recipe, Task};
use crate::run::assets::Assets;
use crate::training::{Description, Validation};

/// The seeds from which built-in sentences are made, and how many: to learn and validate on, and for a test.
const BUILTIN: [(u64, usize); 2] = [(1, 2_000), (2, 500)];

/// Better defaults for tagging than a language model's.
pub fn defaults(recipe: &mut Recipe) {
    let Recipe { data, model, training, .. } = recipe;
    data.tokenizer = recipe::Tokenizer::Word { size: 20_000 };
    (model.hidden_size, model.bidirectional) = (128, true);
    if model.backbone == Backbone::Transformer {
        (model.layers, model.dropout) = (2, 0.1);
        training.learning_rate = 1e-3;
    } else {
        (model.layers, model.dropout) = (1, 0.5);
        training.learning_rate = 3e-3;
    }
    training.batch = 16;
    (training.validate_every, training.checkpoint_every, training.patience) = (100, 200, 8);
}

/// How the recipe's files are read.
fn options(data: &Data) -> TaggedOptions {
    TaggedOptions {
        table: table_options(data),
        word: data.text_column.as_deref().map(column),
        tag: data.label_column.as_deref().map(column),
    }
}

fn made((seed, count): (u64, usize)) -> Vec<Sentence> {
    let sentence = |tagged: Vec<builtin::TaggedWord>| {
        let lines = vec![0; tagged.len()];
        let (words, tags) = tagged.into_iter().unzip();
        Sentence { words, tags, lines }
    };
    builtin::phrases(seed, count).into_iter().map(sentence).collect()
}

impl Lesson for Lexicon {
    type Encoded = Examples;
    type Model = SequenceModel;

    fn task(&self) -> Task {
        Task::Tag
    }

    fn lengths(&self, examples: &Examples) -> Vec<usize> {
        examples.lengths()
    }

    fn describe(&self, train: &Examples, validation: &Examples) -> Description {
        Description {
            example: "sentence",
            unit: "word",
            train: train.size(),
            validation: validation.size(),
            maps: self.description(),
            characters: None,
        }
    }

    fn batch(&self, examples: &Examples, batch: &[usize], _: Place) -> (Packed, Targets) {
        (examples.batch(batch), examples.targets(batch))
    }

    fn validate(&self, model: &SequenceModel, compute: &mut Compute, on: &Examples) -> Result<Validation> {
        Ok(on.score(model, compute, self)?.validation())
    }
}

impl ExampleTask for Lexicon {
    type Example = Sentence;

    fn built_in(data: &Data) -> Result<Splits<Sentence>> {
        let mut splits = Splits::of(made(BUILTIN[0]), &hold_out(data), |_| false)?;
        splits.test.extend(made(BUILTIN[1]));
        Ok(splits)
    }

    fn read(from: &mut Reading<Self>) -> Result<Vec<Sentence>> {
        let Tagged { sentences, skipped } = read_tagged(from.path, &options(from.data()))?;
        skipped.iter().for_each(|skipped| (from.notes)(&format!("{skipped} (its sentence is skipped)")));
        Ok(sentences)
    }

    fn read_splits(from: &mut Reading<Self>) -> Result<Splits<Sentence>> {
        let all = Self::read(from)?;
        if let [only] = &all[..] {
            let words = only.words.len();
            let found = format!("there is one sentence, of {words} words");
            let reason = format!("{found}; two or more are needed, with an empty line between them");
            return Err(malformed_at(from.path, 0, reason));
        }
        let tags = all.iter().flat_map(|sentence| sentence.tags.iter().zip(&sentence.lines));
        let tagged = tags.map(|(tag, &line)| (tag.as_str(), (from.path, line)));
        seen_once("tag", tagged).iter().for_each(|note| (from.notes)(note));
        Splits::of(all, &hold_out(from.data()), |_| false)
    }

    fn open(recipe: &Recipe, assets: &mut Assets, splits: &Splits<Sentence>) -> Result<Self> {
        assets.json(LEXICON, || Self::learn(splits, &recipe.data, &recipe.model))
    }

    fn encode(&self, sentences: Vec<Sentence>, from: &mut Reading<Self>) -> Result<Examples> {
        Examples::new(self, sentences, from.path, from.data().skip_bad, from.notes)
    }

    fn model(&self, recipe: &Recipe, learns: Option<(u64, &Examples)>) -> SequenceModel {
        let training = &recipe.training;
        let weights = |train: &Examples| class_weights(training.class_weights, train.tags(), self.tags.len());
        let objective = Objective::Classes {
            label_smoothing: training.label_smoothing as f32,
            weights: learns.and_then(|(_, train)| weights(train)),
        };
        let (model, seed) = (self.sized(&recipe.model), learns.map(|(seed, _)| seed));
        SequenceModel::new(&model, self.shape(), objective, seed)
    }

    fn evaluate(&self, on: &mut Using<Self>, sentences: Vec<Sentence>) -> Result<Evaluation> {
        let examples = self.encode(sentences, &mut on.from)?;
        if examples.is_empty() {
            return Ok(Evaluation::new(0, "sentence"));
        }
        Ok(examples.score(on.model, on.compute, self)?.evaluation(examples.size(), &self.tags))
    }
}

impl PredictTask for Lexicon {
    const SEPARATOR: &str = "\n\n";

    fn predict(&self, with: &mut Using<Self>, inputs: &[Input]) -> Result<Vec<Prediction>> {
        let (mut words, mut rows) = (Vec::new(), Vec::new());
        for input in inputs {
            let sentences = untagged(input, with.from.data())?;
            words.extend(sentences.iter().map(|sentence| sentence.words.clone()));
            let examples = Examples::new(self, sentences, input.path(), false, &mut |_| {})?;
            rows.extend(examples.probabilities(with.model, with.compute, self.tags.len())?);
        }
        Ok(words.iter().zip(&rows).map(|(words, rows)| self.prediction(words, rows)).collect())
    }
}

impl Lexicon {
    /// What is to be said of a sentence whose words have such probabilities.
    fn prediction(&self, words: &[String], rows: &[f32]) -> Prediction {
        let rows = rows.chunks_exact(self.tags.len());
        let best: Vec<(usize, f32)> = rows.map(|row| (likeliest(row), row[likeliest(row)])).collect();
        let tags: Vec<&str> = best.iter().map(|&(tag, _)| self.tags[tag].as_str()).collect();
        let probabilities: Vec<f32> = best.iter().map(|&(_, probability)| probability).collect();
        let lines: Vec<String> =
            words.iter().zip(&tags).map(|(word, tag)| format!("{word}\t{tag}")).collect();
        let mut json = json!({ "words": words, "tags": tags, "probabilities": probabilities });
        if self.marks_spans() {
            let span = |span: &Span| {
                json!({ "kind": span.kind, "text": words[span.first..=span.last].join(" "),
                        "first": span.first, "last": span.last })
            };
            json["spans"] = spans(&tags).iter().map(span).collect();
        }
        Prediction { text: lines.join("\n"), json }
    }
}

/// The sentences to be tagged: a text is one, and so is each line of a file that has no columns.
fn untagged(input: &Input, data: &Data) -> Result<Vec<Sentence>> {
    // Whoever asks for tags wants those of all sentences.
    let data = Data { skip_bad: false, ..data.clone() };
    let path = input.path();
    let mut sentences = Vec::new();
    if matches!(input, Input::File(_)) && is_in_columns(path)? {
        sentences = read_words(path, &options(&data))?.sentences;
    } else {
        each_line(std::slice::from_ref(input), |_, line, text| {
            let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            sentences.push(Sentence { lines: vec![line; words.len()], tags: Vec::new(), words });
            Ok(())
        })?;
    }
    sentences.retain(|sentence| !sentence.words.is_empty());
    if sentences.is_empty() {
        return Err(malformed_at(path, 0, "there is no word to be tagged, one at least is needed"));
    }
    Ok(sentences)
}
