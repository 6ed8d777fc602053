//! Initialisation of weights.

use std::ops::ControlFlow;

use anaphora_autograd::{Device, Precision};
use rand::{Rng, RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// The source of initial values: random numbers, threads to make them with, and an observer.
pub struct Random<'a> {
    numbers: Xoshiro256PlusPlus,
    device: Device,
    observer: &'a mut dyn FnMut(usize) -> ControlFlow<()>,
    /// Weights of the parameters before the current one.
    pub(crate) done: usize,
    pub(crate) stopped: bool,
}

impl<'a> Random<'a> {
    /// Numbers that follow from `seed`; `observer` hears how many weights are done.
    pub(crate) fn new(
        seed: u64,
        threads: usize,
        observer: &'a mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Self {
        let numbers = Xoshiro256PlusPlus::seed_from_u64(seed);
        Self { numbers, device: Device::new(threads, Precision::F32), observer, done: 0, stopped: false }
    }

    /// Tells the observer that `within` weights of the present parameter are done. From a break on nothing more is to be
    /// filled.
    pub fn proceed(&mut self, within: usize) -> ControlFlow<()> {
        self.stopped = self.stopped || (self.observer)(self.done + within).is_break();
        if self.stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Uniform in `-bound..bound`.
pub fn uniform(random: &mut Random, values: &mut [f32], bound: f32) {
    values.iter_mut().for_each(|value| *value = (random.numbers.random::<f32>() * 2.0 - 1.0) * bound);
}

/// Normal with mean zero.
pub fn normal(random: &mut Random, values: &mut [f32], deviation: f32) {
    let seed = random.numbers.next_u64();
    random.device.fill_normal(seed, values, deviation);
}

/// Biases of gates that keep what they hold for 1 to `longest - 1` steps, each as likely: the logarithm of that length
/// (Tallec, Ollivier 2018).
pub fn chrono(random: &mut Random, values: &mut [f32], longest: usize) {
    let most = (longest as f32 - 1.0).max(1.0);
    values.iter_mut().for_each(|value| *value = (1.0 + random.numbers.random::<f32>() * (most - 1.0)).ln());
}

/// Uniform with the variance `2 / (inputs + outputs)` (Glorot, Bengio 2010).
pub fn xavier(random: &mut Random, values: &mut [f32], inputs: usize, outputs: usize) {
    uniform(random, values, (6.0 / (inputs + outputs) as f32).sqrt());
}

/// Stacked orthogonal matrices `[size, size]` (Saxe, McClelland, Ganguli 2014), each as likely as any other. The observer is
/// heard before each.
pub fn orthogonal(random: &mut Random, values: &mut [f32], size: usize) {
    for (number, block) in values.chunks_exact_mut(size * size).enumerate() {
        if random.proceed(number * size * size).is_break() {
            return;
        }
        let seed = random.numbers.next_u64();
        random.device.fill_orthogonal(seed, block, size);
    }
}

/// Stacked identity matrices `[size, size]` (Le, Jaitly, Hinton 2015).
pub fn identity(values: &mut [f32], size: usize) {
    values.fill(0.0);
    values
        .chunks_exact_mut(size * size)
        .for_each(|block| block.iter_mut().step_by(size + 1).for_each(|v| *v = 1.0));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stacked_matrices_are_orthogonal_and_differ() {
        let size = 33;
        let mut values = vec![0.0; 3 * size * size];
        let mut heard = Vec::new();
        let mut observer = |done| {
            heard.push(done);
            ControlFlow::Continue(())
        };
        orthogonal(&mut Random::new(1, 1, &mut observer), &mut values, size);
        assert_eq!(heard, [0, size * size, 2 * size * size]);
        let blocks: Vec<_> = values.chunks_exact(size * size).collect();
        assert!(blocks[0] != blocks[1] && blocks[1] != blocks[2]);
        for block in blocks {
            let rows: Vec<_> = block.chunks_exact(size).collect();
            for (i, a) in rows.iter().enumerate() {
                for (j, b) in rows.iter().enumerate() {
                    let product: f32 = a.iter().zip(*b).map(|(a, b)| a * b).sum();
                    assert!((product - f32::from(u8::from(i == j))).abs() < 1e-4, "{i} {j}");
                }
            }
        }
    }
}
