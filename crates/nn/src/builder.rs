//! Making the parameters of layers.

use std::ops::ControlFlow;

use anaphora_autograd::{ParamId, Params, Role};

use crate::init::Random;

/// Adds the parameters of a model, layer by layer. Their first values are made by [`Builder::fill`], or when the builder is
/// dropped: only then is it known how many there are.
pub struct Builder<'a> {
    params: &'a mut Params,
    /// None where values are to be read from a file anyway.
    seed: Option<u64>,
    unfilled: Vec<(ParamId, Init)>,
}

type Init = Box<dyn FnOnce(&mut Random, &mut [f32])>;

impl<'a> Builder<'a> {
    /// Parameters with random values that follow from `seed`, whatever the number of threads.
    pub fn random(params: &'a mut Params, seed: u64) -> Self {
        Self { params, seed: Some(seed), unfilled: Vec::new() }
    }

    /// Parameters that are zero, to be loaded.
    pub fn zeros(params: &'a mut Params) -> Self {
        Self { params, seed: None, unfilled: Vec::new() }
    }

    /// Adds a parameter that `init` fills.
    pub fn add(
        &mut self,
        name: impl Into<String>,
        shape: &[usize],
        init: impl FnOnce(&mut Random, &mut [f32]) + 'static,
    ) -> ParamId {
        let id = self.add_zeros(name, shape);
        if self.seed.is_some() {
            self.unfilled.push((id, Box::new(init)));
        }
        id
    }

    /// Says what a parameter does, where its shape does not: several matrices below each other, an embedding, a head.
    pub fn set_role(&mut self, id: ParamId, role: Role) {
        self.params.set_role(id, role);
    }

    /// Adds a parameter that begins as zeros.
    pub fn add_zeros(&mut self, name: impl Into<String>, shape: &[usize]) -> ParamId {
        self.params.add(name, shape, &vec![0.0; shape.iter().product()])
    }

    /// Makes the first values on all cores. Before each parameter, and before each block of those that take long, `observer`
    /// hears how many weights are done and how many there are; where it breaks, the rest stay zero, and so does this.
    pub fn fill(mut self, observer: &mut dyn FnMut(usize, usize) -> ControlFlow<()>) -> ControlFlow<()> {
        self.fill_all(observer)
    }

    fn fill_all(&mut self, observer: &mut dyn FnMut(usize, usize) -> ControlFlow<()>) -> ControlFlow<()> {
        let Some(seed) = self.seed.filter(|_| !self.unfilled.is_empty()) else {
            return ControlFlow::Continue(());
        };
        let total = self.unfilled.iter().map(|&(id, _)| self.params.value(id).len()).sum();
        let mut observer = |done| observer(done, total);
        let mut random = Random::new(seed, &mut observer);
        for (id, init) in self.unfilled.drain(..) {
            random.proceed(0)?;
            let values = self.params.value_mut(id);
            init(&mut random, values);
            random.done += values.len();
        }
        random.proceed(0)
    }
}

impl Drop for Builder<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = self.fill_all(&mut |_, _| ControlFlow::Continue(()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init;

    /// Two parameters of random numbers and one of zeros.
    fn add(builder: &mut Builder) {
        builder.add("a", &[3, 4], |random, w| init::uniform(random, w, 1.0));
        builder.add_zeros("b", &[5]);
        builder.add("c", &[12, 4], |random, w| init::orthogonal(random, w, 4));
    }

    #[test]
    fn values_are_made_at_the_end_and_the_observer_hears_of_it() {
        let (mut dropped, mut filled) = (Params::new(), Params::new());
        add(&mut Builder::random(&mut dropped, 1));
        let mut heard = Vec::new();
        let mut builder = Builder::random(&mut filled, 1);
        add(&mut builder);
        let outcome = builder.fill(&mut |done, total| {
            heard.push((done, total));
            ControlFlow::Continue(())
        });
        assert!(outcome.is_continue());
        assert_eq!(heard, [(0, 60), (12, 60), (12, 60), (28, 60), (44, 60), (60, 60)]);
        assert_eq!(dropped.values(), filled.values());
        assert!(filled.values()[12..17].iter().all(|&v| v == 0.0));
        assert!(filled.values()[..12].iter().chain(&filled.values()[17..]).all(|&v| v != 0.0));
    }

    #[test]
    fn from_a_break_on_nothing_more_is_filled() {
        let mut params = Params::new();
        let mut builder = Builder::random(&mut params, 1);
        add(&mut builder);
        let outcome = builder.fill(&mut |done, _| {
            if done < 28 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        assert!(outcome.is_break());
        let values = params.values();
        assert!(values[17..33].iter().all(|&v| v != 0.0) && values[33..].iter().all(|&v| v == 0.0));
    }

    #[test]
    fn what_is_to_be_loaded_is_zero() {
        let mut params = Params::new();
        add(&mut Builder::zeros(&mut params));
        assert!(params.values().iter().all(|&v| v == 0.0));
    }
}
