//! Element-wise activations.

use rten_simd::{Isa, SimdOp, SimdUnaryOp};
use rten_vecmath::Tanh;

use crate::lanes::for_each;
use crate::simd;

/// `y = tanh(x)` for each value.
pub fn tanh(x: &[f32], y: &mut [f32]) {
    assert_eq!(x.len(), y.len());
    simd::dispatch(Map { x, y });
}

struct Map<'a> {
    x: &'a [f32],
    y: &'a mut [f32],
}

impl SimdOp for Map<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let Self { x, y } = self;
        // SAFETY: both slices have this length.
        unsafe {
            for_each(
                isa,
                x.len(),
                #[inline(always)]
                |at| at.store(isa, Tanh::apply(isa, at.load(isa, x)), y),
            );
        }
    }
}

/// `dx += dy (1 - y²)`: the gradient of [`tanh`] by its result.
pub fn tanh_backward(y: &[f32], dy: &[f32], dx: &mut [f32]) {
    for ((dx, dy), y) in dx.iter_mut().zip(dy).zip(y) {
        *dx += dy * (1.0 - y * y);
    }
}

/// `y = max(0, x)` for each value.
pub fn relu(x: &[f32], y: &mut [f32]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y = x.max(0.0));
}

/// `dx += dy` where `y` is positive: the gradient of [`relu`] by its result.
pub fn relu_backward(y: &[f32], dy: &[f32], dx: &mut [f32]) {
    for ((dx, dy), y) in dx.iter_mut().zip(dy).zip(y) {
        *dx += if *y > 0.0 { *dy } else { 0.0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tanh_is_near_the_exact_one_on_every_length() {
        for len in [0, 1, 7, 8, 17, 1000] {
            let x: Vec<f32> = (0..len).map(|i| (i as f32 - len as f32 / 2.0) * 0.05).collect();
            let mut y = vec![9.0; len];
            tanh(&x, &mut y);
            for (x, y) in x.iter().zip(&y) {
                let exact = f64::from(*x).tanh();
                assert!((f64::from(*y) - exact).abs() < 3e-7, "tanh({x}) is {exact}, not {y}");
            }
        }
    }
}
