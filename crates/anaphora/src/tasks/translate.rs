//! Translation: from a sentence to one in another language, or any line of text to another.

use std::path::Path;

use anaphora_data::parallel::{Pair, read_parallel, read_parallel_table};
use anaphora_data::{Batches, Sequence, Tokenizer, builtin};
use anaphora_nn::Params;
use serde_json::{Value, json};

use super::pairs::{Pairs, Writing, teaching, texts, write};
use super::parts::{self, Parts};
use super::predict::{Given, On, Prediction, Predictor, Report};
use crate::metrics::{BleuOptions, ChrfOptions, Tokenize, bleu, chrf};
use crate::model::{EncoderDecoder, PairBatch, Reads, Teaching};
use crate::recipe::{Data, Recipe, Task};
use crate::run::assets::{Assets, read_tokenizer};
use crate::run::weights::NamedTensor;
use crate::tasks::language::corpus;
use crate::training::{Compute, Description, Learner, Learnt, Validation};
use crate::{Device, Error, Result, Run};

/// Names of the files of a run's tokenizers.
const SOURCE: &str = "source.tokenizer.json";
const TARGET: &str = "target.tokenizer.json";

/// Pairs of the built-in reversal, the seed from which they are made, and the most numbers a line.
const BUILTIN: (u64, usize, usize) = (1, 50_000, 25);

/// At most so many pairs are held out.
const VALIDATED: f64 = 1_000.0;

/// Reads pairs from two files, or from one table.
fn read(source: &Path, target: Option<&Path>, data: &Data, notes: &mut dyn FnMut(&str)) -> Result<Vec<Pair>> {
    let read = match target {
        Some(target) => read_parallel(source, target, data.skip_bad)?,
        None => {
            let options = super::table_options(data);
            read_parallel_table(source, None, &options)?
        }
    };
    read.skipped.iter().for_each(|skipped| notes(&format!("{skipped} (skipped)")));
    Ok(read.pairs)
}

fn parts(data: &Data, notes: &mut dyn FnMut(&str)) -> Result<Parts<Pair>> {
    let pairs = match &data.train {
        Some(source) => read(source, data.target.as_deref(), data, notes)?,
        None => {
            let (seed, count, longest) = BUILTIN;
            let pair = |(line, (source, target))| Pair { source, target, line: line + 1 };
            builtin::reverse(seed, count, longest).into_iter().enumerate().map(pair).collect()
        }
    };
    let mut how = parts::hold_out(data);
    how.validation_fraction = how.validation_fraction.min(VALIDATED / pairs.len() as f64);
    let mut parts = Parts::share(pairs, &how, |_| false)?;
    if let Some(path) = &data.validation {
        parts.validation = read(path, data.validation_target.as_deref(), data, notes)?;
    }
    Ok(parts)
}

/// What turns texts into tokens and back.
struct Languages {
    source: Tokenizer,
    target: Tokenizer,
}

impl Languages {
    fn learn(assets: &mut Assets, data: &Data, parts: &Parts<Pair>) -> Result<Self> {
        let kind = corpus::kind(data);
        let any_text = kind.is_some_and(anaphora_data::Kind::takes_any_text);
        // Of characters, one that occurs only in validation must have a number too; rare words have one for all.
        let held_out: &[Pair] =
            if any_text || kind != Some(anaphora_data::Kind::Character) { &[] } else { &parts.validation };
        let pairs = || parts.train.iter().chain(held_out);
        let sources = || pairs().map(|pair| pair.source.as_str());
        let targets = || pairs().map(|pair| pair.target.as_str());
        if data.shared_vocabulary {
            let source =
                assets.tokenizer_named(SOURCE, || corpus::tokenizer(data, sources().chain(targets())))?;
            let target = assets.tokenizer_named(TARGET, || Ok(source.clone()))?;
            return Ok(Self { source, target });
        }
        let source = assets.tokenizer_named(SOURCE, || corpus::tokenizer(data, sources()))?;
        let target = assets.tokenizer_named(TARGET, || corpus::tokenizer(data, targets()))?;
        Ok(Self { source, target })
    }

    fn of(run: &Run) -> Result<Self> {
        let read = |name: &str| read_tokenizer(&run.path().join(name));
        Ok(Self { source: read(SOURCE)?, target: read(TARGET)? })
    }

    fn source(&self, text: &str, path: &Path) -> Result<Sequence> {
        let mut ids = encode(&self.source, text, path)?;
        ids.push(self.source.end_id());
        Ok(Sequence::Tokens(ids))
    }

