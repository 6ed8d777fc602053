//! Translation: from a sentence to one in another language, or any line of text to another.

use std::path::Path;

use anaphora_data::error::counted;
use anaphora_data::parallel::{Pair, read_parallel, read_parallel_table};
use anaphora_data::{Place, Sequence, Tokenizer, TokenizerError, builtin};
use anaphora_nn::Start;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::language::corpus;
use super::shared::pairs::{
    self, InspectPairs, Pairs, Written, best_as_json, first, search, teaching, texts, without_end,
};
use super::shared::{
    ExampleTask, Input, Lesson, PredictTask, Prediction, Reading, Splits, Using, Words, hold_out,
    malformed_at, table_options,
};
use crate::decoding::beam::Hypothesis;
use crate::decoding::search::Search;
use crate::decoding::unknown::with_words;
use crate::metrics::{BleuOptions, ChrfOptions, Evaluation, Tokenize, bleu, bleu_by_length, chrf};
use crate::model::{Compute, EncoderDecoder, PairBatch, Reads, Teaching};
use crate::recipe::{Data, Recipe, Task};
use crate::run::assets::Assets;
use crate::training::{DataSize, Shown, Validation};
use crate::{Error, Result};

/// Names of the files of a run's tokenizers.
const SOURCE: &str = "source.tokenizer.json";
const TARGET: &str = "target.tokenizer.json";
/// The name of the file of what else is known of the pairs that were learnt from.
const LEARNT: &str = "pairs.json";

/// Pairs of the built-in reversal, the seed from which they are made, and the most numbers a line.
const BUILTIN: (u64, usize, usize) = (1, 50_000, 25);

/// At most so many pairs are held out.
const VALIDATED: f64 = 1_000.0;

/// Converts texts to tokens and back.
pub struct Translation {
    source: Tokenizer,
    target: Tokenizer,
    teaching: Teaching,
    learnt: Learnt,
}

/// What is known of the pairs that were learnt from.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Learnt {
    /// Characters of the longest source; runs of earlier versions do not know it.
    longest: Option<usize>,
}

impl Lesson for Translation {
    type Encoded = Pairs;
    type Model = EncoderDecoder;

    fn task(&self) -> Task {
        Task::Translate
    }

    fn lengths(&self, pairs: &Pairs) -> Vec<usize> {
        pairs.lengths()
    }

    fn size(&self, pairs: &Pairs) -> DataSize {
        pairs::size(pairs)
    }

    fn describe(&self) -> Words {
        let (source, target) = (self.source.vocab_size(), self.target.vocab_size());
        Words { example: "pair", unit: "token", maps: format!("{source} tokens to {target}") }
    }

    fn batch(&self, pairs: &Pairs, batch: &[usize], _: Place) -> (PairBatch, Teaching) {
        (pairs.batch(batch, self.target.end_id()), self.teaching)
    }

    fn validate(&self, model: &EncoderDecoder, compute: &mut Compute, pairs: &Pairs) -> Result<Validation> {
        pairs::validate(pairs, self.target.end_id(), model, compute)
    }
}

impl ExampleTask for Translation {
    type Example = Pair;

    fn built_in(data: &Data) -> Result<Splits<Pair>> {
        let (seed, count, longest) = BUILTIN;
        let pair = |(line, (source, target))| Pair { source, target, line: line + 1 };
        split(builtin::reverse(seed, count, longest).into_iter().enumerate().map(pair).collect(), data)
    }

    /// Reads pairs from two files, or from one table.
    fn read(from: &mut Reading<Self>) -> Result<Vec<Pair>> {
        let read = match from.target {
            Some(target) => read_parallel(from.path, target, &table_options(from.data()))?,
            None => read_parallel_table(from.path, None, &table_options(from.data()))?,
        };
        from.noted(&read.notes, &read.skipped);
        Ok(read.pairs)
    }

    fn read_splits(from: &mut Reading<Self>) -> Result<Splits<Pair>> {
        split(Self::read(from)?, from.data())
    }

    fn open(recipe: &Recipe, assets: &mut Assets, splits: &Splits<Pair>) -> Result<Self> {
        let data = &recipe.data;
        // Of characters, one that occurs only in validation must have a number too; rare words have one for all.
        let held_out: &[Pair] = match data.tokenizer_kind() {
            Some(anaphora_data::Kind::Character) => &splits.validation,
            _ => &[],
        };
        let pairs = || splits.train.iter().chain(held_out);
        let sources = || pairs().map(|pair| pair.source.as_str());
        let targets = || pairs().map(|pair| pair.target.as_str());
        let (source, target) = if data.shared_vocabulary {
            let both = || corpus::tokenizer(data, sources().chain(targets()));
            let source = assets.tokenizer_named(SOURCE, both)?;
            let target = assets.tokenizer_named(TARGET, || Ok(source.clone()))?;
            (source, target)
        } else {
            let source = assets.tokenizer_named(SOURCE, || corpus::tokenizer(data, sources()))?;
            (source, assets.tokenizer_named(TARGET, || corpus::tokenizer(data, targets()))?)
        };
        let characters = |pair: &Pair| pair.source.chars().count();
        let longest = splits.train.iter().map(characters).max();
        let learnt = assets.json_if_there(LEARNT, || Ok(Learnt { longest }))?.unwrap_or_default();
        Ok(Self { source, target, teaching: teaching(&recipe.training), learnt })
    }

