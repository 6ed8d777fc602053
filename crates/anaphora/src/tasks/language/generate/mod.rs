//! Writing on: text and tunes from a trained model.

mod likeliest;
mod stream;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::Path;

use anaphora_data::Section;
use anaphora_data::copying::Copying;
use anaphora_data::texts::Event;
use anaphora_music::abc;
use anaphora_nn::{Device, State};

use self::stream::{End, Stream};
use crate::decoding::beam::BeamOptions;
use crate::decoding::sampling::{Sampler, SamplingOptions};
use crate::model::Compute;
use crate::recipe::Task;
use crate::tasks::language::Trained;
use crate::{Error, Result};

/// Characters of the passages that [`Novelty::share`] counts.
const PASSAGE: usize = 16;

/// What is to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct GenerateOptions {
    /// How tokens are drawn.
    pub sampling: SamplingOptions,
    /// Where given, the likeliest pieces are searched for instead, and of `sampling` only the rule against repeated sequences
    /// counts; the search ends the same way each time, so `seed` and `retry` do not count.
    pub beams: Option<BeamOptions>,
    /// What pieces begin with; may be empty, and of unequal length.
    pub prompts: Vec<String>,
    /// Pieces to write for each prompt, all side by side; a beam search finds at most as many as it has beams.
    pub count: usize,
    /// Tokens after which a piece is broken off.
    pub tokens: usize,
    /// Header fields of a tune and their values: where a line begins with the field for the first time, the value is set
    /// instead of drawn, so that a key and a metre can be asked for and the title is still the model's.
    pub fields: Vec<(char, String)>,
    /// Texts at which a piece ends; they are not part of it.
    pub stop: Vec<String>,
    /// Where all randomness starts from.
    pub seed: u64,
    /// How often a piece that is not complete is written anew: for music, one that did not come to its end, cannot be read or
    /// has bars that do not add up.
    pub retry: usize,
}

impl Default for GenerateOptions {
    fn default() -> Self {
        Self {
            sampling: SamplingOptions::default(),
            beams: None,
            prompts: vec![String::new()],
            count: 1,
            tokens: 2_000,
            fields: Vec::new(),
            stop: Vec::new(),
            seed: 0,
            retry: 0,
        }
    }
}

impl GenerateOptions {
    /// All pieces, those of the first prompt first.
    fn pieces(&self) -> usize {
        self.prompts.len() * self.count
    }
}

/// Something that an onlooker of a generation may want to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress<'a> {
    /// Piece `index` goes on with this text, its prompt first.
    Text {
        /// Which piece, from 0.
        index: usize,
        /// What was added.
        text: &'a str,
    },
    /// A beam search has come so far.
    Searched {
        /// Tokens of each open hypothesis.
        tokens: usize,
    },
    /// Piece `index` is not complete and is written anew.
    Rejected {
        /// Which piece, from 0.
        index: usize,
        /// What was wrong with it.
        reason: &'a str,
    },
}

/// A piece that was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Generated {
    /// The whole piece, its prompt included.
    pub text: String,
    /// Which of the prompts it begins with, from 0.
    pub prompt: usize,
    /// Tokens drawn for it, in the attempt that was kept.
    pub tokens: usize,
    /// How often it was begun.
    pub attempts: usize,
    /// What keeps it from being complete; none where nothing does.
    pub incomplete: Option<String>,
    /// Of a piece that was searched for, how unlikely it is: minus the mean log-probability of its tokens, in nats.
    pub nats: Option<f64>,
}

/// How much of a text is copied from the training data.
#[derive(Clone, Debug, PartialEq)]
pub struct Novelty {
    /// Characters of the longest passage that stands in the training data too.
    pub longest: usize,
    /// That passage.
    pub passage: String,
    /// Share of the text's passages of [`Novelty::window`] characters that stand in the training data; none where the text
    /// is shorter.
    pub share: Option<f64>,
    /// Characters of the passages that are counted.
    pub window: usize,
}

/// A trained model, writing.
pub struct Generator {
    trained: Trained,
    compute: Compute,
}

impl Generator {
    /// Opens a run folder.
    pub fn open(run: impl AsRef<Path>, device: Device) -> Result<Self> {
        Ok(Self { trained: Trained::open(run)?, compute: Compute::new(device) })
    }

    /// The model and what belongs to it.
    pub fn trained(&self) -> &Trained {
        &self.trained
    }

