//! The hyperbolic tangent.

use rten_simd::Isa;
use rten_simd::ops::{BitOps, FloatOps, NumOps};

use super::exp_of_negative;

/// Beyond, the quotient is taken for what it is here.
const END: f32 = 7.905_311;

/// Coefficients of `x, x³, …` above and of `1, x², …` below: a minimax quotient of polynomials, as Eigen has it
/// (`Eigen/src/Core/MathFunctionsImpl.h`).
const ABOVE: [f32; 7] = [
    4.893_524_6e-3,
    6.372_619_3e-4,
    1.485_722_4e-5,
    5.122_297e-8,
    -8.604_672e-11,
    2.000_188e-13,
    -2.760_768_5e-16,
];
const BELOW: [f32; 4] = [4.893_525e-3, 2.268_434_6e-3, 1.185_347_1e-4, 1.198_258_4e-6];

/// `tanh(x)`, less than 4e-7 from it, at half the cost of `rten-vecmath`'s, which counts last digits near zero as well.
#[inline(always)]
pub(crate) fn tanh<I: Isa>(isa: I, x: I::F32) -> I::F32 {
    let ops = isa.f32();
    let inner = ops.clamp(x, ops.splat(-END), ops.splat(END));
    let square = ops.mul(inner, inner);
    let [a1, a3, a5, a7, a9, a11, a13] = ABOVE.map(|a| ops.splat(a));
    let [b0, b2, b4, b6] = BELOW.map(|b| ops.splat(b));
    let horner = |sum, next| ops.mul_add(sum, square, next);
    let above = horner(horner(horner(horner(horner(horner(a13, a11), a9), a7), a5), a3), a1);
    let below = horner(horner(horner(b6, b4), b2), b0);
    let y = ops.div(ops.mul(inner, above), below);
    // The clamp may lose that something is not a number.
    ops.select(y, x, ops.eq(x, x))
}

/// `tanh(x)` and its derivative `1 - tanh²(x)`, which is exact also where so little is left of it that it cannot be told from
/// the value: with `e = exp(-2 |x|)` they are `(1 - e) / (1 + e)` and `4 e / (1 + e)²`.
#[inline(always)]
pub(crate) fn tanh_with_slope<I: Isa>(isa: I, x: I::F32) -> (I::F32, I::F32) {
    let ops = isa.f32();
    let e = exp_of_negative(isa, ops.mul(ops.abs(x), ops.splat(-2.0)));
    let reciprocal = ops.reciprocal(ops.add(ops.one(), e));
    let size = ops.mul(ops.sub(ops.one(), e), reciprocal);
    let slope = ops.mul(ops.mul(ops.splat(4.0), e), ops.mul(reciprocal, reciprocal));
    (ops.select(size, ops.neg(size), ops.ge(x, ops.zero())), slope)
}

#[cfg(test)]
mod tests {
    use rten_simd::Isa;

    use super::super::testing::{Function, on_each_isa};
    use super::{tanh, tanh_with_slope};

    struct Tanh;

    impl Function for Tanh {
        #[inline(always)]
        fn of<I: Isa>(&self, isa: I, x: I::F32) -> I::F32 {
            tanh(isa, x)
        }
    }

    #[test]
    fn it_is_near_the_exact_one_and_keeps_what_is_no_number() {
        let mut x: Vec<f32> = (-160_000..160_000).map(|i| i as f32 * 1e-4).collect();
        x.extend((0..160).map(|i| 10f32.powf(i as f32 * -0.2)));
        x.extend([f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, 0.0, -0.0, f32::MIN_POSITIVE, 1e-45]);
        x.extend([f32::NAN; 8]);
        for y in on_each_isa(&Tanh, &x) {
            for (x, y) in x.iter().zip(y) {
                let exact = f64::from(*x).tanh();
                let near = (f64::from(y) - exact).abs() < 4e-7 && y.abs() <= 1.0;
                assert!(near || (x.is_nan() && y.is_nan()), "tanh({x}) is {exact}, not {y}");
            }
        }
    }

    struct Part(bool);

    impl Function for Part {
        #[inline(always)]
        fn of<I: Isa>(&self, isa: I, x: I::F32) -> I::F32 {
            let (value, slope) = tanh_with_slope(isa, x);
            if self.0 { slope } else { value }
        }
    }

    #[test]
    fn the_slope_is_exact_where_nothing_is_left_of_it() {
        let x: Vec<f32> = (-40_000..40_000).map(|i| i as f32 * 1e-3).collect();
        for (values, slopes) in on_each_isa(&Part(false), &x).iter().zip(on_each_isa(&Part(true), &x)) {
            for ((x, value), slope) in x.iter().zip(values).zip(slopes) {
                let exact = f64::from(*x);
                assert!((f64::from(*value) - exact.tanh()).abs() < 4e-7, "tanh({x}) is not {value}");
                let exact = exact.cosh().powi(-2);
                let near = (f64::from(slope) - exact).abs() < 2e-6 * exact;
                assert!(near, "the slope of tanh at {x} is {exact:e}, not {slope:e}");
            }
        }
        let ends = [f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, 0.0, -0.0, 100.0, -100.0].repeat(2);
        let wanted = [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0].repeat(2);
        on_each_isa(&Part(true), &ends).iter().for_each(|slopes| assert_eq!(*slopes, wanted));
    }
}
