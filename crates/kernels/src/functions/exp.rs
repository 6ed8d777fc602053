//! The exponential.

use rten_simd::ops::{BitOps, IntOps, NumOps};
use rten_simd::{Isa, Simd};

/// `1.5 · 2²³`: a number that is added to it is rounded to an integer, which then stands in the lowest bits.
const MAGIC: f32 = 12_582_912.0;

/// `ln 2` as a sum of which the first part has zeros at its end, so that its multiples are exact (Cody, Waite 1980).
const LN_2: [f32; 2] = [0.693_145_75, 1.428_606_8e-6];

/// `exp` on `±ln 2 / 2`, highest power first (N. Juffa's, as in `rten-vecmath`).
const POLYNOMIAL: [f32; 7] =
    [1.378_059_4e-3, 8.373_124_5e-3, 4.166_953_6e-2, 1.666_647_2e-1, 0.499_999_85, 1.0, 1.0];

/// Below this the result would no longer be a normal number.
const LOWEST: f32 = -87.0;

/// `exp(x)` for `x` up to about 0, to 2 units of the last place; zero below -87. It takes half the work of an `exp` for
/// all numbers.
#[inline(always)]
pub(crate) fn exp_of_negative<I: Isa>(isa: I, x: I::F32) -> I::F32 {
    let (ops, ints) = (isa.f32(), isa.i32());
    let shifted = ops.mul_add(x, ops.splat(std::f32::consts::LOG2_E), ops.splat(MAGIC));
    let power = ops.sub(shifted, ops.splat(MAGIC));
    let rest = ops.mul_add(power, ops.splat(-LN_2[0]), x);
    let rest = ops.mul_add(power, ops.splat(-LN_2[1]), rest);
    let mut sum = ops.splat(POLYNOMIAL[0]);
    for coefficient in &POLYNOMIAL[1..] {
        sum = ops.mul_add(sum, rest, ops.splat(*coefficient));
    }
    // The integer is added to the exponent.
    let bits: I::I32 = sum.reinterpret_cast();
    let power: I::I32 = shifted.reinterpret_cast();
    let scaled: I::F32 = ints.add(bits, ints.shift_left::<23>(power)).reinterpret_cast();
    ops.select(ops.zero(), scaled, ops.lt(x, ops.splat(LOWEST)))
}

#[cfg(test)]
mod tests {
    use rten_simd::Isa;

    use super::super::testing::{Function, on_each_isa};
    use super::exp_of_negative;

    struct Exp;

    impl Function for Exp {
        #[inline(always)]
        fn of<I: Isa>(&self, isa: I, x: I::F32) -> I::F32 {
            exp_of_negative(isa, x)
        }
    }

    #[test]
    fn it_is_near_the_exact_one() {
        let x: Vec<f32> = (0..160_000).map(|i| 0.01 - i as f32 * 0.000_54).collect();
        for y in on_each_isa(&Exp, &x) {
            for (x, y) in x.iter().zip(y) {
                let exact = f64::from(*x).exp();
                assert!((f64::from(y) / exact - 1.0).abs() < 2.5e-7, "exp({x}) is {exact}, not {y}");
            }
        }
    }

    #[test]
    fn far_below_it_is_zero_and_what_is_no_number_stays_none() {
        let mut x = [0.0; 16];
        x[..4].copy_from_slice(&[f32::NEG_INFINITY, -1e30, -87.5, f32::NAN]);
        for y in on_each_isa(&Exp, &x) {
            assert_eq!((&y[..3], &y[4..]), (&[0.0; 3][..], &[1.0; 12][..]));
            assert!(y[3].is_nan());
        }
    }
}
