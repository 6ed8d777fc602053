//! Sentences as a model reads them, and how well it tags them.

use std::collections::HashMap;
use std::path::Path;

use anaphora_data::tagged::Sentence;
use anaphora_data::{BatchSize, Batches, Packed, Sequence, Spelling};
use serde_json::{Map, Value, json};

use super::lexicon::Lexicon;
use crate::Result;
use crate::metrics::{Confusion, Evaluation, SpanScores, class_table, span_scores};
use crate::model::{Compute, SequenceModel, Targets};
use crate::tasks::shared::classes::{likeliest, softmax, surprise};
use crate::tasks::shared::malformed_at;
use crate::training::{DataSize, Validation};

/// Sentences that are scored at once.
const ROWS: usize = 64;

/// Sentences as a model reads them.
#[derive(Default)]
pub struct Examples {
    /// The words of each, numbers of `forms`.
    sentences: Vec<Sequence>,
    /// Their tags.
    tags: Vec<Sequence>,
    /// The different words.
    forms: Vec<Form>,
}

/// A word as it is written.
struct Form {
    /// Its number.
    word: u32,
    /// Its characters, where the model reads them.
    characters: Option<Sequence>,
}

impl Examples {
    /// Sentences of a file; where bad ones are to be skipped, these are noted. Tags may be missing.
    ///
    /// # Errors
    /// A tag that is not known, more words than the model reads.
    pub fn new(
        lexicon: &Lexicon,
        sentences: Vec<Sentence>,
        path: &Path,
        skip_bad: bool,
        notes: &mut dyn FnMut(&str),
    ) -> Result<Self> {
        let mut examples = Self::default();
        let mut known = HashMap::new();
        for Sentence { words, tags, lines } in sentences {
            let at = |line: usize, reason: String| malformed_at(path, line, reason);
            let number = |(tag, &line): (&String, &usize)| {
                lexicon.tag(tag).ok_or_else(|| {
                    let known = crate::error::listed(&lexicon.tags);
                    at(line, format!("the tag {tag} is none of those that are learnt from ({known})"))
                })
            };
            let fits = match lexicon.context.filter(|&context| words.len() > context) {
                Some(context) => {
                    let found = words.len();
                    Err(at(
                        lines[0],
                        format!("the sentence has {found} words, and the model reads {context} at most"),
                    ))
                }
                None => Ok(()),
            };
            match fits.and_then(|()| tags.iter().zip(&lines).map(number).collect::<Result<Vec<u32>>>()) {
                Ok(tags) => {
                    let mut form = |word: String| {
                        *known.entry(word).or_insert_with_key(|word| {
                            let characters = lexicon.characters(word).map(Sequence::Tokens);
                            examples.forms.push(Form { word: lexicon.word(word), characters });
                            examples.forms.len() as u32 - 1
                        })
                    };
                    let words = words.into_iter().map(&mut form).collect();
                    examples.sentences.push(Sequence::Tokens(words));
                    examples.tags.push(Sequence::Tokens(tags));
                }
                Err(error) if skip_bad => notes(&format!("{error} (its sentence is skipped)")),
                Err(error) => return Err(error),
            }
        }
        Ok(examples)
    }

    pub fn is_empty(&self) -> bool {
        self.sentences.is_empty()
    }

    pub fn lengths(&self) -> Vec<usize> {
        self.sentences.iter().map(Sequence::len).collect()
    }

    pub fn size(&self) -> DataSize {
        DataSize { examples: self.sentences.len(), units: self.lengths().iter().sum() }
    }

    /// The tags of all words.
    pub fn tags(&self) -> impl Iterator<Item = &u32> {
        self.tags.iter().flat_map(tokens)
    }

    /// The words of a batch of sentences, packed, and how they are written.
    pub fn batch(&self, batch: &[usize]) -> Packed {
        let mut packed = Packed::new(batch.iter().map(|&sentence| &self.sentences[sentence]));
        let mut different = packed.ids.clone();
        different.sort_unstable();
        different.dedup();
        let characters = |form: &u32| self.forms[*form as usize].characters.as_ref();
        different.sort_by_key(|form| std::cmp::Reverse(characters(form).map_or(0, Sequence::len)));
        if different.iter().any(|form| characters(form).is_some()) {
            let place: HashMap<u32, u32> = different.iter().copied().zip(0..).collect();
            packed.spelling = Some(Spelling {
                characters: Box::new(Packed::new(different.iter().filter_map(characters))),
                word_of: packed.ids.iter().map(|form| place[form]).collect(),
            });
        }
        packed.ids.iter_mut().for_each(|form| *form = self.forms[*form as usize].word);
        packed
    }

    /// The tags of a batch of sentences.
    pub fn targets(&self, batch: &[usize]) -> Targets {
        Targets::Classes(Packed::new(batch.iter().map(|&sentence| &self.tags[sentence])).ids)
    }

    /// The probabilities of the tags, for each sentence `[words, tags]`.
    pub fn probabilities(
        &self,
        model: &SequenceModel,
        compute: &mut Compute,
        tags: usize,
    ) -> Result<Vec<Vec<f32>>> {
        let lengths = self.lengths();
        let mut probabilities: Vec<Vec<f32>> =
            lengths.iter().map(|length| vec![0.0; length * tags]).collect();
        for batch in Batches::in_order(&lengths, BatchSize::Examples(ROWS)) {
            let packed = self.batch(&batch);
            let (logits, _) = model.predict(compute, &packed, None)?;
            let mut rows = logits.chunks_exact(tags);
            for (step, &count) in packed.batch_sizes.iter().enumerate() {
                for (&sentence, logits) in batch[..count].iter().zip(&mut rows) {
                    softmax(logits, &mut probabilities[sentence][step * tags..][..tags]);
                }
            }
        }
        Ok(probabilities)
    }

