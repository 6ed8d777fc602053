//! One model that continues texts for many requests at once, token step by token step.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;

use anaphora::Device;
use anaphora::decoding::sampling::{Choice, Sampler, SamplingOptions};
use anaphora::decoding::{Batcher, Stream};
use anaphora::model::{Compute, Observe};
use anaphora::tasks::language::Trained;
use anaphora_data::{Packed, Sequence};
use tokio::sync::mpsc::UnboundedSender;

/// What a request asks of a model.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The tokens of the prompt, the end of a piece in front.
    pub prompt: Vec<u32>,
    /// How tokens are drawn.
    pub sampling: SamplingOptions,
    /// Where the draws begin: the same text comes for it, whatever else the model is asked.
    pub seed: u64,
    /// The number of this text among those that one request asks for.
    pub stream: u64,
    /// Most tokens.
    pub max_tokens: usize,
    /// Texts before which it ends.
    pub stop: Vec<String>,
    /// How many of the likeliest tokens are told beside each; none where no log-probabilities are.
    pub log_probabilities: Option<usize>,
    /// Whether those of the prompt are told too.
    pub of_prompt: bool,
    /// What is added to the logits of tokens.
    pub bias: Vec<(u32, f32)>,
    /// What is taken off a token's logit if it has come, and for each time that it has.
    pub presence_penalty: f32,
    /// See `presence_penalty`.
    pub frequency_penalty: f32,
}

/// A part of an answer.
#[derive(Clone, Debug)]
pub enum Part {
    /// The log-probabilities of the prompt's tokens but the first, each behind those before it.
    Prompt(Vec<Choice>),
    /// Text that stays whatever comes, and the tokens that were drawn since the part before it.
    Text(String, Vec<Drawn>),
    /// The end.
    End(Finish),
    /// The model cannot go on.
    Failed(String),
}

/// A token that was drawn.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// The token.
    pub id: u32,
    /// Bytes of the text before it.
    pub offset: usize,
    /// Its log-probability and the likeliest tokens, where they are wanted.
    pub choice: Option<Choice>,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The piece came to its end, or a stop text came.
    Stop,
    /// It has as many tokens as it may have.
    Length,
}

/// A model is asked as much as it can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the model is asked more than it can answer now; ask again in a moment")]
pub struct Busy;

struct Job {
    ask: Ask,
    answer: UnboundedSender<Part>,
}

/// A model that answers. Its thread ends when the last of those who can ask is gone.
#[derive(Clone)]
pub struct Engine {
    jobs: SyncSender<Job>,
    trained: Arc<Trained>,
}

impl Engine {
    /// Starts a model that writes `rows` texts at once, while as many wait.
    pub fn start(trained: Trained, device: Device, rows: usize) -> Self {
        let (jobs, asked) = sync_channel(rows);
        let trained = Arc::new(trained);
        let own = Arc::clone(&trained);
        thread::spawn(move || answer(&own, Compute::new(device), &asked, rows));
        Self { jobs, trained }
    }

    /// The model and what belongs to it.
    pub fn trained(&self) -> &Trained {
        &self.trained
    }

    /// Asks the model. Parts of the answer go to `answer`; where nobody listens any more, its place is free within a step.
    ///
    /// # Errors
    /// [`Busy`] where too many wait.
    pub fn ask(&self, ask: Ask, answer: UnboundedSender<Part>) -> Result<(), Busy> {
        self.jobs.try_send(Job { ask, answer }).map_err(|_| Busy)
    }
}

/// Answers until nobody can ask any more.
fn answer(trained: &Trained, mut compute: Compute, asked: &Receiver<Job>, rows: usize) {
    let mut batcher = Batcher::new(&trained.model);
    let mut open: Vec<Slot> = Vec::new();
    loop {
        while open.len() < rows {
            let job = match open.is_empty() {
                true => asked.recv().map_err(|_| TryRecvError::Disconnected),
                false => asked.try_recv(),
            };
            match job {
                Ok(job) if job.answer.is_closed() => {}
                Ok(job) => open.extend(join(trained, &mut compute, &mut batcher, job)),
                Err(TryRecvError::Disconnected) if open.is_empty() => return,
                Err(_) => break,
            }
        }
        let next: Vec<Option<u32>> =
            open.iter_mut().enumerate().map(|(row, slot)| slot.step(batcher.logits(row))).collect();
        let mut goes_on = next.iter().map(Option::is_some);
        open.retain(|_| goes_on.next().unwrap_or(false));
        if let Err(error) = batcher.advance(&mut compute, &next) {
            open.drain(..).for_each(|slot| slot.tell(Part::Failed(error.to_string())));
            batcher = Batcher::new(&trained.model);
        }
    }
}

