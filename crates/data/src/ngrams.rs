//! Texts as bags of n-grams: words alone and in pairs, and up to five characters inside words, each counted as is usual of search
//! engines (tf-idf). A dictionary of them is made from the texts to learn from.

use std::collections::HashMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::tokenizer::segments;

/// Words of the longest n-gram of words.
const WORDS: usize = 2;
/// Characters of the longest n-gram of characters, the blanks around a word counted among them.
const CHARACTERS: usize = 5;
/// Texts that an n-gram has to be in.
const TEXTS: u32 = 2;
/// Different n-grams that are counted at once; of more the rarest are forgotten.
const COUNTED: usize = 1 << 21;

/// The text that n-grams are stretches of, and where they lie in it.
type Cut = (String, Vec<Range<usize>>);

/// The kinds of n-grams. Each by itself has a vector of length 1.
const KINDS: [fn(&str) -> Cut; 2] = [of_words, of_characters];

/// The n-grams that are known, and in how many texts each is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Counts", into = "Counts")]
pub struct Ngrams {
    counts: Counts,
    /// The number of each n-gram, in the order of the dictionaries.
    numbers: [HashMap<String, u32>; 2],
    /// How much each counts: the more, the fewer texts it is in.
    weights: Vec<f32>,
}

/// What a file keeps of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Counts {
    /// Whether capitals are read as small letters.
    lowercase: bool,
    /// Texts that were counted.
    texts: usize,
    words: Dictionary,
    characters: Dictionary,
}

/// N-grams of a kind in alphabetical order, each with the number of texts that it is in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Dictionary {
    ngrams: Vec<String>,
    texts: Vec<u32>,
}

impl Ngrams {
    /// The n-grams of texts, at most so many: those in most texts, and none that is in one alone.
    pub fn learn<'a>(texts: impl Iterator<Item = &'a str> + Clone, lowercase: bool, most: usize) -> Self {
        let mut common: Vec<(u32, usize, String)> = Vec::new();
        for (kind, cut) in KINDS.iter().enumerate() {
            let counts = count(texts.clone(), *cut, lowercase);
            common.extend(counts.into_iter().map(|(ngram, texts)| (texts, kind, ngram)));
        }
        common.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| (a.1, &a.2).cmp(&(b.1, &b.2))));
        common.truncate(most);
        common.sort_unstable_by(|a, b| (a.1, &a.2).cmp(&(b.1, &b.2)));
        let mut kinds = [Dictionary::default(), Dictionary::default()];
        for (texts, kind, ngram) in common {
            kinds[kind].ngrams.push(ngram);
            kinds[kind].texts.push(texts);
        }
        let [words, characters] = kinds;
        Counts { lowercase, texts: texts.count(), words, characters }.into()
    }

    /// Whether each has its number of texts, as those that are read from a file may not.
    pub fn is_whole(&self) -> bool {
        let Counts { texts, words, characters, .. } = &self.counts;
        let may_be = |&count: &u32| (1..=*texts).contains(&(count as usize));
        let is_whole =
            |kind: &Dictionary| kind.ngrams.len() == kind.texts.len() && kind.texts.iter().all(may_be);
        is_whole(words) && is_whole(characters)
    }

    /// How many are known.
    pub fn len(&self) -> usize {
        self.weights.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.weights.is_empty()
    }

    /// A text as a vector: the n-grams that are known by their number, ascending, and how much each is there. An n-gram that
    /// is there `n` times counts `1 + ln n` times its weight.
    pub fn vector(&self, text: &str) -> Vec<(u32, f32)> {
        let mut vector = Vec::new();
        for (cut, numbers) in KINDS.iter().zip(&self.numbers) {
            let (cut, places) = cut(&lowered(text, self.counts.lowercase));
            let mut found: Vec<u32> =
                places.into_iter().filter_map(|place| numbers.get(&cut[place]).copied()).collect();
            found.sort_unstable();
            let begin = vector.len();
            for times in found.chunk_by(|a, b| a == b) {
                let times_counted = 1.0 + (times.len() as f32).ln();
                vector.push((times[0], times_counted * self.weights[times[0] as usize]));
            }
            let length = vector[begin..].iter().map(|(_, value)| value * value).sum::<f32>().sqrt();
            vector[begin..].iter_mut().for_each(|(_, value)| *value /= length);
        }
        vector
    }
}

impl From<Counts> for Ngrams {
    fn from(counts: Counts) -> Self {
        let kinds = [&counts.words, &counts.characters];
        let begin = [0, kinds[0].ngrams.len()];
        let numbers = [0, 1].map(|kind| {
            kinds[kind].ngrams.iter().cloned().zip(begin[kind] as u32..).collect::<HashMap<String, u32>>()
        });
        let all = 1.0 + counts.texts as f64;
        let weight = |&texts: &u32| (1.0 + (all / (1.0 + f64::from(texts))).ln()) as f32;
        let weights = kinds.iter().flat_map(|kind| kind.texts.iter().map(weight)).collect();
        Self { counts, numbers, weights }
    }
}

impl From<Ngrams> for Counts {
    fn from(ngrams: Ngrams) -> Self {
        ngrams.counts
    }
}

fn lowered(text: &str, lowercase: bool) -> String {
    if lowercase { text.to_lowercase() } else { text.to_owned() }
}

