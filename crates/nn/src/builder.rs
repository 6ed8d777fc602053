//! Making the parameters of layers.

use std::ops::ControlFlow;

use anaphora_autograd::{ParamId, Params, Role};

use crate::init::Random;

/// The initial values of a model's parameters.
#[derive(Default)]
pub struct Start<'a> {
    seed: Option<u64>,
    threads: usize,
    observer: Option<Box<Observer<'a>>>,
}

/// Hears how many of a model's weights have their first values, and how many there are; where it breaks, the rest stay zero.
type Observer<'a> = dyn FnMut(usize, usize) -> ControlFlow<()> + 'a;

impl<'a> Start<'a> {
    /// Zeros, to be loaded.
    pub fn zeros() -> Self {
        Self::default()
    }

    /// Random values that follow from `seed`, whatever the number of threads.
    pub fn random(seed: u64) -> Self {
        Self { seed: Some(seed), ..Self::default() }
    }

    /// Made by so many threads; by one for each core where it is 0, or is not said.
    pub fn threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// Lets `observer` hear how many weights are done and how many there are, before each parameter, before each block
    /// of those that take long, and at the end. Where it breaks, the rest stay zero: whoever broke must not use them.
    pub fn observed(self, observer: impl FnMut(usize, usize) -> ControlFlow<()> + 'a) -> Self {
        Self { observer: Some(Box::new(observer)), ..self }
    }
}

impl From<u64> for Start<'_> {
    fn from(seed: u64) -> Self {
        Self::random(seed)
    }
}

impl From<Option<u64>> for Start<'_> {
    /// Zeros where there is no seed.
    fn from(seed: Option<u64>) -> Self {
        Self { seed, ..Self::default() }
    }
}

/// Adds the parameters of a model, layer by layer. Their first values are made when the builder is dropped: only then is it
/// known how many there are.
pub struct Builder<'a> {
    params: &'a mut Params,
    start: Start<'a>,
    unfilled: Vec<(ParamId, Init)>,
}

type Init = Box<dyn FnOnce(&mut Random, &mut [f32])>;

impl<'a> Builder<'a> {
    /// Adds parameters to `params`.
    pub fn new(params: &'a mut Params, start: Start<'a>) -> Self {
        Self { params, start, unfilled: Vec::new() }
    }

    /// Parameters with random values that follow from `seed`.
    pub fn random(params: &'a mut Params, seed: u64) -> Self {
        Self::new(params, Start::random(seed))
    }

    /// Parameters whose values are to be loaded: they take no memory before, and are zero where they are not.
    pub fn zeros(params: &'a mut Params) -> Self {
        Self::new(params, Start::zeros())
    }

    /// Adds a parameter that `init` fills.
    pub fn add(
        &mut self,
        name: impl Into<String>,
        shape: &[usize],
        init: impl FnOnce(&mut Random, &mut [f32]) + 'static,
    ) -> ParamId {
        let id = self.params.declare(name, shape);
        if self.start.seed.is_some() {
            self.unfilled.push((id, Box::new(init)));
        }
        id
    }

    /// Sets the role of a parameter whose shape does not tell it: several stacked matrices, an embedding, a head.
    pub fn set_role(&mut self, id: ParamId, role: Role) {
        self.params.set_role(id, role);
    }

    /// Says that products multiply by a matrix; see [`Params::multiplied`].
    pub fn multiplied(&mut self, id: ParamId, groups: usize) {
        self.params.multiplied(id, groups);
    }

    /// Says that rows of a matrix are looked up; see [`Params::looked_up`].
    pub fn looked_up(&mut self, id: ParamId) {
        self.params.looked_up(id);
    }

    /// Adds a parameter that begins as zeros.
    pub fn add_zeros(&mut self, name: impl Into<String>, shape: &[usize]) -> ParamId {
        self.params.declare(name, shape)
    }

    /// Makes the first values, up to the end or where the observer breaks.
    fn fill(&mut self) -> ControlFlow<()> {
        let Some(seed) = self.start.seed else { return ControlFlow::Continue(()) };
        let total =
            self.unfilled.iter().map(|&(id, _)| self.params.shape(id).iter().product::<usize>()).sum();
        let observer = &mut self.start.observer;
        let mut observer = |done| match observer {
            Some(observer) => observer(done, total),
            None => ControlFlow::Continue(()),
        };
        let mut random = Random::new(seed, self.start.threads, &mut observer);
        // Memory is taken for all weights at once, after the observer has heard how many there are.
        for (id, init) in self.unfilled.drain(..) {
            random.proceed(0)?;
            let values = self.params.value_mut(id);
            init(&mut random, values);
            random.done += values.len();
        }
        self.params.values_mut();
        random.proceed(0)
    }
}

impl Drop for Builder<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // The observer knows that it broke.
            let _ = self.fill();
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
        let (mut unwatched, mut filled) = (Params::new(), Params::new());
        add(&mut Builder::random(&mut unwatched, 1));
        let mut heard = Vec::new();
        let observer = |done, total| {
            heard.push((done, total));
            ControlFlow::Continue(())
        };
        add(&mut Builder::new(&mut filled, Start::random(1).observed(observer)));
        assert_eq!(heard, [(0, 60), (12, 60), (12, 60), (28, 60), (44, 60), (60, 60)]);
        assert_eq!(unwatched.values(), filled.values());
        assert!(filled.values()[12..17].iter().all(|&v| v == 0.0));
        assert!(filled.values()[..12].iter().chain(&filled.values()[17..]).all(|&v| v != 0.0));
    }

    #[test]
    fn from_a_break_on_nothing_more_is_filled() {
        let mut params = Params::new();
        let mut heard = 0;
        let observer = |done, _| {
            heard += 1;
            if done < 28 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        add(&mut Builder::new(&mut params, Start::random(1).observed(observer)));
        assert_eq!(heard, 4);
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
