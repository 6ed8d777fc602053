//! The logistic function.

use rten_simd::Isa;
use rten_simd::ops::{BitOps, FloatOps, NumOps};

use super::exp_of_negative;

/// `1 / (1 + exp(-x))`, less than 2e-7 from it.
#[inline(always)]
pub(crate) fn sigmoid<I: Isa>(isa: I, x: I::F32) -> I::F32 {
    let ops = isa.f32();
    let e = exp_of_negative(isa, ops.neg(ops.abs(x)));
    let above = ops.reciprocal(ops.add(ops.one(), e));
    ops.select(above, ops.mul(e, above), ops.ge(x, ops.zero()))
}

#[cfg(test)]
mod tests {
    use rten_simd::Isa;

    use super::super::testing::{Function, on_each_isa};
    use super::sigmoid;

    struct Sigmoid;

    impl Function for Sigmoid {
        #[inline(always)]
        fn of<I: Isa>(&self, isa: I, x: I::F32) -> I::F32 {
            sigmoid(isa, x)
        }
    }

    #[test]
    fn it_is_near_the_exact_one_and_keeps_what_is_no_number() {
        let mut x: Vec<f32> = (-160_000..160_000).map(|i| i as f32 * 7e-4).collect();
        x.extend([f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, 0.0, -0.0, 1e-30, -1e-30]);
        x.extend([f32::NAN; 8]);
        for y in on_each_isa(&Sigmoid, &x) {
            for (x, y) in x.iter().zip(y) {
                let exact = 1.0 / (1.0 + (-f64::from(*x)).exp());
                let near = (f64::from(y) - exact).abs() < 2e-7 && (0.0..=1.0).contains(&y);
                assert!(near || (x.is_nan() && y.is_nan()), "sigmoid({x}) is {exact}, not {y}");
            }
        }
    }
}
