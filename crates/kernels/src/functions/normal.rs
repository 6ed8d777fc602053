//! The normal distribution.

use rten_simd::Isa;
use rten_simd::ops::{BitOps, FloatOps, NumOps};

use super::exp_of_negative;

/// `erfc(z) = (a₁ t + … + a₅ t⁵) exp(-z²)` with `t = 1 / (1 + p z)` for `z ≥ 0`, to 1.5e-7 (Abramowitz, Stegun 1964, 7.1.26);
/// here half of it, and `p` over `√2`.
const P: f32 = 0.327_591_1 * std::f32::consts::FRAC_1_SQRT_2;
const HALF_A: [f32; 5] = [0.127_414_8, -0.142_248_37, 0.710_706_9, -0.726_576, 0.530_702_7];

/// `1 / √(2 π)`.
const PEAK: f32 = 0.398_942_3;

/// What is known of a number under the standard normal distribution.
pub(crate) struct Normal<V> {
    /// The probability of less, `Φ`.
    pub below: V,
    /// The density, `φ`.
    pub density: V,
}

/// The normal distribution at `x`, both to 3e-7; one exponential serves the two.
#[inline(always)]
pub(crate) fn normal<I: Isa>(isa: I, x: I::F32) -> Normal<I::F32> {
    let ops = isa.f32();
    let e = exp_of_negative(isa, ops.mul(ops.mul(x, x), ops.splat(-0.5)));
    let t = ops.reciprocal(ops.mul_add(ops.abs(x), ops.splat(P), ops.one()));
    let mut sum = ops.splat(HALF_A[4]);
    for a in HALF_A[..4].iter().rev() {
        sum = ops.mul_add(sum, t, ops.splat(*a));
    }
    let beyond = ops.mul(ops.mul(sum, t), e);
    let below = ops.select(ops.sub(ops.one(), beyond), beyond, ops.ge(x, ops.zero()));
    Normal { below, density: ops.mul(e, ops.splat(PEAK)) }
}

#[cfg(test)]
mod tests {
    use rten_simd::Isa;

    use super::super::testing::{Function, on_each_isa};
    use super::normal;

    struct Below;
    struct Density;

    impl Function for Below {
        #[inline(always)]
        fn of<I: Isa>(&self, isa: I, x: I::F32) -> I::F32 {
            normal(isa, x).below
        }
    }

    impl Function for Density {
        #[inline(always)]
        fn of<I: Isa>(&self, isa: I, x: I::F32) -> I::F32 {
            normal(isa, x).density
        }
    }

    /// `Φ(x)` in f64 by the series of its integral, for `|x| < 7`.
    fn below(x: f64) -> f64 {
        let (mut term, mut sum) = (x, x);
        for n in 1..200 {
            term *= x * x / f64::from(2 * n + 1);
            sum += term;
        }
        0.5 + sum * density(x)
    }

    fn density(x: f64) -> f64 {
        (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt()
    }

    #[test]
    fn it_is_near_the_exact_one() {
        let x: Vec<f32> = (-32_000..32_000).map(|i| i as f32 * 2e-4).collect();
        for (probabilities, densities) in on_each_isa(&Below, &x).into_iter().zip(on_each_isa(&Density, &x)) {
            for ((x, p), d) in x.iter().zip(probabilities).zip(densities) {
                let x = f64::from(*x);
                assert!((f64::from(p) - below(x)).abs() < 3e-7, "Φ({x}) is {}, not {p}", below(x));
                assert!((f64::from(d) - density(x)).abs() < 3e-7, "φ({x}) is {}, not {d}", density(x));
            }
        }
    }

    #[test]
    fn far_out_it_ends_and_what_is_no_number_stays_none() {
        let mut x = [0.0; 16];
        x[..5].copy_from_slice(&[f32::INFINITY, f32::NEG_INFINITY, 1e30, -1e30, f32::NAN]);
        for y in on_each_isa(&Below, &x) {
            assert_eq!(&y[..4], [1.0, 0.0, 1.0, 0.0]);
            assert!(y[4].is_nan());
        }
    }
}
