//! Element-wise activations, by vectors, over all threads of a pool.

use rten_simd::ops::{BitOps, NumOps};
use rten_simd::{Isa, SimdOp};

use crate::functions::{Normal, normal, sigmoid, tanh};
use crate::lanes::for_each;
use crate::pool::Pool;
use crate::shared::SharedMut;
use crate::simd;

/// A function of each value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Hyperbolic tangent.
    Tanh,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// `max(0, x)`.
    Relu,
    /// `x Φ(x)` with the normal distribution's `Φ` (Hendrycks, Gimpel 2016), exact but for rounding.
    Gelu,
    /// The same with the paper's approximation by `tanh`, as GPT-2 has it.
    GeluTanh,
}

/// The approximation is `x (1 + tanh(c (x + A x³))) / 2` with `c = sqrt(2 / π)`, which is `x σ(C (x + A x³))` with twice that.
const C: f32 = 1.595_769_2;
const A: f32 = 0.044_715;

/// Values that a thread takes at once: results do not depend on it.
const GRANULE: usize = 1 << 10;

/// `y = f(x)` for each value.
pub fn forward(pool: &Pool, function: Activation, x: &[f32], y: &mut [f32]) {
    assert_eq!(x.len(), y.len());
    let y = SharedMut::new(y);
    pool.run(|worker| {
        let own = worker.share(x.len(), GRANULE);
        // SAFETY: these values belong to this worker alone.
        let y = unsafe { y.part(own.clone()) };
        apply(function, &x[own], y);
    });
}

/// [`forward`] on the present thread.
pub(crate) fn apply(function: Activation, x: &[f32], y: &mut [f32]) {
    assert_eq!(x.len(), y.len());
    simd::dispatch(Forward { function, x, y });
}

/// `d *= f'(x)`: the gradient of the result becomes that of `x` in place.
pub fn backward(pool: &Pool, function: Activation, x: &[f32], d: &mut [f32]) {
    assert_eq!(x.len(), d.len());
    let d = SharedMut::new(d);
    pool.run(|worker| {
        let own = worker.share(x.len(), GRANULE);
        // SAFETY: these values belong to this worker alone.
        let d = unsafe { d.part(own.clone()) };
        simd::dispatch(Backward { function, x: &x[own], d });
    });
}

struct Forward<'a> {
    function: Activation,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl SimdOp for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let Self { function, x, y } = self;
        match function {
            Activation::Tanh => map(
                isa,
                x,
                y,
                #[inline(always)]
                |x| tanh(isa, x),
            ),
            Activation::Sigmoid => map(
                isa,
                x,
                y,
                #[inline(always)]
                |x| sigmoid(isa, x),
            ),
            Activation::Relu => map(
                isa,
                x,
                y,
                #[inline(always)]
                |x| isa.f32().max(x, isa.f32().zero()),
            ),
            Activation::Gelu => map(
                isa,
                x,
                y,
                #[inline(always)]
                |x| isa.f32().mul(x, normal(isa, x).below),
            ),
            Activation::GeluTanh => map(
                isa,
                x,
                y,
                #[inline(always)]
                |x| {
                    let ops = isa.f32();
                    let inner = ops.mul(x, ops.mul_add(ops.mul(x, x), ops.splat(C * A), ops.splat(C)));
                    ops.mul(x, sigmoid(isa, inner))
                },
            ),
        }
    }
}

#[inline(always)]
fn map<I: Isa>(isa: I, x: &[f32], y: &mut [f32], f: impl Fn(I::F32) -> I::F32) {
    // SAFETY: both slices have this length.
    unsafe {
        for_each(
            isa,
            x.len(),
            #[inline(always)]
            |at| at.store(isa, f(at.load(isa, x)), y),
        );
    }
}

struct Backward<'a> {
    function: Activation,
    x: &'a [f32],
    d: &'a mut [f32],
}