    /// Pairs as a model reads them. Those with more than `longest` tokens are left out where that is asked for, and counted.
    fn pairs(&self, pairs: &[Pair], path: &Path, longest: Option<usize>) -> Result<(Pairs, usize)> {
        let (mut taken, mut left_out) = (Pairs::default(), 0);
        for pair in pairs {
            let source = self.source(&pair.source, path)?;
            let target = encode(&self.target, &pair.target, path)?;
            if longest.is_some_and(|longest| source.len().max(target.len() + 1) > longest) {
                left_out += 1;
                continue;
            }
            taken.source_of.push(taken.sources.len());
            taken.sources.push(source);
            taken.targets.push(target);
        }
        Ok((taken, left_out))
    }
}

fn encode(tokenizer: &Tokenizer, text: &str, path: &Path) -> Result<Vec<u32>> {
    tokenizer.encode(text).map_err(|source| Error::Tokens { path: path.to_owned(), source })
}

/// A translator and the pairs that it learns.
pub struct Translate {
    model: EncoderDecoder,
    languages: Languages,
    teaching: Teaching,
    train: Pairs,
    validation: Pairs,
    batches: Batches,
}

impl Translate {
    /// Reads what the recipe names.
    pub fn open(recipe: &Recipe, assets: &mut Assets, notes: &mut dyn FnMut(&str)) -> Result<Self> {
        let Recipe { data, model, training, .. } = recipe;
        let parts = parts(data, notes)?;
        let languages = Languages::learn(assets, data, &parts)?;
        let path = corpus::name(data);
        let (train, left_out) = languages.pairs(&parts.train, &path, Some(training.length))?;
        if left_out > 0 {
            let longest = training.length;
            notes(&format!(
                "{left_out} pairs with more than {longest} tokens are not learnt (training.length)"
            ));
        }
        let (validation, _) = languages.pairs(&parts.validation, &path, None)?;
        let (reads, vocab_size) =
            (Reads::Tokens(languages.source.vocab_size()), languages.target.vocab_size());
        Ok(Self {
            model: EncoderDecoder::new(model, reads, vocab_size, Some(training.seed.into())),
            batches: train.batches(training)?,
            teaching: teaching(training),
            languages,
            train,
            validation,
        })
    }
}

impl Learner for Translate {
    fn task(&self) -> Task {
        Task::Translate
    }

    fn describe(&self) -> Description {
        let (source, target) = (self.languages.source.vocab_size(), self.languages.target.vocab_size());
        Description {
            example: "pair",
            unit: "token",
            train: self.train.extent(),
            validation: self.validation.extent(),
            maps: format!("{source} tokens to {target}"),
            characters: None,
        }
    }

    fn params(&self) -> &Params {
        self.model.params()
    }

    fn params_mut(&mut self) -> &mut Params {
        self.model.params_mut()
    }

    fn progress(&self) -> f64 {
        self.batches.progress()
    }

    fn learn(&mut self, compute: &mut Compute, seed: u64, weight: f32) -> Result<Learnt> {
        let pairs = self.batches.next_batch();
        let end = self.languages.target.end_id();
        self.train.learn(&pairs, end, &mut self.model, compute, self.teaching, (seed, weight))
    }

    fn validate(&mut self, compute: &mut Compute) -> Result<Validation> {
        let end = self.languages.target.end_id();
        let loss = self.validation.score(end, &mut self.model, compute)?;
        Ok(Validation { loss, cost: loss, scores: vec![("perplexity", loss.exp())] })
    }

    fn position(&self) -> Value {
        json!(self.batches.place())
    }

    fn resume(&mut self, position: Value, _: &[NamedTensor]) -> Result<()> {
        super::resume(&mut self.batches, position)
    }
}

/// A trained translator.
pub struct Translator {
    run: Run,
    recipe: Recipe,
    languages: Languages,
    model: EncoderDecoder,
    compute: Compute,
    writing: Writing,
    n_best: usize,
}

impl Translator {
    /// Opens a run.
    pub fn open(run: Run, device: Device) -> Result<Self> {
        let recipe = run.recipe()?;
        let languages = Languages::of(&run)?;
        let reads = Reads::Tokens(languages.source.vocab_size());
        let mut model = EncoderDecoder::new(&recipe.model, reads, languages.target.vocab_size(), None);
        run.load_weights(model.params_mut())?;
        let (writing, compute) = (Writing::default(), Compute::new(device));
        Ok(Self { run, recipe, languages, model, compute, writing, n_best: 1 })
    }

