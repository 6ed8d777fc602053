//! Generation of text and tunes by a trained model.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use anaphora_data::{Section, wanted};
use anaphora_music::{Metre, abc};

use super::Trained;
use crate::decoding::sampling::Choice;
use crate::decoding::{Batcher, GenerateOptions, Generated, Novelty, Observer, Problem, generate, novelty};
use crate::model::Compute;
use crate::recipe::{RecipeError, Task};
use crate::{Error, Precision, Result};

/// Tokens of a text that are read at once.
const STRETCH: usize = 256;

/// The model of a run, to write with.
pub struct Generator {
    trained: Trained,
}

impl Generator {
    /// Opens a run folder, to write in a precision; see [`Run::load_weights`](crate::Run::load_weights).
    pub fn open(run: impl AsRef<Path>, precision: Precision) -> Result<Self> {
        Ok(Self { trained: Trained::predicting(run, precision)? })
    }

    /// The model and what belongs to it.
    pub fn trained(&self) -> &Trained {
        &self.trained
    }

    /// Writes pieces, as [`decoding::generate`](generate()) does. A tune is complete where it can be read, its bars add up,
    /// and it has notes that its prompt has not.
    pub fn generate(
        &self,
        compute: &mut Compute,
        options: &GenerateOptions,
        observer: &mut Observer,
    ) -> Result<Vec<Generated>> {
        self.trained.generate(compute, options, observer)
    }

    /// Compares generated texts with what the model has learnt; see [`Trained::novelty`].
    pub fn novelty(&self, texts: &[&str], training: &Section) -> Result<Vec<Novelty>> {
        self.trained.novelty(texts, training, &mut || ControlFlow::Continue(()))
    }
}

impl Trained {
    /// Writes pieces; see [`Generator::generate`].
    ///
    /// # Errors
    /// As [`decoding::generate`](generate()).
    pub fn generate(
        &self,
        compute: &mut Compute,
        options: &GenerateOptions,
        observer: &mut Observer,
    ) -> Result<Vec<Generated>> {
        let problem: Option<&Problem> =
            if self.task() == Task::Music { Some(&problem_of_tune) } else { None };
        generate(&self.model, &self.tokenizer, compute, options, problem, observer)
    }

    /// How likely each token of a text is behind those before it, and so many of the likeliest tokens in its place; where `ended`, the
    /// end of the piece too.
    ///
    /// # Errors
    /// A text that the tokenizer cannot encode, logits that are not numbers, and work that nobody [wants](wanted) any more.
    pub fn choices(
        &self,
        compute: &mut Compute,
        text: &str,
        ended: bool,
        best: usize,
    ) -> Result<Vec<Choice>> {
        let end = self.tokenizer.end_id();
        let mut tokens = vec![end];
        self.tokenizer.encode_into(text, &mut tokens)?;
        tokens.extend(ended.then_some(end));
        let (batcher, mut choices) = (Batcher::new(&self.model), Vec::with_capacity(tokens.len()));
        let mut joining = batcher.begin(tokens);
        while !joining.is_read() {
            wanted::check()?;
            let choose = &mut |logits: &[f32], token| {
                choices.push(Choice::new(logits, token, best)?);
                Ok(())
            };
            batcher.read(compute, &mut joining, STRETCH, Some(choose))?;
        }
        Ok(choices)
    }

    /// The value of a header field that tunes are asked to have, as most of the training data spell it, and a note, a clause, where none of
    /// them has it. `by` is what the caller sets it by, and `prompts` are what the tunes begin with.
    ///
    /// # Errors
    /// [`Error::Setting`] for a value that is none of the field or that the tokenizer cannot encode, and a prompt that has the field;
    /// training data that cannot be read.
    pub fn header(
        &self,
        by: &str,
        field: char,
        asked: &str,
        prompts: &[String],
    ) -> Result<(String, Option<String>)> {
        let refused =
            |sentence: String| Error::Setting { by: by.to_owned(), source: RecipeError::Conflict(sentence) };
        let value = header_value(field, asked).map_err(refused)?;
        if prompts.iter().any(|prompt| has_field(prompt, field)) {
            return Err(refused(format!("the prompt has a {field}: field already; leave one of them out")));
        }
        let spelt = spelling(&self.corpus()?.train, field, &value)?;
        let note = spelt
            .is_none()
            .then(|| format!("no training tune has {field}:{value}, so the model may not keep to it"));
        let value = spelt.unwrap_or_else(|| value.trim().to_owned());
        self.tokenizer.encode(&value).map_err(|error| refused(error.to_string()))?;
        Ok((value, note))
    }

