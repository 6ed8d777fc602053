//! A trained tagger, and what it is given.

use anaphora_data::tagged::{Sentence, is_in_columns, read_words};
use serde_json::json;

use super::examples::Examples;
use super::lexicon::{LEXICON, Lexicon};
use super::{options, parts, read, source};
use crate::assets::read_json;
use crate::learner::Compute;
use crate::model::{Objective, SequenceModel};
use crate::recipe::{Data, Recipe};
use crate::scores::{Span, spans};
use crate::tasks::classes::likeliest;
use crate::tasks::predict::{Given, On, Prediction, Predictor, Report, lines, text_lines};
use crate::trained::load_weights;
use crate::{Device, Error, Result, Run};

/// A trained tagger.
pub struct Tagger {
    run: Run,
    recipe: Recipe,
    lexicon: Lexicon,
    model: SequenceModel,
    compute: Compute,
}

impl Tagger {
    /// Opens a run.
    pub fn open(run: Run, device: Device) -> Result<Self> {
        let recipe = run.recipe()?;
        let lexicon: Lexicon = read_json(run.path(), LEXICON)?;
        let objective = Objective::Classes { label_smoothing: 0.0, weights: None };
        let mut model = SequenceModel::new(&lexicon.model(&recipe.model), lexicon.shape(), objective, None);
        load_weights(&run, model.params_mut())?;
        Ok(Self { run, recipe, lexicon, model, compute: Compute::new(device) })
    }

    /// What is to be said of a sentence whose words have such probabilities, and the next sentence of what follows it.
    fn prediction(&self, words: &[String], rows: &[f32], is_last: bool) -> Prediction {
        let rows = rows.chunks_exact(self.lexicon.tags.len());
        let best: Vec<(usize, f32)> = rows.map(|row| (likeliest(row), row[likeliest(row)])).collect();
        let tags: Vec<&str> = best.iter().map(|&(tag, _)| self.lexicon.tags[tag].as_str()).collect();
        let probabilities: Vec<f32> = best.iter().map(|&(_, probability)| probability).collect();
        let mut lines: Vec<String> =
            words.iter().zip(&tags).map(|(word, tag)| format!("{word}\t{tag}")).collect();
        if !is_last {
            lines.push(String::new());
        }
        let mut json = json!({ "words": words, "tags": tags, "probabilities": probabilities });
        if self.lexicon.marks_spans() {
            let span = |span: &Span| {
                json!({ "kind": span.kind, "text": words[span.first..=span.last].join(" "),
                        "first": span.first, "last": span.last })
            };
            json["spans"] = spans(&tags).iter().map(span).collect();
        }
        Prediction { text: lines.join("\n"), json }
    }
}

impl Predictor for Tagger {
    fn predict(&mut self, given: &[Given]) -> Result<Vec<Prediction>> {
        let (mut words, mut rows) = (Vec::new(), Vec::new());
        for given in given {
            let sentences = untagged(given, &self.recipe.data)?;
            words.extend(sentences.iter().map(|sentence| sentence.words.clone()));
            let examples = Examples::new(&self.lexicon, sentences, given.path(), false, &mut |_| {})?;
            let tags = self.lexicon.tags.len();
            rows.extend(examples.probabilities(&self.model, &mut self.compute, tags)?);
        }
        let last = words.len();
        let all = words.iter().zip(&rows).zip(1..);
        Ok(all.map(|((words, rows), number)| self.prediction(words, rows, number == last)).collect())
    }

    fn evaluate(&mut self, on: &On) -> Result<Report> {
        let mut notes = Vec::new();
        let mut note = |text: &str| notes.push(text.to_owned());
        let data = match on {
            On::Data(..) => self.recipe.data.clone(),
            _ => self.run.data(&self.recipe.data)?,
        };
        let (path, sentences) = match on {
            On::Data(path, _) => (path.clone(), read(path, &data, &mut note)?),
            On::Validation => {
                let path = data.validation.clone().unwrap_or_else(|| source(&data));
                (path, parts(&data, &mut |_| {})?.validation)
            }
            On::Test => (source(&data), parts(&data, &mut |_| {})?.test),
        };
        let examples = Examples::new(&self.lexicon, sentences, &path, data.skip_bad, &mut note)?;
        if examples.is_empty() {
            return Err(Error::NoExamples(self.run.path().to_owned()));
        }
        let scored = examples.score(&self.model, &mut self.compute, &self.lexicon)?;
        let mut report = scored.report(examples.extent(), &self.lexicon.tags);
        report.notes = notes;
        Ok(report)
    }
}

/// The sentences to be tagged: a text is one, and so is each line of a file that has no columns.
fn untagged(given: &Given, data: &Data) -> Result<Vec<Sentence>> {
    // Whoever asks for tags wants those of all sentences.
    let data = Data { skip_bad: false, ..data.clone() };
    let sentence = |text: &str, line| {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        Sentence { lines: vec![line; words.len()], tags: Vec::new(), words }
    };
    let path = given.path();
    let sentences: Vec<Sentence> = match given {
        Given::File(_) if is_in_columns(path)? => read_words(path, &options(&data))?.sentences,
        Given::File(_) => {
            let text = lines(path)?;
            text_lines(&text).map(|(line, text)| sentence(text, line)).collect()
        }
        Given::Text(text) => vec![sentence(text, 0)],
    };
    let sentences: Vec<Sentence> =
        sentences.into_iter().filter(|sentence| !sentence.words.is_empty()).collect();
    if sentences.is_empty() {
        let reason = "there is no word to be tagged, one at least is needed".to_owned();
        return Err(Error::Malformed { path: path.to_owned(), reason });
    }
    Ok(sentences)
}
