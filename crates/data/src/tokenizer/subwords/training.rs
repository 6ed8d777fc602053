//! Sub-word vocabularies from text. The same text gives the same vocabulary, on any machine and with any number of
//! threads; where the crate's trainers leave something to the order of a hash map, it is settled here.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use rayon::ThreadPoolBuilder;
use tokenizers::decoders::{byte_level::ByteLevel, sequence::Sequence as Decoders};
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::models::unigram::{Unigram, UnigramTrainer};
use tokenizers::models::wordpiece::{WordPiece, WordPieceTrainerBuilder};
use tokenizers::normalizers::replace::{Replace, ReplacePattern};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::fixed_length::FixedLength;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{
    AddedToken, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer, SplitDelimiterBehavior,
    Trainer,
};

use super::super::{END, TokenizerError, UNKNOWN};
use super::{CHUNK, Subwords, chunks, one_line};

/// Longest word, in bytes, of WordPiece and Unigram: their time grows with its square.
const LONGEST_WORD: usize = 100;

/// What WordPiece puts before a token that does not begin a word.
const CONTINUING: &str = "##";

type Result<T> = std::result::Result<T, TokenizerError>;

/// Byte-pair encoding (Sennrich et al., 2016) over bytes, as GPT-2 has it: the pair of tokens that is most frequent
/// within words becomes a token, until there are enough.
pub fn bpe<'a>(
    texts: impl IntoIterator<Item = &'a str>,
    minimum_count: usize,
    maximum_size: usize,
) -> Result<Subwords> {
    let bytes = alphabet();
    require(maximum_size, 1 + bytes.len())?;
    let words = PreTokenizerWrapper::from(byte_level());
    let mut trainer = BpeTrainer::builder()
        .show_progress(false)
        .vocab_size(maximum_size)
        .min_frequency(minimum_count as u64)
        .special_tokens(named([END.to_owned()].into_iter().chain(bytes.iter().map(char::to_string))))
        .build();
    let mut model = BPE::default();
    trainer.feed(parts(texts)?.into_iter(), |part| words_of(&words, part)).map_err(untrained)?;
    trainer.train(&mut model).map_err(untrained)?;
    finish(tokenizers::Tokenizer::new(model), words, byte_level())
}

/// WordPiece (Schuster & Nakajima, 2012) over bytes: tokens are merged as in BPE, and a word is read by its longest
/// tokens from the left, all but the first of which begin with `##`.
pub fn wordpiece<'a>(
    texts: impl IntoIterator<Item = &'a str>,
    minimum_count: usize,
    maximum_size: usize,
) -> Result<Subwords> {
    let bytes = alphabet();
    require(maximum_size, 1 + 2 * bytes.len())?;
    // A `#` is a word of its own, so that no text looks like the prefix.
    let hash = Split::new(SplitPattern::String("#".into()), SplitDelimiterBehavior::Isolated, false);
    let words = Sequence::new(vec![
        hash.map_err(untrained)?.into(),
        byte_level().into(),
        FixedLength::new(LONGEST_WORD).into(),
    ]);
    let words = PreTokenizerWrapper::from(words);
    // The trainer would give numbers to the bytes within words in an order that is another each time.
    let beginning = bytes.iter().map(char::to_string);
    let continuing = bytes.iter().map(|byte| format!("{CONTINUING}{byte}"));
    let mut trainer = WordPieceTrainerBuilder::new()
        .show_progress(false)
        .vocab_size(maximum_size)
        .min_frequency(minimum_count as u64)
        .continuing_subword_prefix(CONTINUING.into())
        .special_tokens(named([END.to_owned()].into_iter().chain(beginning).chain(continuing)))
        .build();
    let mut model = WordPiece::default();
    trainer.feed(parts(texts)?.into_iter(), |part| words_of(&words, part)).map_err(untrained)?;
    trainer.train(&mut model).map_err(untrained)?;
    model.unk_token = UNKNOWN.into();
    model.max_input_chars_per_word = LONGEST_WORD;
    let prefix = ReplacePattern::Regex(format!("^{CONTINUING}(?=.)"));
    let decoder = vec![Replace::new(prefix, "").map_err(untrained)?.into(), byte_level().into()];
    finish(tokenizers::Tokenizer::new(model), words, Decoders::new(decoder))
}