    /// Compares generated texts, without their prompts, with what the model has learnt; of tunes the notes, for all headers
    /// are alike. `observer` is asked again and again whether to go on.
    ///
    /// # Errors
    /// Training data that cannot be read, and [`Error::Stopped`](crate::Error::Stopped) where the observer breaks.
    pub fn novelty(
        &self,
        texts: &[&str],
        training: &Section,
        observer: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<Vec<Novelty>> {
        novelty(texts, training, self.task() == Task::Music, observer)
    }
}

/// The value of a header field that tunes may be asked to have, `K` for the key and `M` for the metre, as ABC has it: the letter of a
/// key is a capital.
///
/// # Errors
/// What is no such value, as a sentence.
pub fn header_value(field: char, asked: &str) -> std::result::Result<String, String> {
    match field {
        'K' => key(asked),
        'M' => Metre::parse(asked).map(|_| asked.to_owned()).map_err(|reason| reason.to_string()),
        other => Err(format!("the field {other} cannot be asked for; K, the key, and M, the metre, can")),
    }
}

/// A key as ABC has it.
fn key(asked: &str) -> std::result::Result<String, String> {
    let mut key = asked.trim().to_owned();
    if let Some(letter) = key.get_mut(..1) {
        letter.make_ascii_uppercase();
    }
    let (tune, problems) = abc::parse_tune(&format!("X:1\nK:{key}\nC|\n"));
    let read = tune.key.is_some_and(|key| key.tonic.is_some());
    if read && problems.is_empty() && !key.contains('\n') {
        Ok(key)
    } else {
        Err(format!("{asked:?} is no key; it takes a key such as D, \"D major\", Am or \"E dorian\""))
    }
}

/// Whether a text has a header field of tunes already.
pub fn has_field(text: &str, field: char) -> bool {
    text.lines().any(|line| line.strip_prefix(field).is_some_and(|rest| rest.starts_with(':')))
}

/// The first thing that keeps a tune from being complete, as a sentence.
fn problem_of_tune(prompt: &str, text: &str) -> Option<String> {
    match abc::parse_complete(text) {
        Ok(tune) => {
            let added = sounds(&tune) > sounds(&abc::parse_tune(prompt).0);
            (!added).then(|| "it has no notes but those that it goes on from".to_owned())
        }
        Err(problems) => {
            let problem = problems.into_iter().next();
            Some(problem.map_or_else(|| "it is no tune".to_owned(), |problem| problem.to_string()))
        }
    }
}

/// Notes and chords of a tune as written.
fn sounds(tune: &abc::Tune) -> usize {
    let items = tune.voices.iter().flat_map(|voice| &voice.items);
    items.filter(|item| matches!(item.element, abc::Element::Sound(_))).count()
}

/// The value of a header field of tunes as most of the training data spell it, by its meaning: `D` is `D Major` there,
/// and `C` may be `4/4`. None where they do not have it.
pub fn spelling(training: &Section, field: char, value: &str) -> Result<Option<String>> {
    let meaning = |value: &str| {
        let (tune, _) = abc::parse_tune(&format!(
            "X:1\n{field}:{value}\n{}C|\n",
            if field == 'K' { "" } else { "K:C\n" }
        ));
        (tune.key, tune.metre.fraction())
    };
    let asked = meaning(value);
    let mut known: BTreeMap<String, (usize, bool)> = BTreeMap::new();
    training.each_piece(|tune| {
        for line in tune.lines() {
            let Some(other) = line.strip_prefix(field).and_then(|rest| rest.strip_prefix(':')) else {
                continue;
            };
            let (count, same) =
                known.entry(other.trim().to_owned()).or_insert_with(|| (0, meaning(other) == asked));
            *count += usize::from(*same);
        }
        Ok::<_, Error>(())
    })?;
    let same = known.into_iter().filter(|(_, (_, same))| *same);
    // As it was asked for, if anyone writes it so.
    Ok(same.max_by_key(|(other, (count, _))| (other == value.trim(), *count)).map(|(other, _)| other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_metres_are_checked() {
        for (asked, key) in
            [("D major", "D major"), (" am", "Am"), ("f# Minor", "F# Minor"), ("Edor", "Edor")]
        {
            assert_eq!(header_value('K', asked).unwrap(), key);
        }
        for asked in ["", "H", "D magic", "none", "D\nT:x", "é"] {
            assert!(header_value('K', asked).is_err(), "{asked}");
        }
        assert_eq!(header_value('M', "6/8").unwrap(), "6/8");
        assert!(header_value('M', "6/").is_err() && header_value('T', "A title").is_err());
    }

    #[test]
    fn a_tune_that_goes_on_from_another_adds_to_it() {
        let half = "X:1\nM:4/4\nL:1/4\nK:C\nCDEF|";
        assert_eq!(problem_of_tune(half, &format!("{half}GABc|]\n")), None);
        assert_eq!(problem_of_tune("X:", &format!("{half}GABc|]\n")), None);
        let nothing = problem_of_tune(half, &format!("{half}\n")).unwrap();
        assert_eq!(nothing, "it has no notes but those that it goes on from");
        assert!(problem_of_tune(half, &format!("{half}]\n")).is_some(), "a bar line is no note");
        assert!(problem_of_tune(half, &format!("{half}GAB|]\n")).unwrap().contains("shorter than the metre"));
    }
}