/// Reads the prompt of a job; none where there is nothing to write, or it cannot be read.
fn join<'a>(
    trained: &'a Trained,
    compute: &mut Compute,
    batcher: &mut Batcher,
    job: Job,
) -> Option<Slot<'a>> {
    let Job { ask, answer } = job;
    let begun = begin(trained, compute, batcher, &ask, &answer);
    match begun {
        Ok(sampler) => {
            let (rest, stop) = (ask.prompt.as_slice(), ask.stop.as_slice());
            let stream = Stream::new(&trained.tokenizer, (rest, ""), &[], stop);
            let counts = vec![0; trained.tokenizer.vocab_size()];
            Some(Slot {
                sampler: sampler?,
                stream,
                answer,
                ask,
                counts,
                logits: Vec::new(),
                drawn: Vec::new(),
                tokens: 0,
                sent: 0,
            })
        }
        Err(error) => {
            let _ = answer.send(Part::Failed(error.to_string()));
            None
        }
    }
}

/// Tells of the prompt what is wanted, and puts it into the batch where something is to be written.
fn begin(
    trained: &Trained,
    compute: &mut Compute,
    batcher: &mut Batcher,
    ask: &Ask,
    answer: &UnboundedSender<Part>,
) -> anaphora::Result<Option<Sampler>> {
    let sampler = Sampler::new(ask.sampling, ask.seed, ask.stream)?;
    if let Some(best) = ask.log_probabilities.filter(|_| ask.of_prompt) {
        let prompt = Sequence::Tokens(ask.prompt.clone());
        let (logits, width) = trained.model.outputs(compute, &Packed::new([&prompt]))?;
        let rows = logits.chunks_exact(width).zip(&ask.prompt[1..]);
        let choices = rows.map(|(logits, &id)| Choice::new(logits, id, best)).collect::<Result<_, _>>()?;
        let _ = answer.send(Part::Prompt(choices));
    }
    if ask.max_tokens == 0 {
        let _ = answer.send(Part::End(Finish::Length));
        return Ok(None);
    }
    batcher.join(compute, &ask.prompt)?;
    Ok(Some(sampler))
}

/// A text that is being written.
struct Slot<'a> {
    ask: Ask,
    answer: UnboundedSender<Part>,
    sampler: Sampler,
    stream: Stream<'a>,
    /// How often each token has come behind the prompt.
    counts: Vec<u32>,
    /// The logits with what the request adds to them.
    logits: Vec<f32>,
    /// Tokens that were not told yet.
    drawn: Vec<Drawn>,
    tokens: usize,
    /// Bytes of the text that were told.
    sent: usize,
}

impl Slot<'_> {
    /// Draws a token and tells it; none where the text has ended, or nobody listens.
    fn step(&mut self, logits: &[f32]) -> Option<u32> {
        match self.draw(logits) {
            Ok(id) => id.filter(|_| !self.answer.is_closed()),
            Err(error) => {
                self.tell(Part::Failed(error.to_string()));
                None
            }
        }
    }

    fn draw(&mut self, logits: &[f32]) -> anaphora::Result<Option<u32>> {
        let Ask { bias, presence_penalty, frequency_penalty, log_probabilities, max_tokens, .. } = &self.ask;
        self.logits.clear();
        self.logits.extend_from_slice(logits);
        bias.iter().for_each(|&(id, bias)| self.logits[id as usize] += bias);
        if *presence_penalty != 0.0 || *frequency_penalty != 0.0 {
            for (logit, &count) in self.logits.iter_mut().zip(&self.counts).filter(|(_, count)| **count > 0) {
                *logit -= presence_penalty + frequency_penalty * count as f32;
            }
        }
        // The first token is the end of the piece before, which is none of this one's.
        let id = self.sampler.sample(&self.logits, &self.stream.ids[1..])?;
        let choice = log_probabilities.map(|best| Choice::new(logits, id, best)).transpose()?;
        self.drawn.push(Drawn { id, offset: self.stream.text.len(), choice });
        self.counts[id as usize] += 1;
        self.tokens += 1;
        self.stream.push(id);
        let is_full = self.tokens == *max_tokens;
        let ended = self.stream.ended.is_some();
        let settled = if is_full { self.stream.text.len() } else { self.stream.settled() };
        if settled > self.sent || ended || is_full {
            let text = self.stream.text[self.sent.min(settled)..settled].to_owned();
            self.sent = settled;
            let drawn = std::mem::take(&mut self.drawn);
            self.tell(Part::Text(text, drawn));
        }
        match (ended, is_full) {
            (true, _) => self.tell(Part::End(Finish::Stop)),
            (false, true) => self.tell(Part::End(Finish::Length)),
            (false, false) => return Ok(Some(id)),
        }
        Ok(None)
    }

    /// Whoever does not listen any more is noticed at the next step.
    fn tell(&self, part: Part) {
        let _ = self.answer.send(part);
    }
}
