//! Batches for language modelling, drawn from a stream of tokens.
//!
//! Every token of the stream is predicted from the one before it (the first token of a piece from the end symbol of
//! the piece before, and that of the first piece from an end symbol too). A [`Batch`] is a set of rows, each a stretch
//! of the stream, in *packed time-major order*, the order of PyTorch's `PackedSequence`: the rows are sorted by length,
//! longest first; the first tokens of all rows come first, then the second tokens of those rows that have one, and so
//! on. Nothing is padded. Where all rows are equally long, the token of row `r` at time `t` is at `t * rows + r`.

mod shard;
mod stream;

use std::sync::Arc;

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::{Deserialize, Serialize};

pub use shard::ShardError;
pub use stream::{Spill, StreamBuilder, StreamError, TokenStream};

/// How windows are drawn from the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Plan {
    /// `batch` windows of `length` tokens, each beginning anywhere in the stream, each from a fresh state. An epoch is
    /// as many batches as hold the stream's number of tokens.
    Random {
        /// Rows of a batch.
        batch: usize,
        /// Tokens of a row; at most the stream's length is used.
        length: usize,
    },
    /// Truncated back-propagation. The stream is cut into `batch` segments, equally long to within a token, and windows
    /// follow each other down the segments, so that each continues the state that the one before has left; an epoch
    /// covers each token once. With `shuffle`, each epoch lays the pieces in another order and cuts the segments at
    /// other places.
    Sequential {
        /// Rows of a batch.
        batch: usize,
        /// Most tokens of a row; windows are made equally long, so that none is a mere rest.
        length: usize,
        /// Whether each epoch has its own order.
        shuffle: bool,
    },
    /// Each piece is a row of its own and begins from a fresh state, as in generation. Pieces of like length are taken
    /// `batch` at a time; what is longer than `length` continues, with its state, in the next batch. Thus a batch has
    /// at most `batch * length` tokens, whatever the pieces, and an epoch covers each token once.
    Pieces {
        /// Rows of a batch.
        batch: usize,
        /// Most tokens of a row in one batch.
        length: usize,
        /// Longer pieces are cut into equal parts that begin from a fresh state, each with the token before it as
        /// its first input: faster for one long document, and slightly pessimistic. None: pieces stay whole.
        longest: Option<usize>,
        /// False, for evaluation: all pieces are sorted by length. True, for training: each epoch has its own order,
        /// sorted only within pools of [`POOL`] batches.
        shuffle: bool,
    },
}

/// Number of batches' worth of pieces that [`Plan::Pieces`] sorts by length when it shuffles.
pub const POOL: usize = 8;

impl Plan {
    fn shuffles(&self) -> bool {
        matches!(self, Plan::Sequential { shuffle: true, .. } | Plan::Pieces { shuffle: true, .. })
    }

    fn sizes(&self) -> (usize, usize) {
        match *self {
            Plan::Random { batch, length }
            | Plan::Sequential { batch, length, .. }
            | Plan::Pieces { batch, length, .. } => (batch, length),
        }
    }
}

/// Why windows cannot be drawn.
#[derive(Debug, thiserror::Error)]
pub enum WindowsError {
    /// The stream has no token.
    #[error("there is no piece to draw windows from")]
    Empty,
    /// A size of the plan is zero.
    #[error("a {0} of 0 was asked for, it has to be 1 or more")]
    Zero(&'static str),
    /// A position that another plan has left.
    #[error("the position was reached with {found:?}, it cannot be continued with {wanted:?}")]
    OtherPlan {
        /// The plan of the position.
        found: Plan,
        /// The plan of these windows.
        wanted: Plan,
    },
    /// A position that was reached on other data.
    #[error("the position was reached on other data than these {tokens} tokens")]
    OtherData {
        /// Length of the stream at hand.
        tokens: usize,
    },
    /// The tokens cannot be read.
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// A position behind the end of an epoch.
    #[error("the position is at batch {step} of an epoch that has {steps}")]
    Beyond {
        /// The batch of the position.
        step: u64,
        /// Number of batches in an epoch.
        steps: u64,
    },
}

/// Rows of tokens and what is to be predicted after each, in packed time-major order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// Inputs, `[tokens]`.
    pub ids: Vec<u32>,
    /// What follows each, `[tokens]`.
    pub targets: Vec<u32>,
    /// Number of rows that are at least `t + 1` tokens long, `[steps]`; it never rises.
    pub batch_sizes: Vec<usize>,
    /// Which segment ([`Plan::Random`], [`Plan::Sequential`]) or which piece ([`Plan::Pieces`]) each row is, `[rows]`.
    pub indices: Vec<usize>,
    /// Whether each row begins from a fresh state, `[rows]`. If not, it continues the same row of the batch before.
    pub reset: Vec<bool>,
}