impl SimdOp for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let Self { function, x, d } = self;
        let ops = isa.f32();
        let one = ops.one();
        match function {
            Activation::Tanh => multiply(
                isa,
                x,
                d,
                #[inline(always)]
                |x| {
                    let y = tanh(isa, x);
                    ops.sub(one, ops.mul(y, y))
                },
            ),
            Activation::Sigmoid => multiply(
                isa,
                x,
                d,
                #[inline(always)]
                |x| {
                    let y = sigmoid(isa, x);
                    ops.mul(y, ops.sub(one, y))
                },
            ),
            Activation::Relu => multiply(
                isa,
                x,
                d,
                #[inline(always)]
                |x| ops.select(one, ops.zero(), ops.gt(x, ops.zero())),
            ),
            Activation::Gelu => multiply(
                isa,
                x,
                d,
                #[inline(always)]
                |x| {
                    let Normal { below, density } = normal(isa, x);
                    ops.mul_add(x, density, below)
                },
            ),
            Activation::GeluTanh => multiply(
                isa,
                x,
                d,
                #[inline(always)]
                |x| {
                    let square = ops.mul(x, x);
                    let inner = ops.mul(x, ops.mul_add(square, ops.splat(C * A), ops.splat(C)));
                    let slope = ops.mul_add(square, ops.splat(3.0 * C * A), ops.splat(C));
                    let below = sigmoid(isa, inner);
                    let rise = ops.mul(below, ops.sub(one, below));
                    ops.mul_add(rise, ops.mul(x, slope), below)
                },
            ),
        }
    }
}

#[inline(always)]
fn multiply<I: Isa>(isa: I, x: &[f32], d: &mut [f32], slope: impl Fn(I::F32) -> I::F32) {
    // SAFETY: both slices have this length.
    unsafe {
        for_each(
            isa,
            x.len(),
            #[inline(always)]
            |at| at.store(isa, isa.f32().mul(at.load(isa, d), slope(at.load(isa, x))), d),
        );
    }
}

/// `y[rows, width] = silu(gate) ⊙ up` for `x[rows, 2 width]`, gates before ups (SwiGLU, Shazeer 2020).
pub fn swiglu(pool: &Pool, width: usize, x: &[f32], y: &mut [f32]) {
    assert_eq!(x.len(), 2 * y.len());
    let y = SharedMut::new(y);
    pool.run(|worker| {
        for row in worker.share(x.len() / (2 * width).max(1), 1) {
            let (gate, up) = x[2 * row * width..2 * (row + 1) * width].split_at(width);
            // SAFETY: this row belongs to this worker alone.
            let y = unsafe { y.part(row * width..(row + 1) * width) };
            simd::dispatch(Swiglu { gate, up, y });
        }
    });
}

/// `dx += …`: the gradient of [`swiglu`].
pub fn swiglu_backward(pool: &Pool, width: usize, x: &[f32], dy: &[f32], dx: &mut [f32]) {
    assert_eq!((x.len(), x.len()), (2 * dy.len(), dx.len()));
    let dx = SharedMut::new(dx);
    pool.run(|worker| {
        for row in worker.share(x.len() / (2 * width).max(1), 1) {
            let (gate, up) = x[2 * row * width..2 * (row + 1) * width].split_at(width);
            // SAFETY: this row belongs to this worker alone.
            let (dgate, dup) = unsafe { dx.part(2 * row * width..2 * (row + 1) * width) }.split_at_mut(width);
            simd::dispatch(SwigluBackward { gate, up, dy: &dy[row * width..(row + 1) * width], dgate, dup });
        }
    });
}

struct Swiglu<'a> {
    gate: &'a [f32],
    up: &'a [f32],
    y: &'a mut [f32],
}

impl SimdOp for Swiglu<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let Self { gate, up, y } = self;
        // SAFETY: all slices have a row's length.
        unsafe {
            for_each(
                isa,
                y.len(),
                #[inline(always)]
                |at| {
                    let gate = at.load(isa, gate);
                    let silu = isa.f32().mul(gate, sigmoid(isa, gate));
                    at.store(isa, isa.f32().mul(silu, at.load(isa, up)), y);
                },
            );
        }
    }
}

struct SwigluBackward<'a> {
    gate: &'a [f32],
    up: &'a [f32],
    dy: &'a [f32],
    dgate: &'a mut [f32],
    dup: &'a mut [f32],
}

