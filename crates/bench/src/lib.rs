//! How fast this machine trains and generates: the work of `anaphora bench`.
//!
//! Each function repeats one piece of work on random data, after a warm-up, and returns the time of every repetition.

use std::time::{Duration, Instant};

use anaphora::decoding::sampling::{Sampler, SamplingOptions};
use anaphora::model::{Backward, Compute, LanguageModel};
use anaphora::{Result, recipe};
use anaphora_data::Batch;
use anaphora_nn::optimizer::{AdamW, AdamWOptions, Optimizer};
use anaphora_nn::{
    Builder, Cell, Device, Gradients, Graph, Linear, Params, Recurrent, RecurrentOptions, Workspace,
};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use serde::Serialize;

/// Repetitions before the clock counts.
const WARM_UP: usize = 3;

/// The norm that gradients are clipped to.
const CLIP: f32 = 1.0;

/// The times of a repeated piece of work.
#[derive(Clone, Debug, PartialEq)]
pub struct Timing {
    /// Tokens that one repetition works through.
    pub tokens: usize,
    /// Seconds of each repetition, ascending.
    seconds: Vec<f64>,
}

/// Milliseconds of a repetition.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Half of them were as fast.
    pub median: f64,
    /// The fastest.
    pub min: f64,
    /// The slowest.
    pub max: f64,
}

impl Timing {
    fn new(tokens: usize, mut seconds: Vec<f64>) -> Self {
        seconds.sort_by(f64::total_cmp);
        Self { tokens, seconds }
    }

    /// Number of repetitions.
    pub fn steps(&self) -> usize {
        self.seconds.len()
    }

    /// Tokens a second, by the median.
    pub fn tokens_per_second(&self) -> f64 {
        1e3 * self.tokens as f64 / self.spread().median
    }

    /// Median and extremes; zeros where nothing was repeated.
    pub fn spread(&self) -> Spread {
        let at = |i: usize| self.seconds.get(i).map_or(0.0, |s| 1e3 * s);
        let (half, last) = (self.steps() / 2, self.steps().saturating_sub(1));
        let median = if self.steps().is_multiple_of(2) {
            (at(half.saturating_sub(1)) + at(half)) / 2.0
        } else {
            at(half)
        };
        Spread { median, min: at(0), max: at(last) }
    }
}

/// Runs `step`, which returns what part of it counts, until `time` has passed, but once at least.
fn repeat(time: Duration, mut step: impl FnMut() -> Result<Duration>) -> Result<Vec<f64>> {
    for _ in 0..WARM_UP {
        step()?;
    }
    let (mut seconds, begin) = (Vec::new(), Instant::now());
    while seconds.is_empty() || begin.elapsed() < time {
        seconds.push(step()?.as_secs_f64());
    }
    Ok(seconds)
}

/// AdamW with PyTorch's settings.
fn adamw(params: &Params) -> AdamW {
    AdamW::new(params, AdamWOptions { betas: [0.9, 0.999], epsilon: 1e-8, weight_decay: 0.01 })
}

/// The learning rate of the steps.
const RATE: f32 = 1e-3;

/// A whole training step of a language model on random tokens: embedding, backbone, head, loss, backward, clipping by the
/// global norm, AdamW.
pub fn train(
    model: &recipe::Model,
    vocab_size: usize,
    [batch, length]: [usize; 2],
    compute: &mut Compute,
    time: Duration,
) -> Result<Timing> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
    let mut model = LanguageModel::new(model, vocab_size, 1_u64);
    let mut optimizer = adamw(model.params());
    let mut gradients = Gradients::of(model.params());
    let fresh = model.initial_state(batch);
    let mut state = fresh.clone();
    let mut data = Batch { batch_sizes: vec![batch; length], ..Batch::default() };
    let seconds = repeat(time, || {
        for tokens in [&mut data.ids, &mut data.targets] {
            tokens.clear();
            tokens.extend((0..batch * length).map(|_| random.next_u32() % vocab_size as u32));
        }
        let start = Instant::now();
        state.clone_from(&fresh);
        gradients.zero();
        let (compute, gradients) = (&mut *compute, &mut gradients);
        let mut backward = Backward { compute, gradients, seed: optimizer.state().steps, weight: 1.0 };
        model.learn(&mut backward, &data, &mut state)?;
        let norm = gradients.norm(&compute.device);
        optimizer.step(&compute.device, model.params_mut(), gradients, RATE, (CLIP / norm).min(1.0));
        Ok(start.elapsed())
    })?;
    Ok(Timing::new(batch * length, seconds))
}

/// One stream of `tokens` tokens, each drawn from the softmax of the logits before it, behind a prompt of `prompt` tokens.
pub fn generate(
    model: &recipe::Model,
    vocab_size: usize,
    compute: &mut Compute,
    [prompt, tokens]: [usize; 2],
) -> Result<Timing> {
    let model = LanguageModel::new(model, vocab_size, 1_u64);
    let mut sampler = Sampler::new(SamplingOptions::default(), 1, 0)?;
    let mut logits = Vec::new();
    let mut stream = |tokens: usize| -> Result<Vec<f64>> {
        let mut state = model.initial_state(1);
        let begin: Vec<u32> = (0..prompt).map(|i| (i % vocab_size) as u32).collect();
        model.advance(compute, &begin, &vec![1; prompt], &mut state, &mut logits)?;
        let step = |_| {
            let start = Instant::now();
            let token = sampler.sample(&logits, &[])?;
            model.advance(compute, &[token], &[1], &mut state, &mut logits)?;
            Ok(start.elapsed().as_secs_f64())
        };
        (0..tokens).map(step).collect()
    };
    stream(WARM_UP)?;
    Ok(Timing::new(1, stream(tokens)?))
}