/// A unigram language model (Kudo, 2018) over bytes: from many candidates, those are dropped whose loss makes the text
/// the least less likely; a word is read by its most likely tokens.
pub fn unigram<'a>(texts: impl IntoIterator<Item = &'a str>, maximum_size: usize) -> Result<Subwords> {
    let bytes = alphabet();
    require(maximum_size, 2 + bytes.len())?;
    let words = Sequence::new(vec![byte_level().into(), FixedLength::new(LONGEST_WORD).into()]);
    let words = PreTokenizerWrapper::from(words);
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for part in parts(texts)? {
        for word in words_of(&words, part).map_err(untrained)? {
            let count = counts.entry(word).or_default();
            *count = count.saturating_add(1);
        }
    }
    let trainer = UnigramTrainer::builder()
        .show_progress(false)
        .vocab_size(u32::try_from(maximum_size).unwrap_or(u32::MAX))
        .special_tokens(named([END.to_owned()]))
        .initial_alphabet(bytes.iter().copied().collect())
        .build()
        .map_err(|error| TokenizerError::Training(error.to_string()))?;
    // Probabilities are summed by thread, so there is one.
    let alone = ThreadPoolBuilder::new().num_threads(1).build();
    let alone = alone.map_err(|error| TokenizerError::Training(error.to_string()))?;
    let mut model = Unigram::default();
    let counts = counts.into_iter().collect();
    // The library's suffix array panics at some texts of a few words, from which nothing but bytes can be learnt.
    let learn = AssertUnwindSafe(|| alone.install(|| trainer.do_train(counts, &mut model)));
    let pieces = match catch_unwind(learn) {
        Ok(learnt) => learnt.map_err(untrained).map(|_| settled(&model, bytes.len()))?,
        Err(_) => bytes_alone(&bytes),
    };
    let model = Unigram::from(pieces, None, false).map_err(untrained)?;
    finish(tokenizers::Tokenizer::new(model), words, byte_level())
}

/// The tokens of a unigram model that has learnt nothing: the end, and bytes that are nearly as likely.
fn bytes_alone(bytes: &BTreeSet<char>) -> Vec<(String, f64)> {
    let score = |index: usize| -(bytes.len() as f64).ln() - 1e-4 * index as f64;
    let bytes = bytes.iter().enumerate().map(|(index, byte)| (byte.to_string(), score(index)));
    std::iter::once((END.to_owned(), 0.0)).chain(bytes).collect()
}

/// The tokens of a unigram model by falling score. Bytes that are no likely token have the lowest scores, 0.0001 apart,
/// which the trainer gives out in an order that is another each time: they get them by their code points.
fn settled(model: &Unigram, bytes: usize) -> Vec<(String, f64)> {
    let mut special: Vec<(String, f64)> = model.iter().cloned().collect();
    let mut pieces = special.split_off(1);
    let lowest = pieces.iter().map(|(_, score)| *score).fold(f64::INFINITY, f64::min);
    let last = lowest + 1e-4 * bytes as f64;
    let is_low = |(piece, score): &(String, f64)| *score <= last && piece.chars().nth(1).is_none();
    let (mut low, mut ordered): (Vec<_>, Vec<_>) = pieces.drain(..).partition(is_low);
    let mut scores: Vec<f64> = low.iter().map(|(_, score)| *score).collect();
    scores.sort_by(|a, b| b.total_cmp(a));
    low.sort_by(|a, b| a.0.cmp(&b.0));
    ordered.extend(low.into_iter().map(|(piece, _)| piece).zip(scores));
    ordered.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    special.extend(ordered);
    special
}

/// The tokenizer around a model.
fn finish(
    mut inner: tokenizers::Tokenizer,
    words: PreTokenizerWrapper,
    decoder: impl Into<tokenizers::DecoderWrapper>,
) -> Result<Subwords> {
    inner.with_pre_tokenizer(Some(words)).with_decoder(Some(decoder));
    inner.add_special_tokens(named([END.to_owned()])).map_err(untrained)?;
    Subwords::new(inner, None)
}

/// The texts in parts that threads can share.
fn parts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Vec<&'a str>> {
    let parts: Vec<&str> = texts.into_iter().flat_map(|text| chunks(text, CHUNK)).collect();
    if parts.is_empty() { Err(TokenizerError::NoText) } else { Ok(parts) }
}

fn words_of(words: &PreTokenizerWrapper, text: &str) -> tokenizers::Result<Vec<String>> {
    let mut text = PreTokenizedString::from(text);
    words.pre_tokenize(&mut text)?;
    let splits = text.get_splits(OffsetReferential::Normalized, OffsetType::None);
    Ok(splits.into_iter().map(|(word, ..)| word.to_owned()).collect())
}

/// GPT-2's words and its spelling of bytes.
fn byte_level() -> ByteLevel {
    ByteLevel::new(false, false, true)
}

/// The 256 bytes, spelt, by code point.
fn alphabet() -> BTreeSet<char> {
    ByteLevel::alphabet().into_iter().collect()
}

fn named(names: impl IntoIterator<Item = String>) -> Vec<AddedToken> {
    names.into_iter().map(|name| AddedToken::from(name, true)).collect()
}

fn require(size: usize, least: usize) -> Result<()> {
    if size < least { Err(TokenizerError::TooSmall { size, least }) } else { Ok(()) }
}

fn untrained(error: tokenizers::Error) -> TokenizerError {
    TokenizerError::Training(one_line(&*error))
}
