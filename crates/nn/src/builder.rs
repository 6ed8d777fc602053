//! Making the parameters of layers.

use anaphora_autograd::{ParamId, Params};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

/// Adds the parameters of a model, layer by layer.
pub struct Builder<'a> {
    params: &'a mut Params,
    /// None where values are to be read from a file anyway.
    random: Option<Xoshiro256PlusPlus>,
}

impl<'a> Builder<'a> {
    /// Parameters with random values that follow from `seed`.
    pub fn random(params: &'a mut Params, seed: u64) -> Self {
        Self { params, random: Some(Xoshiro256PlusPlus::seed_from_u64(seed)) }
    }

    /// Parameters whose values are to be loaded: they take no memory before, and are zero where they are not.
    pub fn zeros(params: &'a mut Params) -> Self {
        Self { params, random: None }
    }

    /// Adds a parameter that `init` fills.
    pub fn add(
        &mut self,
        name: impl Into<String>,
        shape: &[usize],
        init: impl FnOnce(&mut Xoshiro256PlusPlus, &mut [f32]),
    ) -> ParamId {
        let Some(random) = &mut self.random else { return self.params.declare(name, shape) };
        let mut values = vec![0.0; shape.iter().product()];
        init(random, &mut values);
        self.params.add(name, shape, &values)
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
        self.add(name, shape, |_, _| {})
    }
}
