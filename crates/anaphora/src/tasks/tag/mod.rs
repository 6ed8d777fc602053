//! Tagging: a tag for each word of a sentence, given all of its words.

mod score;

use std::path::Path;

use anaphora_data::error::counted;
use anaphora_data::labelled::seen_once;
use anaphora_data::tagged::{
    Encoded, Lexicon, LexiconOptions, Sentence, Tagged, TaggedOptions, is_in_columns, read_tagged, read_words,
};
use anaphora_data::{Encoding, Packed, Place, builtin};
use anaphora_nn::Start;
use serde_json::{Value, json};

use self::score::{probabilities, score};
use super::shared::{
    ExampleTask, Input, InspectTask, Lesson, Looked, Names, PredictTask, Prediction, Reading, Splits, Using,
    Words, column, hold_out, malformed_at, one_class, table_options,
};
use crate::Result;
use crate::inspect::Says;
use crate::metrics::{Evaluation, Span, mark_spans, scheme, spans};
use crate::model::{Compute, Reads, SequenceModel, Shape, Targets, likeliest};
use crate::recipe::{self, Backbone, Data, Model, Recipe, RecipeError, Task};
use crate::run::assets::Assets;
use crate::training::{Shown, Validation};

/// The name of the file of what words, characters and tags a run's model knows.
const LEXICON: &str = "tags.json";

/// The seeds from which built-in sentences are made, and how many: to learn and validate on, and for a test.
const BUILTIN: [(u64, usize); 2] = [(1, 2_000), (2, 500)];

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

/// The words, characters and tags that a tagger knows.
pub struct Tagger(Lexicon);

impl Lesson for Tagger {
    type Encoded = Encoded;
    type Model = SequenceModel;

    fn task(&self) -> Task {
        Task::Tag
    }

    fn lengths(&self, examples: &Encoded) -> Vec<usize> {
        examples.lengths()
    }

    fn describe(&self) -> Words {
        let spans = scheme(&self.0.tags).map_or(String::new(), |scheme| format!(", {scheme}"));
        Words { example: "sentence", unit: "word", maps: self.0.description() + &spans }
    }

    fn batch(&self, examples: &Encoded, batch: &[usize], _: Place) -> (Packed, Targets) {
        (examples.batch(batch), Targets::Classes(examples.targets(batch).ids))
    }

    fn validate(&self, model: &SequenceModel, compute: &mut Compute, on: &Encoded) -> Result<Validation> {
        let scored = score(on, model, compute, &self.0)?;
        Ok(Validation::by_score(scored.loss, scored.best().into()))
    }
}

impl ExampleTask for Tagger {
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
            let found = format!("there is one sentence, of {}", counted(only.words.len(), "word"));
            let reason = format!("{found}; two or more are needed, with an empty line between them");
            return Err(malformed_at(from.path, 0, reason));
        }
        let tags = all.iter().flat_map(|sentence| sentence.tags.iter().zip(&sentence.lines));
        let tagged = tags.map(|(tag, &line)| (tag.as_str(), (from.path, line)));
        seen_once("tag", tagged).iter().for_each(|note| (from.notes)(note));
        Ok(Splits::of(all, &hold_out(from.data()), |_| false)?)
    }

    fn open(recipe: &Recipe, assets: &mut Assets, splits: &Splits<Sentence>) -> Result<Self> {
        Ok(Self(assets.json(LEXICON, || learn(splits, recipe))?))
    }

    fn show(&self, sentence: &Sentence) -> Result<Shown> {
        let label = Some(sentence.tags.join(" "));
        Ok(Shown { text: sentence.words.join(" "), label, picture: None })
    }

    fn encode(&self, sentences: Vec<Sentence>, from: &mut Reading<Self>) -> Result<Encoded> {
        Ok(Encoded::new(&self.0, sentences, from.path, from.data().skip_bad, from.notes)?)
    }

    fn model(&self, recipe: &Recipe, start: Start, train: Option<&Encoded>) -> SequenceModel {
        let (tags, context) = (self.0.tags.len(), self.0.context.or(recipe.model.context));
        let model = Model { context, ..recipe.model.clone() };
        let words = self.0.words();
        let reads = match self.0.spelt() {
            Some(characters) => Reads::Words { words, characters },
            None => Reads::Tokens(words),
        };
        let objective = one_class(&recipe.training, train.map(|train| train.tags()), tags);
        let shape = Shape { reads, outputs: tags, each_step: true, causal: false };
        SequenceModel::new(&model, shape, objective, start)
    }

    fn evaluate(&self, on: &mut Using<Self>, sentences: Vec<Sentence>) -> Result<Evaluation> {
        let examples = self.encode(sentences, &mut on.from)?;
        if examples.is_empty() {
            return Ok(Evaluation::new(0, "sentence"));
        }
        let scored = score(&examples, on.model, on.compute, &self.0)?;
        Ok(scored.evaluation(examples.len(), &self.0.tags))
    }
}

impl PredictTask for Tagger {
    const SEPARATOR: &str = "\n\n";

    fn outputs(&self) -> &[String] {
        &self.0.tags
    }

    fn reads_lines(&self, path: &Path) -> Result<bool> {
        // What is read once only cannot be looked at before.
        Ok(!path.is_file() || !is_in_columns(path, Encoding::AUTO)?)
    }

    fn nothing(&self, _: &str) -> Value {
        let mut json = json!({ "words": [], "tags": null, "probabilities": null });
        if mark_spans(&self.0.tags) {
            json["spans"] = Value::Null;
        }
        json
    }