impl Batch {
    /// Number of tokens, which is that of predictions.
    pub fn tokens(&self) -> usize {
        self.ids.len()
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.indices.len()
    }

    /// Length of the longest row.
    pub fn steps(&self) -> usize {
        self.batch_sizes.len()
    }

    fn clear(&mut self) {
        self.ids.clear();
        self.targets.clear();
        self.batch_sizes.clear();
        self.indices.clear();
        self.reset.clear();
    }

    /// Packs rows, longest first, whose tokens lie in `tokens` one behind the other, each behind the token before it.
    fn pack(&mut self, tokens: &[u32], rows: &[(usize, usize)]) {
        let mut active = rows.len();
        for t in 0..rows.first().map_or(0, |row| row.1) {
            while rows[active - 1].1 <= t {
                active -= 1;
            }
            self.batch_sizes.push(active);
            let mut first = 0;
            for &(_, length) in &rows[..active] {
                self.ids.push(tokens[first + t]);
                self.targets.push(tokens[first + t + 1]);
                first += length + 1;
            }
        }
    }
}

/// The position in a sequence of batches, for a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    plan: Plan,
    /// Of the stream.
    fingerprint: u64,
    epoch: u64,
    /// Batches of this epoch that have been drawn.
    step: u64,
    /// Of the next draw; where an epoch is shuffled, as it was before that.
    random: Xoshiro256PlusPlus,
}

/// An endless sequence of batches, the same for the same stream, plan and seed.
#[derive(Debug, Clone)]
pub struct Windows {
    stream: Arc<TokenStream>,
    position: Position,
    /// State of the generator behind the current epoch's shuffling.
    after_shuffle: Xoshiro256PlusPlus,
    /// Order in the current epoch: of the pieces of a shuffled [`Plan::Sequential`], of the groups of a
    /// [`Plan::Pieces`].
    order: Vec<usize>,
    /// Where each piece begins in that order, for a shuffled [`Plan::Sequential`].
    starts: Vec<usize>,
    /// The place in that order with which the epoch begins, drawn anew for each.
    cut: usize,
    /// Parts of pieces, for [`Plan::Pieces`]: each `batch` of them are a group, longest first.
    parts: Vec<Part>,
    /// The first batch of each group in its order, and the number of batches.
    group_steps: Vec<u64>,
    /// Start and length of the rows of the current batch.
    rows: Vec<(usize, usize)>,
    /// Their tokens, each row's behind the one before it.
    tokens: Vec<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Part {
    piece: usize,
    start: usize,
    length: usize,
}

impl Windows {
    /// Batches of `stream` after `plan`; `seed` decides what is drawn and shuffled.
    ///
    /// # Errors
    /// An empty stream, a size of 0.
    pub fn new(stream: Arc<TokenStream>, plan: Plan, seed: u64) -> Result<Self, WindowsError> {
        if stream.is_empty() {
            return Err(WindowsError::Empty);
        }
        let (batch, length) = plan.sizes();
        if batch == 0 {
            return Err(WindowsError::Zero("batch size"));
        }
        if length == 0 {
            return Err(WindowsError::Zero("window length"));
        }
        if let Plan::Pieces { longest: Some(0), .. } = plan {
            return Err(WindowsError::Zero("longest part"));
        }
        let random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let position = Position { plan, fingerprint: stream.fingerprint(), epoch: 0, step: 0, random };
        let mut windows = Windows {
            after_shuffle: position.random.clone(),
            position,
            order: vec![],
            starts: vec![],
            cut: 0,
            parts: vec![],
            group_steps: vec![],
            rows: vec![],
            tokens: vec![],
            stream,
        };
        windows.begin_epoch();
        Ok(windows)
    }

