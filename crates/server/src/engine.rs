//! One model that continues texts for many requests at once, token step by token step.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread;
use std::time::Instant;

use anaphora::Device;
use anaphora::decoding::sampling::{Choice, Sampler, SamplingError, SamplingOptions};
use anaphora::decoding::{Batcher, Joining, Stream};
use anaphora::model::Compute;
use anaphora::tasks::language::Trained;
use anaphora_data::Tokenizer;
use tokio::sync::mpsc::UnboundedSender;

use crate::error::ApiResult;
use crate::meter::Meter;
use crate::queue::{Gone, aside};
use crate::worker::Worker;

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
    pub index: usize,
    /// Which draws it takes: that of its number among the texts of its prompt.
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
    /// It breaks off.
    Failed(Trouble),
}

/// A token that was drawn.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// The token.
    pub id: u32,
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

impl Finish {
    /// Its name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
        }
    }
}

/// Why a text breaks off.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// The model cannot go on.
    Model(String),
    /// The server ends.
    Closing,
}

/// Why a model takes no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Too many wait.
    Busy,
    /// Its thread has ended.
    Gone,
}

/// Where the parts of an answer go: the number of the text in its request, and a part.
pub type Answer = UnboundedSender<(usize, Part)>;

struct Job {
    ask: Ask,
    answer: Answer,
    since: Instant,
}

/// Texts that one model writes at once.
const ROWS: usize = 256;
/// Texts that wait while as many are written.
const WAITING: usize = 1024;
/// Tokens of prompts that are read between two steps of the texts that are being written.
const CHUNK: usize = 128;

/// A model that answers. Its thread ends when the last of those who can ask is gone.
#[derive(Clone)]
pub struct Engine {
    jobs: SyncSender<Job>,
    shared: Arc<Shared>,
}

/// What an engine's thread and those who ask have in common.
struct Shared {
    trained: Trained,
    /// For what is computed of a request by itself.
    worker: Worker,
    meter: Arc<Meter>,
    closing: AtomicBool,
    gone: AtomicBool,
}

impl Engine {
    /// Starts a model.
    pub fn start(trained: Trained, device: Device, meter: Arc<Meter>) -> Self {
        let (jobs, asked) = sync_channel(WAITING);
        let (closing, gone) = Default::default();
        let worker = Worker::new(Device::new(device.threads(), device.precision()));
        let shared = Arc::new(Shared { trained, worker, meter, closing, gone });
        let own = Arc::clone(&shared);
        thread::spawn(move || {
            let _last = Last(&own.gone);
            Writing::new(&own, device).answer(&asked);
        });
        Self { jobs, shared }
    }

    /// The model and what belongs to it.
    pub fn trained(&self) -> &Trained {
        &self.shared.trained
    }

    /// Does what a request computes by itself, behind those who asked before.
    ///
    /// # Errors
    /// As [`Worker::work`].
    pub async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Trained, &mut Compute, &Gone) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let shared = Arc::clone(&self.shared);
        self.shared.worker.work(move |compute, gone| work(&shared.trained, compute, gone)).await
    }

    /// Does work with the model's tokenizer, on a thread of its own: a long text is split for a while.
    ///
    /// # Errors
    /// What the work says.
    pub async fn split<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Tokenizer) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let shared = Arc::clone(&self.shared);
        aside(move || work(&shared.trained.tokenizer)).await
    }

    /// Asks the model. Where nobody listens to `answer` any more, its place is free within a step.
    ///
    /// # Errors
    /// A model that takes no more.
    pub fn ask(&self, ask: Ask, answer: Answer) -> Result<(), Refused> {
        let job = Job { ask, answer, since: Instant::now() };
        self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => Refused::Busy,
            TrySendError::Disconnected(_) => Refused::Gone,
        })
    }

    /// Breaks off all that is being written.
    pub fn close(&self) {
        self.shared.closing.store(true, Ordering::Relaxed);
    }

    /// Whether its thread has ended, so that it answers nobody.
    pub fn is_gone(&self) -> bool {
        self.shared.gone.load(Ordering::Relaxed)
    }
}

/// Says at the end of a thread, however it ends, that it is gone.
struct Last<'a>(&'a AtomicBool);

impl Drop for Last<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What is being written, and read.
struct Writing<'a> {
    shared: &'a Shared,
    compute: Compute,
    batcher: Batcher<'a>,
    /// The texts of the batch's rows.
    open: Vec<Slot<'a>>,
    /// Prompts that are being read, the first of them first.
    reading: VecDeque<(Slot<'a>, Joining)>,
    /// Texts that the meter was told to be open.
    counted: i64,
}

impl<'a> Writing<'a> {
    fn new(shared: &'a Shared, device: Device) -> Self {
        let (compute, batcher) = (Compute::new(device), Batcher::new(&shared.trained.model));
        Self { shared, compute, batcher, open: Vec::new(), reading: VecDeque::new(), counted: 0 }
    }

    /// Answers until nobody can ask any more: each time a token of every text, and a stretch of the prompts.
    fn answer(&mut self, asked: &Receiver<Job>) {
        loop {
            while self.open.len() + self.reading.len() < ROWS {
                let is_idle = self.open.is_empty() && self.reading.is_empty();
                let job = match is_idle {
                    true => asked.recv().map_err(|_| TryRecvError::Disconnected),
                    false => asked.try_recv(),
                };
                match job {
                    Ok(job) if job.answer.is_closed() => {}
                    Ok(job) => self.take(job),
                    Err(TryRecvError::Disconnected) if is_idle => return,
                    Err(_) => break,
                }
            }
            if self.shared.closing.load(Ordering::Relaxed) {
                let reading = self.reading.drain(..).map(|(slot, _)| slot);
                self.open.drain(..).chain(reading).for_each(|slot| slot.tell(Part::Failed(Trouble::Closing)));
                self.batcher = Batcher::new(&self.shared.trained.model);
                self.count_open();
                continue;
            }
            self.read();
            self.write();
            self.count_open();
        }
    }