impl SimdOp for SwigluBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let Self { gate, up, dy, dgate, dup } = self;
        let ops = isa.f32();
        // SAFETY: all slices have a row's length.
        unsafe {
            for_each(
                isa,
                dy.len(),
                #[inline(always)]
                |at| {
                    let (gate, up, dy) = (at.load(isa, gate), at.load(isa, up), at.load(isa, dy));
                    let sigmoid = sigmoid(isa, gate);
                    let silu = ops.mul(gate, sigmoid);
                    // silu' = σ + silu (1 - σ)
                    let slope = ops.mul_add(silu, ops.sub(ops.one(), sigmoid), sigmoid);
                    at.store(isa, ops.mul_add(ops.mul(dy, up), slope, at.load(isa, dgate)), dgate);
                    at.store(isa, ops.mul_add(dy, silu, at.load(isa, dup)), dup);
                },
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Activation; 5] =
        [Activation::Tanh, Activation::Sigmoid, Activation::Relu, Activation::Gelu, Activation::GeluTanh];

    /// In f64; the normal distribution by its series, which is fast for small arguments.
    fn exact(function: Activation, x: f64) -> f64 {
        match function {
            Activation::Tanh => x.tanh(),
            Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Activation::Relu => x.max(0.0),
            Activation::Gelu => {
                let (mut term, mut sum) = (x, x);
                for n in 1..200 {
                    term *= x * x / f64::from(2 * n + 1);
                    sum += term;
                }
                x * (0.5 + sum * (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt())
            }
            Activation::GeluTanh => {
                let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x);
                0.5 * x * (1.0 + inner.tanh())
            }
        }
    }

    #[test]
    fn functions_and_slopes_are_near_the_exact_ones_on_every_length() {
        for len in [0, 1, 7, 8, 17, 3000] {
            for function in ALL {
                let x: Vec<f32> = (0..len).map(|i| (i as f32 - len as f32 / 2.0) * 4e-3 + 1e-4).collect();
                for threads in [1, 3] {
                    let (pool, mut y, mut dx) = (Pool::new(threads), vec![9.0; len], vec![2.0; len]);
                    forward(&pool, function, &x, &mut y);
                    backward(&pool, function, &x, &mut dx);
                    for ((&x, y), dx) in x.iter().zip(&y).zip(&dx) {
                        let (x, h) = (f64::from(x), 1e-5);
                        let slope = (exact(function, x + h) - exact(function, x - h)) / (2.0 * h);
                        assert!((f64::from(*y) - exact(function, x)).abs() < 2e-6, "{function:?}({x}): {y}");
                        assert!((f64::from(*dx) - 2.0 * slope).abs() < 5e-6, "{function:?}'({x}): {dx}");
                    }
                }
            }
        }
    }

    #[test]
    fn swiglu_multiplies_and_its_gradient_is_the_difference() {
        let silu = |x: f64| x / (1.0 + (-x).exp());
        for width in [1, 5, 16, 33] {
            let rows = 3;
            let x: Vec<f32> = (0..rows * 2 * width).map(|i| (i as f32 * 0.7).sin() * 3.0).collect();
            let pool = Pool::new(2);
            let (mut y, mut dx) = (vec![0.0; rows * width], vec![0.5; x.len()]);
            swiglu(&pool, width, &x, &mut y);
            swiglu_backward(&pool, width, &x, &vec![1.5; y.len()], &mut dx);
            for row in 0..rows {
                for i in 0..width {
                    let at = 2 * row * width + i;
                    let (gate, up) = (f64::from(x[at]), f64::from(x[at + width]));
                    assert!((f64::from(y[row * width + i]) - silu(gate) * up).abs() < 1e-6);
                    let slope = (silu(gate + 1e-5) - silu(gate - 1e-5)) / 2e-5;
                    assert!((f64::from(dx[at]) - 0.5 - 1.5 * slope * up).abs() < 1e-5);
                    assert!((f64::from(dx[at + width]) - 0.5 - 1.5 * silu(gate)).abs() < 1e-5);
                }
            }
        }
    }
}
