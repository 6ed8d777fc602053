//! Sentences as a model reads them.

use std::collections::HashMap;
use std::path::Path;

use super::{Lexicon, Sentence};
use crate::error::{At, counted, listed};
use crate::sequence::{Packed, Sequence, Spelling};

/// Sentences as a model reads them.
#[derive(Debug, Default)]
pub struct Encoded {
    /// The words of each, numbers of `forms`.
    sentences: Vec<Sequence>,
    /// Their tags.
    tags: Vec<Sequence>,
    /// The different words.
    forms: Vec<Form>,
}

/// A word as it is written.
#[derive(Debug)]
struct Form {
    /// Its number.
    word: u32,
    /// Its characters, where the model reads them.
    characters: Option<Sequence>,
}

/// Why a sentence cannot be read by a model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SentenceFault {
    /// A tag that the model does not know.
    #[error("the tag {found} is none of those that are learnt from ({known})")]
    Tag {
        /// The tag.
        found: String,
        /// Those that it knows.
        known: String,
    },
    /// A sentence that is too long for it.
    #[error("the sentence has {}, and the model reads {most} at most", counted(*found, "word"))]
    TooLong {
        /// Its words.
        found: usize,
        /// Most that it reads.
        most: usize,
    },
}

impl Encoded {
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
    ) -> Result<Self, At<SentenceFault>> {
        let mut encoded = Self::default();
        let mut known = HashMap::new();
        for Sentence { words, tags, lines } in sentences {
            let number = |(tag, &line): (&String, &usize)| {
                lexicon.tag(tag).ok_or_else(|| {
                    let known = listed(&lexicon.tags);
                    At::new(path, line, SentenceFault::Tag { found: tag.clone(), known })
                })
            };
            let fits = match lexicon.context.filter(|&context| words.len() > context) {
                Some(most) => {
                    Err(At::new(path, lines[0], SentenceFault::TooLong { found: words.len(), most }))
                }
                None => Ok(()),
            };
            match fits.and_then(|()| tags.iter().zip(&lines).map(number).collect::<Result<Vec<u32>, _>>()) {
                Ok(tags) => {
                    let mut form = |word: String| {
                        *known.entry(word).or_insert_with_key(|word| {
                            let characters = lexicon.characters(word).map(Sequence::Tokens);
                            encoded.forms.push(Form { word: lexicon.word(word), characters });
                            encoded.forms.len() as u32 - 1
                        })
                    };
                    let words = words.into_iter().map(&mut form).collect();
                    encoded.sentences.push(Sequence::Tokens(words));
                    encoded.tags.push(Sequence::Tokens(tags));
                }
                Err(error) if skip_bad => notes(&format!("{error} (its sentence is skipped)")),
                Err(error) => return Err(error),
            }
        }
        Ok(encoded)
    }

    /// Number of sentences.
    pub fn len(&self) -> usize {
        self.sentences.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sentences.is_empty()
    }

    /// How many words each has.
    pub fn lengths(&self) -> Vec<usize> {
        self.sentences.iter().map(Sequence::len).collect()
    }

    /// The tags of all words.
    pub fn tags(&self) -> impl Iterator<Item = &u32> {
        self.tags.iter().flat_map(tokens)
    }

    /// The tags that all words have most often.
    pub fn usual_tags(&self, lexicon: &Lexicon) -> Vec<usize> {
        let form = |&form: &u32| lexicon.usual_tag(self.forms[form as usize].word) as usize;
        self.sentences.iter().flat_map(tokens).map(form).collect()
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

    /// The tags of a batch of sentences, packed.
    pub fn targets(&self, batch: &[usize]) -> Packed {
        Packed::new(batch.iter().map(|&sentence| &self.tags[sentence]))
    }
}

/// The numbers of a sentence.
fn tokens(sequence: &Sequence) -> &[u32] {
    match sequence {
        Sequence::Tokens(ids) => ids,
        Sequence::Frames(_) => &[],
    }
}