/// In how many texts the n-grams of a kind are that are in several. Of too many different ones the rarest are forgotten on the
/// way (Manku & Motwani 2002).
fn count<'a>(
    texts: impl Iterator<Item = &'a str>,
    cut: fn(&str) -> Cut,
    lowercase: bool,
) -> HashMap<String, u32> {
    let mut counts: HashMap<String, u32> = HashMap::new();
    let mut rare = 1;
    for text in texts {
        let (cut, places) = cut(&lowered(text, lowercase));
        let mut ngrams: Vec<&str> = places.into_iter().map(|place| &cut[place]).collect();
        ngrams.sort_unstable();
        ngrams.dedup();
        for ngram in ngrams {
            match counts.get_mut(ngram) {
                Some(count) => *count += 1,
                None => drop(counts.insert(ngram.to_owned(), 1)),
            }
        }
        while counts.len() > COUNTED {
            counts.retain(|_, count| *count > rare);
            rare += 1;
        }
    }
    counts.retain(|_, count| *count >= TEXTS);
    counts
}

/// The words of a text and its other characters but white space, with a blank between them, and their n-grams.
fn of_words(text: &str) -> Cut {
    let (mut cut, mut words) = (String::with_capacity(text.len()), Vec::new());
    for word in segments(text).map(str::trim).filter(|word| !word.is_empty()) {
        if !words.is_empty() {
            cut.push(' ');
        }
        words.push(cut.len()..cut.len() + word.len());
        cut.push_str(word);
    }
    let ngrams = words
        .iter()
        .enumerate()
        .flat_map(|(first, word)| words[first..].iter().take(WORDS).map(move |last| word.start..last.end));
    let ngrams = ngrams.collect();
    (cut, ngrams)
}

/// What stands between white space, with a blank on both sides, and its n-grams of characters.
fn of_characters(text: &str) -> Cut {
    let (mut cut, mut ngrams) = (String::with_capacity(2 * text.len()), Vec::new());
    for word in text.split_whitespace() {
        let begin = cut.len();
        cut.extend([" ", word, " "]);
        let ends = cut[begin..].char_indices().map(|(at, _)| begin + at).chain([cut.len()]);
        let ends: Vec<usize> = ends.collect();
        for (first, &start) in ends.iter().enumerate() {
            let behind = ends[first + 1..].iter().take(CHARACTERS);
            ngrams.extend(behind.map(|&end| start..end).filter(|place| cut[place.clone()] != *" "));
        }
    }
    (cut, ngrams)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The n-grams of a text.
    fn cut(kind: usize, text: &str) -> Vec<String> {
        let (cut, places) = KINDS[kind](text);
        places.into_iter().map(|place| cut[place].to_owned()).collect()
    }

    #[test]
    fn texts_are_cut_into_ngrams() {
        assert_eq!(cut(0, "it's  good,"), ["it's", "it's good", "good", "good ,", ","]);
        let inside = ["a", "ab", "ab ", "b", "b "];
        let whole = [" a", " ab", " ab "];
        let mut found = cut(1, "ab");
        found.sort_unstable();
        let mut wanted: Vec<&str> = inside.into_iter().chain(whole).collect();
        wanted.sort_unstable();
        assert_eq!(found, wanted);
        // Five characters at most, in any script, over no blank.
        assert!(cut(1, "天気がいいです ね").contains(&"がいいです".to_owned()));
        assert!(cut(1, "天気がいいです ね").iter().all(|ngram| ngram.trim().chars().count() <= 5));
        assert!(cut(0, " \n").is_empty() && cut(1, "").is_empty());
    }

    #[test]
    fn vectors_are_those_of_scikit_learn() {
        // TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2), and with analyzer="char_wb", ngram_range=(1, 5).
        let texts = ["Good good film", "good bad film", "bad end"];
        let ngrams = Ngrams::learn(texts.into_iter(), true, 1_000);
        let words = &ngrams.counts.words;
        assert_eq!(words.ngrams, ["bad", "film", "good"]);
        assert_eq!(words.texts, [2, 2, 2]);
        let vector = ngrams.vector(texts[0]);
        let of_words: Vec<f32> = vector.iter().filter(|(number, _)| *number < 3).map(|&(_, v)| v).collect();
        for (found, wanted) in of_words.iter().zip([0.508_542_3, 0.861_037]) {
            assert!((found - wanted).abs() < 1e-6, "{of_words:?}");
        }
        let square: f32 = vector.iter().filter(|(number, _)| *number >= 3).map(|(_, v)| v * v).sum();
        assert!((square - 1.0).abs() < 1e-5, "{square}");
        assert!(vector.is_sorted_by_key(|&(number, _)| number));
    }

    #[test]
    fn what_is_not_known_counts_nothing_and_a_file_keeps_what_is() {
        let ngrams = Ngrams::learn(["aa bb", "aa cc"].into_iter(), false, 1_000);
        assert!(ngrams.vector("zz").is_empty() && ngrams.vector("").is_empty());
        let kept: Ngrams = serde_json::from_str(&serde_json::to_string(&ngrams).unwrap()).unwrap();
        assert_eq!(kept, ngrams);
        let few = Ngrams::learn(["aa bb", "aa cc"].into_iter(), false, 2);
        assert_eq!(few.len(), 2);
        // Capitals are letters of their own here.
        assert!(ngrams.vector("AA").is_empty());
    }
}