/// Recurrent layers alone, fed with `input_size` values a step, on a packed batch with `batch_sizes` rows a step: forward, backward
/// with the input's gradient, AdamW.
pub fn layer(
    model: &recipe::Model,
    input_size: usize,
    batch_sizes: &[usize],
    device: &Device,
    time: Duration,
) -> Result<Timing> {
    let options = RecurrentOptions {
        cell: match (model.backbone, model.nonlinearity) {
            (recipe::Backbone::Gru, _) => Cell::Gru,
            (recipe::Backbone::Rnn, recipe::Nonlinearity::Relu) => Cell::Relu,
            (recipe::Backbone::Rnn, recipe::Nonlinearity::Tanh) => Cell::Tanh,
            _ => Cell::Lstm,
        },
        input_size,
        hidden_size: model.hidden_size,
        layers: model.layers,
        bidirectional: model.bidirectional,
        dropout: 0.0,
        variational: false,
        forget_bias: 0.0,
        chrono: None,
    };
    let mut params = Params::new();
    let stack = Recurrent::new(&mut Builder::random(&mut params, 1), "rnn", options);
    let mut optimizer = adamw(&params);
    let (mut workspace, mut gradients) = (Workspace::new(), Gradients::of(&params));
    let (tokens, rows) = (batch_sizes.iter().sum::<usize>(), batch_sizes.first().copied().unwrap_or(0));
    let input = noise(tokens * options.input_size);
    let upstream = noise(tokens * stack.output_size());
    let fresh = stack.initial_state(rows);
    let mut state = fresh.clone();
    let seconds = repeat(time, || {
        let start = Instant::now();
        state.clone_from(&fresh);
        gradients.zero();
        let mut graph = Graph::train(device, &params, &mut gradients, &mut workspace, 0);
        let x = graph.variable(&input, tokens, options.input_size)?;
        let y = stack.forward(&mut graph, x, batch_sizes, &mut state)?;
        graph.backward_from(&[(y, &upstream)])?;
        drop(graph);
        optimizer.step(device, &mut params, &gradients, RATE, 1.0);
        Ok(start.elapsed())
    })?;
    Ok(Timing::new(tokens, seconds))
}

/// The packed batch of `batch` sequences whose lengths are spread evenly over `low..=high`: rows of each step.
pub fn spread_lengths(batch: usize, low: usize, high: usize) -> Vec<usize> {
    let length = |i: usize| low + i * (high + 1 - low) / batch;
    (0..high).map(|t| (0..batch).filter(|&i| length(i) > t).count()).take_while(|&rows| rows > 0).collect()
}

/// A product with packed weights, over all threads: what bounds the speed of everything else.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Product {
    /// Rows, inner size and columns.
    pub shape: [usize; 3],
    /// 10⁹ multiplications and additions a second.
    pub gflops: f64,
}

/// Measures the product `[m, k] · [k, n]`.
pub fn product(shape: [usize; 3], device: &Device, time: Duration) -> Result<Product> {
    let [m, k, n] = shape;
    let mut params = Params::new();
    let weights = Linear::new(&mut Builder::random(&mut params, 1), "product", k, n);
    let (mut workspace, values) = (Workspace::new(), noise(m * k));
    let seconds = repeat(time, || {
        let mut graph = Graph::infer(device, &params, &mut workspace);
        let x = graph.constant(&values, m, k)?;
        let start = Instant::now();
        weights.forward(&mut graph, x)?;
        Ok(start.elapsed())
    })?;
    let median = Timing::new(m, seconds).spread().median;
    Ok(Product { shape, gflops: 2e-6 * (m * k * n) as f64 / median })
}

/// Numbers between -1 and 1.
fn noise(len: usize) -> Vec<f32> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(2);
    (0..len).map(|_| random.next_u32() as i32 as f32 / 2_147_483_648.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_has_the_middle_and_the_ends() {
        let odd = Timing::new(10, vec![3e-3, 1e-3, 2e-3]);
        assert_eq!(odd.spread(), Spread { median: 2.0, min: 1.0, max: 3.0 });
        assert_eq!(odd.tokens_per_second(), 5_000.0);
        assert_eq!(Timing::new(1, vec![1e-3, 2e-3]).spread().median, 1.5);
    }

    #[test]
    fn spread_lengths_reach_from_end_to_end() {
        let batch_sizes = spread_lengths(64, 5, 40);
        assert_eq!((batch_sizes.len(), batch_sizes[0], batch_sizes[4]), (40, 64, 64));
        assert!(batch_sizes[5] < 64 && batch_sizes.windows(2).all(|w| w[0] >= w[1]));
        assert_eq!(spread_lengths(1, 3, 3), [1, 1, 1]);
    }
}