    /// The position of these windows.
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// Goes to a position that windows of the same stream and plan have reached; the batches that follow are theirs.
    ///
    /// # Errors
    /// A position of another plan or stream, or a damaged one.
    pub fn resume(&mut self, position: &Position) -> Result<(), WindowsError> {
        if position.plan != self.position.plan {
            return Err(WindowsError::OtherPlan { found: position.plan, wanted: self.position.plan });
        }
        if position.fingerprint != self.position.fingerprint {
            return Err(WindowsError::OtherData { tokens: self.stream.len() });
        }
        let mut there = self.clone();
        there.position = position.clone();
        there.begin_epoch();
        let steps = there.steps_per_epoch();
        if position.step >= steps {
            return Err(WindowsError::Beyond { step: position.step, steps });
        }
        *self = there;
        Ok(())
    }

    /// Completed epochs.
    pub fn epoch(&self) -> u64 {
        self.position.epoch
    }

    /// Epochs completed and under way, as a fraction.
    pub fn progress(&self) -> f64 {
        self.position.epoch as f64 + self.position.step as f64 / self.steps_per_epoch() as f64
    }

    /// Number of batches in the current epoch; it differs by epoch only where [`Plan::Pieces`] shuffles.
    pub fn steps_per_epoch(&self) -> u64 {
        let total = self.stream.len();
        let steps = match self.position.plan {
            Plan::Random { batch, length } => total.div_ceil(batch.saturating_mul(length.min(total))),
            Plan::Sequential { batch, length, .. } => total.div_ceil(batch).div_ceil(length),
            Plan::Pieces { .. } => return self.group_steps[self.group_steps.len() - 1],
        };
        steps as u64
    }

    /// Puts the next batch in the place of what `batch` holds, whose memory is used again.
    ///
    /// # Errors
    /// Tokens that cannot be read from their file.
    pub fn next_into(&mut self, batch: &mut Batch) -> Result<(), ShardError> {
        batch.clear();
        self.rows.clear();
        match self.position.plan {
            Plan::Random { batch: count, length } => self.draw(count, length, batch),
            Plan::Sequential { batch: count, .. } => self.follow_segments(count, batch),
            Plan::Pieces { batch: count, length, .. } => self.follow_pieces(count, length, batch),
        }
        self.gather()?;
        batch.pack(&self.tokens, &self.rows);
        self.position.step += 1;
        if self.position.step == self.steps_per_epoch() {
            self.position.step = 0;
            self.position.epoch += 1;
            if self.position.plan.shuffles() {
                self.position.random = self.after_shuffle.clone();
                self.begin_epoch();
            }
        }
        Ok(())
    }

    /// Reads the tokens of the rows. What precedes the first token of an epoch is its last one: an end symbol, or where
    /// the ring was cut.
    fn gather(&mut self) -> Result<(), ShardError> {
        let total = self.stream.len();
        self.tokens.clear();
        for &(start, length) in &self.rows {
            let (mut place, mut wanted) = ((start + total - 1) % total, length + 1);
            while wanted > 0 {
                let at = self.lies(place);
                let part = at.start..at.end.min(at.start + wanted);
                (place, wanted) = ((place + part.len()) % total, wanted - part.len());
                self.stream.read(part, &mut self.tokens)?;
            }
        }
        Ok(())
    }

    /// Where in the stream the tokens lie that an epoch has from `place` on, as far as they follow each other there.
    fn lies(&self, place: usize) -> std::ops::Range<usize> {
        let total = self.stream.len();
        if self.starts.is_empty() {
            return place..total;
        }
        let place = (place + self.cut) % total;
        let nth = self.starts.partition_point(|&start| start <= place) - 1;
        let piece = self.stream.range(self.order[nth]);
        piece.start + place - self.starts[nth]..piece.end
    }

