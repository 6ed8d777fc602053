//! What words, characters and tags a tagger knows.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Sentence;
use crate::error::{counted, not_known};

/// How a lexicon is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LexiconOptions {
    /// Whether words are looked up in lower case.
    pub lowercase: bool,
    /// The fewest occurrences of a word or character to be in the vocabulary.
    pub minimum_count: usize,
    /// Words that are known at most.
    pub maximum_size: usize,
    /// Whether the model reads characters, too.
    pub characters: bool,
}

/// What words, characters and tags a tagger knows. The number of a word or character is one more than its place, and 0 is
/// that of all others; rare ones are among these, so that something is learnt of what is not known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lexicon {
    /// The tags in alphabetical order.
    pub tags: Vec<String>,
    /// The known words in the order of their text, each with the tag that it has most often.
    words: Vec<(String, u32)>,
    /// The tag that the other words of the training data have most often.
    unknown: u32,
    /// Whether words are looked up in lower case.
    lowercase: bool,
    /// The known characters in their order; none where the model reads words alone.
    characters: Option<Vec<char>>,
    /// Most words of a sentence that the model reads; none where there is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<usize>,
}

impl Lexicon {
    /// What is learnt of the training sentences; tags of others that were read with them are known too.
    pub fn learn<'a>(
        train: &[Sentence],
        all: impl Iterator<Item = &'a Sentence>,
        options: &LexiconOptions,
    ) -> Self {
        let mut tags: Vec<String> = all.flat_map(|sentence| sentence.tags.iter().cloned()).collect();
        tags.sort();
        tags.dedup();
        // How often each word has each tag.
        let mut counts: BTreeMap<Cow<str>, Vec<usize>> = BTreeMap::new();
        let mut characters: BTreeMap<char, usize> = BTreeMap::new();
        for sentence in train {
            for (word, tag) in sentence.words.iter().zip(&sentence.tags) {
                let counts =
                    counts.entry(folded(word, options.lowercase)).or_insert_with(|| vec![0; tags.len()]);
                counts[tags.binary_search(tag).expect("all tags are listed")] += 1;
                word.chars().for_each(|character| *characters.entry(character).or_default() += 1);
            }
        }
        let mut words: Vec<(Cow<str>, Vec<usize>)> = counts.into_iter().collect();
        // The most frequent first, those of equal frequency by their text.
        words.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.iter().sum::<usize>()));
        let minimum = options.minimum_count;
        let frequent = words.partition_point(|(_, counts)| counts.iter().sum::<usize>() >= minimum);
        let rare = words.split_off(frequent.min(options.maximum_size));
        let mut others = vec![0; tags.len()];
        for (_, counts) in if rare.is_empty() { &words } else { &rare } {
            others.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
        let mut words: Vec<(String, u32)> =
            words.into_iter().map(|(word, counts)| (word.into_owned(), most_frequent(&counts))).collect();
        words.sort();
        let characters = characters.into_iter().filter(|&(_, count)| count >= minimum);
        Self {
            tags,
            words,
            unknown: most_frequent(&others),
            lowercase: options.lowercase,
            characters: options.characters.then(|| characters.map(|(c, _)| c).collect()),
            context: None,
        }
    }

    /// Numbers of words: those that are known, and one for all others.
    pub fn words(&self) -> usize {
        self.words.len() + 1
    }

    /// Numbers of characters likewise; none where the model reads words alone.
    pub fn spelt(&self) -> Option<usize> {
        self.characters.as_ref().map(|characters| characters.len() + 1)
    }

    /// What the model reads and predicts.
    pub fn description(&self) -> String {
        let spelt = match &self.characters {
            Some(characters) => format!(" in {}", counted(characters.len(), "character")),
            None => String::new(),
        };
        format!(
            "{}{spelt}, one of {} each",
            counted(self.words.len(), "known word"),
            counted(self.tags.len(), "tag")
        )
    }

    /// The number of a word.
    pub fn word(&self, word: &str) -> u32 {
        let word = folded(word, self.lowercase);
        let found = self.words.binary_search_by(|(known, _)| known.as_str().cmp(&word));
        found.map_or(0, |place| place as u32 + 1)
    }

    /// What is to be said of a sentence's words that are not known; nothing where all are.
    pub fn note_unknown(&self, words: &[String]) -> Option<String> {
        let found: Vec<&str> = words.iter().filter(|word| self.word(word) == 0).map(String::as_str).collect();
        let note = not_known("word", &found)?;
        Some(if self.characters.is_some() {
            format!("{note}; they are read by their characters alone")
        } else {
            note
        })
    }

    /// The word of a number, `<unk>` for that of all others.
    pub fn name(&self, number: u32) -> &str {
        let place = (number as usize).checked_sub(1);
        place.and_then(|place| self.words.get(place)).map_or("<unk>", |(word, _)| word)
    }

    /// The tag that a word, by its number, has most often.
    pub fn usual_tag(&self, word: u32) -> u32 {
        match word.checked_sub(1) {
            Some(place) => self.words[place as usize].1,
            None => self.unknown,
        }
    }

    /// The numbers of a word's characters; none where the model reads words alone.
    pub fn characters(&self, word: &str) -> Option<Vec<u32>> {
        let known = self.characters.as_ref()?;
        let number = |character| known.binary_search(&character).map_or(0, |place| place as u32 + 1);
        Some(word.chars().map(number).collect())
    }

    /// The number of a tag.
    pub fn tag(&self, tag: &str) -> Option<u32> {
        self.tags.binary_search_by(|known| known.as_str().cmp(tag)).ok().map(|place| place as u32)
    }
}

fn folded(word: &str, lowercase: bool) -> Cow<'_, str> {
    if lowercase { word.to_lowercase().into() } else { word.into() }
}

/// The tag with the most words, the first of several.
fn most_frequent(counts: &[usize]) -> u32 {
    (0..counts.len()).rev().max_by_key(|&tag| counts[tag]).unwrap_or(0) as u32
}