    /// Scores the model on them.
    pub fn score(&self, model: &SequenceModel, compute: &mut Compute, lexicon: &Lexicon) -> Result<Scored> {
        let tags = lexicon.tags.len();
        let probabilities = self.probabilities(model, compute, tags)?;
        let rows = || probabilities.iter().flat_map(|sentence| sentence.chunks_exact(tags));
        let sum: f64 = rows().zip(self.tags()).map(|(row, &tag)| surprise(row[tag as usize])).sum();
        let predicted: Vec<usize> = rows().map(likeliest).collect();
        let form = |&form: &u32| lexicon.usual_tag(self.forms[form as usize].word) as usize;
        let usual: Vec<usize> = self.sentences.iter().flat_map(tokens).map(form).collect();
        Ok(Scored {
            loss: sum / predicted.len() as f64,
            model: self.found(&predicted, lexicon)?,
            usual: self.found(&usual, lexicon)?,
        })
    }

    /// How good such tags of all words are.
    fn found(&self, predicted: &[usize], lexicon: &Lexicon) -> Result<Found> {
        let truth: Vec<usize> = self.tags().map(|&tag| tag as usize).collect();
        let confusion = Confusion::new(&truth, predicted, lexicon.tags.len())?;
        let by_sentence = |all: &[usize]| -> Vec<Vec<&str>> {
            let mut names = all.iter().map(|&tag| lexicon.tags[tag].as_str());
            self.lengths().iter().map(|&length| names.by_ref().take(length).collect()).collect()
        };
        let spans = match lexicon.marks_spans() {
            true => Some(span_scores(&by_sentence(&truth), &by_sentence(predicted))?),
            false => None,
        };
        Ok(Found { confusion, spans })
    }
}

/// The numbers of a sentence.
fn tokens(sequence: &Sequence) -> &[u32] {
    match sequence {
        Sequence::Tokens(ids) => ids,
        Sequence::Frames(_) => &[],
    }
}

/// How well sentences are tagged.
pub struct Scored {
    /// Mean cross-entropy without weights or smoothing.
    loss: f64,
    model: Found,
    /// By the tag that each word has most often.
    usual: Found,
}

struct Found {
    confusion: Confusion,
    /// Where tags mark spans.
    spans: Option<SpanScores>,
}

impl Scored {
    /// As a training sees it. The best model has the best F1 of spans, or the most right tags; of two that are as good, it
    /// is the surer one.
    pub fn validation(&self) -> Validation {
        let (loss, Found { confusion, spans }) = (self.loss, &self.model);
        let accuracy = confusion.accuracy();
        let (good, other) = match spans {
            Some(spans) => (spans.all.f1, ("span F1", spans.all.f1)),
            None => (accuracy, ("macro F1", confusion.macro_f1())),
        };
        Validation { loss, cost: 1.0 - good + 1e-6 * loss, scores: vec![("accuracy", accuracy), other] }
    }

    /// As a person or program is told.
    pub fn evaluation(&self, size: DataSize, tags: &[String]) -> Evaluation {
        let mut evaluation = Evaluation::new(size.examples, "sentence");
        let Found { confusion, spans } = &self.model;
        evaluation.add("accuracy", confusion.accuracy());
        evaluation.add("macro_f1", confusion.macro_f1());
        if let Some(SpanScores { all, .. }) = spans {
            evaluation.add("span_precision", all.precision);
            evaluation.add("span_recall", all.recall);
            evaluation.add("span_f1", all.f1);
        }
        evaluation.add("loss", self.loss);
        evaluation.confusion("tag", tags, confusion);
        let mut table = evaluation.table.take().unwrap_or_default();
        if let Some(SpanScores { all, kinds }) = spans {
            let rows = kinds.iter().map(|(kind, score)| (kind.as_str(), score)).chain([("all spans", all)]);
            table += &format!("\n{}", class_table("span", rows));
            let kinds: Map<String, Value> =
                kinds.iter().map(|(kind, score)| (kind.clone(), json!(score))).collect();
            evaluation.details.insert("spans".into(), kinds.into());
        }
        let names = ["accuracy", "macro F1", "span F1"];
        table += &format!("\n{:<24}", "");
        names[..2 + usize::from(spans.is_some())].iter().for_each(|name| table += &format!(" {name:>9}"));
        for (name, found) in [("this model", &self.model), ("each word's usual tag", &self.usual)] {
            let scores = found.scores();
            table += &format!("\n{name:<24}");
            scores.iter().for_each(|(_, score)| table += &format!(" {score:>9.3}"));
        }
        evaluation.table = Some(table + "\n");
        let usual: Map<String, Value> =
            self.usual.scores().into_iter().map(|(name, score)| (name.to_owned(), json!(score))).collect();
        evaluation.details.insert("usual_tag".into(), usual.into());
        evaluation.details.insert("words".into(), json!(size.units));
        evaluation
    }
}

impl Found {
    fn scores(&self) -> Vec<(&'static str, f64)> {
        let Self { confusion, spans } = self;
        let span_f1 = spans.as_ref().map(|spans| ("span_f1", spans.all.f1));
        [("accuracy", confusion.accuracy()), ("macro_f1", confusion.macro_f1())]
            .into_iter()
            .chain(span_f1)
            .collect()
    }
}