    fn draw(&mut self, count: usize, length: usize, batch: &mut Batch) {
        let total = self.stream.len();
        let length = length.min(total);
        for row in 0..count {
            self.rows.push((self.position.random.random_range(0..=total - length), length));
            batch.indices.push(row);
            batch.reset.push(true);
        }
    }

    fn follow_segments(&mut self, count: usize, batch: &mut Batch) {
        let total = self.stream.len();
        let segments = count.min(total);
        let (shortest, longer_segments) = (total / segments, total % segments);
        // Borders of the windows within the longest segment, at equal distances.
        let (step, steps) = (self.position.step as u128, self.steps_per_epoch() as u128);
        let longest = total.div_ceil(segments) as u128;
        let (from, to) = ((step * longest / steps) as usize, ((step + 1) * longest / steps) as usize);
        for segment in 0..segments {
            let start = segment * shortest + segment.min(longer_segments);
            let end = shortest + usize::from(segment < longer_segments);
            if from < end {
                self.rows.push((start + from, to.min(end) - from));
                batch.indices.push(segment);
                batch.reset.push(step == 0);
            }
        }
    }

    fn follow_pieces(&mut self, count: usize, length: usize, batch: &mut Batch) {
        let step = self.position.step;
        let group = self.group_steps.partition_point(|&first| first <= step) - 1;
        let window = (step - self.group_steps[group]) as usize;
        let done = window * length;
        let parts = self.parts[self.order[group] * count..].iter().take(count);
        for part in parts.take_while(|part| part.length > done) {
            self.rows.push((part.start + done, (part.length - done).min(length)));
            batch.indices.push(part.piece);
            batch.reset.push(window == 0);
        }
    }

    /// Lays out the current epoch.
    fn begin_epoch(&mut self) {
        self.after_shuffle = self.position.random.clone();
        match self.position.plan {
            Plan::Sequential { shuffle: true, .. } => self.shuffle_stream(),
            Plan::Pieces { batch, length, longest, shuffle } => {
                self.lay_parts(longest.unwrap_or(usize::MAX));
                self.group_parts(batch, length, shuffle);
            }
            Plan::Random { .. } | Plan::Sequential { .. } => {}
        }
    }

    fn shuffle_stream(&mut self) {
        self.order.clear();
        self.order.extend(0..self.stream.piece_count());
        self.order.shuffle(&mut self.after_shuffle);
        self.starts.clear();
        let mut start = 0;
        for &piece in &self.order {
            self.starts.push(start);
            start += self.stream.range(piece).len();
        }
        self.cut = self.after_shuffle.random_range(0..start);
    }

    /// Lists the parts of the pieces, none longer than `longest`.
    fn lay_parts(&mut self, longest: usize) {
        self.parts.clear();
        for piece in 0..self.stream.piece_count() {
            let range = self.stream.range(piece);
            let count = range.len().div_ceil(longest);
            let border =
                |part: usize| range.start + (part as u128 * range.len() as u128 / count as u128) as usize;
            self.parts.extend((0..count).map(|part| {
                let start = border(part);
                Part { piece, start, length: border(part + 1) - start }
            }));
        }
    }

    /// Sorts the parts into groups of like length.
    fn group_parts(&mut self, batch: usize, length: usize, shuffle: bool) {
        self.order.clear();
        self.order.extend(0..self.parts.len().div_ceil(batch));
        let mut pool = usize::MAX;
        if shuffle {
            pool = batch.saturating_mul(POOL);
            self.parts.shuffle(&mut self.after_shuffle);
            self.order.shuffle(&mut self.after_shuffle);
        }
        for pool in self.parts.chunks_mut(pool) {
            pool.sort_unstable_by_key(|part| (std::cmp::Reverse(part.length), part.start));
        }
        self.group_steps.clear();
        self.group_steps.push(0);
        let mut steps = 0;
        for &group in &self.order {
            steps += self.parts[group * batch].length.div_ceil(length) as u64;
            self.group_steps.push(steps);
        }
    }
}

#[cfg(test)]
mod tests;