    /// Writes pieces, those of an attempt side by side, and tells `observer` of the text as it is made.
    pub fn generate(
        &mut self,
        options: &GenerateOptions,
        observer: &mut dyn FnMut(Progress),
    ) -> Result<Vec<Generated>> {
        if let Some(beams) = options.beams {
            return self.likeliest(options, beams, observer);
        }
        let mut pieces: Vec<Option<Generated>> = vec![None; options.pieces()];
        for attempt in 0..=options.retry {
            let open: Vec<usize> = (0..pieces.len()).filter(|&index| pieces[index].is_none()).collect();
            for (index, mut piece) in self.attempt(options, attempt, &open, observer)? {
                piece.attempts = attempt + 1;
                if let (Some(reason), true) = (&piece.incomplete, attempt < options.retry) {
                    observer(Progress::Rejected { index, reason });
                } else {
                    pieces[index] = Some(piece);
                }
            }
            if pieces.iter().all(Option::is_some) {
                break;
            }
        }
        Ok(pieces.into_iter().flatten().collect())
    }

    /// Compares generated texts, without their prompts, with what the model has learnt; of tunes the notes, for all headers
    /// are alike.
    pub fn novelty(&self, texts: &[&str], training: &Section) -> Result<Vec<Novelty>> {
        let music = self.trained.task() == Task::Music;
        let texts: Vec<&str> =
            texts.iter().map(|text| if music { without_header(text) } else { text }).collect();
        let mut copying: Vec<Copying> = texts.iter().map(|text| Copying::new(text, PASSAGE)).collect();
        if music {
            training.each_piece(|tune| {
                for copying in &mut copying {
                    copying.read(without_header(tune));
                    copying.end_piece();
                }
                Ok::<_, Error>(())
            })?;
        } else {
            training.replay(|event| {
                match event {
                    Event::Begin { .. } => {}
                    Event::Text(text) => copying.iter_mut().for_each(|copying| copying.read(text)),
                    Event::End => copying.iter_mut().for_each(Copying::end_piece),
                }
                Ok::<_, Error>(())
            })?;
        }
        let novelty = |(text, copying): (&&str, &Copying)| {
            let shared = copying.longest();
            Novelty {
                longest: shared.as_ref().map_or(0, |shared| shared.length),
                passage: shared.map(|shared| text[shared.range].to_owned()).unwrap_or_default(),
                share: copying.share(),
                window: PASSAGE,
            }
        };
        Ok(texts.iter().zip(&copying).map(novelty).collect())
    }

    /// Reads the prompts, all in one batch.
    fn begin(&mut self, options: &GenerateOptions) -> Result<Begun> {
        let Self { trained: Trained { model, tokenizer, .. }, compute } = self;
        let mut prompts = Vec::with_capacity(options.prompts.len());
        for prompt in &options.prompts {
            let mut ids = vec![tokenizer.end_id()];
            tokenizer.encode_into(prompt, &mut ids)?;
            prompts.push(ids);
        }
        let mut fields = Vec::with_capacity(options.fields.len());
        for (field, value) in &options.fields {
            fields.push((*field, tokenizer.encode(&format!("{value}\n"))?));
        }
        // The longest first, step by step, as a packed batch has them.
        let mut order: Vec<usize> = (0..prompts.len()).collect();
        order.sort_by_key(|&prompt| Reverse(prompts[prompt].len()));
        let (mut ids, mut batch_sizes) = (Vec::new(), Vec::new());
        for step in 0..order.first().map_or(0, |&longest| prompts[longest].len()) {
            let before = ids.len();
            ids.extend(order.iter().map_while(|&prompt| prompts[prompt].get(step)));
            batch_sizes.push(ids.len() - before);
        }
        let mut state = model.initial_state(prompts.len());
        let mut logits = Vec::new();
        model.advance(compute, &ids, &batch_sizes, &mut state, &mut logits)?;
        let mut rows = vec![0; order.len()];
        order.iter().enumerate().for_each(|(row, &prompt)| rows[prompt] = row);
        Ok(Begun { prompts, fields, rows, state, logits })
    }