    fn show(&self, pair: &Pair) -> Result<Shown> {
        Ok(Shown { text: pair.source.clone(), label: Some(pair.target.clone()), picture: None })
    }

    fn encode(&self, pairs: Vec<Pair>, from: &mut Reading<Self>) -> Result<Pairs> {
        Ok(self.pairs(&pairs, from.path, usize::MAX)?.0)
    }

    fn encode_to_learn(&self, pairs: Vec<Pair>, from: &mut Reading<Self>) -> Result<Pairs> {
        let longest = from.recipe.training.length;
        let (pairs, left_out) = self.pairs(&pairs, from.path, longest)?;
        if left_out > 0 {
            (from.notes)(&format!(
                "{} of more than {} {} not learnt (training.length)",
                counted(left_out, "pair"),
                counted(longest, "token"),
                if left_out == 1 { "is" } else { "are" }
            ));
        }
        Ok(pairs)
    }

    fn model(&self, recipe: &Recipe, start: Start, _: Option<&Pairs>) -> EncoderDecoder {
        let reads = Reads::Tokens(self.source.vocab_size());
        EncoderDecoder::new(&recipe.model, reads, self.target.vocab_size(), start)
    }

    fn evaluate(&self, on: &mut Using<Self>, pairs: Vec<Pair>) -> Result<Evaluation> {
        let (read, _) = self.pairs(&pairs, on.from.path, usize::MAX)?;
        let loss = read.score(self.target.end_id(), on.model, on.compute)?;
        let given: Vec<&str> = pairs.iter().map(|pair| pair.source.as_str()).collect();
        let found = self.translate(on, &given, &read.sources)?;
        let written: Vec<String> = found.iter().map(|best| first(best)).collect();
        let references: Vec<[&str; 1]> = pairs.iter().map(|pair| [pair.target.as_str()]).collect();
        // Words are compared as the files hold them.
        let options = BleuOptions { tokenize: Tokenize::None, ..BleuOptions::default() };
        let score = bleu(&written, &references, &options)?;
        let exact = written.iter().zip(&pairs).filter(|(written, pair)| **written == pair.target).count();
        let mut evaluation = Evaluation::new(pairs.len(), "pair");
        evaluation.add("bleu", score.score);
        evaluation.add("chrf", chrf(&written, &references, &ChrfOptions::default())?.score);
        evaluation.add("exact", exact as f64 / pairs.len() as f64);
        evaluation.add("loss", loss);
        evaluation.add("perplexity", loss.exp());
        evaluation.details.insert("signature".into(), json!(score.signature));
        let (table, rows) = bleu_by_length(&given, &written, &references, &options)?;
        evaluation.details.insert("by_length".into(), rows);
        evaluation.table = Some(table);
        Ok(evaluation)
    }
}

impl InspectPairs for Translation {
    fn target(&self) -> &Tokenizer {
        &self.target
    }

    fn source(&self) -> Option<&Tokenizer> {
        Some(&self.source)
    }

    fn notes_of(&self, pair: &Pair) -> Result<Vec<String>> {
        Ok(self.source.note_unknown(&pair.source).into_iter().collect())
    }

    fn look_at_input(&self, input: &Input) -> Result<(Sequence, Vec<String>)> {
        self.read_source(input.text().unwrap_or_default(), input)
    }
}

impl PredictTask for Translation {
    const SEARCHES: bool = true;

    fn reads_lines(&self, _: &Path) -> Result<bool> {
        Ok(true)
    }

    fn nothing(&self, text: &str) -> Value {
        json!({ "source": text, "translation": null, "best": null })
    }

    fn predict(&self, with: &mut Using<Self>, inputs: &[Input]) -> Result<Vec<Prediction>> {
        let mut read = Vec::with_capacity(inputs.len());
        for input in inputs {
            match input.text() {
                Some(text) => read.push((text.to_owned(), self.read_source(text, input)?)),
                None => {
                    return Err(malformed_at(input.path(), 0, "a text is needed, a sentence a line"));
                }
            }
        }
        let (given, read): (Vec<String>, Vec<(Sequence, Vec<String>)>) = read.into_iter().unzip();
        let (sources, notes): (Vec<Sequence>, Vec<Vec<String>>) = read.into_iter().unzip();
        let given: Vec<&str> = given.iter().map(String::as_str).collect();
        let found = self.translate(with, &given, &sources)?;
        let predict = |((source, notes), mut best): ((&str, Vec<String>), Vec<Written>)| {
            best.truncate(with.options.n_best);
            let text = match &best[..] {
                [only] => only.text.clone(),
                several => {
                    let line = |Written { text, score }: &Written| format!("{score:.3}  {text}");
                    several.iter().map(line).collect::<Vec<_>>().join("\n")
                }
            };
            let json = json!({ "source": source, "translation": first(&best), "best": best_as_json(&best) });
            Prediction::new(text, json).noted(&notes)
        };
        Ok(given.into_iter().zip(notes).zip(found).map(predict).collect())
    }
}