    /// Tells the meter how many texts are open; other models have theirs.
    fn count_open(&mut self) {
        let open = (self.open.len() + self.reading.len()) as i64;
        self.shared.meter.open_texts.inc_by(open - self.counted);
        self.counted = open;
    }

    /// Begins to read a job's prompt.
    fn take(&mut self, job: Job) {
        match Slot::new(&self.shared.trained, job) {
            Ok(mut slot) => {
                self.shared.meter.prompt_tokens.inc_by(slot.ask.prompt.len() as u64);
                let joining = self.batcher.begin(std::mem::take(&mut slot.ask.prompt));
                self.reading.push_back((slot, joining));
            }
            Err((answer, index, error)) => {
                let _ = answer.send((index, Part::Failed(Trouble::Model(error.to_string()))));
            }
        }
    }

    /// Reads on in the prompts, a stretch in all; those that are read whole join the batch.
    fn read(&mut self) {
        let mut left = CHUNK;
        while left > 0
            && let Some((mut slot, mut joining)) = self.reading.pop_front()
        {
            if slot.answer.is_closed() {
                continue;
            }
            match self.read_stretch(&mut slot, &mut joining) {
                Ok(read) => left = left.saturating_sub(read),
                Err(error) => {
                    slot.tell(Part::Failed(Trouble::Model(error.to_string())));
                    continue;
                }
            }
            if !joining.is_read() {
                self.reading.push_back((slot, joining));
                continue;
            }
            if slot.ask.of_prompt {
                let scored = std::mem::take(&mut slot.scored);
                slot.tell(Part::Prompt(scored));
            }
            match slot.ask.max_tokens {
                0 => slot.tell(Part::End(Finish::Length)),
                _ => {
                    self.batcher.join(joining);
                    self.open.push(slot);
                }
            }
        }
    }

    /// Reads a stretch of a prompt, and scores its tokens where that is wanted.
    fn read_stretch(&mut self, slot: &mut Slot, joining: &mut Joining) -> anaphora::Result<usize> {
        let best = slot.ask.log_probabilities.filter(|_| slot.ask.of_prompt);
        let scored = &mut slot.scored;
        let mut score = |logits: &[f32], id| -> anaphora::Result<()> {
            scored.extend(best.map(|best| Choice::new(logits, id, best)).transpose()?);
            Ok(())
        };
        self.batcher.read(&mut self.compute, joining, CHUNK, best.is_some().then_some(&mut score))
    }

    /// Draws a token of each text, and lets those leave that have ended.
    fn write(&mut self) {
        let meter = &self.shared.meter;
        let rows = self.open.iter_mut().enumerate();
        let next: Vec<Option<u32>> =
            rows.map(|(row, slot)| slot.step(self.batcher.logits(row), meter)).collect();
        let mut goes_on = next.iter().map(Option::is_some);
        self.open.retain(|_| goes_on.next().unwrap_or(false));
        if let Err(error) = self.batcher.advance(&mut self.compute, &next) {
            let trouble = Trouble::Model(error.to_string());
            self.open.drain(..).for_each(|slot| slot.tell(Part::Failed(trouble.clone())));
            self.batcher = Batcher::new(&self.shared.trained.model);
        }
    }
}

/// A text that is being written.
struct Slot<'a> {
    ask: Ask,
    answer: Answer,
    sampler: Sampler,
    stream: Stream<'a>,
    /// How often each token has come behind the prompt.
    counts: Vec<u32>,
    /// The logits with what the request adds to them.
    logits: Vec<f32>,
    /// Tokens that were not told yet.
    drawn: Vec<Drawn>,
    tokens: usize,
    /// The log-probabilities of the prompt's tokens but the first, each behind those before it.
    scored: Vec<Choice>,
    /// Bytes of the text that were told.
    sent: usize,
    /// When it was asked for, and then when its last token came.
    since: Instant,
}

impl<'a> Slot<'a> {
    fn new(trained: &'a Trained, job: Job) -> Result<Self, (Answer, usize, SamplingError)> {
        let Job { ask, answer, since } = job;
        let sampler = match Sampler::new(ask.sampling, ask.seed, ask.stream) {
            Ok(sampler) => sampler,
            Err(error) => return Err((answer, ask.index, error)),
        };
        let stream = Stream::new(&trained.tokenizer, (&ask.prompt, ""), &[], &ask.stop);
        let counts = vec![0; trained.tokenizer.vocab_size()];
        let (logits, drawn, scored, tokens, sent) = Default::default();
        Ok(Self { ask, answer, sampler, stream, counts, logits, drawn, scored, tokens, sent, since })
    }

    /// Draws a token and tells it; none where the text has ended, or nobody listens.
    fn step(&mut self, logits: &[f32], meter: &Meter) -> Option<u32> {
        let drawn = self.draw(logits);
        meter.token(self.tokens == 1, self.since.elapsed());
        self.since = Instant::now();
        match drawn {
            Ok(id) => id.filter(|_| !self.answer.is_closed()),
            Err(error) => {
                self.tell(Part::Failed(Trouble::Model(error.to_string())));
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
        self.drawn.push(Drawn { id, choice });
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
        let _ = self.answer.send((self.ask.index, part));
    }
}