    /// Writes the pieces `open` once, side by side.
    fn attempt(
        &mut self,
        options: &GenerateOptions,
        attempt: usize,
        open: &[usize],
        observer: &mut dyn FnMut(Progress),
    ) -> Result<Vec<(usize, Generated)>> {
        // Each prompt is read once, and its state copied to all of its pieces.
        let mut begun = self.begin(options)?;
        let prompt_of = |index: usize| index / options.count;
        let mut logits = begun.select(open.iter().map(|&index| prompt_of(index)));
        let Begun { prompts, fields, mut state, .. } = begun;

        let Self { trained, compute } = self;
        let task = trained.task();
        let Trained { model, tokenizer, .. } = trained;
        let vocab_size = model.vocab_size();
        let mut pieces = Vec::with_capacity(open.len());
        for &index in open {
            // Each attempt at each piece has random numbers of its own.
            let number = u32::try_from(index + attempt * options.pieces()).unwrap_or(u32::MAX);
            let sampler = Sampler::new(options.sampling, options.seed, number)?;
            let prompt = prompt_of(index);
            let begin = (&prompts[prompt][..], &options.prompts[prompt][..]);
            let stream = Stream::new(tokenizer, begin, &fields, &options.stop);
            pieces.push(Drawn { index, sampler, stream, shown: 0 });
        }
        pieces.iter_mut().for_each(|piece| piece.show(observer));
        let mut finished = Vec::new();
        let mut drawn = 0;
        while !pieces.is_empty() && drawn < options.tokens {
            drawn += 1;
            for (piece, logits) in pieces.iter_mut().zip(logits.chunks_exact_mut(vocab_size)) {
                piece.draw(logits)?;
                piece.show(observer);
            }
            let going_on: Vec<usize> =
                (0..pieces.len()).filter(|&row| pieces[row].stream.ended.is_none()).collect();
            if going_on.len() < pieces.len() {
                state.select(&going_on);
                let (going, done): (Vec<_>, Vec<_>) =
                    pieces.into_iter().partition(|piece| piece.stream.ended.is_none());
                pieces = going;
                finished.extend(done.into_iter().map(|piece| (drawn, piece)));
            }
            if !pieces.is_empty() && drawn < options.tokens {
                let last: Vec<u32> =
                    pieces.iter().filter_map(|piece| piece.stream.ids.last().copied()).collect();
                model.advance(compute, &last, &[last.len()], &mut state, &mut logits)?;
            }
        }
        finished.extend(pieces.into_iter().map(|piece| (drawn, piece)));
        let generated = finished.into_iter().map(|(tokens, Drawn { index, stream, .. })| {
            let incomplete = incomplete(task, &stream.text, stream.ended);
            let (text, prompt) = (stream.text, prompt_of(index));
            (index, Generated { text, prompt, tokens, attempts: 0, incomplete, nats: None })
        });
        Ok(generated.collect())
    }
}

/// What pieces begin with.
struct Begun {
    /// The tokens of each prompt, behind the one that ends the piece before.
    prompts: Vec<Vec<u32>>,
    /// What follows the name of a field that is set: its value to the end of the line.
    fields: Vec<(char, Vec<u32>)>,
    /// Which row of the state and the logits each prompt has.
    rows: Vec<usize>,
    /// The state after the prompts.
    state: State,
    /// The logits after each, `[prompts, vocab_size]`.
    logits: Vec<f32>,
}

impl Begun {
    /// Makes the rows of the state those after the given prompts, in that order, and returns the logits of these.
    fn select(&mut self, prompts: impl Iterator<Item = usize>) -> Vec<f32> {
        let rows: Vec<usize> = prompts.map(|prompt| self.rows[prompt]).collect();
        self.state.select(&rows);
        let vocab_size = self.logits.len() / self.rows.len().max(1);
        rows.iter().flat_map(|row| &self.logits[row * vocab_size..(row + 1) * vocab_size]).copied().collect()
    }
}

/// A piece whose tokens are drawn.
struct Drawn<'a> {
    index: usize,
    sampler: Sampler,
    stream: Stream<'a>,
    /// Bytes of the text that the observer has seen.
    shown: usize,
}

impl Drawn<'_> {
    fn draw(&mut self, logits: &mut [f32]) -> Result<()> {
        let id = match self.stream.set() {
            Some(id) => id,
            // The first token is the end of the piece before, which is none of this one's.
            None => self.sampler.sample(logits, &self.stream.ids[1..])?,
        };
        self.stream.push(id);
        Ok(())
    }

    /// Tells the observer what is new.
    fn show(&mut self, observer: &mut dyn FnMut(Progress)) {
        let settled = self.stream.settled();
        if settled > self.shown {
            observer(Progress::Text { index: self.index, text: &self.stream.text[self.shown..settled] });
            self.shown = settled;
        }
    }
}

/// A tune without the lines up to its key; a text that has no such line as it is.
fn without_header(tune: &str) -> &str {
    let key = if tune.starts_with("K:") { Some(0) } else { tune.find("\nK:").map(|at| at + 1) };
    key.and_then(|at| tune[at..].split_once('\n')).map_or(tune, |(_, notes)| notes)
}

/// What keeps a piece from being complete: the first thing, as a sentence.
fn incomplete(task: Task, text: &str, ended: Option<End>) -> Option<String> {
    if ended.is_none() {
        return Some("it did not come to its end".to_owned());
    }
    if task != Task::Music {
        return None;
    }
    let problem = abc::parse_complete(text).err()?.into_iter().next();
    Some(problem.map_or_else(|| "it is no tune".to_owned(), |problem| problem.to_string()))
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