    /// The best translations of each text, the likeliest first.
    fn translate(&mut self, given: &[&str], sources: &[Sequence]) -> Result<Vec<Vec<(String, f64)>>> {
        let Self { languages, model, compute, writing, .. } = self;
        let target = &languages.target;
        let found = write(sources, target.end_id(), model, compute, writing)?;
        let mut written: Vec<Vec<(String, f64)>> = found.iter().map(|best| texts(best, target)).collect();
        let (Some(unknown), true) = (target.unknown_id(), writing.replace_unknown) else {
            return Ok(written);
        };
        for (number, best) in found.iter().enumerate() {
            for (hypothesis, (text, _)) in best.iter().zip(&mut written[number]) {
                if hypothesis.ids.contains(&unknown) {
                    let words = languages.source.words(given[number].trim()).unwrap_or_default();
                    let ids = hypothesis.ids.strip_suffix(&[target.end_id()]).unwrap_or(&hypothesis.ids);
                    let batch = PairBatch::new(&[(&sources[number], ids)], target.end_id());
                    let Some(weights) = model.alignments(compute, &batch)? else {
                        return Err(Error::NoAlignment(self.run.path().to_owned()));
                    };
                    *text = with_words(target, ids, &weights[0], sources[number].len(), &words);
                }
            }
        }
        Ok(written)
    }
}

impl Predictor for Translator {
    fn search(&mut self, writing: Writing, n_best: usize) -> Result<()> {
        writing.beams.validate()?;
        (self.writing, self.n_best) = (writing, n_best);
        Ok(())
    }

    fn predict(&mut self, given: &[Given]) -> Result<Vec<Prediction>> {
        let mut texts = Vec::new();
        for given in given {
            match given {
                Given::Text(text) => texts.push(text.clone()),
                Given::File(path) => {
                    let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
                    texts.extend(text.lines().map(str::to_owned));
                }
            }
        }
        let encode = |text: &String| self.languages.source(text.trim(), Path::new("the text given"));
        let sources = texts.iter().map(encode).collect::<Result<Vec<_>>>()?;
        let n_best = self.n_best;
        let predict = |(source, found): (String, Vec<(String, f64)>)| {
            let best: Vec<_> = found.into_iter().take(n_best).collect();
            let text = match &best[..] {
                [(only, _)] => only.clone(),
                several => several
                    .iter()
                    .map(|(text, score)| format!("{score:.3}  {text}"))
                    .collect::<Vec<_>>()
                    .join("\n"),
            };
            let all: Vec<_> =
                best.iter().map(|(text, score)| json!({ "text": text, "score": score })).collect();
            let first = best.first().map(|(text, _)| text.clone()).unwrap_or_default();
            Prediction { text, json: json!({ "source": source, "translation": first, "best": all }) }
        };
        let given: Vec<&str> = texts.iter().map(String::as_str).collect();
        let found = self.translate(&given, &sources)?;
        Ok(texts.into_iter().zip(found).map(predict).collect())
    }

    fn evaluate(&mut self, on: &On) -> Result<Report> {
        let mut nothing = |_: &str| {};
        let data = match on {
            On::Data(..) => self.recipe.data.clone(),
            _ => self.run.data(&self.recipe.data)?,
        };
        let pairs = match on {
            On::Data(source, target) => read(source, target.as_deref(), &data, &mut nothing)?,
            On::Validation => parts(&data, &mut nothing)?.validation,
            On::Test => parts(&data, &mut nothing)?.test,
        };
        if pairs.is_empty() {
            return Err(Error::NoExamples(self.run.path().to_owned()));
        }
        let (read, _) = self.languages.pairs(&pairs, self.run.path(), None)?;
        let loss = read.score(self.languages.target.end_id(), &mut self.model, &mut self.compute)?;
        let given: Vec<&str> = pairs.iter().map(|pair| pair.source.as_str()).collect();
        let found = self.translate(&given, &read.sources)?;
        let written: Vec<String> = found
            .into_iter()
            .map(|best| best.into_iter().next().map(|(text, _)| text).unwrap_or_default())
            .collect();
        let references: Vec<[&str; 1]> = pairs.iter().map(|pair| [pair.target.as_str()]).collect();
        // Words are compared as the files hold them.
        let options = BleuOptions { tokenize: Tokenize::None, ..BleuOptions::default() };
        let score = bleu(&written, &references, &options)?;
        let exact = written.iter().zip(&pairs).filter(|(written, pair)| **written == pair.target).count();
        let mut report = Report::new(pairs.len(), "pair");
        report.add("bleu", score.score);
        report.add("chrf", chrf(&written, &references, &ChrfOptions::default())?.score);
        report.add("exact", exact as f64 / pairs.len() as f64);
        report.add("loss", loss);
        report.add("perplexity", loss.exp());
        report.details.insert("signature".into(), json!(score.signature));
        report.table = Some(by_length(&pairs, &written, &options, &mut report.details)?);
        Ok(report)
    }
}