    fn predict(&self, with: &mut Using<Self>, inputs: &[Input]) -> Result<Vec<Prediction>> {
        let (mut words, mut rows) = (Vec::new(), Vec::new());
        for input in inputs {
            let sentences = untagged(input, with.from.data())?;
            words.extend(sentences.iter().map(|sentence| sentence.words.clone()));
            let examples = Encoded::new(&self.0, sentences, input.path(), false, &mut |_| {})?;
            rows.extend(probabilities(&examples, with.model, with.compute, self.0.tags.len())?);
        }
        Ok(words.iter().zip(&rows).map(|(words, rows)| self.prediction(words, rows)).collect())
    }
}

impl InspectTask for Tagger {
    fn names(&self) -> Names {
        Names {
            outputs: self.0.tags.clone(),
            symbols: Some((0..self.0.words() as u32).map(|id| self.0.name(id).to_owned()).collect()),
            says: Says::Classes,
            unit: "word",
            is_each_step: true,
        }
    }

    fn file(&self) -> &'static str {
        LEXICON
    }

    fn look_at_input(&self, input: &Input, recipe: &Recipe) -> Result<Vec<Looked>> {
        let look = |sentence: Sentence| {
            let steps = Some(sentence.words.clone());
            let text = Some(sentence.words.join(" "));
            let notes = self.notes_of(&sentence);
            let encoded = Encoded::new(&self.0, vec![sentence], input.path(), false, &mut |_| {})?;
            Ok(Looked { batch: encoded.batch(&[0]), steps, text, notes })
        };
        untagged(input, &recipe.data)?.into_iter().map(look).collect()
    }

    fn look_at(&self, sentence: &Sentence, _: &Packed) -> (Option<Vec<String>>, Option<String>) {
        (Some(sentence.words.clone()), Some(sentence.words.join(" ")))
    }

    fn notes_of(&self, sentence: &Sentence) -> Vec<String> {
        self.0.note_unknown(&sentence.words).into_iter().collect()
    }
}

impl Tagger {
    /// What is to be said of a sentence whose words have such probabilities.
    fn prediction(&self, words: &[String], rows: &[f32]) -> Prediction {
        let rows = rows.chunks_exact(self.0.tags.len());
        let best: Vec<(usize, f32)> = rows.map(|row| (likeliest(row), row[likeliest(row)])).collect();
        let tags: Vec<&str> = best.iter().map(|&(tag, _)| self.0.tags[tag].as_str()).collect();
        let probabilities: Vec<f32> = best.iter().map(|&(_, probability)| probability).collect();
        let lines: Vec<String> =
            words.iter().zip(&tags).map(|(word, tag)| format!("{word}\t{tag}")).collect();
        let mut json = json!({ "words": words, "tags": tags, "probabilities": probabilities });
        if mark_spans(&self.0.tags) {
            let span = |span: &Span| {
                json!({ "kind": span.kind, "text": words[span.first..=span.last].join(" "),
                        "first": span.first, "last": span.last })
            };
            json["spans"] = spans(&tags).iter().map(span).collect();
        }
        let notes: Vec<String> = self.0.note_unknown(words).into_iter().collect();
        Prediction::new(lines.join("\n"), json).noted(&notes)
    }
}

/// What is learnt of the training sentences; tags and lengths of others that were read with them are known too.
fn learn(splits: &Splits<Sentence>, recipe: &Recipe) -> Result<Lexicon> {
    let Recipe { data, model, .. } = recipe;
    let recipe::Tokenizer::Word { size: maximum_size } = data.tokenizer else {
        let found = &data.tokenizer;
        let sentence =
            format!("data.tokenizer is {found}, and a tagger reads words; leave it out, or set word");
        return Err(RecipeError::Conflict(sentence).into());
    };
    let options = LexiconOptions {
        lowercase: data.lowercase,
        minimum_count: data.vocabulary_min_count,
        maximum_size,
        characters: model.character_size > 0,
    };
    let all = splits.of_one_reading();
    let mut lexicon = Lexicon::learn(&splits.train, all.clone(), &options);
    if let [only] = &lexicon.tags[..] {
        let reason = format!("all words have the tag {only}; two or more are needed");
        return Err(malformed_at(&data.train.clone().unwrap_or_default(), 0, reason));
    }
    if model.backbone == Backbone::Transformer {
        let longest = all.map(|sentence| sentence.words.len()).max().unwrap_or(1);
        // Room for what is longer than all of these.
        lexicon.context = Some(model.context.unwrap_or(2 * longest));
    }
    Ok(lexicon)
}

/// The sentences to be tagged: a text or a line is one; a file has them in columns.
fn untagged(input: &Input, data: &Data) -> Result<Vec<Sentence>> {
    // Whoever asks for tags wants those of all sentences.
    let data = Data { skip_bad: false, encoding: Encoding::AUTO, ..data.clone() };
    let path = input.path();
    let sentences = match input.text() {
        None => read_words(path, &options(&data))?.sentences,
        Some(text) => {
            // A no-break space is a part of its word, as in a file of columns.
            let words: Vec<String> = text.split_ascii_whitespace().map(str::to_owned).collect();
            vec![Sentence { lines: vec![input.line(); words.len()], tags: Vec::new(), words }]
        }
    };
    if sentences.iter().any(|sentence| sentence.words.is_empty()) {
        return Err(malformed_at(path, 0, "there is no word to be tagged, one at least is needed"));
    }
    Ok(sentences)
}
