//! Functions of a vector of numbers, as exact as models need and no more.

mod exp;
mod normal;
mod sigmoid;
mod tanh;

pub(crate) use exp::exp_of_negative;
pub(crate) use normal::{Normal, normal};
pub(crate) use sigmoid::sigmoid;
pub(crate) use tanh::{tanh, tanh_with_slope};

#[cfg(test)]
mod testing {
    use rten_simd::ops::BitOps;
    use rten_simd::{Isa, SimdOp};

    /// A function of each vector of a slice.
    pub trait Function {
        fn of<I: Isa>(&self, isa: I, x: I::F32) -> I::F32;
    }

    struct Map<'a, F>(&'a F, &'a [f32], &'a mut [f32]);

    impl<F: Function> SimdOp for Map<'_, F> {
        type Output = ();

        #[inline(always)]
        fn eval<I: Isa>(self, isa: I) {
            let ops = isa.f32();
            let lanes = ops.len();
            for (x, y) in self.1.chunks_exact(lanes).zip(self.2.chunks_exact_mut(lanes)) {
                ops.store(self.0.of(isa, ops.load(x)), y);
            }
        }
    }

    /// The function's values for `x`, a whole number of the widest vectors, with each instruction set.
    pub fn on_each_isa(function: &impl Function, x: &[f32]) -> Vec<Vec<f32>> {
        assert!(x.len().is_multiple_of(16));
        let values = |isa| {
            let mut y = vec![9.0; x.len()];
            crate::simd::dispatch_at(isa, Map(function, x, &mut y));
            y
        };
        crate::Isa::ALL.into_iter().map(values).collect()
    }
}