/// A text in which each unknown word is the one of the source that it looked at most; `weights` are `[tokens, steps]`.
fn with_words(target: &Tokenizer, ids: &[u32], weights: &[f32], steps: usize, words: &[&str]) -> String {
    let mut text = String::new();
    let mut known = Vec::new();
    for (&id, looks) in ids.iter().zip(weights.chunks_exact(steps)) {
        if Some(id) != target.unknown_id() {
            known.push(id);
            continue;
        }
        text += &target.decode(&std::mem::take(&mut known));
        // The source's last step is its end.
        let most = (0..words.len().min(steps)).max_by(|&a, &b| looks[a].total_cmp(&looks[b]));
        text += most.map_or("", |place| words[place].trim_start());
    }
    (text + &target.decode(&known)).trim().to_owned()
}

/// BLEU of sentences by the number of words that are translated: where a fixed vector is too narrow, it falls.
fn by_length(
    pairs: &[Pair],
    written: &[String],
    options: &BleuOptions,
    details: &mut serde_json::Map<String, Value>,
) -> Result<String> {
    const BOUNDS: [usize; 7] = [5, 10, 15, 20, 25, 30, usize::MAX];
    let words = |pair: &Pair| pair.source.split_whitespace().count();
    let mut table = format!("{:<12}{:>8}{:>8}\n", "words", "pairs", "BLEU");
    let mut rows = Vec::new();
    let mut above = 0;
    for most in BOUNDS {
        let here = |pair: &&usize| (above + 1..=most).contains(&words(&pairs[**pair]));
        let indices: Vec<usize> = (0..pairs.len()).collect();
        let chosen: Vec<usize> = indices.iter().filter(here).copied().collect();
        if !chosen.is_empty() {
            let found: Vec<&str> = chosen.iter().map(|&pair| written[pair].as_str()).collect();
            let references: Vec<[&str; 1]> =
                chosen.iter().map(|&pair| [pairs[pair].target.as_str()]).collect();
            let score = bleu(&found, &references, options)?.score;
            let name = if most == usize::MAX {
                format!("{} or more", above + 1)
            } else {
                format!("{} to {most}", above + 1)
            };
            table += &format!("{name:<12}{:>8}{score:>8.1}\n", chosen.len());
            rows.push(json!({ "words": [above + 1, (most < usize::MAX).then_some(most)], "pairs": chosen.len(), "bleu": score }));
        }
        above = most;
    }
    details.insert("by_length".into(), json!(rows));
    Ok(table)
}

#[cfg(test)]
mod tests {
    use anaphora_data::Kind;

    use super::*;

    #[test]
    fn an_unknown_word_is_the_one_that_was_looked_at_most() {
        let kind = Kind::Word { minimum_count: 1, maximum_size: 100 };
        let tokenizer = Tokenizer::train(kind, ["now call me please"]).unwrap();
        let source = "call zebra now";
        let words = tokenizer.words(source).unwrap();
        assert_eq!(words, ["call", " ", "zebra", " ", "now"]);
        assert_eq!(words.len(), tokenizer.encode(source).unwrap().len());
        let ids = tokenizer.encode("now call zebra please").unwrap();
        let unknown = ids.iter().position(|&id| Some(id) == tokenizer.unknown_id()).unwrap();
        // The source has an end too.
        let mut weights = vec![0.1; ids.len() * 6];
        weights[unknown * 6 + 2] = 0.5;
        assert_eq!(with_words(&tokenizer, &ids, &weights, 6, &words), "now call zebra please");
        weights[unknown * 6 + 4] = 0.9;
        assert_eq!(with_words(&tokenizer, &ids, &weights, 6, &words), "now call now please");
    }
}