/// Splits pairs: of many, a small share is enough to validate on.
fn split(pairs: Vec<Pair>, data: &Data) -> Result<Splits<Pair>> {
    let mut how = hold_out(data);
    how.validation_fraction = how.validation_fraction.min(VALIDATED / pairs.len() as f64);
    Ok(Splits::of(pairs, &how, |_| false)?)
}

impl Translation {
    /// A text as the model reads it, and what is to be said of it: symbols that were never learnt from, more of them than ever.
    fn read_source(&self, text: &str, input: &Input) -> Result<(Sequence, Vec<String>)> {
        let (mut text, mut notes, mut left_out) = (text.trim().to_owned(), Vec::new(), String::new());
        let characters = text.chars().count();
        let mut ids = loop {
            match self.source.encode(&text) {
                Err(TokenizerError::UnseenCharacter { character, .. }) => {
                    text.retain(|c| c != character);
                    left_out.push(character);
                }
                read => {
                    break read.map_err(|source| Error::Tokens { path: input.path().to_owned(), source })?;
                }
            }
        };
        if !left_out.is_empty() {
            let listed: Vec<String> = left_out.chars().map(|c| format!("'{}'", c.escape_debug())).collect();
            notes.push(format!("left out, for it was never learnt from: {}", listed.join(", ")));
        }
        notes.extend(self.source.note_unknown(&text));
        if let Some(longest) = self.learnt.longest.filter(|&longest| characters > longest) {
            let found = counted(characters, "character");
            notes.push(format!("with {found} it is longer than all that was learnt from, {longest} at most"));
        }
        ids.push(self.source.end_id());
        Ok((Sequence::Tokens(ids), notes))
    }

    fn encode_source(&self, text: &str, path: &Path) -> Result<Sequence> {
        let mut ids = encode(&self.source, text, path)?;
        ids.push(self.source.end_id());
        Ok(Sequence::Tokens(ids))
    }

    /// Pairs as a model reads them, and how many were left out for having more than `longest` tokens.
    fn pairs(&self, pairs: &[Pair], path: &Path, longest: usize) -> Result<(Pairs, usize)> {
        let (mut taken, mut left_out) = (Pairs::default(), 0);
        for pair in pairs {
            let source = self.encode_source(&pair.source, path)?;
            let target = encode(&self.target, &pair.target, path)?;
            if source.len().max(target.len() + 1) > longest {
                left_out += 1;
                continue;
            }
            taken.source_of.push(taken.sources.len());
            taken.sources.push(source);
            taken.targets.push(target);
        }
        Ok((taken, left_out))
    }

    /// The best translations of each text, the likeliest first.
    fn translate(
        &self,
        with: &mut Using<Self>,
        given: &[&str],
        sources: &[Sequence],
    ) -> Result<Vec<Vec<Written>>> {
        let target = &self.target;
        let found = search(with, sources, target.end_id(), Search::default())?;
        let mut written: Vec<Vec<Written>> = found.iter().map(|best| texts(best, target)).collect();
        let replace = with.options.search.is_some_and(|search| search.replace_unknown);
        let Some(unknown) = target.unknown_id().filter(|_| replace) else { return Ok(written) };
        for (number, best) in found.iter().enumerate() {
            for (hypothesis, written) in best.iter().zip(&mut written[number]) {
                if hypothesis.ids.contains(&unknown) {
                    written.text = self.replace_unknown(with, given[number], &sources[number], hypothesis)?;
                }
            }
        }
        Ok(written)
    }

    /// A translation in which each unknown word is the one of the source that was looked at most.
    fn replace_unknown(
        &self,
        with: &mut Using<Self>,
        given: &str,
        source: &Sequence,
        hypothesis: &Hypothesis,
    ) -> Result<String> {
        let words = self.source.words(given.trim()).unwrap_or_default();
        let ids = without_end(hypothesis, &self.target);
        let batch = PairBatch::new(&[(source, ids)], self.target.end_id());
        let Some(weights) = with.model.alignments(with.compute, &batch)? else {
            return Err(Error::NoAlignment(with.from.path.to_owned()));
        };
        Ok(with_words(&self.target, ids, &weights[0], source.len(), &words))
    }
}

fn encode(tokenizer: &Tokenizer, text: &str, path: &Path) -> Result<Vec<u32>> {
    tokenizer.encode(text).map_err(|source| Error::Tokens { path: path.to_owned(), source })
}
